//! An authorization request, and the server's reaction to it.

use anyhow::Result;
use reqwest::header::{ACCEPT, COOKIE};
use url::Url;

use crate::fetch::{Answer, response_error};
use crate::page_headers;
use crate::rules::Rule;
use crate::scan::{Scan, nonce};

/// The challenge of RFC 7636 appendix B. Its verifier is public, which does no harm: no scan redeems a code.
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// An authorization request. Checks change one parameter of a correct one.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    endpoint: Url,
    parameters: Vec<(String, String)>,
}

impl Request {
    /// A correct request with a fresh state.
    pub(crate) fn new(endpoint: Url, client_id: &str, redirect_uri: &str) -> Result<Self> {
        let parameters = [
            ("response_type", "code"),
            ("client_id", client_id),
            ("redirect_uri", redirect_uri),
            ("state", &nonce()?),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Ok(Self { endpoint, parameters })
    }

    pub(crate) fn without_parameters(endpoint: Url) -> Self {
        Self { endpoint, parameters: Vec::new() }
    }

    /// The same request with `value` as the only value of the parameter `name`.
    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        self.without(name).and(name, value)
    }

    pub(crate) fn without(&self, name: &str) -> Self {
        let mut request = self.clone();
        request.parameters.retain(|(n, _)| n != name);
        request
    }

    /// The same request with one more parameter, which may repeat a name.
    pub(crate) fn and(&self, name: &str, value: &str) -> Self {
        let mut request = self.clone();
        request.parameters.push((name.to_owned(), value.to_owned()));
        request
    }

    pub(crate) fn value(&self, name: &str) -> &str {
        self.parameters.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }

    fn url(&self) -> Url {
        let mut url = self.endpoint.clone();
        if !self.parameters.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.parameters);
        }
        url
    }
}

/// The server's reaction to an authorization request.
#[derive(Debug)]
pub(crate) enum Reaction {
    /// A page with a 2xx status.
    Page(Answer),
    /// A 4xx status.
    Refused(Answer),
    /// A 5xx status, or one without a meaning here.
    Broken(Answer),
    /// A redirect to the request's redirect URI with an error, in query or fragment.
    ErrorResponse(Answer, Url),
    /// A redirect to the request's redirect URI without an error.
    Granted(Answer),
    /// A redirect to another page of the server, which was not opened.
    Inside(Answer),
    /// A redirect to a third party.
    Outside(Answer, Url),
}

impl Reaction {
    pub(crate) fn answer(&self) -> &Answer {
        match self {
            Reaction::Page(answer)
            | Reaction::Refused(answer)
            | Reaction::Broken(answer)
            | Reaction::ErrorResponse(answer, _)
            | Reaction::Granted(answer)
            | Reaction::Inside(answer)
            | Reaction::Outside(answer, _) => answer,
        }
    }
}

/// Sends `request` like a browser without cookies, and follows at most `hops` redirects within the server. Without an answer,
/// `rules` are skipped.
pub(crate) async fn ask(scan: &mut Scan<'_>, rules: &[Rule], request: &Request, hops: usize) -> Option<Reaction> {
    let mut url = request.url();
    let mut cookies: Vec<String> = Vec::new();
    for left in (0..=hops).rev() {
        let mut sent = scan.fetch.get(&url).header(ACCEPT, "text/html,application/xhtml+xml,*/*;q=0.8");
        if !cookies.is_empty() {
            sent = sent.header(COOKIE, cookies.join("; "));
        }
        let answer = scan.send(rules, sent).await?;
        page_headers::judge(&mut scan.report, &answer);
        let outcome = classify(scan, request, answer);
        match &outcome {
            Reaction::Inside(answer) if left > 0 => {
                let pairs = answer.all("set-cookie").map(|cookie| cookie.split(';').next().unwrap_or("").to_owned());
                cookies.extend(pairs);
                url = answer.location()?;
            }
            _ => return Some(outcome),
        }
    }
    None
}

fn classify(scan: &mut Scan<'_>, request: &Request, answer: Answer) -> Reaction {
    let report = &mut scan.report;
    if answer.is_redirect() {
        let repeats_the_body = matches!(answer.status, 307 | 308);
        report.judge(Rule::R9, !repeats_the_body, &answer);
        return match answer.location() {
            Some(to) if has_origin_of(&to, request.value("redirect_uri")) => match response_error(&to) {
                Some(_) => Reaction::ErrorResponse(answer, to),
                None => Reaction::Granted(answer),
            },
            Some(to) if scan.fetch.may_ask(&to) => Reaction::Inside(answer),
            Some(to) => Reaction::Outside(answer, to),
            None => Reaction::Broken(answer),
        };
    }
    match answer.status {
        200..300 => Reaction::Page(answer),
        400..500 => {
            report.holds(Rule::A22, &answer);
            Reaction::Refused(answer)
        }
        _ => {
            report.violated(Rule::A22, &answer);
            Reaction::Broken(answer)
        }
    }
}

/// The path does not matter: the host of the redirect URI receives the query under any path.
fn has_origin_of(url: &Url, redirect_uri: &str) -> bool {
    Url::parse(redirect_uri).is_ok_and(|named| {
        (named.scheme(), named.host_str()) == (url.scheme(), url.host_str())
            && named.port_or_known_default() == url.port_or_known_default()
    })
}

/// The first value of this name in the query.
pub(crate) fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(n, _)| n == name).map(|(_, value)| value.into_owned())
}
