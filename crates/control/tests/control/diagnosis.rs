//! `AdminService.Diagnose`, and checkups: a pass for an operator, an answer of an edge, and the same operator who opens it.

use std::time::Duration;

use lychgate_api::v1;
use lychgate_control::config::{Role, UpstreamConfig};
use lychgate_engine::Durability;

use crate::support::{
    Authority, ControlPlane, EDGE_TOKEN, Environment, ISSUER, ISSUER_URL, OPERATOR_TOKEN, Operator, Refused as _,
    TlsSetup, principal, request_id, wait_until,
};

async fn diagnose(operator: &Operator) -> v1::DiagnoseResponse {
    operator.diagnose(v1::DiagnoseRequest {}).await.unwrap()
}

/// The only issuer of a diagnosis.
async fn issuer(control: &ControlPlane) -> v1::IssuerState {
    let mut diagnosis = diagnose(&control.operator()).await;
    assert_eq!(diagnosis.issuers.len(), 1);
    diagnosis.issuers.remove(0)
}

/// The pass in the address of a checkup.
async fn pass(control: &ControlPlane) -> String {
    let url = issuer(control).await.checkup_url;
    let (address, pass) = url.split_once("?pass=").unwrap();
    assert_eq!(address, format!("{ISSUER_URL}/.well-known/lychgate-checkup"));
    pass.to_owned()
}

fn observation() -> v1::CheckupObservation {
    v1::CheckupObservation {
        host: "gate.example".to_owned(),
        forwarded: Some("192.0.2.7".to_owned()),
        edge_version: "1".to_owned(),
        ..Default::default()
    }
}

fn checkup(pass: &str, cookies: Vec<v1::Cookie>) -> v1::CheckupRequest {
    let (issuer_id, pass) = (ISSUER.to_owned(), pass.to_owned());
    v1::CheckupRequest { issuer_id, pass, cookies, observation: Some(observation()) }
}

fn read(pass: &str, answer: &str) -> v1::ReadCheckupRequest {
    let (issuer_id, pass, answer) = (ISSUER.to_owned(), pass.to_owned(), answer.to_owned());
    v1::ReadCheckupRequest { issuer_id, pass, answer }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_diagnosis_says_how_the_store_is_now() {
    let env = Environment::with_operator().await;
    let control = env.start().await;
    let operator = control.operator();
    let counts = env.record_counts().await;
    let diagnosis = diagnose(&operator).await;
    let store = diagnosis.store.unwrap();
    assert_eq!((store.durability(), store.required_durability()), (v1::Durability::Process, v1::Durability::Process));
    assert_eq!((store.engine.as_str(), store.problem.as_str(), store.clock_difference), ("memory", "", None));
    assert_eq!((store.record_level, store.raised_from_level), (Some(store.newest_record_level), None));
    assert_eq!(diagnosis.time.unwrap().seconds, i64::try_from(env.now().seconds()).unwrap());
    assert_eq!(diagnosis.version, env!("CARGO_PKG_VERSION"));
    assert!(diagnosis.certificates.is_empty());

    env.engine.set_durability(Some(Durability::Replicated));
    env.engine.set_clock_difference(Some(Duration::from_millis(1500)));
    env.engine.set_free_bytes(Some(7));
    let store = diagnose(&operator).await.store.unwrap();
    assert_eq!((store.durability(), store.free_bytes), (v1::Durability::Replicated, Some(7)));
    assert_eq!(store.clock_difference, Some(prost_types::Duration { seconds: 1, nanos: 500_000_000 }));
    assert_eq!(store.reserve_bytes, 256 * 1024 * 1024);

    env.engine.set_ready_fails(true);
    let store = diagnose(&operator).await.store.unwrap();
    assert_eq!(store.durability(), v1::Durability::Unspecified);
    assert!(!store.problem.is_empty() && store.record_level.is_some(), "{store:?}");
    assert_eq!(env.record_counts().await, counts, "nothing is written");
}

/// A store that cannot be read is part of the reply.
#[tokio::test(flavor = "multi_thread")]
async fn a_diagnosis_without_a_store_says_so() {
    let env = Environment::with_operator().await;
    let control = env.start().await;
    env.engine.set_reads_fail(true);
    let mut diagnosis = diagnose(&control.operator()).await;
    let (store, issuer) = (diagnosis.store.unwrap(), diagnosis.issuers.remove(0));
    assert_eq!(store.record_level, None);
    assert!(!store.problem.is_empty(), "{store:?}");
    assert_eq!((issuer.keys.len(), issuer.latest_configuration_sha256.as_str()), (0, ""));
    assert_eq!(issuer.configuration_sha256.len(), 64);
    assert!(!issuer.checkup_url.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_diagnosis_has_each_issuers_keys_and_configuration() {
    let mut env = Environment::with_operator().await;
    let old = env.start().await;
    let state = issuer(&old).await;
    assert_eq!((state.issuer_id.as_str(), state.issuer.as_str()), (ISSUER, ISSUER_URL));
    assert_eq!(state.configuration_sha256, state.latest_configuration_sha256);
    assert_eq!((state.upstream, state.keys.len()), (None, 10));
    let now = i64::try_from(env.now().seconds()).unwrap();
    for key in &state.keys {
        assert_eq!(key.active_time.unwrap().seconds, now, "{key:?}");
        assert_eq!(key.replace_time.unwrap().seconds, now + 90 * 86_400 + 3600, "{key:?}");
    }
    let rotate = v1::RotateKeysRequest {
        issuer_id: ISSUER.to_owned(),
        keys: Some(v1::rotate_keys_request::Keys::Purpose(v1::KeyPurpose::Signing.into())),
        request_id: request_id("rotation"),
        compromised: false,
    };
    let announced = old.caller(OPERATOR_TOKEN).rotate_keys(rotate).await.unwrap();
    let signing = issuer(&old).await.keys.into_iter().find(|key| key.purpose() == v1::KeyPurpose::Signing).unwrap();
    assert_eq!(signing.replace_time, announced[0].active_time);

    env.issuer().name = "Another name".to_owned();
    let new = env.start().await;
    let (before, after) = (issuer(&old).await, issuer(&new).await);
    assert_eq!(before.configuration_sha256, state.configuration_sha256);
    assert_ne!(after.configuration_sha256, state.configuration_sha256);
    assert_eq!(
        [before.latest_configuration_sha256, after.latest_configuration_sha256.clone()],
        [after.configuration_sha256.clone(), after.configuration_sha256]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_diagnosis_has_the_latest_check_of_each_identity_provider() {
    for is_right in [true, false] {
        let mut env = Environment::with_operator().await;
        if let (UpstreamConfig::Oidc(oidc), false) = (&mut env.issuer().upstream, is_right) {
            oidc.issuer.push_str("/nowhere");
        }
        let file = env.file("control.toml", b"");
        let (config, engine, clock) = (env.config.clone(), env.engine.open(), env.clock.clone());
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let control = ControlPlane::start_from(Some(file), &mut runtime, config, engine, clock).await.unwrap();
        wait_until("the provider was checked", async || issuer(&control).await.upstream.is_some()).await;
        let check = issuer(&control).await.upstream.unwrap();
        assert_eq!(check.time.unwrap().seconds, i64::try_from(env.now().seconds()).unwrap());
        assert_eq!(check.problem.is_empty(), is_right, "{check:?}");
        assert_eq!(check.key, if is_right { "" } else { "issuers[0].upstream.issuer" });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_diagnosis_has_the_end_of_each_file_of_certificates() {
    let mut env = Environment::with_operator().await;
    let authority = Authority::new();
    let tls = TlsSetup::new(&mut env, &authority, &authority);
    let control = env.start().await;
    let operator = Operator::new(tls.caller(&control, Some(OPERATOR_TOKEN), None));
    let certificates = diagnose(&operator).await.certificates;
    let keys: Vec<_> = certificates.iter().map(|certificate| certificate.key.as_str()).collect();
    assert_eq!(keys, ["tls.cert_file", "tls.client_ca_file"]);
    let now = i64::try_from(env.now().seconds()).unwrap();
    assert!(certificates.iter().all(|certificate| certificate.expire_time.unwrap().seconds > now));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_of_one_issuer_learns_of_no_other() {
    let mut env = Environment::with_operator().await;
    env.add_other_issuer();
    let mut restricted = principal("restricted", Role::Operator, "token-of-the-restricted");
    restricted.issuers = Some(vec!["other".to_owned()]);
    env.config.principals.push(restricted);
    let control = env.start().await;
    let ids = |diagnosis: v1::DiagnoseResponse| {
        diagnosis.issuers.into_iter().map(|issuer| issuer.issuer_id).collect::<Vec<_>>()
    };
    assert_eq!(ids(diagnose(&control.operator()).await), [ISSUER, "other"]);
    let operator = Operator::new(control.caller("token-of-the-restricted"));
    assert_eq!(ids(diagnose(&operator).await), ["other"]);
    assert_eq!(operator.read_checkup(read("x", "x")).await.reason(), "ISSUER_UNKNOWN");
}

/// Any node issues, answers and opens, and the cookie of one answer is recognised in the next request.
#[tokio::test(flavor = "multi_thread")]
async fn a_checkup_is_answered_sealed_and_opened_again() {
    let env = Environment::with_operator().await;
    let (one, two) = (env.start().await, env.start().await);
    let counts = env.record_counts().await;
    let pass = pass(&one).await;
    let first = two.edge().checkup(checkup(&pass, vec![])).await.unwrap();
    assert!(!first.answer.contains("gate.example"));
    let opened = one.operator().read_checkup(read(&pass, &first.answer)).await.unwrap();
    assert_eq!(opened, observation());
    let [cookie] = &first.set_cookies[..] else { panic!("one cookie: {first:?}") };
    assert!(cookie.name.starts_with("__Host-lychgate-checkup-") && cookie.max_age_seconds == Some(300), "{cookie:?}");
    let cookies = vec![v1::Cookie { name: cookie.name.clone(), value: cookie.value.clone() }];
    let second = one.edge().checkup(checkup(&pass, cookies)).await.unwrap();
    let opened = two.operator().read_checkup(read(&pass, &second.answer)).await.unwrap();
    assert_eq!(opened, v1::CheckupObservation { cookie_returned: true, ..observation() });
    assert_eq!(env.record_counts().await, counts, "nothing is written");
}

/// An edge cannot say that the cookie came back.
#[tokio::test(flavor = "multi_thread")]
async fn the_control_plane_alone_says_that_a_cookie_came_back() {
    let env = Environment::with_operator().await;
    let control = env.start().await;
    let pass = pass(&control).await;
    let claimed = Some(v1::CheckupObservation { cookie_returned: true, ..observation() });
    let request = v1::CheckupRequest { observation: claimed, ..checkup(&pass, vec![]) };
    let answer = control.edge().checkup(request).await.unwrap().answer;
    let opened = control.operator().read_checkup(read(&pass, &answer)).await.unwrap();
    assert!(!opened.cookie_returned);
}

/// The valid checkup with one thing changed.
#[tokio::test(flavor = "multi_thread")]
async fn a_checkup_without_a_good_pass_is_unknown() {
    const UNKNOWN: &str = "RECORD_UNKNOWN";
    let env = Environment::with_operator().await;
    let control = env.start().await;
    let (edge, operator) = (control.edge(), control.operator());
    let pass = pass(&control).await;
    let answer = edge.checkup(checkup(&pass, vec![])).await.unwrap().answer;
    operator.read_checkup(read(&pass, &answer)).await.unwrap();
    let another = issuer(&control).await.checkup_url.split_once("?pass=").unwrap().1.to_owned();
    assert_eq!(edge.checkup(checkup("", vec![])).await.reason(), UNKNOWN);
    assert_eq!(edge.checkup(checkup(&pass.to_lowercase(), vec![])).await.reason(), UNKNOWN);
    assert_eq!(operator.read_checkup(read(&another, &answer)).await.reason(), UNKNOWN, "of another pass");
    assert_eq!(operator.read_checkup(read(&pass, "a shop")).await.reason(), UNKNOWN);

    // Another deployment with the same configuration has other keys.
    let elsewhere = Environment::with_operator().await;
    let stranger = elsewhere.start().await;
    assert_eq!(stranger.edge().checkup(checkup(&pass, vec![])).await.reason(), UNKNOWN);
    let foreign = self::pass(&stranger).await;
    let foreign = stranger.edge().checkup(checkup(&foreign, vec![])).await.unwrap().answer;
    assert_eq!(operator.read_checkup(read(&pass, &foreign)).await.reason(), UNKNOWN);

    env.advance(Duration::from_secs(300));
    edge.checkup(checkup(&pass, vec![])).await.unwrap();
    env.advance(Duration::from_millis(1));
    assert_eq!(edge.checkup(checkup(&pass, vec![])).await.reason(), UNKNOWN);
    assert_eq!(operator.read_checkup(read(&pass, &answer)).await.reason(), UNKNOWN);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_comes_from_operators_and_an_answer_from_edges() {
    const DENIED: &str = "PERMISSION_DENIED";
    let env = Environment::with_operator().await;
    let control = env.start().await;
    let pass = pass(&control).await;
    let as_operator = Operator::new(control.caller(EDGE_TOKEN));
    assert_eq!(as_operator.diagnose(v1::DiagnoseRequest {}).await.reason(), DENIED);
    assert_eq!(as_operator.read_checkup(read(&pass, "x")).await.reason(), DENIED);
    let operator = control.caller(OPERATOR_TOKEN);
    assert_eq!(operator.checkup(checkup(&pass, vec![])).await.reason(), DENIED);
}
