//! The address of a unix socket, however long its path.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::PebbleError;

/// Longest path that fits a socket address on Linux.
const LIMIT: usize = 107;

/// Where to connect. A path that is too long for an address is reached through its folder, which
/// is held open for that: `/proc/self/fd/<n>/pebble.socket`.
#[derive(Debug, Clone)]
pub(super) struct Socket {
    address: PathBuf,
    _folder: Option<Arc<File>>,
}

impl Socket {
    pub(super) fn new(path: &Path) -> Result<Self, PebbleError> {
        if path.as_os_str().as_bytes().len() <= LIMIT {
            return Ok(Self { address: path.to_path_buf(), _folder: None });
        }
        let parts = path.parent().zip(path.file_name());
        let Some((folder, name)) = parts else {
            return Ok(Self { address: path.to_path_buf(), _folder: None });
        };
        let folder = File::open(folder)
            .map_err(|source| PebbleError::Unreachable { source: Box::new(source) })?;
        let address = Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(name);
        Ok(Self { address, _folder: Some(Arc::new(folder)) })
    }

    pub(super) fn address(&self) -> &Path {
        &self.address
    }
}
