//! Upstream revocation: the tokens of everything that ended, and no others, are revoked at the upstream, in the
//! background and across crashes.

use std::collections::BTreeSet;
use std::time::Duration;

use lychgate_api::v1;
use lychgate_api::v1::admin_service_revoke_request::Target;
use lychgate_control::config::RevocationMode;
use lychgate_engine::Space;
use tokio::task::JoinSet;

use crate::account::AccountUser;
use crate::support::{
    ApiClient, App, ControlPlane, Environment, Flow, ISSUER, ISSUER_URL, Refused as _, RevocationBehavior, TIMEOUT,
    consent_target, revoke_request,
};

async fn environment(when: RevocationMode) -> Environment {
    let mut env = Environment::with_operator().await;
    env.set_upstream_revocation(when);
    env
}

fn everything() -> Target {
    Target::Everything(v1::Everything { confirm: ISSUER_URL.to_owned() })
}

async fn authorize(person: &str, app: App, edge: &ApiClient, env: &Environment) -> (Flow, v1::ExchangeResponse) {
    let mut flow = Flow { person: person.to_owned(), ..Flow::new(app) };
    let tokens = flow.tokens(edge, &env.idp).await;
    (flow, tokens)
}

/// The upstream's refresh tokens of `people`, sorted.
fn issued_tokens(env: &Environment, people: &[&str]) -> Vec<String> {
    let mut tokens: Vec<_> = people.iter().flat_map(|person| env.idp.refresh_tokens_of(person)).collect();
    tokens.sort();
    tokens
}

/// Alice's consent is revoked, and the first upstream revocation request has been sent.
async fn revoked_consent(taking: RevocationBehavior) -> (Environment, ControlPlane) {
    let env = environment(RevocationMode::WhenLastGrantEnds).await;
    let control = env.start().await;
    authorize("alice", App::configured(), &control.edge(), &env).await;
    env.idp.set_revocation_behavior(taking);
    control.operator().revoke_now(revoke_request(consent_target("alice", "app"), "1")).await.unwrap();
    env.idp.wait_for_revocation_requests(1).await;
    (env, control)
}

/// A flow with its code and the tokens it gave.
struct Granted {
    flow: Flow,
    code: String,
    tokens: v1::ExchangeResponse,
}

/// The ways in which Alice's grant ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Consent,
    Grant,
    Client,
    Subject,
    Issuer,
    /// At the account page.
    Herself,
    /// By the client (RFC 7009).
    HerClient,
    CodeReplay,
    RefreshTokenReplay,
}

impl End {
    const ALL: [End; 9] = [
        End::Consent,
        End::Grant,
        End::Client,
        End::Subject,
        End::Issuer,
        End::Herself,
        End::HerClient,
        End::CodeReplay,
        End::RefreshTokenReplay,
    ];

    async fn carry_out(self, alice: &Granted, control: &ControlPlane, env: &Environment) {
        let Granted { flow, code, tokens } = alice;
        let (edge, operator) = (control.edge(), control.operator());
        let target = match self {
            End::Consent => consent_target("alice", "app"),
            End::Grant => {
                let request = v1::ListGrantsRequest { issuer_id: ISSUER.to_owned(), ..Default::default() };
                let listed = operator.list_grants(request).await.unwrap().grants;
                let hers = listed.iter().find(|grant| grant.subject == "idp|alice").unwrap();
                Target::GrantId(hers.grant_id.clone())
            }
            End::Client => Target::ClientId("app".to_owned()),
            End::Subject => Target::Subject("idp|alice".to_owned()),
            End::Issuer => everything(),
            End::Herself => {
                let mut user = AccountUser::signed_in("alice", &edge, env).await;
                let page = user.page(&edge).await.unwrap();
                edge.revoke_apps(user.revoke(&page.revoke_all_token)).await.unwrap();
                return;
            }
            End::HerClient => {
                edge.revoke(flow.revoke(&tokens.access_token)).await.unwrap();
                return;
            }
            End::CodeReplay => {
                assert_eq!(edge.exchange(flow.redeem(code)).await.reason(), "CODE_REPLAYED");
                return;
            }
            End::RefreshTokenReplay => {
                let first = tokens.refresh_token();
                let second = edge.exchange(flow.refresh(first)).await.unwrap();
                edge.exchange(flow.refresh(second.refresh_token())).await.unwrap();
                assert_eq!(edge.exchange(flow.refresh(first)).await.reason(), "REFRESH_TOKEN_REPLAYED");
                return;
            }
        };
        operator.revoke_now(revoke_request(target, "1")).await.unwrap();
    }
}

/// Requirements: R30.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_ended_grants_are_revoked_upstream_and_no_others() {
    for end in End::ALL {
        for when in [RevocationMode::WhenLastGrantEnds, RevocationMode::PerGrant] {
            let env = environment(when).await;
            let control = env.start().await;
            let edge = control.edge();
            authorize("bob", App::registered(&edge).await, &edge, &env).await;
            let mut flow = Flow::new(App::configured());
            let code = flow.code(&edge, &env.idp).await;
            let tokens = edge.exchange(flow.redeem(&code)).await.unwrap();
            let given = issued_tokens(&env, if end == End::Issuer { &["alice", "bob"] } else { &["alice"] });
            assert_eq!(env.connections_with_tokens().await, 2);

            end.carry_out(&Granted { flow, code, tokens }, &control, &env).await;
            env.upstream_revocations_done().await;
            assert_eq!(env.idp.revoked_tokens(), given, "{end:?} {when:?}");
            let left = usize::from(end != End::Issuer);
            assert_eq!(env.connections_with_tokens().await, left, "{end:?}: the connection ends with the last grant");
        }
    }
}

/// The revocation takes effect at once; upstream retries follow with growing pauses.
///
/// Requirements: R30.
#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_does_not_wait_for_the_upstream() {
    for taking in [RevocationBehavior::Stall, RevocationBehavior::Fail] {
        let env = environment(RevocationMode::WhenLastGrantEnds).await;
        let control = env.start().await;
        let edge = control.edge();
        let (_, tokens) = authorize("alice", App::configured(), &edge, &env).await;
        env.idp.set_revocation_behavior(taking.clone());
        let revoked = control.operator().revoke_now(revoke_request(consent_target("alice", "app"), "1")).await.unwrap();
        assert!(revoked.changed && !control.is_active(&tokens.access_token).await, "{taking:?}");
        env.idp.wait_for_revocation_requests(1).await;
        assert!(env.idp.revoked_tokens().is_empty() && env.entries(Space::UpstreamRevocations).await.len() == 1);
        if taking == RevocationBehavior::Fail {
            for (tries, pause) in [(2, 10), (3, 20)] {
                env.upstream_revocations_paused().await;
                env.advance(Duration::from_secs(pause));
                env.idp.wait_for_revocation_requests(tries).await;
            }
            assert_eq!(env.connections_with_tokens().await, 1, "the worker still needs them");
        }
        if taking == RevocationBehavior::Fail {
            env.upstream_revocations_paused().await;
        }
        env.idp.set_revocation_behavior(RevocationBehavior::Revoke);
        env.advance(Duration::from_secs(40));
        env.upstream_revocations_done().await;
        assert_eq!(env.idp.revoked_tokens(), issued_tokens(&env, &["alice"]), "{taking:?}");
    }
}

/// Requirements: R30.
#[tokio::test(flavor = "multi_thread")]
async fn upstream_revocation_is_abandoned_after_a_day() {
    let (env, _control) = revoked_consent(RevocationBehavior::Fail).await;
    env.upstream_revocations_paused().await;
    env.advance(Duration::from_secs(86_400));
    env.upstream_revocations_done().await;
    assert!(env.idp.revoked_tokens().is_empty());
    // The third time for the connection, which no grant needs.
    env.idp.wait_for_revocation_requests(3).await;
}

/// Requirements: R30.
#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_without_revocation_gets_no_request() {
    for (when, taking) in [
        (RevocationMode::PerGrant, RevocationBehavior::Unsupported),
        (RevocationMode::Never, RevocationBehavior::Revoke),
    ] {
        let env = environment(when).await;
        env.idp.set_revocation_behavior(taking);
        let control = env.start().await;
        authorize("alice", App::configured(), &control.edge(), &env).await;
        control.operator().revoke_now(revoke_request(everything(), "1")).await.unwrap();
        if when == RevocationMode::Never {
            assert!(env.entries(Space::UpstreamRevocations).await.is_empty(), "nothing is pending");
        }
        env.upstream_revocations_done().await;
        assert!(env.idp.revocation_requests().is_empty(), "{when:?}");
    }
}

/// Many providers treat one revocation as the end of everything that the person granted to the client id which all
/// clients share.
///
/// Requirements: R30.
#[tokio::test(flavor = "multi_thread")]
async fn live_grants_are_not_put_at_risk_unless_configured() {
    for when in [RevocationMode::WhenLastGrantEnds, RevocationMode::PerGrant] {
        let env = environment(when).await;
        let control = env.start().await;
        let (edge, operator) = (control.edge(), control.operator());
        authorize("alice", App::configured(), &edge, &env).await;
        let another = App::registered(&edge).await;
        let (other, _) = authorize("alice", another, &edge, &env).await;
        let given = env.idp.refresh_tokens_of("alice");

        operator.revoke_now(revoke_request(consent_target("alice", "app"), "1")).await.unwrap();
        env.upstream_revocations_done().await;
        let expected = if when == RevocationMode::WhenLastGrantEnds { &[][..] } else { &given[..1] };
        assert_eq!(env.idp.revoked_tokens(), expected, "{when:?}");
        assert_eq!(env.connections_with_tokens().await, 1);

        operator.revoke_now(revoke_request(consent_target("alice", &other.app.id), "2")).await.unwrap();
        env.upstream_revocations_done().await;
        assert_eq!(env.idp.revoked_tokens(), issued_tokens(&env, &["alice"]), "{when:?}");
    }
}

/// Over several store pages, with one token that always fails: no other token waits for it.
///
/// Requirements: R30.
#[tokio::test(flavor = "multi_thread")]
async fn a_wide_revocation_is_one_commit_and_revokes_every_grant_upstream() {
    const PEOPLE: usize = 60;
    let env = environment(RevocationMode::WhenLastGrantEnds).await;
    let control = env.start().await;
    let edge = control.edge();
    let people: Vec<_> = (0..PEOPLE).map(|n| format!("person-{n}")).collect();
    for person in &people {
        authorize(person, App::configured(), &edge, &env).await;
    }
    let people: Vec<_> = people.iter().map(String::as_str).collect();
    let choking = env.idp.refresh_tokens_of(people[0]).remove(0);
    env.idp.set_revocation_behavior(RevocationBehavior::Fail);
    let commits = env.engine.commits();
    // Every grant of the issuer, by client.
    control.operator().revoke_now(revoke_request(Target::ClientId("app".to_owned()), "1")).await.unwrap();
    assert_eq!(env.entries(Space::UpstreamRevocations).await.len(), 1, "one record names the target");
    env.upstream_revocations_paused().await;
    assert_eq!(env.engine.commits(), commits + 2, "the revocation and its failed try");
    assert!(env.idp.revocation_requests().len() <= 4, "an unavailable upstream is not flooded");

    env.idp.set_revocation_behavior(RevocationBehavior::RevokeAllBut(choking.clone()));
    while env.idp.revoked_tokens().len() < PEOPLE - 1 {
        env.advance(Duration::from_secs(900));
        env.upstream_revocations_paused().await;
    }
    let mut others = issued_tokens(&env, &people);
    others.retain(|token| *token != choking);
    assert_eq!(env.idp.revoked_tokens(), others);
    assert_eq!(env.connections_with_tokens().await, 1);
    env.idp.set_revocation_behavior(RevocationBehavior::Revoke);
    env.advance(Duration::from_secs(900));
    env.upstream_revocations_done().await;
    assert_eq!(env.idp.revoked_tokens(), issued_tokens(&env, &people), "each of them once");
}

/// A crash loses no upstream revocation; one that was sent but not recorded is sent again, which is harmless.
///
/// Requirements: R30.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_loses_no_upstream_revocation() {
    let (env, control) = revoked_consent(RevocationBehavior::Stall).await;
    control.kill();
    assert_eq!(env.entries(Space::UpstreamRevocations).await.len(), 1);

    // The killed process reached the upstream, but did not record it.
    env.idp.set_revocation_behavior(RevocationBehavior::Revoke);
    let control = env.start().await;
    env.upstream_revocations_done().await;
    let token = env.idp.refresh_tokens_of("alice").remove(0);
    assert_eq!(env.idp.revocation_requests(), [token.clone(), token]);
    control.stop().await;
}

/// Nothing is cancelled half-way: a shutdown waits for the upstream call.
///
/// Requirements: R30.
#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_waits_for_an_upstream_revocation() {
    let (env, control) = revoked_consent(RevocationBehavior::Stall).await;
    control.shutdown.trigger();
    env.idp.set_revocation_behavior(RevocationBehavior::Revoke);
    control.stop().await;
    assert_eq!(env.connections_with_tokens().await, 0, "its outcome is recorded");
    let _control = env.start().await;
    env.upstream_revocations_done().await;
    assert_eq!(env.idp.revocation_requests(), issued_tokens(&env, &["alice"]), "it is not sent again");
}

/// Requirements: R30.
#[tokio::test(flavor = "multi_thread")]
async fn an_unredeemed_code_is_revoked_upstream_with_its_consent_and_anything_wider() {
    for target in [
        consent_target("alice", "app"),
        Target::ClientId("app".to_owned()),
        Target::Subject("idp|alice".to_owned()),
        everything(),
    ] {
        let env = environment(RevocationMode::WhenLastGrantEnds).await;
        let control = env.start().await;
        let edge = control.edge();
        let mut flow = Flow::new(App::configured());
        let code = flow.code(&edge, &env.idp).await;
        control.operator().revoke_now(revoke_request(target.clone(), "1")).await.unwrap();
        env.upstream_revocations_done().await;
        assert_eq!(env.idp.revoked_tokens(), issued_tokens(&env, &["alice"]), "{target:?}");
        assert_eq!(edge.exchange(flow.redeem(&code)).await.reason(), "GRANT_ENDED");
        // Later grants are not affected.
        authorize("alice", App::configured(), &edge, &env).await;
        env.upstream_revocations_done().await;
        assert_eq!(env.idp.revoked_tokens().len(), 1);
    }
}

/// A login's tokens have a code before they have a grant. The worker reads codes and grants one after the other, and the code is
/// redeemed in between.
///
/// Requirements: R30.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_is_redeemed_while_the_worker_looks_keeps_its_tokens() {
    let env = environment(RevocationMode::WhenLastGrantEnds).await;
    let control = env.start().await;
    let edge = control.edge();
    let (first, tokens) = authorize("alice", App::configured(), &edge, &env).await;
    let mut second = Flow::new(App::configured());
    let code = second.code(&edge, &env.idp).await;
    env.upstream_revocations_done().await;
    // The worker looks before it releases deferred tokens, and again before it ends the connection.
    let mut look = env.engine.hold_read(1, Space::Authorizations);
    edge.revoke(first.revoke(&tokens.access_token)).await.unwrap();
    look.arrived().await;
    edge.exchange(second.redeem(&code)).await.unwrap();
    look.release();
    env.upstream_revocations_done().await;
    assert_eq!(env.connections_with_tokens().await, 1);
    assert!(env.idp.revoked_tokens().is_empty(), "the grant of the code is live");
}

/// Tokens minted in parallel with a revocation are revoked upstream too.
///
/// Requirements: R30.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_minted_beside_a_revocation_are_revoked_upstream() {
    const RACERS: usize = 16;
    let env = environment(RevocationMode::WhenLastGrantEnds).await;
    let control = env.start().await;
    let (edge, operator) = (control.edge(), control.operator());
    let mut codes = Vec::new();
    for _ in 0..RACERS {
        let mut flow = Flow::new(App::configured());
        let code = flow.code(&edge, &env.idp).await;
        codes.push((flow, code));
    }
    let mut racers = JoinSet::new();
    for (flow, code) in codes {
        let edge = control.edge();
        racers.spawn(async move { edge.exchange(flow.redeem(&code)).await.is_ok() });
    }
    operator.revoke_now(revoke_request(consent_target("alice", "app"), "1")).await.unwrap();
    let redeemed = racers.join_all().await.into_iter().filter(|redeemed| *redeemed).count();
    env.upstream_revocations_done().await;
    let revoked: BTreeSet<_> = env.idp.revoked_tokens().into_iter().collect();
    assert_eq!(revoked, issued_tokens(&env, &["alice"]).into_iter().collect(), "{redeemed} were quicker");
    assert_eq!(env.connections_with_tokens().await, 0);
}

/// Requirements: R30.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_a_later_login_replaces_are_revoked_upstream() {
    let env = environment(RevocationMode::PerGrant).await;
    let control = env.start().await;
    let edge = control.edge();
    for _ in 0..21 {
        authorize("alice", App::configured(), &edge, &env).await;
    }
    env.upstream_revocations_done().await;
    let mut replaced = env.idp.refresh_tokens_of("alice")[..20].to_vec();
    replaced.sort();
    assert_eq!(env.idp.revoked_tokens(), replaced);
    assert_eq!(env.connections_with_tokens().await, 1);
}

/// A new consent no longer references the grants that ended before it.
///
/// Requirements: R30.
#[tokio::test(flavor = "multi_thread")]
async fn grants_from_before_a_new_approval_are_revoked_upstream() {
    let env = environment(RevocationMode::PerGrant).await;
    let control = env.start().await;
    let edge = control.edge();
    authorize("alice", App::configured(), &edge, &env).await;
    env.idp.set_revocation_behavior(RevocationBehavior::Fail);
    control.operator().revoke_now(revoke_request(Target::Subject("idp|alice".to_owned()), "1")).await.unwrap();
    env.idp.wait_for_revocation_requests(1).await;
    env.upstream_revocations_paused().await;
    authorize("alice", App::configured(), &edge, &env).await;
    env.idp.set_revocation_behavior(RevocationBehavior::Revoke);
    env.advance(Duration::from_secs(900));
    env.upstream_revocations_done().await;
    let given = env.idp.refresh_tokens_of("alice");
    assert_eq!(env.idp.revoked_tokens(), given[..1], "newer tokens are not revoked");
    assert_eq!(env.connections_with_tokens().await, 1);
}

/// The orders in which three grants can end.
const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

/// The environment's upstream revokes with the last grant, and a person has three grants of three clients.
async fn three_grants() -> (Environment, ControlPlane, Vec<(Flow, v1::ExchangeResponse)>) {
    let env = environment(RevocationMode::WhenLastGrantEnds).await;
    let control = env.start().await;
    let edge = control.edge();
    let mut grants = Vec::new();
    for _ in 0..3 {
        let app = App::registered(&edge).await;
        grants.push(authorize("alice", app, &edge, &env).await);
    }
    (env, control, grants)
}

/// In every order of their ends, by consent or by the client: nothing is revoked upstream before the last one
/// ends, and all three are then. Tokens that wait survive a restart.
///
/// Requirements: R30.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_grants_that_ended_before_the_last_are_revoked_with_it() {
    for (n, order) in ORDERS.into_iter().enumerate() {
        let (env, mut control, grants) = three_grants().await;
        authorize("bob", App::configured(), &control.edge(), &env).await;
        let given = issued_tokens(&env, &["alice"]);
        for (ended, which) in order.into_iter().enumerate() {
            assert_eq!(env.idp.revocation_requests(), [] as [String; 0], "{order:?}: {ended} have ended");
            let (flow, tokens) = &grants[which];
            if (n + ended).is_multiple_of(2) {
                let target = consent_target("alice", &flow.app.id);
                control.operator().revoke_now(revoke_request(target, &which.to_string())).await.unwrap();
            } else {
                control.edge().revoke(flow.revoke(&tokens.access_token)).await.unwrap();
            }
            env.upstream_revocations_done().await;
            let left = if ended == 2 { 1 } else { 2 };
            assert_eq!(env.connections_with_tokens().await, left, "{order:?}: the connection ends with the last grant");
            if ended == 1 {
                control.kill();
                control = env.start().await;
            }
        }
        assert_eq!(env.idp.revoked_tokens(), given, "{order:?}");
        assert_eq!(env.idp.revocation_requests().len(), 3, "{order:?}: each once");
        assert!(env.entries(Space::UpstreamRevocations).await.is_empty(), "{order:?}");
    }
}

/// Three grants of one client under one consent, of which the client ends one after another.
///
/// Requirements: R30.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_one_clients_grants_are_revoked_with_the_last() {
    let env = environment(RevocationMode::WhenLastGrantEnds).await;
    let control = env.start().await;
    let edge = control.edge();
    let mut grants = Vec::new();
    for _ in 0..3 {
        grants.push(authorize("alice", App::configured(), &edge, &env).await);
    }
    for (flow, tokens) in &grants {
        assert!(env.idp.revocation_requests().is_empty());
        edge.revoke(flow.revoke(&tokens.access_token)).await.unwrap();
        env.upstream_revocations_done().await;
    }
    assert_eq!(env.idp.revoked_tokens(), issued_tokens(&env, &["alice"]));
}

/// Requirements: R30.
#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_is_down_when_the_last_grant_ends_loses_no_deferred_tokens() {
    let (env, control, grants) = three_grants().await;
    let last = grants.len() - 1;
    for (n, (flow, tokens)) in grants.iter().enumerate() {
        if n == last {
            env.idp.set_revocation_behavior(RevocationBehavior::Fail);
        }
        control.edge().revoke(flow.revoke(&tokens.access_token)).await.unwrap();
        if n < last {
            env.upstream_revocations_done().await;
        }
    }
    env.idp.wait_for_revocation_requests(1).await;
    env.upstream_revocations_paused().await;
    env.idp.set_revocation_behavior(RevocationBehavior::Revoke);
    env.advance(Duration::from_secs(900));
    env.upstream_revocations_done().await;
    assert_eq!(env.idp.revoked_tokens(), issued_tokens(&env, &["alice"]));
}

/// A last grant that expires is no revocation; the tokens that waited for its end are revoked all the same.
///
/// Requirements: R30.
#[tokio::test(flavor = "multi_thread")]
async fn deferred_tokens_are_revoked_after_the_last_grant_expired() {
    let (env, control, grants) = three_grants().await;
    let given = env.idp.refresh_tokens_of("alice");
    for (flow, tokens) in &grants[..2] {
        control.edge().revoke(flow.revoke(&tokens.access_token)).await.unwrap();
    }
    env.upstream_revocations_done().await;
    assert!(env.idp.revocation_requests().is_empty());
    env.advance(Duration::from_secs(31 * 86_400));
    env.idp.wait_for_revocation_requests(3).await;
    let mut expected = given;
    expected.sort();
    assert_eq!(env.idp.revoked_tokens(), expected);
}

/// The job looks at 50 connections a minute.
///
/// Requirements: R30.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_a_connection_are_revoked_after_its_last_grant_expired() {
    const PEOPLE: usize = 51;
    let env = environment(RevocationMode::WhenLastGrantEnds).await;
    let control = env.start().await;
    let (edge, people) = (control.edge(), (0..PEOPLE).map(|n| format!("person-{n}")).collect::<Vec<_>>());
    for person in &people {
        authorize(person, App::configured(), &edge, &env).await;
    }
    env.advance(Duration::from_secs(20 * 86_400));
    authorize("bob", App::configured(), &edge, &env).await;
    env.advance(Duration::from_secs(11 * 86_400));
    // A look takes 50 connections and begins a minute after the one before, which may still be under way.
    let next_looks = async {
        let mut looks = tokio::time::interval(Duration::from_millis(100));
        while env.idp.revocation_requests().len() < PEOPLE {
            env.advance(Duration::from_secs(61));
            looks.tick().await;
        }
    };
    tokio::time::timeout(TIMEOUT, next_looks).await.expect("every person's tokens are revoked");
    let people: Vec<_> = people.iter().map(String::as_str).collect();
    assert_eq!(env.idp.revoked_tokens(), issued_tokens(&env, &people));
    assert_eq!(env.connections_with_tokens().await, 1, "Bob's grant is live");
}

/// Requirements: R30.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_revoked_after_the_last_grant_reached_its_longest_life() {
    let mut env = environment(RevocationMode::WhenLastGrantEnds).await;
    let lifetimes = env.lifetimes();
    (lifetimes.grant_seconds, lifetimes.grant_idle_seconds) = (86_400, 86_400);
    let control = env.start().await;
    authorize("alice", App::configured(), &control.edge(), &env).await;
    env.advance(Duration::from_secs(86_400));
    env.advance(Duration::from_secs(10 * 60));
    env.idp.wait_for_revocation_requests(1).await;
    assert_eq!(env.idp.revoked_tokens(), issued_tokens(&env, &["alice"]));
}

/// Requirements: R30.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_returns_keeps_deferred_tokens_waiting() {
    let (env, control, grants) = three_grants().await;
    let end = async |(flow, tokens): &(Flow, v1::ExchangeResponse)| {
        control.edge().revoke(flow.revoke(&tokens.access_token)).await.unwrap();
        env.upstream_revocations_done().await;
    };
    end(&grants[0]).await;
    let fourth = authorize("alice", App::configured(), &control.edge(), &env).await;
    end(&grants[1]).await;
    end(&grants[2]).await;
    assert!(env.idp.revocation_requests().is_empty(), "the fourth grant is live");
    end(&fourth).await;
    assert_eq!(env.idp.revoked_tokens(), issued_tokens(&env, &["alice"]), "four of four");
}

/// Deferred tokens of another person wait for that person's own last grant.
///
/// Requirements: R30.
#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_everything_revokes_deferred_tokens_of_every_person() {
    let (env, control, grants) = three_grants().await;
    let edge = control.edge();
    let (flow, tokens) = authorize("bob", App::configured(), &edge, &env).await;
    let app = App::registered(&edge).await;
    authorize("bob", app, &edge, &env).await;
    edge.revoke(flow.revoke(&tokens.access_token)).await.unwrap();
    edge.revoke(grants[0].0.revoke(&grants[0].1.access_token)).await.unwrap();
    env.upstream_revocations_done().await;
    assert!(env.idp.revocation_requests().is_empty());
    control.operator().revoke_now(revoke_request(everything(), "1")).await.unwrap();
    env.upstream_revocations_done().await;
    assert_eq!(env.idp.revoked_tokens(), issued_tokens(&env, &["alice", "bob"]));
}
