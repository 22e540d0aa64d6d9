//! A connection to a server that isn't Juju's: a receiver of traces, or a workload.
//!
//! Made by hand from hyper and rustls: the certificate authority is the destination's own, and the
//! names of a played unit are those of its hosts file, which no server is ever asked for.

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use http::{Request, StatusCode, Uri};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use crate::host::HostRoot;

/// Where the charm container keeps the authorities that it trusts.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Why there is no connection, or no more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectionError {
    #[error("cannot use `{0}` as a URL: expected `http` or `https`, a host and a path")]
    Url(String),
    #[error("cannot find the address of `{0}`")]
    Name(String),
    #[error("cannot use the certificate authority of `{0}`")]
    Authority(String),
    #[error("cannot connect")]
    Io(#[from] io::Error),
    #[error("cannot set TLS up")]
    Tls(#[from] rustls::Error),
    #[error("cannot talk HTTP")]
    Http(#[from] hyper::Error),
    #[error("cannot make a request")]
    Request(#[from] http::Error),
}

/// An open connection.
pub(crate) struct Connection {
    uri: Uri,
    authority: String,
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Connection {
    /// Connects to where a URL points; `ca` is the authority to trust, in PEM form.
    pub(crate) async fn open(
        url: &str,
        ca: Option<&str>,
        root: &HostRoot,
    ) -> Result<Self, ConnectionError> {
        let refused = || ConnectionError::Url(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| refused())?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(refused());
        };
        let is_tls = match scheme {
            "http" => false,
            "https" => true,
            _ => return Err(refused()),
        };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let stream = TcpStream::connect(&*addresses(&host, port, root).await?).await?;
        let authority = authority.to_string();
        let (sender, driver) = if is_tls {
            let config = tls(url, ca, root)?;
            let name = ServerName::try_from(host.clone()).map_err(|_| refused())?;
            talk(TlsConnector::from(Arc::new(config)).connect(name, stream).await?).await?
        } else {
            talk(stream).await?
        };
        Ok(Self { uri, authority, sender, driver })
    }

    /// Posts a batch and gives the receiver's answer.
    pub(crate) async fn post(&mut self, batch: &[u8]) -> Result<StatusCode, ConnectionError> {
        let request = self
            .request()
            .header("content-type", "application/x-protobuf")
            .body(Full::new(Bytes::copy_from_slice(batch)))?;
        self.send(request).await
    }

    /// Posts a request without a body and gives the answer's status.
    pub(crate) async fn post_nothing(&mut self) -> Result<StatusCode, ConnectionError> {
        let request = self.request().header("content-length", "0").body(Full::default())?;
        self.send(request).await
    }

    fn request(&self) -> http::request::Builder {
        let path = self.uri.path_and_query().map_or("/", |path| path.as_str());
        Request::post(path).header("host", &self.authority)
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<StatusCode, ConnectionError> {
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        // The connection is free for the next batch only when the answer is read.
        http_body_util::BodyExt::collect(response.into_body()).await?;
        Ok(status)
    }
}

async fn talk(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Result<(SendRequest<Full<Bytes>>, JoinHandle<()>), ConnectionError> {
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // What ends the connection shows in the requests on it.
    let driver = tokio::spawn(async move {
        let _ = connection.await;
    });
    Ok((sender, driver))
}

async fn addresses(
    host: &str,
    port: u16,
    root: &HostRoot,
) -> Result<Vec<SocketAddr>, ConnectionError> {
    let missing = || ConnectionError::Name(host.to_owned());
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    if root.is_real() {
        return Ok(tokio::net::lookup_host((host, port)).await.map_err(|_| missing())?.collect());
    }
    let hosts = root.hosts().into_iter();
    if host.eq_ignore_ascii_case("localhost") {
        return Ok(vec![SocketAddr::new(IpAddr::from([127, 0, 0, 1]), port)]);
    }
    let named = hosts.filter(|(_, names)| names.iter().any(|name| name.eq_ignore_ascii_case(host)));
    let found: Vec<SocketAddr> = named
        .filter_map(|(address, _)| Some(SocketAddr::new(address.parse().ok()?, port)))
        .collect();
    if found.is_empty() { Err(missing()) } else { Ok(found) }
}

fn tls(url: &str, ca: Option<&str>, root: &HostRoot) -> Result<ClientConfig, ConnectionError> {
    let pem = match ca {
        Some(ca) => ca.as_bytes().to_vec(),
        None => fs::read(root.path(Path::new(AUTHORITIES)))?,
    };
    let refused = || ConnectionError::Authority(url.to_owned());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        roots.add(certificate.map_err(|_| refused())?)?;
    }
    if roots.is_empty() {
        return Err(refused());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}
