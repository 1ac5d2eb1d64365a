//! One HTTP request and its answer, from a server that may be hostile.
//!
//! It follows no redirect by itself and repeats no request. It asks only origins that the person named: otherwise a scanned
//! server could direct this machine at its own network. Every wait and every body has a limit.

use std::error::Error;
use std::fmt::{self, Display};
use std::time::{Duration, Instant};

use reqwest::header::{HeaderMap, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value;
use tokio::time::{Instant as Deadline, timeout_at};
use url::{Origin, Url};

/// The most requests of a scan, without its clean-up: enough for every check, and no burden for the server.
const MAX_REQUESTS: usize = 95;

/// The time limit of a scan, without its clean-up.
const MAX_DURATION: Duration = Duration::from_secs(180);

/// The most bytes read of one answer's body.
const MAX_BODY: usize = 512 * 1024;

#[derive(Debug)]
pub(crate) struct Fetch {
    http: Client,
    allowed: Vec<Origin>,
    timeout: Duration,
    began: Instant,
    made: usize,
    complaints: Vec<String>,
}

/// A response, with as much of its body as was read.
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
    /// Not sent: the URL is at this origin, which the person did not name.
    ForeignOrigin(String),
    /// Not sent: the scan has used up its requests or its time.
    Spent,
    Failed(String),
}

impl Fetch {
    /// `allowed` are the origins that may be asked; `timeout` is for one answer with its body.
    pub(crate) fn new(allowed: Vec<Origin>, timeout: Duration) -> reqwest::Result<Self> {
        let http = Client::builder()
            .user_agent(concat!("lychgate-check/", env!("CARGO_PKG_VERSION"), " (a person checks this server)"))
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            // A proxy's answers would be judged in place of the server's.
            .no_proxy()
            .build()?;
        Ok(Self { http, allowed, timeout, began: Instant::now(), made: 0, complaints: Vec::new() })
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

    pub(crate) fn may_ask(&self, url: &Url) -> bool {
        self.allowed.contains(&url.origin())
    }

    /// The number of requests sent so far.
    pub(crate) fn requests(&self) -> usize {
        self.made
    }

    /// Requests that got no answer, or none that ended within the limits.
    pub(crate) fn complaints(&self) -> &[String] {
        &self.complaints
    }

    pub(crate) async fn send(&mut self, request: RequestBuilder) -> Result<Answer, NoAnswer> {
        if self.made >= MAX_REQUESTS || self.began.elapsed() > MAX_DURATION {
            return Err(NoAnswer::Spent);
        }
        self.send_even_if_spent(request).await
    }

    /// For requests that undo a change at the server: the limits of a scan must not leave it behind.
    pub(crate) async fn send_even_if_spent(&mut self, request: RequestBuilder) -> Result<Answer, NoAnswer> {
        let request = request.build().map_err(|error| NoAnswer::Failed(causes(&error)))?;
        let (method, url) = (request.method().clone(), request.url().clone());
        if !self.may_ask(&url) {
            return Err(NoAnswer::ForeignOrigin(url.origin().ascii_serialization()));
        }
        self.made += 1;
        let end = Deadline::now() + self.timeout;
        let what = format!("{method} {}", url.path());
        let response = match timeout_at(end, self.http.execute(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(causes(&error)),
            Err(_) => Err(format!("no answer within {} s", self.timeout.as_secs_f32())),
        };
        let response = response.map_err(|why| {
            self.complaints.push(format!("{what}: {why}"));
            NoAnswer::Failed(why)
        })?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let (body, cut) = self.read(response, end).await;
        if let Some(cut) = cut {
            self.complaints.push(format!("{what}: {status}, but {cut}"));
        }
        Ok(Answer { method, url, status, headers, body: String::from_utf8_lossy(&body).into_owned() })
    }

    /// The body, and why it is not complete.
    async fn read(&self, mut response: Response, end: Deadline) -> (Vec<u8>, Option<String>) {
        let mut body = Vec::new();
        loop {
            match timeout_at(end, response.chunk()).await {
                Ok(Ok(Some(chunk))) => body.extend_from_slice(&chunk[..chunk.len().min(MAX_BODY - body.len())]),
                Ok(Ok(None)) => return (body, None),
                Ok(Err(error)) => return (body, Some(causes(&error))),
                Err(_) => {
                    let cut = format!("the body does not end within {} s", self.timeout.as_secs_f32());
                    return (body, Some(cut));
                }
            }
            if body.len() == MAX_BODY {
                return (body, Some(format!("the body does not end after {MAX_BODY} bytes")));
            }
        }
    }
}

impl Answer {
    /// The first header of this name; bytes that are not UTF-8 are replaced.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.all(name).next()
    }

    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = String> {
        let values = self.headers.get_all(name).iter();
        values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    }

    /// The content type without parameters, in lower case.
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

    /// 4xx: the server blames the request.
    pub(crate) fn is_refusal(&self) -> bool {
        (400..500).contains(&self.status)
    }

    pub(crate) fn location(&self) -> Option<Url> {
        self.url.join(&self.header("location")?).ok()
    }

    pub(crate) fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.body).ok()
    }

    /// A string member of the body, if the body is a JSON object.
    pub(crate) fn text(&self, member: &str) -> Option<String> {
        Some(self.json()?.get(member)?.as_str()?.to_owned())
    }

    pub(crate) fn forbids_storing(&self) -> bool {
        self.all("cache-control").any(|value| value.to_ascii_lowercase().contains("no-store"))
    }
}

/// All values of this name in an authorization response. They may stand in the query or in the fragment: a server that is asked
/// for `response_type=token` answers in the fragment, errors included (RFC 6749 §4.2.2.1).
pub(crate) fn response_parameters(url: &Url, name: &str) -> Vec<String> {
    let fragment = url.fragment().unwrap_or_default();
    let all = url.query_pairs().chain(url::form_urlencoded::parse(fragment.as_bytes()));
    all.filter(|(n, _)| n == name).map(|(_, value)| value.into_owned()).collect()
}

/// The error that an authorization response names.
pub(crate) fn response_error(url: &Url) -> Option<String> {
    response_parameters(url, "error").into_iter().next()
}

/// The beginning of most evidence: method, path, status, redirect target. Of a redirect's parameters only `error` is shown,
/// because the rest may hold credentials and people paste reports into tickets.
impl Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.method, self.url.path(), self.status)?;
        let Some(mut to) = self.location().filter(|_| self.is_redirect()) else { return Ok(()) };
        let error = response_error(&to);
        to.set_query(error.map(|error| format!("error={error}")).as_deref());
        to.set_fragment(None);
        write!(f, " to {to}")
    }
}

impl Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoAnswer::ForeignOrigin(origin) => {
                write!(f, "it is at {origin}, which was not asked; allow it with --also")
            }
            NoAnswer::Spent => f.write_str("not asked: this scan has used up its requests or its time"),
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
    async fn a_scan_has_a_limit_of_requests_and_still_cleans_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        tokio::spawn(async move { axum::serve(listener, Router::new()).await });
        let mut fetch = Fetch::new(vec![url.origin()], Duration::from_secs(10)).unwrap();
        for _ in 0..MAX_REQUESTS {
            let request = fetch.get(&url);
            assert_eq!(fetch.send(request).await.unwrap().status, 404);
        }
        let request = fetch.get(&url);
        assert!(matches!(fetch.send(request).await, Err(NoAnswer::Spent)));
        let request = fetch.delete(&url);
        assert!(fetch.send_even_if_spent(request).await.is_ok(), "the clean-up has no limit");
    }
}
