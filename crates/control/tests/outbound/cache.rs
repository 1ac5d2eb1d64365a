//! The document cache and its quotas. The test holds the clock.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use lychgate_control::client_metadata::{ClientTrust, Document, DocumentError, Documents, Kind, STALE_IF_ERROR};
use lychgate_control::outbound::{Class, Policy};
use lychgate_domain::time::Timestamp;
use serde_json::{Value, json};
use url::Url;

use crate::dns::StaticResolver;
use crate::host::{Answer, Host, answers, good};
use crate::{chain, outbound, outbound_by, url};

const NOW: Timestamp = Timestamp::EPOCH;
const PATH: &str = "/client.json";

fn after(seconds: u64) -> Timestamp {
    NOW + Duration::from_secs(seconds)
}

/// Accepts any document without a member `bad`.
fn judge(_: Kind, _: &Url, value: &Value) -> Result<(), &'static str> {
    if value.get("bad").is_some() { Err("it has a member `bad`") } else { Ok(()) }
}

/// A host and a cache of its documents.
struct CacheFixture {
    host: Host,
    documents: Documents,
}

impl CacheFixture {
    async fn new(answer: Answer) -> Self {
        let host = Host::start(answer).await;
        let documents = Documents::new(outbound(&host, &StaticResolver::resolving_to(&["127.0.0.1"])), judge);
        Self { host, documents }
    }

    fn url(&self, path: &str) -> Url {
        url(self.host.url("famous.example", path))
    }

    async fn at(&self, path: &str, trust: ClientTrust, now: Timestamp) -> Result<Arc<Document>, DocumentError> {
        self.documents.get(&self.url(path), Kind::ClientMetadata, trust, now).await
    }

    async fn get(&self, now: Timestamp) -> Result<Value, DocumentError> {
        Ok(self.at(PATH, ClientTrust::Stranger, now).await?.value.clone())
    }

    fn fetched(&self) -> usize {
        self.host.connections()
    }
}

/// Requirements: D7.
#[tokio::test]
async fn a_document_is_fetched_again_when_it_is_stale() {
    let fixture = CacheFixture::new(good("cache-control: max-age=600\r\netag: \"a\"\r\n", r#"{"a":1}"#)).await;
    let first = fixture.at(PATH, ClientTrust::Stranger, NOW).await.unwrap();
    assert_eq!((first.fetched_at, first.lifetime.as_secs()), (NOW, 600));
    assert_eq!(fixture.get(after(599)).await.unwrap(), json!({"a":1}));
    assert_eq!(fixture.fetched(), 1);
    // The document is unchanged, and fresh for a shorter time.
    fixture.host.now_answers(Answer::Says(
        b"HTTP/1.1 304 Not Modified\r\ncache-control: max-age=60\r\nlast-modified: today\r\n\r\n".to_vec(),
    ));
    let second = fixture.at(PATH, ClientTrust::Stranger, after(600)).await.unwrap();
    assert_eq!((second.fetched_at, second.lifetime.as_secs()), (after(600), 60));
    assert_eq!((&second.value, second.digest), (&first.value, first.digest));
    fixture.host.now_answers(good("", r#"{"a":2}"#));
    assert_eq!(fixture.get(after(659)).await.unwrap(), json!({"a":1}));
    assert_eq!(fixture.get(after(660)).await.unwrap(), json!({"a":2}));
    let asked = fixture.host.requests();
    let conditional = asked.iter().map(|head| head.split_once("close\r\n").unwrap().1).collect::<Vec<_>>();
    assert_eq!(conditional, ["\r\n", "if-none-match: \"a\"\r\n\r\n", "if-modified-since: today\r\n\r\n"]);
    // Without validators the request is unconditional, and 304 is an error.
    fixture.host.now_answers(Answer::Says(b"HTTP/1.1 304 Not Modified\r\n\r\n".to_vec()));
    let (other, kept) = (CacheFixture::new(good("", "{}")).await, fixture.get(after(660)).await);
    assert_eq!(kept.unwrap(), json!({"a":2}));
    other.host.now_answers(Answer::Says(b"HTTP/1.1 304 Not Modified\r\n\r\n".to_vec()));
    assert_eq!(chain(other.get(NOW).await.unwrap_err()), "it cannot be fetched: it answers 304 Not Modified");
}

/// Requirements: D7.
#[tokio::test]
async fn errors_and_unacceptable_documents_are_not_cached() {
    let json = "content-type: application/json\r\ncache-control: max-age=600\r\n";
    for (answer, why) in [
        (answers("500 Oops", json, "{}"), "it cannot be fetched: it answers 500 Internal Server Error"),
        (answers("404 Not Found", json, "{}"), "it cannot be fetched: it answers 404 Not Found"),
        (answers("301 Moved", json, "{}"), "it cannot be fetched: it answers 301 Moved Permanently"),
        (answers("200 OK", "", "{}"), "it cannot be fetched: the answer is not JSON by its content type"),
        (answers("200 OK", json, "{"), "it is not JSON at line 1 column 1"),
        (answers("200 OK", json, b"\"\xff\""), "it is not JSON at line 1 column 2"),
        (answers("200 OK", json, "[".repeat(4000)), "it is not JSON at line 1 column 128"),
        (answers("200 OK", json, r#"{"bad":1}"#), "it is not acceptable: it has a member `bad`"),
        (Answer::Says(Vec::new()), "it cannot be fetched: the answer is not HTTP, or breaks off"),
    ] {
        let fixture = CacheFixture::new(answer).await;
        let error = fixture.get(NOW).await.unwrap_err();
        assert!(chain(error).starts_with(why), "{why}");
        fixture.host.now_answers(good("", r#"{"good":1}"#));
        assert_eq!(fixture.get(NOW).await.unwrap(), json!({"good":1}), "{why}");
        assert_eq!(fixture.fetched(), 2);
    }
}

/// Requirements: D7.
#[tokio::test]
async fn a_good_document_outlives_its_host_for_a_day() {
    let json = "content-type: application/json\r\n";
    for failure in [
        answers("500 Oops", json, "1"),
        answers("403 Are you a robot?", "content-type: text/html\r\n", "<html>"),
        answers("302 Found", "location: /login\r\n", ""),
        answers("200 OK", json, "{"),
        Answer::Says(Vec::new()),
    ] {
        let fixture = CacheFixture::new(good("cache-control: max-age=600\r\n", r#"{"a":1}"#)).await;
        fixture.get(NOW).await.unwrap();
        fixture.host.now_answers(failure);
        assert_eq!(fixture.get(after(600)).await.unwrap(), json!({"a":1}));
        assert_eq!(fixture.fetched(), 2);
        // A failed host is not asked again for thirty seconds.
        assert_eq!(fixture.get(after(629)).await.unwrap(), json!({"a":1}));
        assert_eq!(fixture.fetched(), 2);
        let end = after(600) + STALE_IF_ERROR;
        let last = Timestamp::from_millis(end.millis() - 1);
        assert_eq!(fixture.get(last).await.unwrap(), json!({"a":1}));
        assert_eq!(fixture.fetched(), 3);
        assert!(fixture.get(end).await.is_err());
        fixture.host.now_answers(good("", r#"{"a":2}"#));
        assert_eq!(fixture.get(end).await.unwrap(), json!({"a":2}));
    }
}

/// Requirements: D7.
#[tokio::test]
async fn a_withdrawn_document_is_not_served_stale() {
    let json = "content-type: application/json\r\n";
    for (answer, class) in [
        (answers("404 Not Found", json, "{}"), Class::Gone),
        (answers("410 Gone", json, "{}"), Class::Gone),
        (answers("200 OK", json, r#"{"bad":1}"#), Class::Invalid),
    ] {
        let fixture = CacheFixture::new(good("", r#"{"a":1}"#)).await;
        fixture.at(PATH, ClientTrust::Consented, NOW).await.unwrap();
        fixture.host.now_answers(answer);
        assert_eq!(fixture.get(after(300)).await.unwrap_err().class(), class);
        fixture.host.now_answers(answers("500 Oops", json, "1"));
        assert_eq!(fixture.get(after(300)).await.unwrap_err().class(), Class::Unreachable, "the document is dropped");
    }
}

#[tokio::test]
async fn a_fresh_key_set_is_refetched_for_a_missing_key_once_a_minute() {
    let keys = |n: u32| good("cache-control: max-age=86400\r\n", &json!({ "keys": [n] }).to_string());
    let fixture = CacheFixture::new(keys(1)).await;
    let (address, trust) = (fixture.url("/jwks.json"), ClientTrust::Consented);
    let look_again = async |now| {
        let found = fixture.documents.get_recent(&address, Kind::KeySet, trust, now).await;
        found.map(|document| document.value["keys"][0].clone())
    };
    assert_eq!(look_again(NOW).await.unwrap(), 1);
    fixture.host.now_answers(keys(2));
    assert_eq!(look_again(after(59)).await.unwrap(), 1);
    assert_eq!(look_again(after(60)).await.unwrap(), 2);
    let kept = fixture.documents.get(&address, Kind::KeySet, trust, after(80_000)).await.unwrap();
    assert_eq!((kept.value["keys"][0].clone(), fixture.fetched()), (json!(2), 2));
    // An unreachable host does not make a fresh document stale.
    fixture.host.now_answers(Answer::Says(Vec::new()));
    assert_eq!(look_again(after(80_000)).await.unwrap(), 2);
    // The same URL as another kind is another document.
    assert!(fixture.documents.get(&address, Kind::ClientMetadata, trust, after(80_000)).await.is_err());
    fixture.host.now_answers(good("", &json!("x".repeat(60_000)).to_string()));
    assert!(look_again(after(90_000)).await.is_ok());
    let large = fixture.documents.get(&address, Kind::ClientMetadata, trust, after(90_000)).await.unwrap_err();
    assert_eq!(chain(large), "it cannot be fetched: the answer has more than 5120 bytes");
}

/// Requirements: D7.
#[tokio::test]
async fn parallel_requests_share_one_fetch_and_one_outcome() {
    let body = |status: &str| format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\n\r\n{{}}").into_bytes();
    for (status, good) in [("200 OK", true), ("500 Oops", false)] {
        let fixture = CacheFixture::new(Answer::Behind(body(status))).await;
        // The first caller disconnects before there is an answer.
        {
            let mut impatient = Box::pin(fixture.get(NOW));
            tokio::select! {
                _ = &mut impatient => panic!("the answer is held back"),
                () = fixture.host.has_requests(1) => {}
            }
        }
        let all = join_all((0..64).map(|n| {
            let trust = if n % 2 == 0 { ClientTrust::Stranger } else { ClientTrust::Consented };
            fixture.at(PATH, trust, NOW)
        }));
        let opened = async {
            fixture.host.has_requests(1).await;
            fixture.host.open();
        };
        let (outcomes, ()) = tokio::join!(all, opened);
        assert!(outcomes.iter().all(|outcome| outcome.is_ok() == good));
        assert_eq!((outcomes.len(), fixture.fetched()), (64, 1), "{status}");
    }
}

/// Requirements: D7.
#[tokio::test]
async fn junk_ids_on_a_host_do_not_starve_its_real_clients() {
    let cached = good("cache-control: max-age=60\r\n", r#"{"a":1}"#);
    let fixture = CacheFixture::new(cached.clone()).await;
    // One document was served before; the others are unknown.
    fixture.get(NOW).await.unwrap();
    fixture.host.now_answers(answers("404 Not Found", "", ""));
    let mut busy = 0;
    for n in 0..200 {
        match fixture.at(&format!("/junk/{n}"), ClientTrust::Stranger, after(60)).await.unwrap_err() {
            DocumentError::Busy { retry_after } => {
                assert_eq!(retry_after, Duration::from_secs(1));
                busy += 1;
            }
            other => assert_eq!(other.class(), Class::Gone),
        }
    }
    // Refused requests cost the host nothing.
    assert_eq!((busy, fixture.fetched()), (180, 21));
    fixture.host.now_answers(cached);
    assert!(fixture.get(after(60)).await.is_ok());
    assert!(fixture.at("/consented", ClientTrust::Consented, after(60)).await.is_ok());
    assert!(matches!(fixture.at("/new", ClientTrust::Stranger, after(60)).await, Err(DocumentError::Busy { .. })));
    assert_eq!(fixture.fetched(), 23);
    assert!(fixture.at("/new", ClientTrust::Stranger, after(61)).await.is_ok());
}

/// A made-up host is found not to exist so fast that any number of them can be asked for.
///
/// Requirements: D7.
#[tokio::test]
async fn junk_hosts_do_not_starve_new_clients() {
    let fixture = CacheFixture::new(good("cache-control: max-age=60\r\n", r#"{"a":1}"#)).await;
    for n in 0..1_000 {
        let junk = url(fixture.host.url(&format!("{n}.unknown.example"), PATH));
        let error = fixture.documents.get(&junk, Kind::ClientMetadata, ClientTrust::Stranger, NOW).await.unwrap_err();
        assert_eq!(error.class(), Class::NoHost, "{n}");
    }
    assert_eq!(fixture.get(NOW).await.unwrap(), json!({"a":1}));
    assert_eq!(fixture.fetched(), 1);
}

/// Each instant of the cache may be in the future after the clock was set back.
///
/// Requirements: D7.
#[tokio::test]
async fn after_a_step_back_of_the_clock_a_document_is_fetched_again() {
    let fixture = CacheFixture::new(good("cache-control: max-age=600\r\n", r#"{"a":1}"#)).await;
    fixture.get(after(100_000)).await.unwrap();
    fixture.host.now_answers(good("cache-control: max-age=600\r\n", r#"{"a":2}"#));
    assert_eq!(fixture.get(after(1_000)).await.unwrap(), json!({"a":2}), "a document of the future is old");
    // The pause after a failure ends with a step back, too.
    fixture.host.now_answers(answers("500 Oops", "", ""));
    assert_eq!(fixture.get(after(1_610)).await.unwrap(), json!({"a":2}), "stale, while its host fails");
    fixture.host.now_answers(good("", r#"{"a":3}"#));
    assert_eq!(fixture.get(after(1_611)).await.unwrap(), json!({"a":2}), "in the pause");
    assert_eq!(fixture.get(after(1_605)).await.unwrap(), json!({"a":3}));
}

/// Requirements: D7.
#[tokio::test]
async fn slow_fetches_of_strangers_delay_strangers_only() {
    let slow = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{}".to_vec();
    let host = Host::start(good("", r#"{"a":1}"#)).await;
    let mut policy: Policy = host.policy();
    // Long enough for any machine: the test decides when the answer comes.
    policy.timeouts.connect *= 30;
    policy.timeouts.total *= 30;
    let documents = Documents::new(outbound_by(policy, &StaticResolver::resolving_to(&["127.0.0.1"])), judge);
    let fixture = CacheFixture { host, documents };
    fixture.get(NOW).await.unwrap();
    fixture.host.now_answers(Answer::Behind(slow));
    let paths: Vec<_> = (0..8).map(|n| format!("/slow/{n}")).collect();
    let slow = join_all(paths.iter().map(|path| fixture.at(path, ClientTrust::Stranger, after(300))));
    let meanwhile = async {
        fixture.host.has_requests(9).await;
        let ninth = fixture.at("/slow/9", ClientTrust::Stranger, after(300)).await;
        assert!(matches!(ninth, Err(DocumentError::Busy { .. })));
        assert_eq!(ninth.unwrap_err().class(), Class::Unreachable);
        fixture.host.now_answers(good("", r#"{"a":2}"#));
        assert_eq!(fixture.get(after(300)).await.unwrap(), json!({"a":2}));
        assert!(fixture.at("/consented", ClientTrust::Consented, after(300)).await.is_ok());
        fixture.host.open();
    };
    let (outcomes, ()) = tokio::join!(slow, meanwhile);
    assert!(outcomes.iter().all(Result::is_ok));
    // A finished fetch frees its slot.
    assert!(fixture.at("/slow/9", ClientTrust::Stranger, after(300)).await.is_ok());
}

#[tokio::test]
async fn a_cached_document_serves_while_its_host_is_over_quota() {
    let fixture = CacheFixture::new(good("", r#"{"a":1}"#)).await;
    let paths: Vec<_> = (0..30).map(|n| format!("/{n}")).collect();
    for (n, path) in (0..).zip(&paths) {
        fixture.at(path, ClientTrust::Stranger, after(n)).await.unwrap();
    }
    let late = after(400);
    let outcomes = join_all(paths.iter().map(|path| fixture.at(path, ClientTrust::Stranger, late))).await;
    assert!(outcomes.iter().all(Result::is_ok));
    // Eight fetches at once, over all known documents.
    assert_eq!(fixture.fetched(), 30 + 8);
}
