//! Plays a seed, and the same end built directly.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use relation_bus::engine::{Bus, EngineError, Reach, Settings, Step, Trust};
use relation_bus::model::{AgentStatus, Life};
use relation_bus::model_file::{self, ApplicationPlan, ModelPlan};
use relation_bus::names::UnitName;
use relation_bus::uniter::Order;
use tests::ending::Ending;
use tests::workspace;

use crate::random::Random;
use crate::shape::{Deed, Shape};

/// The least number of deeds under a seed.
const DEEDS: usize = 12;

/// Plays a seed.
///
/// # Errors
/// A report, when the end is another one than that of the model built directly.
pub(crate) async fn compare(
    seed: u64,
    settings: &(dyn Fn() -> Settings + Sync),
) -> Result<(), String> {
    let plan = model_file::read(&workspace().join("fixtures/models/everything.yaml"));
    let plan = plan.map_err(|error| error.to_string())?;
    let mut random = Random::new(seed);
    let order = Order::Shuffled { seed, pass: 0 };
    let shuffled = Settings { order, hook_limit: 4000, ..settings() };
    let mut played = Played::begin(&plan, shuffled).await.map_err(|error| error.to_string())?;
    let outcome = played.shuffle(&mut random).await;
    let deeds = played.deeds.join("\n  ");
    let report = |what: String| format!("seed {seed}: {what}\ndeeds:\n  {deeds}\n");
    outcome.map_err(|error| report(chain(&error)))?;
    played.all_well().map_err(&report)?;
    let found = Ending::of(&played.bus);

    let mut direct = Played::begin(&plan, settings()).await.map_err(|error| error.to_string())?;
    let built = direct.build(&played.shape, &played.relations(), &played.leaders()).await;
    built.map_err(|error| report(format!("building it directly: {}", chain(&error))))?;
    direct.all_well().map_err(|what| report(format!("building it directly: {what}")))?;
    let differences = Ending::of(&direct.bus).differences(&found);
    if differences.is_empty() {
        return Ok(());
    }
    let mut text = format!("{} places end otherwise\n", differences.len());
    for difference in differences.iter().take(20) {
        let _ = write!(text, "{difference}");
    }
    Err(report(text))
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

/// A model under an operator's hands.
struct Played<'a> {
    plans: BTreeMap<&'a str, &'a ApplicationPlan>,
    bus: Bus,
    shape: Shape,
    wanted: Shape,
    deeds: Vec<String>,
}

impl<'a> Played<'a> {
    /// An empty model.
    async fn begin(plan: &'a ModelPlan, settings: Settings) -> Result<Self, EngineError> {
        let bus = Bus::empty(&plan.name, &plan.uuid, &plan.juju_version, settings).await?;
        let plans = plan.applications.iter().map(|(name, plan)| (name.as_str(), plan)).collect();
        let wanted = Shape::of(plan);
        let shape = Shape {
            units: BTreeMap::new(),
            options: BTreeMap::new(),
            relations: Default::default(),
        };
        Ok(Self { plans, bus, shape, wanted, deeds: Vec::new() })
    }

    /// Builds a form directly.
    async fn build(
        &mut self,
        shape: &Shape,
        relations: &[(String, String)],
        leaders: &[UnitName],
    ) -> Result<(), EngineError> {
        for (name, units) in &shape.units {
            self.deploy(name, *units).await?;
        }
        for ((application, option), value) in &shape.options {
            self.bus.configure(application, option, Some(value.clone()))?;
        }
        for (one, other) in relations {
            self.bus.integrate(one, other)?;
        }
        for leader in leaders {
            self.bus.set_leader(leader)?;
        }
        self.come_to_rest().await
    }

    /// Deploys in any order, does what seeds say, and makes up a deployment that works.
    async fn shuffle(&mut self, random: &mut Random) -> Result<(), EngineError> {
        let wanted = self.wanted.clone().in_part(random);
        let mut names: Vec<String> = wanted.units.keys().cloned().collect();
        random.shuffle(&mut names);
        for name in &names {
            self.deeds.push(format!("deploy {name}"));
            self.deploy(name, wanted.units[name]).await?;
            self.shape.units.insert(name.clone(), wanted.units[name]);
        }
        for ((application, option), value) in &wanted.options {
            let deed = Deed::Configure(application.clone(), option.clone(), Some(value.clone()));
            self.act(&deed).await?;
        }
        let mut relations: Vec<_> = wanted.relations.iter().cloned().collect();
        random.shuffle(&mut relations);
        for (one, other) in relations {
            self.act(&Deed::Relate(one, other)).await?;
            self.wait(random).await?;
        }
        let first = self.deeds.len();
        while self.deeds.len() < first + DEEDS {
            for deed in self.shape.next(random) {
                self.act(&deed).await?;
                self.wait(random).await?;
            }
        }
        for deed in self.shape.missing() {
            self.act(&deed).await?;
            self.wait(random).await?;
        }
        self.come_to_rest().await
    }

    /// Lets the model rest, half rest, or not rest at all.
    async fn wait(&mut self, random: &mut Random) -> Result<(), EngineError> {
        match random.below(4) {
            0 => {}
            1 => drop(self.bus.settle().await?),
            _ => {
                let hooks = random.below(25);
                for _ in 0..hooks {
                    match self.bus.begin() {
                        Step::Idle => break,
                        Step::Done => {}
                        Step::Run(running) => drop(self.bus.finish(running.run().await)?),
                    }
                }
            }
        }
        Ok(())
    }

    /// Settles, and lets the timer of update-status fire: what waits for the next look has had it.
    async fn come_to_rest(&mut self) -> Result<(), EngineError> {
        self.bus.settle().await?;
        for _ in 0..2 {
            self.bus.update_status();
            self.bus.settle().await?;
        }
        Ok(())
    }

    async fn deploy(&mut self, name: &str, units: u32) -> Result<(), EngineError> {
        let plan = self.plans[name];
        self.bus.answer(name, plan.commands.clone());
        self.bus.deploy(name, &plan.charm, units).await?;
        self.bus.trust(name, if plan.trust { Trust::Granted } else { Trust::Withheld })
    }

    async fn act(&mut self, deed: &Deed) -> Result<(), EngineError> {
        self.deeds.push(deed.to_string());
        match deed {
            Deed::Relate(one, other) => {
                self.bus.integrate(one, other)?;
            }
            Deed::Unrelate(one, other) => self.unrelate(one, other)?,
            Deed::Scale(application, units) => self.scale(application, *units).await?,
            Deed::Configure(application, option, value) => {
                self.bus.configure(application, option, value.clone())?;
            }
            Deed::MoveLeadership(application) => self.move_leadership(application)?,
            Deed::UpdateStatus => self.bus.update_status(),
            Deed::Reach(unit, container, up) => {
                let reach = if *up { Reach::Up } else { Reach::Down };
                let unit: UnitName = unit.parse().unwrap();
                // A unit that went away in between is none to reach.
                match self.bus.set_reach(&unit, container, reach).await {
                    Err(EngineError::NoUnit(_)) => {}
                    outcome => outcome?,
                }
            }
            Deed::Replace(application) => self.replace(application).await?,
        }
        self.shape = self.shape.clone().after(deed);
        Ok(())
    }

    fn unrelate(&mut self, one: &str, other: &str) -> Result<(), EngineError> {
        let (application, endpoint) = one.split_once(':').unwrap_or((one, ""));
        let remote = other.split(':').next().unwrap_or(other);
        match self.bus.relation(application, endpoint, remote) {
            Some(id) => self.bus.remove_relation(id),
            None => Ok(()),
        }
    }

    async fn scale(&mut self, application: &str, units: u32) -> Result<(), EngineError> {
        let now = self.shape.units.get(application).copied().unwrap_or_default();
        if units > now && self.has_dying_unit(application) {
            // The pod of that name is still there.
            self.bus.settle().await?;
        }
        for _ in now..units {
            self.bus.add_unit(application).await?;
        }
        for _ in units..now {
            self.bus.remove_unit(application)?;
        }
        Ok(())
    }

    fn has_dying_unit(&self, application: &str) -> bool {
        let model = self.bus.model();
        let entry = model.applications.get(application);
        entry.is_some_and(|entry| entry.units.values().any(|unit| unit.life != Life::Alive))
    }

    /// The next living unit leads.
    fn move_leadership(&mut self, application: &str) -> Result<(), EngineError> {
        let next = {
            let model = self.bus.model();
            let Some(entry) = model.applications.get(application) else { return Ok(()) };
            let mut alive = entry.units.values().filter(|unit| unit.life == Life::Alive);
            alive.find(|unit| entry.leader.as_ref() != Some(&unit.name)).map(|u| u.name.clone())
        };
        next.map_or(Ok(()), |next| self.bus.set_leader(&next))
    }

    async fn replace(&mut self, application: &str) -> Result<(), EngineError> {
        let relations = self.shape.relations_of(application);
        let units = self.shape.units.get(application).copied().unwrap_or_default();
        self.bus.remove_application(application)?;
        self.bus.settle().await?;
        self.deploy(application, units).await?;
        let options = self.shape.options.clone();
        for ((owner, option), value) in
            options.iter().filter(|((owner, _), _)| owner == application)
        {
            self.bus.configure(owner, option, Some(value.clone()))?;
        }
        for (one, other) in relations {
            self.bus.integrate(&one, &other)?;
        }
        Ok(())
    }

    /// The relations in the order in which they came about: the oldest one comes first in lists.
    fn relations(&self) -> Vec<(String, String)> {
        let model = self.bus.model();
        let number = |ends: &&(String, String)| {
            let relation = model.relations.values().find(|relation| {
                let has = |end: &String| {
                    relation
                        .sides
                        .iter()
                        .any(|s| *end == format!("{}:{}", s.application, s.endpoint))
                };
                has(&ends.0) && has(&ends.1)
            });
            relation.map(|relation| relation.id)
        };
        let mut relations: Vec<&(String, String)> = self.shape.relations.iter().collect();
        relations.sort_by_key(number);
        relations.into_iter().cloned().collect()
    }

    /// Who leads where more than one could.
    fn leaders(&self) -> Vec<UnitName> {
        let model = self.bus.model();
        model.applications.values().filter_map(|entry| entry.leader.clone()).collect()
    }

    /// Whether no hook is in error.
    fn all_well(&self) -> Result<(), String> {
        let failed: Vec<UnitName> = {
            let model = self.bus.model();
            let units =
                model.units().filter(|(_, unit)| matches!(unit.agent, AgentStatus::Error(_)));
            units.map(|(name, _)| name.clone()).collect()
        };
        let Some(unit) = failed.first() else { return Ok(()) };
        let log = self.bus.log(unit);
        Err(format!("{unit} is in error:\n{}", log[log.len().saturating_sub(15)..].join("\n")))
    }
}
