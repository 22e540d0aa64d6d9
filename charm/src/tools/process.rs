//! Hook tools as executables.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Argument, HookTools, ToolCall, ToolError};

/// The executables on `PATH`.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessTools;

/// A private folder of secret files, removed when dropped.
struct SecretFiles {
    folder: PathBuf,
}

impl SecretFiles {
    fn create() -> io::Result<Self> {
        let parent = std::env::temp_dir();
        for attempt in 0_u32..100 {
            let folder = parent.join(format!("charm-{}-{attempt}", std::process::id()));
            match std::fs::DirBuilder::new().mode(0o700).create(&folder) {
                Ok(()) => return Ok(Self { folder }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::from(io::ErrorKind::AlreadyExists))
    }

    fn write(&self, name: usize, content: &str) -> io::Result<PathBuf> {
        let path = self.folder.join(name.to_string());
        let mut options = OpenOptions::new();
        options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?
            .write_all(content.as_bytes())?;
        Ok(path)
    }
}

impl Drop for SecretFiles {
    fn drop(&mut self) {
        // Nothing can be done about a file that stays: it is readable by its owner only.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn rendered(
    call: &ToolCall,
    files: &mut Option<SecretFiles>,
) -> io::Result<Vec<std::ffi::OsString>> {
    let mut arguments = Vec::with_capacity(call.arguments.len());
    for (at, argument) in call.arguments.iter().enumerate() {
        arguments.push(match argument {
            Argument::Plain(text) => text.into(),
            Argument::SecretFile { key, content } => {
                if files.is_none() {
                    *files = Some(SecretFiles::create()?);
                }
                let folder = files.as_ref().ok_or(io::ErrorKind::NotFound)?;
                let path = folder.write(at, content.reveal())?;
                with_path(key, &path)
            }
        });
    }
    Ok(arguments)
}

fn with_path(key: &str, path: &Path) -> std::ffi::OsString {
    let mut argument = std::ffi::OsString::from(format!("{key}#file="));
    argument.push(path);
    argument
}

impl HookTools for ProcessTools {
    fn call(&self, call: &ToolCall) -> Result<Vec<u8>, ToolError> {
        let unavailable = |source| ToolError::Unavailable { tool: call.tool, source };
        let mut files = None;
        let arguments = rendered(call, &mut files).map_err(unavailable)?;
        let mut child = Command::new(call.tool)
            .args(arguments)
            .stdin(if call.stdin.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(unavailable)?;
        // A tool reads all of stdin before it prints anything, so there is no deadlock. One that
        // ends without reading tells why by its exit status.
        if let (Some(text), Some(mut stdin)) = (&call.stdin, child.stdin.take()) {
            match stdin.write_all(text.reveal().as_bytes()) {
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                    return Err(unavailable(error));
                }
                _ => {}
            }
        }
        let output = child.wait_with_output().map_err(unavailable)?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let stderr = String::from_utf8_lossy(&output.stderr);
        let stderr = stderr.trim();
        Err(ToolError::Refused {
            tool: call.tool,
            arguments: call.shown_arguments(),
            code: output.status.code(),
            stderr: stderr.strip_prefix("ERROR ").unwrap_or(stderr).to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::SecretText;

    #[test]
    fn stdin_and_output_pass_through() {
        let printed = ProcessTools.call(&ToolCall::new("cat").stdin("{\"a\":\"b\"}"));
        assert_eq!(printed.expect("printed"), b"{\"a\":\"b\"}");
    }

    #[test]
    fn secrets_travel_in_private_files() {
        let mut call = ToolCall::new("sh").arg("-c").arg("f=${0#*#file=}; stat -c %a $f; cat $f");
        let content = SecretText::new("hunter2");
        call.arguments.push(Argument::SecretFile { key: "key".to_owned(), content });
        let printed = ProcessTools.call(&call).expect("printed");
        assert_eq!(String::from_utf8_lossy(&printed), "600\nhunter2");
    }

    #[test]
    fn a_refusal_tells_tool_status_and_words_but_no_secret() {
        let mut call = ToolCall::new("sh").arg("-c").arg("echo ERROR no such relation >&2; exit 2");
        let content = SecretText::new("hunter2");
        call.arguments.push(Argument::SecretFile { key: "key".to_owned(), content });
        let shown = ProcessTools.call(&call).expect_err("refused").to_string();
        assert!(shown.contains("status 2: no such relation"), "{shown}");
        assert!(shown.contains("key#file=(secret)") && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn a_missing_tool_is_named() {
        let shown = ProcessTools.call(&ToolCall::new("no-such-tool")).expect_err("none");
        assert_eq!(shown.to_string(), "cannot run the hook tool `no-such-tool`");
    }
}
