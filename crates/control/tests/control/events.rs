//! The event log: sealed by digests, exported, subject to retention, and followed within the feed's horizon.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lychgate_api::channel::{AuthenticatedChannel, ClientAddress};
use lychgate_api::v1;
use lychgate_api::v1::admin_service_client::AdminServiceClient;
use lychgate_api::v1::authorization_service_client::AuthorizationServiceClient;
use lychgate_api::v1::token_service_client::TokenServiceClient;
use lychgate_api::v1::watch_response::Update;
use lychgate_control::config::AddressesConfig;
use lychgate_engine::{Cursor, Engine as _, EngineError, Space};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::time::timeout;
use tonic::Request;

use crate::support::{
    App, ControlPlane, Environment, Failure, Flow, ISSUER, ISSUER_URL, OPERATOR_TOKEN, Refused as _, TIMEOUT, code_in,
    contains, disable_request, enable_request, jws_part, location, wait_until,
};

const DAY: Duration = Duration::from_secs(86_400);

/// The lines of one export.
#[derive(Debug, Default)]
struct Exported {
    lines: Vec<String>,
    /// The cursor after each line.
    cursors: Vec<String>,
}

impl Exported {
    fn of_type(&self, of: &str) -> Vec<Value> {
        let lines = self.lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["type"] == of).collect()
    }

    fn kinds(&self) -> Vec<String> {
        self.of_type("event").iter().map(|event| event["kind"].as_str().unwrap().to_owned()).collect()
    }

    /// The payloads of the digests.
    fn digests(&self) -> Vec<Value> {
        self.of_type("digest").iter().map(|digest| jws_part(digest["jws"].as_str().unwrap(), 1)).collect()
    }
}

fn all() -> v1::ExportEventsRequest {
    v1::ExportEventsRequest { issuer_id: ISSUER.to_owned(), ..Default::default() }
}

async fn exported(control: &ControlPlane, request: v1::ExportEventsRequest) -> Result<Exported, Failure> {
    let mut admin: AdminServiceClient<AuthenticatedChannel> = control.operator_client();
    let mut stream = admin.export_events(request).await?.into_inner();
    let mut exported = Exported::default();
    while let Some(v1::ExportEventsResponse { line, cursor }) = stream.message().await? {
        exported.lines.push(line);
        exported.cursors.push(cursor);
    }
    Ok(exported)
}

async fn audit(control: &ControlPlane) -> Vec<v1::Event> {
    let request = v1::ListEventsRequest { issuer_id: ISSUER.to_owned(), page_size: 1000, ..Default::default() };
    control.operator().list_events(request).await.unwrap().events
}

async fn disable_and_enable(control: &ControlPlane, id: &str) {
    control.operator().disable_client(disable_request("app", &format!("{id}-1"))).await.unwrap();
    control.operator().enable_client(enable_request("app", &format!("{id}-2"))).await.unwrap();
}

/// The format of `docs/events.md`, line by line.
#[tokio::test(flavor = "multi_thread")]
async fn an_export_lists_every_event_in_order_and_a_digest_after_each_range() {
    let mut env = Environment::with_operator().await;
    env.add_other_issuer();
    let control = env.start().await;
    Flow::new(App::configured()).tokens(&control.edge(), &env.idp).await;
    Flow::at("other", App::configured()).tokens(&control.edge(), &env.idp).await;
    let first = exported(&control, all()).await.unwrap();
    assert_eq!(first.kinds(), ["consent.approved", "grant.issued"], "events of this issuer only");
    disable_and_enable(&control, "a").await;
    let second = exported(&control, all()).await.unwrap();
    assert_eq!(second.lines[..first.lines.len()], first.lines, "a sealed range never changes");
    env.advance(Duration::from_secs(100));
    let again = exported(&control, all()).await.unwrap();
    let (same, news) = again.lines.split_at(second.lines.len());
    assert_eq!((same, news.len()), (&second.lines[..], 1));
    let quiet = again.digests().pop().unwrap();
    let time: prost_types::Timestamp = quiet["time"].as_str().unwrap().parse().unwrap();
    assert_eq!(time.seconds as u64, env.now().seconds(), "the export proves that nothing happened until now");
    assert_eq!((&quiet["count"], &quiet["first"]), (&0.into(), &Value::Null));

    let ids: Vec<_> =
        second.of_type("event").iter().map(|event| event["event_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids, audit(&control).await.into_iter().map(|event| event.event_id).collect::<Vec<_>>());
    let mut previous = None;
    let (mut rest, mut number) = (&second.lines[..], 1);
    for says in second.digests() {
        let (range, digest) = rest[..3].split_at(2);
        let hash = range.iter().fold(Sha256::new(), |hash, line| hash.chain_update(line).chain_update("\n"));
        assert_eq!(says["hash"].as_str().unwrap(), URL_SAFE_NO_PAD.encode(hash.finalize()));
        assert_eq!((&says["iss"], &says["number"], &says["count"]), (&ISSUER_URL.into(), &number.into(), &2.into()));
        assert_eq!((&says["kept_from"], &says["next_key"]), (&1.into(), &Value::Null));
        assert_eq!(
            [says["first"].as_str(), says["last"].as_str()],
            [Some(&*ids[2 * number - 2]), Some(&*ids[2 * number - 1])]
        );
        assert_eq!(says["previous"].as_str().map(str::to_owned), previous);
        let jws: Value = serde_json::from_str(&digest[0]).unwrap();
        previous = Some(URL_SAFE_NO_PAD.encode(Sha256::digest(jws["jws"].as_str().unwrap())));
        (rest, number) = (&rest[3..], number + 1);
    }
    assert!(rest.is_empty() && number == 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_resumes_after_any_line() {
    let env = Environment::with_operator().await;
    let control = env.start().await;
    for id in ["a", "b", "c"] {
        disable_and_enable(&control, id).await;
        exported(&control, all()).await.unwrap();
    }
    let whole = exported(&control, all()).await.unwrap();
    assert_eq!(whole.lines.len(), 10, "three ranges, and the digest of now");
    for (n, cursor) in whole.cursors.iter().enumerate() {
        let rest = exported(&control, v1::ExportEventsRequest { cursor: cursor.clone(), ..all() }).await.unwrap();
        assert_eq!(rest.lines, whole.lines[n + 1..]);
    }
    for cursor in ["yesterday", "AAAAAAAAAAA", "AAAAAAAAAAEA"] {
        let request = v1::ExportEventsRequest { cursor: cursor.to_owned(), ..all() };
        assert_eq!(exported(&control, request).await.reason(), "REQUEST_MALFORMED", "{cursor}");
    }
}

/// The fewest whole ranges that cover the requested time.
#[tokio::test(flavor = "multi_thread")]
async fn an_export_of_a_time_span_consists_of_whole_ranges() {
    let env = Environment::with_operator().await;
    let control = env.start().await;
    let mut times = Vec::new();
    for id in ["a", "b", "c"] {
        let now = env.now();
        times.push(prost_types::Timestamp {
            seconds: now.seconds() as i64,
            nanos: (now.millis() % 1000) as i32 * 1_000_000,
        });
        disable_and_enable(&control, id).await;
        exported(&control, all()).await.unwrap();
        env.advance(Duration::from_secs(100));
    }
    let numbers = async |start_time, end_time| {
        let found = exported(&control, v1::ExportEventsRequest { start_time, end_time, ..all() }).await.unwrap();
        found.digests().iter().map(|says| says["number"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(numbers(Some(times[1]), None).await, [2, 3, 4]);
    assert_eq!(
        numbers(Some(prost_types::Timestamp { nanos: times[1].nanos + 1_000_000, ..times[1] }), None).await,
        [3, 4, 5]
    );
    assert_eq!(numbers(None, Some(times[1])).await, [1, 2]);
    assert_eq!(numbers(Some(times[1]), Some(times[1])).await, [2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn pending_events_are_sealed_once_by_any_number_of_nodes() {
    let mut env = Environment::with_operator().await;
    env.config.events.digest_seconds = 3600;
    let controls = [env.start().await, env.start().await, env.start().await];
    for id in ["a", "b"] {
        disable_and_enable(&controls[0], id).await;
    }
    env.advance(Duration::from_secs(3540));
    disable_and_enable(&controls[1], "c").await;
    assert!(env.entries(Space::Digests).await.is_empty(), "no digest before its time");
    env.advance(Duration::from_secs(60));
    wait_until("there is a digest", async || !env.entries(Space::Digests).await.is_empty()).await;
    // One minute in which nothing is due.
    env.advance(Duration::from_secs(61));
    disable_and_enable(&controls[2], "d").await;
    env.advance(Duration::from_secs(3600));
    wait_until("there is another digest", async || env.entries(Space::Digests).await.len() > 1).await;
    let found = exported(&controls[1], all()).await.unwrap();
    let counts: Vec<_> = found.digests().iter().map(|says| says["count"].as_u64().unwrap()).collect();
    assert_eq!(counts, [6, 2, 0], "the last one is of the export");
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_events_are_deleted_and_a_digest_says_so() {
    let mut env = Environment::with_operator().await;
    env.config.events.keep_seconds = 30 * DAY.as_secs();
    let quiet = env.issuer_at("other", "http://127.0.0.1:7440/t");
    env.config.issuers.push(quiet);
    let control = env.start().await;
    disable_and_enable(&control, "a").await;
    exported(&control, all()).await.unwrap();
    env.advance(20 * DAY);
    disable_and_enable(&control, "b").await;
    let before = exported(&control, all()).await.unwrap();
    // Events of an issuer that is no longer configured when they expire.
    Flow::at("other", App::configured()).tokens(&control.edge(), &env.idp).await;
    assert_eq!((before.kinds().len(), env.kept_events().await), (4, 6));
    env.config.issuers.pop();
    control.stop().await;
    let control = env.start().await;

    // No event is deleted before its time, and not by another process either.
    env.advance(10 * DAY - Duration::from_secs(1));
    env.advance(Duration::from_secs(1));
    assert_eq!(audit(&control).await.len(), 4);
    env.advance(DAY);
    wait_until("two are deleted", async || audit(&control).await.len() == 2).await;
    let after = exported(&control, all()).await.unwrap();
    assert_eq!(after.of_type("event"), before.of_type("event")[2..], "younger events are unchanged");
    let says = after.digests();
    let kept_from: Vec<_> = says.iter().map(|says| says["kept_from"].as_u64().unwrap()).collect();
    let counts: Vec<_> = says.iter().map(|says| says["count"].as_u64().unwrap()).collect();
    assert_eq!((kept_from, counts), (vec![1, 1, 2, 2], vec![2, 2, 0, 0]));
    assert_eq!(after.digests()[..2], before.digests(), "digests stay");
    assert_eq!(env.kept_events().await, 4, "events of the other issuer are as young");

    // Nothing is deleted and no digest written until more events expire.
    env.advance(Duration::from_secs(3600));
    disable_and_enable(&control, "c").await;
    assert_eq!(exported(&control, all()).await.unwrap().digests().len(), 5);
    env.advance(20 * DAY);
    wait_until("all but the youngest are deleted", async || env.kept_events().await == 2).await;
    control.kill();
    let control = env.start().await;
    let last = exported(&control, all()).await.unwrap();
    assert_eq!(last.digests().last().unwrap()["kept_from"], 3);
    assert_eq!(last.of_type("event").len(), 2);
}

/// Each export of a quiet issuer makes an empty range. The deletion of events behind many of them is announced all the same.
#[tokio::test(flavor = "multi_thread")]
async fn events_behind_many_empty_ranges_are_deleted_after_a_digest_says_so() {
    let mut env = Environment::with_operator().await;
    env.config.events.keep_seconds = 30 * DAY.as_secs();
    let control = env.start().await;
    disable_and_enable(&control, "a").await;
    for _ in 0..260 {
        exported(&control, v1::ExportEventsRequest { start_time: Some(far_future()), ..all() }).await.unwrap();
    }
    env.advance(20 * DAY);
    disable_and_enable(&control, "b").await;
    let before = exported(&control, all()).await.unwrap();
    assert_eq!(before.digests().len(), 261);
    env.advance(12 * DAY);
    wait_until("the first two are deleted", async || env.kept_events().await == 2).await;
    env.advance(20 * DAY);
    wait_until("the others are deleted", async || env.kept_events().await == 0).await;
    let after = exported(&control, all()).await.unwrap();
    assert_eq!(after.digests().pop().unwrap()["kept_from"], 262);
}

/// The range of an export from then on is the newest one.
fn far_future() -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: 253_402_300_799, nanos: 0 }
}

/// A part of a range would match no digest.
#[tokio::test(flavor = "multi_thread")]
async fn a_range_is_deleted_whole() {
    let mut env = Environment::with_operator().await;
    env.add_other_issuer();
    let control = env.start().await;
    Flow::at("other", App::configured()).tokens(&control.edge(), &env.idp).await;
    disable_and_enable(&control, "a").await;
    env.advance(2 * DAY);
    disable_and_enable(&control, "b").await;
    let whole = exported(&control, all()).await.unwrap();
    assert_eq!((whole.kinds().len(), whole.digests().len()), (4, 1));
    // Half of the range has expired, and all events of the other issuer.
    env.advance(399 * DAY);
    wait_until("the events of the other issuer are deleted", async || env.kept_events().await < 6).await;
    assert_eq!(env.kept_events().await, 4);
    assert_eq!(exported(&control, all()).await.unwrap().lines[..whole.lines.len()], whole.lines);
    env.advance(2 * DAY);
    wait_until("the range is deleted", async || env.kept_events().await == 0).await;
}

/// No digest chain protects events of an issuer that is no longer configured; only their age does.
#[tokio::test(flavor = "multi_thread")]
async fn younger_events_of_a_removed_issuer_stay() {
    let mut env = Environment::with_operator().await;
    env.add_other_issuer();
    let control = env.start().await;
    disable_and_enable(&control, "a").await;
    env.advance(399 * DAY);
    Flow::at("other", App::configured()).tokens(&control.edge(), &env.idp).await;
    control.stop().await;
    env.config.issuers.pop();
    // The remaining issuer has no younger events.
    let control = env.start().await;
    env.advance(Duration::from_secs(3600));
    wait_until("the old ones are sealed", async || !env.entries(Space::Digests).await.is_empty()).await;
    env.advance(2 * DAY);
    wait_until("the old ones are deleted", async || audit(&control).await.is_empty()).await;
    assert_eq!(env.kept_events().await, 2);
    env.advance(400 * DAY);
    wait_until("these are deleted in their time", async || env.kept_events().await == 0).await;
}

/// The feed reaches back less far than the audit log.
#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_away_beyond_the_feed_horizon_starts_anew() {
    let env = Environment::with_operator().await;
    let control = env.start().await;
    let first = watched(&control, "").await.unwrap();
    disable_and_enable(&control, "a").await;
    let old = watched(&control, "").await.unwrap();
    assert_eq!(old.0.len(), 2);
    env.advance(7 * DAY);
    disable_and_enable(&control, "b").await;
    // Exactly a week is not too long.
    assert_eq!(watched(&control, &first.1).await.unwrap().0.len(), 4);
    env.advance(Duration::from_millis(1));
    let lost = watched(&control, &first.1).await.unwrap_err();
    assert_eq!(lost.reason, "CURSOR_LOST");
    assert_eq!(audit(&control).await.len(), 4, "the audit log still has them");
    let news = watched(&control, &lost.metadata["oldest_cursor"]).await.unwrap().0;
    assert_eq!(news, watched(&control, "").await.unwrap().0, "a new watcher starts there");
    assert_eq!(news, watched(&control, &old.1).await.unwrap().0, "a watcher that has seen the old ones continues");
    assert_eq!(news.len(), 2);
    // Digests shorten the search and change no answer.
    exported(&control, all()).await.unwrap();
    env.advance(3 * DAY);
    disable_and_enable(&control, "c").await;
    assert_eq!(watched(&control, "").await.unwrap().0.len(), 4);
    env.advance(8 * DAY);
    assert_eq!(watched(&control, "").await.unwrap().0.len(), 0, "a quiet week");
    assert_eq!(watched(&control, &old.1).await.unwrap_err().reason, "CURSOR_LOST");
}

/// The event ids up to the first checkpoint, and the cursor there.
async fn watched(control: &ControlPlane, cursor: &str) -> Result<(Vec<String>, String), Failure> {
    let request = v1::WatchRequest { issuer_id: ISSUER.to_owned(), cursor: cursor.to_owned() };
    let mut stream = control.caller(OPERATOR_TOKEN).watch(request).await?;
    let mut ids = Vec::new();
    loop {
        let message = timeout(TIMEOUT, stream.message())
            .await
            .expect("the feed sends checkpoints")?
            .expect("the stream continues");
        match message.update {
            Some(Update::Change(change)) => ids.push(change.event_id),
            Some(Update::Checkpoint(_)) | None => return Ok((ids, message.cursor)),
        }
    }
}

/// A successor of the signing key is named in a digest before it signs one.
#[tokio::test(flavor = "multi_thread")]
async fn a_digest_announces_the_next_signing_key() {
    let env = Environment::with_operator().await;
    let control = env.start().await;
    disable_and_enable(&control, "a").await;
    exported(&control, all()).await.unwrap();
    let rotation = v1::RotateKeysRequest {
        issuer_id: ISSUER.to_owned(),
        keys: Some(v1::rotate_keys_request::Keys::Purpose(v1::KeyPurpose::Events.into())),
        request_id: "the-request-of-the-key".to_owned(),
        compromised: false,
    };
    let successor = control.caller(OPERATOR_TOKEN).rotate_keys(rotation).await.unwrap().remove(0).key_id;
    env.advance(Duration::from_secs(61));
    wait_until("the successor is announced", async || env.entries(Space::Digests).await.len() == 2).await;
    env.advance(Duration::from_secs(3600 + 61));
    disable_and_enable(&control, "b").await;
    let found = exported(&control, all()).await.unwrap();
    let signers: Vec<_> = found
        .of_type("digest")
        .iter()
        .map(|digest| {
            let header = jws_part(digest["jws"].as_str().unwrap(), 0);
            assert_eq!((&header["alg"], &header["typ"]), (&"ES256".into(), &"lychgate-digest+jws".into()));
            header["kid"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(signers[0], signers[1]);
    assert_eq!(signers[2], successor);
    let announced = found.digests()[1]["next_key"].clone();
    assert_eq!(announced["kid"], successor.as_str());
    let listed = control.caller(OPERATOR_TOKEN).list_keys(ISSUER).await.unwrap();
    let listed = listed.into_iter().find(|key| key.key_id == successor).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&listed.public_key).unwrap(), announced);
    // The issuer's key set does not publish it.
    let published = control.edge().describe(ISSUER).await.unwrap().keys;
    assert!(published.iter().all(|key| !signers.contains(&key.kid)));
}

/// Unauthenticated and denied requests write no events: the log records people and operators.
#[tokio::test(flavor = "multi_thread")]
async fn requests_of_strangers_write_no_events() {
    let env = Environment::new().await;
    let control = env.start().await;
    let edge = control.edge();
    let client = edge.register(App::registration("none")).await.unwrap();
    edge.update(App::update(&client, "none")).await.unwrap();
    let mut flow = Flow::new(App::new(&client.client_id, "http://127.0.0.1:7777/cb"));
    let page = flow.consent_page(&edge).await;
    edge.decide(flow.decide(&page, v1::Decision::Deny)).await.unwrap();
    let mut cancelled = Flow::new(App::configured());
    let mut callback = cancelled.sign_in(&edge, &env.idp).await;
    callback.parameters.retain(|parameter| parameter.name == "state");
    callback.parameters.push(v1::Parameter { name: "error".to_owned(), value: "access_denied".to_owned() });
    // An error needs no `iss`.
    let cancelled = edge.finish_login(callback).await.unwrap();
    assert!(location(&cancelled).contains("error=access_denied"), "{cancelled:?}");
    edge.exchange(flow.redeem("lgc_nonsense")).await.unwrap_err();
    edge.exchange(flow.refresh("lgr_nonsense")).await.unwrap_err();
    edge.revoke(flow.revoke("nonsense")).await.unwrap();
    let delete = v1::DeleteRequest {
        issuer_id: ISSUER.to_owned(),
        client_id: client.client_id.clone(),
        registration_access_token: client.registration_access_token().to_owned(),
    };
    edge.delete(delete).await.unwrap();
    assert_eq!(env.kept_events().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_configuration_is_an_event() {
    let mut env = Environment::with_operator().await;
    env.start().await.stop().await;
    let control = env.start().await;
    assert!(audit(&control).await.is_empty(), "neither the first start nor a restart is a change");
    control.stop().await;
    let principals = env.config.principals.len();
    env.issuer().lifetimes.code_seconds = 30;
    env.start().await.stop().await;
    env.config.principals.truncate(principals - 1);
    let control = env.start().await;
    let events = audit(&control).await;
    let kinds: Vec<_> = events.iter().map(|event| (event.kind.as_str(), event.principal.as_str())).collect();
    assert_eq!(kinds, [("configuration.changed", "control"); 2]);
    let lines = exported(&control, all()).await.unwrap().of_type("event");
    let digests: BTreeSet<_> = lines.iter().map(|line| line["configuration"].as_str().unwrap()).collect();
    assert_eq!(digests.len(), 2);
}

/// Addresses are truncated before they are stored, and accepted only from an edge.
#[tokio::test(flavor = "multi_thread")]
async fn addresses_are_stored_as_the_issuer_configures() {
    for (addresses, of_person, of_operator) in [
        (AddressesConfig::None, "", ""),
        (AddressesConfig::Prefix, "203.0.113.0/24", "127.0.0.0/24"),
        (AddressesConfig::Full, "203.0.113.77", "127.0.0.1"),
    ] {
        let mut env = Environment::with_operator().await;
        env.issuer().events.addresses = addresses;
        let control = env.start().await;
        let edge = control.edge();
        let mut flow = Flow::new(App::configured());
        let callback = flow.sign_in(&edge, &env.idp).await;
        let mut authorization = AuthorizationServiceClient::new(edge.channel.clone());
        let next = authorization.finish_login(from("203.0.113.77", callback)).await.unwrap().into_inner().next.unwrap();
        flow.browser.keep(&next);
        let code = code_in(&next);
        TokenServiceClient::new(edge.channel.clone()).exchange(from("203.0.113.77", flow.redeem(&code))).await.unwrap();
        // An operator's claim of a client address is ignored.
        let mut admin = control.operator_client();
        admin.disable_client(from("198.51.100.1", disable_request("app", "1"))).await.unwrap();
        let events = audit(&control).await;
        let kept: Vec<_> = events.iter().map(|event| event.address.as_str()).collect();
        assert_eq!(kept, [of_person, of_person, of_operator], "{addresses:?}");
        assert_eq!(events[0].how, "page");
        for line in exported(&control, all()).await.unwrap().of_type("event") {
            assert_eq!(line["address"].is_null(), of_person.is_empty());
        }
        let on_disk = env.events().await.concat();
        assert_eq!(contains(&on_disk, b"203.0.113.77"), addresses == AddressesConfig::Full);
    }
}

fn from<M>(address: &str, message: M) -> Request<M> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(ClientAddress(address.parse().unwrap()));
    request
}

impl ControlPlane {
    fn operator_client(&self) -> AdminServiceClient<AuthenticatedChannel> {
        AdminServiceClient::new(self.operator().channel)
    }
}

impl Environment {
    /// Number of stored events of all issuers.
    async fn kept_events(&self) -> usize {
        let incarnation = self.engine.read(&[], self.now()).await.unwrap().revision.incarnation;
        let first = Cursor { incarnation, position: 0 };
        let from = match self.engine.events(first, Duration::ZERO, 0).await {
            Ok(page) => page.next,
            Err(EngineError::CursorLost { oldest }) => oldest,
            Err(error) => panic!("{error}"),
        };
        self.engine.events(from, Duration::ZERO, 10_000).await.unwrap().events.len()
    }
}
