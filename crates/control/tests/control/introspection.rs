//! Introspection (RFC 7662): a resource server learns of its own tokens only.

use std::time::Duration;

use lychgate_api::v1;
use lychgate_control::config::Role;

use crate::support::{
    App, ControlPlane, EDGE_TOKEN, Environment, Flow, ISSUER, RESOURCE, Refused as _, SERVER_TOKEN, principal,
};

const OTHER: &str = "token-of-another-mcp-server";

fn introspect(token: &str, server: Option<&str>) -> v1::IntrospectRequest {
    let (issuer_id, token) = (ISSUER.to_owned(), token.to_owned());
    v1::IntrospectRequest { issuer_id, token, resource_server_token: server.map(str::to_owned), ..Default::default() }
}

fn by_secret(token: &str, resource_server: v1::ClientCredentials) -> v1::IntrospectRequest {
    v1::IntrospectRequest { resource_server: Some(resource_server), ..introspect(token, None) }
}

/// `client_secret_post`.
fn post(id: &str, secret: &str) -> v1::ClientCredentials {
    v1::ClientCredentials {
        client_id: Some(id.to_owned()),
        client_secret: Some(secret.to_owned()),
        ..Default::default()
    }
}

/// `client_secret_basic`, with the text before form decoding if it differs.
fn basic(id: &str, secret: &str, verbatim_secret: Option<&str>) -> v1::ClientCredentials {
    let basic = v1::BasicCredentials {
        client_id: id.to_owned(),
        client_secret: secret.to_owned(),
        verbatim_client_id: None,
        verbatim_client_secret: verbatim_secret.map(str::to_owned),
    };
    v1::ClientCredentials { basic: Some(basic), ..Default::default() }
}

async fn with_resource_servers() -> (Environment, ControlPlane) {
    let mut env = Environment::new().await;
    let mut other = principal("other", Role::Resource, OTHER);
    other.resources = Some(vec!["https://other.example/mcp".to_owned()]);
    env.config.principals.extend([principal("server", Role::Resource, SERVER_TOKEN), other]);
    let control = env.start().await;
    (env, control)
}

/// Requirements: A17, R39.
#[tokio::test(flavor = "multi_thread")]
async fn a_resource_server_learns_of_its_own_live_tokens_only() {
    let (env, control) = with_resource_servers().await;
    let edge = control.edge();
    let mut flow = Flow::new(App::configured());
    let tokens = flow.tokens(&edge, &env.idp).await;
    let token = &tokens.access_token;
    let by_edge = edge.introspect(introspect(token, Some(SERVER_TOKEN))).await.unwrap();
    let itself = control.caller(SERVER_TOKEN).introspect(introspect(token, None)).await.unwrap();
    assert_eq!(by_edge, itself);
    assert!(by_edge.active);
    assert_eq!((by_edge.aud.as_str(), by_edge.client_id.as_str()), (RESOURCE, "app"));
    assert_eq!((by_edge.sub.as_str(), by_edge.scope.as_str()), ("idp|alice", "read"));
    assert_eq!(by_edge.exp - by_edge.iat, 600);

    let nothing = v1::IntrospectResponse::default();
    for (why, token, server) in [
        ("another resource's server (A17)", token.as_str(), OTHER),
        ("a refresh token", tokens.refresh_token(), SERVER_TOKEN),
        ("no token", "a.b.c", SERVER_TOKEN),
        ("a token without its signature", &token[..token.rfind('.').unwrap() + 1], SERVER_TOKEN),
    ] {
        assert_eq!(edge.introspect(introspect(token, Some(server))).await.unwrap(), nothing, "{why}");
    }
    for server in [None, Some(""), Some("guess"), Some(EDGE_TOKEN)] {
        assert_eq!(edge.introspect(introspect(token, server)).await.reason(), "RESOURCE_SERVER_UNKNOWN", "{server:?}");
    }
}

/// Requirements: R30, R39.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_inactive_as_soon_as_its_grant_ends() {
    let (env, control) = with_resource_servers().await;
    let edge = control.edge();
    let active = |token: String| {
        let edge = edge.clone();
        async move { edge.introspect(introspect(&token, Some(SERVER_TOKEN))).await.unwrap().active }
    };
    let mut flow = Flow::new(App::configured());
    let revoked = flow.tokens(&edge, &env.idp).await;
    let replayed = flow.tokens(&edge, &env.idp).await;
    let expired = flow.tokens(&edge, &env.idp).await;
    assert!(active(revoked.access_token.clone()).await);
    edge.revoke(flow.revoke(revoked.refresh_token())).await.unwrap();
    assert!(!active(revoked.access_token).await);
    let next = edge.exchange(flow.refresh(replayed.refresh_token())).await.unwrap();
    edge.exchange(flow.refresh(next.refresh_token())).await.unwrap();
    assert!(active(replayed.access_token.clone()).await, "an access token outlives its refresh token");
    assert_eq!(edge.exchange(flow.refresh(replayed.refresh_token())).await.reason(), "REFRESH_TOKEN_REPLAYED");
    assert!(!active(replayed.access_token).await);
    assert!(active(expired.access_token.clone()).await);
    env.advance(Duration::from_secs(600));
    assert!(!active(expired.access_token).await);
}

/// A resource server that is a principal authenticates as an OAuth client too: its id is its name, its secret is its token.
///
/// Requirements: A17, R13, R14, R39.
#[tokio::test(flavor = "multi_thread")]
async fn a_resource_server_authenticates_with_its_name_and_token() {
    let (env, control) = with_resource_servers().await;
    let edge = control.edge();
    let token = Flow::new(App::configured()).tokens(&edge, &env.idp).await.access_token;
    let spaced = SERVER_TOKEN.replace('-', " ");
    for own in [
        post("server", SERVER_TOKEN),
        basic("server", SERVER_TOKEN, None),
        // As a client sends it that leaves the form encoding out.
        basic("server", &spaced, Some(SERVER_TOKEN)),
        v1::ClientCredentials { client_id: Some("server".to_owned()), ..basic("server", SERVER_TOKEN, None) },
    ] {
        assert!(edge.introspect(by_secret(&token, own.clone())).await.unwrap().active, "{own:?}");
    }
    for foreign in [post("other", OTHER), basic("other", OTHER, None)] {
        let answer = edge.introspect(by_secret(&token, foreign)).await.unwrap();
        assert_eq!(answer, v1::IntrospectResponse::default(), "another resource's server (A17)");
    }
    for wrong in [
        post("server", "guess"),
        post("server", ""),
        post("", SERVER_TOKEN),
        post("Server", SERVER_TOKEN),
        post("other", SERVER_TOKEN),
        post("server", OTHER),
        // The names of principals of other roles, with their own tokens.
        post("edge", EDGE_TOKEN),
        basic("edge", EDGE_TOKEN, None),
        basic("server", "guess", Some("guess again")),
        basic("other", SERVER_TOKEN, None),
        basic("server", "", None),
    ] {
        let refused = edge.introspect(by_secret(&token, wrong.clone())).await;
        assert_eq!(refused.reason(), "RESOURCE_SERVER_UNKNOWN", "{wrong:?}");
    }
    let both =
        v1::ClientCredentials { basic: basic("server", SERVER_TOKEN, None).basic, ..post("server", SERVER_TOKEN) };
    let elsewhere =
        v1::ClientCredentials { client_id: Some("other".to_owned()), ..basic("server", SERVER_TOKEN, None) };
    for (why, client, bearer) in [
        ("header and form", both, None),
        ("two names", elsewhere, None),
        ("bearer and form", post("server", SERVER_TOKEN), Some(SERVER_TOKEN.to_owned())),
        ("bearer and header", basic("server", SERVER_TOKEN, None), Some(SERVER_TOKEN.to_owned())),
    ] {
        let request = v1::IntrospectRequest { resource_server_token: bearer, ..by_secret(&token, client) };
        assert_eq!(edge.introspect(request).await.reason(), "CLIENT_AUTHENTICATION_AMBIGUOUS", "{why}");
    }
}

/// A principal that is confined to another issuer introspects nothing here, however it authenticates.
///
/// Requirements: R39.
#[tokio::test(flavor = "multi_thread")]
async fn a_resource_server_of_another_issuer_does_not_exist_here() {
    let mut env = Environment::new().await;
    let mut elsewhere = principal("server", Role::Resource, SERVER_TOKEN);
    elsewhere.issuers = Some(vec![]);
    env.config.principals.push(elsewhere);
    let control = env.start().await;
    for request in [
        introspect("a.b.c", Some(SERVER_TOKEN)),
        by_secret("a.b.c", post("server", SERVER_TOKEN)),
        by_secret("a.b.c", basic("server", SERVER_TOKEN, None)),
    ] {
        assert_eq!(control.edge().introspect(request).await.reason(), "RESOURCE_SERVER_UNKNOWN");
    }
}
