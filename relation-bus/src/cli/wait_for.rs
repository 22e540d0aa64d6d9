//! `juju wait-for`.

use std::time::{Duration, Instant};

use clap::{Args, Subcommand};

use super::duration::JujuDuration;
use super::target::{ModelName, Target};
use super::{CommandError, Exit, print};
use crate::model::Model;
use crate::names::UnitName;
use crate::server::Parts;
use crate::server::protocol::Refusal;
use crate::shapes::{Format, print as printed};
use crate::wait_for::{Query, Scope, ScopeKind, default_query, summary};

/// How long Juju waits when it isn't told otherwise.
const USUAL_TIMEOUT: Duration = Duration::from_secs(600);

/// Models are looked at no more often than this, however many hooks run.
const PAUSE: Duration = Duration::from_millis(100);

/// Wait until a model, an application or a unit is as it should be.
#[derive(Debug, Args)]
pub(super) struct WaitFor {
    #[command(subcommand)]
    subject: Subject,
}

#[derive(Debug, Subcommand)]
enum Subject {
    /// Wait for an application.
    Application(Waiting),
    /// Wait for a model.
    Model(Waiting),
    /// Wait for a unit.
    Unit(Waiting),
}

#[derive(Debug, Args)]
struct Waiting {
    /// Its name.
    name: String,
    /// What is to be true, such as `status=="active"`.
    #[arg(long, value_name = "QUERY")]
    query: Option<String>,
    /// How long to wait [default: 10m].
    #[arg(long, value_name = "DURATION")]
    timeout: Option<JujuDuration>,
    /// Print what the query looked at once it is true.
    #[arg(long, value_name = "BOOL", default_value = "true")]
    summary: String,
    #[command(flatten)]
    target: Target,
}

impl WaitFor {
    pub(super) fn run(&self) -> Result<Exit, CommandError> {
        let (kind, waiting) = match &self.subject {
            Subject::Application(waiting) => (ScopeKind::Application, waiting),
            Subject::Model(waiting) => (ScopeKind::Model, waiting),
            Subject::Unit(waiting) => (ScopeKind::Unit, waiting),
        };
        waiting.run(kind)
    }
}

impl Waiting {
    fn run(&self, kind: ScopeKind) -> Result<Exit, CommandError> {
        let text = self.query.as_deref().unwrap_or(default_query(kind));
        let query = Query::parse(text).map_err(|error| Refusal::of(&error))?;
        let deadline = Instant::now() + self.timeout.map_or(USUAL_TIMEOUT, JujuDuration::get);
        let named = match kind {
            ScopeKind::Model => self.name.parse::<ModelName>().ok(),
            ScopeKind::Application | ScopeKind::Unit => None,
        };
        let target = match &named {
            Some(model) => self.target.with_model(model),
            None => self.target.clone(),
        };
        loop {
            let view = target.view(Parts::model())?;
            let revision = view.revision;
            let model = view.take(target.model_name()).map_err(|error| Refusal::of(&error))?.model;
            if let Some(scope) = self.scope(kind, &model) {
                let (holds, seen) = query.judge(&scope).map_err(|error| Refusal::of(&error))?;
                if holds {
                    if self.summary != "false" {
                        print(&printed(&summary(&scope, &seen), Format::Yaml));
                    }
                    return Ok(Exit::Done);
                }
            }
            let rest = deadline.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                let message =
                    format!("timed out waiting for \"{}\" to reach goal state", self.name);
                return Err(Refusal { message }.into());
            }
            std::thread::sleep(PAUSE.min(rest));
            target.progress_within(revision, rest)?;
        }
    }

    /// The subject, if it is there already.
    fn scope<'a>(&self, kind: ScopeKind, model: &'a Model) -> Option<Scope<'a>> {
        match kind {
            ScopeKind::Model => Some(Scope::model(model)),
            ScopeKind::Application => Scope::application(model, &self.name),
            ScopeKind::Unit => Scope::unit(model, &self.name.parse::<UnitName>().ok()?),
        }
    }
}
