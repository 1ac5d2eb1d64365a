//! Upstream revocation: the tokens of everything that ended, and no others, are revoked at the upstream, in the
//! background and across crashes.

use std::collections::BTreeSet;
use std::time::Duration;

use lychgate_api::v1;
use lychgate_api::v1::admin_service_revoke_request::Target;
use lychgate_control::config::RevocationMode;
use lychgate_engine::Space;
use tokio::task::JoinSet;

use crate::account::Visitor;
use crate::support::{
    App, Control, Edge, Flow, ISSUER, ISSUER_URL, Refused as _, Taking, World, consent_of, revocation,
};

async fn told(when: RevocationMode) -> World {
    let mut world = World::operated().await;
    world.tell_upstream(when);
    world
}

fn everything() -> Target {
    Target::Everything(v1::Everything { confirm: ISSUER_URL.to_owned() })
}

async fn of(person: &str, app: App, edge: &Edge, world: &World) -> (Flow, v1::ExchangeResponse) {
    let mut flow = Flow { person: person.to_owned(), ..Flow::new(app) };
    let tokens = flow.tokens(edge, &world.idp).await;
    (flow, tokens)
}

/// The upstream's refresh tokens of `people`, sorted.
fn all_of(world: &World, people: &[&str]) -> Vec<String> {
    let mut tokens: Vec<_> = people.iter().flat_map(|person| world.idp.refresh_tokens_of(person)).collect();
    tokens.sort();
    tokens
}

/// Alice's consent is revoked, and the first upstream revocation request has been sent.
async fn taken_back(taking: Taking) -> (World, Control) {
    let world = told(RevocationMode::Last).await;
    let control = world.start().await;
    of("alice", App::configured(), &control.edge(), &world).await;
    world.idp.takes_back(taking);
    control.operator().take_back(revocation(consent_of("alice", "app"), "1")).await.unwrap();
    world.idp.asked_to_take_back_so_many(1).await;
    (world, control)
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

    async fn carry_out(self, control: &Control, world: &World, code: &str, flow: &Flow, tokens: &v1::ExchangeResponse) {
        let (edge, operator) = (control.edge(), control.operator());
        let target = match self {
            End::Consent => consent_of("alice", "app"),
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
                let mut visitor = Visitor::signed_in("alice", &edge, world).await;
                let page = visitor.page(&edge).await.unwrap();
                edge.revoke_apps(visitor.revoke(&page.revoke_all_token)).await.unwrap();
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
        operator.take_back(revocation(target, "1")).await.unwrap();
    }
}

/// Requirements: R30.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_ended_grants_are_revoked_upstream_and_no_others() {
    for end in End::ALL {
        for when in [RevocationMode::Last, RevocationMode::Each] {
            let world = told(when).await;
            let control = world.start().await;
            let edge = control.edge();
            of("bob", App::registered(&edge).await, &edge, &world).await;
            let mut flow = Flow::new(App::configured());
            let code = flow.code(&edge, &world.idp).await;
            let tokens = edge.exchange(flow.redeem(&code)).await.unwrap();
            let given = all_of(&world, if end == End::Issuer { &["alice", "bob"] } else { &["alice"] });
            assert_eq!(world.grants_with_upstream_tokens().await, 2);

            end.carry_out(&control, &world, &code, &flow, &tokens).await;
            world.all_is_told().await;
            assert_eq!(world.idp.taken_back(), given, "{end:?} {when:?}");
            let left = usize::from(end != End::Issuer);
            assert_eq!(
                world.grants_with_upstream_tokens().await,
                left,
                "{end:?}: an ended grant keeps no upstream tokens"
            );
        }
    }
}

/// The revocation takes effect at once; upstream retries follow with growing pauses.
///
/// Requirements: R30.
#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_does_not_wait_for_the_upstream() {
    for taking in [Taking::Stalls, Taking::Fails] {
        let world = told(RevocationMode::Last).await;
        let control = world.start().await;
        let edge = control.edge();
        let (_, tokens) = of("alice", App::configured(), &edge, &world).await;
        world.idp.takes_back(taking.clone());
        let revoked = control.operator().take_back(revocation(consent_of("alice", "app"), "1")).await.unwrap();
        assert!(revoked.changed && !control.is_active(&tokens.access_token).await, "{taking:?}");
        world.idp.asked_to_take_back_so_many(1).await;
        assert!(world.idp.taken_back().is_empty() && world.kept(Space::UpstreamRevocations).await.len() == 1);
        if taking == Taking::Fails {
            for (tries, pause) in [(2, 10), (3, 20)] {
                world.telling_rests().await;
                world.advance(Duration::from_secs(pause));
                world.idp.asked_to_take_back_so_many(tries).await;
            }
            assert_eq!(world.grants_with_upstream_tokens().await, 1, "the worker still needs them");
        }
        if taking == Taking::Fails {
            world.telling_rests().await;
        }
        world.idp.takes_back(Taking::Everything);
        world.advance(Duration::from_secs(40));
        world.all_is_told().await;
        assert_eq!(world.idp.taken_back(), all_of(&world, &["alice"]), "{taking:?}");
    }
}

/// Requirements: R30.
#[tokio::test(flavor = "multi_thread")]
async fn upstream_revocation_is_abandoned_after_a_day() {
    let (world, _control) = taken_back(Taking::Fails).await;
    world.telling_rests().await;
    world.advance(Duration::from_secs(86_400));
    world.all_is_told().await;
    assert!(world.idp.taken_back().is_empty());
    assert_eq!(world.idp.asked_to_take_back().len(), 2);
}

/// Requirements: R30.
#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_without_revocation_gets_no_request() {
    for (when, taking) in [(RevocationMode::Each, Taking::Nowhere), (RevocationMode::Never, Taking::Everything)] {
        let world = told(when).await;
        world.idp.takes_back(taking);
        let control = world.start().await;
        of("alice", App::configured(), &control.edge(), &world).await;
        control.operator().take_back(revocation(everything(), "1")).await.unwrap();
        if when == RevocationMode::Never {
            assert!(world.kept(Space::UpstreamRevocations).await.is_empty(), "nothing is pending");
        }
        world.all_is_told().await;
        assert!(world.idp.asked_to_take_back().is_empty(), "{when:?}");
    }
}

/// Many providers treat one revocation as the end of everything that the person granted to the client id which all
/// clients share.
///
/// Requirements: R30.
#[tokio::test(flavor = "multi_thread")]
async fn live_grants_are_not_put_at_risk_unless_configured() {
    for when in [RevocationMode::Last, RevocationMode::Each] {
        let world = told(when).await;
        let control = world.start().await;
        let (edge, operator) = (control.edge(), control.operator());
        of("alice", App::configured(), &edge, &world).await;
        let another = App::registered(&edge).await;
        let (other, _) = of("alice", another, &edge, &world).await;
        let given = world.idp.refresh_tokens_of("alice");

        operator.take_back(revocation(consent_of("alice", "app"), "1")).await.unwrap();
        world.all_is_told().await;
        let expected = if when == RevocationMode::Last { &[][..] } else { &given[..1] };
        assert_eq!(world.idp.taken_back(), expected, "{when:?}");
        assert_eq!(world.grants_with_upstream_tokens().await, 1);

        operator.take_back(revocation(consent_of("alice", &other.app.id), "2")).await.unwrap();
        world.all_is_told().await;
        let mut expected = expected.to_vec();
        expected.push(given[1].clone());
        expected.sort();
        assert_eq!(world.idp.taken_back(), expected, "{when:?}");
    }
}

/// Over several store pages, with one token that always fails: no other token waits for it.
///
/// Requirements: R30.
#[tokio::test(flavor = "multi_thread")]
async fn a_wide_revocation_is_one_commit_and_revokes_every_grant_upstream() {
    const PEOPLE: usize = 60;
    let world = told(RevocationMode::Last).await;
    let control = world.start().await;
    let edge = control.edge();
    let people: Vec<_> = (0..PEOPLE).map(|n| format!("person-{n}")).collect();
    for person in &people {
        of(person, App::configured(), &edge, &world).await;
    }
    let people: Vec<_> = people.iter().map(String::as_str).collect();
    let choking = world.idp.refresh_tokens_of(people[0]).remove(0);
    world.idp.takes_back(Taking::Fails);
    let commits = world.engine.commits();
    // Every grant of the issuer, by client.
    control.operator().take_back(revocation(Target::ClientId("app".to_owned()), "1")).await.unwrap();
    assert_eq!(world.kept(Space::UpstreamRevocations).await.len(), 1, "one record names the target");
    world.telling_rests().await;
    assert_eq!(world.engine.commits(), commits + 2, "the revocation and its failed try");
    assert!(world.idp.asked_to_take_back().len() <= 4, "an unavailable upstream is not flooded");

    world.idp.takes_back(Taking::EverythingBut(choking.clone()));
    while world.idp.taken_back().len() < PEOPLE - 1 {
        world.advance(Duration::from_secs(900));
        world.telling_rests().await;
    }
    let mut others = all_of(&world, &people);
    others.retain(|token| *token != choking);
    assert_eq!(world.idp.taken_back(), others);
    assert_eq!(world.grants_with_upstream_tokens().await, 1);
    world.idp.takes_back(Taking::Everything);
    world.advance(Duration::from_secs(900));
    world.all_is_told().await;
    assert_eq!(world.idp.taken_back(), all_of(&world, &people), "each of them once");
}

/// A crash loses no upstream revocation; one that was sent but not recorded is sent again, which is harmless.
///
/// Requirements: R30.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_loses_no_upstream_revocation() {
    let (world, control) = taken_back(Taking::Stalls).await;
    control.kill();
    assert_eq!(world.kept(Space::UpstreamRevocations).await.len(), 1);

    // The killed process reached the upstream, but did not record it.
    world.idp.takes_back(Taking::Everything);
    let control = world.start().await;
    world.all_is_told().await;
    let token = world.idp.refresh_tokens_of("alice").remove(0);
    assert_eq!(world.idp.asked_to_take_back(), [token.clone(), token]);
    control.stop().await;
}

/// Nothing is cancelled half-way: a shutdown waits for the upstream call.
///
/// Requirements: R30.
#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_waits_for_an_upstream_revocation() {
    let (world, control) = taken_back(Taking::Stalls).await;
    control.shutdown.trigger();
    world.idp.takes_back(Taking::Everything);
    control.stop().await;
    assert_eq!(world.grants_with_upstream_tokens().await, 0, "its outcome is recorded");
    let _control = world.start().await;
    world.all_is_told().await;
    assert_eq!(world.idp.asked_to_take_back(), all_of(&world, &["alice"]), "it is not sent again");
}

/// Requirements: R30.
#[tokio::test(flavor = "multi_thread")]
async fn an_unredeemed_code_is_revoked_upstream_with_its_consent_and_anything_wider() {
    for target in [
        consent_of("alice", "app"),
        Target::ClientId("app".to_owned()),
        Target::Subject("idp|alice".to_owned()),
        everything(),
    ] {
        let world = told(RevocationMode::Last).await;
        let control = world.start().await;
        let edge = control.edge();
        let mut flow = Flow::new(App::configured());
        let code = flow.code(&edge, &world.idp).await;
        control.operator().take_back(revocation(target.clone(), "1")).await.unwrap();
        world.all_is_told().await;
        assert_eq!(world.idp.taken_back(), all_of(&world, &["alice"]), "{target:?}");
        assert_eq!(edge.exchange(flow.redeem(&code)).await.reason(), "GRANT_ENDED");
        // Later grants are not affected.
        of("alice", App::configured(), &edge, &world).await;
        world.all_is_told().await;
        assert_eq!(world.idp.taken_back().len(), 1);
    }
}

/// Tokens minted in parallel with a revocation are revoked upstream too.
///
/// Requirements: R30.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_minted_beside_a_revocation_are_revoked_upstream() {
    const RACERS: usize = 16;
    let world = told(RevocationMode::Last).await;
    let control = world.start().await;
    let (edge, operator) = (control.edge(), control.operator());
    let mut codes = Vec::new();
    for _ in 0..RACERS {
        let mut flow = Flow::new(App::configured());
        let code = flow.code(&edge, &world.idp).await;
        codes.push((flow, code));
    }
    let mut racers = JoinSet::new();
    for (flow, code) in codes {
        let edge = control.edge();
        racers.spawn(async move { edge.exchange(flow.redeem(&code)).await.is_ok() });
    }
    operator.take_back(revocation(consent_of("alice", "app"), "1")).await.unwrap();
    let redeemed = racers.join_all().await.into_iter().filter(|redeemed| *redeemed).count();
    world.all_is_told().await;
    let told: BTreeSet<_> = world.idp.taken_back().into_iter().collect();
    assert_eq!(told, all_of(&world, &["alice"]).into_iter().collect(), "{redeemed} were quicker");
    assert_eq!(world.grants_with_upstream_tokens().await, 0);
}

/// Requirements: R30.
#[tokio::test(flavor = "multi_thread")]
async fn an_evicted_grant_is_revoked_upstream() {
    let world = told(RevocationMode::Each).await;
    let control = world.start().await;
    let edge = control.edge();
    for _ in 0..21 {
        of("alice", App::configured(), &edge, &world).await;
    }
    world.all_is_told().await;
    assert_eq!(world.idp.taken_back(), world.idp.refresh_tokens_of("alice")[..1]);
    assert_eq!(world.grants_with_upstream_tokens().await, 20);
}

/// A new consent no longer references the grants that ended before it.
///
/// Requirements: R30.
#[tokio::test(flavor = "multi_thread")]
async fn grants_from_before_a_new_approval_are_revoked_upstream() {
    let world = told(RevocationMode::Each).await;
    let control = world.start().await;
    let edge = control.edge();
    of("alice", App::configured(), &edge, &world).await;
    world.idp.takes_back(Taking::Fails);
    control.operator().take_back(revocation(Target::Subject("idp|alice".to_owned()), "1")).await.unwrap();
    world.idp.asked_to_take_back_so_many(1).await;
    of("alice", App::configured(), &edge, &world).await;
    world.idp.takes_back(Taking::Everything);
    world.advance(Duration::from_secs(900));
    world.all_is_told().await;
    let given = world.idp.refresh_tokens_of("alice");
    assert_eq!(world.idp.taken_back(), given[..1], "newer tokens are not revoked");
    assert_eq!(world.grants_with_upstream_tokens().await, 1);
}
