//! The demo MCP server and the protecting layer over real sockets, with a test issuer.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::{HeaderMap, StatusCode, header};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp};
use lychgate_demo::mcp::{self, Config};
use lychgate_demo::protect::{IssuerKeys, Protect, Resource};
use lychgate_process::config;
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::issuer::{Issuer, Mode, TestKey};
use crate::sockets::{http, listener, serve};

/// Requirements: C1, C2, C3, R53.
#[tokio::test]
async fn resource_metadata_are_at_both_well_known_urls() {
    let server = Server::start().await;
    let document = json!({
        "resource": server.url,
        "authorization_servers": [server.issuer.url],
        "scopes_supported": ["notes:read", "notes:write", "profile:read"],
        "resource_name": "Lychgate demo",
        "bearer_methods_supported": ["header"],
    });
    for path in ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"] {
        let url = format!("{}{path}", server.origin);
        let response = http().get(&url).send().await.unwrap();
        assert_eq!(response.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert_eq!(response.json::<Value>().await.unwrap(), document);
        assert_preflight_passes(&url, "GET").await;
    }
    let health = http().get(format!("{}/healthz", server.origin)).send().await.unwrap();
    assert_eq!(health.status(), StatusCode::OK);
}

/// A preflight has no token. It allows every header that it asks for, also `Authorization`, which `*` would not cover.
///
/// Requirements: C12.
#[tokio::test]
async fn preflight_of_a_web_page_passes_without_a_token() {
    let server = Server::start().await;
    for method in ["POST", "GET", "DELETE"] {
        assert_preflight_passes(&server.url, method).await;
    }
    let refused = http().request(http::Method::OPTIONS, &server.url).header(header::AUTHORIZATION, "Bearer x").send();
    assert!(!refused.await.unwrap().headers().contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS));
}

/// A page can read every response, and the challenges with it.
///
/// Requirements: C12.
#[tokio::test]
async fn web_page_reads_challenges_and_answers() {
    let server = Server::start().await;
    let [good, unscoped] = [server.good_token(), server.token_with("")];
    let call = |token: &str| server.post(&whoami()).bearer_auth(token).header(header::ORIGIN, "https://page.example");
    let mut responses = vec![
        (StatusCode::UNAUTHORIZED, server.post(&whoami()).header(header::ORIGIN, "https://page.example").send().await),
        (StatusCode::UNAUTHORIZED, call("not-a-token").send().await),
        (StatusCode::FORBIDDEN, call(&unscoped).send().await),
        (StatusCode::OK, call(&good).send().await),
    ];
    server.issuer.set(Mode::Down);
    let unknown = TestKey::es256("key-2");
    let unknown = unknown.sign(&unknown.header("key-2"), &server.claims());
    responses.push((StatusCode::SERVICE_UNAVAILABLE, call(&unknown).send().await));
    for (status, response) in responses {
        let response = response.unwrap();
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*", "{status}");
        let exposed = response.headers()[header::ACCESS_CONTROL_EXPOSE_HEADERS].to_str().unwrap();
        assert!(exposed.contains("www-authenticate") && exposed.contains("mcp-session-id"), "{status}: {exposed}");
    }
}

/// Clients such as httpx send head and body apart, and use the connection again after a challenge. `Expect` shows that the server
/// reads the body before it answers (RFC 9110 §10.1.1).
#[tokio::test]
async fn connection_outlives_a_challenge_to_a_request_with_a_body() {
    let server = Server::start().await;
    let host = server.origin.trim_start_matches("http://");
    let mut connection = TcpStream::connect(host).await.unwrap();
    let body = whoami().to_string();
    let head = format!(
        "POST /mcp HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         expect: 100-continue\r\n\r\n",
        body.len()
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    let mut first = [0; 12];
    connection.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 100");
    let next = "GET /.well-known/oauth-protected-resource HTTP/1.1";
    let rest = format!("{body}{next}\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    connection.write_all(rest.as_bytes()).await.unwrap();
    let mut answers = String::new();
    connection.read_to_string(&mut answers).await.unwrap();
    assert!(answers.contains("HTTP/1.1 401 ") && answers.contains("HTTP/1.1 200 "), "{answers}");
}

/// Requirements: C4, C7, C11, R25.
#[tokio::test]
async fn missing_token_is_challenged_with_the_metadata_url() {
    let server = Server::start().await;
    let challenge = format!(
        "Bearer resource_metadata=\"{}/.well-known/oauth-protected-resource/mcp\", scope=\"profile:read\"",
        server.origin
    );
    let token = server.good_token();
    for request in [
        server.post(&whoami()),
        http().get(&server.url),
        // A token outside of `Authorization: Bearer` is ignored.
        http().post(format!("{}?access_token={token}", server.url)).json(&whoami()),
        server.post(&whoami()).basic_auth("someone", Some(token)),
    ] {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(response.headers()[header::WWW_AUTHENTICATE], challenge);
    }
}

#[tokio::test]
async fn valid_token_identifies_the_caller() {
    let server = Server::start().await;
    let claims = server.claims();
    let answer = server.call(&server.issuer.token(&claims), &whoami()).await;
    let caller = json!({
        "sub": "demo|1001", "client_id": "lgcl_1", "scopes": ["profile:read"], "grant_id": "grant-1", "expires_at": claims["exp"],
    });
    assert_eq!(answer["result"]["structuredContent"], caller, "{answer}");
    assert_eq!(server.issuer.fetches(), 1);
}

#[tokio::test]
async fn client_that_initializes_is_served() {
    let server = Server::start().await;
    let token = server.good_token();
    let hello = rpc(
        "initialize",
        &json!({
            "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" },
        }),
    );
    let answer = server.call(&token, &hello).await;
    assert_eq!(answer["result"]["serverInfo"]["name"], "lychgate-demo-mcp", "{answer}");
    let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let response = server.post(&initialized).bearer_auth(&token).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    let answer = server.call(&token, &rpc("tools/list", &json!({}))).await;
    let tools = answer["result"]["tools"].as_array().unwrap();
    let names: Vec<_> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["add_note", "list_notes", "whoami"]);
}

/// Each token is the valid one with one thing changed.
///
/// Requirements: A17, C6, R45.
#[tokio::test]
async fn every_altered_token_is_refused_with_its_reason() {
    let server = Server::start().await;
    let now = get_current_timestamp();
    let changed = |name: &str, value: Value| {
        let mut claims = server.claims();
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value,
        }
        server.issuer.token(&claims)
    };
    let with_header = |change: fn(&mut Header)| {
        let mut header = server.issuer.header();
        change(&mut header);
        server.issuer.sign(&header, &server.claims())
    };
    let good = server.good_token();
    let (signed, _) = good.rsplit_once('.').unwrap();
    let stranger = TestKey::es256(&server.issuer.kid());
    for (reason, token) in [
        ("the token is for another resource", changed("aud", json!("http://127.0.0.1:1/mcp"))),
        ("the token is for another resource", changed("aud", json!(format!("{}/", server.url)))),
        ("the token is malformed", changed("aud", json!([server.url, "http://127.0.0.1:1/mcp"]))),
        ("the token is malformed", changed("aud", Value::Null)),
        ("the token is from another issuer", changed("iss", json!("http://127.0.0.1:1"))),
        ("the token is malformed", changed("iss", Value::Null)),
        ("the token has expired", changed("exp", json!(now - 60))),
        ("the token is malformed", changed("exp", Value::Null)),
        ("the token is not valid yet", changed("nbf", json!(now + 600))),
        ("the token is malformed", changed("sub", Value::Null)),
        ("the token is malformed", changed("client_id", Value::Null)),
        ("this is not an access token", with_header(|header| header.typ = Some("JWT".to_owned()))),
        ("this is not an access token", with_header(|header| header.typ = None)),
        ("the token names no key", with_header(|header| header.kid = None)),
        ("the issuer has no such key", with_header(|header| header.kid = Some("unheard-of".to_owned()))),
        ("the token has a critical header", with_header(|header| header.crit = Some(vec!["exp".to_owned()]))),
        ("this is not a JWT with a known algorithm", unsigned(&server)),
        ("the token is signed with another algorithm than its key's", signed_with_the_public_key(&server)),
        ("the signature does not match", stranger.sign(&stranger.header(&server.issuer.kid()), &server.claims())),
        ("the signature does not match", format!("{signed}.")),
        ("this is not a JWT with a known algorithm", "not-a-jwt".to_owned()),
    ] {
        let response = server.post(&whoami()).bearer_auth(&token).send().await.unwrap();
        let challenge = response.headers()[header::WWW_AUTHENTICATE].to_str().unwrap();
        let expected = format!(
            "Bearer resource_metadata=\"{}/.well-known/oauth-protected-resource/mcp\", scope=\"profile:read\", \
             error=\"invalid_token\", error_description=\"{reason}\"",
            server.origin
        );
        assert_eq!((response.status(), challenge), (StatusCode::UNAUTHORIZED, expected.as_str()), "{token}");
    }
    server.call(&good, &whoami()).await;
    let twice = server.post(&whoami()).bearer_auth(&good).header(header::AUTHORIZATION, format!("Bearer {good}"));
    assert_eq!(twice.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
}

/// Requirements: C5, C8.
#[tokio::test]
async fn missing_scope_is_challenged_over_http() {
    let server = Server::start().await;
    let none = server.token_with("");
    let response = server.post(&whoami()).bearer_auth(none).send().await.unwrap();
    assert_insufficient(&server, &response, "profile:read");

    let profile = server.token_with("profile:read");
    for (call, scope) in [(add_note("hello"), "notes:write profile:read"), (list_notes(), "notes:read profile:read")] {
        let response = server.post(&call).bearer_auth(&profile).send().await.unwrap();
        assert_insufficient(&server, &response, scope);
    }

    let reader = server.token_with("profile:read notes:read");
    let response = server.post(&add_note("hello")).bearer_auth(&reader).send().await.unwrap();
    assert_insufficient(&server, &response, "notes:write profile:read");

    let writer = server.token_with("profile:read notes:write");
    server.call(&writer, &add_note("hello")).await;
    for who in [&reader, &writer] {
        let answer = server.call(who, &list_notes()).await;
        assert_eq!(answer["result"]["structuredContent"], json!({ "notes": ["hello"] }), "{answer}");
    }
    let mut claims = server.claims();
    claims["sub"] = json!("demo|1002");
    claims["scope"] = json!("profile:read notes:read");
    let answer = server.call(&server.issuer.token(&claims), &list_notes()).await;
    assert_eq!(answer["result"]["structuredContent"], json!({ "notes": [] }), "{answer}");
}

/// A duplicate JSON key can mislead the HTTP check, but the tool checks its scopes itself.
#[tokio::test]
async fn ambiguous_message_gains_no_access() {
    let server = Server::start().await;
    let profile = server.token_with("profile:read");
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_notes","arguments":{},"name":"whoami"}}"#;
    let request =
        http().post(&server.url).header(header::ACCEPT, ACCEPT).header(header::CONTENT_TYPE, "application/json");
    let response = request.body(body).bearer_auth(profile).send().await.unwrap();
    assert!(!response.text().await.unwrap().contains("\"notes\":"));
}

/// Requirements: C6.
#[tokio::test]
async fn new_key_is_fetched_and_old_key_dropped() {
    let server = Server::start().await;
    let old = server.good_token();
    server.call(&old, &whoami()).await;
    server.issuer.rotate("key-2");
    server.call(&server.good_token(), &whoami()).await;
    assert_eq!(server.issuer.fetches(), 2);
    let response = server.post(&whoami()).bearer_auth(old).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn unknown_key_ids_do_not_flood_the_issuer() {
    let server = Server::with(Issuer::start().await, 3600).await;
    server.call(&server.good_token(), &whoami()).await;
    for kid in ["a", "b", "c"] {
        let key = TestKey::es256(kid);
        let token = key.sign(&key.header(kid), &server.claims());
        let response = server.post(&whoami()).bearer_auth(token).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    }
    assert_eq!(server.issuer.fetches(), 1);
}

#[tokio::test]
async fn concurrent_first_requests_fetch_the_keys_once() {
    let server = Arc::new(Server::with(Issuer::start().await, 3600).await);
    let token = server.good_token();
    let calls: Vec<_> = (0..16)
        .map(|_| {
            let (server, token) = (Arc::clone(&server), token.clone());
            tokio::spawn(async move { server.call(&token, &whoami()).await })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
    assert_eq!(server.issuer.fetches(), 1);
}

#[tokio::test]
async fn unreachable_issuer_is_503_and_not_401() {
    let server = Server::start().await;
    let token = server.good_token();
    for mode in [Mode::Down, Mode::OtherIssuer, Mode::Redirecting, Mode::Endless] {
        server.issuer.set(mode);
        let response = server.post(&whoami()).bearer_auth(&token).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{mode:?}");
        assert_eq!(response.headers()[header::RETRY_AFTER], "5");
        assert!(!response.headers().contains_key(header::WWW_AUTHENTICATE));
    }
    server.issuer.set(Mode::Up);
    server.call(&token, &whoami()).await;

    server.issuer.set(Mode::Down);
    server.call(&token, &whoami()).await;
    let unknown = TestKey::es256("key-2");
    let unknown = unknown.sign(&unknown.header("key-2"), &server.claims());
    let response = server.post(&whoami()).bearer_auth(unknown).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn ed25519_and_rsa_keys_work() {
    let server = Server::start().await;
    for key in [TestKey::ed25519("ed"), TestKey::rsa("rsa")] {
        let kid = key.public["kid"].as_str().unwrap().to_owned();
        let token = key.sign(&key.header(&kid), &server.claims());
        server.issuer.publish(key);
        server.call(&token, &whoami()).await;
    }
}

/// The key decides the algorithm, never the token (RFC 8725 §2.1, §3.1).
///
/// Requirements: R45.
#[tokio::test]
async fn key_is_used_with_its_own_algorithm_only() {
    let server = Server::start().await;
    let all = || [TestKey::es256("es"), TestKey::ed25519("ed"), TestKey::rsa("rsa")];
    for key in all() {
        let kid = key.public["kid"].as_str().unwrap().to_owned();
        let good = key.sign(&key.header(&kid), &server.claims());
        let forged = |algorithm, private: &EncodingKey| {
            encode(&Header { alg: algorithm, ..key.header(&kid) }, &server.claims(), private).unwrap()
        };
        // Forged with other kinds of keys under the same kid, and with the public parts of the key as HMAC secret.
        let others = all().into_iter().filter(|other| other.algorithm != key.algorithm);
        let mut tokens: Vec<_> = others.map(|other| forged(other.algorithm, &other.private)).collect();
        let public = key.public.as_object().unwrap().values().filter_map(Value::as_str);
        let secrets = public.flat_map(|text| [text.into(), BASE64_URL_SAFE_NO_PAD.decode(text).unwrap_or_default()]);
        let secrets = secrets.chain([key.public.to_string().into_bytes()]);
        tokens.extend(secrets.map(|secret| forged(Algorithm::HS256, &EncodingKey::from_secret(&secret))));
        // Signed by the same key with another algorithm: the only one of these with a correct signature.
        if key.algorithm == Algorithm::RS256 {
            tokens.push(forged(Algorithm::PS256, &key.private));
        }
        server.issuer.publish(key);
        server.call(&good, &whoami()).await;
        for token in tokens {
            let response = server.post(&whoami()).bearer_auth(&token).send().await.unwrap();
            let challenge = response.headers()[header::WWW_AUTHENTICATE].to_str().unwrap();
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
            assert!(challenge.contains("the token is signed with another algorithm than its key's"), "{challenge}");
        }
    }
}

#[tokio::test]
async fn request_for_another_host_is_refused() {
    let server = Server::start().await;
    let token = server.good_token();
    let request = server.post(&whoami()).bearer_auth(token).header(header::HOST, "rebound.example.com");
    assert_eq!(request.send().await.unwrap().status(), StatusCode::FORBIDDEN);
}

/// The layer wraps a service that returns the headers it received.
///
/// Requirements: B22, C9.
#[tokio::test]
async fn inner_service_never_sees_the_token() {
    let issuer = Issuer::start().await;
    let (listener, origin) = listener().await;
    let resource = Resource {
        identifier: format!("{origin}/mcp"),
        url: format!("{origin}/mcp").parse().unwrap(),
        issuer: issuer.url.clone(),
        name: "echo".to_owned(),
        required_scopes: Default::default(),
        scopes: Default::default(),
    };
    let keys = IssuerKeys::of(&issuer.url, &issuer.url.parse().unwrap(), Default::default()).unwrap();
    let echo = get(async |headers: HeaderMap| format!("{headers:?}")).layer(Protect::new(Arc::new(resource), keys));
    serve(listener, Router::new().route("/mcp", echo));

    let server = Server { url: format!("{origin}/mcp"), origin, issuer };
    let token = server.good_token();
    let response = http().get(&server.url).bearer_auth(&token).header("x-other", "kept").send().await.unwrap();
    let seen = response.text().await.unwrap();
    assert!(seen.contains("kept") && !seen.contains(&token) && !seen.contains("authorization"), "{seen}");
}

#[test]
fn example_configuration_parses() {
    let config: Config = config::parse(include_str!("../../mcp.example.toml")).unwrap();
    assert!(mcp::router(&config).is_ok());
}

#[test]
fn invalid_configuration_refuses_to_start() {
    for (line, key) in [
        ("resource = \"http://mcp.example.com/mcp\"", "resource"),
        ("resource = \"https://mcp.example.com/mcp?tenant=1\"", "resource"),
        ("issuer = \"http://example.com\"", "issuer"),
        ("issuer = \"https://example.com/#\"", "issuer"),
        ("required_scopes = [\"a b\"]", "required_scopes"),
    ] {
        let (name, _) = line.split_once(" = ").unwrap();
        let mut text = "listen = \"127.0.0.1:0\"\n".to_owned();
        for good in ["resource = \"https://mcp.example.com/mcp\"", "issuer = \"https://example.com\""] {
            text += if good.starts_with(name) { "" } else { good };
            text += "\n";
        }
        let config: Config = config::parse(&format!("{text}{line}\n")).unwrap();
        let error = mcp::router(&config).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{key}: ")), "{error}");
    }
}

const ACCEPT: &str = "application/json, text/event-stream";

async fn assert_preflight_passes(url: &str, method: &str) {
    let asked = "authorization,content-type,mcp-protocol-version,x-api-key";
    let request = http().request(http::Method::OPTIONS, url).header(header::ORIGIN, "https://page.example");
    let request = request.header(header::ACCESS_CONTROL_REQUEST_METHOD, method);
    let preflight = request.header(header::ACCESS_CONTROL_REQUEST_HEADERS, asked).send().await.unwrap();
    assert!(preflight.status().is_success(), "{url} {method}: {}", preflight.status());
    assert_eq!(preflight.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
    assert_eq!(preflight.headers()[header::ACCESS_CONTROL_ALLOW_HEADERS], asked);
    let methods = preflight.headers()[header::ACCESS_CONTROL_ALLOW_METHODS].to_str().unwrap();
    assert!(methods.contains(method), "{method}: {methods}");
    assert!(!preflight.headers().contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS));
}

fn rpc(method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
}

fn whoami() -> Value {
    rpc("tools/call", &json!({ "name": "whoami", "arguments": {} }))
}

fn add_note(text: &str) -> Value {
    rpc("tools/call", &json!({ "name": "add_note", "arguments": { "text": text } }))
}

fn list_notes() -> Value {
    rpc("tools/call", &json!({ "name": "list_notes", "arguments": {} }))
}

fn assert_insufficient(server: &Server, response: &Response, scope: &str) {
    let expected = format!(
        "Bearer resource_metadata=\"{}/.well-known/oauth-protected-resource/mcp\", scope=\"{scope}\", \
         error=\"insufficient_scope\", error_description=\"the token does not carry what this needs\"",
        server.origin
    );
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(response.headers()[header::WWW_AUTHENTICATE], expected);
}

/// The MCP server and its issuer.
struct Server {
    origin: String,
    url: String,
    issuer: Issuer,
}

impl Server {
    async fn start() -> Self {
        Self::with(Issuer::start().await, 0).await
    }

    async fn with(issuer: Issuer, jwks_refetch_seconds: u64) -> Self {
        let (listener, origin) = listener().await;
        let url = format!("{origin}/mcp");
        let text = format!(
            "listen = \"127.0.0.1:0\"\nresource = \"{url}\"\nissuer = \"{}\"\n\
             jwks_refetch_seconds = {jwks_refetch_seconds}\n",
            issuer.url
        );
        let config: Config = config::parse(&text).unwrap();
        serve(listener, mcp::router(&config).unwrap());
        Self { origin, url, issuer }
    }

    fn post(&self, body: &Value) -> RequestBuilder {
        http().post(&self.url).header(header::ACCEPT, ACCEPT).json(body)
    }

    async fn call(&self, token: &str, body: &Value) -> Value {
        let response = self.post(body).bearer_auth(token).send().await.unwrap();
        let status = response.status();
        let body = response.text().await.unwrap();
        assert_eq!(status, StatusCode::OK, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    /// Claims of an access token as Lychgate issues it.
    fn claims(&self) -> Value {
        let now = get_current_timestamp();
        json!({
            "iss": self.issuer.url, "aud": self.url, "sub": "demo|1001", "client_id": "lgcl_1", "scope": "profile:read",
            "iat": now, "exp": now + 600, "jti": "token-1", "grant_id": "grant-1",
        })
    }

    fn good_token(&self) -> String {
        self.issuer.token(&self.claims())
    }

    fn token_with(&self, scope: &str) -> String {
        let mut claims = self.claims();
        claims["scope"] = json!(scope);
        self.issuer.token(&claims)
    }
}

/// `alg: none` (RFC 8725 §2.1).
fn unsigned(server: &Server) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let header = json!({ "alg": "none", "typ": "at+jwt", "kid": server.issuer.kid() });
    format!("{}.{}.", part(&header), part(&server.claims()))
}

/// HS256 with the public key as secret (RFC 8725 §2.1).
fn signed_with_the_public_key(server: &Server) -> String {
    let public = server.issuer.public();
    let coordinate = |name: &str| BASE64_URL_SAFE_NO_PAD.decode(public[name].as_str().unwrap()).unwrap();
    let point = [vec![4], coordinate("x"), coordinate("y")].concat();
    let header = Header { alg: Algorithm::HS256, ..server.issuer.header() };
    encode(&header, &server.claims(), &EncodingKey::from_secret(&point)).unwrap()
}
