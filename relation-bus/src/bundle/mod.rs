//! Bundles: a whole model in one YAML document, as Juju deploys and exports it.
//!
//! ```yaml
//! bundle: kubernetes
//! applications:
//!   web:
//!     charm: ./web.charm
//!     scale: 2
//!     trust: true
//!     options: {port: 80}
//! relations:
//!   - [web:db, db:sql]
//! ```
//!
//! Reading is pure: charms are named, not loaded, and what the bus has no use for is noted rather
//! than refused. The format is that of Juju 3.6 (`docs`, "Bundle"); what stands in further
//! documents of the file lies over the first one, as `--overlay` files do.

mod overlay;
mod read;

use std::collections::BTreeMap;

use serde_json::Value;

pub use overlay::overlay;
pub use read::read;

use crate::model_file::End;

/// A bundle that was read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bundle {
    /// Applications by name, in the order of the file.
    pub applications: Vec<(String, BundleApplication)>,
    /// Relations, in the order of the file.
    pub relations: Vec<(End, End)>,
    /// Offers of other models to consume: their URLs by the name they get.
    pub saas: Vec<(String, String)>,
    /// What stands in the bundle and is not heeded, in words.
    pub notes: Vec<String>,
}

/// An application of a bundle.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BundleApplication {
    /// The charm: a path beside the bundle, or a name.
    pub charm: String,
    /// How many units.
    pub units: u32,
    /// Config values by option. A text that begins with `include-file://` or
    /// `include-base64://` names a file beside the bundle whose content is meant.
    pub options: BTreeMap<String, Value>,
    /// Resources: an image or a path by name.
    pub resources: BTreeMap<String, String>,
    /// Storage directives by name.
    pub storage: BTreeMap<String, String>,
    /// Whether it may use the cluster.
    pub trust: bool,
    /// Endpoints offered to other models, by the name of the offer.
    pub offers: BTreeMap<String, Vec<String>>,
}

/// Why a bundle can't be read.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// It is not YAML.
    #[error("cannot unmarshal bundle contents")]
    Yaml(#[source] Box<serde_yaml::Error>),
    /// A part has another form.
    #[error("cannot use the bundle: {place} must be {expected}, found {found}")]
    Form {
        /// The part, with dots.
        place: String,
        /// What belongs there.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// A relation names an application that the bundle doesn't have.
    #[error(
        "cannot use the bundle: relation {relation} refers to application {application:?} not defined in this bundle"
    )]
    NoApplication {
        /// The relation, as it stands there.
        relation: String,
        /// The application.
        application: String,
    },
}

impl BundleApplication {
    /// The options with the files that they name put in.
    ///
    /// # Errors
    ///
    /// What `read` says of a file that it can't read. It is given the path as it stands in the
    /// bundle.
    pub fn options_with<E>(
        &self,
        mut read: impl FnMut(&str) -> Result<Vec<u8>, E>,
    ) -> Result<BTreeMap<String, Value>, E> {
        use base64::Engine as _;
        let mut options = self.options.clone();
        for value in options.values_mut() {
            let Some(text) = value.as_str() else { continue };
            let content = if let Some(path) = text.strip_prefix("include-file://") {
                String::from_utf8_lossy(&read(path)?).into_owned()
            } else if let Some(path) = text.strip_prefix("include-base64://") {
                base64::engine::general_purpose::STANDARD.encode(read(path)?)
            } else {
                continue;
            };
            *value = Value::from(content);
        }
        Ok(options)
    }
}
