//! Limits: which requests get 429 or 503, which do not, and that a refused request causes no call.
//!
//! Buckets have one token a minute, so that no test depends on its speed.

use lychgate_api::Reason;
use lychgate_api::v1::{
    ClientInformation, ClientMetadata, ExchangeResponse, IntrospectResponse, VerifyResponse, next::Step,
};
use reqwest::{RequestBuilder, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Answer, FakeControl, TIMEOUT, TestEdge, consent_page, header, redirect, refusal, running_set};

const COOKIE: &str = "__Host-lychgate-b=AAAA";
const FORM: &str = "application/x-www-form-urlencoded";

/// Makes the test a trusted proxy, which names the client's address.
const TRUST_TEST: &str = "trusted_proxies = ['127.0.0.1']";

trait ClientAddress {
    fn sent_by(self, address: &str) -> Self;
}

impl ClientAddress for RequestBuilder {
    fn sent_by(self, address: &str) -> Self {
        self.header("x-forwarded-for", address)
    }
}

fn registration(edge: &TestEdge) -> RequestBuilder {
    let request = edge.http.post(edge.url("/register")).header("content-type", "application/json");
    request.body(r#"{"redirect_uris":["https://app.example/cb"]}"#)
}

fn token(edge: &TestEdge, form: &str) -> RequestBuilder {
    edge.http.post(edge.url("/token")).header("content-type", FORM).body(form.to_owned())
}

fn refresh(edge: &TestEdge) -> RequestBuilder {
    token(edge, "grant_type=refresh_token&refresh_token=r&client_id=c")
}

fn registered(fake: &FakeControl) {
    fake.answer(Answer::Registered(ClientInformation {
        client_id: "lgi_1".to_owned(),
        client_id_issue_time: Some(prost_types::Timestamp::default()),
        metadata: Some(ClientMetadata::default()),
        ..Default::default()
    }));
}

fn exchanged(fake: &FakeControl) {
    fake.answer(Answer::Exchanged(ExchangeResponse::default()));
}

/// Asserts a 429 in OAuth JSON (RFC 6585 §4), with a `Retry-After` between a second and a minute.
async fn assert_json_429(response: Response) {
    assert_eq!((response.status().as_u16(), header(&response, "content-type")), (429, "application/json"));
    assert_eq!(header(&response, "cache-control"), "no-store");
    let seconds: u64 = header(&response, "retry-after").parse().expect("whole seconds");
    assert!((1..=60).contains(&seconds), "{seconds}");
    let body: serde_json::Value = response.json().await.expect("JSON");
    assert_eq!(body["error"], "temporarily_unavailable");
}

/// Requirements: R35.
#[tokio::test]
async fn registration_flood_does_not_limit_refreshes_and_known_browsers_of_its_prefix() {
    let limits =
        format!("{TRUST_TEST}\nlimits.registrations.prefix_per_minute = 1\nlimits.strangers.prefix_per_minute = 1");
    let (edge, fake) = running_set(&limits).await;
    registered(&fake);
    assert_eq!(edge.send(registration(&edge).sent_by("203.0.113.1")).await.status(), 201);
    let calls = fake.calls().len();
    for other in ["203.0.113.1", "203.0.113.99", "203.0.113.255:4711"] {
        let response = edge.send(registration(&edge).sent_by(other).header("origin", "https://web.example")).await;
        assert_eq!(header(&response, "access-control-allow-origin"), "*", "a web page must be able to read it");
        assert_json_429(response).await;
    }
    assert_eq!(fake.calls().len(), calls, "a refused request causes no call");

    registered(&fake);
    assert_eq!(edge.send(registration(&edge).sent_by("203.0.114.1")).await.status(), 201, "the next prefix");
    exchanged(&fake);
    assert_eq!(edge.send(refresh(&edge).sent_by("203.0.113.1")).await.status(), 200);
    exchanged(&fake);
    assert_eq!(edge.send(token(&edge, "grant_type=authorization_code").sent_by("203.0.113.1")).await.status(), 200);
    // Browsers without our cookie have one page a minute; a browser with one is not affected.
    let page = || edge.http.get(edge.url("/consent?ticket=T")).sent_by("203.0.113.1");
    for (request, status) in [(page(), 200), (page(), 429), (page().header("cookie", COOKIE), 200)] {
        if status == 200 {
            fake.step(Step::ConsentPage(consent_page()));
        }
        assert_eq!(edge.send(request).await.status(), status);
    }
    fake.step(redirect("https://login.example/"));
    let decision = edge.http.post(edge.url("/consent")).header("content-type", FORM).header("cookie", COOKIE);
    assert_eq!(edge.send(decision.sent_by("203.0.113.1").body("decision=approve")).await.status(), 303);
    assert_eq!(edge.send(edge.http.get(edge.url("/jwks.json")).sent_by("203.0.113.1")).await.status(), 200);
}

#[tokio::test]
async fn rate_limited_browser_gets_a_page() {
    let (edge, fake) = running_set("limits.strangers.prefix_per_minute = 1").await;
    fake.step(redirect("https://gate.example/consent?ticket=x"));
    assert_eq!(edge.get("/authorize?client_id=a").await.status(), 303);
    let response = edge.get("/t/authorize?client_id=a").await;
    assert_eq!((response.status().as_u16(), header(&response, "content-type")), (429, "text/html; charset=utf-8"));
    assert!(!header(&response, "retry-after").is_empty() && header(&response, "location").is_empty());
    let id = header(&response, "x-request-id").to_owned();
    let html = response.text().await.expect("text");
    for text in ["Please wait a moment", "TOO_MANY_REQUESTS", id.as_str()] {
        assert!(html.contains(text), "{text}: {html}");
    }
    assert_eq!(fake.calls().len(), 1, "a refused request causes no call");
}

#[tokio::test]
async fn total_rate_is_limited_across_prefixes() {
    let (edge, fake) = running_set(&format!("{TRUST_TEST}\nlimits.registrations.total_per_minute = 1")).await;
    registered(&fake);
    assert_eq!(edge.send(registration(&edge).sent_by("2001:db8::1")).await.status(), 201);
    assert_json_429(edge.send(registration(&edge).sent_by("2001:db8:0:1::1")).await).await;
    exchanged(&fake);
    assert_eq!(edge.send(refresh(&edge).sent_by("2001:db8:0:1::1")).await.status(), 200);
}

/// The same flood without a trusted proxy, and with a trusted proxy that is not the peer.
///
/// Requirements: R52.
#[tokio::test]
async fn spoofed_client_address_does_not_evade_the_limit() {
    for trusted in ["", "trusted_proxies = ['10.0.0.0/8']"] {
        let (edge, fake) = running_set(&format!("{trusted}\nlimits.registrations.prefix_per_minute = 1")).await;
        registered(&fake);
        assert_eq!(edge.send(registration(&edge).sent_by("198.51.100.1")).await.status(), 201);
        for spoofed in ["203.0.113.1", "2001:db8::1", "10.0.0.1", "127.0.0.1", "unknown"] {
            let request = registration(&edge).sent_by(spoofed).header("forwarded", format!("for=\"{spoofed}\""));
            assert_json_429(edge.send(request.header("x-real-ip", spoofed)).await).await;
        }
        assert_eq!(fake.calls().len(), 1, "a refused request causes no call");
    }
}

#[tokio::test]
async fn only_the_configured_header_of_a_trusted_proxy_is_read() {
    let settings =
        format!("{TRUST_TEST}\nclient_address_header = 'forwarded'\nlimits.registrations.prefix_per_minute = 1");
    let (edge, fake) = running_set(&settings).await;
    for prefix in ["203.0.113.1", "203.0.114.1"] {
        registered(&fake);
        let request = registration(&edge).header("forwarded", format!("for=1.1.1.1, for={prefix};proto=http"));
        assert_eq!(edge.send(request.sent_by("9.9.9.9")).await.status(), 201);
        let again = registration(&edge).header("forwarded", format!("for=2.2.2.2, for={prefix}"));
        assert_json_429(edge.send(again.sent_by("8.8.8.8")).await).await;
    }
}

/// Requirements: R15.
#[tokio::test]
async fn secret_guessing_is_limited_without_locking_out_the_real_client() {
    let settings = format!("{TRUST_TEST}\nlimits.failed_authentications.prefix_per_minute = 1");
    let (edge, fake) = running_set(&settings).await;
    let guess = |from: &str, id: &str| refresh_with_secret(&edge, id).sent_by(from);
    // Successes and failures that are no guesses do not count.
    for _ in 0..3 {
        exchanged(&fake);
        assert_eq!(edge.send(guess("203.0.113.1", "id")).await.status(), 200);
        fake.refuse(refusal(Reason::ClientUnknown, &[("oauth_error", "invalid_client")]));
        assert_eq!(edge.send(guess("203.0.113.1", "id")).await.status(), 401);
    }
    fake.refuse(refusal(Reason::ClientAuthenticationFailed, &[("oauth_error", "invalid_client")]));
    assert_eq!(edge.send(guess("203.0.113.1", "id")).await.status(), 401);
    let calls = fake.calls().len();
    for from in ["203.0.113.2", "198.51.100.1"] {
        assert_json_429(edge.send(guess(from, "id")).await).await;
    }
    let in_the_form = |secret: &str| {
        let form = format!("grant_type=authorization_code&client_id=id&client_secret={secret}");
        token(&edge, &form).sent_by("203.0.113.1")
    };
    assert_json_429(edge.send(in_the_form("guess")).await).await;
    assert_eq!(fake.calls().len(), calls, "a secret that was wrong does not reach the control plane again");
    // An empty secret can be no guess: some clients send one although they have none.
    let empty = || token(&edge, "grant_type=refresh_token&refresh_token=r").basic_auth("empty", Some(""));
    for _ in 0..3 {
        fake.refuse(refusal(Reason::ClientAuthenticationFailed, &[("oauth_error", "invalid_client")]));
        assert_eq!(edge.send(empty().sent_by("203.0.113.1")).await.status(), 401);
    }
    // Another wrong one is told to wait; the right one is let through, and so is a request without one.
    fake.refuse(refusal(Reason::ClientAuthenticationFailed, &[("oauth_error", "invalid_client")]));
    assert_json_429(edge.send(in_the_form("x")).await).await;
    let public = token(&edge, "grant_type=refresh_token&refresh_token=r&client_id=id").sent_by("203.0.113.1");
    for honest in [in_the_form("right"), public, guess("203.0.113.1", "other")] {
        exchanged(&fake);
        assert_eq!(edge.send(honest).await.status(), 200);
    }
}

/// A resource server whose token was replaced asks on and on. Its neighbours' tokens are good.
///
/// Requirements: R15.
#[tokio::test]
async fn a_stale_token_of_one_resource_server_stops_no_other() {
    let settings = format!("{TRUST_TEST}\nlimits.failed_authentications.prefix_per_minute = 2");
    let (edge, fake) = running_set(&settings).await;
    let introspect = |bearer: Option<&str>| {
        let request = edge.http.post(edge.url("/introspect")).header("content-type", FORM).body("token=t");
        let request = request.sent_by("203.0.113.1");
        match bearer {
            Some(bearer) => request.bearer_auth(bearer),
            None => request,
        }
    };
    for _ in 0..2 {
        fake.refuse(refusal(Reason::ResourceServerUnknown, &[("oauth_error", "invalid_client")]));
        assert_eq!(edge.send(introspect(Some("stale"))).await.status(), 401);
    }
    let calls = fake.calls().len();
    for _ in 0..20 {
        assert_json_429(edge.send(introspect(Some("stale"))).await).await;
    }
    assert_eq!(fake.calls().len(), calls);
    fake.answer(Answer::Introspected(IntrospectResponse::default()));
    assert_eq!(edge.send(introspect(Some("neighbour"))).await.status(), 200);
    for _ in 0..5 {
        fake.refuse(refusal(Reason::ResourceServerUnknown, &[("oauth_error", "invalid_client")]));
        assert_eq!(edge.send(introspect(None)).await.status(), 401, "no token is no guess");
    }
}

/// Writes of a registration's own client are limited like registrations, and apart from them.
///
/// Requirements: R35.
#[tokio::test]
async fn every_method_of_a_registration_is_limited() {
    let limits = "limits.managements.prefix_per_minute = 1";
    for method in ["GET", "PUT", "DELETE"] {
        let (edge, fake) = running_set(limits).await;
        let request = || {
            let method = method.parse().expect("a method");
            let request = edge.http.request(method, edge.url("/register/lgi_1")).bearer_auth("t");
            request.header("content-type", "application/json").body(r#"{"redirect_uris":["https://app.example/cb"]}"#)
        };
        fake.refuse_always(refusal(Reason::RegistrationAccessTokenInvalid, &[("oauth_error", "invalid_token")]));
        assert_eq!(edge.send(request()).await.status(), 401, "{method}");
        let calls = fake.calls().len();
        for _ in 0..10 {
            assert_json_429(edge.send(request()).await).await;
        }
        assert_eq!(fake.calls().len(), calls, "{method}: a refused request causes no call");
        assert_eq!(edge.send(registration(&edge)).await.status(), 401, "{method}: a registration is another class");
        assert_eq!(edge.get("/jwks.json").await.status(), 200);
    }
}

/// A path or method that no route lists has the strictest limit.
#[tokio::test]
async fn unlisted_methods_and_paths_share_the_strictest_limit() {
    let (edge, _) = running_set("limits.unlisted.prefix_per_minute = 3").await;
    let send = async |method: &str, path: &str| {
        let request = edge.http.request(method.parse().expect("a method"), edge.url(path));
        edge.send(request).await.status().as_u16()
    };
    assert_eq!(send("PATCH", "/register/lgi_1").await, 405);
    assert_eq!(send("PROPFIND", "/token").await, 405);
    assert_eq!(send("GET", "/nothing/here").await, 404);
    for (method, path) in [("DELETE", "/jwks.json"), ("HEAD", "/authorize"), ("POST", "/nothing"), ("PUT", "/verify")] {
        assert_eq!(send(method, path).await, 429, "{method} {path}");
    }
    for path in ["/healthz", "/jwks.json", "/.well-known/nothing"] {
        assert_ne!(send("GET", path).await, 429, "{path}");
    }
}

fn refresh_with_secret(edge: &TestEdge, id: &str) -> RequestBuilder {
    token(edge, "grant_type=refresh_token&refresh_token=r").basic_auth(id, Some("guess"))
}

/// A request with an incomplete body holds one permit of its own prefix.
#[tokio::test]
async fn concurrent_requests_are_limited_until_one_ends() {
    let settings = format!("{TRUST_TEST}\nlimits.registrations.prefix_concurrent = 1");
    let (edge, fake) = running_set(&settings).await;
    fake.refuse_always(refusal(Reason::RegistrationMetadataInvalid, &[("oauth_error", "invalid_client_metadata")]));
    let mut slow = TcpStream::connect(edge.address).await.expect("a connection");
    let head = "POST /register HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 203.0.113.1\r\ncontent-type: application/json\r\n\
                content-length: 2\r\nconnection: close\r\n\r\n{";
    slow.write_all(head.as_bytes()).await.expect("written");

    let at_capacity = async {
        loop {
            let response = edge.send(registration(&edge).sent_by("203.0.113.1")).await;
            if response.status() != 400 {
                break response;
            }
        }
    };
    let response = tokio::time::timeout(TIMEOUT, at_capacity).await.expect("the slow request is in progress");
    assert_eq!((response.status().as_u16(), header(&response, "retry-after")), (503, "5"));
    let body: serde_json::Value = response.json().await.expect("JSON");
    assert_eq!(body["error"], "temporarily_unavailable");
    assert_eq!(edge.send(registration(&edge).sent_by("203.0.114.1")).await.status(), 400, "another prefix");

    slow.write_all(b"}").await.expect("written");
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.expect("read to the end");
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert_eq!(edge.send(registration(&edge).sent_by("203.0.113.1")).await.status(), 400, "the permit is released");
}

/// The client of a proxied request is not counted: a verification reads only the token of that request.
#[tokio::test]
async fn verifications_have_their_own_limit_by_the_address_of_the_proxy() {
    let limits = "limits.documents.prefix_per_minute = 1\nlimits.verifications.prefix_per_minute = 2";
    let (edge, fake) = running_set(limits).await;
    assert_eq!(edge.get("/jwks.json").await.status(), 200);
    assert_json_429(edge.get("/jwks.json").await).await;
    let verify = |client: &str| edge.http.get(edge.url("/verify?resource=r")).bearer_auth("t").sent_by(client);
    for client in ["203.0.113.1", "198.51.100.1"] {
        fake.answer(Answer::Verified(VerifyResponse::default()));
        assert_eq!(edge.send(verify(client)).await.status(), 200, "documents have another limit");
    }
    let calls = fake.calls().len();
    assert_json_429(edge.send(verify("192.0.2.1")).await).await;
    assert_eq!(fake.calls().len(), calls, "a refused request causes no call");
}

/// The address is the one that a trusted proxy names, or else the peer's. A client's own `x-client-address` is not passed on.
#[tokio::test]
async fn calls_carry_the_client_address() {
    for (settings, expected) in [(TRUST_TEST, "203.0.113.77"), ("", "127.0.0.1")] {
        let (edge, fake) = running_set(settings).await;
        exchanged(&fake);
        let request = refresh(&edge).sent_by("203.0.113.77").header("x-client-address", "198.51.100.1");
        assert_eq!(request.send().await.expect("an answer").status(), 200);
        let addresses: Vec<_> = fake.calls().into_iter().map(|call| call.client_address).collect();
        assert_eq!(addresses, [expected]);
    }
}
