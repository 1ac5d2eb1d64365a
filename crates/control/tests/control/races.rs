//! Parallel calls at two processes over one store.

use std::collections::HashSet;
use std::sync::Arc;

use lychgate_api::{error_metadata, v1};
use lychgate_engine::Space;
use tokio::sync::{Barrier, Notify, watch};
use tokio::task::JoinSet;

use crate::support::{ApiClient, App, ControlPlane, Environment, Failure, Flow, again, code_in, location};

const RACERS: usize = 64;

/// The most live grants of one consent.
const GRANTS: usize = 20;

/// Runs all calls from the same moment, spread over the processes, each over its own connection.
pub(crate) async fn race<T: Send + 'static, F>(
    controls: &[ControlPlane],
    runs: impl IntoIterator<Item = impl FnOnce(ApiClient) -> F>,
) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
{
    let runs: Vec<_> = runs.into_iter().collect();
    let start = Arc::new(Barrier::new(runs.len()));
    let mut racers = JoinSet::new();
    for (n, run) in runs.into_iter().enumerate() {
        let (start, run) = (start.clone(), run(controls[n % controls.len()].edge()));
        racers.spawn(async move {
            start.wait().await;
            run.await
        });
    }
    racers.join_all().await
}

async fn two_processes(env: &Environment) -> [ControlPlane; 2] {
    [env.start().await, env.start().await]
}

fn reasons<T>(outcomes: &[Result<T, Failure>]) -> HashSet<&str> {
    outcomes.iter().filter_map(|outcome| Some(outcome.as_ref().err()?.reason.as_str())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_first_logins_all_succeed_and_twenty_grants_live() {
    let env = Environment::new().await;
    let controls = two_processes(&env).await;
    let edge = controls[0].edge();
    let mut callbacks = Vec::new();
    for _ in 0..RACERS {
        let mut flow = Flow::new(App::configured());
        let callback = flow.sign_in(&edge, &env.idp).await;
        callbacks.push((flow, callback));
    }
    let logins = callbacks.into_iter().map(|(flow, callback)| {
        |edge: ApiClient| async move { (flow, edge.finish_login(callback).await.expect("each login succeeds")) }
    });
    let finished = race(&controls, logins).await;
    assert_eq!(env.entries(Space::Consents).await.len(), 1, "one consent per person, client and resource");
    assert_eq!((env.idp.calls(), env.events().await.len()), (RACERS, RACERS));

    let exchanges = finished.into_iter().map(|(flow, next)| {
        |edge: ApiClient| async move {
            let tokens = edge.exchange(flow.redeem(&code_in(&next))).await;
            (flow, tokens.expect("each exchange succeeds"))
        }
    });
    let redeemed = race(&controls, exchanges).await;
    assert_eq!(env.entries(Space::Grants).await.len(), GRANTS);
    assert_eq!(env.entries(Space::Consents).await.len(), 1);

    let refreshes = redeemed.into_iter().map(|(flow, tokens)| {
        |edge: ApiClient| async move { edge.exchange(flow.refresh(tokens.refresh_token())).await }
    });
    let refreshed = race(&controls, refreshes).await;
    assert_eq!(refreshed.iter().filter(|refreshed| refreshed.is_ok()).count(), GRANTS);
    assert_eq!(reasons(&refreshed), HashSet::from(["REFRESH_TOKEN_INVALID"]), "evicted grants have ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_of_twenty_one_grants_is_evicted() {
    let env = Environment::new().await;
    let control = env.start().await;
    let edge = control.edge();
    let mut grants = Vec::new();
    for _ in 0..=GRANTS {
        let mut flow = Flow::new(App::configured());
        let tokens = flow.tokens(&edge, &env.idp).await;
        grants.push((flow, tokens));
    }
    let mut refreshed = Vec::new();
    for (flow, tokens) in &grants {
        refreshed.push(edge.exchange(flow.refresh(tokens.refresh_token())).await);
    }
    assert_eq!(refreshed[0].as_ref().unwrap_err().reason, "REFRESH_TOKEN_INVALID");
    assert!(refreshed[1..].iter().all(Result::is_ok));
}

/// One exchange wins; the replays of its code then end its grant.
///
/// Requirements: R19.
#[tokio::test(flavor = "multi_thread")]
async fn parallel_redemptions_of_one_code_have_one_winner_and_end_its_grant() {
    let env = Environment::new().await;
    let controls = two_processes(&env).await;
    let mut flow = Flow::new(App::configured());
    let code = flow.code(&controls[0].edge(), &env.idp).await;
    let redemptions = (0..RACERS).map(|_| {
        let request = flow.redeem(&code);
        |edge: ApiClient| async move { edge.exchange(request).await }
    });
    let outcomes = race(&controls, redemptions).await;
    let winners: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).collect();
    let [winner] = winners.as_slice() else { panic!("expected exactly one winner: {outcomes:?}") };
    assert_eq!(reasons(&outcomes), HashSet::from(["CODE_REPLAYED"]));
    let refreshed = controls[1].edge().exchange(flow.refresh(winner.refresh_token())).await;
    assert_eq!(refreshed.unwrap_err().reason, "GRANT_ENDED");
    assert_eq!(env.events().await.len(), 3, "approved, issued, replayed: each once");
}

/// A revocation is one small commit that no parallel exchange escapes: tokens issued before or after it are dead.
#[tokio::test(flavor = "multi_thread")]
async fn parallel_exchanges_do_not_outlive_a_revocation_of_the_issuer() {
    let env = Arc::new(Environment::new().await);
    let controls = two_processes(&env).await;
    let edge = controls[0].edge();
    let mut redemptions = Vec::new();
    for _ in 0..RACERS {
        let mut flow = Flow::new(App::configured());
        let code = flow.code(&edge, &env.idp).await;
        redemptions.push((flow, code));
    }
    // Revokes as soon as the first exchange has its tokens.
    let first = Arc::new(Notify::new());
    let begun = first.clone();
    let revocation = tokio::spawn({
        let env = env.clone();
        async move {
            begun.notified().await;
            env.raise_issuer_counter().await;
        }
    });
    let exchanges = redemptions.into_iter().map(|(flow, code)| {
        let first = first.clone();
        |edge: ApiClient| async move {
            let outcome = edge.exchange(flow.redeem(&code)).await;
            first.notify_one();
            (flow, outcome)
        }
    });
    let outcomes = race(&controls, exchanges).await;
    revocation.await.unwrap();
    assert!(outcomes.iter().any(|(_, outcome)| outcome.is_ok()), "the first had its tokens");
    for (flow, outcome) in outcomes {
        match outcome {
            Ok(tokens) => {
                let refreshed = edge.exchange(flow.refresh(tokens.refresh_token())).await;
                let reason = refreshed.unwrap_err().reason;
                assert!(["GRANT_ENDED", "REFRESH_TOKEN_INVALID"].contains(&reason.as_str()), "{reason}");
            }
            Err(failure) => assert_eq!(failure.reason, "GRANT_ENDED"),
        }
    }
}

/// The same for a consent, revoked after `earlier` exchanges.
#[tokio::test(flavor = "multi_thread")]
async fn parallel_exchanges_do_not_outlive_a_revocation_of_their_consent() {
    for earlier in [0, 1, 8, 32, RACERS - 1] {
        let env = Arc::new(Environment::new().await);
        let controls = two_processes(&env).await;
        let edge = controls[0].edge();
        let mut redemptions = Vec::new();
        for _ in 0..RACERS {
            let mut flow = Flow::new(App::configured());
            let code = flow.code(&edge, &env.idp).await;
            redemptions.push((flow.redeem(&code), flow));
        }
        let outcomes = race_with_revocation(&controls, earlier, redemptions, revoke_consent(&env)).await;
        let handed_out = outcomes.iter().filter(|(_, outcome)| outcome.is_ok()).count();
        assert!(handed_out >= earlier, "{handed_out} before the revoke_request, not {earlier}");
        nothing_lives(&edge, &outcomes).await;
        // A new approval revives none of them.
        let mut anew = Flow::new(App::configured());
        let tokens = anew.tokens(&edge, &env.idp).await;
        nothing_lives(&edge, &outcomes).await;
        edge.exchange(anew.refresh(tokens.refresh_token())).await.unwrap();
    }
}

/// One code, exchanged repeatedly by its client (one idempotency key) or by a thief (several keys).
#[tokio::test(flavor = "multi_thread")]
async fn parallel_exchanges_of_one_code_do_not_outlive_a_revocation_of_its_consent() {
    for (is_repeated, earlier) in [(true, 0), (true, 1), (true, 8), (false, 0), (false, 1)] {
        let env = Arc::new(Environment::new().await);
        let controls = two_processes(&env).await;
        let edge = controls[0].edge();
        let mut flow = Flow::new(App::configured());
        let code = flow.code(&edge, &env.idp).await;
        let request = flow.redeem(&code);
        let another = || if is_repeated { request.clone() } else { flow.redeem(&code) };
        let redemptions = (0..RACERS).map(|_| (another(), flow.clone())).collect();
        let outcomes = race_with_revocation(&controls, earlier, redemptions, revoke_consent(&env)).await;
        let refused: Vec<_> = outcomes.iter().filter_map(|(_, outcome)| outcome.as_ref().err()).collect();
        let expected = if is_repeated { &["GRANT_ENDED"][..] } else { &["GRANT_ENDED", "CODE_REPLAYED"] };
        assert!(refused.iter().all(|failure| expected.contains(&failure.reason.as_str())), "{refused:?}");
        assert!(env.entries(Space::Grants).await.len() <= 1);
        assert!(is_repeated || outcomes.len() - refused.len() <= 1, "one wins at most");
        nothing_lives(&edge, &outcomes).await;
    }
}

/// Both orders of the two commits, for each call that mints.
#[tokio::test]
async fn tokens_minted_beside_a_revocation_of_their_consent_are_dead_in_either_order() {
    for revoked_first in [true, false] {
        for is_refresh in [true, false] {
            let env = Environment::new().await;
            let control = env.start().await;
            let edge = control.edge();
            let mut flow = Flow::new(App::configured());
            let request = if is_refresh {
                flow.refresh(flow.clone().tokens(&edge, &env.idp).await.refresh_token())
            } else {
                let code = flow.code(&edge, &env.idp).await;
                flow.redeem(&code)
            };
            let revocation = env.revoke_consent("alice", "app");
            let outcome = exchange_beside(revocation, revoked_first, request, &edge, &env).await;
            assert_eq!(outcome.is_ok(), !revoked_first, "{outcome:?}");
            nothing_lives(&edge, &[(flow, outcome)]).await;
            assert_eq!(env.entries(Space::Grants).await.len(), usize::from(is_refresh || !revoked_first));
        }
    }
}

fn revoke_consent(env: &Arc<Environment>) -> impl Future<Output = ()> + Send + use<> {
    let env = env.clone();
    async move { env.revoke_consent("alice", "app").await }
}

/// Races the exchanges with a revocation that starts after `earlier` of them succeeded.
pub(crate) async fn race_with_revocation(
    controls: &[ControlPlane],
    earlier: usize,
    redemptions: Vec<(v1::ExchangeRequest, Flow)>,
    revocation: impl Future<Output = ()> + Send + 'static,
) -> Vec<(Flow, Result<v1::ExchangeResponse, Failure>)> {
    let done = watch::Sender::new(0);
    let mut is_time = done.subscribe();
    let revocation = tokio::spawn(async move {
        is_time.wait_for(|done| *done >= earlier).await.expect("the exchanges progress");
        revocation.await;
    });
    let exchanges = redemptions.into_iter().map(|(request, flow)| {
        let done = done.clone();
        |edge: ApiClient| async move {
            let outcome = edge.exchange(request).await;
            done.send_modify(|done| *done += usize::from(outcome.is_ok()));
            (flow, outcome)
        }
    });
    let outcomes = race(controls, exchanges).await;
    revocation.await.unwrap();
    outcomes
}

/// Sends `request` beside `revocation`, with their commits in the given order; returns the outcome of the request.
pub(crate) async fn exchange_beside(
    revocation: impl Future<Output = ()>,
    revoked_first: bool,
    request: v1::ExchangeRequest,
    edge: &ApiClient,
    env: &Environment,
) -> Result<v1::ExchangeResponse, Failure> {
    let mut first_to_commit = env.engine.hold(0);
    if revoked_first {
        let revoked = async {
            first_to_commit.arrived().await;
            revocation.await;
            first_to_commit.release();
        };
        tokio::join!(edge.exchange(request), revoked).0
    } else {
        let minted = async {
            first_to_commit.arrived().await;
            let outcome = edge.exchange(request).await;
            first_to_commit.release();
            outcome
        };
        tokio::join!(revocation, minted).1
    }
}

/// Asserts that neither issued nor refused tokens are usable.
async fn nothing_lives(edge: &ApiClient, outcomes: &[(Flow, Result<v1::ExchangeResponse, Failure>)]) {
    for (flow, outcome) in outcomes {
        let refused = match outcome {
            Ok(tokens) => edge.exchange(flow.refresh(tokens.refresh_token())).await.unwrap_err(),
            Err(failure) => failure.clone(),
        };
        assert_eq!(refused.metadata[error_metadata::OAUTH_ERROR], "invalid_grant", "{refused:?}");
    }
}

/// A client's processes refresh at once.
///
/// Requirements: A12.
#[tokio::test(flavor = "multi_thread")]
async fn parallel_refreshes_of_one_token_get_the_same_successor() {
    let env = Environment::new().await;
    let controls = two_processes(&env).await;
    let mut flow = Flow::new(App::configured());
    let tokens = flow.tokens(&controls[0].edge(), &env.idp).await;
    let refreshes = (0..RACERS).map(|_| {
        let request = flow.refresh(tokens.refresh_token());
        |edge: ApiClient| async move { edge.exchange(request).await.expect("each refresh succeeds") }
    });
    let refreshed = race(&controls, refreshes).await;
    let successors: HashSet<_> = refreshed.iter().map(|tokens| tokens.refresh_token()).collect();
    assert_eq!(successors.len(), 1);
    let successor = refreshed[0].refresh_token();
    controls[1].edge().exchange(flow.refresh(successor)).await.unwrap();
}

/// An approval counts until a denial does, and every denial is the same redirect.
#[tokio::test(flavor = "multi_thread")]
async fn parallel_answers_to_one_page_leave_the_denial() {
    let env = Environment::new().await;
    let controls = two_processes(&env).await;
    let mut flow = Flow::new(App::configured());
    let page = flow.consent_page(&controls[0].edge()).await;
    let answers = (0..RACERS).map(|n| {
        let decision = if n % 2 == 0 { v1::Decision::Approve } else { v1::Decision::Deny };
        let request = flow.decide(&page, decision);
        move |edge: ApiClient| async move { (decision, edge.decide(request).await) }
    });
    let outcomes = race(&controls, answers).await;
    let leads_to = |outcome: &Result<v1::Next, Failure>| Some(location(outcome.as_ref().ok()?).to_owned());
    let (approvals, denials): (Vec<_>, Vec<_>) =
        outcomes.into_iter().partition(|(decision, _)| *decision == v1::Decision::Approve);
    let outcomes =
        |of: Vec<(_, Result<v1::Next, Failure>)>| of.into_iter().map(|(_, outcome)| outcome).collect::<Vec<_>>();
    let (approvals, denials) = (outcomes(approvals), outcomes(denials));
    let refusals = [reasons(&approvals), reasons(&denials)];
    assert!(refusals[0].is_subset(&HashSet::from(["ALREADY_DECIDED"])) && refusals[1].is_empty(), "{refusals:?}");
    let denials: HashSet<_> = denials.iter().map(leads_to).collect();
    assert!(denials.len() == 1 && !denials.contains(&None), "{denials:?}");
    let approvals: HashSet<_> = approvals.iter().filter_map(leads_to).collect();
    assert!(approvals.len() <= 1, "{approvals:?}");
    assert_eq!(env.entries(Space::Authorizations).await.len(), 1);
    let late = flow.decide(&page, v1::Decision::Approve);
    assert_eq!(
        controls[0].edge().decide(late).await.map_err(|failure| failure.reason),
        Err("ALREADY_DECIDED".to_owned())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_callbacks_call_the_upstream_once_and_share_its_answer() {
    let env = Environment::new().await;
    let controls = two_processes(&env).await;
    let callback = Flow::new(App::configured()).sign_in(&controls[0].edge(), &env.idp).await;
    let callbacks = (0..RACERS).map(|_| {
        let request = again(&callback);
        |edge: ApiClient| async move { edge.finish_login(request).await.expect("each callback is answered") }
    });
    let answers = race(&controls, callbacks).await;
    assert_eq!(answers.iter().map(location).collect::<HashSet<_>>().len(), 1);
    assert_eq!((env.idp.calls(), env.events().await.len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_repetitions_of_one_registration_make_one_client() {
    let env = Environment::new().await;
    let controls = two_processes(&env).await;
    let registration = App::registration("none");
    let registrations = (0..RACERS).map(|_| {
        let request = registration.clone();
        |edge: ApiClient| async move { edge.register(request).await.expect("each gets the client") }
    });
    let clients = race(&controls, registrations).await;
    assert!(clients.iter().all(|client| *client == clients[0]));
    assert_eq!(env.entries(Space::Clients).await.len(), 1);
}
