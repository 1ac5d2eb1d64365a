//! `/verify`: the proxy's question, the answer, and the parts of a request that count.

use lychgate_api::{Reason, error_metadata, v1};

use crate::support::{Answer, FakeControl, Message, TestEdge, header, refusal, running};

const RESOURCE: &str = "https://mcp.example/mcp";
const PATH: &str = "/verify?resource=https%3A%2F%2Fmcp.example%2Fmcp&scope=notes:read+notes:write";
const CHALLENGE: &str = "Bearer resource_metadata=\"https://mcp.example/.well-known/oauth-protected-resource/mcp\"";

fn verified() -> Answer {
    Answer::Verified(v1::VerifyResponse {
        issuer: "https://gate.example".to_owned(),
        resource: RESOURCE.to_owned(),
        subject: "idp|al\u{ef}ce, or\r\nnot".to_owned(),
        client_id: "app".to_owned(),
        scope: "notes:read notes:write".to_owned(),
        exp: 1_790_000_000,
        upstream_token: None,
    })
}

/// The message of the only call.
fn question(fake: &FakeControl) -> v1::VerifyRequest {
    match fake.only_message() {
        Message::Verify(message) => message,
        other => panic!("not a verification: {other:?}"),
    }
}

async fn get(edge: &TestEdge, path: &str, headers: &[(&str, &str)]) -> reqwest::Response {
    let request = edge.http.get(edge.url(path));
    edge.send(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
}

#[tokio::test]
async fn verified_request_gets_identity_headers() {
    let (edge, fake) = running().await;
    fake.answer(verified());
    let response = get(&edge, PATH, &[("authorization", "Bearer t")]).await;
    assert_eq!((response.status().as_u16(), header(&response, "cache-control")), (200, "no-store"));
    for (name, value) in [
        ("x-lychgate-issuer", "https://gate.example"),
        ("x-lychgate-resource", RESOURCE),
        ("x-lychgate-subject", "idp|al%C3%AFce%2C%20or%0D%0Anot"),
        ("x-lychgate-client", "app"),
        ("x-lychgate-scope", "notes:read notes:write"),
        ("x-lychgate-expires", "1790000000"),
    ] {
        assert_eq!(header(&response, name), value, "{name}");
    }
    assert_eq!(response.text().await.expect("nothing"), "");
    let expected = v1::VerifyRequest {
        issuer_id: "root".to_owned(),
        resource: RESOURCE.to_owned(),
        scope: Some("notes:read notes:write".to_owned()),
        access_token: "t".to_owned(),
        upstream_token: None,
    };
    assert_eq!(question(&fake), expected);
}

/// The proxy authenticates with a header of its own: `Authorization` is the client's.
///
/// Requirements: A27.
#[tokio::test]
async fn a_proxy_gets_the_upstreams_token_in_the_header_that_it_named() {
    for (name, value) in [("authorization", "Bearer up"), ("x-idp-token", "up")] {
        let (edge, fake) = running().await;
        let Answer::Verified(answer) = verified() else { panic!("a verification") };
        let token = v1::UpstreamTokenHeader { name: name.to_owned(), value: value.to_owned() };
        fake.answer(Answer::Verified(v1::VerifyResponse { upstream_token: Some(token), ..answer }));
        let path = format!("{PATH}&upstream_token={name}");
        let headers = [("authorization", "Bearer t"), ("x-lychgate-proxy-authorization", "Bearer proxy")];
        let response = get(&edge, &path, &headers).await;
        assert_eq!((response.status().as_u16(), header(&response, name)), (200, value));
        let message = question(&fake);
        let wanted = v1::WantedUpstreamToken { header: name.to_owned(), resource_server_token: "proxy".to_owned() };
        assert_eq!((message.access_token.as_str(), message.upstream_token), ("t", Some(wanted)));
    }
}

/// Each issuer has a `/verify` below its path.
#[tokio::test]
async fn path_decides_the_issuer_of_a_verification() {
    let (edge, fake) = running().await;
    fake.answer(verified());
    assert_eq!(get(&edge, "/t/verify?resource=r", &[("authorization", "Bearer t")]).await.status(), 200);
    let message = question(&fake);
    assert_eq!((message.issuer_id.as_str(), message.scope), ("tee", None));
}

/// Other headers of proxies and clients are ignored, and so are two `Authorization` headers.
///
/// Requirements: C7, R25.
#[tokio::test]
async fn only_a_single_bearer_token_counts() {
    let forwarded = [
        ("x-original-url", "https://mcp.example/mcp?resource=https://other.example"),
        ("x-original-uri", "/mcp?resource=https://other.example"),
        ("x-forwarded-uri", "/mcp?resource=https://other.example"),
        ("x-forwarded-host", "other.example"),
        ("x-forwarded-access-token", "stolen"),
        ("x-lychgate-resource", "https://other.example"),
        ("cookie", "authorization=Bearer stolen; access_token=stolen"),
        ("proxy-authorization", "Bearer stolen"),
    ];
    for authorization in [&[][..], &["Basic stolen"], &["stolen"], &["Bearer"], &["Bearer t", "Bearer stolen"]] {
        let (edge, fake) = running().await;
        fake.refuse(refusal(Reason::AccessTokenMissing, &[(error_metadata::CHALLENGE, CHALLENGE)]));
        let mut headers = forwarded.to_vec();
        headers.extend(authorization.iter().map(|value| ("authorization", *value)));
        let response = get(&edge, PATH, &headers).await;
        let seen = (response.status().as_u16(), header(&response, "www-authenticate"));
        assert_eq!(seen, (401, CHALLENGE), "{authorization:?}");
        let message = question(&fake);
        assert_eq!((message.resource.as_str(), message.access_token.as_str()), (RESOURCE, ""), "{authorization:?}");
    }
}

/// nginx passes 401 and 403 on to the client and answers 500 for every other failure.
///
/// Requirements: R25.
#[tokio::test]
async fn each_refusal_has_the_status_that_proxies_expect() {
    let insufficient = format!("{CHALLENGE}, scope=\"notes:write\", error=\"insufficient_scope\"");
    for (reason, oauth_error, challenge, status) in [
        (Reason::AccessTokenMissing, "invalid_token", Some(CHALLENGE), 401),
        (Reason::AccessTokenInvalid, "invalid_token", Some(CHALLENGE), 401),
        (Reason::ScopeInsufficient, "insufficient_scope", Some(insufficient.as_str()), 403),
        (Reason::ResourceUnknown, "invalid_target", None, 400),
        (Reason::ScopeInvalid, "invalid_scope", None, 400),
        (Reason::Fault, "server_error", None, 500),
        // A challenge with a line break is dropped.
        (Reason::AccessTokenInvalid, "invalid_token", Some("Bearer\r\nx-lychgate-subject: root"), 401),
    ] {
        let (edge, fake) = running().await;
        let mut metadata = vec![(error_metadata::OAUTH_ERROR, oauth_error)];
        metadata.extend(challenge.map(|challenge| (error_metadata::CHALLENGE, challenge)));
        fake.refuse(refusal(reason, &metadata));
        let response = get(&edge, PATH, &[("authorization", "Bearer t")]).await;
        assert_eq!(
            (response.status().as_u16(), header(&response, "cache-control")),
            (status, "no-store"),
            "{reason:?}"
        );
        let challenge = challenge.filter(|challenge| !challenge.contains('\n')).unwrap_or_default();
        assert_eq!(header(&response, "www-authenticate"), challenge, "{reason:?}");
        assert!(!response.headers().keys().any(|name| name.as_str().starts_with("x-lychgate-")), "{reason:?}");
        let json: serde_json::Value = response.json().await.expect("JSON");
        assert_eq!(json["error"], oauth_error, "{reason:?}");
    }
}

/// The request is refused without a call.
#[tokio::test]
async fn verification_with_another_query_is_refused() {
    for (query, reason) in [
        ("?resource=r&resource=r", "more than once"),
        ("?resource=r&scope=a&scope=b", "more than once"),
        ("?resource=r&scopes=a", "resource, scope and upstream_token"),
        ("?resource=r&access_token=t", "resource, scope and upstream_token"),
        ("?resource=%ff", "UTF-8"),
    ] {
        let (edge, fake) = running().await;
        let response = get(&edge, &format!("/verify{query}"), &[("authorization", "Bearer t")]).await;
        assert_eq!(response.status(), 400, "{query}");
        let json: serde_json::Value = response.json().await.expect("JSON");
        assert!(json["error_description"].as_str().expect("a description").contains(reason), "{query}: {json}");
        assert!(fake.calls().is_empty(), "{query}");
    }
}

#[tokio::test]
async fn verification_requires_get() {
    let (edge, fake) = running().await;
    for method in ["HEAD", "POST", "PUT", "DELETE", "OPTIONS"] {
        let request = edge.http.request(method.parse().expect("a method"), edge.url(PATH));
        let response = edge.send(request.bearer_auth("t")).await;
        assert_eq!((response.status().as_u16(), header(&response, "allow")), (405, "GET"), "{method}");
    }
    assert!(fake.calls().is_empty());
}
