//! One GET request and its answer. It follows no redirect, repeats nothing, and limits every wait and every body: the server may
//! be another than the one that was meant.

use std::error::Error;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::tls::TlsInfo;
use reqwest::{Client, Response, Url};

/// The time for an answer with its body.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The most bytes that are read of a body.
const MAX_BODY: usize = 512 * 1024;

#[derive(Debug)]
pub(super) struct Fetch(Client);

/// A response with its body.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// The server's certificate, in DER.
    pub(super) certificate: Option<Vec<u8>>,
}

impl Fetch {
    pub(super) fn new() -> reqwest::Result<Self> {
        let client = Client::builder()
            .user_agent(concat!("lychgate-doctor/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            // A proxy's answers would be judged in place of the server's.
            .no_proxy()
            .timeout(TIMEOUT)
            .tls_info(true)
            .build()?;
        Ok(Self(client))
    }

    /// The response to `GET url`, or why there is none.
    pub(super) async fn get(&self, url: &Url, headers: &[(HeaderName, String)]) -> Result<Reply, String> {
        let mut request = self.0.get(url.clone());
        for (name, value) in headers {
            let value = HeaderValue::try_from(value).map_err(|_| format!("the header {name} cannot be sent"))?;
            request = request.header(name, value);
        }
        let response = request.send().await.map_err(|error| causes(&error))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let certificate = response.extensions().get::<TlsInfo>().and_then(TlsInfo::peer_certificate);
        let certificate = certificate.map(<[u8]>::to_vec);
        Ok(Reply { status, headers, body: body(response).await?, certificate })
    }
}

impl Reply {
    /// The first header of this name; bytes that are not UTF-8 are replaced.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        self.all(name).next()
    }

    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = String> {
        self.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    }

    /// The media type, in lower case.
    pub(super) fn media_type(&self) -> String {
        let value = self.header("content-type").unwrap_or_default();
        value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

async fn body(mut response: Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| causes(&error))? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_BODY {
            return Err(format!("the body does not end after {MAX_BODY} bytes"));
        }
    }
    Ok(body)
}

/// `Host` of requests to `url`.
pub(super) fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// The error without the URL, since its pass must not be in a ticket, and with its causes.
fn causes(error: &reqwest::Error) -> String {
    let mut text = match error.is_timeout() {
        true => format!("no answer within {} s", TIMEOUT.as_secs()),
        false => "no answer".to_owned(),
    };
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
