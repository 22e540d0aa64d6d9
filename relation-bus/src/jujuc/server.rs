//! The agent's end: a socket that lives as long as one hook.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::{JoinHandle, JoinSet};

use super::wire::{METHOD, Request, RequestHeader, Response, ResponseWriter, ValueReader};

/// Answers one call; an error text refuses it.
pub type Handler = Arc<dyn Fn(Request) -> Result<Response, String> + Send + Sync>;

/// A socket that answers hook tools until it is dropped.
#[derive(Debug)]
pub struct Server {
    task: JoinHandle<()>,
}

impl Server {
    /// Listens on a path and answers with the handler.
    ///
    /// # Errors
    ///
    /// When the socket cannot be made: the path is too long, or its folder is absent.
    pub fn start(path: &Path, handler: Handler) -> io::Result<Self> {
        if let Err(error) = std::fs::remove_file(path)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let listener = UnixListener::bind(path)?;
        let task = tokio::spawn(async move {
            // Dropped with this task, and all connections with it.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                while connections.try_join_next().is_some() {}
                let handler = Arc::clone(&handler);
                connections.spawn(async move {
                    // A tool that goes away in the middle harms nobody.
                    drop(serve(stream, handler).await);
                });
            }
        });
        Ok(Self { task })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: UnixStream, handler: Handler) -> io::Result<()> {
    let mut reader = ValueReader::default();
    let mut writer = ResponseWriter::default();
    let mut header = None;
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        reader.feed(&buffer[..count]);
        while let Some(value) = reader.next_value().map_err(io::Error::other)? {
            let Some(request) = header.take() else {
                header = Some(RequestHeader::read(&value));
                continue;
            };
            let bytes = match answer(&request, &value, &handler) {
                Ok(response) => writer.reply(&request, &response),
                Err(error) => writer.refusal(&request, &error),
            };
            stream.write_all(&bytes).await?;
        }
    }
}

fn answer(
    header: &RequestHeader,
    argument: &super::gob::Value,
    handler: &Handler,
) -> Result<Response, String> {
    match header.method.split_once('.') {
        _ if header.method == METHOD => {}
        Some(("Jujuc", _)) => return Err(format!("rpc: can't find method {}", header.method)),
        Some(_) => return Err(format!("rpc: can't find service {}", header.method)),
        None => {
            return Err(format!("rpc: service/method request ill-formed: {}", header.method));
        }
    }
    let request = Request::read(argument);
    if request.command.is_empty() {
        return Err("bad request: command not specified".to_owned());
    }
    if !request.directory.starts_with('/') {
        return Err("bad request: Dir is not absolute".to_owned());
    }
    handler(request)
}
