//! `juju scp`: files to and from containers of units.

use std::path::{Component, Path, PathBuf};

use clap::Args;

use super::scp_files::Files;
use super::ssh::{Ignored, reach, takes_next, without_user};
use super::target::Target;
use super::{CommandError, Exit};
use crate::controller::acts::Place;
use crate::server::protocol::Refusal;

/// The options of OpenSSH's `scp` that take a value.
const VALUED: &str = "cDFiJloPSX";

/// Copy a file or a folder from or to a unit, `unit:path`.
#[derive(Debug, Args)]
pub(super) struct Scp {
    /// The container [default: the charm's].
    #[arg(long, value_name = "CONTAINER")]
    container: Option<String>,
    #[command(flatten)]
    ignored: Ignored,
    #[command(flatten)]
    target: Target,
    /// Options of OpenSSH's `scp`, which make no difference, the source, and the destination.
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "SOURCE DESTINATION"
    )]
    rest: Vec<String>,
}

/// One end of a copy.
#[derive(Debug, PartialEq, Eq)]
enum End<'a> {
    Local(&'a str),
    Unit { unit: &'a str, path: &'a str },
}

impl Scp {
    pub(super) async fn run(&self) -> Result<Exit, CommandError> {
        let (source, destination) = ends(&self.rest)?;
        if matches!((&source, &destination), (End::Local(_), End::Local(_))) {
            let message = "cannot copy from this machine to itself".to_owned();
            return Err(Refusal { message }.into());
        }
        let (from, path) = self.open(&source)?;
        let item = from.read(&path).await?;
        let (to, mut place) = self.open(&destination)?;
        let (End::Local(typed) | End::Unit { path: typed, .. }) = destination;
        if typed.is_empty() || typed.ends_with('/') || to.is_folder(&place).await? {
            let name = path.file_name().ok_or_else(|| Refusal {
                message: format!("cannot copy `{}`: it has no name", path.display()),
            })?;
            place.push(name);
        }
        to.write(&place, item).await?;
        Ok(Exit::Done)
    }

    /// The files of an end, and the path in them.
    fn open(&self, end: &End<'_>) -> Result<(Files, PathBuf), CommandError> {
        let (unit, path) = match end {
            End::Local(path) => return Ok((Files::Disk, PathBuf::from(path))),
            End::Unit { unit, path } => (unit, path),
        };
        Ok(match reach(&self.target, unit, self.container.as_deref())? {
            Place::Charm { root, .. } => (Files::Disk, below(&root, path)),
            Place::Embedded { socket } | Place::Real { socket, .. } => {
                (Files::pebble(&socket)?, below(Path::new("/"), path))
            }
        })
    }
}

/// Source and destination among the words of the command line.
fn ends(words: &[String]) -> Result<(End<'_>, End<'_>), Refusal> {
    let mut words = words.iter().map(String::as_str);
    let mut paths = Vec::new();
    while let Some(word) = words.next() {
        if word == "--" {
            continue;
        } else if !word.starts_with('-') || word == "-" {
            paths.push(end(word));
        } else if takes_next(word, VALUED) {
            words.next();
        }
    }
    let mut paths = paths.into_iter();
    match (paths.next(), paths.next(), paths.next()) {
        (Some(source), Some(destination), None) => Ok((source, destination)),
        (_, _, Some(_)) => Err(Refusal {
            message: "only one source and one destination are allowed for a k8s application"
                .to_owned(),
        }),
        _ => Err(Refusal { message: "source and destination are required".to_owned() }),
    }
}

/// A path of a unit, `[user@]unit:path`, or one of this machine.
fn end(word: &str) -> End<'_> {
    match word.split_once(':') {
        Some((target, path)) if !target.is_empty() && !target.starts_with(['/', '.']) => {
            End::Unit { unit: without_user(target), path }
        }
        _ => End::Local(word),
    }
}

/// A path of a container as one below its root; no `..` leads out of it.
fn below(root: &Path, path: &str) -> PathBuf {
    let mut inner = PathBuf::new();
    for part in Path::new(path).components() {
        match part {
            Component::Normal(name) => inner.push(name),
            Component::ParentDir => drop(inner.pop()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    root.join(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(ToOwned::to_owned).collect()
    }

    #[test]
    fn source_and_destination_stand_behind_options() {
        let line = words("-- -r -C -o A=b -P 22 ubuntu@web/0:/etc/x ./y:z");
        let unit = End::Unit { unit: "web/0", path: "/etc/x" };
        assert_eq!(ends(&line).unwrap(), (unit, End::Local("./y:z")));
        let line = words("y web/leader:");
        let unit = End::Unit { unit: "web/leader", path: "" };
        assert_eq!(ends(&line).unwrap(), (End::Local("y"), unit));
    }

    #[test]
    fn one_and_three_paths_are_refused_in_jujus_words() {
        let refused = |line| ends(&words(line)).unwrap_err().message;
        assert_eq!(refused("-r a"), "source and destination are required");
        let many = "only one source and one destination are allowed for a k8s application";
        assert_eq!(refused("a b web/0:/"), many);
    }

    #[test]
    fn no_path_leads_out_of_the_root() {
        let path = |path| below(Path::new("/u"), path);
        assert_eq!(path("/var/x"), Path::new("/u/var/x"));
        assert_eq!(path("var/./x/../y"), Path::new("/u/var/y"));
        assert_eq!(path("../../etc"), Path::new("/u/etc"));
    }
}
