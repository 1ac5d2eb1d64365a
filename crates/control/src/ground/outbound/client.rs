//! One connection, one GET, one answer of bounded size.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderMap, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, USER_AGENT,
};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::task::AbortOnDropHandle;
use url::{Position, Url};

use super::address::Checked;
use super::{Fetched, OutboundError, Validators};

/// The number of addresses tried: a name with hundreds must not make us connect to all of them.
const MAX_ATTEMPTS: usize = 3;
/// The largest head of an answer.
const MAX_BUFFER_BYTES: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;

pub(super) type Stream = TlsStream<TcpStream>;

#[derive(Clone)]
pub(super) struct Client(TlsConnector);

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Client")
    }
}

impl Client {
    pub(super) fn new(extra_roots: &[CertificateDer<'static>]) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        let native = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(native.certs);
        for root in extra_roots {
            roots.add(root.clone()).context("an extra certification authority cannot be used")?;
        }
        anyhow::ensure!(!roots.is_empty(), "this machine has no certification authorities: {:?}", native.errors);
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Each answer is worth what its own certificate is worth.
        config.resumption = Resumption::disabled();
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    /// Connects to one of `addresses` and requires a certificate for `name`.
    pub(super) async fn connect(
        &self,
        name: ServerName<'static>,
        addresses: &[Checked],
        limit: Duration,
    ) -> Result<Stream, OutboundError> {
        let stream = tcp(addresses, limit).await?;
        self.0.connect(name, stream).await.map_err(|error| OutboundError::Tls(without_names(error)))
    }
}

/// Removes the names of a certificate from an error: a stranger wrote them, so they do not belong in a log.
fn without_names(error: io::Error) -> io::Error {
    match error.get_ref().and_then(|cause| cause.downcast_ref()) {
        Some(rustls::Error::InvalidCertificate(CertificateError::NotValidForNameContext { .. })) => {
            io::Error::other(rustls::Error::InvalidCertificate(CertificateError::NotValidForName))
        }
        _ => error,
    }
}

/// The first of `addresses` that can be connected to within `limit`.
async fn tcp(addresses: &[Checked], limit: Duration) -> Result<TcpStream, OutboundError> {
    let attempts = addresses.len().clamp(1, MAX_ATTEMPTS);
    let each = limit / u32::try_from(attempts).unwrap_or(1);
    let mut failed = OutboundError::NoAddress;
    for address in addresses.iter().take(MAX_ATTEMPTS) {
        match tokio::time::timeout(each, TcpStream::connect(address.get())).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => failed = OutboundError::Connect(error),
            Err(_) => failed = OutboundError::Connect(io::ErrorKind::TimedOut.into()),
        }
    }
    Err(failed)
}

/// Sends the request for `url` and reads the answer.
pub(super) async fn exchange(
    stream: Stream,
    url: &Url,
    max_bytes: usize,
    conditional: Option<&Validators>,
) -> Result<Fetched, OutboundError> {
    let request = request(url, conditional)?;
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(MAX_BUFFER_BYTES)
        .max_headers(MAX_HEADERS)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(OutboundError::Http)?;
    // The connection's task ends with this function.
    let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
    let (head, body) = sender.send_request(request).await.map_err(OutboundError::Http)?.into_parts();
    match head.status {
        StatusCode::OK => {}
        StatusCode::NOT_MODIFIED if conditional.is_some() => return Ok(Fetched::Unchanged { headers: head.headers }),
        // Redirects are errors: they lead to an unchecked address, or to a document that is not the URL's.
        status => return Err(OutboundError::Status(status)),
    }
    // The size of a compressed body is unknown before it is decompressed.
    if head.headers.contains_key(CONTENT_ENCODING) {
        return Err(OutboundError::Encoded);
    }
    // An upload, an image or a page on an honest host must not pass for a document of that host's owner.
    if !is_json(&head.headers) {
        return Err(OutboundError::MediaType);
    }
    Ok(Fetched::Whole { body: read(body, max_bytes).await?, headers: head.headers })
}

/// The whole request.
fn request(url: &Url, conditional: Option<&Validators>) -> Result<Request<Empty<&'static [u8]>>, OutboundError> {
    let mut request = Request::get(&url[Position::BeforePath..Position::AfterQuery])
        .header(HOST, &url[Position::BeforeHost..Position::AfterPort])
        .header(USER_AGENT, concat!("lychgate/", env!("CARGO_PKG_VERSION")))
        .header(ACCEPT, "application/json")
        .header(ACCEPT_ENCODING, "identity")
        .header(CONNECTION, "close");
    if let Some(validators) = conditional {
        for (name, value) in [(IF_NONE_MATCH, &validators.etag), (IF_MODIFIED_SINCE, &validators.last_modified)] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
    }
    request.body(Empty::new()).map_err(|_| OutboundError::Unusable)
}

/// True if the only content type is `application/json` or `application/*+json`.
fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(only), None) = (types.next().and_then(|value| value.to_str().ok()), types.next()) else {
        return false;
    };
    let essence = only.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.strip_prefix("application/").is_some_and(|subtype| {
        let named = subtype.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte));
        subtype == "json" || (named && subtype.strip_suffix("+json").is_some_and(|name| !name.is_empty()))
    })
}

async fn read(mut body: Incoming, max_bytes: usize) -> Result<Vec<u8>, OutboundError> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(OutboundError::Http)?.into_data() else { continue };
        if bytes.len() + data.len() > max_bytes {
            return Err(OutboundError::TooLarge(max_bytes));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}
