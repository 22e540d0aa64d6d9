//! A whole folder of cases: play, judge, and hold the verdicts against the list of those pending.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use super::compare::Judgement;
use super::lists::Pending;

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
    Judged(Judgement),
    /// The case could not be played; why.
    NotPlayed(String),
}

impl Verdict {
    /// Whether the case passes.
    #[must_use]
    pub fn passes(&self) -> bool {
        matches!(self, Verdict::Judged(Judgement::Same { .. }))
    }

    fn word(&self) -> &'static str {
        match self {
            Verdict::Judged(Judgement::Same { decided }) if decided.is_empty() => "passes",
            Verdict::Judged(Judgement::Same { .. }) => "passes, differs as decided",
            Verdict::Judged(Judgement::Different { .. }) => "differs",
            Verdict::Judged(Judgement::CarriesOn { .. }) => "carries on",
            Verdict::NotPlayed(_) => "not played",
        }
    }

    fn detail(&self) -> Option<String> {
        match self {
            Verdict::Judged(Judgement::Same { .. }) => None,
            Verdict::Judged(Judgement::Different { differences }) => {
                let first = differences.first()?;
                let more = match differences.len() - 1 {
                    0 => String::new(),
                    1 => "\n    and one difference more".to_owned(),
                    more => format!("\n    and {more} differences more"),
                };
                Some(format!("{first}{more}"))
            }
            Verdict::Judged(Judgement::CarriesOn { kind }) => Some(format!(
                "works where the reference fails its hook ({kind}): decide so with the path `raised`"
            )),
            Verdict::NotPlayed(why) => Some(why.clone()),
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
        Played { name: name.into(), verdict: Verdict::Judged(judgement) }
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
