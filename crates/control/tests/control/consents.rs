//! `ConsentService`: what checkers and readers learn of consents, and what stays hidden from them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use lychgate_api::v1;
use lychgate_control::Memory;
use lychgate_control::config::Role;
use lychgate_engine::{OpenEngine, Space};
use lychgate_engine_suite::TestEntropy;
use lychgate_engine_suite::fault::Faulty;

use crate::support::{
    ApiClient, App, CHECKER_TOKEN, ConsentTemplate, ControlPlane, Environment, Flow, ISSUER, READER_TOKEN, RESOURCE,
    Refused as _, TICK, principal,
};

const OTHER_CHECKER: &str = "token-of-the-checker-of-another-resource";
const OTHER_READER: &str = "token-of-the-reader-of-another-resource";
const OTHER: &str = "https://other.example/mcp";

async fn environment() -> Environment {
    let mut env = Environment::new().await;
    for (name, role, token, resource) in [
        ("checker", Role::Checker, CHECKER_TOKEN, None),
        ("reader", Role::Reader, READER_TOKEN, None),
        ("other checker", Role::Checker, OTHER_CHECKER, Some(OTHER)),
        ("other reader", Role::Reader, OTHER_READER, Some(OTHER)),
    ] {
        let mut principal = principal(name, role, token);
        principal.resources = resource.map(|uri| vec![uri.to_owned()]);
        env.config.principals.push(principal);
    }
    env
}

fn check(scopes: &[&str]) -> v1::CheckRequest {
    v1::CheckRequest {
        issuer_id: ISSUER.to_owned(),
        subject: "idp|alice".to_owned(),
        client_id: "app".to_owned(),
        resource: RESOURCE.to_owned(),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        consistency: None,
    }
}

fn item(subject: &str, scope: &str) -> v1::CheckItem {
    let v1::CheckRequest { client_id, resource, .. } = check(&[]);
    v1::CheckItem { subject: subject.to_owned(), client_id, resource, scopes: vec![scope.to_owned()] }
}

fn at_least(revision: &str) -> Option<v1::Consistency> {
    let requirement = v1::consistency::Requirement::AtLeastAsFresh(revision.to_owned());
    Some(v1::Consistency { requirement: Some(requirement) })
}

fn get(resource: &str) -> v1::GetRequest {
    let v1::CheckRequest { issuer_id, subject, client_id, .. } = check(&[]);
    v1::GetRequest { issuer_id, subject, client_id, resource: resource.to_owned() }
}

fn list() -> v1::ConsentServiceListRequest {
    v1::ConsentServiceListRequest { issuer_id: ISSUER.to_owned(), ..Default::default() }
}

/// Verdict and denial of one check.
async fn verdict(checker: &ApiClient, request: v1::CheckRequest) -> (v1::CheckVerdict, v1::CheckDenial) {
    let result = checker.check(request).await.unwrap().result.unwrap();
    assert_eq!(result.expire_time.is_none(), result.verdict() == v1::CheckVerdict::Denied);
    (result.verdict(), result.denial())
}

const GRANTED: (v1::CheckVerdict, v1::CheckDenial) = (v1::CheckVerdict::Granted, v1::CheckDenial::Unspecified);

fn denied(denial: v1::CheckDenial) -> (v1::CheckVerdict, v1::CheckDenial) {
    (v1::CheckVerdict::Denied, denial)
}

async fn allowed(env: &Environment, control: &ControlPlane) -> Flow {
    let mut flow = Flow::new(App::configured());
    flow.tokens(&control.edge(), &env.idp).await;
    flow
}

/// Requirements: B2.
#[tokio::test(flavor = "multi_thread")]
async fn a_check_is_granted_until_the_consent_is_revoked_or_expires() {
    let env = environment().await;
    let control = env.start().await;
    let checker = control.caller(CHECKER_TOKEN);
    assert_eq!(verdict(&checker, check(&["read"])).await, denied(v1::CheckDenial::NoConsent));
    allowed(&env, &control).await;
    let counts = env.record_counts().await;
    assert_eq!(verdict(&checker, check(&["read"])).await, GRANTED);
    assert_eq!(verdict(&checker, check(&[])).await, GRANTED);
    for (other, request) in [
        ("subject", v1::CheckRequest { subject: "idp|bob".to_owned(), ..check(&["read"]) }),
        ("resource", v1::CheckRequest { resource: OTHER.to_owned(), ..check(&["read"]) }),
    ] {
        assert_eq!(verdict(&checker, request).await, denied(v1::CheckDenial::NoConsent), "another {other}");
    }
    let request = v1::CheckRequest { client_id: "unknown".to_owned(), ..check(&["read"]) };
    assert_eq!(verdict(&checker, request).await, denied(v1::CheckDenial::ClientUnknown));
    let more = checker.check(check(&["read", "write"])).await.unwrap().result.unwrap();
    assert_eq!((more.verdict(), more.missing_scopes), (v1::CheckVerdict::MissingScopes, vec!["write".to_owned()]));
    assert_eq!(env.record_counts().await, counts, "a check writes nothing");

    env.revoke_consent("alice", "app").await;
    assert_eq!(verdict(&checker, check(&["read"])).await, denied(v1::CheckDenial::Revoked));
    env.advance(TICK);
    allowed(&env, &control).await;
    assert_eq!(verdict(&checker, check(&["read"])).await, GRANTED, "approved again");
    env.advance(Duration::from_secs(365 * 86_400) - TICK);
    assert_eq!(verdict(&checker, check(&["read"])).await, GRANTED);
    env.advance(TICK);
    assert_eq!(verdict(&checker, check(&["read"])).await, denied(v1::CheckDenial::Expired));
    env.advance(Duration::from_secs(365 * 86_400));
    assert_eq!(verdict(&checker, check(&["read"])).await, denied(v1::CheckDenial::NoConsent), "the record is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_or_deleted_client_is_denied() {
    let env = environment().await;
    let control = env.start().await;
    let (edge, checker) = (control.edge(), control.caller(CHECKER_TOKEN));
    let mut flow = Flow::new(App::registered(&edge).await);
    flow.tokens(&edge, &env.idp).await;
    let request = || v1::CheckRequest { client_id: flow.app.id.clone(), ..check(&["read"]) };
    assert_eq!(verdict(&checker, request()).await, GRANTED);
    env.disable_stored_client().await;
    assert_eq!(verdict(&checker, request()).await, denied(v1::CheckDenial::ClientDisabled));
    env.delete_only(Space::Clients).await;
    assert_eq!(verdict(&checker, request()).await, denied(v1::CheckDenial::ClientUnknown));
}

/// A raised counter ends consents with everything else.
///
/// Requirements: B2.
#[tokio::test(flavor = "multi_thread")]
async fn a_wider_revocation_ends_the_consent() {
    let env = environment().await;
    let control = env.start().await;
    let (checker, reader) = (control.caller(CHECKER_TOKEN), control.caller(READER_TOKEN));
    allowed(&env, &control).await;
    assert_eq!(verdict(&checker, check(&["read"])).await, GRANTED);
    env.raise_issuer_counter().await;
    assert_eq!(verdict(&checker, check(&["read"])).await, denied(v1::CheckDenial::Revoked));
    let consent = reader.get_consent(get(RESOURCE)).await.unwrap().consent.unwrap();
    assert_eq!(consent.state(), v1::ConsentState::Revoked);
    let live = v1::ConsentServiceListRequest { state: v1::ConsentState::Live.into(), ..list() };
    assert!(reader.list_consents(live).await.unwrap().consents.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_of_other_resources_or_issuers_learns_nothing() {
    let env = environment().await;
    let control = env.start().await;
    allowed(&env, &control).await;
    let (checker, reader) = (control.caller(OTHER_CHECKER), control.caller(OTHER_READER));
    assert_eq!(
        control.caller(CHECKER_TOKEN).check(check(&["read"])).await.unwrap().result.unwrap().verdict(),
        GRANTED.0
    );
    assert_eq!(checker.check(check(&["read"])).await.reason(), "RESOURCE_UNKNOWN");
    let unheard = v1::CheckRequest { resource: "https://nowhere.example".to_owned(), ..check(&["read"]) };
    assert_eq!(
        control.caller(CHECKER_TOKEN).check(unheard).await.reason(),
        "RESOURCE_UNKNOWN",
        "like a resource that does not exist"
    );
    let request = v1::CheckRequest { issuer_id: "other".to_owned(), ..check(&["read"]) };
    assert_eq!(checker.check(request).await.reason(), "ISSUER_UNKNOWN");

    assert_eq!(control.caller(READER_TOKEN).list_consents(list()).await.unwrap().consents.len(), 1);
    assert!(reader.list_consents(list()).await.unwrap().consents.is_empty());
    let asked = v1::ConsentServiceListRequest { resource: RESOURCE.to_owned(), ..list() };
    assert_eq!(reader.list_consents(asked).await.reason(), "RESOURCE_UNKNOWN");
    assert_eq!(reader.get_consent(get(RESOURCE)).await.reason(), "RESOURCE_UNKNOWN");
    assert_eq!(reader.get_consent(get(OTHER)).await.reason(), "RECORD_UNKNOWN");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revision_of_another_store_is_lost() {
    let env = environment().await;
    let control = env.start().await;
    let checker = control.caller(CHECKER_TOKEN);
    let earlier = checker.check(check(&[])).await.unwrap().revision;
    allowed(&env, &control).await;
    let later = checker.check(check(&[])).await.unwrap().revision;
    assert_ne!(earlier, later);
    for revision in [&earlier, &later] {
        let request = v1::CheckRequest { consistency: at_least(revision), ..check(&["read"]) };
        assert_eq!(verdict(&checker, request).await, GRANTED);
    }
    let request = v1::CheckRequest { consistency: at_least("yesterday"), ..check(&["read"]) };
    assert_eq!(checker.check(request).await.reason(), "REQUEST_MALFORMED");

    let mut restored = self::environment().await;
    restored.engine = Arc::new(Faulty::new(OpenEngine::sole_writer(Memory::new(restored.clock.clone(), &TestEntropy))));
    let control = restored.start().await;
    let request = v1::CheckRequest { consistency: at_least(&later), ..check(&["read"]) };
    let checker = control.caller(CHECKER_TOKEN);
    assert_eq!(checker.check(request.clone()).await.reason(), "REVISION_LOST");
    // A node that cannot tell whether another has the revision does not call it lost.
    restored.engine.fail_barriers();
    assert_eq!(checker.check(request).await.reason(), "STORE_UNAVAILABLE");
}

/// Without a barrier, a replicated store may answer for a moment after a failover without the newest commits.
#[tokio::test(flavor = "multi_thread")]
async fn a_check_reads_after_a_barrier_unless_its_caller_accepts_less() {
    let env = environment().await;
    let control = env.start().await;
    let checker = control.caller(CHECKER_TOKEN);
    allowed(&env, &control).await;
    let revision = checker.check(check(&["read"])).await.unwrap().revision;
    env.engine.fail_barriers();
    let requiring = |requirement| Some(v1::Consistency { requirement: Some(requirement) });
    let fully = requiring(v1::consistency::Requirement::FullyConsistent(v1::FullyConsistent {}));
    for consistency in [None, fully] {
        let request = v1::CheckRequest { consistency, ..check(&["read"]) };
        assert_eq!(checker.check(request).await.reason(), "STORE_UNAVAILABLE");
    }
    let quickly = requiring(v1::consistency::Requirement::MinimizeLatency(v1::MinimizeLatency {}));
    for consistency in [quickly, at_least(&revision)] {
        let request = v1::CheckRequest { consistency, ..check(&["read"]) };
        assert_eq!(verdict(&checker, request).await, GRANTED);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_answered_in_order_and_a_bad_item_fails_alone() {
    let env = environment().await;
    let control = env.start().await;
    let checker = control.caller(CHECKER_TOKEN);
    allowed(&env, &control).await;
    let nowhere = v1::CheckItem { resource: "https://nowhere.example".to_owned(), ..item("idp|alice", "read") };
    let items = vec![
        item("idp|bob", "read"),
        item("idp|alice", "two words"),
        item("idp|alice", "read"),
        nowhere,
        item("", "read"),
        item("idp|alice", "write"),
    ];
    let batch = |items| v1::BatchCheckRequest { issuer_id: ISSUER.to_owned(), items, consistency: None };
    let summary = |answer: v1::BatchCheckAnswer| match answer.answer.unwrap() {
        v1::batch_check_answer::Answer::Result(result) => format!("{:?}", result.verdict()),
        v1::batch_check_answer::Answer::Failure(failure) => failure.reason,
    };
    let answers = checker.batch_check(batch(items)).await.unwrap().answers;
    let answers: Vec<_> = answers.into_iter().map(summary).collect();
    let expected = ["Denied", "SCOPE_INVALID", "Granted", "RESOURCE_UNKNOWN", "PARAMETER_MISSING", "MissingScopes"];
    assert_eq!(answers, expected);

    let most: Vec<_> = (0..1000).map(|n| item(if n % 7 == 3 { "idp|alice" } else { "idp|bob" }, "read")).collect();
    let answers = checker.batch_check(batch(most.clone())).await.unwrap().answers;
    assert_eq!(answers.len(), 1000);
    for (n, answer) in answers.into_iter().enumerate() {
        assert_eq!(summary(answer), if n % 7 == 3 { "Granted" } else { "Denied" }, "{n}");
    }
    let too_many = [most, vec![item("idp|alice", "read")]].concat();
    assert_eq!(checker.batch_check(batch(too_many)).await.reason(), "REQUEST_TOO_LARGE");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_filtered_by_every_field() {
    let env = environment().await;
    let control = env.start().await;
    let reader = control.caller(READER_TOKEN);
    allowed(&env, &control).await;
    let template = ConsentTemplate::of(&env).await;
    template.write(&env, &["bob".to_owned(), "carol".to_owned()]).await;
    env.revoke_consent("bob", "app").await;
    let subjects = |request| {
        let reader = reader.clone();
        async move {
            let consents = reader.list_consents(request).await.unwrap().consents;
            let mut subjects: Vec<_> = consents.into_iter().map(|consent| consent.subject).collect();
            subjects.sort();
            subjects
        }
    };
    let narrowed = |change: fn(&mut v1::ConsentServiceListRequest)| {
        let mut request = list();
        change(&mut request);
        request
    };
    assert_eq!(subjects(list()).await, ["idp|alice", "idp|bob", "idp|carol"]);
    assert_eq!(subjects(narrowed(|list| list.subject = "idp|bob".to_owned())).await, ["idp|bob"]);
    assert_eq!(subjects(narrowed(|list| list.client_id = "app".to_owned())).await.len(), 3);
    assert!(subjects(narrowed(|list| list.client_id = "another".to_owned())).await.is_empty());
    assert!(subjects(narrowed(|list| list.resource = OTHER.to_owned())).await.is_empty());
    assert_eq!(subjects(narrowed(|list| list.set_state(v1::ConsentState::Revoked))).await, ["idp|bob"]);
    assert_eq!(subjects(narrowed(|list| list.set_state(v1::ConsentState::Live))).await, ["idp|alice", "idp|carol"]);
    assert!(subjects(narrowed(|list| list.set_state(v1::ConsentState::Expired))).await.is_empty());
    for (change, reason) in [
        ((|list| list.state = 99) as fn(&mut v1::ConsentServiceListRequest), "REQUEST_MALFORMED"),
        (|list| list.page_size = -1, "REQUEST_MALFORMED"),
        (|list| list.client_id = "two words".to_owned(), "REQUEST_MALFORMED"),
    ] {
        assert_eq!(reader.list_consents(narrowed(change)).await.reason(), reason);
    }
    let found = reader.get_consent(get(RESOURCE)).await.unwrap().consent.unwrap();
    assert_eq!(
        (found.state(), found.scopes, found.revoke_time),
        (v1::ConsentState::Live, vec!["read".to_owned()], None)
    );
    env.advance(Duration::from_secs(365 * 86_400));
    assert_eq!(subjects(narrowed(|list| list.set_state(v1::ConsentState::Expired))).await.len(), 2);
}

/// The valid page request with one thing changed each time.
#[tokio::test(flavor = "multi_thread")]
async fn a_consent_page_token_is_bound_to_filter_issuer_and_caller() {
    let mut env = environment().await;
    env.config.principals.push(principal("second reader", Role::Reader, "token-of-the-second-reader"));
    env.add_other_issuer();
    let control = env.start().await;
    let reader = control.caller(READER_TOKEN);
    allowed(&env, &control).await;
    ConsentTemplate::of(&env).await.write(&env, &["bob".to_owned()]).await;
    let first = reader.list_consents(v1::ConsentServiceListRequest { page_size: 1, ..list() }).await.unwrap();
    assert_eq!(first.consents.len(), 1);
    let next = v1::ConsentServiceListRequest { page_size: 1000, page_token: first.next_page_token.clone(), ..list() };
    let rest = reader.list_consents(next.clone()).await.unwrap();
    assert_eq!((rest.consents.len(), rest.next_page_token.as_str()), (1, ""));
    assert_ne!(rest.consents, first.consents);

    let mut altered = first.next_page_token.clone().into_bytes();
    altered[20] ^= 1;
    for request in [
        v1::ConsentServiceListRequest { subject: "idp|bob".to_owned(), ..next.clone() },
        v1::ConsentServiceListRequest { client_id: "app".to_owned(), ..next.clone() },
        v1::ConsentServiceListRequest { resource: RESOURCE.to_owned(), ..next.clone() },
        v1::ConsentServiceListRequest { state: v1::ConsentState::Live.into(), ..next.clone() },
        v1::ConsentServiceListRequest { issuer_id: "other".to_owned(), ..next.clone() },
        v1::ConsentServiceListRequest { page_token: String::from_utf8(altered).unwrap(), ..next.clone() },
        v1::ConsentServiceListRequest { page_token: "AAAA".to_owned(), ..next.clone() },
    ] {
        assert_eq!(reader.list_consents(request.clone()).await.reason(), "PAGE_TOKEN_INVALID", "{request:?}");
    }
    let second = control.caller("token-of-the-second-reader");
    assert_eq!(second.list_consents(next).await.reason(), "PAGE_TOKEN_INVALID");
}

/// Pages of ten thousand consents while some are revoked and some added: an unchanged consent appears exactly once.
#[tokio::test(flavor = "multi_thread")]
async fn an_unchanged_consent_is_listed_once_during_changes() {
    let env = environment().await;
    let control = env.start().await;
    let reader = control.caller(READER_TOKEN);
    allowed(&env, &control).await;
    let template = ConsentTemplate::of(&env).await;
    let people: Vec<_> = (0..10_000).map(|n| format!("person-{n}")).collect();
    template.write(&env, &people).await;
    for filtered in [false, true] {
        let mut request = v1::ConsentServiceListRequest { page_size: 97, ..list() };
        if filtered {
            request.client_id = "app".to_owned();
        }
        let (mut seen, mut round) = (HashMap::<String, usize>::new(), 0);
        loop {
            let page = reader.list_consents(request.clone()).await.unwrap();
            assert!(page.consents.len() <= 97);
            for consent in page.consents {
                *seen.entry(consent.subject).or_default() += 1;
            }
            // Every tenth is revoked, one after the other, and new ones are added.
            if round < 100 {
                env.revoke_consent(&people[round * 10], "app").await;
                template.write(&env, &[format!("newcomer-{filtered}-{round}")]).await;
            }
            round += 1;
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }
        assert!(round > 100, "the list has many pages");
        for (n, person) in people.iter().enumerate() {
            let times = seen.get(&format!("idp|{person}")).copied();
            assert_eq!(times, Some(1), "{n}");
        }
        assert!(seen.values().all(|times| *times == 1), "nothing appears twice");
    }
}

/// A page scans a bounded number of rows even if few match, and its token says where it stopped.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_scans_a_bounded_number_of_rows() {
    let env = environment().await;
    let control = env.start().await;
    let reader = control.caller(READER_TOKEN);
    allowed(&env, &control).await;
    let people: Vec<_> = (0..4_500).map(|n| format!("person-{n}")).collect();
    ConsentTemplate::of(&env).await.write(&env, &people).await;
    let mut request = v1::ConsentServiceListRequest { client_id: "another".to_owned(), ..list() };
    for last in [false, false, true] {
        let page = reader.list_consents(request.clone()).await.unwrap();
        assert!(page.consents.is_empty());
        assert_eq!(page.next_page_token.is_empty(), last);
        request.page_token = page.next_page_token;
    }
}
