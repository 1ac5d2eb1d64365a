//! A website over TLS with its own certificate authority, where clients publish metadata documents and keys.
//!
//! It serves and counts requests, and fails when a test says so. It checks nothing.

mod key;

use std::collections::HashMap;
use std::fs;
use std::net::{Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

pub use key::{ASSERTION_TYPE, ClientKey};

/// The certificate authority of the site.
const AUTHORITY: &str = "authority.pem";

/// A running site; dropping it stops it.
#[derive(Debug)]
pub struct Site {
    address: SocketAddr,
    told: Arc<Mutex<Told>>,
    server: JoinHandle<()>,
    directory: TempDir,
}

/// A response at a path.
#[derive(Clone, Debug)]
pub struct SiteResponse {
    /// The status as in a status line.
    pub status: &'static str,
    /// Full header lines, each with its line break.
    pub headers: String,
    pub body: String,
}

#[derive(Debug, Default)]
struct Told {
    pages: HashMap<String, SiteResponse>,
    /// Each requested path, in order, with the head of its request.
    asked: Vec<(String, String)>,
}

impl SiteResponse {
    /// JSON with this `max-age` in seconds; the control plane caches it for at least a minute.
    pub fn json(document: &Value, max_age: u32) -> Self {
        let headers = format!("content-type: application/json\r\ncache-control: max-age={max_age}\r\n");
        Self { status: "200 OK", headers, body: document.to_string() }
    }

    #[must_use]
    pub fn with_status(self, status: &'static str) -> Self {
        Self { status, ..self }
    }
}

impl Site {
    pub async fn start() -> Result<Self> {
        let (authority, acceptor) = certified()?;
        let directory = tempfile::tempdir()?;
        fs::write(directory.path().join(AUTHORITY), authority)?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, told) = (listener.local_addr()?, Arc::<Mutex<Told>>::default());
        let server = tokio::spawn(serve(listener, acceptor, Arc::clone(&told)));
        Ok(Self { address, told, server, directory })
    }

    /// The `[outbound]` table that permits the control plane to connect to this site.
    pub fn outbound(&self) -> String {
        let (port, authority) = (self.address.port(), self.directory.path().join(AUTHORITY));
        // Both addresses of `localhost`: the guard permits a name only if all its addresses are permitted.
        let ipv6 = SocketAddr::from((Ipv6Addr::LOCALHOST, port));
        format!(
            "[outbound]\nextra_ca_file = {authority:?}\npermitted_addresses = [\"{}\", \"{ipv6}\"]\nports = [{port}]\n",
            self.address
        )
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port())
    }

    pub fn show(&self, path: &str, shown: SiteResponse) {
        self.told().pages.insert(path.to_owned(), shown);
    }

    /// Publishes the metadata document of a valid client at `path`, with `members` added or replaced; returns
    /// its URL.
    pub fn publish(&self, path: &str, members: &Value) -> String {
        let mut document = json!({
            "client_id": self.url(path),
            "client_name": "A documented app",
            "redirect_uris": [crate::flow::LOOPBACK, crate::flow::WEB],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        });
        for (name, value) in members.as_object().into_iter().flatten() {
            document[name] = value.clone();
        }
        self.show(path, SiteResponse::json(&document, 60));
        self.url(path)
    }

    /// The number of requests for `path`.
    pub fn asked(&self, path: &str) -> usize {
        self.told().asked.iter().filter(|(asked, _)| asked == path).count()
    }

    /// The heads of all requests.
    pub fn heads(&self) -> Vec<String> {
        self.told().asked.iter().map(|(_, head)| head.clone()).collect()
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        told(&self.told)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn told(told: &Mutex<Told>) -> MutexGuard<'_, Told> {
    told.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, told: Arc<Mutex<Told>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, told) = (acceptor.clone(), Arc::clone(&told));
        // A client may close the connection early: that is no failure.
        drop(tokio::spawn(async move { answer(stream, &acceptor, &told).await }));
    }
}

async fn answer(stream: TcpStream, acceptor: &TlsAcceptor, all: &Mutex<Told>) -> Result<()> {
    let mut stream = acceptor.accept(stream).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head)?;
    let path = head.split(' ').nth(1).context("a path")?.to_owned();
    let nothing = || SiteResponse { status: "404 Not Found", headers: String::new(), body: String::new() };
    let SiteResponse { status, headers, body } = {
        let mut told = told(all);
        let shown = told.pages.get(&path).cloned().unwrap_or_else(nothing);
        told.asked.push((path, head));
        shown
    };
    let length = body.len();
    let answer = format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}");
    stream.write_all(answer.as_bytes()).await?;
    Ok(stream.shutdown().await?)
}

/// A new certificate authority and a certificate of it.
fn certified() -> Result<(String, TlsAcceptor)> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate()?;
    let pem = authority.self_signed(&authority_key)?.pem();
    let key = KeyPair::generate()?;
    let leaf = CertificateParams::new(vec!["localhost".to_owned()])?;
    let chain = vec![leaf.signed_by(&key, &Issuer::new(authority, authority_key))?.der().clone()];
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::Pkcs8(key.serialize_der().into()))?;
    Ok((pem, TlsAcceptor::from(Arc::new(config))))
}
