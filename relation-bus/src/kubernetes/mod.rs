//! A loopback Kubernetes API that holds what charms patch.
//!
//! A charm in a cluster alters a few objects of its own: a config map, the labels of its service, the resources of its
//! stateful set, authorization policies of the mesh. [`Api`] is a cluster with these kinds and no more, over plain HTTP
//! or TLS on this machine, behaving as the real API server does where a client can tell: versions and generations, the three
//! ways of patching, ownership of fields, label selectors, dry runs, refusals as `Status` objects.
//!
//! What it is not: there is no validation of objects by schema, no watching, no garbage collection. Two things of a
//! real cluster's controllers are played, since charms wait for them: see [`Missing::NotFound`].

mod apply;
mod journal;
mod merge;
mod object;
mod recorded;
mod resource;
mod secure;
mod select;
mod server;
mod setup;
mod status;
mod store;

pub use journal::{Verb, Write};
pub use recorded::recorded_objects;
pub use server::{Api, Server};
pub use setup::{ApiSetup, Fault, Missing, PatchError};
