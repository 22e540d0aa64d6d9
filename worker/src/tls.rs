//! Certificates and keys that the coordinator shares, as files.

use std::collections::BTreeMap;
use std::path::PathBuf;

use charm::desired::{Comparison, FileGoal, Reaction, Trigger};
use charm::names::SecretId;
use charm::secret::SecretText;
use charm::snapshot::Snapshot;
use charm::status::Status;

use crate::cluster::Cluster;
use crate::paths;

const PRIVATE_KEY_FIELD: &str = "private-key";

/// The files of the workload container and of the charm container.
#[derive(Debug, Default)]
pub struct TlsFiles {
    /// In the workload container. What is not in it is left as it is.
    pub workload: BTreeMap<String, FileGoal>,
    /// In the charm container.
    pub host: BTreeMap<PathBuf, FileGoal>,
    /// What keeps the certificate from being used.
    pub status: Option<Status>,
}

/// The secret with the private key, if the coordinator names one.
pub fn private_key_secret(cluster: &Cluster<'_>) -> Option<SecretId> {
    cluster.data.value.privkey_secret_id.as_deref()?.parse().ok()
}

/// Each value stands alone: one that is absent takes its file away, one that can't be read leaves
/// its file as it is. Certificate and key only change together.
pub fn files(snapshot: &Snapshot, cluster: &Cluster<'_>) -> TlsFiles {
    let data = &cluster.data.value;
    let mut files = TlsFiles::default();
    if !cluster.is_unreadable("ca_cert") {
        files.put(paths::CA_CERT, data.ca_cert.as_deref());
        files.put(paths::TRUSTED_CA, data.ca_cert.as_deref());
        files.host.insert(paths::TRUSTED_CA.into(), goal(data.ca_cert.as_deref(), 0o644));
    }
    if !cluster.is_unreadable("s3_tls_ca_chain") {
        files.put(paths::S3_CA, data.s3_tls_ca_chain.as_deref());
    }
    match private_key(snapshot, cluster) {
        Ok(key) => {
            if !cluster.is_unreadable("server_cert") {
                files.put(paths::SERVER_CERT, data.server_cert.as_deref());
            }
            if !cluster.is_unreadable("privkey_secret_id") {
                files.workload.insert(paths::PRIVATE_KEY.to_owned(), goal(key, 0o600));
            }
        }
        Err(reason) => {
            files.status = Some(Status::waiting(format!(
                "[tls] the private key can't be read ({reason}): the coordinator has to grant it"
            )));
        }
    }
    files
}

impl TlsFiles {
    fn put(&mut self, path: &str, content: Option<&str>) {
        self.workload.insert(path.to_owned(), goal(content, 0o644));
    }
}

fn goal(content: Option<&str>, mode: u32) -> FileGoal {
    match content {
        Some(text) if !text.is_empty() => FileGoal::Present {
            content: SecretText::new(text),
            mode,
            comparison: Comparison::Bytes,
        },
        _ => FileGoal::Absent,
    }
}

/// The key; `None` when the coordinator names no secret.
fn private_key<'a>(
    snapshot: &'a Snapshot,
    cluster: &Cluster<'_>,
) -> Result<Option<&'a str>, String> {
    let Some(id) = cluster.data.value.privkey_secret_id.as_deref() else { return Ok(None) };
    let id: SecretId = id.parse().map_err(|error: charm::names::NameError| error.to_string())?;
    match snapshot.observed_secrets.get(&id) {
        Some(Ok(content)) => match content.get(PRIVATE_KEY_FIELD) {
            Some(key) => Ok(Some(key.reveal())),
            None => Err(format!("the secret has no field `{PRIVATE_KEY_FIELD}`")),
        },
        Some(Err(refusal)) => Err(refusal.reason.clone()),
        None => Err("it was not read".to_owned()),
    }
}

/// Makes the new authority known to programs, after its file changed.
pub fn refresh_trust_store() -> Reaction {
    Reaction {
        command: ["update-ca-certificates", "--fresh"].map(str::to_owned).into(),
        trigger: Trigger { files: [paths::TRUSTED_CA.to_owned()].into(), layers: [].into() },
    }
}
