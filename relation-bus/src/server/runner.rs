//! Runs hooks for as long as there are any, between and during commands, and keeps the models.

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::keep;
use super::listen::Shared;
use crate::controller::Controller;

/// How often the clocks of the models follow the clock on the wall.
const TICK: Duration = Duration::from_secs(1);

/// While hooks run, models are kept no more often than this.
const KEEP_PAUSE: Duration = Duration::from_millis(500);

/// Keeping may take this part of the time: large models are kept less often.
const KEEP_PART: u32 = 20;

/// Runs the hooks of all models, for ever. One hook of a model at a time.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut ticked = Instant::now();
    let mut keeper = Keeper::default();
    loop {
        {
            let mut controller = shared.controller.lock().await;
            controller.tick(ticked.elapsed());
            ticked = Instant::now();
            while let Some(begun) = controller.begin() {
                shared.changed();
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    let came = begun.run().await;
                    let finished = shared.controller.lock().await.finish(came);
                    if let Err(error) = finished {
                        // The model's log has it, too.
                        note(&error);
                    }
                    shared.changed();
                    shared.wake.notify_one();
                });
            }
            if controller.has_come_to_rest() {
                shared.changed();
            }
            keeper.keep(&shared, &controller);
        }
        // Either there is something to do, or a second is over.
        drop(tokio::time::timeout(TICK, shared.wake.notified()).await);
    }
}

/// Knows what was kept last.
#[derive(Debug, Default)]
struct Keeper {
    revision: u64,
    last: Option<Instant>,
    took: Duration,
}

impl Keeper {
    /// Keeps the models if anything has changed: at once when they have come to rest, else from
    /// time to time.
    fn keep(&mut self, shared: &Shared, controller: &Controller) {
        let revision = shared.revision();
        let settled = controller.models().values().all(|hosted| hosted.is_settled());
        let pause = KEEP_PAUSE.max(self.took * KEEP_PART);
        let recent = self.last.is_some_and(|last| last.elapsed() < pause);
        if revision == self.revision || (recent && !settled) {
            return;
        }
        let started = Instant::now();
        match keep::write(&shared.folder, controller.save()) {
            Ok(()) => {
                (self.revision, self.last) = (revision, Some(Instant::now()));
                self.took = started.elapsed();
            }
            Err(error) => note(&error),
        }
    }
}

/// Writes an error into the server's log, which is its standard error.
fn note(error: &dyn std::error::Error) {
    let chain = std::iter::successors(Some(error), |error| error.source());
    let text = chain.map(ToString::to_string).collect::<Vec<_>>().join(": ");
    // Without a log nobody can be told.
    drop(writeln!(std::io::stderr(), "error: {text}"));
}
