//! 429 and 503: who is stopped, who is not, and that nothing came of what was.
//!
//! Buckets of one that fill in a minute, so that no test depends on how fast it runs.

use lychgate_api::Reason;
use lychgate_api::v1::{ClientInformation, ClientMetadata, ExchangeResponse, VerifyResponse, next::Step};
use reqwest::{RequestBuilder, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Answer, FakeControl, PATIENCE, TestEdge, consent_page, header, redirect, refusal, running_set};

const COOKIE: &str = "__Host-lychgate-b=AAAA";
const FORM: &str = "application/x-www-form-urlencoded";

/// The test stands in the proxy's place and says for whom it asks.
const BEHIND_US: &str = "trusted_proxies = ['127.0.0.1']";

trait OnBehalf {
    fn on_behalf_of(self, address: &str) -> Self;
}

impl OnBehalf for RequestBuilder {
    fn on_behalf_of(self, address: &str) -> Self {
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

/// RFC 6585 §4, as programs read it, with a time to come back that is neither past nor beyond the minute.
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
async fn a_registration_flood_leaves_refreshes_and_known_browsers_of_the_same_prefix_alone() {
    let limits =
        format!("{BEHIND_US}\nlimits.registrations.prefix_per_minute = 1\nlimits.strangers.prefix_per_minute = 1");
    let (edge, fake) = running_set(&limits).await;
    registered(&fake);
    assert_eq!(edge.send(registration(&edge).on_behalf_of("203.0.113.1")).await.status(), 201);
    let calls = fake.calls().len();
    for other in ["203.0.113.1", "203.0.113.99", "203.0.113.255:4711"] {
        let response = edge.send(registration(&edge).on_behalf_of(other).header("origin", "https://web.example")).await;
        assert_eq!(header(&response, "access-control-allow-origin"), "*", "a web page must be able to read it");
        assert_json_429(response).await;
    }
    assert_eq!(fake.calls().len(), calls, "nothing came of it");

    registered(&fake);
    assert_eq!(edge.send(registration(&edge).on_behalf_of("203.0.114.1")).await.status(), 201, "the next prefix");
    exchanged(&fake);
    assert_eq!(edge.send(refresh(&edge).on_behalf_of("203.0.113.1")).await.status(), 200);
    exchanged(&fake);
    assert_eq!(
        edge.send(token(&edge, "grant_type=authorization_code").on_behalf_of("203.0.113.1")).await.status(),
        200
    );
    // Strangers have one page a minute, and those who were here before do not notice.
    let page = || edge.http.get(edge.url("/consent?ticket=T")).on_behalf_of("203.0.113.1");
    for (request, status) in [(page(), 200), (page(), 429), (page().header("cookie", COOKIE), 200)] {
        if status == 200 {
            fake.step(Step::ConsentPage(consent_page()));
        }
        assert_eq!(edge.send(request).await.status(), status);
    }
    fake.step(redirect("https://login.example/"));
    let decision = edge.http.post(edge.url("/consent")).header("content-type", FORM).header("cookie", COOKIE);
    assert_eq!(edge.send(decision.on_behalf_of("203.0.113.1").body("decision=approve")).await.status(), 303);
    assert_eq!(edge.send(edge.http.get(edge.url("/jwks.json")).on_behalf_of("203.0.113.1")).await.status(), 200);
}

#[tokio::test]
async fn a_person_who_is_stopped_sees_a_page() {
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
    assert_eq!(fake.calls().len(), 1, "nothing came of it");
}

#[tokio::test]
async fn everybody_together_has_an_end_too() {
    let (edge, fake) = running_set(&format!("{BEHIND_US}\nlimits.registrations.total_per_minute = 1")).await;
    registered(&fake);
    assert_eq!(edge.send(registration(&edge).on_behalf_of("2001:db8::1")).await.status(), 201);
    assert_json_429(edge.send(registration(&edge).on_behalf_of("2001:db8:0:1::1")).await).await;
    exchanged(&fake);
    assert_eq!(edge.send(refresh(&edge).on_behalf_of("2001:db8:0:1::1")).await.status(), 200);
}

/// The same flood, with nobody trusted, and with a proxy that is not the one who connects.
///
/// Requirements: R52.
#[tokio::test]
async fn a_spoofed_address_changes_nothing() {
    for trusted in ["", "trusted_proxies = ['10.0.0.0/8']"] {
        let (edge, fake) = running_set(&format!("{trusted}\nlimits.registrations.prefix_per_minute = 1")).await;
        registered(&fake);
        assert_eq!(edge.send(registration(&edge).on_behalf_of("198.51.100.1")).await.status(), 201);
        for spoofed in ["203.0.113.1", "2001:db8::1", "10.0.0.1", "127.0.0.1", "unknown"] {
            let request = registration(&edge).on_behalf_of(spoofed).header("forwarded", format!("for=\"{spoofed}\""));
            assert_json_429(edge.send(request.header("x-real-ip", spoofed)).await).await;
        }
        assert_eq!(fake.calls().len(), 1, "nothing came of it");
    }
}

#[tokio::test]
async fn only_the_named_header_of_the_named_proxy_is_read() {
    let settings =
        format!("{BEHIND_US}\nclient_address_header = 'forwarded'\nlimits.registrations.prefix_per_minute = 1");
    let (edge, fake) = running_set(&settings).await;
    for prefix in ["203.0.113.1", "203.0.114.1"] {
        registered(&fake);
        let request = registration(&edge).header("forwarded", format!("for=1.1.1.1, for={prefix};proto=http"));
        assert_eq!(edge.send(request.on_behalf_of("9.9.9.9")).await.status(), 201);
        let again = registration(&edge).header("forwarded", format!("for=2.2.2.2, for={prefix}"));
        assert_json_429(edge.send(again.on_behalf_of("8.8.8.8")).await).await;
    }
}

/// Requirements: R15.
#[tokio::test]
async fn guessing_a_secret_is_stopped_and_the_real_client_elsewhere_works() {
    let settings = format!("{BEHIND_US}\nlimits.failed_authentications.prefix_per_minute = 1");
    let (edge, fake) = running_set(&settings).await;
    let guess = |from: &str, id: &str| refresh_with_secret(&edge, id).on_behalf_of(from);
    // Successes, and failures that are no guesses, count for nothing.
    for _ in 0..3 {
        exchanged(&fake);
        assert_eq!(edge.send(guess("203.0.113.1", "id")).await.status(), 200);
        fake.refuse(refusal(Reason::ClientUnknown, &[("oauth_error", "invalid_client")]));
        assert_eq!(edge.send(guess("203.0.113.1", "id")).await.status(), 401);
    }
    fake.refuse(refusal(Reason::ClientAuthenticationFailed, &[("oauth_error", "invalid_client")]));
    assert_eq!(edge.send(guess("203.0.113.1", "id")).await.status(), 401);
    let calls = fake.calls().len();
    assert_json_429(edge.send(guess("203.0.113.2", "id")).await).await;
    let in_the_form =
        token(&edge, "grant_type=authorization_code&client_id=id&client_secret=x").on_behalf_of("203.0.113.1");
    assert_json_429(edge.send(in_the_form).await).await;
    assert_eq!(fake.calls().len(), calls, "the next guess is not tried");

    for (from, id) in [("203.0.114.1", "id"), ("203.0.113.1", "other")] {
        exchanged(&fake);
        assert_eq!(edge.send(guess(from, id)).await.status(), 200, "{from} {id}");
    }
}

fn refresh_with_secret(edge: &TestEdge, id: &str) -> RequestBuilder {
    token(edge, "grant_type=refresh_token&refresh_token=r").basic_auth(id, Some("guess"))
}

/// A body that does not end keeps one place, and only its own.
#[tokio::test]
async fn what_is_under_way_is_bounded_and_its_place_comes_back() {
    let settings = format!("{BEHIND_US}\nlimits.registrations.prefix_concurrent = 1");
    let (edge, fake) = running_set(&settings).await;
    fake.refuse_always(refusal(Reason::RegistrationMetadataInvalid, &[("oauth_error", "invalid_client_metadata")]));
    let mut slow = TcpStream::connect(edge.address).await.expect("a connection");
    let head = "POST /register HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 203.0.113.1\r\ncontent-type: application/json\r\n\
                content-length: 2\r\nconnection: close\r\n\r\n{";
    slow.write_all(head.as_bytes()).await.expect("written");

    let crowded = async {
        loop {
            let response = edge.send(registration(&edge).on_behalf_of("203.0.113.1")).await;
            if response.status() != 400 {
                break response;
            }
        }
    };
    let response = tokio::time::timeout(PATIENCE, crowded).await.expect("the slow one is under way");
    assert_eq!((response.status().as_u16(), header(&response, "retry-after")), (503, "5"));
    let body: serde_json::Value = response.json().await.expect("JSON");
    assert_eq!(body["error"], "temporarily_unavailable");
    assert_eq!(edge.send(registration(&edge).on_behalf_of("203.0.114.1")).await.status(), 400, "another prefix");

    slow.write_all(b"}").await.expect("written");
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.expect("read to the end");
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert_eq!(edge.send(registration(&edge).on_behalf_of("203.0.113.1")).await.status(), 400, "there is room again");
}

/// Whom a proxy asks for is not counted, and cannot be: of the request it holds back nothing is looked at but the token.
#[tokio::test]
async fn what_a_proxy_asks_is_counted_by_itself_and_by_its_own_address() {
    let limits = "limits.documents.prefix_per_minute = 1\nlimits.verifications.prefix_per_minute = 2";
    let (edge, fake) = running_set(limits).await;
    assert_eq!(edge.get("/jwks.json").await.status(), 200);
    assert_json_429(edge.get("/jwks.json").await).await;
    let verify = |client: &str| edge.http.get(edge.url("/verify?resource=r")).bearer_auth("t").on_behalf_of(client);
    for client in ["203.0.113.1", "198.51.100.1"] {
        fake.answer(Answer::Verified(VerifyResponse::default()));
        assert_eq!(edge.send(verify(client)).await.status(), 200, "what others fetch takes nothing from it");
    }
    let calls = fake.calls().len();
    assert_json_429(edge.send(verify("192.0.2.1")).await).await;
    assert_eq!(fake.calls().len(), calls, "nothing came of it");
}

/// The whole address, once per call and nowhere else: of whoever is named by a proxy that may, or else of the peer. What a
/// client writes into the header that edges use among themselves is not passed on.
#[tokio::test]
async fn the_control_plane_is_told_whose_call_it_is() {
    for (settings, expected) in [(BEHIND_US, "203.0.113.77"), ("", "127.0.0.1")] {
        let (edge, fake) = running_set(settings).await;
        exchanged(&fake);
        let request = refresh(&edge).on_behalf_of("203.0.113.77").header("x-client-address", "198.51.100.1");
        assert_eq!(request.send().await.expect("an answer").status(), 200);
        let told: Vec<_> = fake.calls().into_iter().map(|call| call.client_address).collect();
        assert_eq!(told, [expected]);
    }
}
