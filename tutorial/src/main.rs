//! A tiny charm: it greets every application that relates to it.

use std::process::ExitCode;

use charm::Charm;
use charm::databag::DatabagPatch;
use charm::desired::Desired;
use charm::names::EndpointName;
use charm::needs::{Bag, ConfigNeed, Needs};
use charm::snapshot::Snapshot;
use charm::status::Status;

struct Greeter;

impl Charm for Greeter {
    /// What to read, and nothing else is read: the options, and our databag on each greeting.
    fn needs(&self, _seen: &Snapshot) -> Needs {
        Needs {
            config: [ConfigNeed::Options].into(),
            endpoints: [(greeting(), [Bag::LocalApp].into())].into(),
            ..Needs::default()
        }
    }

    /// What should be true now, whatever has happened. The runtime writes what differs.
    fn reconcile(&self, snapshot: &Snapshot) -> Desired {
        let mut desired = Desired::default();
        let word = snapshot.config.get("word").and_then(|word| word.as_str()).unwrap_or_default();
        if word.is_empty() {
            desired.unit_statuses.push(Status::blocked("[config] no word: set the option `word`"));
            return desired;
        }
        desired.unit_statuses.push(Status::active(format!("says {word}")));
        // Only the leader may write for the application, and only it has the proof.
        let Some(leader) = snapshot.leadership.proof() else { return desired };
        for relation in snapshot.relations_of(&greeting()) {
            let patch = DatabagPatch::from([("word".to_owned(), Some(word.to_owned()))]);
            desired.app_databag(leader, relation.id, patch);
        }
        desired
    }
}

fn greeting() -> EndpointName {
    "greeting".parse().expect("`greeting` is the name of an endpoint")
}

fn main() -> ExitCode {
    charm::run(Greeter)
}
