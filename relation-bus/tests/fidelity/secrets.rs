//! Item 27: secrets between two applications.

use crate::stage::{Play, prints, refused, unit};

/// `api` owns a secret and has told `web` of it; `$S/uri` holds its URI.
async fn shared() -> Play {
    let mut play = Play::settled(2, 1).await;
    let make = "uri=$(secret-add --label owners password=one); echo $uri >\"$S/uri\"
        secret-grant $uri -r http:1; relation-set -r http:1 --app uri=$uri";
    play.run("api/0", make).await;
    std::fs::copy(play.scripts("api").join("uri"), play.scripts("web").join("uri")).unwrap();
    play.settle().await;
    play
}

const URI: &str = "$(cat $S/uri)";

/// A line with the URI of the secret in it.
fn line(text: &str) -> String {
    text.replace("URI", URI)
}

async fn password(play: &mut Play, name: &str, options: &str) -> String {
    let text = line(&format!("secret-get URI password {options}"));
    play.say_one(name, &text).await.stdout.trim_end().to_owned()
}

async fn set(play: &mut Play, value: &str) {
    play.run("api/0", &line(&format!("secret-set URI password={value}"))).await;
}

#[tokio::test]
async fn item_27_an_observer_stays_on_its_revision_until_it_refreshes() {
    let mut play = shared().await;
    assert_eq!(password(&mut play, "web/0", "").await, "one");
    set(&mut play, "two").await;
    assert_eq!(password(&mut play, "web/0", "").await, "one");
    assert_eq!(password(&mut play, "web/0", "--peek").await, "two");
    assert_eq!(password(&mut play, "web/0", "").await, "one");
    assert_eq!(password(&mut play, "web/0", "--refresh").await, "two");
    assert_eq!(password(&mut play, "web/0", "").await, "two");
}

#[tokio::test]
async fn item_27_a_pin_is_stored_at_once_even_if_the_hook_fails() {
    let mut play = shared().await;
    play.run("web/0", &line("secret-get URI --label mine; exit 1")).await;
    set(&mut play, "two").await;
    assert_eq!(password(&mut play, "web/0", "").await, "one");
    let by_label = play.say_one("web/0", "secret-get --label mine").await;
    assert_eq!(by_label, prints("password: one\n"));
}

#[tokio::test]
async fn item_27_only_who_has_read_hears_of_a_change_and_only_of_newer_ones() {
    let mut play = shared().await;
    play.run("web/0", &line("secret-get URI --label mine")).await;
    set(&mut play, "two").await;
    play.on("web", "secret-changed", "echo $JUJU_SECRET_ID $JUJU_SECRET_LABEL >\"$S/seen\"");
    let mark = play.mark();
    play.settle().await;
    assert_eq!(play.events_since("web/0", mark), ["secret-changed"]);
    assert_eq!(play.events_since("web/1", mark), Vec::<String>::new());
    let uri = play.note("web", "uri").trim().to_owned();
    assert_eq!(play.note("web", "seen"), format!("{uri} mine\n"));
    assert_eq!(play.told("web/0").await, Vec::<String>::new());
    set(&mut play, "three").await;
    assert_eq!(play.told("web/0").await, ["secret-changed"]);
}

#[tokio::test]
async fn item_27_the_same_content_and_metadata_make_no_revision() {
    let mut play = shared().await;
    password(&mut play, "web/0", "").await;
    play.run("api/0", &line("secret-set URI password=one")).await;
    play.run("api/0", &line("secret-set URI --description 'for web'")).await;
    let several = "secret-set URI password=x; secret-set URI password=y";
    assert_eq!(play.told("web/0").await, Vec::<String>::new());
    play.run("api/0", &line(several)).await;
    let info = play.say_one("api/0", "secret-info-get --label owners --format=json").await;
    assert!(
        info.stdout.contains(
            "\"revision\":2,\"label\":\"owners\",\"owner\":\"application\",\
             \"description\":\"for web\",\"rotation\":\"never\",\"access\":\
             [{\"target\":\"application-web\",\"scope\":\"relation-"
        ),
        "{info:?}"
    );
}

#[tokio::test]
async fn item_27_the_owner_sees_the_newest_committed_revision() {
    let mut play = shared().await;
    let before = [
        ("secret-set $(secret-ids) password=two", prints("")),
        ("secret-get --label owners", prints("password: one\n")),
        ("secret-get --label owners --peek", prints("password: two\n")),
        ("secret-get $(secret-ids) password --refresh", prints("two\n")),
    ];
    play.check("api/0", &before).await;
    play.check("api/0", &[("secret-get --label owners", prints("password: two\n"))]).await;
}

#[tokio::test]
async fn item_27_an_id_has_three_spellings() {
    let mut play = shared().await;
    let uri = play.note("web", "uri").trim().to_owned();
    let id = uri.strip_prefix("secret:").unwrap().to_owned();
    let model = play.bus.model().uuid.clone();
    for spelling in [uri, id.clone(), format!("secret://{model}/{id}")] {
        let text = format!("secret-get {spelling} password");
        assert_eq!(play.say_one("web/1", &text).await, prints("one\n"));
    }
}

#[tokio::test]
async fn item_27_a_grant_ends_with_its_relation() {
    let mut play = shared().await;
    assert_eq!(password(&mut play, "web/0", "").await, "one");
    play.bus.remove_relation(play.backend()).unwrap();
    play.settle().await;
    let denied = play.say_one("web/0", &line("secret-get URI")).await;
    assert_eq!(denied, refused("permission denied"));
}

#[tokio::test]
async fn item_27_a_read_before_the_grant_is_denied_and_the_grant_tells_nobody() {
    let mut play = Play::settled(1, 1).await;
    let make = "uri=$(secret-add password=one); relation-set -r http:1 --app uri=$uri";
    play.run("api/0", make).await;
    play.settle().await;
    let read = "secret-get $(relation-get -r backend:1 --app uri api) password";
    assert_eq!(play.say_one("web/0", read).await, refused("permission denied"));
    play.run("api/0", "secret-grant $(secret-ids) -r http:1").await;
    assert_eq!(play.told("web/0").await, Vec::<String>::new());
    assert_eq!(play.say_one("web/0", read).await, prints("one\n"));
}

#[tokio::test]
async fn item_27_a_grant_may_be_for_one_unit_and_may_be_taken_back() {
    let mut play = Play::settled(2, 1).await;
    let make = "uri=$(secret-add password=one); relation-set -r http:1 --app uri=$uri
        secret-grant $uri -r http:1 --unit web/1";
    play.run("api/0", make).await;
    play.settle().await;
    let read = "secret-get $(relation-get -r backend:1 --app uri api) password";
    assert_eq!(play.say_one("web/0", read).await, refused("permission denied"));
    assert_eq!(play.say_one("web/1", read).await, prints("one\n"));
    play.run("api/0", "secret-revoke $(secret-ids) --unit web/1").await;
    assert_eq!(play.say_one("web/1", read).await, refused("permission denied"));
}

#[tokio::test]
async fn item_27_labels_are_each_observers_own() {
    let mut play = shared().await;
    play.run("web/0", &line("secret-get URI --label first")).await;
    play.run("web/1", &line("secret-get URI --label second")).await;
    let known = prints("password: one\n");
    let unknown = |label: &str| refused(&format!("consumer label \"{label}\" not found"));
    let first = [
        ("secret-get --label first", known.clone()),
        ("secret-get --label second", unknown("second")),
        ("secret-get --label owners", unknown("owners")),
    ];
    play.check("web/0", &first).await;
    play.check("web/1", &[("secret-get --label second", known)]).await;
}

#[tokio::test]
async fn item_27_a_secret_is_there_for_the_hook_that_makes_it_and_goes_with_its_failure() {
    let mut play = Play::settled(1, 1).await;
    let table = [
        ("secret-add --label new --owner unit key=one >uri", prints("")),
        ("secret-get $(cat uri) key", prints("one\n")),
        ("secret-get --label new", prints("key: one\n")),
        ("secret-set $(cat uri) key=two", prints("")),
        ("secret-get --label new", prints("key: two\n")),
        ("test \"secret:$(secret-ids)\" = \"$(cat uri)\" && echo same", prints("same\n")),
        ("secret-remove $(cat uri)", prints("")),
        ("secret-ids --format=json", prints("null\n")),
    ];
    play.check("web/0", &table).await;
    assert!(play.bus.model().secrets.is_empty());
    play.run("web/0", "secret-add --label lost key=one; exit 1").await;
    assert!(play.bus.model().secrets.is_empty());
    let said = play.say_one("web/0", "secret-add --label lost key=two >uri").await;
    assert_eq!(said, prints(""));
}

#[tokio::test]
async fn item_27_followers_read_as_owners_and_hear_of_changes_but_do_not_write() {
    let mut play = Play::settled(2, 0).await;
    play.run("web/0", "secret-add --label shared key=one").await;
    let follower = [
        ("secret-get --label shared", prints("key: one\n")),
        ("secret-ids --format=json", prints("null\n")),
        ("secret-add --owner unit key=own | cut -c1-7", prints("secret:\n")),
    ];
    play.check("web/1", &follower).await;
    play.settle().await;
    let id = "secret-set $(secret-info-get --label shared | head -1 | tr -d :) key=two";
    play.run("web/0", id).await;
    assert_eq!(play.told("web/1").await, ["secret-changed"]);
    play.check("web/1", &[("secret-get --label shared", prints("key: two\n"))]).await;
}

#[tokio::test]
async fn item_27_the_owner_is_told_of_each_revision_that_nobody_tracks() {
    let mut play = shared().await;
    play.on("api", "secret-remove", "echo $JUJU_SECRET_REVISION $JUJU_SECRET_LABEL >>\"$S/seen\"");
    password(&mut play, "web/0", "").await;
    set(&mut play, "two").await;
    play.settle().await;
    assert_eq!(play.note("api", "seen"), "");
    password(&mut play, "web/0", "--refresh").await;
    assert_eq!(play.told("api/0").await, ["secret-remove"]);
    assert_eq!(play.note("api", "seen"), "1 owners\n");
    assert_eq!(play.told("api/0").await, Vec::<String>::new());
    play.run("api/0", &line("secret-remove URI --revision 1")).await;
    let left: Vec<u32> = {
        let model = play.bus.model();
        model.secrets.values().flat_map(|secret| secret.revisions.keys().copied()).collect()
    };
    assert_eq!(left, [2]);
}

#[tokio::test]
async fn item_27_a_secret_of_a_unit_dies_with_it() {
    let mut play = Play::settled(2, 0).await;
    play.run("web/1", "secret-add --owner unit key=one").await;
    play.bus.remove_unit("web").unwrap();
    play.settle().await;
    assert_eq!(play.bus.units(), [unit("web/0")]);
    assert!(play.bus.model().secrets.is_empty());
}

#[tokio::test]
async fn item_27_secret_values_stay_out_of_the_journal() {
    let mut play = shared().await;
    set(&mut play, "hush").await;
    let text = format!("{:?}", play.bus.journal());
    assert!(!text.contains("hush") && text.contains("password=<redacted>"), "{text}");
}
