//! Revocations by an operator end everything in their scope at once, at every node, and anything minted in parallel.

use std::sync::Arc;

use lychgate_api::v1::admin_service_revoke_request::Target;
use lychgate_api::{error_metadata, v1};
use lychgate_engine::Space;
use lychgate_engine_suite::fault::Fault;
use tokio::task::JoinSet;

use crate::races::{exchange_beside, race_with_revocation};
use crate::support::{
    ApiClient, App, ControlPlane, Environment, Failure, Flow, ISSUER, ISSUER_URL, Operator, Refused as _,
    consent_target, disable_request, enable_request, request_id, revoke_request,
};

const RACERS: usize = 64;

/// The kinds of revocation, and disable_request a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RevocationKind {
    Consent,
    Grant,
    Client,
    Subject,
    Issuer,
    Disabled,
}

const ALL: [RevocationKind; 6] = [
    RevocationKind::Consent,
    RevocationKind::Grant,
    RevocationKind::Client,
    RevocationKind::Subject,
    RevocationKind::Issuer,
    RevocationKind::Disabled,
];
/// Kinds that also end codes which are not redeemed yet.
const WIDER: [RevocationKind; 5] = [
    RevocationKind::Consent,
    RevocationKind::Client,
    RevocationKind::Subject,
    RevocationKind::Issuer,
    RevocationKind::Disabled,
];

impl RevocationKind {
    fn event(self) -> &'static str {
        match self {
            RevocationKind::Consent => "consent.revoked",
            RevocationKind::Grant => "grant.revoked",
            RevocationKind::Client => "client.revoked",
            RevocationKind::Subject => "subject.revoked",
            RevocationKind::Issuer => "issuer.revoked",
            RevocationKind::Disabled => "client.disabled",
        }
    }

    /// The reason of a refused exchange afterwards.
    fn reason(self) -> &'static str {
        match self {
            RevocationKind::Consent
            | RevocationKind::Grant
            | RevocationKind::Client
            | RevocationKind::Subject
            | RevocationKind::Issuer => "GRANT_ENDED",
            RevocationKind::Disabled => "CLIENT_DISABLED",
        }
    }

    fn error(self) -> &'static str {
        if self == RevocationKind::Disabled { "invalid_client" } else { "invalid_grant" }
    }

    fn target(self, grant_id: &str) -> Target {
        match self {
            RevocationKind::Consent => consent_target("alice", "app"),
            RevocationKind::Grant => Target::GrantId(grant_id.to_owned()),
            RevocationKind::Client => Target::ClientId("app".to_owned()),
            RevocationKind::Subject => Target::Subject("idp|alice".to_owned()),
            RevocationKind::Issuer => Target::Everything(v1::Everything { confirm: ISSUER_URL.to_owned() }),
            RevocationKind::Disabled => panic!("a client is disabled, not revoked"),
        }
    }

    /// Carries it out; returns true if this request made the change.
    async fn carry_out(self, operator: &Operator, grant_id: &str, id: &str) -> Result<bool, Failure> {
        match self {
            RevocationKind::Disabled => Ok(operator.disable_client(disable_request("app", id)).await?.changed),
            _ => Ok(operator.revoke_now(revoke_request(self.target(grant_id), id)).await?.changed),
        }
    }
}

/// The id of the only grant.
async fn grant_id(operator: &Operator) -> String {
    let request = v1::ListGrantsRequest { issuer_id: ISSUER.to_owned(), ..Default::default() };
    let listed = operator.list_grants(request).await.unwrap().grants;
    let [grant] = &listed[..] else { panic!("{listed:?}") };
    grant.grant_id.clone()
}

async fn events(operator: &Operator, kind: RevocationKind) -> Vec<v1::Event> {
    let kind = kind.event().to_owned();
    let request = v1::ListEventsRequest { issuer_id: ISSUER.to_owned(), kind, ..Default::default() };
    operator.list_events(request).await.unwrap().events
}

/// Another person with another client, unaffected by every revocation but the issuer's.
async fn bystander(edge: &ApiClient, env: &Environment) -> (Flow, v1::ExchangeResponse) {
    let mut flow = Flow::new(App::registered(edge).await);
    "bob".clone_into(&mut flow.person);
    let tokens = flow.tokens(edge, &env.idp).await;
    (flow, tokens)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_revocation_takes_effect_everywhere_at_once_and_for_good() {
    for kind in ALL {
        let env = Environment::with_operator().await;
        let (one, two) = (env.start().await, env.start().await);
        let (edge, other, operator) = (one.edge(), two.edge(), one.operator());
        let mut flow = Flow::new(App::configured());
        let first = flow.tokens(&edge, &env.idp).await;
        let grant_id = grant_id(&operator).await;
        // Before the revocation everything works.
        let tokens = other.exchange(flow.refresh(first.refresh_token())).await.unwrap();
        let code = flow.code(&edge, &env.idp).await;
        let (bystander, theirs) = bystander(&edge, &env).await;
        assert!(two.is_active(&tokens.access_token).await && two.is_allowed("alice", "app").await, "{kind:?}");

        assert!(kind.carry_out(&operator, &grant_id, "1").await.unwrap(), "{kind:?}");
        let counts = env.record_counts().await;
        let after = env.start().await;
        for control in [&one, &two, &after] {
            let edge = control.edge();
            assert!(!control.is_active(&tokens.access_token).await, "{kind:?}");
            let refused = edge.exchange(flow.refresh(tokens.refresh_token())).await.unwrap_err();
            assert_eq!(refused.reason, kind.reason(), "{kind:?}");
            assert_eq!(refused.metadata[error_metadata::OAUTH_ERROR], kind.error(), "{kind:?}");
            assert_eq!(control.is_allowed("alice", "app").await, kind == RevocationKind::Grant, "{kind:?}");
            if kind != RevocationKind::Grant {
                assert_eq!(edge.exchange(flow.redeem(&code)).await.reason(), kind.reason(), "{kind:?}");
            }
            assert_eq!(control.is_active(&theirs.access_token).await, kind != RevocationKind::Issuer, "{kind:?}");
        }
        assert_eq!(env.record_counts().await, counts, "{kind:?}: refusals store nothing");
        let recorded = events(&operator, kind).await;
        let [event] = &recorded[..] else { panic!("{kind:?}: {recorded:?}") };
        assert_eq!((event.principal.as_str(), event.reason.as_str()), ("grace", "ticket 4711"));

        if kind == RevocationKind::Disabled {
            assert_eq!(edge.begin(flow.begin()).await.reason(), "CLIENT_DISABLED");
            assert!(operator.enable_client(enable_request("app", "2")).await.unwrap().changed);
            assert!(two.is_active(&tokens.access_token).await, "disable_request a client ends nothing");
            continue;
        }
        // A new approval revives nothing.
        let fresh = flow.tokens(&other, &env.idp).await;
        assert!(one.is_active(&fresh.access_token).await && one.is_allowed("alice", "app").await);
        assert!(!one.is_active(&tokens.access_token).await, "{kind:?}");
        let still = edge.exchange(flow.refresh(tokens.refresh_token())).await;
        assert_eq!(still.reason(), "GRANT_ENDED", "{kind:?}");
        let others = edge.exchange(bystander.refresh(theirs.refresh_token())).await;
        assert_eq!(others.is_ok(), kind != RevocationKind::Issuer, "{kind:?}");
    }
}

/// A consent given after a revocation contains none of the scopes approved before it.
#[tokio::test(flavor = "multi_thread")]
async fn revoked_scopes_are_not_remembered() {
    for kind in [RevocationKind::Consent, RevocationKind::Client, RevocationKind::Subject, RevocationKind::Issuer] {
        let env = Environment::with_operator().await;
        let control = env.start().await;
        let (edge, operator) = (control.edge(), control.operator());
        let mut flow = Flow::new(App::configured());
        "write".clone_into(&mut flow.scope);
        flow.tokens(&edge, &env.idp).await;
        "read".clone_into(&mut flow.scope);
        flow.tokens(&edge, &env.idp).await;
        assert!(
            control.is_allowed_to("alice", "app", &["read", "write"]).await,
            "scopes accumulate before the revocation"
        );
        assert!(kind.carry_out(&operator, "", "1").await.unwrap());
        flow.tokens(&edge, &env.idp).await;
        assert!(control.is_allowed_to("alice", "app", &["read"]).await, "{kind:?}");
        assert!(!control.is_allowed_to("alice", "app", &["write"]).await, "{kind:?}");
    }
}

/// The revocation follows `earlier` exchanges.
#[tokio::test(flavor = "multi_thread")]
async fn parallel_exchanges_do_not_outlive_any_kind_of_revocation() {
    for kind in WIDER {
        for earlier in [0, 8] {
            let env = Environment::with_operator().await;
            let controls = [env.start().await, env.start().await];
            let edge = controls[0].edge();
            let mut redemptions = Vec::new();
            for _ in 0..RACERS {
                let mut flow = Flow::new(App::configured());
                let code = flow.code(&edge, &env.idp).await;
                redemptions.push((flow.redeem(&code), flow));
            }
            let operator = controls[1].operator();
            let revocation = async move { assert!(kind.carry_out(&operator, "", "1").await.unwrap(), "{kind:?}") };
            let outcomes = race_with_revocation(&controls, earlier, redemptions, revocation).await;
            assert!(outcomes.iter().filter(|(_, outcome)| outcome.is_ok()).count() >= earlier);
            nothing_lives(kind, &controls[0], &outcomes).await;
            assert_eq!(events(&controls[0].operator(), kind).await.len(), 1);
        }
    }
}

/// Both orders of the two commits, for each call that mints.
#[tokio::test]
async fn tokens_minted_beside_any_kind_of_revocation_are_dead_in_either_order() {
    for kind in WIDER {
        for (revoked_first, is_refresh) in [(true, true), (true, false), (false, true), (false, false)] {
            let env = Environment::with_operator().await;
            let control = env.start().await;
            let (edge, operator) = (control.edge(), control.operator());
            let mut flow = Flow::new(App::configured());
            let request = if is_refresh {
                flow.refresh(flow.clone().tokens(&edge, &env.idp).await.refresh_token())
            } else {
                let code = flow.code(&edge, &env.idp).await;
                flow.redeem(&code)
            };
            let revocation = async { assert!(kind.carry_out(&operator, "", "1").await.unwrap()) };
            let outcome = exchange_beside(revocation, revoked_first, request, &edge, &env).await;
            assert_eq!(outcome.is_ok(), !revoked_first, "{kind:?}: {outcome:?}");
            nothing_lives(kind, &control, &[(flow, outcome)]).await;
            assert!(!control.is_allowed("alice", "app").await, "{kind:?}: the checker sees the revocation");
            assert_eq!(env.entries(Space::Grants).await.len(), usize::from(is_refresh || !revoked_first), "{kind:?}");
            assert_eq!(events(&operator, kind).await.len(), 1, "{kind:?}");
        }
    }
}

/// Asserts that neither issued nor refused tokens are usable.
async fn nothing_lives(
    kind: RevocationKind,
    control: &ControlPlane,
    outcomes: &[(Flow, Result<v1::ExchangeResponse, Failure>)],
) {
    for (flow, outcome) in outcomes {
        let refused = match outcome {
            Ok(tokens) => {
                assert!(!control.is_active(&tokens.access_token).await, "{kind:?}");
                control.edge().exchange(flow.refresh(tokens.refresh_token())).await.unwrap_err()
            }
            Err(failure) => failure.clone(),
        };
        assert_eq!(refused.metadata[error_metadata::OAUTH_ERROR], kind.error(), "{kind:?}: {refused:?}");
    }
}

/// The commit's outcome is lost and the request repeated at another node: one effect, one event.
#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_of_unknown_outcome_is_made_once() {
    /// The commit and its three repetitions.
    const COMMITS: usize = 4;
    for kind in ALL {
        for lost in [1, COMMITS] {
            for fault in [Fault::UnknownBefore, Fault::UnknownAfter, Fault::Unavailable] {
                let env = Environment::with_operator().await;
                let (one, two) = (env.start().await, env.start().await);
                let mut flow = Flow::new(App::configured());
                let tokens = flow.tokens(&one.edge(), &env.idp).await;
                let grant_id = grant_id(&one.operator()).await;
                // A commit that was not applied is not repeated.
                let faults = if fault == Fault::Unavailable { 1 } else { lost };
                (0..faults).for_each(|nth| env.engine.fail(nth, fault));
                match kind.carry_out(&one.operator(), &grant_id, "1").await {
                    Ok(changed) => assert!(changed && faults == 1),
                    Err(failure) => assert_eq!(failure.reason, "STORE_UNAVAILABLE"),
                }
                assert!(kind.carry_out(&two.operator(), &grant_id, "1").await.unwrap(), "{kind:?} {fault:?}");
                assert!(!two.is_active(&tokens.access_token).await, "{kind:?} {fault:?}");
                assert_eq!(events(&two.operator(), kind).await.len(), 1, "{kind:?} {fault:?} {lost}");
                for (_, counter) in env.entries(Space::Counters).await {
                    assert_eq!(counter.value, [0x08, 0x01], "{kind:?} {fault:?}: raised by one");
                }
                assert_eq!(env.entries(Space::Requests).await.len(), 1);
            }
        }
    }
}

/// An abandoned commit is applied after the repeated request succeeded.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_commit_revokes_nothing_twice() {
    for kind in ALL {
        let env = Environment::with_operator().await;
        let control = env.start().await;
        let mut flow = Flow::new(App::configured());
        flow.tokens(&control.edge(), &env.idp).await;
        let (operator, grant_id) = (control.operator(), grant_id(&control.operator()).await);
        let late = env.engine.delay(0);
        assert!(kind.carry_out(&operator, &grant_id, "1").await.unwrap());
        late.land().await.unwrap_err();
        assert!(kind.carry_out(&operator, &grant_id, "1").await.unwrap());
        assert_eq!(events(&operator, kind).await.len(), 1, "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_repetitions_of_one_revocation_have_one_effect_and_one_answer() {
    for kind in ALL {
        let env = Environment::with_operator().await;
        let controls = [env.start().await, env.start().await];
        let mut flow = Flow::new(App::configured());
        flow.tokens(&controls[0].edge(), &env.idp).await;
        let grant_id = Arc::new(grant_id(&controls[0].operator()).await);
        let mut asked = JoinSet::new();
        for n in 0..RACERS {
            let (operator, grant_id) = (controls[n % 2].operator(), grant_id.clone());
            asked.spawn(async move { kind.carry_out(&operator, &grant_id, "1").await });
        }
        assert!(asked.join_all().await.into_iter().all(|outcome| outcome.unwrap()), "{kind:?}");
        assert_eq!(events(&controls[0].operator(), kind).await.len(), 1, "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_id_is_remembered_for_a_day_per_principal_and_body() {
    let mut env = Environment::with_operator().await;
    let mut heidi = crate::support::principal("heidi", lychgate_control::config::Role::Operator, "token-of-heidi");
    heidi.issuers = Some(vec![ISSUER.to_owned()]);
    env.config.principals.push(heidi);
    let control = env.start().await;
    let (operator, heidi) = (control.operator(), Operator::new(control.caller("token-of-heidi")));
    let request = revoke_request(Target::Subject("idp|alice".to_owned()), "1");
    let first = operator.revoke_now(request.clone()).await.unwrap();
    env.advance(std::time::Duration::from_secs(23 * 60 * 60));
    assert_eq!(operator.revoke_now(request.clone()).await.unwrap(), first, "the same answer with the same time");
    let counts = env.record_counts().await;
    type Changed = fn(&mut v1::AdminServiceRevokeRequest);
    let changes: [Changed; 3] = [
        |request| request.reason = "another".to_owned(),
        |request| request.target = Some(Target::Subject("idp|bob".to_owned())),
        |request| request.target = Some(Target::ClientId("idp|alice".to_owned())),
    ];
    for change in changes {
        let mut other = request.clone();
        change(&mut other);
        assert_eq!(operator.revoke_now(other).await.reason(), "REQUEST_ID_REUSED");
    }
    assert_eq!(operator.disable_client(disable_request("app", "1")).await.reason(), "REQUEST_ID_REUSED");
    assert_eq!(env.record_counts().await, counts);
    // The same id from another principal is another request.
    assert_ne!(heidi.revoke_now(request.clone()).await.unwrap(), first);
    env.advance(std::time::Duration::from_secs(2 * 60 * 60));
    assert_ne!(operator.revoke_now(request).await.unwrap(), first, "after a day the request is a new one");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incomplete_or_malformed_revocation_revokes_nothing() {
    type Change = fn(&mut v1::AdminServiceRevokeRequest);
    let mut env = Environment::with_operator().await;
    let mut elsewhere =
        crate::support::principal("elsewhere", lychgate_control::config::Role::Operator, "token-of-another");
    elsewhere.issuers = Some(Vec::new());
    env.config.principals.push(elsewhere);
    let control = env.start().await;
    let mut flow = Flow::new(App::configured());
    let tokens = flow.tokens(&control.edge(), &env.idp).await;
    let operator = control.operator();
    let counts = env.record_counts().await;
    let changes: [(Change, &str); 13] = [
        (|request| request.target = None, "PARAMETER_MISSING"),
        (|request| request.reason = String::new(), "PARAMETER_MISSING"),
        (|request| request.reason = "x".repeat(257), "REQUEST_MALFORMED"),
        (|request| request.reason = "two\nlines".to_owned(), "REQUEST_MALFORMED"),
        (|request| request.reason = "\u{202E}turned".to_owned(), "REQUEST_MALFORMED"),
        (|request| request.request_id = String::new(), "PARAMETER_MISSING"),
        (|request| request.request_id = "x".repeat(15), "REQUEST_MALFORMED"),
        (|request| request.issuer_id = "other".to_owned(), "ISSUER_UNKNOWN"),
        (|request| request.target = Some(Target::Subject("alice".to_owned())), "REQUEST_MALFORMED"),
        (|request| request.target = Some(Target::GrantId("x".to_owned())), "REQUEST_MALFORMED"),
        (|request| request.target = Some(Target::GrantId("A".repeat(22))), "RECORD_UNKNOWN"),
        (|request| request.target = Some(consent_target("unknown", "app")), "RECORD_UNKNOWN"),
        (
            |request| request.target = Some(Target::Everything(v1::Everything { confirm: "yes".to_owned() })),
            "REQUEST_MALFORMED",
        ),
    ];
    for (change, reason) in changes {
        let mut request = revoke_request(Target::Everything(v1::Everything { confirm: ISSUER_URL.to_owned() }), "1");
        change(&mut request);
        assert_eq!(operator.revoke_now(request).await.reason(), reason);
    }
    let elsewhere = Operator::new(control.caller("token-of-another"));
    for kind in WIDER {
        assert_eq!(kind.carry_out(&elsewhere, "", "1").await.reason(), "ISSUER_UNKNOWN");
    }
    assert_eq!(env.record_counts().await, counts);
    assert!(control.is_active(&tokens.access_token).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_counts_and_changes_nothing() {
    let env = Environment::with_operator().await;
    let control = env.start().await;
    let (edge, operator) = (control.edge(), control.operator());
    for person in ["alice", "alice", "bob"] {
        let mut flow = Flow::new(App::configured());
        person.clone_into(&mut flow.person);
        flow.tokens(&edge, &env.idp).await;
    }
    let (mut other, _) = bystander(&edge, &env).await;
    let returned = other.tokens(&edge, &env.idp).await;
    edge.revoke(other.revoke(returned.refresh_token())).await.unwrap();
    let counts = env.record_counts().await;
    for (target, consents, grants) in [
        (consent_target("alice", "app"), 1, 2),
        (consent_target("carol", "app"), 0, 0),
        (Target::ClientId("app".to_owned()), 2, 3),
        (Target::Subject("idp|bob".to_owned()), 2, 2),
        (Target::Everything(v1::Everything { confirm: String::new() }), 3, 4),
    ] {
        let estimate = operator.estimate(target.clone()).await.unwrap();
        assert_eq!((estimate.live_consents, estimate.live_grants), (consents, grants), "{target:?}");
        assert!(!estimate.incomplete);
    }
    assert_eq!(env.record_counts().await, counts);
    operator.revoke_now(revoke_request(Target::Subject("idp|bob".to_owned()), "1")).await.unwrap();
    let nothing = operator.estimate(Target::Subject("idp|bob".to_owned())).await.unwrap();
    assert_eq!((nothing.live_consents, nothing.live_grants), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_revocation_has_one_outcome_per_subject_and_is_repeatable() {
    let env = Environment::with_operator().await;
    let control = env.start().await;
    let operator = control.operator();
    let subjects = ["idp|alice", "nonsense", "idp|bob"].map(str::to_owned).to_vec();
    let request = v1::RevokeSubjectsRequest {
        issuer_id: ISSUER.to_owned(),
        subjects: subjects.clone(),
        reason: "they have left".to_owned(),
        request_id: request_id("1"),
    };
    // The second revocation fails: the store is unavailable.
    env.engine.fail(1, Fault::Unavailable);
    let outcomes = |response: v1::RevokeSubjectsResponse| {
        assert_eq!(response.revocations.iter().map(|one| one.subject.clone()).collect::<Vec<_>>(), subjects);
        let outcome = |one: v1::SubjectRevocation| match one.outcome.unwrap() {
            v1::subject_revocation::Outcome::Revocation(revocation) => format!("{}", revocation.changed),
            v1::subject_revocation::Outcome::Failure(failure) => failure.reason,
        };
        response.revocations.into_iter().map(outcome).collect::<Vec<_>>()
    };
    let first = operator.revoke_subjects(request.clone()).await.unwrap();
    assert_eq!(outcomes(first), ["true", "REQUEST_MALFORMED", "STORE_UNAVAILABLE"]);
    let again = operator.revoke_subjects(request.clone()).await.unwrap();
    assert_eq!(outcomes(again), ["true", "REQUEST_MALFORMED", "true"]);
    assert_eq!(events(&operator, RevocationKind::Subject).await.len(), 2);
    let many = vec!["idp|alice".to_owned(); 101];
    let too_many = v1::RevokeSubjectsRequest { subjects: many, ..request.clone() };
    assert_eq!(operator.revoke_subjects(too_many).await.reason(), "REQUEST_TOO_LARGE");
    let none = v1::RevokeSubjectsRequest { subjects: Vec::new(), ..request };
    assert_eq!(operator.revoke_subjects(none).await.reason(), "PARAMETER_MISSING");
}
