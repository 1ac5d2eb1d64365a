//! The way to the control plane: one lazily connected, self-healing HTTP/2 channel that says who is calling.
//!
//! It must never show a token to a network: over plaintext it refuses every address but this machine's own.

mod prompt_end;

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity, Uri};
use tonic::{Request, Status};

use crate::{CLIENT_ADDRESS, REQUEST_ID};
use prompt_end::PromptEnd;

/// How long one attempt at a connection may take. Short: whoever calls tries again within a deadline of its own.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// A peer that vanished without a word (a node that lost power) is noticed after the interval and the timeout together:
/// early enough for a caller with ten seconds to ask another.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(4);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(2);

/// A channel whose every call carries the caller's credentials.
pub type AuthenticatedChannel = InterceptedService<PromptEnd, Caller>;

/// How a caller shows who it is: by a bearer token, by a certificate, or by both, which are then the same principal's.
#[derive(Clone, Copy, Default)]
pub struct Credentials<'a> {
    pub token: Option<&'a str>,
    pub certificate: Option<ClientCertificate<'a>>,
}

/// PEM, both.
#[derive(Clone, Copy)]
pub struct ClientCertificate<'a> {
    /// The certificate, then its chain.
    pub cert_pem: &'a [u8],
    pub key_pem: &'a [u8],
}

/// [`open_as`], for who has a token.
pub fn open(url: &str, ca_pem: Option<&[u8]>, token: &str) -> Result<AuthenticatedChannel, ChannelError> {
    open_as(url, ca_pem, Credentials { token: Some(token), certificate: None })
}

/// A channel to the control plane at `url`, which is `http` or `https`, a host and a port. Nothing is connected yet: the
/// first call does that, and every later one does so again if the connection was lost.
///
/// Over `https` the peer's certificate must come from `ca_pem`, or from the system's authorities if there is none.
pub fn open_as(
    url: &str,
    ca_pem: Option<&[u8]>,
    credentials: Credentials<'_>,
) -> Result<AuthenticatedChannel, ChannelError> {
    if credentials.token.is_none() && credentials.certificate.is_none() {
        return Err(ChannelError::Nobody);
    }
    let uri: Uri = url.parse().map_err(|_| ChannelError::Url)?;
    let host = uri.host().ok_or(ChannelError::Url)?;
    if !matches!(uri.path(), "" | "/") || uri.query().is_some() || url.contains('@') {
        return Err(ChannelError::Url);
    }
    let endpoint = Endpoint::from(uri.clone())
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .keep_alive_while_idle(true);
    let endpoint = match uri.scheme_str() {
        Some("https") => secured(endpoint, ca_pem, credentials.certificate)?,
        Some("http") if ca_pem.is_some() => return Err(ChannelError::CaWithoutTls),
        Some("http") if credentials.certificate.is_some() => return Err(ChannelError::CertificateWithoutTls),
        Some("http") if is_loopback(host) => endpoint,
        Some("http") => return Err(ChannelError::Plaintext),
        _ => return Err(ChannelError::Url),
    };
    Ok(InterceptedService::new(PromptEnd(endpoint.connect_lazy()), Caller::new(credentials.token)?))
}

/// Why no channel can be made of what was configured.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    #[error("it is not an http or https URL of just a host and a port")]
    Url,
    #[error("a token would cross the network in plaintext")]
    Plaintext,
    #[error("a certificate authority is given, but the URL is plain http")]
    CaWithoutTls,
    #[error("a client certificate is given, but the URL is plain http")]
    CertificateWithoutTls,
    #[error("neither a token nor a certificate says who calls")]
    Nobody,
    #[error("the token contains a character that no header can carry")]
    Token,
    #[error("TLS cannot be set up")]
    Tls(#[source] tonic::transport::Error),
    #[error("the client certificate and its key cannot be used")]
    Certificate(#[source] tonic::transport::Error),
}

fn secured(
    endpoint: Endpoint,
    ca_pem: Option<&[u8]>,
    certificate: Option<ClientCertificate<'_>>,
) -> Result<Endpoint, ChannelError> {
    let trust = match ca_pem {
        Some(pem) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)),
        None => ClientTlsConfig::new().with_native_roots(),
    };
    // First without the certificate, so that what is wrong can be told apart.
    let trusting = endpoint.clone().tls_config(trust.clone()).map_err(ChannelError::Tls)?;
    let Some(ClientCertificate { cert_pem, key_pem }) = certificate else { return Ok(trusting) };
    endpoint.tls_config(trust.identity(Identity::from_pem(cert_pem, key_pem))).map_err(ChannelError::Certificate)
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Puts the caller's token, if it has one, into the metadata, and the call's [`RequestId`] and [`ClientAddress`] if its
/// extensions hold them.
#[derive(Clone)]
pub struct Caller {
    authorization: Option<MetadataValue<Ascii>>,
}

impl Caller {
    fn new(token: Option<&str>) -> Result<Self, ChannelError> {
        let Some(token) = token else { return Ok(Self { authorization: None }) };
        let mut authorization: MetadataValue<Ascii> =
            format!("Bearer {token}").parse().map_err(|_| ChannelError::Token)?;
        // Kept out of HPACK's table and of every Debug output on the way.
        authorization.set_sensitive(true);
        Ok(Self { authorization: Some(authorization) })
    }
}

impl Interceptor for Caller {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(authorization) = self.authorization.clone() {
            request.metadata_mut().insert("authorization", authorization);
        }
        if let Some(RequestId(mut id)) = request.extensions().get::<RequestId>().cloned() {
            // Kept out of HPACK's table as well, which ids that come but once would fill, and crowd out what repeats.
            id.set_sensitive(true);
            request.metadata_mut().insert(REQUEST_ID, id);
        }
        if let Some(ClientAddress(address)) = request.extensions().get::<ClientAddress>().copied() {
            let mut address: MetadataValue<Ascii> =
                address.to_string().parse().expect("an address is letters, digits, dots and colons");
            // As personal as it is short-lived: it enters no table.
            address.set_sensitive(true);
            request.metadata_mut().insert(CLIENT_ADDRESS, address);
        }
        Ok(request)
    }
}

impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

impl fmt::Debug for ClientCertificate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientCertificate(..)")
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Caller(..)")
    }
}

/// Whom an edge calls for: the address of the browser or client, for events that keep it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// The id under which the logs of every process know one request: 1 to 64 characters of `[A-Za-z0-9_-]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(MetadataValue<Ascii>);

impl RequestId {
    /// `None` if `id` is not of that form.
    pub fn parse(id: &str) -> Option<Self> {
        let fits = (1..=64).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        if fits { id.parse().ok().map(Self) } else { None }
    }

    pub fn as_str(&self) -> &str {
        self.0.to_str().expect("only letters, digits, '_' and '-' were let in")
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Making a channel, also an unconnected one, needs a runtime.
    async fn refusal(url: &str, ca_pem: Option<&[u8]>, token: &str) -> Option<String> {
        open(url, ca_pem, token).err().map(|error| error.to_string())
    }

    #[tokio::test]
    async fn plaintext_is_for_this_machine_only() {
        for url in ["http://127.0.0.1:7441", "http://127.8.0.1:7441", "http://[::1]:7441", "http://localhost:7441/"] {
            assert_eq!(refusal(url, None, "t").await, None, "{url}");
        }
        for url in ["http://10.0.0.1:7441", "http://control:7441", "http://localhost.example:7441", "http://[::2]:1"] {
            let error = refusal(url, None, "t").await.expect("a refusal");
            assert_eq!(error, "a token would cross the network in plaintext", "{url}");
        }
    }

    #[tokio::test]
    async fn only_a_host_and_a_port_make_a_url() {
        for url in ["control:7441", "ftp://localhost", "http://localhost/path", "http://a@localhost", "https://h?q", ""]
        {
            assert!(refusal(url, None, "t").await.is_some(), "{url}");
        }
        assert!(refusal("http://localhost:1", Some(b"pem"), "t").await.is_some());
    }

    #[tokio::test]
    async fn a_token_that_no_header_can_carry_is_refused() {
        assert!(refusal("http://127.0.0.1:1", None, "line\nbreak").await.is_some());
    }

    #[tokio::test]
    async fn somebody_calls_and_a_certificate_needs_tls() {
        let nobody = open_as("https://control:7441", None, Credentials::default());
        assert!(matches!(nobody, Err(ChannelError::Nobody)));
        let certificate = Some(ClientCertificate { cert_pem: b"no PEM", key_pem: b"no PEM" });
        let plain = open_as("http://127.0.0.1:7441", None, Credentials { token: Some("t"), certificate });
        assert!(matches!(plain, Err(ChannelError::CertificateWithoutTls)));
        let unreadable = open_as("https://control:7441", None, Credentials { token: None, certificate });
        assert!(matches!(unreadable, Err(ChannelError::Certificate(_))));
    }

    #[test]
    fn no_secret_is_in_debug_output() {
        assert_eq!(format!("{:?}", Caller::new(Some("secret")).expect("a caller")), "Caller(..)");
        let certificate = ClientCertificate { cert_pem: b"secret", key_pem: b"secret" };
        let credentials = Credentials { token: Some("secret"), certificate: Some(certificate) };
        assert_eq!(format!("{credentials:?} {certificate:?}"), "Credentials(..) ClientCertificate(..)");
    }

    #[test]
    fn request_ids_have_one_form() {
        assert_eq!(RequestId::parse("aZ0_-").expect("an id").as_str(), "aZ0_-");
        for id in ["", "a b", "a\n", "é", &"x".repeat(65)] {
            assert_eq!(RequestId::parse(id), None, "{id}");
        }
    }
}
