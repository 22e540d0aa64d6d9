//! Items 13 and 14: the end of a relation, told unit by unit.

use relation_bus::engine::Settings;
use relation_bus::hook::{BrokenReads, RelationEvent};

use crate::stage::{Play, Said, prints, refused};

/// Notes who leaves, who is still listed, and what is still in the bag of the one that left.
const DEPARTED: &str = "echo \"$JUJU_REMOTE_UNIT leaves by $JUJU_DEPARTING_UNIT: \
    $(relation-list --format=json) $(relation-get name $JUJU_REMOTE_UNIT)\" >>\"$S/seen\"";

#[tokio::test]
async fn item_13_a_departed_unit_is_no_longer_listed_and_its_bag_is_still_there() {
    let mut play = Play::new().await;
    play.on("web", "backend-relation-created", "relation-set \"name=$JUJU_UNIT_NAME\"");
    play.on("api", "http-relation-departed", DEPARTED);
    play.relate(2, 1).await;
    play.settle().await;
    play.bus.remove_unit("web").unwrap();
    assert_eq!(play.told("api/0").await, ["http-relation-departed web/1"]);
    assert_eq!(play.note("api", "seen"), "web/1 leaves by web/1: [\"web/0\"] web/1\n");
}

#[tokio::test]
async fn item_13_the_departing_unit_tells_the_own_exit_from_the_others() {
    let mut play = Play::new().await;
    play.on("web", "backend-relation-departed", DEPARTED);
    play.on("web", "peers-relation-departed", DEPARTED);
    play.relate(2, 1).await;
    play.settle().await;
    play.bus.remove_unit("web").unwrap();
    play.settle().await;
    let mut seen: Vec<String> = play.note("web", "seen").lines().map(String::from).collect();
    seen.sort();
    // The unit that goes is told of everybody else as leaving, and that it is itself who goes.
    assert_eq!(
        seen,
        ["api/0 leaves by web/1: [] ", "web/0 leaves by web/1: [] ", "web/1 leaves by web/1: [] ",]
    );
}

#[tokio::test]
async fn item_13_of_a_removed_relation_each_side_sees_the_other_leave() {
    let mut play = Play::settled(2, 1).await;
    play.on("web", "backend-relation-departed", DEPARTED);
    play.on("api", "http-relation-departed", DEPARTED);
    play.bus.remove_relation(play.backend()).unwrap();
    let mark = play.mark();
    play.settle().await;
    assert_eq!(
        play.events_since("api/0", mark),
        [
            "http-relation-departed web/0",
            "http-relation-departed web/1",
            "http-relation-broken web"
        ]
    );
    assert_eq!(play.note("web", "seen"), "api/0 leaves by api/0: [] \n".repeat(2));
    assert_eq!(
        play.note("api", "seen"),
        "web/0 leaves by web/0: [\"web/1\"] \nweb/1 leaves by web/1: [] \n"
    );
}

#[tokio::test]
async fn item_13_peers_are_never_broken() {
    let mut play = Play::settled(2, 0).await;
    play.bus.remove_application("web").unwrap();
    play.settle().await;
    let broken =
        play.bus.journal().iter().filter(|journal| journal.hook == "peers-relation-broken");
    assert_eq!(broken.count(), 0);
}

const BROKEN: &str = "{ echo \"[${JUJU_REMOTE_UNIT-absent}] $JUJU_REMOTE_APP\"
    relation-ids backend --format=json; relation-ids peers --format=json
    relation-list -r backend:1 --format=json; relation-list -r backend:1 --app; } >\"$S/seen\"";

#[tokio::test]
async fn item_14_broken_is_listed_no_more_and_has_no_units() {
    let mut play = Play::settled(1, 1).await;
    play.on("web", "backend-relation-broken", BROKEN);
    play.bus.remove_relation(play.backend()).unwrap();
    play.settle().await;
    assert_eq!(play.note("web", "seen"), "[] api\n[]\n[\"peers:0\"]\n[]\napi\n");
}

/// What the tools answer about the relation in its `broken`.
async fn broken(reads: BrokenReads) -> Vec<Said> {
    let mut play = Play::with(Settings { broken_reads: reads, ..Settings::default() }).await;
    play.on("api", "http-relation-created", "relation-set --app a=1; relation-set b=2");
    play.relate(1, 1).await;
    play.settle().await;
    play.bus.remove_relation(play.backend()).unwrap();
    let hook = play.about_backend(RelationEvent::Broken, None);
    let lines = [
        "relation-get --format=json",
        "relation-get --app a",
        "relation-get b api/0",
        "relation-list --app",
        "relation-set c=3",
        "relation-set --app c=3",
    ];
    play.say_in("web/0", hook, &lines).await
}

#[tokio::test]
async fn item_14_reads_in_broken_give_what_was_there() {
    let kept = ["{\"a\":\"1\"}\n", "1\n", "2\n", "api\n", "", ""].map(prints);
    assert_eq!(broken(BrokenReads::Kept).await, kept);
}

#[tokio::test]
async fn item_14_reads_in_broken_may_give_nothing() {
    let empty = ["{}\n", "", "", "api\n", "", ""].map(prints);
    assert_eq!(broken(BrokenReads::Empty).await, empty);
}

#[tokio::test]
async fn item_14_reads_in_broken_may_be_denied() {
    let denied = || refused("permission denied");
    let expected = [
        denied(),
        denied(),
        denied(),
        prints("api\n"),
        refused("cannot read relation settings: permission denied (unauthorized access)"),
        refused(
            "cannot read relation application settings: permission denied (unauthorized access)",
        ),
    ];
    assert_eq!(broken(BrokenReads::PermissionDenied).await, expected);
}

#[tokio::test]
async fn item_14_the_relation_may_be_gone_in_broken() {
    let gone = || refused("relation not found");
    let expected = [
        gone(),
        gone(),
        gone(),
        prints("api\n"),
        refused("cannot read relation settings: relation not found"),
        refused("cannot read relation application settings: relation not found"),
    ];
    assert_eq!(broken(BrokenReads::RelationNotFound).await, expected);
}

#[tokio::test]
async fn item_14_what_is_written_in_broken_is_heard_by_nobody() {
    let mut play = Play::settled(1, 1).await;
    play.on("web", "backend-relation-broken", "relation-set late=1; relation-set --app late=1");
    play.bus.remove_relation(play.backend()).unwrap();
    let told = play.told("api/0").await;
    assert_eq!(told, ["http-relation-departed web/0", "http-relation-broken web"]);
}
