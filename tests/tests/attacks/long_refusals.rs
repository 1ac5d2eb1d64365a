//! A stranger chooses how long the parts of a request are, and so how long its refusal would be.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use e2e::flow::{AuthorizationRequest, LOOPBACK, WEB};
use e2e::http::{Jar, Page};
use e2e::system::{MAIN, Plan, System};

/// An edge that asks again does so until its deadline of 30 s.
const AT_ONCE: Duration = Duration::from_secs(15);

/// The longest query that an edge accepts leaves this much for a `state`.
const LONGEST_QUERY: usize = 7_600;

/// Errors that are found after the client and its redirect URI are known, so that the answer would carry the `state`.
fn wrong(request: &AuthorizationRequest) -> Vec<(&'static str, AuthorizationRequest)> {
    let with = |name: &str, value: &str| request.clone().with(name, value);
    vec![
        ("RESPONSE_TYPE_UNSUPPORTED", with("response_type", "token")),
        ("RESPONSE_MODE_UNSUPPORTED", with("response_mode", "fragment")),
        ("REQUEST_OBJECT_UNSUPPORTED", with("request", "x")),
        ("REQUEST_URI_UNSUPPORTED", with("request_uri", "urn:x")),
        ("PKCE_REQUIRED", request.clone().without("code_challenge")),
        ("PKCE_METHOD_UNSUPPORTED", with("code_challenge_method", "plain")),
        ("PKCE_CHALLENGE_MALFORMED", with("code_challenge", "short")),
        ("RESOURCE_UNKNOWN", with("resource", "https://other.example")),
        ("SCOPE_INVALID", with("scope", "no-such-scope")),
        ("INTERACTION_REQUIRED", with("prompt", "none")),
        ("PARAMETER_REPEATED", request.clone().and("scope", "a").and("scope", "b")),
    ]
}

/// A request whose `state` is a valid one of this length, as a query and as a form.
async fn answers(system: &System, request: &AuthorizationRequest, state: &str) -> Result<Vec<Page>> {
    let request = request.clone().with("state", state);
    let gate = system.gate(MAIN.id)?;
    let mut answers = Vec::new();
    if request.url().len() < LONGEST_QUERY {
        answers.push(request.send(&mut Jar::new()?).await?);
    }
    answers.push(
        Page::of(gate.http().post(gate.url("/authorize")).header("accept", "text/html").form(&request.parameters))
            .await?,
    );
    Ok(answers)
}

#[tokio::test]
async fn early_error_with_any_state_is_answered_at_once() -> Result<()> {
    let system = System::start(Plan { edges: 1, ..Plan::default() }).await?;
    let gate = system.gate(MAIN.id)?;
    for redirect_uri in [WEB, LOOPBACK] {
        let app = gate.app(&[redirect_uri]).await?;
        for (reason, request) in wrong(&app.request()) {
            for unit in ["a", "!", "\u{1f980}"] {
                for length in [1, 1_000, 4_000, 5_400, 11_000] {
                    let state = unit.repeat(length / unit.len().min(length));
                    let case = format!("{reason}, {redirect_uri}, {length} bytes of {unit:?}");
                    let began = Instant::now();
                    for page in answers(&system, &request, &state).await? {
                        assert!(began.elapsed() < AT_ONCE, "{case}");
                        answered(&page, redirect_uri, reason, &state).context(case.clone())?;
                    }
                }
            }
        }
    }
    Ok(())
}

/// The answer is a page that names the reason, or a redirect with the whole `state`.
fn answered(page: &Page, redirect_uri: &str, reason: &str, state: &str) -> Result<()> {
    if page.status == 303 {
        assert_eq!(redirect_uri, LOOPBACK, "{}", page.summary());
        let location = page.location()?;
        let returned = location.query_pairs().find(|(name, _)| name == "state").context("no state")?.1.into_owned();
        assert_eq!(returned, state);
        assert!(location.as_str().len() <= 16 * 1024);
        return Ok(());
    }
    assert_eq!((page.status, page.reason()), (400, Some(reason)), "{}", page.summary());
    assert!(redirect_uri == WEB || state.len() > 4_096, "a client that is answered by redirects got a page");
    Ok(())
}
