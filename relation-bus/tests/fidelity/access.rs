//! Items 2, 3, 16, 17 and 18: who may read and write which databag, and what is in it.

use relation_bus::engine::{Settings, StaleReads};

use crate::stage::{Play, Said, prints, refused};

#[tokio::test]
async fn item_02_a_follower_may_not_read_its_own_application_bag() {
    let mut play = Play::settled(2, 1).await;
    play.run("web/0", "relation-set -r backend:1 --app a=1; relation-set -r peers:0 --app b=2")
        .await;
    play.settle().await;
    let follower = [
        ("relation-get -r backend:1 --app - web", refused("permission denied")),
        ("relation-get -r backend:1 --app a web/1", refused("permission denied")),
        ("relation-get -r peers:0 --app - web --format=json", prints("{\"b\":\"2\"}\n")),
        ("relation-get -r backend:1 --app - api --format=json", prints("{}\n")),
    ];
    play.check("web/1", &follower).await;
}

#[tokio::test]
async fn item_02_the_leader_reads_it_with_its_pending_writes() {
    let mut play = Play::settled(2, 1).await;
    let leader = [
        ("relation-set -r backend:1 --app a=1", prints("")),
        ("relation-get -r backend:1 --app - web --format=json", prints("{\"a\":\"1\"}\n")),
        ("relation-set -r peers:0 --app b=2", prints("")),
        ("relation-get -r peers:0 --app b web/0", prints("2\n")),
        ("relation-set -r backend:1 --app a=", prints("")),
        ("relation-get -r backend:1 --app - web --format=json", prints("{}\n")),
    ];
    play.check("web/0", &leader).await;
}

#[tokio::test]
async fn item_03_a_follower_may_not_write_an_application_bag_and_hears_so_at_the_call() {
    let mut play = Play::settled(2, 1).await;
    let denied = || refused("cannot write relation settings");
    let follower = [
        ("relation-set -r backend:1 --app a=1", denied()),
        ("relation-set -r peers:0 --app a=1", denied()),
        ("echo 'a: 1' | relation-set -r backend:1 --app --file -", denied()),
        ("relation-set -r backend:1 a=1", prints("")),
    ];
    play.check("web/1", &follower).await;
    assert!(play.bus.application_databag(play.backend(), "web").is_empty());
    assert_eq!(play.own_keys(play.backend(), "web/1")["a"], "1");
}

/// The table of rights, row by row, for a follower and for the leader.
#[tokio::test]
async fn item_03_every_bag_has_its_readers() {
    let mut play = Play::settled(2, 1).await;
    play.charm("third", "requires: {backend: {interface: http}}");
    play.deploy("third", 1).await;
    play.bus.integrate("third", "api").unwrap();
    play.settle().await;
    let readable = |said: &Said| said.code == 0;
    let lines = [
        "relation-get -r 1 - web/0",
        "relation-get -r 1 - web/1",
        "relation-get -r 1 --app - api",
        "relation-get -r 1 - api/0",
        "relation-get -r 0 - web/0",
        "relation-get -r 0 - web/1",
    ];
    for name in ["web/0", "web/1"] {
        assert!(play.say(name, &lines).await.iter().all(readable), "{name}");
    }
    let denied = || refused("permission denied");
    let third = [
        ("relation-get -r 1 --app - third", denied()),
        ("relation-get -r 1 - third/0", denied()),
        ("relation-get -r 0 --app - api", denied()),
    ];
    play.check("web/0", &third).await;
    let unknown = "invalid value \"2\" for option -r: relation not found";
    let said = play.say_one("web/0", "relation-get -r 2 - third/0").await;
    assert_eq!(said, crate::stage::misused(unknown));
}

#[tokio::test]
async fn item_16_unit_bags_hold_the_keys_of_the_controller_at_joined() {
    let mut play = Play::new().await;
    play.on("api", "http-relation-joined", "relation-get --format=json >\"$S/seen\"");
    play.relate(1, 1).await;
    play.settle().await;
    let address = play.bus.model().unit(&crate::stage::unit("web/0")).unwrap().address.clone();
    assert_eq!(
        play.note("api", "seen"),
        format!(
            "{{\"egress-subnets\":\"{address}/32\",\"ingress-address\":\"{address}\",\
             \"private-address\":\"{address}\"}}\n"
        )
    );
}

#[tokio::test]
async fn item_17_a_bag_read_in_an_unrelated_hook_may_be_of_yesterday() {
    let mut play = Play::settled(1, 2).await;
    play.run("api/1", "relation-set -r http:1 n=1").await;
    play.settle().await;
    let read = "relation-get -r backend:1 n api/1";
    assert_eq!(play.say_one("web/0", read).await.stdout, "1\n");
    play.run("api/1", "relation-set -r http:1 n=2").await;
    assert_eq!(play.say_one("web/0", read).await.stdout, "1\n");
    assert_eq!(play.told("web/0").await, ["backend-relation-changed api/1"]);
    assert_eq!(play.say_one("web/0", read).await.stdout, "2\n");
}

#[tokio::test]
async fn item_17_application_bags_and_departed_units_are_read_anew_in_each_hook() {
    let mut play = Play::settled(1, 1).await;
    let read = "relation-get -r backend:1 --app n api";
    assert_eq!(play.say_one("web/0", read).await.stdout, "");
    play.run("api/0", "relation-set -r http:1 --app n=1").await;
    assert_eq!(play.say_one("web/0", read).await.stdout, "1\n");
}

#[tokio::test]
async fn item_17_reads_can_be_made_the_newest() {
    let settings = Settings { stale_reads: StaleReads::Newest, ..Settings::default() };
    let mut play = Play::with(settings).await;
    play.relate(1, 1).await;
    play.settle().await;
    let read = "relation-get -r backend:1 n api/0";
    assert_eq!(play.say_one("web/0", read).await.stdout, "");
    play.run("api/0", "relation-set -r http:1 n=2").await;
    assert_eq!(play.say_one("web/0", read).await.stdout, "2\n");
}

#[tokio::test]
async fn item_18_an_empty_value_deletes_and_words_are_trimmed_but_files_are_not() {
    let mut play = Play::settled(1, 1).await;
    let table = [
        ("relation-set -r 1 'a =  x y ' b=1 c=d=e", prints("")),
        ("relation-get -r 1 a web/0 --format=json", prints("\"x y\"\n")),
        ("relation-get -r 1 c web/0", prints("d=e\n")),
        ("relation-set -r 1 b=", prints("")),
        ("relation-get -r 1 b web/0 --format=json", prints("null\n")),
        ("echo '{\"d\": \" x \", \"a\": \"\"}' | relation-set -r 1 --file -", prints("")),
        ("relation-get -r 1 d web/0 --format=json", prints("\" x \"\n")),
        ("relation-get -r 1 a web/0 --format=json", prints("null\n")),
        ("printf 'e: 1.0\\nf: yes\\ng: ~\\n' | relation-set -r 1 --file - d=", prints("")),
        ("relation-get -r 1 e web/0 --format=json", prints("\"1.0\"\n")),
        ("relation-get -r 1 f web/0 --format=json", prints("\"yes\"\n")),
        ("relation-get -r 1 d web/0 --format=json", prints("null\n")),
    ];
    play.check("web/0", &table).await;
    let bag = play.own_keys(play.backend(), "web/0");
    let expected = [("c", "d=e"), ("e", "1.0"), ("f", "yes")];
    assert_eq!(bag, expected.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
}
