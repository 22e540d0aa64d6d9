//! What a charm's program takes on its command line.

use std::ffi::OsString;

use clap::{Parser, ValueEnum};

/// A Juju charm. Juju runs it without arguments, with the event in the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Parser)]
#[command(name = "dispatch", version)]
pub(super) struct Arguments {
    /// Say whether the charm can be used as it is packed, and do nothing.
    ///
    /// Looks at the files of the working directory, needs no Juju.
    #[arg(long, conflicts_with = "dry_run")]
    pub(super) check: bool,

    /// Print what would be written, and write nothing.
    ///
    /// Reads the model, containers and cluster as a hook would. Without an event (`juju exec`) it
    /// shows what `update-status` would do.
    #[arg(long)]
    pub(super) dry_run: bool,

    /// How a dry run prints. JSON is a stable contract, text is for people.
    #[arg(long, value_enum, default_value_t = Format::Text, requires = "dry_run")]
    pub(super) format: Format,
}

/// The form of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// One change a line.
    Text,
    /// One JSON object with members `changes` and `charm_tracing`.
    Json,
}

/// Reads the arguments. The error prints itself; for `--help` it is the help.
pub(super) fn parse(
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<Arguments, clap::Error> {
    Arguments::try_parse_from(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Arguments, clap::error::ErrorKind> {
        let program = std::iter::once("dispatch").chain(arguments.iter().copied());
        parse(program.map(OsString::from)).map_err(|error| error.kind())
    }

    #[test]
    fn arguments_are_read() {
        assert_eq!(
            parsed(&[]),
            Ok(Arguments { check: false, dry_run: false, format: Format::Text })
        );
        assert_eq!(
            parsed(&["--dry-run", "--format", "json"]),
            Ok(Arguments { check: false, dry_run: true, format: Format::Json })
        );
        assert_eq!(
            parsed(&["--check"]),
            Ok(Arguments { check: true, dry_run: false, format: Format::Text })
        );
        assert_eq!(
            parsed(&["--check", "--dry-run"]),
            Err(clap::error::ErrorKind::ArgumentConflict)
        );
        assert_eq!(
            parsed(&["--format", "json"]),
            Err(clap::error::ErrorKind::MissingRequiredArgument)
        );
        assert_eq!(parsed(&["x"]), Err(clap::error::ErrorKind::UnknownArgument));
    }
}
