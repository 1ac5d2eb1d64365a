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
    v1::IntrospectRequest { issuer_id, token, resource_server_token: server.map(str::to_owned) }
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
