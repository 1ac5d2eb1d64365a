//! What must hold for a client that the server knows: one thing is changed in a request that goes on, and it must not.
//!
//! It never approves anything: no authorization of a scan gets further than the page that asks.

use anyhow::{Context, Result};
use url::{Host, Url};

use crate::authorize::{Outcome, Request, ask, parameter};
use crate::metadata::Server;
use crate::rules::Rule;
use crate::{Scan, consent, token};

pub(crate) const RULES: &[Rule] = &[
    Rule::A10,
    Rule::A11,
    Rule::A26,
    Rule::B1,
    Rule::B5,
    Rule::B6,
    Rule::B7,
    Rule::E6,
    Rule::E7,
    Rule::R3,
    Rule::R5,
    Rule::R7,
    Rule::R11,
];

/// A client, as far as a scan knows it. It has no `Debug`: it may hold a secret.
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) redirect_uri: String,
    /// What it was registered as.
    pub(crate) name: Option<String>,
    pub(crate) secret: Option<String>,
    /// RFC 7592: where it is managed, and with which token.
    pub(crate) management: Option<(Url, String)>,
}

impl Client {
    pub(crate) fn given(id: &str, redirect_uri: &str) -> Self {
        let (id, redirect_uri) = (id.to_owned(), redirect_uri.to_owned());
        Self { id, redirect_uri, name: None, secret: None, management: None }
    }

    /// A request of its that nothing is wrong with.
    pub(crate) fn request(&self, server: &Server, resource: Option<&str>, scope: Option<&str>) -> Result<Request> {
        let endpoint = server.endpoint("authorization_endpoint").context("there is no authorization endpoint")?;
        let mut request = Request::new(endpoint, &self.id, &self.redirect_uri)?;
        for (name, value) in [("resource", resource), ("scope", scope)] {
            if let Some(value) = value {
                request = request.with(name, value);
            }
        }
        Ok(request)
    }

    fn is_loopback(&self) -> bool {
        let host = Url::parse(&self.redirect_uri).ok().and_then(|url| url.host().map(|host| host.to_owned()));
        match host {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
    }
}

/// `whole`: also what does not depend on where the client's redirect URI leads.
pub(crate) async fn check(scan: &mut Scan<'_>, server: &Server, client: &Client, good: Request, whole: bool) {
    if !consent::check(scan, client, &good).await {
        return scan.report.unknown(RULES, "the request that these checks alter is itself refused; see B1");
    }
    redirect_uris(scan, client, &good).await;
    early_error(scan, server, client, &good).await;
    if whole {
        must_refuse(
            scan,
            Rule::A26,
            "no code_challenge",
            &good.without("code_challenge").without("code_challenge_method"),
        )
        .await;
        must_refuse(scan, Rule::R5, "code_challenge_method=plain", &good.with("code_challenge_method", "plain")).await;
        must_refuse(scan, Rule::R7, "state twice", &good.and("state", "another")).await;
        must_go_on(scan, Rule::E6, "no scope", &good.without("scope")).await;
        let scope = format!("{} offline_access", good.value("scope"));
        let added =
            good.with("scope", scope.trim()).with("prompt", "consent").with("ui_locales", "en").with("lychgate", "1");
        must_go_on(scan, Rule::E7, "scope offline_access, prompt=consent, ui_locales, an unknown parameter", &added)
            .await;
    }
    token::check_with(scan, server, client).await;
}

/// RFC 9700 §2.1: byte for byte, but for the port of a loopback URI (RFC 8252 §7.3).
async fn redirect_uris(scan: &mut Scan<'_>, client: &Client, good: &Request) {
    let Ok(registered) = Url::parse(&client.redirect_uri) else { return };
    let (scheme, host) = (registered.scheme(), registered.host_str().unwrap_or_default());
    let (path, port) = (registered.path(), registered.port().map(|port| format!(":{port}")).unwrap_or_default());
    let others = if client.is_loopback() {
        let neighbour = if host == "localhost" { "127.0.0.1" } else { "localhost" };
        must_go_on(
            scan,
            Rule::R3,
            "another port",
            &good.with("redirect_uri", &format!("{scheme}://{host}:49152{path}")),
        )
        .await;
        vec![format!("{scheme}://{neighbour}{port}{path}"), format!("{scheme}://{host}{port}{path}/other")]
    } else {
        vec![
            format!("{scheme}://{host}{port}{path}/"),
            format!("{scheme}://{host}{port}{path}?a=b"),
            format!("{scheme}://{host}{port}{path}#a"),
            format!("{scheme}://{host}{port}/%2e{path}"),
            format!("{scheme}://{host}:8443{path}"),
            format!("{scheme}://user@{host}{port}{path}"),
            format!("{scheme}://{host}{port}{}", path.to_ascii_uppercase()),
            format!("{scheme}://{host}.lychgate-check.invalid{port}{path}"),
        ]
    };
    for other in others {
        let Some(outcome) = ask(scan, &[Rule::A10], &good.with("redirect_uri", &other), 3).await else { return };
        let evidence = format!("{other}: {}", outcome.answer());
        match outcome {
            Outcome::Refused(_) => scan.report.holds(Rule::A10, evidence),
            Outcome::Broken(_) => scan.report.skipped(Rule::A10, evidence),
            Outcome::Page(_) | Outcome::Told(..) | Outcome::Granted(_) | Outcome::Inside(_) | Outcome::Sent(..) => {
                scan.report.violated(Rule::A10, evidence);
            }
        }
    }
}

/// An error that nobody has seen yet: redirected to a program on this computer it tells the client; redirected to whatever
/// address a stranger registered it lends the server's name to a phisher (OAuth 2.1 §7.12.2).
async fn early_error(scan: &mut Scan<'_>, server: &Server, client: &Client, good: &Request) {
    let state = "lychgate check+%2B/&=\"'~";
    let request = good.with("response_type", "token").with("state", state);
    let Some(outcome) = must_refuse(scan, Rule::R4, "response_type=token", &request).await else { return };
    let report = &mut scan.report;
    match outcome {
        Outcome::Told(answer, to) => {
            if !client.is_loopback() {
                report.violated(Rule::A11, &answer);
            }
            // RFC 6749 §4.2.2.1: an error about `token` may come back where a token would have.
            let fragment = to.fragment().unwrap_or_default();
            let pairs = |name: &str| -> Vec<String> {
                let all = to.query_pairs().chain(url::form_urlencoded::parse(fragment.as_bytes()));
                all.filter(|(n, _)| n == name).map(|(_, value)| value.into_owned()).collect()
            };
            report.judge(Rule::R11, pairs("state") == [state], format_args!("{answer}, state: {:?}", pairs("state")));
            let issuers = pairs("iss");
            let evidence = format!("response_type=token: iss in the answer: {issuers:?}");
            match issuers.as_slice() {
                [only] if *only == server.issuer => report.holds(Rule::A6, evidence),
                // RFC 9207 §2.3: who advertises it must send it; clients refuse the answer otherwise.
                [] if !server.says("authorization_response_iss_parameter_supported") => {
                    report.warns(Rule::A6, evidence)
                }
                _ => report.fails(Rule::A6, evidence),
            }
        }
        Outcome::Refused(answer) => {
            report.holds(Rule::A11, &answer);
            report.skipped(Rule::R11, format_args!("the error is shown, not sent back: {answer}"));
        }
        Outcome::Page(_) | Outcome::Broken(_) | Outcome::Granted(_) | Outcome::Inside(_) | Outcome::Sent(..) => {}
    }
}

/// Whether `request`, with one thing wrong, is refused: to the person's face, or at the client's own address.
async fn must_refuse(scan: &mut Scan<'_>, rule: Rule, what: &str, request: &Request) -> Option<Outcome> {
    let outcome = ask(scan, &[rule], request, 3).await?;
    let evidence = format!("{what}: {}", outcome.answer());
    match &outcome {
        Outcome::Refused(_) | Outcome::Told(..) => scan.report.holds(rule, evidence),
        Outcome::Broken(_) => scan.report.skipped(rule, evidence),
        // Some have a page for errors that says 200; its address gives it away.
        Outcome::Page(answer) if parameter(&answer.url, "error").is_some() => scan.report.holds(rule, evidence),
        Outcome::Page(_) | Outcome::Granted(_) | Outcome::Inside(_) | Outcome::Sent(..) => {
            scan.report.violated(rule, format_args!("{evidence}: it goes on"));
        }
    }
    Some(outcome)
}

async fn must_go_on(scan: &mut Scan<'_>, rule: Rule, what: &str, request: &Request) {
    let Some(outcome) = ask(scan, &[rule], request, 0).await else { return };
    let goes_on = match &outcome {
        Outcome::Page(_) | Outcome::Granted(_) | Outcome::Inside(_) | Outcome::Sent(..) => true,
        Outcome::Refused(_) | Outcome::Broken(_) | Outcome::Told(..) => false,
    };
    scan.report.judge(rule, goes_on, format_args!("{what}: {}", outcome.answer()));
}
