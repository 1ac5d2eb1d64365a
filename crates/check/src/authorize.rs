//! The authorization endpoint: asking it, understanding what it did, and what it must do with whom it does not know.

use anyhow::Result;
use reqwest::header::{ACCEPT, COOKIE};
use url::Url;

use crate::fetch::Answer;
use crate::metadata::Server;
use crate::report::said;
use crate::rules::Rule;
use crate::{NOWHERE, Scan, pages, word};

/// The challenge of RFC 7636 appendix B. Its verifier is known to everybody, and no code is ever redeemed here.
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// An authorization request, of which a check changes one thing.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    endpoint: Url,
    parameters: Vec<(String, String)>,
}

impl Request {
    pub(crate) fn new(endpoint: Url, client_id: &str, redirect_uri: &str) -> Result<Self> {
        let good = [
            ("response_type", "code"),
            ("client_id", client_id),
            ("redirect_uri", redirect_uri),
            ("state", &word()?),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        let parameters = good.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Ok(Self { endpoint, parameters })
    }

    /// With this value and no other.
    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        self.without(name).and(name, value)
    }

    pub(crate) fn without(&self, name: &str) -> Self {
        let mut request = self.clone();
        request.parameters.retain(|(n, _)| n != name);
        request
    }

    /// With this value, besides.
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

/// What became of a request.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// A page, with 2xx.
    Page(Answer),
    /// 4xx.
    Refused(Answer),
    /// 5xx, or a status that means nothing here.
    Broken(Answer),
    /// Redirected to the request's own redirect URI, with an error.
    Told(Answer, Url),
    /// Redirected to the request's own redirect URI, without an error.
    Granted(Answer),
    /// Redirected to another page of the server's own, which was not opened.
    Inside(Answer),
    /// Redirected to somewhere else.
    Sent(Answer, Url),
}

impl Outcome {
    pub(crate) fn answer(&self) -> &Answer {
        match self {
            Outcome::Page(answer)
            | Outcome::Refused(answer)
            | Outcome::Broken(answer)
            | Outcome::Told(answer, _)
            | Outcome::Granted(answer)
            | Outcome::Inside(answer)
            | Outcome::Sent(answer, _) => answer,
        }
    }
}

/// Asks as a browser does that has no cookies, and opens at most `hops` further pages of the server's own.
pub(crate) async fn ask(scan: &mut Scan<'_>, rules: &[Rule], request: &Request, hops: usize) -> Option<Outcome> {
    let mut url = request.url();
    let mut cookies: Vec<String> = Vec::new();
    for left in (0..=hops).rev() {
        let mut sent = scan.fetch.get(&url).header(ACCEPT, "text/html,application/xhtml+xml,*/*;q=0.8");
        if !cookies.is_empty() {
            sent = sent.header(COOKIE, cookies.join("; "));
        }
        let answer = scan.send(rules, sent).await?;
        pages::judge(&mut scan.report, &answer);
        let outcome = classify(scan, request, answer);
        match &outcome {
            Outcome::Inside(answer) if left > 0 => {
                let pairs = answer.all("set-cookie").map(|cookie| cookie.split(';').next().unwrap_or("").to_owned());
                cookies.extend(pairs);
                url = answer.location()?;
            }
            _ => return Some(outcome),
        }
    }
    None
}

fn classify(scan: &mut Scan<'_>, request: &Request, answer: Answer) -> Outcome {
    let report = &mut scan.report;
    if answer.is_redirect() {
        let repeats = matches!(answer.status, 307 | 308);
        report.judge(Rule::R9, !repeats, &answer);
        return match answer.location() {
            Some(to) if is_to(&to, request.value("redirect_uri")) => match parameter(&to, "error") {
                Some(_) => Outcome::Told(answer, to),
                None => Outcome::Granted(answer),
            },
            Some(to) if scan.fetch.may_ask(&to) => Outcome::Inside(answer),
            Some(to) => Outcome::Sent(answer, to),
            None => Outcome::Broken(answer),
        };
    }
    match answer.status {
        200..300 => Outcome::Page(answer),
        400..500 => {
            report.holds(Rule::A22, &answer);
            Outcome::Refused(answer)
        }
        _ => {
            report.violated(Rule::A22, &answer);
            Outcome::Broken(answer)
        }
    }
}

/// Whoever answers at the redirect URI's scheme and host gets what is in the URL, whatever its path.
fn is_to(url: &Url, redirect_uri: &str) -> bool {
    Url::parse(redirect_uri).is_ok_and(|named| {
        (named.scheme(), named.host_str()) == (url.scheme(), url.host_str())
            && named.port_or_known_default() == url.port_or_known_default()
    })
}

/// The first of this name in the query.
pub(crate) fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(n, _)| n == name).map(|(_, value)| value.into_owned())
}

/// What can be asked without a client: nobody knows who asks.
pub(crate) async fn check(scan: &mut Scan<'_>, server: &Server) -> Result<()> {
    let Some(endpoint) = server.endpoint("authorization_endpoint") else { return Ok(()) };
    let redirect_uri = format!("{NOWHERE}/callback");
    let unknown = Request::new(endpoint.clone(), &format!("lychgate-check-{}", word()?), &redirect_uri)?;
    stranger(scan, "an unknown client", &unknown).await;
    let nothing = Request { endpoint: endpoint.clone(), parameters: Vec::new() };
    stranger(scan, "no parameter at all", &nothing).await;
    markup(scan, &unknown).await?;
    other_origins(scan, &endpoint).await;
    Ok(())
}

/// RFC 6749 §4.1.2.1: as long as nobody knows who asks, the address in the request is anybody's.
async fn stranger(scan: &mut Scan<'_>, what: &str, request: &Request) {
    let Some(outcome) = ask(scan, &[Rule::R1, Rule::B35], request, 0).await else { return };
    let report = &mut scan.report;
    let evidence = format!("{what}: {}", outcome.answer());
    match outcome {
        Outcome::Refused(_) => {
            report.holds(Rule::R1, &evidence);
            report.holds(Rule::B35, &evidence);
        }
        Outcome::Told(..) | Outcome::Granted(_) | Outcome::Sent(..) => report.violated(Rule::R1, evidence),
        Outcome::Page(_) | Outcome::Inside(_) => {
            report.holds(Rule::R1, format_args!("{evidence}, which leads to nobody"));
            report.violated(Rule::B35, evidence);
        }
        Outcome::Broken(_) => report.skipped(Rule::B35, evidence),
    }
}

/// A client id is the attacker's to choose, and pages like to name it.
async fn markup(scan: &mut Scan<'_>, unknown: &Request) -> Result<()> {
    let marked = format!("{}<3\"", word()?);
    let Some(outcome) = ask(scan, &[Rule::L2], &unknown.with("client_id", &marked), 0).await else { return Ok(()) };
    let answer = outcome.answer();
    let escaped = !answer.is_html() || !answer.body.contains(&marked);
    scan.report.judge(Rule::L2, escaped, format_args!("{answer}, asked with `<` and `\"` in client_id"));
    Ok(())
}

/// R8: a page that may be read by scripts of other sites is a page that they can take a form token from.
async fn other_origins(scan: &mut Scan<'_>, endpoint: &Url) {
    let preflight = scan.fetch.options(endpoint).header("access-control-request-method", "GET");
    for request in [preflight, scan.fetch.get(endpoint)] {
        let Some(answer) = scan.send(&[Rule::R8], request.header("origin", NOWHERE)).await else { return };
        let allowed = answer.header("access-control-allow-origin");
        scan.report.judge(
            Rule::R8,
            allowed.is_none(),
            format_args!("{answer}, Access-Control-Allow-Origin: {}", said(allowed.as_ref())),
        );
    }
}
