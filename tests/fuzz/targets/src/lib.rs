//! Fuzz targets: one function for each parser of the domain that reads a stranger's bytes. cargo-fuzz runs them for any
//! length of time, `make test` for some seconds.
//!
//! A target takes bytes, returns whether they were accepted, and must never panic. Its assertions state properties of
//! every accepted input, above all its size. It must not use a clock, a file or a socket. The end-to-end tests reach
//! parsers that are private to the edge and the control plane through their sockets.

#![expect(clippy::expect_used, reason = "the values of the fixed world are valid")]

mod json;
mod world;

use std::sync::LazyLock;

use lychgate_domain::authentication::AssertionAccepted;
use lychgate_domain::browser::cookie::Cookies;
use lychgate_domain::client::ClientOrigin;
use lychgate_domain::client::claimed_name::{ClaimedName, MAX_RECORDED_CHARS, Receiver};
use lychgate_domain::client::metadata_url::MetadataUrl;
use lychgate_domain::client::redirect_uri::RedirectUri;
use lychgate_domain::consent::form;
use lychgate_domain::display::displayable;
use lychgate_domain::flow::code::PresentedCode;
use lychgate_domain::registration::{self, document};
use lychgate_domain::request::parameters::Parameters;
use lychgate_domain::request::ticket::Ticket;
use lychgate_domain::request::{self, AuthorizationRequest};
use lychgate_domain::token::refresh_token::PresentedRefreshToken;
use lychgate_domain::upstream::login;
use serde_json::Value;

use world::World;

/// A fuzz target with its seeds.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The target's name, as in `fuzz_targets/`.
    pub name: &'static str,
    /// Runs the parser; `true` if the input passed every check.
    pub run: fn(&[u8]) -> bool,
    /// Valid inputs to mutate.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All targets.
pub const ALL: [Target; 10] = [
    Target { name: "assertion", run: assertion, seeds: || vec![WORLD.assertion().into_bytes()] },
    Target { name: "authorize_query", run: authorize_query, seeds: || vec![WORLD.query.clone().into_bytes()] },
    Target { name: "claimed_name", run: claimed_name, seeds: || texts(&CLAIMED_NAMES) },
    Target { name: "cookies", run: cookies, seeds: || vec![WORLD.cookie_header.clone().into_bytes()] },
    Target { name: "form_token", run: form_token, seeds: || texts(&[&WORLD.form_token]) },
    Target { name: "metadata_document", run: metadata_document, seeds: || texts(&[json::DOCUMENT, json::SIGNING]) },
    Target { name: "metadata_url", run: metadata_url, seeds: || texts(&["https://app.example:8443/a/client.json"]) },
    Target { name: "redirect_uri", run: redirect_uri, seeds: || texts(&REDIRECT_URIS) },
    Target { name: "registration", run: registration, seeds: || texts(&[json::REGISTRATION, json::SIGNING]) },
    Target { name: "ticket", run: ticket, seeds: || texts(&[&WORLD.ticket]) },
];

/// A name, and the redirect URI that it is shown for.
const CLAIMED_NAMES: [&str; 4] = [
    "Claude Code (my-server)\nhttp://127.0.0.1/callback",
    "Booking.com for ChatGPT and many other assistants\nhttps://app.booking.com/cb",
    "社内メモ 👩\u{200D}💻 Заметки\nhttps://app.example/cb",
    "bank.com\ncursor://anysphere.cursor-mcp/oauth/callback",
];

/// A registered URI, and the one of a request.
const REDIRECT_URIS: [&str; 4] = [
    "http://127.0.0.1/callback\nhttp://127.0.0.1:49152/callback",
    "http://[::1]:1/cb?a=b\nhttp://[::1]/cb?a=b",
    "https://app.example/cb?x=1\nhttps://app.example/cb?x=1",
    "cursor://anysphere.cursor-mcp/oauth/callback\ncursor://anysphere.cursor-mcp/oauth/callback",
];

static WORLD: LazyLock<World> = LazyLock::new(World::new);

/// The longest text of a ticket.
const MAX_TICKET: usize = 4096 / 3 * 4 + 4;

/// `/authorize`: a request that passes all checks survives its ticket unchanged, or is too large for one.
pub fn authorize_query(bytes: &[u8]) -> bool {
    let pairs = form_urlencoded::parse(bytes).into_owned().collect();
    let Ok(parameters) = Parameters::new(pairs) else { return false };
    let World { issuer, client, keys, entropy, .. } = &*WORLD;
    let asked = request::client_id(&parameters);
    assert!(asked.is_err() || bytes.len() >= "client_id=x".len());
    let Ok(redirect_uri) = request::redirect_uri(&parameters, issuer, client) else { return false };
    let Ok(request) = AuthorizationRequest::check(&parameters, issuer, client, redirect_uri) else { return false };
    let Ok((issued, text)) = Ticket::issue(request, issuer, keys, entropy, world::now()) else { return false };
    assert!(text.len() <= MAX_TICKET, "a ticket of {} characters", text.len());
    let opened = Ticket::open(&text, issuer, keys);
    assert_eq!(opened.map(|ticket| ticket.request).ok(), Some(issued.request));
    true
}

/// Tickets: only the issued text opens.
pub fn ticket(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let opened = Ticket::open(text, &WORLD.issuer, &WORLD.keys);
    assert_eq!(opened.is_ok(), text == WORLD.ticket, "{text}");
    opened.is_ok()
}

/// The token of the consent form, and the parsers of codes, refresh tokens, and values that no seed has.
pub fn form_token(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let World { issuer, keys, browser, .. } = &*WORLD;
    let ticket = Ticket::open(&WORLD.ticket, issuer, keys).expect("the world's own ticket is valid");
    let accepted = form::displayed(text, keys, &ticket, &[*browser]).is_ok();
    assert_eq!(accepted, text == WORLD.form_token, "{text}");
    assert!(PresentedCode::parse(text).is_none() || text.len() <= 128);
    assert!(PresentedRefreshToken::parse(text).is_none() || text.len() <= 128);
    assert!(form::take_back(text, keys, &[*browser]).is_err(), "{text}");
    assert!(login::returned(Some(text), keys).is_err(), "{text}");
    accepted
}

/// A `Cookie` header, split leniently: only the issued value names a browser.
pub fn cookies(bytes: &[u8]) -> bool {
    let header = String::from_utf8_lossy(bytes);
    let pairs = header.split(';').filter_map(|pair| pair.trim().split_once('='));
    let cookies = Cookies(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect());
    let World { issuer, keys, browser, cookie_value, .. } = &*WORLD;
    let Ok(found) = cookies.form_browsers(issuer, keys) else { return false };
    assert!(found == [*browser] && cookies.0.iter().any(|(_, value)| value == cookie_value), "{header}");
    true
}

/// Client ids that are URLs.
pub fn metadata_url(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let Ok(url) = MetadataUrl::parse(text) else { return false };
    assert!(text.len() <= 512 && url.as_str() == text && url.as_url().as_str() == text, "{text}");
    // Splitting the text without a URL parser finds the same host.
    let after_host = text.strip_prefix("https://").and_then(|rest| rest.strip_prefix(url.host()));
    assert!(after_host.is_some_and(|rest| rest.starts_with(['/', ':'])), "{text}");
    true
}

/// The name that a client claims, and its redirect URI, one per line: the shown name is short, visible and judged alike again.
pub fn claimed_name(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let (name, uri) = text.rsplit_once('\n').unwrap_or((text, "http://127.0.0.1/cb"));
    let Ok(uri) = RedirectUri::parse(uri, &WORLD.issuer.policy.private_scheme_redirect_uris) else { return false };
    let receiver = Receiver { redirect_uris: &[uri], document: None };
    let judged = ClaimedName::judge(name, &receiver);
    let Some(shown) = judged.shown else { return false };
    assert!(shown.len() <= 4 * MAX_RECORDED_CHARS && displayable(&shown, MAX_RECORDED_CHARS).as_ref() == Some(&shown));
    assert!(!judged.doubts.iter().any(|doubt| doubt.withholds()), "{name:?}");
    assert_eq!(ClaimedName::judge(&shown, &receiver).shown, Some(shown));
    true
}

/// A registered and a requested URI, one per line.
pub fn redirect_uri(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let (registered, requested) = text.split_once('\n').unwrap_or((text, text));
    let Ok(uri) = RedirectUri::parse(registered, &WORLD.issuer.policy.private_scheme_redirect_uris) else {
        return false;
    };
    assert!(uri.as_str() == registered && registered.is_ascii() && !registered.contains('#'), "{registered}");
    assert_eq!(uri.matching(registered).as_ref().map(RedirectUri::as_str), Some(registered));
    let Some(matched) = uri.matching(requested) else { return false };
    assert_eq!(matched.as_str(), requested);
    // Both are equal byte for byte, except for the port.
    let without_port = |uri: &str| uri.replace(|c: char| c.is_ascii_digit() || c == ':', "");
    assert_eq!(without_port(registered), without_port(requested));
    true
}

/// Registration (RFC 7591): the stored client is small.
pub fn registration(bytes: &[u8]) -> bool {
    let Some(asked) = parsed(bytes).and_then(|json| json::registration(&json)) else { return false };
    let World { issuer, keys, .. } = &*WORLD;
    let Ok(registered) = registration::register(asked, issuer, keys, world::attempt(), world::now()) else {
        return false;
    };
    let client = registered.client;
    assert!((1..=20).contains(&client.redirect_uris.len()));
    assert!(client.redirect_uris.iter().all(|uri| uri.as_str().len() <= 2048));
    assert!(client.name.as_ref().is_none_or(|name| displayable(name, 128).as_ref() == Some(name)), "{:?}", client.name);
    assert!(format!("{client:?}").len() <= 256 * 1024);
    true
}

/// A client metadata document at the URL that it names.
pub fn metadata_document(bytes: &[u8]) -> bool {
    let Some(document) = parsed(bytes).and_then(|json| json::document(&json)) else { return false };
    let Some(Ok(url)) = document.client_id.as_deref().map(MetadataUrl::parse) else { return false };
    let Ok(client) = document::client(&url, &document, &WORLD.issuer) else { return false };
    assert!(client.id.as_str() == url.as_str() && client.origin == ClientOrigin::Document && !document.secret);
    assert!(!client.redirect_uris.is_empty());
    true
}

/// The claims of a client assertion with a valid signature.
pub fn assertion(bytes: &[u8]) -> bool {
    let Some(claims) = parsed(bytes).and_then(|json| json::claims(&json)) else { return false };
    let World { issuer, client, .. } = &*WORLD;
    let Ok(accepted) = AssertionAccepted::check(&claims, client, issuer, world::now()) else { return false };
    assert_eq!((accepted.client_id(), &claims.iss), (&client.id, &claims.sub));
    assert!(accepted.forget_at() > world::now(), "its id is remembered longer than it is valid");
    true
}

/// Parses JSON of at most 64 KiB, the limit of both front doors.
fn parsed(bytes: &[u8]) -> Option<Value> {
    (bytes.len() <= 64 * 1024).then(|| serde_json::from_slice(bytes).ok())?
}

fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}
