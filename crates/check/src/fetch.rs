//! One request, one answer, at somebody else's server that may be hostile, asked by somebody who may be mistaken.
//!
//! It never follows a redirect by itself, never asks an origin that the person did not name (a server that is scanned
//! could otherwise send this machine against its own network), never asks twice, and never waits or reads without end.

use std::error::Error;
use std::fmt::{self, Display};
use std::time::{Duration, Instant};

use reqwest::header::{HeaderMap, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;
use tokio::time::{Instant as Moment, timeout_at};
use url::{Origin, Url};

/// For a whole scan, clean-up apart: enough for every check, little enough to be nobody's trouble.
const REQUESTS: usize = 60;

/// For a whole scan, clean-up apart.
const WHOLE: Duration = Duration::from_secs(180);

/// Of one answer's body; more is not read.
const BODY: usize = 512 * 1024;

#[derive(Debug)]
pub(crate) struct Fetch {
    http: Client,
    origins: Vec<Origin>,
    patience: Duration,
    began: Instant,
    made: usize,
    complaints: Vec<String>,
}

/// What came back, as far as it was read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    /// It was not asked: it is at an origin that nobody named.
    Elsewhere(String),
    /// It was not asked: the scan has asked enough, or taken long enough.
    Spent,
    Failed(String),
}

impl Fetch {
    /// `origins` are those that may be asked; `patience` is how long one answer may take.
    pub(crate) fn new(origins: Vec<Origin>, patience: Duration) -> reqwest::Result<Self> {
        let http = Client::builder()
            .user_agent(concat!("lychgate-check/", env!("CARGO_PKG_VERSION"), " (a person checks this server)"))
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            // The server is judged, not what a proxy makes of it.
            .no_proxy()
            .build()?;
        Ok(Self { http, origins, patience, began: Instant::now(), made: 0, complaints: Vec::new() })
    }

    pub(crate) fn get(&self, url: &Url) -> RequestBuilder {
        self.http.get(url.clone())
    }

    pub(crate) fn post(&self, url: &Url) -> RequestBuilder {
        self.http.post(url.clone())
    }

    pub(crate) fn delete(&self, url: &Url) -> RequestBuilder {
        self.http.delete(url.clone())
    }

    pub(crate) fn options(&self, url: &Url) -> RequestBuilder {
        self.http.request(Method::OPTIONS, url.clone())
    }

    /// Whether it is at an origin that may be asked.
    pub(crate) fn may_ask(&self, url: &Url) -> bool {
        self.origins.contains(&url.origin())
    }

    pub(crate) fn requests(&self) -> usize {
        self.made
    }

    /// What did not answer, or not to its end.
    pub(crate) fn complaints(&self) -> &[String] {
        &self.complaints
    }

    pub(crate) async fn send(&mut self, request: RequestBuilder) -> Result<Answer, NoAnswer> {
        if self.made >= REQUESTS || self.began.elapsed() > WHOLE {
            return Err(NoAnswer::Spent);
        }
        self.send_even_if_spent(request).await
    }

    /// For what puts the server back into the state it was in.
    pub(crate) async fn send_even_if_spent(&mut self, request: RequestBuilder) -> Result<Answer, NoAnswer> {
        let request = request.build().map_err(|error| NoAnswer::Failed(causes(&error)))?;
        let (method, url) = (request.method().clone(), request.url().clone());
        if !self.may_ask(&url) {
            return Err(NoAnswer::Elsewhere(url.origin().ascii_serialization()));
        }
        self.made += 1;
        let end = Moment::now() + self.patience;
        let what = format!("{method} {}", url.path());
        let response = match timeout_at(end, self.http.execute(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(causes(&error)),
            Err(_) => Err(format!("no answer within {} s", self.patience.as_secs_f32())),
        };
        let mut response = response.map_err(|why| {
            self.complaints.push(format!("{what}: {why}"));
            NoAnswer::Failed(why)
        })?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut body = Vec::new();
        loop {
            let cut = match timeout_at(end, response.chunk()).await {
                Ok(Ok(Some(chunk))) => {
                    body.extend_from_slice(&chunk[..chunk.len().min(BODY - body.len())]);
                    if body.len() < BODY {
                        continue;
                    }
                    format!("the body does not end after {BODY} bytes")
                }
                Ok(Ok(None)) => break,
                Ok(Err(error)) => causes(&error),
                Err(_) => format!("the body does not end within {} s", self.patience.as_secs_f32()),
            };
            self.complaints.push(format!("{what}: {status}, but {cut}"));
            break;
        }
        Ok(Answer { method, url, status, headers, body: String::from_utf8_lossy(&body).into_owned() })
    }
}

impl Answer {
    /// The first of this name, whatever its bytes.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.all(name).next()
    }

    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = String> {
        let values = self.headers.get_all(name).iter();
        values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    }

    /// Without its parameters, in lower case.
    pub(crate) fn media_type(&self) -> String {
        let value = self.header("content-type").unwrap_or_default();
        value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    pub(crate) fn is_html(&self) -> bool {
        ["text/html", "application/xhtml+xml"].contains(&self.media_type().as_str())
    }

    pub(crate) fn is_redirect(&self) -> bool {
        (300..400).contains(&self.status) && self.headers.contains_key(LOCATION)
    }

    /// 4xx: the asker's mistake, said so.
    pub(crate) fn is_refusal(&self) -> bool {
        (400..500).contains(&self.status)
    }

    pub(crate) fn location(&self) -> Option<Url> {
        self.url.join(&self.header("location")?).ok()
    }

    pub(crate) fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.body).ok()
    }

    /// A member of the JSON object that the body is, if it is a string.
    pub(crate) fn text(&self, member: &str) -> Option<String> {
        Some(self.json()?.get(member)?.as_str()?.to_owned())
    }

    pub(crate) fn forbids_storing(&self) -> bool {
        self.all("cache-control").any(|value| value.to_ascii_lowercase().contains("no-store"))
    }
}

/// What was asked, and what the status was: how evidence begins. Of an address only the error: the rest of a query may be
/// worth something to somebody, and a report is pasted into tickets.
impl Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.method, self.url.path(), self.status)?;
        let Some(mut to) = self.location().filter(|_| self.is_redirect()) else { return Ok(()) };
        let error = to.query_pairs().find(|(name, _)| name == "error").map(|(_, error)| error.into_owned());
        to.set_query(error.map(|error| format!("error={error}")).as_deref());
        to.set_fragment(None);
        write!(f, " to {to}")
    }
}

impl Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoAnswer::Elsewhere(origin) => write!(f, "it is at {origin}, which was not asked; allow it with --also"),
            NoAnswer::Spent => f.write_str("not asked: this scan has made its requests, or used its time"),
            NoAnswer::Failed(why) => f.write_str(why),
        }
    }
}

fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn whatever_the_checks_want_no_more_than_sixty_requests_are_made() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        tokio::spawn(async move { axum::serve(listener, Router::new()).await });
        let mut fetch = Fetch::new(vec![url.origin()], Duration::from_secs(10)).unwrap();
        for _ in 0..REQUESTS {
            let request = fetch.get(&url);
            assert_eq!(fetch.send(request).await.unwrap().status, 404);
        }
        let request = fetch.get(&url);
        assert!(matches!(fetch.send(request).await, Err(NoAnswer::Spent)));
        let request = fetch.delete(&url);
        assert!(fetch.send_even_if_spent(request).await.is_ok(), "what was registered is still deleted");
    }
}
