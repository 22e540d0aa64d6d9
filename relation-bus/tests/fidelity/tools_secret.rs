//! Item 20 for the secret tools: every refusal, word for word.

use crate::stage::{Play, misused, prints, refused};

const ID: &str = "d0000000000000000000";

#[tokio::test]
async fn item_20_secret_tools_refuse_bad_usage() {
    let mut play = Play::settled(1, 1).await;
    let nothing = "specify either a secret URI or label but not both";
    let table = [
        ("secret-add", misused("missing secret value or filename")),
        ("secret-add word", misused("key value \"word\" not valid")),
        ("secret-add key=", misused("key value \"key=\" not valid")),
        ("secret-add =x", misused("key value \"=x\" not valid")),
        ("secret-add X=1", misused("key \"X\" not valid")),
        ("secret-add ab=1", misused("key \"ab\" not valid")),
        ("secret-add a--b=1", misused("key \"a--b\" not valid")),
        ("secret-add key=1 --rotate x", misused("rotate policy \"x\" not valid")),
        ("secret-add key=1 --expire soon", misused("expire time or duration \"soon\" not valid")),
        ("secret-add key=1 --expire -1h", misused("negative expire duration \"-1h\" not valid")),
        ("secret-add key=1 --owner me", misused("secret owner \"me\" not valid")),
        (
            "secret-add key#file=/nowhere/at/all",
            misused(
                "reading content for secret key \"key\": open /nowhere/at/all: no such file or \
                 directory",
            ),
        ),
        ("secret-set", misused("missing secret URI")),
        ("secret-set x key=1", misused("secret URI \"x\" not valid")),
        ("secret-get", misused("require either a secret URI or label")),
        ("secret-get x", misused("secret URI \"x\" not valid")),
        ("secret-get secret://x", misused("secret URI \"secret://x\" not valid")),
        (
            "secret-get d0000000000000000000 --peek --refresh",
            misused("specify one of --peek or --refresh but not both"),
        ),
        (
            "secret-get --label l --format smart",
            misused("invalid value \"smart\" for option --format: unknown format \"smart\""),
        ),
        ("secret-info-get", misused("require either a secret URI or label")),
        ("secret-info-get d0000000000000000000 --label l", misused(nothing)),
        ("secret-remove", misused("missing secret URI")),
        (
            "secret-remove d0000000000000000000 --revision one",
            misused(
                "invalid value \"one\" for option --revision: strconv.ParseInt: parsing \"one\": \
                 invalid syntax",
            ),
        ),
        ("secret-grant", misused("missing secret URI")),
        ("secret-grant d0000000000000000000", misused("no relation id specified")),
        (
            "secret-grant d0000000000000000000 -r 9",
            misused("invalid value \"9\" for option -r: relation not found"),
        ),
        ("secret-revoke d0000000000000000000", misused("missing relation or application or unit")),
        (
            "secret-revoke d0000000000000000000 --app a --unit a/0",
            misused("specify only one of application or unit"),
        ),
        (
            "secret-revoke d0000000000000000000 --app a -r 1",
            misused("do not specify both relation and app"),
        ),
        ("secret-ids x", misused("unrecognized args: [\"x\"]")),
    ];
    play.check("web/0", &table).await;
}

#[tokio::test]
async fn item_20_secret_tools_refuse_while_running() {
    let mut play = Play::settled(2, 1).await;
    let not_found = || refused(&format!("secret \"{ID}\" not found"));
    let leader = [
        ("secret-get d0000000000000000000", not_found()),
        ("secret-get --label nope", refused("consumer label \"nope\" not found")),
        ("secret-info-get d0000000000000000000", not_found()),
        ("secret-info-get --label nope", refused("secret \"nope\" not found")),
        ("secret-grant d0000000000000000000 -r 1", not_found()),
        (
            "echo '{}' >empty.yaml; secret-add --file empty.yaml",
            refused("empty secret value not valid"),
        ),
        ("U=$(secret-add --label l key=1); echo $U >uri", prints("")),
        ("secret-add --label l key=2", refused("secret with label \"l\" already exists")),
        ("secret-get $(cat uri) nope", refused("secret key value \"nope\" not found")),
        (
            "secret-grant $(cat uri) -r 1 --unit web/1",
            refused("cannot specify unit \"web/1\" in relation to application \"api\""),
        ),
        ("secret-grant $(cat uri) -r 1 --unit api/0", prints("")),
        (
            "secret-grant $(cat uri) -r 1",
            refused(
                "any unit level grants need to be revoked before granting access to the \
                 corresponding application",
            ),
        ),
    ];
    play.check("web/0", &leader).await;
    play.check("web/1", &[("secret-add key=1", refused("this unit is not the leader"))]).await;
}

#[tokio::test]
async fn item_20_secret_values_come_in_all_their_forms() {
    let mut play = Play::settled(1, 1).await;
    let table = [
        ("printf 'from file' >v; echo 'more: yaml' >more.yaml", prints("")),
        (
            "secret-add --label l one=a=b two#base64=aGV5IQ== three#file=v --file more.yaml \
             | cut -c1-7",
            prints("secret:\n"),
        ),
        (
            "secret-get --label l --format=json",
            prints(
                "{\"more\":\"yaml\",\"one\":\"a=b\",\"three\":\"from file\",\"two\":\"hey!\"}\n",
            ),
        ),
        ("secret-get --label l", prints("more: yaml\none: a=b\nthree: from file\ntwo: hey!\n")),
        ("secret-get $(secret-ids) two", prints("hey!\n")),
        ("secret-get $(secret-ids) two#base64", prints("aGV5IQ==\n")),
        ("secret-ids --format=json | cut -c1-2", prints("[\"\n")),
    ];
    play.check("web/0", &table).await;
}
