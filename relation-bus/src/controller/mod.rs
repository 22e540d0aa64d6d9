//! Several models by name, each played by a bus of its own, and what runs their hooks.
//!
//! Commands act on a model and return at once, as Juju's do; the models settle meanwhile. Hooks
//! run apart from the controller, so that it can be read and changed while one takes its time:
//!
//! ```text
//! Controller::begin ──▶ Begun ──run().await──▶ Came ──▶ Controller::finish
//! ```

pub mod acts;
mod error;
mod exchange;
mod keep;

use std::collections::BTreeMap;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

pub use error::{ControllerError, OfferError};
pub use keep::{SavedController, SavedModel};

use crate::engine::{Bus, EngineError, Ran, Running, Settings, Step};
use crate::hook::Journal;
use crate::model::Level;
use crate::model_file::{DEFAULT_JUJU_VERSION, ModelPlan};
use crate::names::UnitName;

/// The name of the controller, as `juju controllers` shows it.
pub const CONTROLLER_NAME: &str = "relation-bus";

/// A model of a controller.
#[derive(Debug)]
pub struct Hosted {
    /// The model and its charms.
    pub bus: Bus,
    /// How often the failed hook of a unit was run again.
    tries: BTreeMap<UnitName, u32>,
    /// Whether the model goes as soon as its applications have.
    dying: bool,
    settled: bool,
    was_settled: bool,
}

impl Hosted {
    fn new(bus: Bus) -> Self {
        Self { bus, tries: BTreeMap::new(), dying: false, settled: false, was_settled: false }
    }

    /// Whether nothing is left to do. A unit in error waits for its retry, and counts as settled.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.settled
    }

    /// Whether the model goes as soon as its applications have.
    #[must_use]
    pub fn is_dying(&self) -> bool {
        self.dying
    }
}

/// Models by name, and which of them commands mean that name none.
#[derive(Debug)]
pub struct Controller {
    models: BTreeMap<String, Hosted>,
    current: Option<String>,
    settings: Settings,
}

/// A hook on its way, apart from the controller. It must come back through [`Controller::finish`].
#[derive(Debug)]
#[must_use]
pub struct Begun {
    model: String,
    running: Running,
}

/// A hook that has run, for [`Controller::finish`].
#[derive(Debug)]
#[must_use]
pub struct Came {
    model: String,
    ran: Ran,
}

impl Begun {
    /// The model that the unit belongs to.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// The unit and the hook.
    pub fn running(&self) -> &Running {
        &self.running
    }

    /// Runs the charm's process to its end.
    pub async fn run(self) -> Came {
        Came { model: self.model, ran: self.running.run().await }
    }
}

impl Controller {
    /// A controller without models. Every bus gets the settings; when they name a folder, each
    /// model lives in one of its own below it.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { models: BTreeMap::new(), current: None, settings }
    }

    /// Adds an empty model, which becomes the current one.
    ///
    /// # Errors
    ///
    /// When the name is taken or is none, or the servers around the model cannot be made.
    pub async fn add_model(&mut self, name: &str) -> Result<&mut Hosted, ControllerError> {
        self.check_new(name)?;
        let settings = self.settings_of_new()?;
        let bus = Bus::empty(name, &model_uuid(name), DEFAULT_JUJU_VERSION, settings).await?;
        self.host(name, bus)
    }

    /// Adds the model of a model file: deployed and related, nothing has run yet. It becomes the
    /// current one. The programs of its charms must have been built.
    ///
    /// # Errors
    ///
    /// When the name is taken, or the model cannot be made.
    pub async fn add_plan(&mut self, plan: &ModelPlan) -> Result<&mut Hosted, ControllerError> {
        self.check_new(&plan.name)?;
        let settings = self.settings_of_new()?;
        let mut bus = Bus::empty(&plan.name, &plan.uuid, &plan.juju_version, settings).await?;
        bus.play(plan).await?;
        self.host(&plan.name, bus)
    }

    fn check_new(&self, name: &str) -> Result<(), ControllerError> {
        if !is_model_name(name) {
            return Err(ControllerError::ModelName(name.to_owned()));
        }
        match self.models.contains_key(name) {
            true => Err(ControllerError::ModelExists(name.to_owned())),
            false => Ok(()),
        }
    }

    fn host(&mut self, name: &str, bus: Bus) -> Result<&mut Hosted, ControllerError> {
        self.current = Some(name.to_owned());
        Ok(self.models.entry(name.to_owned()).or_insert(Hosted::new(bus)))
    }

    /// Takes a model away at once, with all that its units have. Nobody runs a hook for it.
    ///
    /// # Errors
    ///
    /// When there is no such model.
    pub fn drop_model(&mut self, name: &str) -> Result<Hosted, ControllerError> {
        let hosted = self.models.remove(name);
        if let Some(hosted) = &hosted {
            hosted.bus.remove_files();
        }
        if self.current.as_deref() == Some(name) {
            self.current = None;
        }
        hosted.ok_or_else(|| ControllerError::NoModel(name.to_owned()))
    }

    /// The models by name.
    #[must_use]
    pub fn models(&self) -> &BTreeMap<String, Hosted> {
        &self.models
    }

    /// The models by name, to change them. All of them count as not settled then.
    pub fn models_mut(&mut self) -> &mut BTreeMap<String, Hosted> {
        self.models.values_mut().for_each(|hosted| hosted.settled = false);
        &mut self.models
    }

    /// The model of that name, or the current one.
    ///
    /// # Errors
    ///
    /// When there is no such model, or no current one.
    pub fn model(&self, name: Option<&str>) -> Result<&Hosted, ControllerError> {
        let name = name.or(self.current()).ok_or(ControllerError::NoCurrent)?;
        self.models.get(name).ok_or_else(|| ControllerError::NoModel(name.to_owned()))
    }

    /// The model of that name, or the current one, to change it. It counts as not settled then.
    ///
    /// # Errors
    ///
    /// When there is no such model, or no current one.
    pub fn model_mut(&mut self, name: Option<&str>) -> Result<&mut Hosted, ControllerError> {
        let name = name.or(self.current.as_deref()).ok_or(ControllerError::NoCurrent)?;
        let missing = || ControllerError::NoModel(name.to_owned());
        let hosted = self.models.get_mut(name).ok_or_else(missing)?;
        hosted.settled = false;
        Ok(hosted)
    }

    /// The current model's name.
    #[must_use]
    pub fn current(&self) -> Option<&str> {
        self.current.as_deref()
    }

    /// Makes a model the current one. Gives the former.
    ///
    /// # Errors
    ///
    /// When there is no such model.
    pub fn switch(&mut self, name: &str) -> Result<Option<String>, ControllerError> {
        if !self.models.contains_key(name) {
            return Err(ControllerError::NoModel(name.to_owned()));
        }
        Ok(self.current.replace(name.to_owned()))
    }

    /// Lets so much time go by: timers fire, retries come due.
    pub fn tick(&mut self, elapsed: Duration) {
        self.models.values_mut().for_each(|hosted| hosted.bus.tick(elapsed));
    }

    /// Whether a model has come to rest since this was asked last.
    pub fn has_come_to_rest(&mut self) -> bool {
        let mut fresh = false;
        for hosted in self.models.values_mut() {
            fresh |= hosted.settled && !hosted.was_settled;
            hosted.was_settled = hosted.settled;
        }
        fresh
    }

    /// Begins the next hook of a model that has one and runs none. Nothing: every model is idle, or
    /// its hook is out.
    pub fn begin(&mut self) -> Option<Begun> {
        self.exchange();
        for (name, hosted) in &mut self.models {
            loop {
                let step = match hosted.bus.begin_due() {
                    Step::Idle => hosted.bus.begin_retry(&mut hosted.tries),
                    step => step,
                };
                match step {
                    Step::Idle => {
                        hosted.settled = !hosted.bus.is_running();
                        break;
                    }
                    Step::Done => {}
                    Step::Run(running) => {
                        return Some(Begun { model: name.clone(), running: *running });
                    }
                }
            }
        }
        self.bury_models();
        None
    }

    /// Takes away the models that are dying and have no application left.
    fn bury_models(&mut self) {
        let gone = |hosted: &Hosted| hosted.dying && hosted.bus.model().applications.is_empty();
        self.models.retain(|_, hosted| {
            if gone(hosted) {
                hosted.bus.remove_files();
            }
            !gone(hosted)
        });
        if self.current.as_ref().is_some_and(|current| !self.models.contains_key(current)) {
            self.current = None;
        }
    }

    /// Takes in what came of a hook. Of a model that is gone it is dropped.
    ///
    /// # Errors
    ///
    /// When the hook could not be tried; the model's log says so too, and the unit is in error.
    pub fn finish(&mut self, came: Came) -> Result<Option<Journal>, ControllerError> {
        let Came { model, ran } = came;
        let Some(hosted) = self.models.get_mut(&model) else { return Ok(None) };
        let unit = ran.unit().clone();
        match hosted.bus.finish(ran) {
            Ok(journal) => {
                if journal.succeeded {
                    hosted.tries.remove(&unit);
                }
                Ok(Some(journal))
            }
            Err(error) => {
                let text = format!("cannot run a hook: {}", causes(&error));
                let mut model = hosted.bus.model();
                model.add_log(unit.as_str(), "juju.worker.uniter", Level::Error, text);
                drop(model);
                Err(error.into())
            }
        }
    }

    /// Runs hooks until every model is idle: for tests and for whoever has no other work meanwhile.
    /// Gives how many ran.
    ///
    /// # Errors
    ///
    /// When a hook could not be tried, or the models do not come to rest within the limit of the
    /// settings.
    pub async fn settle(&mut self) -> Result<usize, ControllerError> {
        let mut hooks = 0;
        while let Some(begun) = self.begin() {
            self.finish(begun.run().await)?;
            hooks += 1;
            if hooks > self.settings.hook_limit {
                return Err(ControllerError::Restless { limit: self.settings.hook_limit });
            }
        }
        Ok(hooks)
    }
}

/// Whether a text may name a model: lower-case letters, digits and dashes, none at the ends.
fn is_model_name(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty() && text.chars().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

/// The UUID of a model that brings none: always the same for the same name.
fn model_uuid(name: &str) -> String {
    let mut bytes: [u8; 32] = Sha256::digest(format!("model {name}")).into();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn causes(error: &EngineError) -> String {
    let chain = std::iter::successors(Some(error as &dyn std::error::Error), |e| e.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_gives_the_same_uuid() {
        let uuid = model_uuid("cos");
        assert_eq!(uuid, model_uuid("cos"));
        assert_ne!(uuid, model_uuid("lma"));
        assert_eq!((uuid.len(), &uuid[14..15]), (36, "4"));
    }

    #[test]
    fn model_names_are_of_lower_case_letters_digits_and_dashes() {
        for name in ["cos", "cos-lite", "jubilant-1a2b3c", "0"] {
            assert!(is_model_name(name), "{name}");
        }
        for name in ["", "-a", "a-", "Cos", "a_b", "a/b"] {
            assert!(!is_model_name(name), "{name}");
        }
    }
}
