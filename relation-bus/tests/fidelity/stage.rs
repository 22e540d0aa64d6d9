//! A model of shell-script charms in a few lines.
//!
//! A charm is its metadata and a script for each event, which can be given at any time and counts
//! for all units of its application. Tool calls can be tried inside any hook, one by one, with
//! what each of them prints.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use relation_bus::charm_folder::load;
use relation_bus::engine::{Bus, Settings};
use relation_bus::hook::{Hook, Journal, RelationEvent, RelationHook};
use relation_bus::model::DataBag;
use relation_bus::names::{RelationId, UnitName};

/// The release that models play unless a test says otherwise.
pub(crate) const JUJU: &str = "3.6.8";

pub(crate) fn unit(name: &str) -> UnitName {
    name.parse().unwrap()
}

/// What one command of a hook printed, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// It ended well and printed that, and nothing on stderr.
pub(crate) fn prints(stdout: &str) -> Said {
    Said { code: 0, stdout: stdout.to_owned(), stderr: String::new() }
}

/// It printed nothing but Juju's line on stderr.
pub(crate) fn fails(code: i32, message: &str) -> Said {
    Said { code, stdout: String::new(), stderr: format!("ERROR {message}\n") }
}

/// Bad usage.
pub(crate) fn misused(message: &str) -> Said {
    fails(2, message)
}

/// Failure while running.
pub(crate) fn refused(message: &str) -> Said {
    fails(1, message)
}

/// A model of charms `web` (requires `backend`, has peers and a container) and `api` (provides
/// `http`), and of others that a test adds.
pub(crate) struct Play {
    pub(crate) bus: Bus,
    folder: tempfile::TempDir,
}

const WEB: &str = "requires: {backend: {interface: http}, other: {interface: http}}
peers: {peers: {interface: web_peers}}
containers: {web: {}}";

const API: &str = "provides: {http: {interface: http}}";

const CONFIG: &str = "options:
  port: {type: int, default: 80}
  ratio: {type: float, default: 2.0}
  half: {type: float, default: 0.5}
  on: {type: boolean, default: true}
  name: {type: string}
  greeting: {type: string, default: '<a & b>'}
";

const ACTIONS: &str = "greet:
  params:
    name: {type: string, default: you}
    deep: {type: object}
";

impl Play {
    pub(crate) async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        Self::of_juju(JUJU, settings).await
    }

    pub(crate) async fn of_juju(version: &str, settings: Settings) -> Self {
        let bus = Bus::empty("m", "0d4e2a58-0000-4000-8000-00000000c0de", version, settings);
        let play = Self {
            bus: bus.await.unwrap(),
            folder: tempfile::Builder::new().prefix("fid").tempdir().unwrap(),
        };
        play.charm("web", WEB);
        play.charm("api", API);
        play
    }

    /// `web` with so many units related to `api` with so many, and nothing has run yet.
    pub(crate) async fn related(webs: u32, apis: u32) -> Self {
        let mut play = Self::new().await;
        play.relate(webs, apis).await;
        play
    }

    pub(crate) async fn relate(&mut self, webs: u32, apis: u32) {
        self.deploy("web", webs).await;
        self.deploy("api", apis).await;
        self.bus.integrate("web:backend", "api:http").unwrap();
    }

    /// The same, and every unit is idle.
    pub(crate) async fn settled(webs: u32, apis: u32) -> Self {
        let mut play = Self::related(webs, apis).await;
        play.settle().await;
        play
    }

    /// Makes a charm, to be deployed under its own name.
    pub(crate) fn charm(&self, name: &str, metadata: &str) {
        let folder = self.charm_folder(name);
        std::fs::create_dir_all(&folder).unwrap();
        let scripts = self.scripts(name);
        std::fs::create_dir_all(&scripts).unwrap();
        let dispatch = format!(
            "#!/bin/sh\nset -e\nS={}\nevent=${{JUJU_DISPATCH_PATH##*/}}\n\
             [ ! -f \"$S/each\" ] || . \"$S/each\"\n\
             [ ! -f \"$S/$event\" ] || . \"$S/$event\"\n",
            scripts.display()
        );
        for (file, content) in [
            ("metadata.yaml", format!("name: {name}\n{metadata}\n")),
            ("config.yaml", CONFIG.to_owned()),
            ("actions.yaml", ACTIONS.to_owned()),
            ("dispatch", dispatch),
        ] {
            std::fs::write(folder.join(file), content).unwrap();
        }
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.join("dispatch"), mode).unwrap();
    }

    pub(crate) fn charm_folder(&self, name: &str) -> PathBuf {
        self.folder.path().join("charms").join(name)
    }

    /// Where scripts of an application lie; also a place that outlives hooks, for their notes.
    pub(crate) fn scripts(&self, application: &str) -> PathBuf {
        self.folder.path().join("scripts").join(application)
    }

    /// What the units of an application do in an event; `each` runs before every one.
    pub(crate) fn on(&self, application: &str, event: &str, script: &str) {
        std::fs::write(self.scripts(application).join(event), script).unwrap();
    }

    /// A note that a script left in `$S`.
    pub(crate) fn note(&self, application: &str, name: &str) -> String {
        std::fs::read_to_string(self.scripts(application).join(name)).unwrap_or_default()
    }

    pub(crate) async fn deploy(&mut self, name: &str, units: u32) {
        let charm = load(&self.charm_folder(name)).unwrap();
        self.bus.deploy(name, &charm, units).await.unwrap();
    }

    /// Runs everything; how many hooks that took.
    pub(crate) async fn settle(&mut self) -> usize {
        self.bus.settle().await.unwrap().hooks
    }

    /// Every hook of a unit so far: `backend-relation-changed api/0`.
    pub(crate) fn events(&self, name: &str) -> Vec<String> {
        self.events_since(name, 0)
    }

    /// The hooks of a unit since so many journals.
    pub(crate) fn events_since(&self, name: &str, first: usize) -> Vec<String> {
        let own = self.bus.journal()[first..].iter().filter(|journal| journal.unit == unit(name));
        own.map(|journal| match journal.subject.split_once(" on ") {
            None => journal.hook.clone(),
            Some((about, _)) => format!("{} {about}", journal.hook),
        })
        .collect()
    }

    /// How many hooks have run.
    pub(crate) fn mark(&self) -> usize {
        self.bus.journal().len()
    }

    /// Runs everything, and tells what a unit ran meanwhile.
    pub(crate) async fn told(&mut self, name: &str) -> Vec<String> {
        let mark = self.mark();
        self.settle().await;
        self.events_since(name, mark)
    }

    pub(crate) fn backend(&self) -> RelationId {
        self.bus.relation("web", "backend", "api").unwrap()
    }

    pub(crate) fn peers(&self) -> RelationId {
        self.bus.relation("web", "peers", "web").unwrap()
    }

    pub(crate) fn unit_bag(&self, relation: RelationId, name: &str) -> DataBag {
        self.bus.unit_databag(relation, &unit(name))
    }

    /// What a unit's own databag holds beside the keys that the controller seeds.
    pub(crate) fn own_keys(&self, relation: RelationId, name: &str) -> BTreeMap<String, String> {
        let mut bag = self.unit_bag(relation, name);
        for key in ["egress-subnets", "ingress-address", "private-address"] {
            bag.remove(key);
        }
        bag
    }

    /// The text that `juju status` shows for a unit: `error hook failed: "start"`.
    pub(crate) fn status(&self, name: &str) -> String {
        let status = self.bus.status(&unit(name));
        format!("{} {}", status.value, status.message).trim_end().to_owned()
    }

    /// Runs a script as a hook of a unit.
    pub(crate) async fn run(&mut self, name: &str, script: &str) -> Journal {
        self.run_in(name, Hook::Other("probe".to_owned()), script).await
    }

    /// Runs a script as that very hook of a unit, whatever Juju would do.
    pub(crate) async fn run_in(&mut self, name: &str, hook: Hook, script: &str) -> Journal {
        let application = unit(name).application().to_owned();
        let path = self.scripts(&application).join(hook.name());
        let before = std::fs::read(&path).ok();
        std::fs::write(&path, script).unwrap();
        let journal = self.bus.redispatch(&unit(name), hook).await.unwrap();
        match before {
            Some(script) => std::fs::write(&path, script).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
        journal
    }

    /// What each line prints when it runs in one hook of a unit, which then ends well.
    pub(crate) async fn say(&mut self, name: &str, lines: &[&str]) -> Vec<Said> {
        self.say_in(name, Hook::Other("probe".to_owned()), lines).await
    }

    /// The same in that very hook.
    pub(crate) async fn say_in(&mut self, name: &str, hook: Hook, lines: &[&str]) -> Vec<Said> {
        let said = self.folder.path().join("said");
        drop(std::fs::remove_dir_all(&said));
        std::fs::create_dir(&said).unwrap();
        let mut script = "set +e\n".to_owned();
        for (number, line) in lines.iter().enumerate() {
            let file = said.join(number.to_string());
            let file = file.display();
            script +=
                &format!("( {line}\n) >{file}.out 2>{file}.err </dev/null\necho $? >{file}.code\n");
        }
        script += "exit 0\n";
        let journal = self.run_in(name, hook, &script).await;
        assert!(journal.succeeded, "{journal:?}\n{:#?}", self.bus.log(&unit(name)));
        let read = |number: usize, what: &str| {
            std::fs::read_to_string(said.join(format!("{number}.{what}"))).unwrap()
        };
        (0..lines.len())
            .map(|number| Said {
                code: read(number, "code").trim().parse().unwrap(),
                stdout: read(number, "out"),
                stderr: read(number, "err"),
            })
            .collect()
    }

    /// What one line prints.
    pub(crate) async fn say_one(&mut self, name: &str, line: &str) -> Said {
        self.say(name, &[line]).await.remove(0)
    }

    /// Runs the lines of a table in one hook and compares each with what it should say.
    pub(crate) async fn check(&mut self, name: &str, table: &[(&str, Said)]) {
        self.check_in(name, Hook::Other("probe".to_owned()), table).await;
    }

    /// The same in that very hook.
    pub(crate) async fn check_in(&mut self, name: &str, hook: Hook, table: &[(&str, Said)]) {
        let lines: Vec<&str> = table.iter().map(|(line, _)| *line).collect();
        let said = self.say_in(name, hook, &lines).await;
        let differs: Vec<String> = table
            .iter()
            .zip(said)
            .filter(|((_, expected), said)| expected != said)
            .map(|((line, expected), said)| {
                format!("{line}\n  expected {expected:?}\n  found    {said:?}")
            })
            .collect();
        assert!(differs.is_empty(), "{}", differs.join("\n"));
    }

    /// A hook about the relation `backend` of `web`, seen from `web/0`.
    pub(crate) fn about_backend(&self, event: RelationEvent, remote: Option<&str>) -> Hook {
        Hook::Relation(RelationHook {
            event,
            relation: self.backend(),
            endpoint: "backend".to_owned(),
            remote_application: "api".to_owned(),
            remote_unit: remote.map(unit),
            departing_unit: remote.map(unit).filter(|_| event == RelationEvent::Departed),
        })
    }
}
