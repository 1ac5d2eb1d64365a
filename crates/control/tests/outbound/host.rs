//! An HTTPS host with its own certificate authority that answers as a test says.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lychgate_control::outbound::{Policy, Timeouts};
use rcgen::KeyPair;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::authority::Authority;

/// The names in its certificate.
const NAMES: [&str; 4] = ["meta.example", "famous.example", "localhost", "127.0.0.1"];

/// Ends with the test's runtime.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    pub(crate) address: SocketAddr,
    authority: CertificateDer<'static>,
    state: watch::Sender<State>,
    answer: Arc<Mutex<Answer>>,
}

#[derive(Clone, Debug, Default)]
struct State {
    connections: usize,
    requests: Vec<String>,
    is_open: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// Sends these bytes and closes.
    Says(Vec<u8>),
    /// Sends these bytes once the host is opened.
    Behind(Vec<u8>),
    /// Sends these bytes, then one byte at a time without end.
    Drips(Vec<u8>),
    /// Sends these bytes, then more without end, as fast as possible.
    Pours(Vec<u8>),
    Hangs,
    /// Does not even answer the TLS handshake.
    HangsBeforeTls,
}

/// A successful JSON answer with additional headers.
pub(crate) fn good(headers: &str, body: &str) -> Answer {
    answers("200 OK", &format!("content-type: application/json\r\n{headers}"), body)
}

pub(crate) fn answers(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Answer {
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n", body.as_ref().len());
    Answer::Says([head.as_bytes(), body.as_ref()].concat())
}

impl Host {
    pub(crate) async fn start(answer: Answer) -> Self {
        Self::start_at("127.0.0.1:0", answer).await
    }

    pub(crate) async fn start_at(address: &str, answer: Answer) -> Self {
        // All hosts have authorities of one name: only the key tells an impostor apart.
        let authority = Authority::named("authority", KeyPair::generate().expect("a key"));
        let acceptor = authority.acceptor(&NAMES);
        let authority = CertificateDer::from_pem_slice(authority.pem().as_bytes()).expect("PEM");
        let listener = TcpListener::bind(address).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let host = Self { address, authority, state: watch::Sender::default(), answer: Arc::new(Mutex::new(answer)) };
        let serving = host.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                serving.state.send_modify(|state| state.connections += 1);
                tokio::spawn(serving.clone().serve(stream, acceptor.clone()));
            }
        });
        host
    }

    pub(crate) fn url(&self, name: &str, path: &str) -> String {
        format!("https://{name}:{}{path}", self.address.port())
    }

    /// A policy that permits this host only, with short timeouts.
    pub(crate) fn policy(&self) -> Policy {
        Policy { permitted: vec![self.address], ..self.policy_without_permission() }
    }

    /// The same policy without the permission for this address.
    pub(crate) fn policy_without_permission(&self) -> Policy {
        Policy {
            ports: vec![443, self.address.port()],
            permitted: Vec::new(),
            extra_roots: vec![self.authority.clone()],
            timeouts: Timeouts { connect: Duration::from_secs(2), total: Duration::from_secs(3) },
        }
    }

    pub(crate) fn now_answers(&self, answer: Answer) {
        *self.answer.lock().expect("unpoisoned") = answer;
    }

    pub(crate) fn connections(&self) -> usize {
        self.state.borrow().connections
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.state.borrow().requests.clone()
    }

    /// Waits until there were `count` requests.
    pub(crate) async fn has_requests(&self, count: usize) {
        self.state
            .subscribe()
            .wait_for(|state| state.requests.len() >= count)
            .await
            .expect("the host holds the other end");
    }

    pub(crate) fn open(&self) {
        self.state.send_modify(|state| state.is_open = true);
    }

    async fn serve(self, stream: TcpStream, acceptor: TlsAcceptor) {
        let answer = self.answer.lock().expect("unpoisoned").clone();
        if matches!(answer, Answer::HangsBeforeTls) {
            std::future::pending::<()>().await;
        }
        let Ok(mut stream) = acceptor.accept(stream).await else { return };
        let Some(request) = read_head(&mut stream).await else { return };
        self.state.send_modify(|state| state.requests.push(request));
        // A client that has read enough may hang up; that is no failure here.
        _ = self.say(answer, &mut stream).await;
        _ = stream.shutdown().await;
    }

    async fn say(&self, answer: Answer, stream: &mut (impl AsyncWrite + Unpin)) -> std::io::Result<()> {
        match answer {
            Answer::Says(bytes) => stream.write_all(&bytes).await,
            Answer::Behind(bytes) => {
                self.state.subscribe().wait_for(|state| state.is_open).await.expect("the host holds the other end");
                stream.write_all(&bytes).await
            }
            Answer::Drips(bytes) => {
                stream.write_all(&bytes).await?;
                let mut drip = tokio::time::interval(Duration::from_millis(100));
                loop {
                    drip.tick().await;
                    stream.write_all(b"1").await?;
                    stream.flush().await?;
                }
            }
            Answer::Pours(bytes) => {
                stream.write_all(&bytes).await?;
                loop {
                    stream.write_all(&[b'1'; 4096]).await?;
                }
            }
            Answer::Hangs | Answer::HangsBeforeTls => std::future::pending().await,
        }
    }
}

async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}
