//! A brand is loaded whole or refused by the key that is wrong.

use std::fs;

use crate::render::{Appearance, IssuerSetting, Setting};
use crate::samples::Sampled as _;
use crate::words::Reader;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nnot much of a picture";

fn with_brand(text: &str) -> (tempfile::TempDir, Result<Appearance, String>) {
    let directory = tempfile::tempdir().expect("a directory");
    let brands = directory.path().join("brands");
    fs::create_dir(&brands).expect("a directory");
    fs::write(brands.join("main.toml"), text).expect("a file");
    fs::write(brands.join("logo.png"), PNG).expect("a file");
    fs::write(brands.join("large.png"), [PNG, &[0; 20_000]].concat()).expect("a file");
    fs::write(brands.join("text.png"), "<svg/>").expect("a file");
    let loaded = Appearance::load(Some(directory.path())).map_err(|error| error.to_string());
    (directory, loaded)
}

const WHOLE: &str = r##"
language = "de"
[brand]
name = "Notes Inc."
logo = "logo.png"
icon = "logo.png"
support_uri = "mailto:help@notes.example"
privacy_uri = "https://notes.example/privacy"
light = { action = "#0b3d91" }
[words.en]
deny = "No, thanks"
[[resources]]
uri = "https://notes.example/mcp"
names = { de = "Gemeinsame Notizen" }
brand = { name = "Team Notes GmbH" }
[resources.scopes."notes:read"]
de = "Alle Notizen lesen"
"##;

#[test]
fn brand_is_on_the_pages_of_its_issuer_only() {
    let (_directory, appearance) = with_brand(WHOLE);
    let appearance = appearance.expect("the brand loads");
    let page = crate::page::ConsentPage::samples().swap_remove(0).page;
    let render = |id, accept| {
        let issuer = Some(IssuerSetting { id, name: "Example Gate", path: "" });
        let reader = Reader::new("", accept);
        appearance.render(&Setting { issuer, reader: &reader }, &page).expect("a page")
    };
    let (branded, german, other) = (render("main", "en"), render("main", ""), render("other", "en"));
    for text in [
        "Team Notes GmbH",
        "/assets/image-",
        "mailto:help@notes.example",
        "https://notes.example/privacy",
        "No, thanks",
    ] {
        assert!(branded.contains(text) && !other.contains(text), "{text}");
    }
    assert!(german.contains("Gemeinsame Notizen") && german.contains("Alle Notizen lesen"), "{german}");
    assert!(!branded.contains("Gemeinsame Notizen"));
    let style = |html: &str| {
        html.split("rel=\"stylesheet\" href=\"/assets/")
            .nth(1)
            .and_then(|rest| rest.split('"').next().map(str::to_owned))
    };
    let (own, plain) = (style(&branded).expect("a style sheet"), style(&other).expect("a style sheet"));
    assert_ne!(own, plain);
    let css = appearance.asset(&own).expect("the style sheet").content;
    assert!(String::from_utf8_lossy(&css).contains("--action: #0b3d91;"));
    assert!(appearance.icon("main").is_some() && appearance.icon("other").is_none());
}

#[test]
fn broken_brand_is_refused_by_the_key_that_is_wrong() {
    for (text, key) in [
        ("[brand]\ncolour = 1", "colour"),
        ("language = \"xx\"", "no page is in \"xx\""),
        ("[brand]\nlogo = \"missing.png\"", "brand.logo"),
        ("[brand]\nlogo = \"large.png\"", "brand.logo"),
        ("[brand]\nlogo = \"text.png\"", "brand.logo"),
        ("[brand]\nlogo = \"main.toml\"", "brand.logo"),
        ("[brand]\nicon = \"../../../etc/passwd\"", "brand.icon"),
        ("[brand]\nsupport_uri = \"javascript:alert(1)\"", "brand.support_uri"),
        ("[brand]\nprivacy_uri = \"http://notes.example\"", "brand.privacy_uri"),
        ("[brand.light]\nink = \"#ffffff\"", "brand.light.ink"),
        ("[brand.dark]\naction = \"green\"", "brand.dark.action"),
        ("[words.en]\ndeny = \"{ $nothing\"", "words.en"),
        ("[words.en]\ndeny = \"{ $nothing }\"", "nothing"),
        ("[words.xx-1-2-3-invalid]\ndeny = \"x\"", "main.toml"),
        (
            "[[resources]]\nuri = \"https://notes.example/mcp\"\nbrand = { dark = { link = \"#000000\" } }",
            "resources[0].brand.dark.link",
        ),
    ] {
        let (_directory, appearance) = with_brand(text);
        let error = appearance.expect_err(text);
        assert!(error.contains(key), "{text}: {error}");
    }
}
