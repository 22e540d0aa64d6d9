//! A whole folder of cases: play, judge, and hold the verdicts against the list of those pending.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::{self, Write as _};
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use futures_util::StreamExt;
use futures_util::stream;

use super::case::{Case, Role};
use super::compare::{Judgement, Profile, Rules, Strictness, judge};
use super::lists::{Decided, Pending};
use super::play::play;

/// The case files of a folder, by name.
///
/// # Errors
///
/// When the folder can't be read.
pub fn case_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// How a folder of cases is played and judged.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The program of each charm.
    pub programs: Programs,
    /// Where ours differs on purpose.
    pub decided: Decided,
    /// How strict databag values are compared.
    pub strictness: Strictness,
    /// How many cases are played at a time.
    pub at_a_time: NonZeroUsize,
}

/// The charms under test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programs {
    /// The coordinator.
    pub coordinator: PathBuf,
    /// The worker.
    pub worker: PathBuf,
}

impl Programs {
    /// The program that plays a role.
    #[must_use]
    pub fn of(&self, role: Role) -> &Path {
        match role {
            Role::Coordinator => &self.coordinator,
            Role::Worker => &self.worker,
        }
    }
}

/// Plays and judges cases; the verdicts come in the order of the files.
pub async fn play_all(files: &[PathBuf], plan: &Plan) -> Vec<Played> {
    stream::iter(files)
        .map(|file| play_file(file, plan))
        .buffered(plan.at_a_time.get())
        .collect()
        .await
}

async fn play_file(file: &Path, plan: &Plan) -> Played {
    let case = match Case::read(file) {
        Ok(case) => case,
        Err(error) => {
            let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            return Played { name, verdict: Verdict::NotPlayed(chain(&error)) };
        }
    };
    let verdict = match play(&case, plan.programs.of(case.input.role)).await {
        Ok(played) => {
            let rules = Rules {
                strictness: plan.strictness,
                profile: Profile::of(&case.input),
                decided: plan.decided.of(&case.input.name),
            };
            Verdict::Judged {
                judgement: judge(&case.expected, &played.outcome, rules),
                failure: played.failure,
            }
        }
        Err(error) => Verdict::NotPlayed(chain(&error)),
    };
    Played { name: case.input.name, verdict }
}

/// An error and its causes in one line.
fn chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |error: &&dyn Error| (*error).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// What became of one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Played {
    /// The case's name.
    pub name: String,
    /// What came of it.
    pub verdict: Verdict,
}

/// What came of playing and judging a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The outcome was judged.
    Judged {
        /// What came of it.
        judgement: Judgement,
        /// Why our hook failed, if it did.
        failure: Option<String>,
    },
    /// The case could not be played; why.
    NotPlayed(String),
}

impl Verdict {
    /// Whether the case passes.
    #[must_use]
    pub fn passes(&self) -> bool {
        matches!(self, Verdict::Judged { judgement: Judgement::Same { .. }, .. })
    }

    fn word(&self) -> &'static str {
        match self {
            Verdict::Judged { judgement, .. } => match judgement {
                Judgement::Same { decided } if decided.is_empty() => "passes",
                Judgement::Same { .. } => "passes, differs as decided",
                Judgement::Different { .. } => "differs",
                Judgement::CarriesOn { .. } => "carries on",
            },
            Verdict::NotPlayed(_) => "not played",
        }
    }

    fn detail(&self) -> Option<String> {
        let (judgement, failure) = match self {
            Verdict::Judged { judgement, failure } => (judgement, failure),
            Verdict::NotPlayed(why) => return Some(why.clone()),
        };
        match judgement {
            Judgement::Same { .. } => None,
            Judgement::Different { differences } => {
                let mut detail = differences.first()?.to_string();
                if let Some(failure) = failure {
                    let _ = write!(detail, "\n    {}", failure.replace('\n', "\n    "));
                }
                if differences.len() > 1 {
                    let _ = write!(detail, "\n    and {} more", differences.len() - 1);
                }
                Some(detail)
            }
            Judgement::CarriesOn { kind } => Some(format!(
                "works where the reference fails its hook ({kind}); \
                 if that is meant, decide on the path `raised`"
            )),
        }
    }
}

/// The verdicts on a folder, held against the list of cases that don't pass yet.
#[derive(Debug, Clone)]
pub struct Report<'a> {
    played: &'a [Played],
    pending: &'a Pending,
}

impl<'a> Report<'a> {
    /// A report on cases that were played.
    #[must_use]
    pub fn new(played: &'a [Played], pending: &'a Pending) -> Self {
        Report { played, pending }
    }

    /// Whether all is as the list says: what isn't in it passes, and what is in it doesn't. A
    /// list that is too long is refused, so that it only gets shorter.
    #[must_use]
    pub fn is_as_expected(&self) -> bool {
        self.unexpected().next().is_none() && self.unknown().is_empty()
    }

    fn unexpected(&self) -> impl Iterator<Item = &Played> {
        self.played.iter().filter(|case| case.verdict.passes() == self.pending.contains(&case.name))
    }

    fn unknown(&self) -> Vec<&str> {
        let names: BTreeSet<&str> = self.played.iter().map(|case| case.name.as_str()).collect();
        self.pending.without(&names).collect()
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.played.iter().map(|case| case.name.len()).max().unwrap_or(0);
        for case in self.played {
            let listed = self.pending.contains(&case.name);
            let note = match (listed, case.verdict.passes()) {
                (true, true) => ", but is listed as pending",
                (true, false) => " (pending)",
                (false, _) => "",
            };
            writeln!(f, "{:width$}  {}{note}", case.name, case.verdict.word())?;
        }
        for case in self.played {
            if let Some(detail) = case.verdict.detail() {
                writeln!(f, "\n{}: {detail}", case.name)?;
            }
        }
        for name in self.unknown() {
            writeln!(f, "\n{name}: is listed as pending, but there is no such case")?;
        }
        let passing = self.played.iter().filter(|case| case.verdict.passes()).count();
        write!(f, "\n{passing} of {} cases pass", self.played.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::compare::Difference;
    use super::*;

    fn played(name: &str, differs: Differs) -> Played {
        let judgement = match differs {
            Differs::No => Judgement::Same { decided: Vec::new() },
            Differs::Yes => Judgement::Different {
                differences: vec![Difference {
                    path: "unit_status".into(),
                    within: ".name".into(),
                    expected: Some("\"active\"".into()),
                    found: None,
                }],
            },
        };
        Played { name: name.into(), verdict: Verdict::Judged { judgement, failure: None } }
    }

    enum Differs {
        Yes,
        No,
    }

    #[test]
    fn a_pending_case_may_fail_and_must_not_pass() {
        let played = [played("a", Differs::No), played("b", Differs::Yes)];
        let as_expected = |list: &str| Report::new(&played, &Pending::parse(list)).is_as_expected();
        assert!(as_expected("b"));
        assert!(!as_expected(""));
        assert!(!as_expected("a\nb"));
        assert!(!as_expected("b\nno-such-case"));
    }

    #[test]
    fn the_report_is_a_table_and_the_first_difference_of_each() {
        let played = [played("long-name", Differs::No), played("b", Differs::Yes)];
        let pending = Pending::parse("b");
        assert_eq!(
            Report::new(&played, &pending).to_string(),
            "long-name  passes\n\
             b          differs (pending)\n\
             \n\
             b: unit_status at .name\n    expected \"active\"\n    found    nothing\n\
             \n\
             1 of 2 cases pass"
        );
    }
}
