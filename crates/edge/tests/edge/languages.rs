//! The language of a page: `ui_locales`, the cookie that keeps it, and the browser's languages.

use lychgate_api::Reason;
use lychgate_api::v1::next::Step;

use crate::support::{TestEdge, consent_page, header, redirect, refusal, running};

/// The language of the page at `path`.
async fn language(edge: &TestEdge, path: &str, headers: &[(&str, &str)]) -> String {
    let request =
        headers.iter().fold(edge.http.get(edge.url(path)), |request, (name, value)| request.header(*name, *value));
    let html = edge.send(request).await.text().await.expect("text");
    html.split("<html lang=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a language").to_owned()
}

#[tokio::test]
async fn pages_speak_the_language_of_the_reader() {
    let (edge, fake) = running().await;
    for (headers, expected) in [
        (vec![], "en"),
        (vec![("accept-language", "de-CH,de;q=0.9,en;q=0.8")], "de"),
        (vec![("accept-language", "nl,xx;q=0.9")], "en"),
        (vec![("accept-language", "fr"), ("cookie", "__Host-lychgate-language=ar")], "ar"),
        (vec![("accept-language", "fr"), ("cookie", "__Host-lychgate-language=../../etc")], "fr"),
    ] {
        fake.step(Step::ConsentPage(consent_page()));
        assert_eq!(language(&edge, "/consent?ticket=T", &headers).await, expected, "{headers:?}");
        assert_eq!(language(&edge, "/nowhere", &headers).await, expected, "{headers:?}: errors too");
        assert_eq!(language(&edge, "/", &headers).await, expected, "{headers:?}: the home page too");
    }
}

/// The client's `ui_locales` holds for all later pages of the flow, and names no language that pages lack.
#[tokio::test]
async fn ui_locales_is_kept_for_the_later_pages() {
    let (edge, fake) = running().await;
    for (asked, cookie) in [
        ("ja", Some("__Host-lychgate-language=ja; Path=/; Secure; HttpOnly; SameSite=Lax")),
        ("nl%20pt-BR", Some("__Host-lychgate-language=pt; Path=/; Secure; HttpOnly; SameSite=Lax")),
        ("en-GB", Some("__Host-lychgate-language=en; Path=/; Secure; HttpOnly; SameSite=Lax")),
        ("nl", None),
        ("x%3B%20Domain%3Devil.example", None),
        ("", None),
    ] {
        fake.step(redirect("https://gate.example/consent?ticket=x"));
        let response = edge.get(&format!("/authorize?ui_locales={asked}")).await;
        assert_eq!(response.headers().get("set-cookie").map(|value| value.to_str().expect("text")), cookie, "{asked}");
    }
    fake.refuse(refusal(Reason::ClientUnknown, &[]));
    assert_eq!(language(&edge, "/authorize?ui_locales=es", &[("accept-language", "de")]).await, "es");
}

/// A page that another language would change must not be kept for it.
#[tokio::test]
async fn error_pages_vary_by_language() {
    let (edge, _fake) = running().await;
    assert_eq!(header(&edge.get("/nowhere").await, "vary"), "Accept, Accept-Language");
}
