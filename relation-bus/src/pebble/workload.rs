//! The container behind the socket.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::SystemTime;

use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::caretaker;
use super::changes::Changes;
use super::checks::{Checks, RunId};
use super::exec::Sessions;
use super::identities::Identities;
use super::journal::Action;
use super::layer::{Layer, LayerError, text};
use super::logs::Logs;
use super::notices::Notices;
use super::occurrence::notify_command;
use super::plan::{JoinError, Joining, Placing, Plan};
use super::schema::Entry;
use super::server::Server;
use super::services::{Current, Services};
use super::setup::{ContainerSetup, ExecAnswer, ServiceMode};
use super::tree::Tree;

/// The version that the server says it is.
pub(super) const VERSION: &str = "v1.32.1";

/// A workload container: a handle, cheap to clone; all clones are the same container.
#[derive(Debug, Clone)]
pub struct Workload {
    inner: Arc<Inner>,
    life: Arc<Life>,
}

/// Ends with the last handle, and what the container runs ends with it.
#[derive(Debug)]
struct Life {
    inner: Arc<Inner>,
    caretaker: OnceLock<AbortHandle>,
}

impl Drop for Life {
    fn drop(&mut self) {
        if let Some(caretaker) = self.caretaker.get() {
            caretaker.abort();
        }
        self.inner.update(|state| state.services.kill_all());
    }
}

/// A service as `pebble services` lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceInfo {
    /// `enabled` or `disabled`.
    pub startup: String,
    /// `active`, `inactive`, `backoff` or `error`.
    pub current: String,
}

/// What all handlers share.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) boot_id: String,
    pub(super) execs: Vec<ExecAnswer>,
    pub(super) restart_error: Option<String>,
    pub(super) mode: ServiceMode,
    pub(super) okay_delay: std::time::Duration,
    pub(super) websocket_limit: std::time::Duration,
    pub(super) caller_uid: Option<u32>,
    state: Mutex<State>,
    // Counts updates, so that whoever waits for a state looks again.
    updates: watch::Sender<u64>,
}

/// What can change in a container.
#[derive(Debug)]
pub(super) struct State {
    pub(super) plan: Plan,
    pub(super) tree: Tree,
    pub(super) services: Services,
    pub(super) changes: Changes,
    pub(super) checks: Checks,
    pub(super) notices: Notices,
    pub(super) identities: Identities,
    pub(super) logs: Logs,
    pub(super) execs: Sessions,
    pub(super) journal: Vec<Action>,
    // How many layers were added: each addition makes log targets send all again.
    pub(super) additions: u64,
}

impl Workload {
    /// A container in the state that `setup` describes.
    ///
    /// # Errors
    /// The layers of the setup can't be read, or make no plan.
    pub fn new(setup: ContainerSetup) -> Result<Self, LayerError> {
        let mut plan = Plan::default();
        for (label, layer) in &setup.layers {
            let text = serde_yaml::to_string(layer).map_err(|error| {
                LayerError::new(format!("cannot write layer {label:?} as YAML: {error}"))
            })?;
            plan = match plan.with(Layer::parse(label, &text)?, Joining::Append, Placing::Inner) {
                Ok(plan) => plan,
                Err(JoinError::Layer(error)) => return Err(error),
                Err(other @ JoinError::NotInner) => return Err(LayerError::new(other.to_string())),
            };
        }
        let mut services = Services::default();
        for name in &setup.active {
            services.begin_active(name, plan.services().get(name));
        }
        let mut state = State {
            tree: Tree::new(&setup.files, &setup.directories),
            services,
            changes: Changes::default(),
            checks: Checks::new(setup.checks),
            notices: Notices::default(),
            identities: Identities::default(),
            logs: Logs::default(),
            execs: Sessions::new(),
            journal: Vec::new(),
            additions: 0,
            plan,
        };
        state.plan_changed();
        let inner = Inner {
            boot_id: setup.boot_id.unwrap_or_else(new_boot_id),
            execs: setup.execs,
            restart_error: setup.restart_error,
            mode: setup.service_mode,
            okay_delay: setup.okay_delay,
            websocket_limit: setup.websocket_limit,
            caller_uid: setup.caller_uid,
            state: Mutex::new(state),
            updates: watch::Sender::new(0),
        };
        let inner = Arc::new(inner);
        Ok(Self {
            life: Arc::new(Life { inner: Arc::clone(&inner), caretaker: OnceLock::new() }),
            inner,
        })
    }

    /// Answers requests on a unix socket until the server is stopped or dropped. A file in the socket's place is
    /// replaced. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The socket can't be made; its path may have 107 bytes at most.
    pub async fn serve(&self, socket: &Path) -> io::Result<Server> {
        self.serve_now(socket)
    }

    /// What the parts of the container share.
    pub(super) fn inner(&self) -> &Inner {
        &self.inner
    }

    /// As [`Self::serve`], for callers that can't wait.
    pub(crate) fn serve_now(&self, socket: &Path) -> io::Result<Server> {
        if self.inner.mode == ServiceMode::Processes {
            self.life.caretaker.get_or_init(|| {
                tokio::spawn(caretaker::run(Arc::clone(&self.inner))).abort_handle()
            });
        }
        Server::start(self.clone(), Arc::clone(&self.inner), socket)
    }

    /// The plan, as the layers spell it: `{services, checks, log-targets}`, all three always there.
    #[must_use]
    pub fn plan(&self) -> Value {
        self.inner.read(|state| state.plan.as_written())
    }

    /// The services of the plan.
    #[must_use]
    pub fn services(&self) -> BTreeMap<String, ServiceInfo> {
        self.inner.read(|state| {
            let services = state.plan.services().iter();
            let info = |name: &str, entry| ServiceInfo {
                startup: if text(entry, "startup") == "enabled" { "enabled" } else { "disabled" }
                    .to_owned(),
                current: state.services.current(name).as_str().to_owned(),
            };
            services.map(|(name, entry)| (name.clone(), info(name, entry))).collect()
        })
    }

    /// All files of the container.
    #[must_use]
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        self.inner.read(|state| state.tree.files())
    }

    /// What was done to the container so far, or since [`Self::clear_journal`].
    #[must_use]
    pub fn journal(&self) -> Vec<Action> {
        self.inner.read(|state| state.journal.clone())
    }

    /// Does what the container does at a command that needs no process: it was declared, or leaves a notice.
    pub(crate) fn answer(&self, command: &[String]) -> Option<ExecAnswer> {
        let answer = ExecAnswer::find(&self.inner.execs, command).cloned();
        let answer = answer.or_else(|| notify_command(&self.inner, command))?;
        self.inner.update(|state| state.journal.push(Action::Exec(command.to_vec())));
        Some(answer)
    }

    /// Forgets what was done so far.
    pub fn clear_journal(&self) {
        self.inner.update(|state| state.journal.clear());
    }

    /// Identifies this start of the container, as a UUID.
    #[must_use]
    pub fn boot_id(&self) -> &str {
        &self.inner.boot_id
    }

    /// True if the service is running or coming up.
    #[must_use]
    pub fn is_active(&self, service: &str) -> bool {
        self.inner.read(|state| state.services.current(service) == Current::Active)
    }
}

impl State {
    /// Brings what follows the plan by itself in line with it: the checks.
    pub(super) fn plan_changed(&mut self) {
        self.checks.follow(&self.plan, &mut self.changes);
    }

    /// Notes how a check went, and restarts the services that ask for it when it goes down.
    pub(super) fn record_check(&mut self, name: &str, run: RunId, outcome: &Result<(), String>) {
        if self.checks.record(name, run, outcome, &mut self.changes) {
            let asks = |entry: &Entry| {
                entry.get("on-check-failure").and_then(|on| on.get(name)) == Some(&"restart".into())
            };
            let services = self.plan.services().iter().filter(|(_, entry)| asks(entry));
            services.for_each(|(service, _)| self.services.ask_restart(service));
        }
    }
}

impl Inner {
    /// Looks at the state.
    pub(super) fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.lock())
    }

    /// Alters the state, turns what happened to changes into notices, and wakes whoever waits.
    pub(super) fn update<T>(&self, alter: impl FnOnce(&mut State) -> T) -> T {
        let result = {
            let mut state = self.lock();
            let result = alter(&mut state);
            for update in state.changes.take_updates() {
                state.notices.change_updated(update);
            }
            result
        };
        self.updates.send_modify(|count| *count += 1);
        result
    }

    /// Waits until `look` finds something. Looks at once, and again after each update.
    pub(super) async fn wait_for<T>(&self, mut look: impl FnMut(&State) -> Option<T>) -> T {
        let mut updates = self.updates.subscribe();
        loop {
            updates.borrow_and_update();
            if let Some(found) = self.read(&mut look) {
                return found;
            }
            if updates.changed().await.is_err() {
                // The sender lives as long as `self`.
                std::future::pending::<()>().await;
            }
        }
    }

    // A panic while the lock was held can't leave a state worse than a request that failed half-way.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// A version 4 UUID out of the time, the process and a count.
fn new_boot_id() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let seed = format!("{:?} {} {count}", SystemTime::now(), std::process::id());
    let mut bytes: [u8; 32] = Sha256::digest(seed).into();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
