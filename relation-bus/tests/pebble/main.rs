#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]
//! How a Pebble behaves, as cases that hold for the embedded server and for real daemons alike.
//!
//! Each case is a function over a [`target::Target`]; `cases!` makes two tests of it. Those against a real daemon are
//! ignored unless asked for: set `PEBBLE_DAEMON` to the program (v1.26 or newer) and run them with `--ignored`.

mod execs;
mod files;
mod layers;
mod objects;
mod services;
mod target;
mod telemetry;

/// Makes a test against the embedded server and one against a real daemon of each case.
macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        mod embedded {
            $(
                #[tokio::test]
                async fn $name() {
                    super::$name($crate::target::Target::embedded().await).await;
                }
            )*
        }

        mod real {
            $(
                #[tokio::test]
                #[ignore = "needs pebble"]
                async fn $name() {
                    super::$name($crate::target::Target::real().await).await;
                }
            )*
        }
    };
}
pub(crate) use cases;
