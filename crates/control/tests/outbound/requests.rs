//! Outbound requests with one thing changed at a time.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use lychgate_control::outbound::{Class, Fetched, Outbound, OutboundError, Policy, Resolve, Timeouts};

use crate::dns::{NameServer, StaticResolver};
use crate::host::{Answer, Host, answers, good};
use crate::{chain, outbound, outbound_by, url};

const LIMIT: usize = 5 * 1024;

async fn fetch(outbound: &Outbound, text: &str) -> Result<String, OutboundError> {
    match outbound.get(&url(text), LIMIT, None, || Ok(())).await? {
        Fetched::Whole { body, .. } => Ok(String::from_utf8(body).expect("text")),
        Fetched::Unchanged { .. } => panic!("the request was unconditional"),
    }
}

/// Requirements: D10.
#[tokio::test]
async fn a_request_reveals_nothing_but_the_url_and_version() {
    let host = Host::start(good("", r#"{"a":1}"#)).await;
    let resolver = StaticResolver::resolving_to(&["127.0.0.1"]);
    let outbound = outbound(&host, &resolver);
    let fetched = fetch(&outbound, &host.url("meta.example", "/a//b.json?x=%2F#f")).await.unwrap();
    assert_eq!((fetched.as_str(), host.connections(), resolver.asked()), (r#"{"a":1}"#, 1, 1));
    let port = host.address.port();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        host.requests(),
        [format!(
            "GET /a//b.json?x=%2F HTTP/1.1\r\nhost: meta.example:{port}\r\nuser-agent: lychgate/{version}\r\n\
             accept: application/json\r\naccept-encoding: identity\r\nconnection: close\r\n\r\n"
        )]
    );
}

/// Runs the test above in a process with proxies in its environment.
///
/// Requirements: D9.
#[test]
fn a_proxy_in_the_environment_is_ignored() {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", "requests::a_request_reveals_nothing_but_the_url_and_version"]);
    for name in ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        again.env(name, &address);
    }
    let output = again.output().unwrap();
    assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
    assert_eq!(proxy.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "no connection arrived at the proxy");
}

/// `https://127.0.0.1:PORT/` is fetched with the permission and refused without it.
///
/// Requirements: D8.
#[tokio::test]
async fn a_special_use_address_is_refused_in_every_notation() {
    let host = Host::start(good("", "1")).await;
    let resolver = StaticResolver::resolving_to(&["127.0.0.1"]);
    assert_eq!(fetch(&outbound(&host, &resolver), &host.url("127.0.0.1", "/")).await.unwrap(), "1");
    let refusing = outbound_by(host.policy_without_permission(), &resolver);
    for name in [
        "127.0.0.1",
        "127.0.0.1.",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "%31%32%37.0.0.1",
        "\u{ff11}27.0.0.1",
        "0.0.0.0",
        "0",
        "[::]",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::127.0.0.1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::ffff:0:127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[64:ff9b:1::7f00:1]",
        "[2002:7f00:1::]",
        "[2001:0:808:808::80ff:fffe]",
        "[2606:4700::5efe:7f00:1]",
        "[2606:4700::200:5efe:7f00:1]",
        "[fe80::1]",
        "[fd00::1]",
        "10.0.0.1",
        "169.254.169.254",
        "192.168.0.1",
        "100.64.0.1",
    ] {
        let error = fetch(&refusing, &host.url(name, "/")).await.expect_err(name);
        assert!(matches!(error, OutboundError::SpecialUse { .. }), "{name}: {error}");
        assert_eq!(error.class(), Class::Refused);
    }
    assert_eq!((host.connections(), resolver.asked()), (1, 0));
}

/// Requirements: D8.
#[tokio::test]
async fn a_name_with_any_special_use_address_is_refused() {
    let host = Host::start(good("", "1")).await;
    let resolver = StaticResolver::resolving_to(&["127.0.0.1"]);
    let (permitting, refusing) = (outbound(&host, &resolver), outbound_by(host.policy_without_permission(), &resolver));
    for name in ["meta.example", "localhost", "localhost."] {
        let error = fetch(&refusing, &host.url(name, "/")).await.unwrap_err();
        assert_eq!(error.to_string(), "the name leads to 127.0.0.1, which is not a public address: loopback, RFC 1122");
        assert_eq!(error.class(), Class::NoHost);
    }
    for (addresses, why) in [
        (
            &["127.0.0.1", "10.0.0.1"][..],
            "the name leads to 10.0.0.1, which is not a public address: private use, RFC 1918",
        ),
        (&["127.0.0.1", "::1"], "the name leads to ::1, which is not a public address: loopback, RFC 4291"),
        (&["127.0.0.1", "127.0.0.2"], "the name leads to 127.0.0.2, which is not a public address: loopback, RFC 1122"),
        (&[], "the name has no address"),
    ] {
        resolver.resolve_to(addresses);
        assert_eq!(fetch(&permitting, &host.url("meta.example", "/")).await.unwrap_err().to_string(), why);
    }
    // Its class is that of an internal name: a page does not reveal which names exist there.
    let unknown = fetch(&permitting, &host.url("unknown.example", "/")).await.unwrap_err();
    assert_eq!((unknown.class(), chain(unknown).as_str()), (Class::NoHost, "the name does not exist"));
    let away = fetch(&permitting, &host.url("away.example", "/")).await.unwrap_err();
    assert_eq!((away.class(), chain(away).as_str()), (Class::Unreachable, "the name cannot be resolved: timed out"));
    assert_eq!((host.connections(), host.requests().len()), (0, 0));
    resolver.resolve_to(&["127.0.0.1", "127.0.0.1"]);
    assert_eq!(fetch(&permitting, &host.url("meta.example", "/")).await.unwrap(), "1");
}

/// The name server answers differently the second time.
///
/// Requirements: D8, D9.
#[tokio::test]
async fn dns_rebinding_reaches_no_other_address() {
    let outside = Host::start(good("", r#""outside""#)).await;
    let inside = Host::start_at(&format!("127.0.0.2:{}", outside.address.port()), good("", r#""inside""#)).await;
    let (good, evil) = (&[Ipv4Addr::new(127, 0, 0, 1)][..], &[Ipv4Addr::new(127, 0, 0, 2)][..]);
    let both = [good, evil].concat();
    let server = NameServer::start(&[good, evil, &both, good]).await;
    let resolver: Arc<dyn Resolve> = server.resolver();
    // Its certificate would even be trusted.
    let mut policy = outside.policy();
    policy.extra_roots.extend(inside.policy().extra_roots);
    let outbound = Outbound::new(policy, resolver).unwrap();
    let address = outside.url("meta.example", "/");

    assert_eq!(fetch(&outbound, &address).await.unwrap(), r#""outside""#);
    // One question for the whole name: the checked address is the one connected to.
    assert_eq!(server.asked(), ["meta.example."]);
    for _ in ["another address", "an additional address"] {
        let error = fetch(&outbound, &address).await.unwrap_err();
        let why = "the name leads to 127.0.0.2, which is not a public address: loopback, RFC 1122";
        assert_eq!(error.to_string(), why);
    }
    assert_eq!(fetch(&outbound, &address).await.unwrap(), r#""outside""#);
    assert_eq!((server.asked().len(), outside.connections(), inside.connections()), (4, 2, 0));
}

/// The machine's DNS search list must not apply.
///
/// Requirements: D8.
#[tokio::test]
async fn a_name_is_never_completed_by_the_search_list() {
    let host = Host::start(good("", "1")).await;
    let server = NameServer::start(&[&[]]).await;
    let outbound = Outbound::new(host.policy(), server.resolver()).unwrap();
    for name in ["meta.example", "intranet"] {
        let error = fetch(&outbound, &host.url(name, "/")).await.unwrap_err();
        assert!(matches!(error, OutboundError::NoSuchName), "{error}");
    }
    let mut asked = server.asked();
    asked.dedup();
    assert_eq!(asked, ["meta.example.", "intranet."]);
}

/// Requirements: D8.
#[tokio::test]
async fn only_https_and_permitted_ports_are_fetched() {
    let host = Host::start(good("", "1")).await;
    let resolver = StaticResolver::resolving_to(&["127.0.0.1"]);
    let other = Policy { ports: vec![443], ..host.policy_without_permission() };
    for (policy, address, why) in [
        (host.policy(), host.url("meta.example", "/").replace("https", "http"), "only https is fetched"),
        (host.policy(), "ftp://meta.example/".to_owned(), "only https is fetched"),
        (host.policy(), "data:application/json,1".to_owned(), "only https is fetched"),
        (host.policy(), "file:///etc/passwd".to_owned(), "only https is fetched"),
        (host.policy(), "https://meta.example:22/".to_owned(), "port 22 is not allowed"),
        (other, host.url("meta.example", "/"), &format!("port {} is not allowed", host.address.port())),
    ] {
        let error = fetch(&outbound_by(policy, &resolver), &address).await.unwrap_err();
        assert_eq!((error.to_string().as_str(), error.class()), (why, Class::Refused), "{address}");
    }
    assert_eq!((host.connections(), resolver.asked()), (0, 0));
}

/// Requirements: D9.
#[tokio::test]
async fn only_a_certificate_for_the_named_host_is_trusted() {
    let (host, impostor) = (Host::start(good("", "1")).await, Host::start(good("", "2")).await);
    let resolver = StaticResolver::resolving_to(&["127.0.0.1"]);
    let unknown_name = fetch(&outbound(&host, &resolver), &host.url("other.example", "/")).await.unwrap_err();
    let other_authority = Policy { extra_roots: host.policy().extra_roots, ..impostor.policy() };
    let unknown_authority =
        fetch(&outbound_by(other_authority, &resolver), &impostor.url("meta.example", "/")).await.unwrap_err();
    for (error, why) in [(unknown_name, "NotValidForName"), (unknown_authority, "BadSignature")] {
        assert_eq!(error.class(), Class::Unreachable);
        // The error omits the names in the certificate: a stranger chose them.
        let why = format!("the TLS handshake failed: invalid peer certificate: {why}");
        assert_eq!(chain(error), why);
    }
    assert!(host.requests().is_empty() && impostor.requests().is_empty());
}

/// Requirements: D3, D10.
#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
async fn only_a_complete_unencoded_json_answer_with_200_is_a_document() {
    let resolver = StaticResolver::resolving_to(&["127.0.0.1"]);
    let host = Host::start(good("", "1")).await;
    let outbound = outbound(&host, &resolver);
    let json = "content-type: application/json\r\n";
    let to = |target: &str| format!("{json}location: {target}\r\n");
    let inside = to(&host.url("meta.example", "/inside"));
    let typed = |media_type: &str| answers("200 OK", &format!("content-type: {media_type}\r\n"), "1");
    let largest = format!("\"{}\"", "x".repeat(LIMIT - 2));
    let chunk = format!("{:x}\r\n{}\r\n", 1024, "1".repeat(1024));
    let chunked = format!("HTTP/1.1 200 OK\r\n{json}transfer-encoding: chunked\r\n\r\n");
    let raw = |text: String| Answer::Says(text.into_bytes());
    let (media, encoded) =
        ("the answer is not JSON by its content type", "the answer is compressed although that was not requested");
    let (large, broken) = ("the answer has more than 5120 bytes", "the answer is not HTTP, or breaks off");
    let long_header = format!("{json}x: {}\r\n", "x".repeat(20_000));
    let many_headers = format!("{json}{}", "x: y\r\n".repeat(200));
    // A gzip header before zeros.
    let bomb = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], &[0; 2000]].concat();
    for (answer, why, class) in [
        (answers("301 Moved", &inside, "1"), "it answers 301 Moved Permanently", Class::Invalid),
        (answers("302 Found", &inside, "1"), "it answers 302 Found", Class::Invalid),
        (answers("303 See Other", &inside, "1"), "it answers 303 See Other", Class::Invalid),
        (answers("307 Temporary", &inside, "1"), "it answers 307 Temporary Redirect", Class::Invalid),
        (answers("308 Permanent", &to("http://127.0.0.1/"), "1"), "it answers 308 Permanent Redirect", Class::Invalid),
        (answers("201 Created", json, "1"), "it answers 201 Created", Class::Invalid),
        (raw("HTTP/1.1 204 No Content\r\n\r\n".to_owned()), "it answers 204 No Content", Class::Invalid),
        (answers("206 Partial", json, "1"), "it answers 206 Partial Content", Class::Invalid),
        (raw("HTTP/1.1 304 Not Modified\r\n\r\n".to_owned()), "it answers 304 Not Modified", Class::Invalid),
        (answers("403 Forbidden", json, "1"), "it answers 403 Forbidden", Class::Invalid),
        (answers("404 Not Found", json, "1"), "it answers 404 Not Found", Class::Gone),
        (answers("410 Gone", json, "1"), "it answers 410 Gone", Class::Gone),
        (answers("429 Slow", json, "1"), "it answers 429 Too Many Requests", Class::Unreachable),
        (answers("500 Oops", json, "1"), "it answers 500 Internal Server Error", Class::Unreachable),
        (answers("503 Later", json, "1"), "it answers 503 Service Unavailable", Class::Unreachable),
        (answers("200 OK", "", "1"), media, Class::Invalid),
        (typed("text/html"), media, Class::Invalid),
        (typed("text/plain"), media, Class::Invalid),
        (typed("text/json"), media, Class::Invalid),
        (typed("image/svg+json"), media, Class::Invalid),
        (typed("application/octet-stream"), media, Class::Invalid),
        (typed("application/jsonp"), media, Class::Invalid),
        (typed("application/+json"), media, Class::Invalid),
        (typed("application/a b+json"), media, Class::Invalid),
        (typed("application/json, text/html"), media, Class::Invalid),
        (answers("200 OK", &format!("{json}content-type: text/html\r\n"), "1"), media, Class::Invalid),
        (answers("200 OK", &format!("{json}content-encoding: gzip\r\n"), bomb), encoded, Class::Invalid),
        (answers("200 OK", &format!("{json}content-encoding: br\r\n"), "1"), encoded, Class::Invalid),
        (good("", &format!("{largest} ")), large, Class::Invalid),
        (good("", &"1".repeat(6 * 1024)), large, Class::Invalid),
        (raw(format!("{chunked}{}0\r\n\r\n", chunk.repeat(6))), large, Class::Invalid),
        (Answer::Pours(format!("HTTP/1.1 200 OK\r\n{json}\r\n").into_bytes()), large, Class::Invalid),
        (
            Answer::Pours(format!("HTTP/1.1 200 OK\r\n{json}content-length: 99999999\r\n\r\n").into_bytes()),
            large,
            Class::Invalid,
        ),
        (raw(format!("HTTP/1.1 200 OK\r\n{json}content-length: 9\r\n\r\n1")), broken, Class::Unreachable),
        (raw(format!("{chunked}{chunk}")), broken, Class::Unreachable),
        (raw(format!("{chunked}zz\r\n1\r\n0\r\n\r\n")), broken, Class::Unreachable),
        (raw("HTTP/1.1 200 OK\r\n".to_owned()), broken, Class::Unreachable),
        (raw("SSH-2.0-OpenSSH_9.2\r\n".to_owned()), broken, Class::Unreachable),
        (raw(String::new()), broken, Class::Unreachable),
        (answers("200 OK", &long_header, "1"), broken, Class::Unreachable),
        (answers("200 OK", &many_headers, "1"), broken, Class::Unreachable),
        (Answer::Pours(format!("HTTP/1.1 200 OK\r\n{json}x: ").into_bytes()), broken, Class::Unreachable),
    ] {
        let connections = host.connections();
        host.now_answers(answer.clone());
        let error = fetch(&outbound, &host.url("meta.example", "/c")).await.expect_err(why);
        assert_eq!((error.to_string().as_str(), error.class()), (why, class), "{answer:?}");
        // No redirect is followed and no request repeated.
        assert_eq!(host.connections(), connections + 1, "{why}");
    }
    for good in [
        typed("application/json"),
        typed("Application/JSON; charset=utf-8"),
        typed("application/jwk-set+json"),
        typed("application/vnd.a-b.c+json ;x=y"),
        good("", &largest),
        raw(format!("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n{json}content-length: 1\r\n\r\n1")),
        raw(format!("{chunked}1\r\n1\r\n0\r\n\r\n")),
        raw(format!("HTTP/1.1 200 OK\r\n{json}\r\n1")),
    ] {
        host.now_answers(good.clone());
        assert!(fetch(&outbound, &host.url("meta.example", "/c")).await.is_ok(), "{good:?}");
    }
}

/// The time limit covers head and body together: a slow trickle does not extend it.
///
/// Requirements: D10.
#[tokio::test]
async fn a_slow_host_is_not_awaited() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    let (long, short) = (Duration::from_secs(60), Duration::from_millis(500));
    for (answer, connect, total) in [
        (Answer::HangsBeforeTls, short, long),
        (Answer::HangsBeforeTls, long, short),
        (Answer::Hangs, long, short),
        (Answer::Drips(format!("{head}x: ").into_bytes()), long, short),
        (Answer::Drips(format!("{head}\r\n").into_bytes()), long, short),
        (Answer::Drips(format!("{head}content-length: 4000\r\n\r\n").into_bytes()), long, short),
    ] {
        let host = Host::start(answer.clone()).await;
        let policy = Policy { timeouts: Timeouts { connect, total }, ..host.policy() };
        let outbound = outbound_by(policy, &StaticResolver::resolving_to(&["127.0.0.1"]));
        let error = fetch(&outbound, &host.url("meta.example", "/")).await.unwrap_err();
        assert_eq!((error.to_string().as_str(), error.class()), ("it took longer than 500ms", Class::Unreachable));
    }
}
