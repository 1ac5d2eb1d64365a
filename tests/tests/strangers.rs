//! Malformed input at every entry of the real processes: queries, forms, headers, cookies, JSON, JWTs, tickets, and
//! fetched documents. The inputs are valid requests with parts inserted, removed and doubled, and noise.
//!
//! Each is refused quickly and never answered with a server error; no process panics, and no memory grows.

#![expect(clippy::expect_used, reason = "a test ends where an expectation fails")]

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use e2e::flow::{App, LOOPBACK, TokenRequest};
use e2e::http::{self, Jar};
use e2e::site::{ASSERTION_TYPE, ClientKey, Site, SiteResponse};
use e2e::system::family::descendants;
use e2e::system::logged::Logged;
use e2e::system::{CROWD, MAIN, Plan};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder};
use serde_json::json;

/// The number of cases of each kind.
const CASES: usize = 100;
/// The deadline of a response. Other servers that a request depends on answer at once here.
const PATIENCE: Duration = Duration::from_secs(5);
/// The growth of a process in kilobytes that allocators may cause; a leak would exceed it.
const GROWTH: u64 = 64 * 1024;

/// More bytes than any entry accepts.
const TOO_MUCH: usize = 16 * 1024;

const FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test]
async fn malformed_input_causes_no_panic_hang_or_growth() -> Result<()> {
    let site = Site::start().await?;
    let plan = Plan { control_tables: site.outbound(), edge_settings: CROWD.to_owned(), ..Plan::default() };
    let logged = Logged::start_with(plan, "text", "info").await?;
    let gate = logged.system.gate(MAIN.id)?;
    let key = ClientKey::new("key")?;
    site.show("/jwks.json", SiteResponse::json(&key.set(), 60));
    let members = json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": site.url("/jwks.json") });
    let signing = gate.configured(&site.publish("/client.json", &members), LOOPBACK);
    let edge = logged.system.edge_url(0);
    let doors = Doors::of(&edge, &gate.app(&[LOOPBACK]).await?, &signing, &key).await?;

    let mut mutations = Mutations::new();
    // The first round initialises caches and pools.
    let mut before = None;
    for round in 0..2 {
        for door in &doors.0 {
            for _ in 0..CASES {
                let bytes = mutations.of(&door.good);
                let Some(request) = (door.request)(&bytes) else { continue };
                answered(door.name, request, &bytes).await?;
            }
        }
        if round == 0 {
            before = Some(resident()?);
        }
    }
    let (before, after) = (before.context("a first round")?, resident()?);
    for ((name, before), (_, after)) in before.iter().zip(&after) {
        ensure!(*after < before + GROWTH, "{name} grew from {before} to {after} kB");
    }
    documents(&logged, &site, &mut mutations).await?;

    // Both processes still serve, and their logs contain no error.
    gate.app(&[LOOPBACK]).await?.tokens().await?;
    let (_, logs) = logged.stop().await?;
    for log in logs {
        let log = String::from_utf8_lossy(&log).into_owned();
        let confessed = log.lines().find(|line| line.contains("panicked") || line.contains("ERROR"));
        assert_eq!(confessed, None);
    }
    Ok(())
}

/// Documents of a site, within the limit of fetches per host. A document that cannot be fetched now is answered
/// with 503.
async fn documents(logged: &Logged, site: &Site, mutations: &mut Mutations) -> Result<()> {
    let gate = logged.system.gate(MAIN.id)?;
    for n in 0..15 {
        let path = format!("/strange-{n}.json");
        let id = site.url(&path);
        let good = json!({ "client_id": id, "client_name": "A", "redirect_uris": [LOOPBACK], "jwks": { "keys": [] } });
        let body = String::from_utf8_lossy(&mutations.of(good.to_string().as_bytes())).into_owned();
        site.show(&path, SiteResponse { body: body.clone(), ..SiteResponse::json(&good, 60) });
        let request = gate.configured(&id, LOOPBACK).request();
        let begun = Instant::now();
        let page = request.send(&mut Jar::new()?).await?;
        ensure!([303, 400, 503].contains(&page.status), "{body}: {}", page.summary());
        ensure!(begun.elapsed() < PATIENCE, "{body}: {:?}", begun.elapsed());
    }
    Ok(())
}

async fn answered(door: &str, request: RequestBuilder, bytes: &[u8]) -> Result<()> {
    let shown = || format!("{door}: {}", bytes.escape_ascii());
    let begun = Instant::now();
    let response = match request.send().await {
        // Closing the connection on oversized input is an answer too.
        Err(error) if bytes.len() > TOO_MUCH && !error.is_timeout() => return Ok(()),
        response => response.with_context(shown)?,
    };
    let status = response.status();
    let body = response.bytes().await.with_context(shown)?;
    ensure!(status.as_u16() < 500, "{}: {status}", shown());
    ensure!(body.len() < 64 * 1024, "{}: {} bytes", shown(), body.len());
    ensure!(begun.elapsed() < PATIENCE, "{}: {:?}", shown(), begun.elapsed());
    Ok(())
}

/// The resident memory of each process in kilobytes.
fn resident() -> Result<Vec<(String, u64)>> {
    let mut found = Vec::new();
    for member in descendants(std::process::id())? {
        if !member.name.starts_with("lychgate-") {
            continue;
        }
        let status = fs::read_to_string(format!("/proc/{}/status", member.id))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
        found.push((member.name, line.trim().trim_end_matches(" kB").parse()?));
    }
    ensure!(found.len() == 3, "control plane, edge and provider: {found:?}");
    Ok(found)
}

/// An entry: a valid request, and a function that replaces a part of it by arbitrary bytes.
struct Door {
    name: &'static str,
    good: Vec<u8>,
    /// `None` for requests that no HTTP client can send.
    request: Box<Knock>,
}

type Knock = dyn Fn(&[u8]) -> Option<RequestBuilder>;

struct Doors(Vec<Door>);

impl Doors {
    /// The entries of the edge at `edge`, without the balancer, which would refuse some input.
    #[expect(clippy::too_many_lines, reason = "a list of all entries")]
    async fn of(edge: &str, app: &App, signing: &App, key: &ClientKey) -> Result<Self> {
        let mut doors = Self(Vec::new());
        let at = |path: &str| format!("{edge}{path}");
        let (gate, http) = (&app.gate, http::client()?);
        let mut jar = Jar::new()?;
        let consent = app.request().open(&mut jar).await?;
        let tokens = app.tokens().await?;
        let encoded = |request: &TokenRequest| {
            form_urlencoded::Serializer::new(String::new()).extend_pairs(&request.form).finish()
        };

        let authorize = app.request().url();
        let callback = app.request().callback(&mut jar).await?.url;
        let verify = gate.url("/verify?resource=https%3A%2F%2Fmcp.example.com%2Fmcp&scope=notes:read+profile:read");
        for (name, good) in [
            ("authorize", authorize.as_str()),
            ("callback", callback.as_str()),
            ("consent", consent.page.url.as_str()),
            ("verify", verify.as_str()),
        ] {
            let (url, query) = good.split_once('?').context("a query")?;
            let (url, http) = (url.replacen(gate.issuer(), edge, 1), http.clone());
            doors.add(name, query.as_bytes(), move |bytes| {
                let mut url = url::Url::parse(&url).ok()?;
                url.set_query(Some(&String::from_utf8_lossy(bytes)));
                (url.as_str().len() < usize::from(u16::MAX) - 1).then(|| http.get(url))
            });
        }
        let redemption = app.request().redemption("lgc_AAAA");
        let assertion = key.assertion(&signing.client_id, gate.issuer())?;
        let signed = signing
            .refresh(&tokens.refresh_token)
            .and("client_assertion_type", ASSERTION_TYPE)
            .and("client_assertion", &assertion);
        let decision = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(consent.page.hidden_fields())
            .append_pair("decision", "deny")
            .finish();
        for (name, path, good) in [
            ("token", "/token", encoded(&redemption)),
            ("refresh", "/token", encoded(&app.refresh(&tokens.refresh_token))),
            ("assertion", "/token", encoded(&signed)),
            ("revoke", "/revoke", format!("token={}&client_id={}", tokens.access_token, app.client_id)),
            ("introspect", "/introspect", format!("token={}", tokens.access_token)),
            ("decision", "/consent", decision),
        ] {
            let (url, http) = (at(path), http.clone());
            doors.add(name, good.as_bytes(), move |bytes| {
                Some(http.post(&url).header(CONTENT_TYPE, FORM).body(bytes.to_vec()))
            });
        }
        let claims = ClientKey::claims(&signing.client_id, gate.issuer()).to_string();
        let (url, form, whole) = (at("/token"), encoded(&signing.refresh("lgr_AAAA")), http.clone());
        let kind: String = form_urlencoded::byte_serialize(ASSERTION_TYPE.as_bytes()).collect();
        doors.add("claims", claims.as_bytes(), move |bytes| {
            let claims = BASE64_URL_SAFE_NO_PAD.encode(bytes);
            let jwt = format!("eyJhbGciOiJSUzI1NiIsImtpZCI6ImtleSJ9.{claims}.AAAA");
            let body = format!("{form}&client_assertion_type={kind}&client_assertion={jwt}");
            Some(whole.post(&url).header(CONTENT_TYPE, FORM).body(body))
        });
        let metadata = json!({ "redirect_uris": [LOOPBACK], "client_name": "A", "jwks": key.set(), "contacts": ["a@b"],
            "token_endpoint_auth_method": "private_key_jwt", "grant_types": ["authorization_code"] });
        for (name, method, path) in
            [("register", Method::POST, "/register"), ("update", Method::PUT, "/register/client-1")]
        {
            let (url, http) = (at(path), http.clone());
            doors.add(name, metadata.to_string().as_bytes(), move |bytes| {
                let request = http.request(method.clone(), &url).header(CONTENT_TYPE, "application/json");
                Some(request.body(bytes.to_vec()))
            });
        }

        let page = consent.page.url.as_str().replacen(gate.issuer(), edge, 1);
        let cookies =
            jar.cookies().iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect::<Vec<_>>();
        doors.header("cookies", COOKIE, cookies.join("; ").as_bytes(), http.get(page));
        let token = http.post(at("/token")).form(&[("grant_type", "refresh_token"), ("refresh_token", "lgr_AAAA")]);
        let raw = format!("Basic {}", BASE64_STANDARD.encode("client:secret"));
        doors.header("a Basic header", AUTHORIZATION, raw.as_bytes(), token.try_clone().context("a form")?);
        let (basic, request) = (http.clone(), at("/token"));
        doors.add("Basic credentials", b"client%3A:secret%20", move |bytes| {
            let value = format!("Basic {}", BASE64_STANDARD.encode(bytes));
            let form = [("grant_type", "refresh_token"), ("refresh_token", "lgr_AAAA")];
            Some(basic.post(&request).header(AUTHORIZATION, value).form(&form))
        });
        let introspect = http.post(at("/introspect")).form(&[("token", &tokens.access_token)]);
        doors.header("a Bearer header", AUTHORIZATION, b"Bearer abcdefgh", introspect);
        let (url, good) = (verify.replacen(gate.issuer(), edge, 1), format!("Bearer {}", tokens.access_token));
        doors.header("an access token", AUTHORIZATION, good.as_bytes(), http.get(url));
        let forwarded = HeaderName::from_static("x-forwarded-for");
        doors.header("a forwarded address", forwarded, b"203.0.113.1, ::1", http.get(at("/healthz")));
        Ok(doors)
    }

    fn add(&mut self, name: &'static str, good: &[u8], request: impl Fn(&[u8]) -> Option<RequestBuilder> + 'static) {
        self.0.push(Door { name, good: good.to_vec(), request: Box::new(request) });
    }

    /// The entry for a header of `request`.
    fn header(&mut self, name: &'static str, header: HeaderName, good: &[u8], request: RequestBuilder) {
        self.add(name, good, move |bytes| {
            Some(request.try_clone()?.header(&header, HeaderValue::from_bytes(bytes).ok()?))
        });
    }
}

/// Pseudorandom and the same in every run, so that failures repeat.
struct Mutations {
    runner: TestRunner,
    edits: BoxedStrategy<Vec<(prop::sample::Index, usize, Vec<u8>)>>,
}

impl Mutations {
    fn new() -> Self {
        let piece = prop_oneof![
            4 => proptest::collection::vec(any::<u8>(), 0..4),
            6 => select(PIECES.to_vec()).prop_map(|piece| piece.as_bytes().to_vec()),
            1 => (any::<u8>(), 0..70_000_usize).prop_map(|(byte, length)| vec![byte; length]),
        ];
        let edit = (any::<prop::sample::Index>(), 0..40_usize, piece);
        Self { runner: TestRunner::deterministic(), edits: proptest::collection::vec(edit, 0..5).boxed() }
    }

    fn of(&mut self, good: &[u8]) -> Vec<u8> {
        let mut bytes = good.to_vec();
        let edits = self.edits.new_tree(&mut self.runner).expect("nothing is filtered").current();
        for (at, without, piece) in edits {
            let from = at.index(bytes.len() + 1);
            let to = (from + without).min(bytes.len());
            bytes.splice(from..to, piece);
        }
        bytes
    }
}

/// Bytes that parsers disagree about.
const PIECES: [&str; 30] = [
    "%00",
    "%ff",
    "%2e%2e/",
    "%",
    "+",
    "&",
    "=",
    "&state=",
    "&client_id=https%3A%2F%2F127.0.0.1%2Fx",
    "&resource=",
    "#",
    "?",
    "@",
    ":",
    "//",
    "\\",
    ";",
    ",",
    "\t",
    "\u{202e}",
    "\u{0}",
    "null",
    "1e400",
    "-1",
    "9e99",
    "[",
    "[[[[",
    "{\"",
    "\",\"a\":\"",
    ".",
];
