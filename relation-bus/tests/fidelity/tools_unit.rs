//! Items 19 and 20 for the tools of the unit: status, config, ports, state, storage, network, log.

use relation_bus::hook::{Hook, LifeCycle, RelationEvent};

use crate::stage::{Play, misused, prints, refused, unit};

#[tokio::test]
async fn item_20_status_and_version_tools() {
    let mut play = Play::settled(1, 0).await;
    let word = |status: &str| {
        misused(&format!(
            "invalid status \"{status}\", expected one of [maintenance blocked waiting active]"
        ))
    };
    let table = [
        ("status-get", prints("unknown\n")),
        ("status-set", misused("invalid args, require <status> [message]")),
        ("status-set error oops", word("error")),
        ("status-set Active", word("Active")),
        ("status-set active two words", misused("unrecognized args: [\"words\"]")),
        ("status-set waiting 'two words'", prints("")),
        ("status-get", prints("waiting\n")),
        ("status-get --format=json", prints("{\"status\":\"waiting\"}\n")),
        ("status-get --format=yaml", prints("status: waiting\n")),
        (
            "status-get --include-data",
            prints("message: two words\nstatus: waiting\nstatus-data: {}\n"),
        ),
        (
            "status-get --include-data --format=json --application=false",
            prints("{\"message\":\"two words\",\"status\":\"waiting\",\"status-data\":{}}\n"),
        ),
        (
            "status-get --application=true --include-data --format=json",
            prints(
                "{\"application-status\":{\"message\":\"two words\",\"status\":\"waiting\",\
                 \"status-data\":{},\"units\":{\"web/0\":{\"message\":\"two words\",\
                 \"status\":\"waiting\",\"status-data\":{}}}}}\n",
            ),
        ),
        ("status-get x", misused("unrecognized args: [\"x\"]")),
        ("application-version-set", misused("no version specified")),
        ("application-version-set a b", misused("unrecognized args: [\"b\"]")),
        ("application-version-set -- -1", prints("")),
    ];
    play.check("web/0", &table).await;
    assert_eq!(play.bus.model().applications["web"].workload_version, "-1");
}

#[tokio::test]
async fn item_19_config_has_types_defaults_and_no_unset_options() {
    let mut play = Play::settled(1, 0).await;
    let table = [
        (
            "config-get --format=json",
            prints(
                "{\"greeting\":\"\\u003ca \\u0026 b\\u003e\",\"half\":0.5,\"on\":true,\
                 \"port\":80,\"ratio\":2}\n",
            ),
        ),
        (
            "config-get --all --format=json",
            prints(
                "{\"greeting\":\"\\u003ca \\u0026 b\\u003e\",\"half\":0.5,\"name\":null,\
                 \"on\":true,\"port\":80,\"ratio\":2}\n",
            ),
        ),
        ("config-get", prints("greeting: <a & b>\nhalf: 0.5\n\"on\": true\nport: 80\nratio: 2\n")),
        ("config-get port", prints("80\n")),
        ("config-get port --format=json", prints("80\n")),
        ("config-get on", prints("True\n")),
        ("config-get on --format=json", prints("true\n")),
        ("config-get on --format=yaml", prints("true\n")),
        ("config-get ratio --format=json", prints("2\n")),
        ("config-get name --format=json", prints("null\n")),
        ("config-get name", prints("")),
        ("config-get nope --format=json", prints("null\n")),
        ("config-get --all port", misused("cannot use argument --all together with key \"port\"")),
        ("config-get -a port", misused("cannot use argument --all together with key \"port\"")),
        ("config-get a b", misused("unrecognized args: [\"b\"]")),
    ];
    play.check("web/0", &table).await;
}

#[tokio::test]
async fn item_19_config_is_read_once_for_a_hook() {
    let mut play = Play::settled(1, 0).await;
    let script = "config-get port >\"$S/seen\"; touch \"$S/inside\"
        while [ ! -e \"$S/go\" ]; do sleep 0.02; done; config-get port >>\"$S/seen\"";
    play.on("web", "probe", script);
    let hook = Hook::Other("probe".to_owned());
    let task = tokio::spawn(play.bus.begin_hook(&unit("web/0"), hook).unwrap().run());
    let inside = play.scripts("web").join("inside");
    for _ in 0..1000 {
        if inside.exists() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    play.bus.configure("web", "port", Some(81.into())).unwrap();
    std::fs::write(play.scripts("web").join("go"), "").unwrap();
    play.bus.finish(task.await.unwrap()).unwrap();
    assert_eq!(play.note("web", "seen"), "80\n80\n");
}

#[tokio::test]
async fn item_20_port_tools() {
    let mut play = Play::settled(1, 1).await;
    let syntax = |text: &str| {
        misused(&format!(
            "invalid port \"{text}\": strconv.Atoi: parsing \"{text}\": invalid syntax"
        ))
    };
    let range = "port ranges are not supported for k8s applications, please specify a single port";
    let table = [
        ("open-port", misused("no port or range specified")),
        ("open-port x", syntax("x")),
        ("open-port 80/tcp 81", misused("unrecognized args: [\"81\"]")),
        (
            "open-port 80/sctp",
            misused("invalid protocol \"sctp\", expected \"tcp\", \"udp\", or \"icmp\""),
        ),
        ("open-port 80/icmp", misused("protocol \"icmp\" doesn't support any ports; got \"80\"")),
        ("open-port 9-8", misused("invalid port range 9-8/tcp")),
        ("open-port 1-2-3", misused("invalid port range \"1-2-3\"")),
        (
            "open-port 65536",
            misused("port range bounds must be between 0 and 65535, got 65536-65536"),
        ),
        ("open-port 8000-8010", refused(range)),
        ("close-port 8000-8010/udp", refused(range)),
        ("open-port 80", prints("")),
        ("open-port 80/TCP", prints("")),
        ("open-port icmp", prints("")),
        ("open-port --endpoints backend,peers 9/udp", prints("")),
        ("opened-ports --format=json", prints("[\"icmp\",\"80/tcp\",\"9/udp\"]\n")),
        ("opened-ports --endpoints", prints("icmp (*)\n80/tcp (*)\n9/udp (backend, peers)\n")),
        ("close-port 80/tcp", prints("")),
        ("close-port 4711", prints("")),
        ("close-port --endpoints peers 9/udp", prints("")),
        ("opened-ports --endpoints --format=json", prints("[\"icmp (*)\",\"9/udp (backend)\"]\n")),
        ("opened-ports x", misused("unrecognized args: [\"x\"]")),
    ];
    play.check("web/0", &table).await;
    let after = [("opened-ports", prints("icmp\n9/udp\n"))];
    play.check("web/0", &after).await;
}

#[tokio::test]
async fn item_20_state_tools() {
    let mut play = Play::settled(1, 0).await;
    let key = "k".repeat(257);
    let long_key = format!("state-set {key}=1");
    let long_value = "{ printf 'k: '; head -c 65537 /dev/zero | tr '\\0' v; } | state-set --file -";
    let too_much = "for n in $(seq 40); do { printf \"k$n: \"; head -c 60000 /dev/zero | \
                    tr '\\0' v; } | state-set --file - || break; done 2>&1 | head -1";
    let table = [
        ("state-get --format=json", prints("{}\n")),
        ("state-get k --format=json", prints("\"\"\n")),
        ("state-get k", prints("")),
        ("state-get --strict k", refused("\"k\" not found")),
        ("state-set a=1 b='<x>' c=", prints("")),
        ("state-set haha", misused("expected \"key=value\", got \"haha\"")),
        ("state-get --format=json", prints("{\"a\":\"1\",\"b\":\"\\u003cx\\u003e\",\"c\":\"\"}\n")),
        (
            "state-get - --format=json",
            prints("{\"a\":\"1\",\"b\":\"\\u003cx\\u003e\",\"c\":\"\"}\n"),
        ),
        ("state-get a", prints("1\n")),
        ("state-get a b", misused("unrecognized args: [\"b\"]")),
        ("state-delete b", prints("")),
        ("state-delete nope", prints("")),
        ("state-delete", prints("")),
        ("state-delete a b", misused("unrecognized args: [\"b\"]")),
        ("state-get --strict a", prints("1\n")),
        (long_key.as_str(), refused("max allowed key length (256) exceeded quota limit exceeded")),
        (long_value, refused("max allowed value length (65536) exceeded quota limit exceeded")),
        (too_much, prints("ERROR max allowed size (2097152) exceeded quota limit exceeded\n")),
    ];
    play.check("web/0", &table).await;
}

#[tokio::test]
async fn item_20_network_and_address_tools() {
    let mut play = Play::settled(1, 1).await;
    let (address, service) = {
        let model = play.bus.model();
        let service = model.applications["web"].service_address.clone();
        (model.unit(&unit("web/0")).unwrap().address.clone(), service)
    };
    let json = format!(
        "{{\"bind-addresses\":[{{\"mac-address\":\"\",\"interface-name\":\"\",\"addresses\":\
         [{{\"hostname\":\"\",\"value\":\"{address}\",\"cidr\":\"\"}}]}}],\
         \"egress-subnets\":[\"{service}/32\"],\"ingress-addresses\":[\"{service}\"]}}\n"
    );
    let yaml = format!(
        "bind-addresses:\n- mac-address: \"\"\n  interface-name: \"\"\n  addresses:\n  \
         - hostname: \"\"\n    value: {address}\n    cidr: \"\"\n    address: {address}\n  \
         macaddress: \"\"\n  interfacename: \"\"\negress-subnets:\n- {service}/32\n\
         ingress-addresses:\n- {service}\n"
    );
    let line = |text: &str| prints(&format!("{text}\n"));
    let both = format!("{{\"bind-address\":\"{address}\",\"ingress-address\":\"{service}\"}}");
    let table = [
        ("network-get backend --format=json", prints(&json)),
        ("network-get backend -r 1 --format=json", prints(&json)),
        ("network-get peers", prints(&yaml)),
        ("network-get juju-info --bind-address", line(&address)),
        ("network-get backend --ingress-address", line(&service)),
        ("network-get backend --egress-subnets", line(&format!("{service}/32"))),
        (
            "network-get backend --egress-subnets --format=json",
            line(&format!("[\"{service}/32\"]")),
        ),
        ("network-get backend --primary-address", line(&address)),
        ("network-get backend --bind-address --ingress-address --format=json", line(&both)),
        (
            "network-get backend --primary-address --bind-address",
            refused("--primary-address must be the only flag specified"),
        ),
        ("network-get", misused("no arguments specified")),
        ("network-get ''", misused("no binding name specified")),
        ("network-get a b", misused("unrecognized args: [\"b\"]")),
        ("network-get nope", refused("no network config found for binding \"nope\"")),
        (
            "network-get backend -r 9",
            misused("invalid value \"9\" for option -r: relation not found"),
        ),
        ("unit-get private-address", line(&address)),
        ("unit-get public-address", line(&address)),
        ("unit-get", misused("no setting specified")),
        ("unit-get x", misused("unknown setting \"x\"")),
        ("unit-get private-address x", misused("unrecognized args: [\"x\"]")),
    ];
    play.check("web/0", &table).await;
}

#[tokio::test]
async fn item_20_log_lines_name_level_and_relation() {
    let mut play = Play::settled(1, 1).await;
    let hook = play.about_backend(RelationEvent::Changed, Some("api/0"));
    let table = [
        ("juju-log", misused("no message specified")),
        ("juju-log -l", misused("option needs an argument: -l")),
        ("juju-log one two", prints("")),
        ("juju-log -l debug -- --three", prints("")),
        ("juju-log --log-level Warning four", prints("")),
        ("juju-log -l ERROR --debug five", prints("")),
        ("juju-log -l loud six", prints("")),
    ];
    play.check_in("web/0", hook, &table).await;
    let model = play.bus.model();
    let lines = model.log.iter().filter(|line| line.module == "unit.web/0.juju-log");
    let lines: Vec<String> = lines.map(|line| format!("{} {}", line.level, line.message)).collect();
    assert_eq!(
        lines,
        [
            "INFO backend:1: one two",
            "DEBUG backend:1: --three",
            "WARNING backend:1: four",
            "DEBUG backend:1: five",
            "WARNING Specified log level of \"loud\" is not valid",
            "INFO backend:1: six",
        ]
    );
}

#[tokio::test]
async fn item_20_rarely_used_tools() {
    let mut play = Play::settled(1, 0).await;
    let table = [
        ("resource-get", misused("missing required resource name")),
        ("resource-get a b", misused("unrecognized args: [\"b\"]")),
        (
            "credential-get",
            refused(
                "cannot access cloud credentials: credential-get on a \"caas\" model not supported",
            ),
        ),
        ("credential-get x", misused("unrecognized args: [\"x\"]")),
        ("juju-reboot x", misused("unrecognized args: [\"x\"]")),
        ("leader-set haha", misused("expected \"key=value\", got \"haha\"")),
        ("leader-get a=b", misused("invalid key \"a=b\"")),
        ("leader-get a b", misused("unrecognized args: [\"b\"]")),
        ("leader-get --format=json", prints("{}\n")),
        ("leader-get nope --format=json", prints("null\n")),
        ("add-metric", misused("no metrics specified")),
        ("add-metric a=1", refused("cannot record metric: metrics not allowed in this context")),
        ("payload-register a b", misused("missing required arguments")),
        ("payload-register a b c", refused("payload \"b\" not found in metadata.yaml")),
        ("payload-unregister a", misused("missing required arguments")),
        ("payload-status-set a b", misused("missing required arguments")),
    ];
    play.check_in("web/0", LifeCycle::UpdateStatus.into(), &table).await;
    let failing = play.say_one("web/0", "resource-get nope").await;
    assert_eq!((failing.code, failing.stdout.as_str()), (1, ""));
    assert!(failing.stderr.starts_with("ERROR could not download resource: "), "{failing:?}");
}

#[tokio::test]
async fn item_19_a_resource_is_a_path_without_a_newline() {
    let mut play = Play::new().await;
    play.charm("web", "resources: {image: {type: file, filename: i.bin}}");
    play.deploy("web", 1).await;
    play.settle().await;
    let agent = play.bus.root(&unit("web/0")).unwrap().join("var/lib/juju/agents/unit-web-0");
    let path = agent.join("resources/image/i.bin");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, "content").unwrap();
    play.check("web/0", &[("resource-get image", prints(&path.display().to_string()))]).await;
}
