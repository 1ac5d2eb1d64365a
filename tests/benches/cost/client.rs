//! One client with its browser and its resource server: a complete flow over one connection to the edge.
//!
//! It uses little CPU time, which the measured processes would lack.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use e2e::flow::LOOPBACK;
use e2e::system::{MAIN, System};
use form_urlencoded::Serializer;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_TYPE, COOKIE, HOST, HeaderMap, LOCATION, SET_COOKIE};
use hyper::http::request;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;
use url::{Position, Url};

/// The measured requests: all that reach the edge. The redirect to the identity provider and the provider's work do
/// not count; the control plane's requests to it do.
pub(crate) const STEPS: [&str; 10] = [
    "GET server metadata",
    "POST /register",
    "GET /authorize",
    "GET /consent",
    "POST /consent (approve)",
    "GET /callback (asks the upstream)",
    "POST /token (code)",
    // One token check of a resource server without caches: it fetches metadata and keys, and verifies offline.
    "GET server metadata (token check)",
    "GET /jwks.json (token check)",
    "POST /token (refresh)",
];

const METADATA: &str = "/.well-known/oauth-authorization-server";
const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

pub(crate) struct Client {
    edge: Connection,
    upstream: Connection,
    issuer: String,
}

struct Connection {
    sender: SendRequest<Full<Bytes>>,
    authority: String,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

/// The browser's cookies.
#[derive(Default)]
struct Cookies(Vec<String>);

impl Client {
    /// Connects to the edge, without the balancer.
    pub(crate) async fn connect(system: &System) -> Result<Self> {
        let issuer = system.gate(MAIN.id)?.issuer().to_owned();
        let upstream = Url::parse(system.upstream(MAIN.id)?.issuer())?;
        let upstream_address = upstream.authority().parse()?;
        let edge = Connection::open(system.edge_address(0), Url::parse(&issuer)?.authority()).await?;
        Ok(Self { edge, upstream: Connection::open(upstream_address, upstream.authority()).await?, issuer })
    }

    /// A complete flow of `person` with a new client.
    #[expect(clippy::too_many_lines, reason = "the measured steps, one after the other")]
    pub(crate) async fn flow(&mut self, person: &str) -> Result<[Duration; STEPS.len()]> {
        let mut laps = Laps::start();
        let mut cookies = Cookies::default();

        self.edge.get(METADATA, &cookies).await?.is(200)?;
        laps.step();

        let metadata = json!({
            "client_name": "An app",
            "redirect_uris": [LOOPBACK],
            "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_method": "none",
        });
        let registered = self.edge.post("/register", JSON, metadata.to_string(), &cookies).await?.is(201)?;
        let client_id = text(&registered.json()?, "client_id")?;
        laps.step();

        let verifier = unique_word() + &unique_word();
        let parameters = form(&[
            ("response_type", "code"),
            ("client_id", &client_id),
            ("redirect_uri", LOOPBACK),
            ("state", &unique_word()),
            ("code_challenge", &BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier))),
            ("code_challenge_method", "S256"),
            ("resource", MAIN.resource),
        ]);
        let consent = self.edge.get(&format!("/authorize?{parameters}"), &cookies).await?.leads_to()?;
        laps.step();

        let page = self.edge.get(&consent, &cookies).await?.is(200)?;
        cookies.keep(&page);
        laps.step();

        let (ticket, form_token) = (page.field("ticket")?, page.field("form_token")?);
        let answer = form(&[("ticket", &ticket), ("form_token", &form_token), ("decision", "approve")]);
        let approved = self.edge.post("/consent", FORM, answer, &cookies).await?;
        cookies.keep(&approved);
        let login = approved.leads_to()?;
        laps.step();

        // The provider signs in the person in `login_hint` without a page.
        let login = format!("{login}&login_hint={person}");
        let callback = self.upstream.get(&login, &Cookies::default()).await?.leads_to()?;
        laps.skip();

        let back = self.edge.get(&callback, &cookies).await?.redirect()?;
        let code = back.query_pairs().find(|(name, _)| name == "code").context("no code")?.1.into_owned();
        laps.step();

        let exchange = form(&[
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("client_id", &client_id),
            ("redirect_uri", LOOPBACK),
            ("code_verifier", &verifier),
            ("resource", MAIN.resource),
        ]);
        let none = Cookies::default();
        let tokens = self.edge.post("/token", FORM, exchange, &none).await?.is(200)?.json()?;
        laps.step();

        self.edge.get(METADATA, &none).await?.is(200)?;
        laps.step();
        let keys = self.edge.get("/jwks.json", &none).await?.is(200)?;
        laps.step();
        self.verify(&text(&tokens, "access_token")?, &serde_json::from_slice(&keys.body)?)?;
        laps.skip();

        let refresh_token = text(&tokens, "refresh_token")?;
        let refresh =
            form(&[("grant_type", "refresh_token"), ("refresh_token", &refresh_token), ("client_id", &client_id)]);
        let refreshed = self.edge.post("/token", FORM, refresh, &none).await?.is(200)?.json()?;
        ensure!(text(&refreshed, "refresh_token")? != refresh_token, "the refresh token was not rotated");
        laps.step();
        laps.times.try_into().map_err(|times: Vec<_>| anyhow::anyhow!("{} steps", times.len()))
    }

    /// Verifies offline, as a resource server does (RFC 9068 §4).
    fn verify(&self, access_token: &str, keys: &JwkSet) -> Result<()> {
        let kid = decode_header(access_token)?.kid.context("no kid")?;
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[MAIN.resource]);
        let key = DecodingKey::from_jwk(keys.find(&kid).context("no such key")?)?;
        decode::<Value>(access_token, &key, &validation)?;
        Ok(())
    }
}

impl Connection {
    async fn open(address: SocketAddr, authority: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // The task ends with its sender, which gets its errors.
        tokio::spawn(connection);
        Ok(Self { sender, authority: authority.to_owned() })
    }

    async fn get(&mut self, path: &str, cookies: &Cookies) -> Result<Answer> {
        let request = Request::builder().uri(path);
        self.send(request, Bytes::new(), cookies).await.with_context(|| format!("GET {path}"))
    }

    async fn post(&mut self, path: &str, content_type: &str, body: String, cookies: &Cookies) -> Result<Answer> {
        let request = Request::builder().method(Method::POST).uri(path).header(CONTENT_TYPE, content_type);
        self.send(request, body.into(), cookies).await.with_context(|| format!("POST {path}"))
    }

    async fn send(&mut self, request: request::Builder, body: Bytes, cookies: &Cookies) -> Result<Answer> {
        let mut request = request.header(HOST, &self.authority).header("sec-fetch-site", "same-origin");
        if !cookies.0.is_empty() {
            request = request.header(COOKIE, cookies.0.join("; "));
        }
        let request = request.body(Full::new(body))?;
        self.sender.ready().await?;
        let (parts, body) = self.sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }
}

impl Answer {
    fn is(self, status: u16) -> Result<Self> {
        ensure!(self.status == status, "{}: {}", self.status, String::from_utf8_lossy(&self.body));
        Ok(self)
    }

    fn json(&self) -> Result<Value> {
        Ok(serde_json::from_slice(&self.body)?)
    }

    fn redirect(self) -> Result<Url> {
        let answer = self.is(303)?;
        Ok(Url::parse(answer.headers.get(LOCATION).context("no Location")?.to_str()?)?)
    }

    /// The path and query of the redirect; its origin is known.
    fn leads_to(self) -> Result<String> {
        Ok(self.redirect()?[Position::BeforePath..].to_owned())
    }

    /// A hidden field of the page's form. Its value is base64url and needs no unescaping.
    fn field(&self, name: &str) -> Result<String> {
        let page = std::str::from_utf8(&self.body)?;
        let (_, value) = page.split_once(&format!("name=\"{name}\" value=\"")).context("no such field")?;
        Ok(value.split('"').next().unwrap_or_default().to_owned())
    }
}

impl Cookies {
    /// Keeps the cookies; a flow needs each once.
    fn keep(&mut self, answer: &Answer) {
        let set = answer.headers.get_all(SET_COOKIE).iter().filter_map(|cookie| cookie.to_str().ok());
        self.0.extend(set.filter_map(|cookie| cookie.split(';').next()).map(str::to_owned));
    }
}

/// The duration of each step.
struct Laps {
    times: Vec<Duration>,
    last: Instant,
}

impl Laps {
    fn start() -> Self {
        Self { times: Vec::with_capacity(STEPS.len()), last: Instant::now() }
    }

    fn step(&mut self) {
        self.times.push(self.last.elapsed());
        self.skip();
    }

    /// Excludes the time since the last step.
    fn skip(&mut self) {
        self.last = Instant::now();
    }
}

fn form(pairs: &[(&str, &str)]) -> String {
    Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn text(json: &Value, name: &str) -> Result<String> {
    Ok(json[name].as_str().with_context(|| format!("no {name}"))?.to_owned())
}

fn unique_word() -> String {
    BASE64_URL_SAFE_NO_PAD.encode(e2e::random::<24>())
}
