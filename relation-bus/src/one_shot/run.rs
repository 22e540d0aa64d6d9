//! Runs the one event.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{Event, Outcome, World, build};
use crate::charm_folder::{Content, InstallError, install};
use crate::dispatch::{
    Agent, Confinement, DispatchError, HookEnd, RootError, RootSetup, Surroundings, UnitRoot,
    find_program, lock, run_hook,
};
use crate::hook::Places;
use crate::names::RelationId;

/// How long the one hook may take.
const TIME_LIMIT: Duration = Duration::from_secs(120);

/// Why an event could not be played. A hook that fails is an outcome, not an error.
#[derive(Debug, thiserror::Error)]
pub enum OneShotError {
    /// The event lacks what its kind needs.
    #[error("cannot play event `{name}`: it needs {what}")]
    Event {
        /// The event.
        name: String,
        /// What is missing.
        what: &'static str,
    },
    /// The event is about a relation that the world does not have.
    #[error("cannot play an event of relation `{id}`: the world has no such relation")]
    Relation {
        /// Its id.
        id: RelationId,
    },
    /// The unit's file system could not be made.
    #[error("cannot make the unit's file system")]
    Root(#[from] RootError),
    /// The charm could not be installed.
    #[error("cannot install the charm")]
    Install(#[from] InstallError),
    /// The hook could not be tried.
    #[error("cannot run the hook")]
    Dispatch(#[from] DispatchError),
}

/// Builds the world, runs the event, and reads everything back.
///
/// # Errors
///
/// When the event does not fit the world, or the hook could not be tried at all.
pub async fn run(world: &World, event: &Event) -> Result<Outcome, OneShotError> {
    let hook = build::hook(world, event)?;
    let root = UnitRoot::at(&world.root, &world.unit);
    root.make(&RootSetup {
        model: world.model_name.clone(),
        fqdn: world.fqdn.clone(),
        address: world.address.clone(),
        dns_server: world.dns_server.clone(),
        has_ipv6: world.has_ipv6,
        containers: world.charm.metadata.containers.clone(),
        program: find_program()?,
    })?;
    for (path, content) in &world.charm_container_files {
        root.write(path, content)?;
    }
    let content = Content {
        metadata: &world.charm.metadata,
        folder: None,
        files: &world.charm.files,
        folders: &world.charm.folders,
        dispatch: Some(&world.charm.dispatch),
    };
    install(&content, &root.charm())?;
    let agent = Agent {
        unit: world.unit.clone(),
        root: root.clone(),
        surroundings: Surroundings {
            kubernetes: world.kubernetes.clone(),
            variables: world.environment.clone(),
        },
        confinement: Confinement::None,
        time_limit: TIME_LIMIT,
        runner: None,
    };
    let mut context = build::context(world, hook);
    context.places = Places { charm: root.charm(), resources: root.resources(), root: None };
    let model = Arc::new(Mutex::new(build::model(world)));
    let finished = run_hook(&agent, &model, context).await?;
    let model = lock(&model).clone();
    Ok(Outcome {
        exit: finished.journal.exit,
        failure: match finished.end {
            HookEnd::Done => None,
            HookEnd::Failed(reason) => Some(reason),
            HookEnd::Killed => Some("killed by a signal".to_owned()),
        },
        model,
        journal: finished.journal,
        charm_folder: root.charm(),
        root: world.root.clone(),
    })
}
