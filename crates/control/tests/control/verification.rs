//! Verification for reverse proxies: the edge's `Verify` and Envoy's `ext_authz` give the same identity or the same
//! challenge.

use std::collections::HashMap;
use std::time::Duration;

use lychgate_api::{error_metadata, v1};
use lychgate_control::config::Role;

use crate::support::{
    App, ControlPlane, EDGE_TOKEN, Environment, EnvoyDecision, EnvoyRequest, Failure, Flow, ISSUER, ISSUER_URL,
    RESOURCE, Refused as _, principal, verify_request,
};

const ENVOY: &str = "token-of-the-envoy";
const OTHER: &str = "https://other.example/mcp";
const CHALLENGE: &str = "Bearer resource_metadata=\"https://mcp.example/.well-known/oauth-protected-resource/mcp\"";

async fn with_envoy() -> (Environment, ControlPlane) {
    let mut env = Environment::new().await;
    env.config.principals.push(principal("envoy", Role::Resource, ENVOY));
    let control = env.start().await;
    (env, control)
}

/// Reason and challenge of a refusal.
#[track_caller]
fn refusal(refused: Result<v1::VerifyResponse, Failure>) -> (String, Option<String>) {
    let failure = refused.expect_err("the request is refused");
    (failure.reason, failure.metadata.get(error_metadata::CHALLENGE).cloned())
}

fn denied(reason: &str, text: &str) -> (String, Option<String>) {
    (reason.to_owned(), Some(format!("{CHALLENGE}{text}")))
}

/// Requirements: C6, R25.
#[tokio::test(flavor = "multi_thread")]
async fn a_live_token_identifies_the_request_and_any_other_is_challenged() {
    let (env, control) = with_envoy().await;
    let edge = control.edge();
    let mut flow = Flow::new(App::configured());
    let tokens = flow.tokens(&edge, &env.idp).await;
    let good = verify_request(&tokens.access_token);
    let verified = edge.verify(good.clone()).await.unwrap();
    let expected = v1::VerifyResponse {
        issuer: ISSUER_URL.to_owned(),
        resource: RESOURCE.to_owned(),
        subject: "idp|alice".to_owned(),
        client_id: "app".to_owned(),
        scope: "read".to_owned(),
        exp: verified.exp,
        upstream_token: None,
    };
    assert_eq!(verified, expected);
    assert_eq!(u64::try_from(verified.exp).unwrap(), env.now().seconds() + 600);

    let (unsigned, signature) = tokens.access_token.rsplit_once('.').unwrap();
    let flipped = if signature.starts_with('A') { 'B' } else { 'A' };
    for (why, token) in [
        ("a refresh token", tokens.refresh_token().to_owned()),
        ("no token", "a.b.c".to_owned()),
        ("without its signature", format!("{unsigned}.")),
        ("another signature", format!("{unsigned}.{flipped}{}", &signature[1..])),
        ("two at once", format!("{0} {0}", tokens.access_token)),
    ] {
        let invalid = denied("ACCESS_TOKEN_INVALID", ", error=\"invalid_token\"");
        assert_eq!(refusal(edge.verify(verify_request(&token)).await), invalid, "{why}");
    }
    assert_eq!(
        refusal(edge.verify(verify_request("")).await),
        denied("ACCESS_TOKEN_MISSING", ""),
        "a missing token is no error"
    );

    let with = |scope: &str| v1::VerifyRequest { scope: Some(scope.to_owned()), ..good.clone() };
    assert_eq!(edge.verify(with("read")).await.unwrap(), expected);
    let more = ", scope=\"read write\", error=\"insufficient_scope\"";
    assert_eq!(refusal(edge.verify(with("write read")).await), denied("SCOPE_INSUFFICIENT", more));

    env.advance(Duration::from_secs(600));
    assert_eq!(refusal(edge.verify(good).await).0, "ACCESS_TOKEN_INVALID", "expired");
}

/// A token is refused at another resource and at another issuer.
///
/// Requirements: A17, C6.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_valid_at_its_own_resource_and_issuer_only() {
    let (mut env, _) = with_envoy().await;
    env.add_other_issuer();
    let control = env.start().await;
    let edge = control.edge();
    let token = Flow::new(App::configured()).tokens(&edge, &env.idp).await.access_token;
    let good = verify_request(&token);
    assert!(edge.verify(good.clone()).await.is_ok());
    let elsewhere = v1::VerifyRequest { resource: OTHER.to_owned(), ..good.clone() };
    let (reason, challenge) = refusal(edge.verify(elsewhere).await);
    assert_eq!(reason, "ACCESS_TOKEN_INVALID");
    assert!(challenge.unwrap().contains("\"https://other.example/.well-known/oauth-protected-resource/mcp\""));
    let at_another = v1::VerifyRequest { issuer_id: "other".to_owned(), ..good };
    assert_eq!(refusal(edge.verify(at_another).await).0, "ACCESS_TOKEN_INVALID");
}

/// A mistake in the proxy's configuration is reported in the log and in the answer, and no request passes.
#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_in_a_proxys_configuration_is_reported_and_passes_no_request() {
    let (env, control) = with_envoy().await;
    let edge = control.edge();
    let token = Flow::new(App::configured()).tokens(&edge, &env.idp).await.access_token;
    let good = verify_request(&token);
    let resource = |uri: &str| v1::VerifyRequest { resource: uri.to_owned(), ..good.clone() };
    let scope = |scope: &str| v1::VerifyRequest { scope: Some(scope.to_owned()), ..good.clone() };
    for (request, reason) in [
        (resource(""), "PARAMETER_MISSING"),
        (resource("https://mcp.example/mcp/"), "RESOURCE_UNKNOWN"),
        (resource("https://unknown.example"), "RESOURCE_UNKNOWN"),
        (scope(""), "SCOPE_INVALID"),
        (scope("raed"), "SCOPE_INVALID"),
        (v1::VerifyRequest { issuer_id: "mian".to_owned(), ..good.clone() }, "ISSUER_UNKNOWN"),
    ] {
        assert_eq!(refusal(edge.verify(request.clone()).await), (reason.to_owned(), None), "{request:?}");
        let without = v1::VerifyRequest { access_token: String::new(), ..request };
        assert_eq!(refusal(edge.verify(without.clone()).await), (reason.to_owned(), None), "{without:?}");
    }

    let server = control.caller(ENVOY);
    let asked = EnvoyRequest::with(&token);
    for (extensions, reason) in [
        (("lychgate-resource", ""), "RESOURCE_UNKNOWN"),
        // It exists, but belongs to another resource server.
        (("lychgate-resource", OTHER), "RESOURCE_UNKNOWN"),
        (("lychgate-issuer", "mian"), "ISSUER_UNKNOWN"),
        (("lychgate-scopes", ""), "SCOPE_INVALID"),
        (("lychgate-scopes", "raed"), "SCOPE_INVALID"),
        // A misspelt extension would demand nothing.
        (("lychgate-scope", "write"), "REQUEST_MALFORMED"),
    ] {
        let slipped = asked.clone().saying(&[extensions]);
        assert_eq!(server.ext_authz(&slipped).await.reason(), reason, "{extensions:?}");
    }
    let complete =
        [("lychgate-issuer", ISSUER), ("lychgate-resource", RESOURCE), ("lychgate-scopes", "read"), ("x", "y")];
    assert!(server.ext_authz(&asked.saying(&complete)).await.unwrap().is_allowed());
}

#[tokio::test(flavor = "multi_thread")]
async fn envoy_sets_the_identity_headers_and_removes_forged_ones() {
    let (env, control) = with_envoy().await;
    let token = Flow::new(App::configured()).tokens(&control.edge(), &env.idp).await.access_token;
    let server = control.caller(ENVOY);
    let expires = (env.now().seconds() + 600).to_string();
    let identity: HashMap<String, String> = [
        ("x-lychgate-issuer", ISSUER_URL),
        ("x-lychgate-resource", RESOURCE),
        ("x-lychgate-subject", "idp|alice"),
        ("x-lychgate-client", "app"),
        ("x-lychgate-scope", "read"),
        ("x-lychgate-expires", expires.as_str()),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    // Other headers of the client demand nothing and identify no one.
    let asked = EnvoyRequest::with(&token)
        .header("host", "other.example")
        .header(":path", "/mcp?resource=https://other.example/mcp")
        .header("x-forwarded-uri", OTHER)
        .header("lychgate-resource", OTHER)
        .header("lychgate-scopes", "write")
        .header("x-lychgate-subject", "idp|root")
        .header("x-lychgate-groups", "admin")
        .header("x_lychgate_subject", "idp|root")
        .header("x-lychgate_scope", "write");
    for asked in [asked.clone(), asked.raw()] {
        let EnvoyDecision::Allowed { set, mut removed } = server.ext_authz(&asked).await.unwrap() else {
            panic!("expected the request to pass")
        };
        removed.sort();
        assert_eq!(set, identity);
        assert_eq!(removed, ["x-lychgate-groups", "x-lychgate_scope", "x_lychgate_subject"], "no header that is set");
    }
}

/// Requirements: C4, C5, C7, C11, R25.
#[tokio::test(flavor = "multi_thread")]
async fn envoy_answers_with_the_same_challenge() {
    let (env, control) = with_envoy().await;
    let token = Flow::new(App::configured()).tokens(&control.edge(), &env.idp).await.access_token;
    let server = control.caller(ENVOY);
    let bearer = format!("Bearer {token}");
    let twice = EnvoyRequest::with(&token).header("authorization", &bearer);
    let of = |value: &str| EnvoyRequest::default().header("authorization", value);
    for (asked, status, text) in [
        (EnvoyRequest::default(), 401, ""),
        (of(&format!("Basic {token}")), 401, ""),
        (of(&token), 401, ""),
        (twice.clone(), 401, ""),
        (twice.raw(), 401, ""),
        (EnvoyRequest::default().header(":path", &format!("/mcp?access_token={token}")), 401, ""),
        (EnvoyRequest::default().header("cookie", &format!("authorization={bearer}")), 401, ""),
        (EnvoyRequest::with("a.b.c"), 401, ", error=\"invalid_token\""),
        (
            EnvoyRequest::with(&token).saying(&[("lychgate-scopes", "read write")]),
            403,
            ", scope=\"read write\", error=\"insufficient_scope\"",
        ),
    ] {
        let answered = server.ext_authz(&asked).await.unwrap();
        let EnvoyDecision::Denied { status: answered_status, headers, body } = answered else {
            panic!("{asked:?} passes")
        };
        assert_eq!(
            (answered_status, &headers["www-authenticate"]),
            (status, &format!("{CHALLENGE}{text}")),
            "{asked:?}"
        );
        assert_eq!(headers["cache-control"], "no-store");
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        let error = if status == 403 { "insufficient_scope" } else { "invalid_token" };
        assert_eq!((&headers["content-type"], &body["error"]), (&"application/json".to_owned(), &error.into()));
        assert!(!body["error_description"].as_str().unwrap().is_empty());
    }
    assert!(server.ext_authz(&of(&bearer.replace("Bearer", "bearer"))).await.unwrap().is_allowed());
    assert!(server.ext_authz(&of(&bearer).raw()).await.unwrap().is_allowed());
}

/// An omitted extension follows from the caller if only one value is possible.
#[tokio::test(flavor = "multi_thread")]
async fn an_ambiguous_omission_in_envoys_configuration_is_refused() {
    let mut env = Environment::new().await;
    env.add_other_issuer();
    let mut everywhere = principal("everywhere", Role::Resource, ENVOY);
    everywhere.resources = Some(vec![RESOURCE.to_owned(), OTHER.to_owned()]);
    let mut scoped = principal("scoped", Role::Resource, "token-of-the-scoped");
    scoped.issuers = Some(vec!["other".to_owned()]);
    env.config.principals.extend([everywhere, scoped]);
    let control = env.start().await;
    let (edge, everywhere, scoped) = (control.edge(), control.caller(ENVOY), control.caller("token-of-the-scoped"));
    let token = Flow::at("other", App::configured()).tokens(&edge, &env.idp).await.access_token;
    let asked = EnvoyRequest::with(&token);
    let (issuer, resource) = (("lychgate-issuer", "other"), ("lychgate-resource", RESOURCE));
    for (extensions, missing) in [(&[issuer][..], "lychgate-resource"), (&[resource], "lychgate-issuer")] {
        let failure = everywhere.ext_authz(&asked.clone().saying(extensions)).await.unwrap_err();
        let description = &failure.metadata[error_metadata::DESCRIPTION];
        assert_eq!(failure.reason, "PARAMETER_MISSING");
        assert!(description.contains(missing), "{description}");
    }
    assert!(everywhere.ext_authz(&asked.clone().saying(&[issuer, resource])).await.unwrap().is_allowed());
    assert!(scoped.ext_authz(&asked).await.unwrap().is_allowed(), "it has one resource and one issuer");
    let foreign = asked.saying(&[("lychgate-issuer", ISSUER)]);
    assert_eq!(scoped.ext_authz(&foreign).await.reason(), "ISSUER_UNKNOWN");
    assert_eq!(control.caller(EDGE_TOKEN).ext_authz(&foreign).await.reason(), "PERMISSION_DENIED");
}
