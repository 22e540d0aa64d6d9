//! Files and commands of the charm container.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};

use super::ApplyError;
use crate::difference::HostChange;
use crate::host::HostRoot;

/// Writes files, then runs commands. A command that fails is logged: it concerns this container
/// only, and there is nothing that a retry of the hook would change.
pub(super) fn apply(root: &HostRoot, changes: &[HostChange]) -> Result<(), ApplyError> {
    for change in changes {
        match change {
            HostChange::Write { path, content, mode } => {
                write(&root.path(path), content.reveal().as_bytes(), *mode)
                    .map_err(|source| ApplyError::HostFile { path: path.clone(), source })?;
            }
            HostChange::Remove { path } => match fs::remove_file(root.path(path)) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(ApplyError::HostFile { path: path.clone(), source });
                }
                _ => {}
            },
            // The files of a played unit lie below its own root, and commands know nothing of it:
            // they would change this machine.
            HostChange::Run { command } if !root.is_real() => {
                tracing::info!("not running `{}`: not in a charm container", command.join(" "));
            }
            HostChange::Run { command } => run(command),
        }
    }
    Ok(())
}

/// Replaces a file as a whole.
fn write(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&name)?;
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.write_all(content)?;
    fs::rename(&name, path)
}

fn run(command: &[String]) {
    let Some((program, arguments)) = command.split_first() else { return };
    let outcome = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match outcome {
        Ok(status) if status.success() => {}
        Ok(status) => tracing::warn!("cannot run `{}`: {status}", command.join(" ")),
        Err(error) => tracing::warn!("cannot run `{}`: {error}", command.join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::SecretText;

    #[test]
    fn files_are_written_below_the_root() {
        let folder = tempfile::tempdir().expect("a folder");
        let charm = folder.path().join("var/lib/juju/agents/unit-a-0/charm");
        let root = HostRoot::of_charm_dir(&charm);
        let path = Path::new("/usr/local/share/ca-certificates/ca.crt").to_path_buf();
        let content = SecretText::new("pem");
        let changes = [
            HostChange::Write { path: path.clone(), content, mode: 0o640 },
            HostChange::Run { command: vec!["false".to_owned()] },
        ];
        apply(&root, &changes).expect("written");
        let real = folder.path().join("usr/local/share/ca-certificates/ca.crt");
        assert_eq!(fs::read_to_string(&real).expect("there"), "pem");
        assert_eq!(fs::metadata(&real).expect("there").permissions().mode() & 0o777, 0o640);
        let remove = [HostChange::Remove { path }];
        apply(&root, &remove).expect("removed");
        apply(&root, &remove).expect("still removed");
        assert!(!real.exists());
    }
}
