//! The client channel to the control plane: one HTTP/2 connection, opened lazily and reopened when it breaks, that
//! authenticates its caller.
//!
//! A token never crosses a network in plaintext: plain `http` is accepted for loopback addresses only.

mod end_stream;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity, Uri};
use tonic::{Request, Status};

use crate::{CLIENT_ADDRESS, MAX_HEADER_LIST_BYTES, REQUEST_ID};
use end_stream::EndStreamChannel;

/// Timeout of one connection attempt. Callers retry within their own deadline, so it is short.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Interval of keep-alive pings. A peer that vanished silently, such as a node without power, is detected after this interval
/// plus [`KEEP_ALIVE_TIMEOUT`]: early enough for a caller with a ten-second deadline to use another node.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(4);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(2);

/// A channel that adds the caller's credentials to every call.
pub type AuthenticatedChannel = InterceptedService<EndStreamChannel, CallMetadata>;

/// Credentials of a principal: a bearer token, a client certificate, or both.
#[derive(Clone, Copy, Default)]
pub struct Credentials<'a> {
    /// The bearer token.
    pub token: Option<&'a str>,
    /// The client certificate; needs an `https` URL.
    pub certificate: Option<ClientCertificate<'a>>,
}

/// A client certificate and its key, in PEM.
#[derive(Clone, Copy)]
pub struct ClientCertificate<'a> {
    /// The certificate, followed by its chain.
    pub cert_pem: &'a [u8],
    /// The private key.
    pub key_pem: &'a [u8],
}

/// Opens a channel with a bearer token; see [`open_as`].
pub fn open(url: &str, ca_pem: Option<&[u8]>, token: &str) -> Result<AuthenticatedChannel, ChannelError> {
    open_as(url, ca_pem, Credentials { token: Some(token), certificate: None })
}

/// Opens a channel to the control plane at `url`; see [`Target::new`]. The first call connects, and a later call reconnects if
/// the connection was lost.
pub fn open_as(
    url: &str,
    ca_pem: Option<&[u8]>,
    credentials: Credentials<'_>,
) -> Result<AuthenticatedChannel, ChannelError> {
    Target::new(url, ca_pem, credentials)?.channel()
}

/// The URL of a control plane, with what a channel to it needs. Each of several targets is checked by itself.
#[derive(Clone)]
pub struct Target {
    uri: Uri,
    /// Without brackets.
    host: String,
    port: u16,
    /// Trust, client certificate and the server's name: the host of the URL, for each of its addresses.
    tls: Option<ClientTlsConfig>,
    metadata: CallMetadata,
}

impl Target {
    /// Checks `url`: `http` or `https` with a host and a port.
    ///
    /// Over `https`, the server's certificate must be issued by an authority in `ca_pem`, or by one of the system's if `ca_pem`
    /// is `None`, for the host of `url`.
    pub fn new(url: &str, ca_pem: Option<&[u8]>, credentials: Credentials<'_>) -> Result<Self, ChannelError> {
        if credentials.token.is_none() && credentials.certificate.is_none() {
            return Err(ChannelError::NoCredentials);
        }
        let uri: Uri = url.parse().map_err(|_| ChannelError::Url)?;
        let host = uri.host().ok_or(ChannelError::Url)?.trim_start_matches('[').trim_end_matches(']').to_owned();
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() || url.contains('@') {
            return Err(ChannelError::Url);
        }
        let tls = match uri.scheme_str() {
            Some("https") => Some(secured(&uri, &host, ca_pem, credentials.certificate)?),
            Some("http") if ca_pem.is_some() => return Err(ChannelError::CaWithoutTls),
            Some("http") if credentials.certificate.is_some() => return Err(ChannelError::CertificateWithoutTls),
            Some("http") if is_loopback(&host) => None,
            Some("http") => return Err(ChannelError::Plaintext),
            _ => return Err(ChannelError::Url),
        };
        let port = uri.port_u16().unwrap_or(if tls.is_some() { 443 } else { 80 });
        Ok(Self { uri, host, port, tls, metadata: CallMetadata::new(credentials.token)? })
    }

    /// True for `https`.
    pub fn is_secured(&self) -> bool {
        self.tls.is_some()
    }

    /// The host and port of the URL.
    pub fn host_and_port(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// A name to resolve; false for an address.
    pub fn is_name(&self) -> bool {
        self.host.parse::<IpAddr>().is_err()
    }

    /// A channel to the host, which the system resolves at each connection.
    pub fn channel(&self) -> Result<AuthenticatedChannel, ChannelError> {
        self.lazy(self.endpoint(self.uri.clone()))
    }

    /// A channel to one of the host's addresses. The server must prove the name of the URL, as in [`channel`](Self::channel).
    /// Without TLS, the address must be one of this machine: the answer of a resolver must not send a token over a network.
    pub fn channel_to(&self, address: SocketAddr) -> Result<AuthenticatedChannel, ChannelError> {
        if self.tls.is_none() && !address.ip().to_canonical().is_loopback() {
            return Err(ChannelError::Plaintext);
        }
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let uri: Uri = format!("{scheme}://{address}").parse().map_err(|_| ChannelError::Url)?;
        self.lazy(self.endpoint(uri).origin(self.uri.clone()))
    }

    fn endpoint(&self, uri: Uri) -> Endpoint {
        configured(Endpoint::from(uri))
    }

    fn lazy(&self, endpoint: Endpoint) -> Result<AuthenticatedChannel, ChannelError> {
        let endpoint = match &self.tls {
            Some(tls) => endpoint.tls_config(tls.clone()).map_err(ChannelError::Tls)?,
            None => endpoint,
        };
        Ok(InterceptedService::new(EndStreamChannel(endpoint.connect_lazy()), self.metadata.clone()))
    }
}

fn configured(endpoint: Endpoint) -> Endpoint {
    endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
        .http2_max_header_list_size(MAX_HEADER_LIST_BYTES)
}

/// Why a channel cannot be opened with the given configuration.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// The URL is not `http` or `https` with a host and a port.
    #[error("it is not an http or https URL of just a host and a port")]
    Url,
    /// The URL is plain `http` and not on loopback.
    #[error("a token would cross the network in plaintext")]
    Plaintext,
    /// `ca_pem` is set, but the URL is plain `http`.
    #[error("a certificate authority is given, but the URL is plain http")]
    CaWithoutTls,
    /// A client certificate is set, but the URL is plain `http`.
    #[error("a client certificate is given, but the URL is plain http")]
    CertificateWithoutTls,
    /// There is neither a token nor a certificate.
    #[error("there is neither a token nor a client certificate")]
    NoCredentials,
    /// The token has a character that is invalid in a header.
    #[error("the token contains a character that no header can carry")]
    Token,
    /// The authorities in `ca_pem`, or those of the system, cannot be used.
    #[error("TLS cannot be set up")]
    Tls(#[source] tonic::transport::Error),
    /// The client certificate or its key cannot be used.
    #[error("the client certificate and its key cannot be used")]
    Certificate(#[source] tonic::transport::Error),
}

fn secured(
    uri: &Uri,
    host: &str,
    ca_pem: Option<&[u8]>,
    certificate: Option<ClientCertificate<'_>>,
) -> Result<ClientTlsConfig, ChannelError> {
    let trust = match ca_pem {
        Some(pem) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)),
        None => ClientTlsConfig::new().with_native_roots(),
    };
    let trust = trust.domain_name(host);
    // First without the client certificate, to tell its errors from those of the authorities.
    Endpoint::from(uri.clone()).tls_config(trust.clone()).map_err(ChannelError::Tls)?;
    let Some(ClientCertificate { cert_pem, key_pem }) = certificate else { return Ok(trust) };
    let trust = trust.identity(Identity::from_pem(cert_pem, key_pem));
    Endpoint::from(uri.clone()).tls_config(trust.clone()).map_err(ChannelError::Certificate)?;
    Ok(trust)
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// An interceptor that adds metadata to every call: the bearer token, and the [`RequestId`] and [`ClientAddress`] from the
/// request's extensions.
#[derive(Clone)]
pub struct CallMetadata {
    authorization: Option<MetadataValue<Ascii>>,
}

impl CallMetadata {
    fn new(token: Option<&str>) -> Result<Self, ChannelError> {
        let Some(token) = token else { return Ok(Self { authorization: None }) };
        let mut authorization: MetadataValue<Ascii> =
            format!("Bearer {token}").parse().map_err(|_| ChannelError::Token)?;
        // Sensitive values stay out of HPACK's table and of Debug output.
        authorization.set_sensitive(true);
        Ok(Self { authorization: Some(authorization) })
    }
}

impl Interceptor for CallMetadata {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(authorization) = self.authorization.clone() {
            request.metadata_mut().insert("authorization", authorization);
        }
        // Ids and addresses change with every call: in HPACK's table they would displace values that repeat.
        if let Some(id) = request.extensions().get::<RequestId>() {
            let id = sensitive(id.as_str())?;
            request.metadata_mut().insert(REQUEST_ID, id);
        }
        if let Some(ClientAddress(address)) = request.extensions().get::<ClientAddress>() {
            let address = sensitive(&address.to_string())?;
            request.metadata_mut().insert(CLIENT_ADDRESS, address);
        }
        Ok(request)
    }
}

fn sensitive(text: &str) -> Result<MetadataValue<Ascii>, Status> {
    let mut value: MetadataValue<Ascii> =
        text.parse().map_err(|_| Status::internal("a metadata value is not visible ASCII"))?;
    value.set_sensitive(true);
    Ok(value)
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Target").field(&self.uri).finish()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        match self.host.contains(':') {
            true => write!(f, "{scheme}://[{}]:{}", self.host, self.port),
            false => write!(f, "{scheme}://{}:{}", self.host, self.port),
        }
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

impl fmt::Debug for CallMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallMetadata(..)")
    }
}

/// The address of the browser or client that an edge calls for. Events may record it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// The id of one request in the logs of every process: 1 to 64 characters of `[A-Za-z0-9_-]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// `None` if `id` does not have this form.
    pub fn parse(id: &str) -> Option<Self> {
        let fits = (1..=64).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        fits.then(|| Self(id.to_owned()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
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

    /// Async because opening a channel needs a runtime, even without connecting it.
    async fn refusal(url: &str, ca_pem: Option<&[u8]>, token: &str) -> Option<String> {
        open(url, ca_pem, token).err().map(|error| error.to_string())
    }

    #[tokio::test]
    async fn plaintext_is_for_loopback_only() {
        for url in ["http://127.0.0.1:7441", "http://127.8.0.1:7441", "http://[::1]:7441", "http://localhost:7441/"] {
            assert_eq!(refusal(url, None, "t").await, None, "{url}");
        }
        for url in ["http://10.0.0.1:7441", "http://control:7441", "http://localhost.example:7441", "http://[::2]:1"] {
            let error = refusal(url, None, "t").await.expect("a refusal");
            assert_eq!(error, "a token would cross the network in plaintext", "{url}");
        }
    }

    /// The resolver of the name is not trusted with the token.
    #[tokio::test]
    async fn plaintext_channel_to_an_address_is_for_loopback_only() {
        let credentials = Credentials { token: Some("t"), certificate: None };
        let target = Target::new("http://localhost:7441", None, credentials).expect("a good URL");
        for (address, allowed) in
            [("127.0.0.1:1", true), ("[::1]:1", true), ("[::ffff:127.0.0.1]:1", true), ("192.0.2.1:1", false)]
        {
            let opened = target.channel_to(address.parse().expect("an address"));
            assert_eq!(opened.is_ok(), allowed, "{address}");
        }
    }

    #[test]
    fn target_names_its_host_without_brackets() {
        let credentials = Credentials { token: Some("t"), certificate: None };
        for (url, host, port, is_name) in [
            ("http://[::1]:7441", "::1", 7441, false),
            ("http://127.0.0.1", "127.0.0.1", 80, false),
            ("http://localhost:1/", "localhost", 1, true),
        ] {
            let target = Target::new(url, None, credentials).expect("a good URL");
            assert_eq!((target.host_and_port(), target.is_name()), ((host, port), is_name), "{url}");
        }
    }

    #[tokio::test]
    async fn url_has_a_host_and_a_port_only() {
        for url in ["control:7441", "ftp://localhost", "http://localhost/path", "http://a@localhost", "https://h?q", ""]
        {
            assert!(refusal(url, None, "t").await.is_some(), "{url}");
        }
        assert!(refusal("http://localhost:1", Some(b"pem"), "t").await.is_some());
    }

    #[tokio::test]
    async fn token_with_a_character_invalid_in_headers_is_refused() {
        assert!(refusal("http://127.0.0.1:1", None, "line\nbreak").await.is_some());
    }

    #[tokio::test]
    async fn credentials_are_required_and_a_certificate_needs_tls() {
        let anonymous = open_as("https://control:7441", None, Credentials::default());
        assert!(matches!(anonymous, Err(ChannelError::NoCredentials)));
        let certificate = Some(ClientCertificate { cert_pem: b"no PEM", key_pem: b"no PEM" });
        let plain = open_as("http://127.0.0.1:7441", None, Credentials { token: Some("t"), certificate });
        assert!(matches!(plain, Err(ChannelError::CertificateWithoutTls)));
        let unreadable = open_as("https://control:7441", None, Credentials { token: None, certificate });
        assert!(matches!(unreadable, Err(ChannelError::Certificate(_))));
    }

    #[test]
    fn no_secret_is_in_debug_output() {
        assert_eq!(format!("{:?}", CallMetadata::new(Some("secret")).expect("metadata")), "CallMetadata(..)");
        let certificate = ClientCertificate { cert_pem: b"secret", key_pem: b"secret" };
        let credentials = Credentials { token: Some("secret"), certificate: Some(certificate) };
        assert_eq!(format!("{credentials:?} {certificate:?}"), "Credentials(..) ClientCertificate(..)");
    }

    #[test]
    fn request_id_has_one_form() {
        assert_eq!(RequestId::parse("aZ0_-").expect("an id").as_str(), "aZ0_-");
        for id in ["", "a b", "a\n", "é", &"x".repeat(65)] {
            assert_eq!(RequestId::parse(id), None, "{id}");
        }
    }
}
