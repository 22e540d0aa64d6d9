//! How a server within this process begins and ends: what all of the bus's loopback servers share.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How long a stopping server waits for requests that are being answered.
const STOP_LIMIT: Duration = Duration::from_secs(1);

/// Over when the server is to end.
pub(crate) type Stopped = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A server at work. It stops when this is dropped.
#[derive(Debug)]
pub(crate) struct Serving {
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Serving {
    /// Begins a server that ends gracefully once it is stopped. Must be called within a tokio
    /// runtime. `name` is for the log, should it end by itself.
    pub(crate) fn begin<F>(name: &'static str, serve: impl FnOnce(Stopped) -> F) -> Self
    where
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = serve(Box::pin(async {
            // Either way it is time: told so, or nobody is left who could tell.
            stopped.await.ok();
        }));
        let task = tokio::spawn(async move {
            if let Err(error) = serving.await {
                tracing::warn!(%error, "{name} server ended");
            }
        });
        Self { stop: Some(stop), task }
    }

    /// No new connections from now on; the open ones are closed after the answer they are at. True
    /// the first time.
    pub(crate) fn hang_up(&mut self) -> bool {
        match self.stop.take() {
            Some(stop) => {
                // Fails only if the server has ended by itself.
                stop.send(()).ok();
                true
            }
            None => false,
        }
    }

    /// Hangs up, and waits until the server has ended.
    pub(crate) async fn stop(&mut self) {
        self.hang_up();
        if tokio::time::timeout(STOP_LIMIT, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.hang_up();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_ends_when_it_is_stopped() {
        let (said, heard) = oneshot::channel();
        let mut serving = Serving::begin("test", |stopped| async move {
            stopped.await;
            said.send("over").ok();
            Ok(())
        });
        serving.stop().await;
        assert_eq!(heard.await, Ok("over"));
        assert!(!serving.hang_up());
    }
}
