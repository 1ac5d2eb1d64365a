//! Paths, aliases, issuers, and the edge's own endpoints.

use lychgate_api::Reason;
use lychgate_api::v1::ExchangeResponse;

use crate::support::{
    Answer, FakeControl, RunningControl, TIMEOUT, TestEdge, any_port, header, refusal, running, running_with,
};

const ROOT: [&str; 2] = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"];
const TEE: [&str; 4] = [
    "/.well-known/oauth-authorization-server/t",
    "/.well-known/openid-configuration/t",
    "/t/.well-known/openid-configuration",
    "/t/.well-known/oauth-authorization-server",
];

/// Every alias has the same JSON, without a redirect.
///
/// Requirements: A2, A3, A4.
#[tokio::test]
async fn metadata_is_served_at_every_alias() {
    let (edge, _) = running().await;
    for (paths, issuer) in [(&ROOT[..], "https://gate.example"), (&TEE[..], "https://gate.example/t")] {
        let mut bodies = Vec::new();
        for path in paths {
            let response = edge.get(path).await;
            assert_eq!(response.status(), 200, "{path}");
            assert_eq!(header(&response, "content-type"), "application/json");
            assert_eq!(header(&response, "cache-control"), "public, max-age=300");
            bodies.push(response.text().await.expect("text"));
        }
        bodies.dedup();
        assert_eq!(bodies.len(), 1, "the same bytes everywhere");
        let document: serde_json::Value = serde_json::from_str(&bodies[0]).expect("JSON");
        assert_eq!(document["issuer"], issuer);
        assert_eq!(document["code_challenge_methods_supported"], serde_json::json!(["S256"]));
    }
}

/// The document is at the well-known path of each resource, for any host (C1 to C3, RFC 9728).
///
/// Requirements: C1, C2, C3, R53.
#[tokio::test]
async fn protected_resource_metadata_is_served_at_the_path_of_each_resource() {
    let (edge, _) = running().await;
    for (id, issuer) in [("root", "https://gate.example"), ("tee", "https://gate.example/t")] {
        let response = edge.get(&format!("/.well-known/oauth-protected-resource/{id}")).await;
        assert_eq!((response.status().as_u16(), header(&response, "content-type")), (200, "application/json"));
        let expected = format!(
            r#"{{"resource":"https://mcp.example/{id}","authorization_servers":["{issuer}"],"resource_name":"Notes","scopes_supported":["read"],"bearer_methods_supported":["header"]}}"#
        );
        assert_eq!(response.text().await.expect("text"), expected);
    }
}

#[tokio::test]
async fn documents_support_head() {
    let (edge, _) = running().await;
    for path in [ROOT[0], TEE[0], "/jwks.json", "/t/jwks.json"] {
        let response = edge.send(edge.http.head(edge.url(path))).await;
        assert_eq!(
            (response.status().as_u16(), header(&response, "content-type")),
            (200, "application/json"),
            "{path}"
        );
    }
}

/// The status is 404, never 3xx or 5xx, and documents fail in JSON.
///
/// Requirements: A3.
#[tokio::test]
async fn paths_of_unknown_issuers_are_404() {
    let (edge, _) = running().await;
    for path in [
        "/.well-known/oauth-authorization-server/nope",
        "/.well-known/openid-configuration/t/u",
        "/nope/.well-known/openid-configuration",
        "/.well-known/oauth-protected-resource",
    ] {
        let response = edge.get(path).await;
        assert_eq!((response.status().as_u16(), header(&response, "location")), (404, ""), "{path}");
        if path.starts_with("/.well-known/") {
            assert_eq!(header(&response, "content-type"), "application/json", "{path}");
            assert_eq!(header(&response, "access-control-allow-origin"), "*", "{path}");
        }
    }
    for path in
        ["/nope/authorize", "/callback/nope", "/callback", "/t/callback/tee", "/t/healthz", "//", "/t/favicon.ico"]
    {
        assert_eq!(edge.get(path).await.status(), 404, "{path}");
    }
    for path in ["/nope/token", "/T/token"] {
        assert_eq!(edge.post_form(path, "grant_type=x").await.status(), 404, "{path}");
    }
}

#[tokio::test]
async fn each_issuer_has_a_page_at_its_own_address() {
    let (edge, fake) = running().await;
    for (path, account) in [("/", "/account"), ("/t", "/t/account"), ("/t/", "/t/account")] {
        let response = edge.get(path).await;
        assert_eq!(response.status(), 200, "{path}");
        let html = response.text().await.expect("text");
        assert!(html.contains("Sign-in and permissions"), "{path}: {html}");
        assert!(html.contains(&format!("href=\"{account}\"")), "{path}: {html}");
    }
    assert!(fake.calls().is_empty());
}

#[tokio::test]
async fn each_issuer_has_its_own_keys() {
    let (edge, _) = running().await;
    assert!(edge.get("/jwks.json").await.text().await.expect("text").contains("key-of-root"));
    assert!(edge.get("/t/jwks.json").await.text().await.expect("text").contains("key-of-tee"));
}

#[tokio::test]
async fn without_a_root_issuer_the_root_paths_are_404() {
    let (edge, fake) = running_with(&[("tee", "https://gate.example/t")]).await;
    for path in ["/", "/authorize", "/consent", ROOT[0], ROOT[1], "/jwks.json"] {
        assert_eq!(edge.get(path).await.status(), 404, "{path}");
    }
    assert_eq!(edge.post_form("/token", "").await.status(), 404);
    assert!(fake.calls().is_empty());
}

/// A client's `Host` and forwarded headers do not change our own URLs (R52, RFC 9700 §4.13).
#[tokio::test]
async fn forwarded_headers_do_not_change_documents() {
    let (edge, _) = running().await;
    let honest = edge.get(ROOT[0]).await.text().await.expect("text");
    let request =
        edge.http.get(edge.url(ROOT[0])).header("host", "evil.example").header("x-forwarded-host", "evil.example");
    let request = request.header("x-forwarded-proto", "http").header("forwarded", "host=evil.example");
    let request = request.header("x-forwarded-prefix", "/evil");
    assert_eq!(edge.send(request).await.text().await.expect("text"), honest);
}

#[tokio::test]
async fn host_decides_between_issuers_with_equal_paths() {
    let (edge, _) = running_with(&[("a", "https://a.example"), ("b", "https://b.example")]).await;
    for (host, issuer) in [("a.example", "https://a.example"), ("B.example:443", "https://b.example")] {
        let response = edge.send(edge.http.get(edge.url(ROOT[0])).header("host", host)).await;
        let document: serde_json::Value = response.json().await.expect("JSON");
        assert_eq!(document["issuer"], issuer);
    }
    let response = edge.send(edge.http.get(edge.url(ROOT[0])).header("host", "c.example")).await;
    assert_eq!(response.status(), 404);
}

#[tokio::test]
async fn style_sheet_is_named_by_its_content() {
    let (edge, _) = running().await;
    let page = edge.get("/nowhere").await.text().await.expect("text");
    let path = page.split("href=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a link to the style sheet");
    let response = edge.get(path).await;
    assert_eq!((response.status().as_u16(), header(&response, "content-type")), (200, "text/css; charset=utf-8"));
    assert!(header(&response, "cache-control").contains("immutable"));
    for other in ["/assets/lychgate.css", "/assets/lychgate-older.css"] {
        let response = edge.get(other).await;
        assert_eq!((response.status().as_u16(), header(&response, "cache-control")), (200, "no-cache"), "{other}");
    }
    for other in ["/assets/", "/assets/other.css", "/assets/..%2fconsent.hbs"] {
        assert_eq!(edge.get(other).await.status(), 404, "{other}");
    }
}

#[tokio::test]
async fn wrong_methods_are_refused_with_allow() {
    let (edge, fake) = running().await;
    let cases = [
        ("HEAD", "/authorize", "GET, POST"),
        ("PUT", "/authorize", "GET, POST"),
        ("HEAD", "/t/consent", "GET, POST"),
        ("HEAD", "/callback/root", "GET, POST"),
        ("PUT", "/callback/root", "GET, POST"),
        ("GET", "/token", "POST"),
        ("HEAD", "/t/token", "POST"),
        ("GET", "/register", "POST"),
        ("POST", "/jwks.json", "GET, HEAD"),
        ("DELETE", ROOT[0], "GET, HEAD"),
    ];
    for (method, path, allow) in cases {
        let method = method.parse().expect("a method");
        let response = edge.send(edge.http.request(method, edge.url(path))).await;
        assert_eq!((response.status().as_u16(), header(&response, "allow")), (405, allow), "{path}");
    }
    assert!(fake.calls().is_empty(), "HEAD must not run the handler of GET");
}

#[tokio::test]
async fn before_the_issuers_are_known_every_endpoint_is_503() {
    let fake = FakeControl::with_issuers(&[("root", "https://gate.example")]);
    let control = RunningControl::start(&fake, any_port()).await;
    let address = control.address;
    control.stop().await;

    let edge = TestEdge::start(address).await;
    assert_eq!(edge.get("/healthz").await.status(), 200);
    for path in ["/readyz", "/authorize", "/t/authorize", "/callback/root", ROOT[0], TEE[2], "/x/jwks.json"] {
        let response = edge.get(path).await;
        assert_eq!(response.status(), 503, "{path}");
        assert!(path == "/readyz" || !header(&response, "retry-after").is_empty(), "{path}");
    }
    let response = edge.post_form("/any/token", "grant_type=x").await;
    assert_eq!((response.status().as_u16(), header(&response, "content-type")), (503, "application/json"));

    let control = RunningControl::start(&fake, address).await;
    edge.ready().await;
    assert_eq!(edge.get(ROOT[0]).await.status(), 200);

    // Documents are served stale while the control plane is away and refreshes fail.
    control.stop().await;
    let response = edge.post_form("/token", "grant_type=x").await;
    assert_eq!(response.status(), 503, "an endpoint that needs the control plane is unavailable");
    assert_eq!(edge.get(ROOT[0]).await.status(), 200);
    assert_eq!(edge.get("/readyz").await.status(), 200);
}

#[tokio::test]
async fn shutdown_finishes_requests_in_progress() {
    let (edge, fake) = running().await;
    for _ in 0..100 {
        fake.refuse(refusal(Reason::StoreUnavailable, &[]));
    }
    let message = edge.post_form("/token", "grant_type=refresh_token&refresh_token=r");
    let shut_down_meanwhile = async {
        while fake.calls().is_empty() {
            tokio::task::yield_now().await;
        }
        edge.shutdown.trigger();
        fake.forget_answers();
        fake.answer(Answer::Exchanged(ExchangeResponse::default()));
    };
    let (response, ()) = tokio::join!(message, shut_down_meanwhile);
    assert_eq!(response.status(), 200);
    tokio::time::timeout(TIMEOUT, edge.serving).await.expect("it ends").expect("it ends well");
}

/// Browsers request the icon for every page. A 404 for each would look like a fault in log and counters.
#[tokio::test]
async fn favicon_is_an_empty_success() {
    let (edge, fake) = running().await;
    for method in ["GET", "HEAD"] {
        let request = edge.http.request(method.parse().expect("a method"), edge.url("/favicon.ico"));
        let response = edge.send(request).await;
        assert_eq!((response.status().as_u16(), header(&response, "cache-control")), (204, "public, max-age=86400"));
    }
    assert!(fake.calls().is_empty());
}
