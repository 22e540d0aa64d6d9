//! Runs hooks for as long as there are any, between and during commands.

use std::sync::Arc;

use super::listen::Shared;

/// Runs the hooks of all models, for ever. One hook of a model at a time.
pub(super) async fn run(shared: Arc<Shared>) {
    loop {
        {
            let mut controller = shared.controller.lock().await;
            while let Some(begun) = controller.begin() {
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    let came = begun.run().await;
                    let finished = shared.controller.lock().await.finish(came);
                    if let Err(error) = finished {
                        // The model's log has it, too.
                        tracing::warn!(%error, "a hook could not be tried");
                    }
                    shared.wake.notify_one();
                });
            }
        }
        shared.changed();
        shared.wake.notified().await;
    }
}
