//! Forged `Host` and forwarding headers: Lychgate's URL comes from its configuration.

use anyhow::Result;
use e2e::flow::{LOOPBACK, Stage};
use e2e::http::{Jar, Page, Visit};

const SPOOFED: [(&str, &str); 8] = [
    ("host", "attacker.example"),
    ("x-forwarded-host", "attacker.example"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-port", "444"),
    ("x-forwarded-prefix", "/attacker"),
    ("x-forwarded-for", "203.0.113.9"),
    ("x-original-url", "/attacker"),
    ("forwarded", "host=attacker.example;proto=https"),
];

/// Requirements: R52.
#[tokio::test]
async fn forged_host_and_forwarded_headers_change_nothing() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let gate = &stage.gate;
    for (name, value) in SPOOFED {
        for document in ["/.well-known/oauth-authorization-server", "/jwks.json"] {
            let honest = gate.get(document).await?;
            let spoofed = Page::of(gate.http().get(gate.url(document)).header(name, value)).await?;
            assert_eq!((spoofed.status, &spoofed.body), (200, &honest.body), "{name}");
        }
        let mut jar = Jar::new()?;
        let request = app.request();
        let begun = jar.send(Visit::open(request.url())?.header(name, value)?).await?;
        assert!(begun.location()?.as_str().starts_with(&format!("{}/consent?", gate.issuer())), "{name}");
        let page = jar.send(Visit::redirected(&begun)?.header(name, value)?).await?;
        assert!(!page.body.contains("/attacker") && !page.body.contains("attacker.example"), "{name}");
        let consent = e2e::flow::Consent { request, page };
        let sent = jar.send(consent.form("approve")?.header(name, value)?).await?;
        assert!(sent.location()?.as_str().starts_with(stage.upstream.issuer()), "{name}: {}", sent.summary());
        let asked = stage.upstream.asked().authorizations.len();
        let back = jar.follow(&sent).await?;
        let callback = &stage.upstream.asked().authorizations[asked];
        assert!(callback["redirect_uri"].starts_with(gate.issuer()), "{name}: {callback:?}");
        let done = jar.send(Visit::redirected(&back)?.header(name, value)?).await?;
        assert!(done.location()?.as_str().contains("code=lgc_"), "{name}: {}", done.summary());
    }
    stage.stop().await
}
