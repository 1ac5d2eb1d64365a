//! Key rotation by an operator: `ListKeys` and `RotateKeys`.

use std::collections::HashSet;
use std::time::Duration;

use lychgate_api::{KEY_SET_MAX_AGE, v1};
use lychgate_control::config::Role;
use lychgate_engine::Space;
use prost::Message as _;

use crate::signing_algorithms::ALGORITHMS;
use crate::support::{
    ApiClient, App, ControlPlane, Environment, Flow, ISSUER, OPERATOR_TOKEN, Refused as _, Verifier, code_in,
    principal, published_kids, signing_kid,
};

/// The shortest announcement that the configuration permits.
const ANNOUNCEMENT: Duration = Duration::from_secs(600);
/// The longest time until a node reads the keyring again.
const LOOK: Duration = Duration::from_secs(30);

async fn environment() -> Environment {
    let mut env = Environment::with_operator().await;
    env.config.keys.announcement_seconds = ANNOUNCEMENT.as_secs();
    env
}

fn operator(control: &ControlPlane) -> ApiClient {
    control.caller(OPERATOR_TOKEN)
}

fn request(purpose: v1::KeyPurpose, request_id: &str) -> v1::RotateKeysRequest {
    v1::RotateKeysRequest {
        issuer_id: ISSUER.to_owned(),
        request_id: format!("the-request-called-{request_id}"),
        keys: Some(v1::rotate_keys_request::Keys::Purpose(purpose.into())),
        compromised: false,
    }
}

fn all(request_id: &str) -> v1::RotateKeysRequest {
    let keys = Some(v1::rotate_keys_request::Keys::All(v1::AllPurposes {}));
    v1::RotateKeysRequest { keys, ..request(v1::KeyPurpose::Signing, request_id) }
}

fn compromised(purpose: v1::KeyPurpose, request_id: &str) -> v1::RotateKeysRequest {
    v1::RotateKeysRequest { compromised: true, ..request(purpose, request_id) }
}

fn seconds(time: Option<prost_types::Timestamp>) -> u64 {
    time.unwrap().seconds.try_into().unwrap()
}

/// The fields of `lychgate.record.v1.Event` that these tests read.
#[derive(Clone, PartialEq, prost::Message)]
struct Event {
    #[prost(string, tag = "4")]
    subject: String,
    #[prost(string, tag = "8")]
    principal: String,
    #[prost(message, optional, tag = "16")]
    keys_rotated: Option<KeysRotated>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct KeysRotated {
    #[prost(message, repeated, tag = "1")]
    keys: Vec<RotatedKey>,
    #[prost(bool, tag = "2")]
    compromised: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RotatedKey {
    #[prost(string, tag = "1")]
    purpose: String,
    #[prost(fixed32, tag = "2")]
    key_id: u32,
}

/// Principal, keys and `compromised` of every key event.
async fn events(env: &Environment) -> Vec<(String, Vec<String>, bool)> {
    let events = env.events().await.into_iter().map(|bytes| Event::decode(&*bytes).unwrap());
    let rotations = events.filter_map(|event| {
        let rotated = event.keys_rotated?;
        assert_eq!(event.subject, "");
        let key = |key: RotatedKey| format!("{} {:08x}", key.purpose, key.key_id);
        Some((event.principal, rotated.keys.into_iter().map(key).collect(), rotated.compromised))
    });
    rotations.collect()
}

/// With every algorithm, the shortest announcement, two nodes, and a verifier that fetches keys as seldom as it is
/// allowed to: no live token is ever refused.
///
/// Requirements: R44.
#[tokio::test(flavor = "multi_thread")]
async fn a_manual_rotation_refuses_no_live_token() {
    for algorithm in ALGORITHMS {
        let mut env = environment().await;
        env.issuer().access_tokens.algorithm = algorithm;
        let (one, two) = (env.start().await, env.start().await);
        let (edge, other) = (one.edge(), two.edge());
        let (mut flow, mut verifier) = (Flow::new(App::configured()), Verifier::new());
        let mut tokens = flow.tokens(&edge, &env.idp).await;
        verifier.verify(&tokens.access_token, &other, env.now()).await.unwrap();
        let began = env.now();
        let rotated = operator(&one).rotate_keys(request(v1::KeyPurpose::Signing, "1")).await.unwrap().remove(0);
        assert_eq!(seconds(rotated.active_time), began.seconds() + 600);
        assert_eq!(
            seconds(rotated.forget_time),
            began.seconds() + 600 + 600 + 60,
            "a token's lifetime and the clock skew"
        );
        assert!(rotated.impact.is_empty() && rotated.propagate_time.is_none());
        let (mut alive, mut first_used) = (Vec::new(), None);
        for _ in 0..80 {
            env.advance(Duration::from_secs(20));
            tokens = edge.exchange(flow.refresh(tokens.refresh_token())).await.unwrap();
            if signing_kid(&tokens) == rotated.key_id {
                first_used.get_or_insert(began.until(env.now()));
            }
            alive.push((env.now(), tokens.access_token.clone()));
            alive.retain(|(at, _)| at.until(env.now()) < Duration::from_secs(600));
            for (_, token) in &alive {
                let verified = verifier.verify(token, &other, env.now()).await;
                assert!(verified.is_ok(), "{algorithm:?} after {:?}: {verified:?}", began.until(env.now()));
            }
        }
        let first_used = first_used.unwrap();
        assert!(first_used >= ANNOUNCEMENT && first_used <= ANNOUNCEMENT + LOOK, "as announced: {first_used:?}");
        assert_eq!(published_kids(&other).await, [rotated.key_id]);
    }
}

/// A flow is under way when all keys are announced and when all successors take over.
#[tokio::test(flavor = "multi_thread")]
async fn rotating_all_keys_disturbs_no_flow() {
    let env = environment().await;
    let (one, two) = (env.start().await, env.start().await);
    let (edge, other) = (one.edge(), two.edge());
    let mut before = Flow::new(App::configured());
    let tokens = before.tokens(&edge, &env.idp).await;
    let mut flow = Flow::new(App::configured());
    let page = flow.consent_page(&edge).await;
    assert_eq!(operator(&one).rotate_keys(all("1")).await.unwrap().len(), 10);
    env.advance(ANNOUNCEMENT + LOOK);
    let decided = other.decide(flow.decide(&page, v1::Decision::Approve)).await.unwrap();
    let callback = flow.log_in(&decided, &env.idp);
    let next = edge.finish_login(callback).await.unwrap();
    let fresh = other.exchange(flow.redeem(&code_in(&next))).await.unwrap();
    edge.exchange(flow.refresh(fresh.refresh_token())).await.unwrap();
    other.exchange(before.refresh(tokens.refresh_token())).await.unwrap();
    let states = |state: v1::KeyState| {
        let (state, keys) = (i32::from(state), operator(&two));
        async move { keys.list_keys(ISSUER).await.unwrap().into_iter().filter(|key| key.state == state).count() }
    };
    assert_eq!((states(v1::KeyState::Active).await, states(v1::KeyState::Retired).await), (10, 10));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_announced_key_gets_no_second_successor() {
    let env = environment().await;
    let (one, two) = (env.start().await, env.start().await);
    let (one, two) = (operator(&one), operator(&two));
    let first = one.rotate_keys(request(v1::KeyPurpose::Signing, "1")).await.unwrap();
    let again = one.rotate_keys(request(v1::KeyPurpose::Signing, "1")).await.unwrap();
    let another = two.rotate_keys(request(v1::KeyPurpose::Signing, "2")).await.unwrap();
    assert!(first == again && first == another);
    let recorded = events(&env).await;
    assert_eq!(recorded, [("grace".to_owned(), vec![format!("signing {}", first[0].key_id)], false)]);
    let keys = one.list_keys(ISSUER).await.unwrap();
    let signing: Vec<_> = keys.iter().filter(|key| key.purpose() == v1::KeyPurpose::Signing).collect();
    let [active, announced] = signing[..] else { panic!("{signing:?}") };
    assert_eq!((active.state(), announced.state()), (v1::KeyState::Active, v1::KeyState::Announced));
    assert_eq!((announced.key_id.as_str(), announced.algorithm.as_str()), (first[0].key_id.as_str(), "ES256"));
    assert_eq!((active.retire_time, active.forget_time), (announced.active_time, first[0].forget_time));
    assert!(announced.retire_time.is_none() && announced.forget_time.is_none());
    assert_eq!(keys.len(), 11);
    let signs = |key: &v1::Key| matches!(key.purpose(), v1::KeyPurpose::Signing | v1::KeyPurpose::Events);
    assert!(keys.iter().all(|key| key.algorithm.is_empty() != signs(key) && key.public_key.is_empty() != signs(key)));
    // The request id is remembered as long as its key: no third key is made after it took over.
    env.advance(ANNOUNCEMENT + LOOK);
    let late = two.rotate_keys(request(v1::KeyPurpose::Signing, "1")).await.unwrap();
    assert_eq!(late[0].key_id, first[0].key_id);
    assert_eq!((published_kids(&one).await.len(), events(&env).await.len()), (2, 1));
    // The new active key has no successor, so a new rotation makes one.
    let next = two.rotate_keys(request(v1::KeyPurpose::Signing, "3")).await.unwrap();
    assert!(next[0].key_id != first[0].key_id && events(&env).await.len() == 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_rotations_make_one_successor() {
    let env = environment().await;
    let (one, two) = (env.start().await, env.start().await);
    let asked = (0..16).map(|n| {
        let node = operator(if n % 2 == 0 { &one } else { &two });
        async move { node.rotate_keys(all(&n.to_string())).await.unwrap() }
    });
    let replies: Vec<_> = futures_util::future::join_all(asked).await;
    assert!(replies.iter().all(|rotations| *rotations == replies[0]));
    let keys = operator(&one).list_keys(ISSUER).await.unwrap();
    assert_eq!((keys.len(), events(&env).await.len()), (20, 1));
}

/// A token verifies and its grant refreshes, until the operator reports the signing key compromised.
#[tokio::test(flavor = "multi_thread")]
async fn a_compromised_signing_key_is_withdrawn_at_once() {
    let env = environment().await;
    let (one, two) = (env.start().await, env.start().await);
    let (edge, other) = (one.edge(), two.edge());
    let (mut flow, mut verifier) = (Flow::new(App::configured()), Verifier::new());
    let old = flow.tokens(&edge, &env.idp).await;
    verifier.verify(&old.access_token, &other, env.now()).await.unwrap();
    // The announced key is not used: an attacker with one key may have both.
    let announced = operator(&one).rotate_keys(request(v1::KeyPurpose::Signing, "1")).await.unwrap().remove(0);
    let request = compromised(v1::KeyPurpose::Signing, "2");
    let rotated = operator(&one).rotate_keys(request.clone()).await.unwrap().remove(0);
    assert!(rotated.key_id != announced.key_id && rotated.impact.contains("every access token"), "{rotated:?}");
    assert_eq!(seconds(rotated.active_time), env.now().seconds());
    assert_eq!(rotated.forget_time, None, "it is deleted already");
    // This node withdraws it at once, the other when it reads the keyring again.
    assert_eq!(published_kids(&edge).await, [rotated.key_id.as_str()]);
    env.advance(LOOK);
    assert_eq!(published_kids(&other).await, [rotated.key_id.as_str()]);
    let fresh = other.exchange(flow.refresh(old.refresh_token())).await.unwrap();
    assert_eq!(signing_kid(&fresh), rotated.key_id, "grants continue");
    // At `propagate_time` a verifier that caches the key set for its maximum age has dropped the key.
    env.advance(Duration::from_secs(60) + KEY_SET_MAX_AGE);
    assert_eq!(seconds(rotated.propagate_time), env.now().seconds());
    let late = verifier.verify(&old.access_token, &other, env.now()).await;
    assert_eq!(late, Err("there is no such key".to_owned()), "although the token lives for three more minutes");
    verifier.verify(&fresh.access_token, &other, env.now()).await.unwrap();
    // Repeating the request makes no other key; another request does.
    let again = operator(&two).rotate_keys(request).await.unwrap().remove(0);
    assert_eq!(again, rotated);
    let key = |id: &str| vec![format!("signing {id}")];
    let grace = || "grace".to_owned();
    let recorded = [(grace(), key(&announced.key_id), false), (grace(), key(&rotated.key_id), true)];
    assert_eq!(events(&env).await, recorded);
    let other_request = operator(&two).rotate_keys(compromised(v1::KeyPurpose::Signing, "3")).await.unwrap();
    assert_ne!(other_request[0].key_id, rotated.key_id);
}

/// One step of the valid flow after the key of its purpose was compromised: refused with the precise reason, and
/// nothing is stored.
#[tokio::test(flavor = "multi_thread")]
async fn artifacts_of_a_compromised_key_are_refused() {
    for (purpose, reason) in [
        (v1::KeyPurpose::Ticket, "TICKET_INVALID"),
        (v1::KeyPurpose::Form, "FORM_TOKEN_INVALID"),
        (v1::KeyPurpose::Cookie, "BROWSER_COOKIE_MISSING"),
        (v1::KeyPurpose::Login, "STATE_INVALID"),
        (v1::KeyPurpose::Code, "CODE_INVALID"),
        (v1::KeyPurpose::RefreshToken, "REFRESH_TOKEN_INVALID"),
    ] {
        let env = environment().await;
        let control = env.start().await;
        let edge = control.edge();
        let mut flow = Flow::new(App::configured());
        let page = flow.consent_page(&edge).await;
        let decide = flow.decide(&page, v1::Decision::Approve);
        let callback = flow.clone().sign_in(&edge, &env.idp).await;
        let mut redeeming = flow.clone();
        let code = redeeming.code(&edge, &env.idp).await;
        let refresh_token = flow.clone().tokens(&edge, &env.idp).await.refresh_token().to_owned();
        operator(&control).rotate_keys(compromised(purpose, "1")).await.unwrap();
        let counts = env.record_counts().await;
        let refused = match purpose {
            v1::KeyPurpose::Ticket | v1::KeyPurpose::Form | v1::KeyPurpose::Cookie => {
                edge.decide(decide).await.reason()
            }
            v1::KeyPurpose::Login => edge.finish_login(callback).await.reason(),
            v1::KeyPurpose::Code => edge.exchange(redeeming.redeem(&code)).await.reason(),
            v1::KeyPurpose::RefreshToken => edge.exchange(flow.refresh(&refresh_token)).await.reason(),
            other => panic!("{other:?}"),
        };
        assert_eq!(refused, reason, "{purpose:?}");
        assert_eq!(env.record_counts().await, counts, "{purpose:?}");
        Flow::new(App::configured()).tokens(&edge, &env.idp).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incomplete_or_malformed_rotation_changes_nothing() {
    type Change = fn(&mut v1::RotateKeysRequest);
    let mut env = environment().await;
    let mut elsewhere = principal("elsewhere", Role::Operator, "token-of-another-operator");
    elsewhere.issuers = Some(Vec::new());
    env.config.principals.push(elsewhere);
    let control = env.start().await;
    let kept = env.entries(Space::Meta).await;
    let changes: [(Change, &str); 8] = [
        (|request| request.keys = None, "PARAMETER_MISSING"),
        (|request| request.keys = Some(v1::rotate_keys_request::Keys::Purpose(0)), "REQUEST_MALFORMED"),
        (|request| request.keys = Some(v1::rotate_keys_request::Keys::Purpose(99)), "REQUEST_MALFORMED"),
        (|request| request.request_id = String::new(), "PARAMETER_MISSING"),
        (|request| request.request_id = "x".repeat(15), "REQUEST_MALFORMED"),
        (|request| request.request_id = "x".repeat(65), "REQUEST_MALFORMED"),
        (|request| request.request_id = "sixteen and spaces".to_owned(), "REQUEST_MALFORMED"),
        (|request| request.issuer_id = "other".to_owned(), "ISSUER_UNKNOWN"),
    ];
    for (change, reason) in changes {
        let mut request = compromised(v1::KeyPurpose::Signing, "1");
        change(&mut request);
        assert_eq!(operator(&control).rotate_keys(request).await.reason(), reason);
    }
    let elsewhere = control.caller("token-of-another-operator");
    assert_eq!(elsewhere.rotate_keys(all("1")).await.reason(), "ISSUER_UNKNOWN");
    assert_eq!(elsewhere.list_keys(ISSUER).await.reason(), "ISSUER_UNKNOWN");
    assert_eq!(env.entries(Space::Meta).await, kept);
    assert!(events(&env).await.is_empty());
}

/// A keyring is one record of bounded size: it cannot hold every key that grants still need.
#[tokio::test(flavor = "multi_thread")]
async fn a_keyring_never_outgrows_its_record() {
    let mut env = environment().await;
    env.issuer().access_tokens.algorithm = ALGORITHMS[2];
    let control = env.start().await;
    for n in 1..16 {
        operator(&control).rotate_keys(all(&n.to_string())).await.unwrap();
        env.advance(ANNOUNCEMENT + LOOK);
        published_kids(&control.edge()).await;
    }
    let before = operator(&control).list_keys(ISSUER).await.unwrap();
    assert_eq!(operator(&control).rotate_keys(all("16")).await.reason(), "REQUEST_MALFORMED");
    let largest = env.entries(Space::Meta).await.into_iter().map(|(_, entry)| entry.value.len()).max().unwrap();
    assert!(largest < 48 * 1024, "{largest}");
    assert_eq!(operator(&control).list_keys(ISSUER).await.unwrap(), before);
    let ids: HashSet<_> = before.iter().map(|key| (key.purpose, key.key_id.clone())).collect();
    assert_eq!(ids.len(), before.len());
}

/// Another node may have replaced a compromised key meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_cannot_read_its_keyring_stops_describing_keys() {
    let env = Environment::new().await;
    let control = env.start().await;
    let edge = control.edge();
    let keys = edge.describe(ISSUER).await.unwrap().keys;
    env.advance(Duration::from_secs(3600));
    assert_eq!(edge.describe(ISSUER).await.unwrap().keys, keys, "a pause without calls is no outage");
    env.engine.set_reads_fail(true);
    env.advance(Duration::from_secs(59));
    assert_eq!(edge.describe(ISSUER).await.unwrap().keys, keys);
    env.advance(Duration::from_secs(1));
    for _ in 0..2 {
        assert_eq!(edge.describe(ISSUER).await.reason(), "STORE_UNAVAILABLE");
    }
    env.engine.set_reads_fail(false);
    assert_eq!(edge.describe(ISSUER).await.unwrap().keys, keys);
}
