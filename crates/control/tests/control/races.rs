//! Parallel calls at two processes over one store.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use lychgate_api::{error_metadata, v1};
use lychgate_engine::{Batch, Engine as _, Expectation, Key, Space};
use tokio::sync::{Barrier, Notify, watch};
use tokio::task::JoinSet;

use crate::support::{App, Control, Edge, Failure, Flow, ISSUER_URL, World, attempt, location, query};

const RACERS: usize = 64;

/// The most live grants of one consent.
const GRANTS: usize = 20;

/// Runs all calls from the same moment, spread over the processes, each over its own connection.
pub(crate) async fn race<T: Send + 'static, F>(
    controls: &[Control],
    runs: impl IntoIterator<Item = impl FnOnce(Edge) -> F>,
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

async fn two_processes(world: &World) -> [Control; 2] {
    [world.start().await, world.start().await]
}

fn reasons<T>(outcomes: &[Result<T, Failure>]) -> HashSet<&str> {
    outcomes.iter().filter_map(|outcome| Some(outcome.as_ref().err()?.reason.as_str())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_first_logins_all_succeed_and_twenty_grants_live() {
    let world = World::new().await;
    let controls = two_processes(&world).await;
    let edge = controls[0].edge();
    let mut callbacks = Vec::new();
    for _ in 0..RACERS {
        let mut flow = Flow::new(App::configured());
        let callback = flow.sign_in(&edge, &world.idp).await;
        callbacks.push((flow, callback));
    }
    let logins = callbacks.into_iter().map(|(flow, callback)| {
        |edge: Edge| async move { (flow, edge.finish_login(callback).await.expect("each login succeeds")) }
    });
    let finished = race(&controls, logins).await;
    assert_eq!(world.kept(Space::Consents).await.len(), 1, "one consent per person, client and resource");
    assert_eq!((world.idp.calls(), world.events().await.len()), (RACERS, RACERS));

    let exchanges = finished.into_iter().map(|(flow, next)| {
        |edge: Edge| async move {
            let tokens = edge.exchange(flow.redeem(&query(location(&next))["code"])).await;
            (flow, tokens.expect("each exchange succeeds"))
        }
    });
    let redeemed = race(&controls, exchanges).await;
    assert_eq!(world.kept(Space::Grants).await.len(), GRANTS);
    assert_eq!(world.kept(Space::Consents).await.len(), 1);

    let refreshes = redeemed
        .into_iter()
        .map(|(flow, tokens)| |edge: Edge| async move { edge.exchange(flow.refresh(tokens.refresh_token())).await });
    let refreshed = race(&controls, refreshes).await;
    assert_eq!(refreshed.iter().filter(|refreshed| refreshed.is_ok()).count(), GRANTS);
    assert_eq!(reasons(&refreshed), HashSet::from(["REFRESH_TOKEN_INVALID"]), "evicted grants have ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_of_twenty_one_grants_is_evicted() {
    let world = World::new().await;
    let control = world.start().await;
    let edge = control.edge();
    let mut grants = Vec::new();
    for _ in 0..=GRANTS {
        let mut flow = Flow::new(App::configured());
        let tokens = flow.tokens(&edge, &world.idp).await;
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
async fn parallel_redemptions_of_one_code_have_one_winner_whose_grant_ends() {
    let world = World::new().await;
    let controls = two_processes(&world).await;
    let mut flow = Flow::new(App::configured());
    let code = flow.code(&controls[0].edge(), &world.idp).await;
    let redemptions = (0..RACERS).map(|_| {
        let request = flow.redeem(&code);
        |edge: Edge| async move { edge.exchange(request).await }
    });
    let outcomes = race(&controls, redemptions).await;
    let winners: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).collect();
    let [winner] = winners.as_slice() else { panic!("expected exactly one winner: {outcomes:?}") };
    assert_eq!(reasons(&outcomes), HashSet::from(["CODE_REPLAYED"]));
    let refreshed = controls[1].edge().exchange(flow.refresh(winner.refresh_token())).await;
    assert_eq!(refreshed.unwrap_err().reason, "GRANT_ENDED");
    assert_eq!(world.events().await.len(), 3, "approved, issued, replayed: each once");
}

/// A revocation is one small commit that no parallel exchange escapes: tokens issued before or after it are dead.
#[tokio::test(flavor = "multi_thread")]
async fn parallel_exchanges_do_not_outlive_a_revocation_of_the_issuer() {
    let world = World::new().await;
    let controls = two_processes(&world).await;
    let edge = controls[0].edge();
    let mut redemptions = Vec::new();
    for _ in 0..RACERS {
        let mut flow = Flow::new(App::configured());
        let code = flow.code(&edge, &world.idp).await;
        redemptions.push((flow, code));
    }
    let (engine, now) = (world.engine.clone(), world.now());
    // Revokes as soon as the first exchange has its tokens.
    let first = Arc::new(Notify::new());
    let begun = first.clone();
    let revocation = tokio::spawn(async move {
        begun.notified().await;
        let url = lychgate_domain::issuer::IssuerUrl::parse(ISSUER_URL).unwrap();
        let counter = Key::new(Space::Counters, [url.digest().as_slice(), b"i"].concat());
        let raised = Batch::new(now, now + Duration::from_secs(10));
        engine.commit(raised.put(counter, Expectation::Absent, vec![0x08, 0x01], None)).await.unwrap();
    });
    let exchanges = redemptions.into_iter().map(|(flow, code)| {
        let first = first.clone();
        |edge: Edge| async move {
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
        let world = Arc::new(World::new().await);
        let controls = two_processes(&world).await;
        let edge = controls[0].edge();
        let mut redemptions = Vec::new();
        for _ in 0..RACERS {
            let mut flow = Flow::new(App::configured());
            let code = flow.code(&edge, &world.idp).await;
            redemptions.push((flow.redeem(&code), flow));
        }
        let outcomes = race_with_revocation(&world, &controls, earlier, redemptions).await;
        let handed_out = outcomes.iter().filter(|(_, outcome)| outcome.is_ok()).count();
        assert!(handed_out >= earlier, "{handed_out} before the revocation, not {earlier}");
        nothing_lives(&edge, &outcomes).await;
        // A new approval revives none of them.
        let mut anew = Flow::new(App::configured());
        let tokens = anew.tokens(&edge, &world.idp).await;
        nothing_lives(&edge, &outcomes).await;
        edge.exchange(anew.refresh(tokens.refresh_token())).await.unwrap();
    }
}

/// One code, exchanged repeatedly by its client (one idempotency key) or by a thief (several keys).
#[tokio::test(flavor = "multi_thread")]
async fn parallel_exchanges_of_one_code_do_not_outlive_a_revocation_of_its_consent() {
    for (is_repeated, earlier) in [(true, 0), (true, 1), (true, 8), (false, 0), (false, 1)] {
        let world = Arc::new(World::new().await);
        let controls = two_processes(&world).await;
        let edge = controls[0].edge();
        let mut flow = Flow::new(App::configured());
        let code = flow.code(&edge, &world.idp).await;
        let request = flow.redeem(&code);
        let another = || if is_repeated { request.clone() } else { flow.redeem(&code) };
        let redemptions = (0..RACERS).map(|_| (another(), flow.clone())).collect();
        let outcomes = race_with_revocation(&world, &controls, earlier, redemptions).await;
        let refused: Vec<_> = outcomes.iter().filter_map(|(_, outcome)| outcome.as_ref().err()).collect();
        let expected = if is_repeated { &["GRANT_ENDED"][..] } else { &["GRANT_ENDED", "CODE_REPLAYED"] };
        assert!(refused.iter().all(|failure| expected.contains(&failure.reason.as_str())), "{refused:?}");
        assert!(world.kept(Space::Grants).await.len() <= 1);
        assert!(is_repeated || outcomes.len() - refused.len() <= 1, "one wins at most");
        nothing_lives(&edge, &outcomes).await;
    }
}

/// Both orders of the two commits, for each call that mints.
#[tokio::test]
async fn tokens_minted_beside_a_revocation_of_their_consent_are_dead_in_either_order() {
    for revoked_first in [true, false] {
        for is_refresh in [true, false] {
            let world = World::new().await;
            let control = world.start().await;
            let edge = control.edge();
            let mut flow = Flow::new(App::configured());
            let request = if is_refresh {
                flow.refresh(flow.clone().tokens(&edge, &world.idp).await.refresh_token())
            } else {
                let code = flow.code(&edge, &world.idp).await;
                flow.redeem(&code)
            };
            let mut first_to_commit = world.engine.hold(0);
            let outcome = if revoked_first {
                let held = edge.exchange(request);
                let revoked = async {
                    first_to_commit.arrived().await;
                    world.revoke_consent("alice", "app").await;
                    first_to_commit.release();
                };
                tokio::join!(held, revoked).0
            } else {
                let minted = async {
                    first_to_commit.arrived().await;
                    let outcome = edge.exchange(request).await;
                    first_to_commit.release();
                    outcome
                };
                tokio::join!(world.revoke_consent("alice", "app"), minted).1
            };
            assert_eq!(outcome.is_ok(), !revoked_first, "{outcome:?}");
            nothing_lives(&edge, &[(flow, outcome)]).await;
            assert_eq!(world.kept(Space::Grants).await.len(), usize::from(is_refresh || !revoked_first));
        }
    }
}

/// Races the exchanges; the revocation follows `earlier` successes.
async fn race_with_revocation(
    world: &Arc<World>,
    controls: &[Control],
    earlier: usize,
    redemptions: Vec<(v1::ExchangeRequest, Flow)>,
) -> Vec<(Flow, Result<v1::ExchangeResponse, Failure>)> {
    let done = watch::Sender::new(0);
    let mut is_time = done.subscribe();
    let revocation = tokio::spawn({
        let world = world.clone();
        async move {
            is_time.wait_for(|done| *done >= earlier).await.expect("the exchanges progress");
            world.revoke_consent("alice", "app").await;
        }
    });
    let exchanges = redemptions.into_iter().map(|(request, flow)| {
        let done = done.clone();
        |edge: Edge| async move {
            let outcome = edge.exchange(request).await;
            done.send_modify(|done| *done += usize::from(outcome.is_ok()));
            (flow, outcome)
        }
    });
    let outcomes = race(controls, exchanges).await;
    revocation.await.unwrap();
    outcomes
}

/// Asserts that neither issued nor refused tokens are usable.
async fn nothing_lives(edge: &Edge, outcomes: &[(Flow, Result<v1::ExchangeResponse, Failure>)]) {
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
    let world = World::new().await;
    let controls = two_processes(&world).await;
    let mut flow = Flow::new(App::configured());
    let tokens = flow.tokens(&controls[0].edge(), &world.idp).await;
    let refreshes = (0..RACERS).map(|_| {
        let request = flow.refresh(tokens.refresh_token());
        |edge: Edge| async move { edge.exchange(request).await.expect("each refresh succeeds") }
    });
    let refreshed = race(&controls, refreshes).await;
    let successors: HashSet<_> = refreshed.iter().map(|tokens| tokens.refresh_token()).collect();
    assert_eq!(successors.len(), 1);
    let successor = refreshed[0].refresh_token();
    controls[1].edge().exchange(flow.refresh(successor)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_answers_to_one_page_leave_one_decision() {
    let world = World::new().await;
    let controls = two_processes(&world).await;
    let mut flow = Flow::new(App::configured());
    let page = flow.ask(&controls[0].edge()).await;
    let answers = (0..RACERS).map(|n| {
        let decision = if n % 2 == 0 { v1::Decision::Approve } else { v1::Decision::Deny };
        let request = flow.decide(&page, decision);
        |edge: Edge| async move { edge.decide(request).await }
    });
    let outcomes = race(&controls, answers).await;
    let standing: HashSet<_> = outcomes.iter().filter_map(|outcome| Some(location(outcome.as_ref().ok()?))).collect();
    assert_eq!(standing.len(), 1);
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), RACERS / 2);
    assert_eq!(reasons(&outcomes), HashSet::from(["ALREADY_DECIDED"]));
    assert_eq!(world.kept(Space::Authorizations).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_callbacks_call_the_upstream_once_and_share_its_answer() {
    let world = World::new().await;
    let controls = two_processes(&world).await;
    let callback = Flow::new(App::configured()).sign_in(&controls[0].edge(), &world.idp).await;
    let callbacks = (0..RACERS).map(|_| {
        let request = v1::FinishLoginRequest { attempt: attempt(), ..callback.clone() };
        |edge: Edge| async move { edge.finish_login(request).await.expect("each callback is answered") }
    });
    let answers = race(&controls, callbacks).await;
    assert_eq!(answers.iter().map(location).collect::<HashSet<_>>().len(), 1);
    assert_eq!((world.idp.calls(), world.events().await.len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_repetitions_of_one_registration_make_one_client() {
    let world = World::new().await;
    let controls = two_processes(&world).await;
    let registration = App::registration("none");
    let registrations = (0..RACERS).map(|_| {
        let request = registration.clone();
        |edge: Edge| async move { edge.register(request).await.expect("each gets the client") }
    });
    let clients = race(&controls, registrations).await;
    assert!(clients.iter().all(|client| *client == clients[0]));
    assert_eq!(world.kept(Space::Clients).await.len(), 1);
}
