//! `lychgate doctor`: what it prints of a control plane and of a public URL, and its exit codes. Both are scripted here; real ones
//! are in `tests/tests/doctor.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use lychgate_api::{Reason, v1};
use prost_types::Timestamp;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tonic::Code;

use crate::server::{Call, Reply, Server};
use crate::{HOSTILE, Ran, command, ended, run};

const COOKIE: &str = "__Host-lychgate-checkup-x=v; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=300";
const DAY: i64 = 86_400;

/// A change of an answer of the public side.
type Change = Arc<dyn Fn(&str, Response) -> Response + Send + Sync>;

/// An answer with these headers.
fn answer(status: u16, headers: &[(&'static str, &str)], body: impl Into<String>) -> Response {
    let pairs = headers
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).expect("a header value")));
    let headers: HeaderMap = pairs.collect();
    (StatusCode::from_u16(status).expect("a status"), headers, body.into()).into_response()
}

/// The answers of an edge behind a faithful proxy. The body of a checkup says whether the cookie came back.
fn faithful(url: &str, request: &Request) -> Response {
    let json = [("content-type", "application/json")];
    match request.uri().path() {
        "/.well-known/lychgate-checkup" => {
            let returned =
                request.headers().get("cookie").is_some_and(|cookie| cookie == "__Host-lychgate-checkup-x=v");
            let body = if returned { "second" } else { "first" };
            answer(200, &[("content-type", "text/plain; charset=utf-8"), ("set-cookie", COOKIE)], body)
        }
        "/" => {
            let headers = [
                ("content-type", "text/html; charset=utf-8"),
                ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
                ("x-frame-options", "DENY"),
                ("x-content-type-options", "nosniff"),
                ("referrer-policy", "no-referrer"),
            ];
            answer(200, &headers, "<link rel=\"stylesheet\" href=\"/assets/a.css\">")
        }
        "/assets/a.css" => answer(200, &[("content-type", "text/css")], ""),
        "/callback/main" => answer(400, &[("x-request-id", "x")], ""),
        "/jwks.json" => answer(200, &json, r#"{"keys":[{"kty":"EC"}]}"#),
        path if path.starts_with("/.well-known/oauth-protected-resource") => answer(200, &json, "{}"),
        path if path.starts_with("/.well-known/o") => answer(200, &json, format!(r#"{{"issuer":"{url}"}}"#)),
        _ => answer(404, &json, "{}"),
    }
}

/// A public URL. `change` gets the path and the answer of each request.
async fn gate(change: impl Fn(&str, Response) -> Response + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let routes = routes(&url, Arc::new(change));
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    url
}

fn routes(url: &str, change: Change) -> Router {
    let url = url.to_owned();
    Router::new().fallback(move |request: Request| {
        let answer = change(request.uri().path(), faithful(&url, &request));
        async move { answer }
    })
}

fn unchanged(_: &str, response: Response) -> Response {
    response
}

fn diagnosis(url: &str) -> v1::DiagnoseResponse {
    let time = |seconds| Some(Timestamp { seconds, nanos: 0 });
    let key = v1::ActiveKey {
        purpose: v1::KeyPurpose::Signing.into(),
        key_id: "00000001".to_owned(),
        active_time: time(0),
        replace_time: time(i64::from(u32::MAX)),
    };
    let issuer = v1::IssuerState {
        issuer_id: "main".to_owned(),
        issuer: url.to_owned(),
        configuration_sha256: "ab".repeat(32),
        latest_configuration_sha256: "ab".repeat(32),
        upstream: Some(v1::UpstreamCheck { time: time(0), ..Default::default() }),
        keys: vec![key],
        checkup_url: format!("{url}/.well-known/lychgate-checkup?pass=the-pass"),
    };
    let store = v1::StoreState {
        engine: "postgres".to_owned(),
        durability: v1::Durability::Replicated.into(),
        required_durability: v1::Durability::Replicated.into(),
        clock_difference: Some(prost_types::Duration { seconds: 0, nanos: 1_000_000 }),
        record_level: Some(7),
        newest_record_level: 7,
        ..Default::default()
    };
    v1::DiagnoseResponse {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        time: None,
        store: Some(store),
        certificates: Vec::new(),
        issuers: vec![issuer],
    }
}

/// The observation of an edge behind a faithful proxy.
fn observation(url: &str, call: &Call) -> v1::CheckupObservation {
    let request: v1::ReadCheckupRequest = call.read();
    assert_eq!((request.issuer_id.as_str(), request.pass.as_str()), ("main", "the-pass"));
    v1::CheckupObservation {
        host: url.split_once("//").unwrap().1.to_owned(),
        peer_address: "10.0.0.1".to_owned(),
        peer_trusted: true,
        forwarded: Some("198.51.100.7".to_owned()),
        client_address: "198.51.100.7".to_owned(),
        sec_fetch_site: Some("none".to_owned()),
        edge_version: "1".to_owned(),
        consent_page_sha256: "cd".repeat(32),
        cookie_returned: request.answer == "second",
    }
}

/// A control plane with changed answers.
async fn control(
    url: &str,
    diagnosed: impl Fn(&mut v1::DiagnoseResponse) + Send + Sync + 'static,
    seen: impl Fn(&mut v1::CheckupObservation) + Send + Sync + 'static,
) -> Server {
    let url = url.to_owned();
    Server::start(move |call| match call.method.as_str() {
        "AdminService/Diagnose" => {
            let mut reply = diagnosis(&url);
            diagnosed(&mut reply);
            Reply::one(&reply)
        }
        "AdminService/ReadCheckup" => {
            let mut observed = observation(&url, call);
            seen(&mut observed);
            Reply::one(&v1::ReadCheckupResponse { observation: Some(observed) })
        }
        "IssuerService/Describe" => {
            let resource =
                v1::ProtectedResource { resource: "https://mcp.example/mcp".to_owned(), ..Default::default() };
            Reply::one(&v1::DescribeResponse { resources: vec![resource], ..Default::default() })
        }
        other => panic!("{other} is not asked"),
    })
    .await
}

/// The level of each check, worst first among those of the same name.
fn levels(ran: &Ran) -> BTreeMap<String, String> {
    let mut levels = BTreeMap::<String, String>::new();
    for line in ran.json() {
        let text = |member: &str| line[member].as_str().unwrap_or_default().to_owned();
        let (level, check) = (text("level"), text("check"));
        assert_eq!(text("remedy").is_empty(), level == "ok", "{line}");
        let rank = |level: &str| ["ok", "warn", "fail"].iter().position(|known| *known == level).unwrap();
        let worst = levels.entry(check).or_insert_with(|| level.clone());
        if rank(&level) > rank(worst) {
            *worst = level;
        }
    }
    levels
}

/// The checks that are not in order, with their level.
fn problems(ran: &Ran) -> Vec<(String, String)> {
    levels(ran).into_iter().filter(|(_, level)| level != "ok").collect()
}

fn one(check: &str, level: &str) -> Vec<(String, String)> {
    vec![(check.to_owned(), level.to_owned())]
}

#[tokio::test]
async fn a_deployment_in_order_has_a_line_for_each_check_and_no_remedy() {
    let (url, edge) = (gate(unchanged).await, gate(unchanged).await);
    let server = control(&url, |_| {}, |_| {}).await;
    let ran = run(&server, &["doctor"]).await;
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    let expected = [
        "ok    control plane: ",
        "ok    durability: synchronous",
        "ok    clock: differs from the store's by 0.001 s",
        "ok    record level: 7",
        "ok    configuration (main): abababababab",
        "ok    identity provider (main): ",
        "ok    keys (main): ",
        "ok    public URL (main): ",
        "ok    cookies (main): ",
        "ok    client address (main): 198.51.100.7 comes through the proxy 10.0.0.1",
        "ok    request headers (main): ",
        "ok    consent page (main): ",
        "ok    pages (main): ",
        "ok    callback (main): ",
        "ok    documents (main): 3 arrive",
        "0 failed, 0 warnings, 15 in order",
    ];
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.starts_with(expected), "{line} does not start with {expected}");
    }
    // The edge's metadata name another issuer here, because it is another server.
    let ran = run(&server, &["doctor", "--json", "--edge", &edge]).await;
    assert_eq!(ran.code, Some(1));
    assert_eq!(problems(&ran), one("documents", "fail"));
    let ran = run(&server, &["doctor", "--json", "--edge", &url]).await;
    assert_eq!((ran.code, problems(&ran)), (Some(0), vec![]), "{ran:?}");
    assert_eq!(ran.json().len(), 18);
}

/// Each case changes one thing, and one check tells.
#[tokio::test]
async fn each_problem_of_the_control_plane_has_its_check() {
    type Diagnosed = Box<dyn Fn(&mut v1::DiagnoseResponse) + Send + Sync>;
    fn changed(change: impl Fn(&mut v1::DiagnoseResponse) + Send + Sync + 'static) -> Diagnosed {
        Box::new(change)
    }
    fn store(change: impl Fn(&mut v1::StoreState) + Send + Sync + 'static) -> Diagnosed {
        changed(move |diagnosis| change(diagnosis.store.as_mut().unwrap()))
    }
    let url = gate(unchanged).await;
    for (change, check, level) in [
        (changed(|diagnosis| diagnosis.version = "0.0.1".to_owned()), "control plane", "warn"),
        (changed(|diagnosis| diagnosis.time = Some(Timestamp { seconds: 1, nanos: 0 })), "clock", "warn"),
        (store(|store| store.durability = v1::Durability::Unspecified.into()), "durability", "fail"),
        (store(|store| store.required_durability = v1::Durability::LocalDisk.into()), "durability", "warn"),
        (store(|store| store.clock_difference.as_mut().unwrap().seconds = 1), "clock", "warn"),
        (store(|store| store.record_level = Some(8)), "record level", "fail"),
        (store(|store| (store.free_bytes, store.reserve_bytes) = (Some(1), 2)), "disk", "fail"),
        (changed(|diagnosis| diagnosis.issuers[0].upstream = None), "identity provider", "warn"),
        (
            changed(|diagnosis| diagnosis.issuers[0].upstream.as_mut().unwrap().problem = "refused".to_owned()),
            "identity provider",
            "fail",
        ),
        (
            changed(|diagnosis| diagnosis.issuers[0].latest_configuration_sha256 = "cd".repeat(32)),
            "configuration",
            "fail",
        ),
        (
            changed(|diagnosis| {
                let expire_time = Some(Timestamp { seconds: 1, nanos: 0 });
                diagnosis.certificates = vec![v1::CertificateState { key: "tls.cert_file".to_owned(), expire_time }];
            }),
            "control certificate",
            "fail",
        ),
    ] {
        let server = control(&url, change, |_| {}).await;
        let ran = run(&server, &["doctor", "--json"]).await;
        assert_eq!(problems(&ran), one(check, level), "{check}: {ran:?}");
        assert_eq!(ran.code, Some(i32::from(level == "fail")), "{check}");
    }
}

#[tokio::test]
async fn each_change_by_a_proxy_has_its_check() {
    type Seen = fn(&mut v1::CheckupObservation);
    let url = gate(unchanged).await;
    let cases: [(Seen, &str, &str); 6] = [
        (|seen| seen.cookie_returned = false, "cookies", "fail"),
        (|seen| seen.forwarded = None, "client address", "fail"),
        (|seen| seen.client_address = "192.0.2.1".to_owned(), "client address", "fail"),
        (|seen| seen.sec_fetch_site = None, "request headers", "fail"),
        (|seen| seen.host = "edge:8080".to_owned(), "request headers", "warn"),
        (|seen| seen.consent_page_sha256 = String::new(), "consent page", "fail"),
    ];
    for (change, check, level) in cases {
        let server = control(&url, |_| {}, change).await;
        let ran = run(&server, &["doctor", "--json"]).await;
        assert_eq!(problems(&ran), one(check, level), "{check}: {ran:?}");
    }
    fn without(response: Response, header: &str) -> Response {
        let mut response = response;
        response.headers_mut().remove(header);
        response
    }
    type Altered = fn(&str, Response) -> Response;
    let cases: [(Altered, &str); 5] = [
        (|_, response| without(response, "set-cookie"), "cookies"),
        (|_, response| without(response, "content-security-policy"), "pages"),
        (|path, response| if path == "/assets/a.css" { answer(404, &[], "") } else { response }, "pages"),
        (|path, response| if path == "/callback/main" { answer(404, &[], "") } else { response }, "callback"),
        (|path, response| if path == "/jwks.json" { answer(404, &[], "") } else { response }, "documents"),
    ];
    for (change, check) in cases {
        let url = gate(change).await;
        let server = control(&url, |_| {}, |_| {}).await;
        let ran = run(&server, &["doctor", "--json"]).await;
        assert_eq!((ran.code, problems(&ran)), (Some(1), one(check, "fail")), "{ran:?}");
    }
}

/// All other checks of the public URL need its answer, or go on.
#[tokio::test]
async fn another_server_at_the_public_url_is_found() {
    let shop = gate(|_, _| answer(200, &[("content-type", "text/html")], "a shop")).await;
    let server = control(&shop, |_| {}, |_| {}).await;
    let ran = run(&server, &["doctor", "--json"]).await;
    assert_eq!((ran.code, levels(&ran)["public URL"].as_str()), (Some(1), "fail"));
    assert!(!levels(&ran).contains_key("cookies"), "{ran:?}");
    assert_eq!(levels(&ran)["documents"], "fail");

    // The form is right, and the control plane cannot open it.
    let url = gate(unchanged).await;
    let server = Server::start({
        let url = url.clone();
        move |call| match call.method.as_str() {
            "AdminService/Diagnose" => Reply::one(&diagnosis(&url)),
            "AdminService/ReadCheckup" => Reply::refusal(Code::NotFound, Reason::RecordUnknown, &[]),
            _ => Reply::one(&v1::DescribeResponse::default()),
        }
    })
    .await;
    let ran = run(&server, &["doctor", "--json"]).await;
    assert_eq!((ran.code, problems(&ran)), (Some(1), one("public URL", "fail")), "{ran:?}");
}

#[tokio::test]
async fn without_a_control_plane_the_public_side_is_checked_all_the_same() {
    let url = gate(unchanged).await;
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let ran = ended(&mut command(&closed, &["doctor", "--json", "--public-url", &url, "--edge", &url])).await;
    let expected = [("control plane", "fail"), ("public URL", "warn")];
    let expected = expected.map(|(check, level)| (check.to_owned(), level.to_owned()));
    assert_eq!((ran.code, problems(&ran)), (Some(1), expected.to_vec()), "{ran:?}");
    assert_eq!([&levels(&ran)["pages"], &levels(&ran)["documents"], &levels(&ran)["edge"]], ["ok"; 3]);
    assert!(ran.json()[0]["remedy"].as_str().unwrap().contains("--control"), "{ran:?}");

    let ran = ended(&mut command(&closed, &["doctor", "--json"])).await;
    assert_eq!((ran.code, levels(&ran)["public URL"].as_str()), (Some(1), "fail"), "{ran:?}");

    let server = Server::start(|_| Reply::refusal(Code::PermissionDenied, Reason::PermissionDenied, &[])).await;
    let ran = run(&server, &["doctor", "--json", "--public-url", &url]).await;
    assert_eq!((ran.code, levels(&ran)["control plane"].as_str()), (Some(1), "fail"));
}

#[tokio::test]
async fn only_the_named_issuer_is_checked() {
    let url = gate(unchanged).await;
    let server = control(&url, |_| {}, |_| {}).await;
    let ran = run(&server, &["doctor", "--json", "--issuer", "main"]).await;
    assert_eq!((ran.code, problems(&ran)), (Some(0), vec![]));
    let ran = run(&server, &["doctor", "--json", "--issuer", "other"]).await;
    assert_eq!((ran.code, problems(&ran)), (Some(1), one("public URL", "fail")));
    for arguments in
        [&["doctor", "--edge", "edge:8080"][..], &["doctor", "--public-url", "ftp://gate.example"], &["doctor", "x"]]
    {
        assert_eq!(run(&server, arguments).await.code, Some(2), "{arguments:?}");
    }
}

#[tokio::test]
async fn bytes_of_other_parties_are_escaped() {
    let url = gate(unchanged).await;
    let hostile = |diagnosis: &mut v1::DiagnoseResponse| {
        diagnosis.issuers[0].upstream.as_mut().unwrap().problem = HOSTILE.to_owned();
    };
    let server = control(&url, hostile, |seen| seen.host = HOSTILE.to_owned()).await;
    for arguments in [&["doctor"][..], &["doctor", "--json"]] {
        let ran = run(&server, arguments).await;
        assert!(ran.stdout.bytes().all(|byte| matches!(byte, b'\n' | b' '..=b'~')), "{}", ran.stdout);
    }
    let ran = run(&server, &["doctor", "--json"]).await;
    assert!(
        ran.json().iter().any(|line| line["finding"].as_str().unwrap().contains(HOSTILE)),
        "the escapes lose nothing"
    );
}

/// Seconds since the epoch.
#[expect(clippy::disallowed_methods, reason = "the command reads the same clock")]
fn now() -> i64 {
    Timestamp::from(std::time::SystemTime::now()).seconds
}

/// A public URL over TLS with a certificate that ends in `days`, and the file with its authority.
async fn certified(days: i64) -> (String, tempfile::NamedTempFile) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let pem = authority.self_signed(&authority_key).unwrap().pem();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    // One minute more, so that the days are whole when the doctor looks.
    let end = now() + days * DAY + 60;
    params.not_after = time::OffsetDateTime::from_unix_timestamp(end).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &Issuer::new(authority, authority_key)).unwrap();
    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(chain, key).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let routes = routes(&url, Arc::new(unchanged));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (acceptor, routes) = (acceptor.clone(), routes.clone());
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    let service = hyper_util::service::TowerToHyperService::new(routes);
                    let io = hyper_util::rt::TokioIo::new(stream);
                    // The client may end the connection.
                    drop(hyper::server::conn::http1::Builder::new().serve_connection(io, service).await);
                }
            });
        }
    });
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), pem).unwrap();
    (url, file)
}

/// An expired certificate, and one of an unknown authority, are not accepted at all, as a browser does not.
#[tokio::test]
async fn a_public_certificate_that_expires_soon_is_reported() {
    for (days, expected) in [(30, vec![]), (13, one("public certificate", "warn")), (-1, one("public URL", "fail"))] {
        let (url, file) = certified(days).await;
        let server = control(&url, |_| {}, |_| {}).await;
        let mut command = command(&server.url, &["doctor", "--json"]);
        let ran = ended(command.env("SSL_CERT_FILE", file.path())).await;
        let found: Vec<_> = problems(&ran).into_iter().filter(|(check, _)| check.starts_with("public")).collect();
        assert_eq!(found, expected, "{ran:?}");
        if let Some(Value::String(found)) =
            ran.json().iter().find(|line| line["level"] == "warn").map(|line| &line["finding"])
        {
            assert!(found.starts_with("expires in 13 days"), "{found}");
        }
    }
    let (url, _) = certified(30).await;
    let server = control(&url, |_| {}, |_| {}).await;
    assert_eq!(levels(&run(&server, &["doctor", "--json"]).await)["public URL"], "fail");
}
