//! Names that the code fixes itself.

use charm::names::{ContainerName, EndpointName, NameError};
use std::str::FromStr;

/// An endpoint of one of these charms.
pub(crate) fn endpoint(name: &'static str) -> EndpointName {
    valid(name)
}

/// A container of one of these charms.
pub(crate) fn container(name: &'static str) -> ContainerName {
    valid(name)
}

fn valid<T: FromStr<Err = NameError>>(name: &'static str) -> T {
    name.parse().expect("the names in the code are valid ones")
}
