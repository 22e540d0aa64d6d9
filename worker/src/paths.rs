//! Where the worker's files lie. Python workers use the same places, and configurations that
//! coordinators publish name them.

/// The workload's configuration.
pub const CONFIG: &str = "/etc/worker/config.yaml";
/// The certificate that the workload serves.
pub const SERVER_CERT: &str = "/etc/worker/server.cert";
/// Its private key.
pub const PRIVATE_KEY: &str = "/etc/worker/private.key";
/// The authority that signed it.
pub const CA_CERT: &str = "/etc/worker/ca.cert";
/// The authorities of the object store.
pub const S3_CA: &str = "/etc/worker/s3_ca.crt";
/// The same authority as [`CA_CERT`], where `update-ca-certificates` finds it; in the charm
/// container too.
pub const TRUSTED_CA: &str = "/usr/local/share/ca-certificates/ca.crt";

/// All of them.
pub const ALL: [&str; 6] = [CONFIG, SERVER_CERT, PRIVATE_KEY, CA_CERT, S3_CA, TRUSTED_CA];
