//! Connections to what is outside Juju: the Pebble of each container and the Kubernetes API.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use crate::environment::Dispatch;
use crate::kubernetes::KubernetesRefusal;
use crate::kubernetes::client::Client as KubernetesClient;
use crate::names::ContainerName;
use crate::pebble::{PebbleClient, PebbleError};

/// Connections, made when they are first used and kept for the dispatch.
pub(crate) struct Workloads {
    dispatch: Dispatch,
    pebbles: RefCell<BTreeMap<ContainerName, Rc<PebbleClient>>>,
    kubernetes: OnceCell<Result<KubernetesClient, KubernetesRefusal>>,
}

impl Workloads {
    pub(crate) fn new(dispatch: Dispatch) -> Self {
        Self { dispatch, pebbles: RefCell::default(), kubernetes: OnceCell::new() }
    }

    /// The Pebble of a container.
    pub(crate) fn pebble(
        &self,
        container: &ContainerName,
    ) -> Result<Rc<PebbleClient>, PebbleError> {
        if let Some(client) = self.pebbles.borrow().get(container) {
            return Ok(Rc::clone(client));
        }
        let client = Rc::new(PebbleClient::new(&self.dispatch.root.pebble_socket(container))?);
        self.pebbles.borrow_mut().insert(container.clone(), Rc::clone(&client));
        Ok(client)
    }

    /// The Kubernetes API; a refusal when there is none or its configuration can't be used.
    pub(crate) fn kubernetes(&self) -> Result<&KubernetesClient, &KubernetesRefusal> {
        let connect = || match &self.dispatch.kubernetes {
            Some(server) => {
                let root = self.dispatch.root.path(Path::new("/"));
                KubernetesClient::connect(&root, server, &self.dispatch.identity.model)
            }
            None => Err(KubernetesRefusal {
                code: None,
                message: "the environment names no API server".to_owned(),
            }),
        };
        self.kubernetes.get_or_init(connect).as_ref()
    }
}
