//! `GET /.well-known/lychgate-checkup`: an operator's checkup, and a stranger's.

use lychgate_api::{Reason, v1};

use crate::support::{Answer, FakeControl, Message, TestEdge, header, refusal, running, running_set};

const PASS: &str = "abcdefghijklmnopqrstuvwxyz-_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnop";

fn path(pass: &str) -> String {
    format!("/t/.well-known/lychgate-checkup?pass={pass}")
}

/// The observation of one checkup. Its answer must have the right form.
async fn observed(edge: &TestEdge, fake: &FakeControl, headers: &[(&str, &str)]) -> v1::CheckupObservation {
    let cookie = v1::SetCookie {
        name: "__Host-lychgate-checkup-x".to_owned(),
        value: "v".to_owned(),
        max_age_seconds: Some(300),
    };
    let answer = "sealed".to_owned();
    fake.answer(Answer::CheckedUp(v1::CheckupResponse { answer, set_cookies: vec![cookie] }));
    let request = headers
        .iter()
        .fold(edge.http.get(edge.url(&path(PASS))), |request, (name, value)| request.header(*name, *value));
    let response = edge.send(request).await;
    assert_eq!((response.status().as_u16(), header(&response, "cache-control")), (200, "no-store"));
    assert_eq!(header(&response, "content-type"), "text/plain; charset=utf-8");
    assert_eq!(header(&response, "access-control-allow-origin"), "");
    let cookie = "__Host-lychgate-checkup-x=v; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=300";
    assert_eq!(header(&response, "set-cookie"), cookie);
    assert_eq!(response.text().await.expect("a body"), "sealed");
    let Some(Message::Checkup(request)) = fake.calls().pop().map(|call| call.message) else { panic!("a checkup") };
    assert_eq!((request.issuer_id.as_str(), request.pass.as_str()), ("tee", PASS));
    request.observation.expect("an observation")
}

#[tokio::test]
async fn the_control_plane_learns_what_the_edge_saw() {
    let (edge, fake) = running_set("trusted_proxies = ['127.0.0.1']").await;
    let headers = [
        ("host", "public.example"),
        ("x-forwarded-for", "192.0.2.7, 198.51.100.7"),
        ("sec-fetch-site", "none"),
        ("cookie", "__Host-lychgate-checkup-x=v; other=1"),
    ];
    let seen = observed(&edge, &fake, &headers).await;
    let digest = seen.consent_page_sha256.clone();
    let expected = v1::CheckupObservation {
        host: "public.example".to_owned(),
        peer_address: "127.0.0.1".to_owned(),
        peer_trusted: true,
        forwarded: Some("192.0.2.7, 198.51.100.7".to_owned()),
        client_address: "198.51.100.7".to_owned(),
        sec_fetch_site: Some("none".to_owned()),
        edge_version: env!("CARGO_PKG_VERSION").to_owned(),
        consent_page_sha256: digest.clone(),
        cookie_returned: false,
    };
    assert_eq!(seen, expected);
    assert!(digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()), "{digest}");
    let Some(Message::Checkup(request)) = fake.calls().pop().map(|call| call.message) else { panic!("a checkup") };
    let cookie = v1::Cookie { name: "__Host-lychgate-checkup-x".to_owned(), value: "v".to_owned() };
    assert_eq!(request.cookies, [cookie]);

    let (edge, fake) = running().await;
    let seen = observed(&edge, &fake, &[("x-forwarded-for", "192.0.2.7")]).await;
    let forwarded = (seen.peer_trusted, seen.forwarded.as_deref(), seen.client_address.as_str());
    assert_eq!(forwarded, (false, Some("192.0.2.7"), "127.0.0.1"));
    assert_eq!((seen.sec_fetch_site, seen.consent_page_sha256), (None, digest), "the same at every edge");
}

#[tokio::test]
async fn an_edge_with_another_template_has_another_consent_page() {
    let (edge, fake) = running().await;
    let usual = observed(&edge, &fake, &[]).await.consent_page_sha256;
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(directory.path().join("brands")).expect("a directory");
    let brand = "[brand]\nname = \"Notes Inc.\"\n";
    std::fs::write(directory.path().join("brands/tee.toml"), brand).expect("a file");
    let (edge, fake) = running_set(&format!("templates_dir = '{}'", directory.path().display())).await;
    assert_ne!(observed(&edge, &fake, &[]).await.consent_page_sha256, usual);
}

/// A stranger cannot tell this path from one that does not exist, and a pass of another form costs no call.
#[tokio::test]
async fn without_a_good_pass_the_path_is_unknown() {
    let (edge, fake) = running().await;
    let unknown = edge.get("/.well-known/something-else").await;
    let (status, unknown) = (unknown.status(), unknown.text().await.expect("a body"));
    assert_eq!(status.as_u16(), 404);
    let (short, long, odd) = (&PASS[1..], format!("{PASS}x"), format!("{}!", &PASS[1..]));
    let twice = format!("{PASS}&pass={PASS}");
    for pass in ["", short, &long, &odd, &twice] {
        let answer = edge.get(&path(pass)).await;
        assert_eq!((answer.status(), answer.text().await.expect("a body")), (status, unknown.clone()), "{pass}");
    }
    assert!(fake.calls().is_empty());
    fake.refuse(refusal(Reason::RecordUnknown, &[]));
    let answer = edge.get(&path(PASS)).await;
    assert_eq!(header(&answer, "set-cookie"), "");
    assert_eq!((answer.status(), answer.text().await.expect("a body")), (status, unknown));
    assert_eq!(fake.calls().len(), 1);
}
