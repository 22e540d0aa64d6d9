//! What should become of a container's services, and what a change of their inputs calls for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Trigger;

/// What should become of our services.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ServiceGoal {
    /// Left as they are.
    #[default]
    Untouched,
    /// `replan`: enabled services that don't run are started, those whose entry changed are
    /// restarted. Asked for only when there is something to do.
    Replanned(BTreeSet<String>),
    /// Running with the newest of their inputs.
    Running(RunningServices),
    /// Stopped, those of them that are in the plan and run.
    Stopped(BTreeSet<String>),
}

/// Services that should run with the newest of their inputs.
///
/// Whatever calls for a restart, there is one for all of it. Services that don't run are started.
/// Nothing else restarts a service, a failed check least of all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunningServices {
    /// The services.
    pub services: BTreeSet<String>,
    /// Changes that call for a restart whatever they are about.
    pub trigger: Trigger,
    /// What the charm found to differ, and what that calls for.
    pub causes: Causes,
    /// How the services take new inputs without a restart. Without it nothing is reloaded.
    pub reload: Option<Reload>,
    /// What to do when services don't start.
    pub retry: Retry,
    /// What is waited for after a restart; nothing: that they run.
    pub settle: Option<Settle>,
}

/// When services count as settled after a restart.
///
/// The check is run at growing intervals until it is good, down, or the patience is over. A Pebble
/// before 1.20 can't run it on demand, and services then count as settled at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settle {
    /// The check that says that they are ready.
    pub check: String,
    /// How long a dispatch waits for it.
    pub patience: Duration,
}

/// What differs (`configuration`, `certificate`), and what it calls for.
pub type Causes = BTreeMap<String, Renewal>;

/// What a difference calls for; of several the greatest counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Renewal {
    /// Nothing: the workload looks at its inputs by itself, or the difference can wait.
    Nothing,
    /// The workload is told to read its inputs again.
    Reload,
    /// The process is replaced.
    Restart,
}

impl Renewal {
    /// The word by which solutions and notes call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::Reload => "reload",
            Self::Restart => "restart",
        }
    }

    /// The one that a word stands for.
    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Nothing, Self::Reload, Self::Restart]
            .into_iter()
            .find(|known| known.as_str() == word)
    }
}

/// How a workload is told to read its inputs again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reload {
    /// A command in its container; exit code 0 is success.
    Command(Vec<String>),
    /// A POST request without a body, from the charm container; an answer of 2xx is success.
    Post {
        /// The URL.
        url: String,
        /// The certificate authority to trust, in PEM form; the charm container's without.
        ca: Option<String>,
    },
    /// A signal to the main process of each service that runs, such as `SIGHUP`.
    Signal(String),
}

/// How often a failed start is tried again before the hook fails, so that Juju tries later.
///
/// The pause doubles after each attempt, up to the longest one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Attempts in all, at least one.
    pub attempts: u32,
    /// Pause before the second attempt.
    pub pause: Duration,
    /// The longest pause between two attempts.
    pub longest_pause: Duration,
}

impl Default for Retry {
    /// A minute in steps of five seconds, as the published workers do it.
    fn default() -> Self {
        let pause = Duration::from_secs(5);
        Self { attempts: 12, pause, longest_pause: pause }
    }
}

impl Retry {
    /// The pause after an attempt that failed, counted from 1.
    pub fn pause_after(&self, attempt: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(attempt.saturating_sub(1));
        self.pause.saturating_mul(doubled).min(self.longest_pause.max(self.pause))
    }
}

/// What differs in words: `configuration, environment and certificate changed`.
pub fn in_words(subjects: &BTreeSet<String>) -> String {
    let subjects: Vec<&str> = subjects.iter().map(String::as_str).collect();
    match &subjects[..] {
        [] => String::new(),
        [only] => format!("{only} changed"),
        [most @ .., last] => format!("{} and {last} changed", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let seconds = |retry: Retry| [1, 2, 3, 40].map(|n| retry.pause_after(n).as_secs());
        assert_eq!(seconds(Retry::default()), [5, 5, 5, 5]);
        let longest_pause = Duration::from_secs(7);
        let retry = Retry { attempts: 9, pause: Duration::from_secs(2), longest_pause };
        assert_eq!(seconds(retry), [2, 4, 7, 7]);
    }

    #[test]
    fn what_differs_is_told_in_a_sentence() {
        let told =
            |subjects: &[&str]| in_words(&subjects.iter().map(ToString::to_string).collect());
        assert_eq!(told(&["layer"]), "layer changed");
        assert_eq!(told(&["c", "a", "b"]), "a, b and c changed");
    }

    #[test]
    fn of_several_classes_the_greatest_counts() {
        assert!(Renewal::Nothing < Renewal::Reload && Renewal::Reload < Renewal::Restart);
        for class in [Renewal::Nothing, Renewal::Reload, Renewal::Restart] {
            assert_eq!(Renewal::of_word(class.as_str()), Some(class));
        }
        assert_eq!(Renewal::of_word("Restart"), None);
    }
}
