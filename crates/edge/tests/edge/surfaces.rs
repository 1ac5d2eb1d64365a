//! All routes together: the headers of each kind, and that no input leads to a fault.

use lychgate_api::Reason;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{FakeControl, TestEdge, header, redirect, refusal, running, running_with};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// A page: no cross-origin access, no caching.
    Page,
    /// An API response with secrets: no caching; web pages may call it (R26).
    Secret,
    /// A response for a proxy: no caching, no cross-origin access.
    Proxy,
    /// A public document: cached, and readable by web pages.
    Document,
    /// An endpoint of the edge itself.
    Ops,
}

/// Every route. The tests below cover only routes in this list.
const ROUTES: [(&str, Kind); 26] = [
    ("/authorize", Kind::Page),
    ("/t/authorize", Kind::Page),
    ("/consent", Kind::Page),
    ("/callback/root", Kind::Page),
    ("/account", Kind::Page),
    ("/t/account/sign-in", Kind::Page),
    ("/account/revoke", Kind::Page),
    ("/t/account/sign-out", Kind::Page),
    ("/callback/nope", Kind::Page),
    ("/nowhere", Kind::Page),
    ("/token", Kind::Secret),
    ("/t/token", Kind::Secret),
    ("/register", Kind::Secret),
    ("/register/client-1", Kind::Secret),
    ("/revoke", Kind::Secret),
    ("/t/introspect", Kind::Secret),
    ("/verify", Kind::Proxy),
    ("/t/verify", Kind::Proxy),
    ("/t/.well-known/lychgate-checkup", Kind::Proxy),
    ("/.well-known/oauth-protected-resource/root", Kind::Document),
    ("/jwks.json", Kind::Document),
    ("/.well-known/oauth-authorization-server", Kind::Document),
    ("/.well-known/openid-configuration/t", Kind::Document),
    ("/healthz", Kind::Ops),
    ("/assets/lychgate.css", Kind::Ops),
    ("/favicon.ico", Kind::Ops),
];

async fn ask(edge: &TestEdge, method: &str, path: &str, kind: &str, body: Vec<u8>) -> reqwest::Response {
    let request = edge.http.request(method.parse().expect("a method"), edge.url(path));
    edge.send(request.header("content-type", kind).body(body)).await
}

/// Bad input is a 4xx, in the form that the endpoint's callers read.
///
/// Requirements: A22, R12.
#[tokio::test]
async fn no_input_leads_to_a_fault() {
    let (edge, fake) = running().await;
    fake.refuse_always(refusal(Reason::ClientUnknown, &[("oauth_error", "invalid_client")]));
    let form = "application/x-www-form-urlencoded";
    let bodies = [
        (form, b"grant_type=authorization_code&code=c&decision=approve&ticket=t".to_vec()),
        (form, b"grant_type=%ff".to_vec()),
        (form, b"a=1&a=2&resource=x&resource=".to_vec()),
        (form, b"a=1&".repeat(65)),
        (form, vec![b'x'; 70 * 1024]),
        (form, b"\0\xff&&==;\r\n%".to_vec()),
        ("application/json", b"{}".to_vec()),
        ("application/json", b"{\"redirect_uris\":[\"\\ud800\"]}".to_vec()),
        ("application/json", b"[".repeat(16 * 1024)),
        ("application/json", [b"{\"jwks\":".repeat(1500), b"1".to_vec(), b"}".repeat(1500)].concat()),
        ("application/json", b"{\"client_name\":1e999999}".to_vec()),
        ("text/plain; charset=\"", b"x".to_vec()),
        ("", vec![]),
    ];
    let hostile =
        ["/assets/%ff", "/callback/%ff", "/%ff/token", "//authorize", "/authorize?%ff=%", "/consent?ticket=%00"];
    for (path, _) in ROUTES.into_iter().chain(hostile.map(|path| (path, Kind::Page))) {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"] {
            for (kind, body) in &bodies {
                let response = ask(&edge, method, path, kind, body.clone()).await;
                assert_explained(response, &format!("{method} {path} {kind} {:.40?}", body)).await;
            }
        }
    }
}

/// Asserts that the response is no fault, and that a refusal explains itself.
async fn assert_explained(response: reqwest::Response, what: &str) {
    let status = response.status().as_u16();
    assert!(status < 500, "{what}: {status}");
    assert_eq!(header(&response, "x-content-type-options"), "nosniff", "{what}");
    assert_eq!(header(&response, "x-request-id").len(), 22, "{what}");
    assert_eq!(header(&response, "location"), "", "{what}");
    if status < 400 {
        return;
    }
    assert_eq!(header(&response, "cache-control"), "no-store", "{what}");
    assert_eq!(header(&response, "allow").is_empty(), status != 405, "{what}");
    let is_json = header(&response, "content-type") == "application/json";
    let is_head = what.starts_with("HEAD");
    let text = response.text().await.expect("text");
    if is_head {
        assert_eq!(text, "", "{what}");
    } else if is_json {
        let body: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let description = body["error_description"].as_str().expect("a description");
        assert!(body["error"].is_string() && !description.is_empty(), "{what}: {body}");
        // RFC 6749 §5.2.
        assert!(description.bytes().all(|b| matches!(b, 0x20..=0x7e) && b != b'"' && b != b'\\'), "{what}: {body}");
    } else {
        assert!(text.contains("What you can do"), "{what}: {text}");
    }
}

/// Holds for answers and for refusals (R16, R22, R26, R52, RFC 6797 §7).
#[tokio::test]
async fn every_route_has_the_headers_of_its_kind() {
    let (edge, fake) = running().await;
    for (path, kind) in ROUTES {
        for method in ["GET", "POST", "DELETE"] {
            fake.refuse_always(refusal(Reason::TicketExpired, &[]));
            let response = ask(&edge, method, path, "application/x-www-form-urlencoded", b"a=b".to_vec()).await;
            assert_headers(&response, kind, &format!("{method} {path}"));
        }
    }
}

fn assert_headers(response: &reqwest::Response, kind: Kind, what: &str) {
    let is = |name| header(response, name);
    let is_error = response.status().as_u16() >= 400;
    let caching = match kind {
        _ if is_error => "no-store",
        Kind::Page | Kind::Secret | Kind::Proxy => "no-store",
        Kind::Document => "public, max-age=300",
        Kind::Ops if what.contains("/assets/") => "no-cache",
        Kind::Ops if what.contains("/favicon") => "public, max-age=86400",
        Kind::Ops => "",
    };
    assert_eq!(is("cache-control"), caching, "{what}");
    assert_eq!(is("content-security-policy").is_empty(), kind != Kind::Page, "{what}");
    assert_eq!(is("x-frame-options").is_empty(), kind != Kind::Page, "{what}");
    assert_eq!(is("referrer-policy"), if kind == Kind::Page { "no-referrer" } else { "" }, "{what}");
    let for_web_pages = matches!(kind, Kind::Secret | Kind::Document);
    assert_eq!(is("access-control-allow-origin"), if for_web_pages { "*" } else { "" }, "{what}");
    assert_eq!(is("access-control-allow-credentials"), "", "{what}");
    // Resource metadata may be served through the resource's own host, so no HSTS.
    let of_an_issuer = !["/no", "/oauth-protected-resource"].iter().any(|other| what.contains(other));
    let belongs_to_an_issuer = kind != Kind::Ops && of_an_issuer;
    assert_eq!(is("strict-transport-security").is_empty(), !belongs_to_an_issuer, "{what}");
}

/// A redirect sends no referrer and is not cached (RFC 9700 §4.12).
#[tokio::test]
async fn every_redirect_has_the_same_headers() {
    let (edge, fake): (TestEdge, FakeControl) = running().await;
    let form = "application/x-www-form-urlencoded";
    for (method, path) in
        [("GET", "/authorize"), ("POST", "/authorize"), ("POST", "/consent"), ("GET", "/callback/root")]
    {
        fake.step(redirect("https://elsewhere.example/?x=y"));
        let response = ask(&edge, method, path, form, b"decision=approve".to_vec()).await;
        assert_eq!(response.status(), 303, "{method} {path}");
        let is = |name| header(&response, name);
        assert_eq!(
            (is("cache-control"), is("referrer-policy"), is("strict-transport-security")),
            ("no-store", "no-referrer", "max-age=31536000"),
            "{method} {path}"
        );
        assert_eq!(is("access-control-allow-origin"), "", "{method} {path}");
    }
}

/// A passing failure at `/token` is never `invalid_grant`, on which a client discards its tokens.
#[tokio::test]
async fn unavailable_upstream_is_temporarily_unavailable_with_retry_after() {
    let (edge, fake) = running_with(&[("root", "http://localhost:1")]).await;
    fake.refuse(refusal(Reason::UpstreamUnavailable, &[("oauth_error", "invalid_grant")]));
    let response = edge.post_form("/token", "grant_type=refresh_token&refresh_token=r").await;
    assert_eq!((response.status().as_u16(), header(&response, "retry-after")), (503, "5"));
    let body: serde_json::Value = response.json().await.expect("JSON");
    assert_eq!(body["error"], "temporarily_unavailable");
}

#[tokio::test]
async fn length_of_url_and_headers_is_limited() {
    let (edge, fake) = running().await;
    for (path, is_json) in [("/authorize", false), ("/jwks.json", true), ("/callback/root", false), ("/token", true)] {
        let url = |length: usize| format!("{path}?{}", "x".repeat(length - path.len() - 1));
        let response = edge.get(&url(8 * 1024 + 1)).await;
        let json = header(&response, "content-type") == "application/json";
        assert_eq!((response.status().as_u16(), json), (400, is_json), "{path}");
        assert!(response.text().await.expect("text").contains("the URL is longer than 8192 bytes"), "{path}");
    }
    assert!(fake.calls().is_empty(), "a refused request causes no call");
    fake.step(redirect("https://gate.example/consent"));
    let just_right = format!("/authorize?{}", "x".repeat(8 * 1024 - "/authorize?".len()));
    assert_eq!(edge.get(&just_right).await.status(), 303);

    let many = (0..101).fold(edge.http.get(edge.url("/jwks.json")), |request, n| request.header(format!("x-{n}"), "x"));
    assert_eq!(edge.send(many).await.status(), 431);
}

/// The other forms of request targets (RFC 9112 §3.2).
#[tokio::test]
async fn request_targets_without_a_path_are_refused() {
    let (edge, fake) = running().await;
    for (target, status) in [
        ("OPTIONS *", "4"),
        ("GET *", "4"),
        ("CONNECT evil.example:443", "4"),
        ("GET http://evil.example/nowhere", "4"),
        // Its path is "/", where our own page is.
        ("GET http://evil.example", "200"),
    ] {
        let request = format!("{target} HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n");
        let answer = raw(&edge, &request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{target}: {answer}");
        assert!(!answer.contains("evil.example"), "{target}: {answer}");
    }
    assert!(fake.calls().is_empty());
}

/// No route is reached by a request that names no host, several, or none that could be one (RFC 9112 §3.2).
///
/// Requirements: R52.
#[tokio::test]
async fn a_request_that_does_not_name_its_host_once_is_refused_at_every_route() {
    let (edge, fake) = running().await;
    for (path, _) in ROUTES {
        for hosts in [
            "",
            "host: gate.example\r\nhost: gate.example\r\n",
            "host: a.example\r\nHost: b.example\r\n",
            "host:\r\n",
            "host: a.example, b.example\r\n",
            "host: user@gate.example\r\n",
            "host: gate.example/x\r\n",
        ] {
            for method in ["GET", "POST", "OPTIONS", "HEAD"] {
                let answer = raw(&edge, &format!("{method} {path} HTTP/1.1\r\n{hosts}connection: close\r\n\r\n")).await;
                assert!(answer.starts_with("HTTP/1.1 400 "), "{method} {path} {hosts:?}: {answer}");
                let is_explained = method == "HEAD" || answer.contains("send exactly one valid Host header");
                assert!(is_explained, "{method} {path} {hosts:?}: {answer}");
            }
        }
    }
    assert!(fake.calls().is_empty());
    for health in
        ["GET /healthz HTTP/1.0\r\n\r\n", "GET /healthz HTTP/1.1\r\nhost: [::1]:8080\r\nconnection: close\r\n\r\n"]
    {
        let answer = raw(&edge, health).await;
        assert!(answer.contains(" 200 "), "{health}: {answer}");
    }
    let two = raw(&edge, "GET /healthz HTTP/1.0\r\nhost: a.example\r\nhost: a.example\r\n\r\n").await;
    assert!(two.contains(" 400 "), "{two}");
}

/// The answer to `request`, which closes its connection.
async fn raw(edge: &TestEdge, request: &str) -> String {
    let mut connection = TcpStream::connect(edge.address).await.expect("a connection");
    connection.write_all(request.as_bytes()).await.expect("written");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.expect("read to the end");
    answer
}
