//! The upstream hears of what was taken back here: of all that it ended and of nothing else, in its own time, and whatever
//! dies meanwhile.

use std::collections::BTreeSet;
use std::time::Duration;

use lychgate_api::v1;
use lychgate_api::v1::admin_service_revoke_request::Target;
use lychgate_control::config::RevocationMode;
use lychgate_store::engine::Space;
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

/// Everything that `people` were given by the upstream, as it counts what it took back.
fn all_of(world: &World, people: &[&str]) -> Vec<String> {
    let mut tokens: Vec<_> = people.iter().flat_map(|person| world.idp.refresh_tokens_of(person)).collect();
    tokens.sort();
    tokens
}

/// Alice has taken back what she allowed, and the upstream has been told for the first time.
async fn taken_back(taking: Taking) -> (World, Control) {
    let world = told(RevocationMode::Last).await;
    let control = world.start().await;
    of("alice", App::configured(), &control.edge(), &world).await;
    world.idp.takes_back(taking);
    control.operator().take_back(revocation(consent_of("alice", "app"), "1")).await.unwrap();
    world.idp.asked_to_take_back_so_many(1).await;
    (world, control)
}

/// How something of Alice's ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Consent,
    Grant,
    Client,
    Subject,
    Issuer,
    /// At the page of connected apps.
    Herself,
    /// RFC 7009.
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
async fn the_upstream_hears_of_whatever_has_ended_and_of_nothing_else() {
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
            assert_eq!(world.grants_with_upstream_tokens().await, left, "{end:?}: what has ended keeps no tokens");
        }
    }
}

/// The revocation is there at once; the upstream is told when it can be, and the pauses in between grow.
///
/// Requirements: R30.
#[tokio::test(flavor = "multi_thread")]
async fn no_revocation_waits_for_the_upstream() {
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
            assert_eq!(world.grants_with_upstream_tokens().await, 1, "they are still needed");
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
async fn an_upstream_that_never_answers_is_given_up_after_a_day() {
    let (world, _control) = taken_back(Taking::Fails).await;
    world.telling_rests().await;
    world.advance(Duration::from_secs(86_400));
    world.all_is_told().await;
    assert!(world.idp.taken_back().is_empty());
    assert_eq!(world.idp.asked_to_take_back().len(), 2);
}

/// Requirements: R30.
#[tokio::test(flavor = "multi_thread")]
async fn who_takes_nothing_back_is_sent_nothing() {
    for (when, taking) in [(RevocationMode::Each, Taking::Nowhere), (RevocationMode::Never, Taking::Everything)] {
        let world = told(when).await;
        world.idp.takes_back(taking);
        let control = world.start().await;
        of("alice", App::configured(), &control.edge(), &world).await;
        control.operator().take_back(revocation(everything(), "1")).await.unwrap();
        if when == RevocationMode::Never {
            assert!(world.kept(Space::UpstreamRevocations).await.is_empty(), "nothing is left to do");
        }
        world.all_is_told().await;
        assert!(world.idp.asked_to_take_back().is_empty(), "{when:?}");
    }
}

/// Many providers take one token for everything that a person gave the one client id which all clients share.
///
/// Requirements: R30.
#[tokio::test(flavor = "multi_thread")]
async fn what_still_stands_is_not_put_at_risk_unless_the_operator_says_so() {
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

/// Over several pages, with one token that the upstream chokes on: none of the others waits for it.
///
/// Requirements: R30.
#[tokio::test(flavor = "multi_thread")]
async fn a_wide_revocation_is_one_commit_and_tells_of_every_grant() {
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
    // All of the issuer's, as one client's.
    control.operator().take_back(revocation(Target::ClientId("app".to_owned()), "1")).await.unwrap();
    assert_eq!(world.kept(Space::UpstreamRevocations).await.len(), 1, "it names what was revoked");
    world.telling_rests().await;
    assert_eq!(world.engine.commits(), commits + 2, "the revocation, and that it could not be told");
    assert!(world.idp.asked_to_take_back().len() <= 4, "an upstream that is away is left alone");

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

/// Whatever dies, the upstream is told; what was told and not recorded is told again, which does no harm.
///
/// Requirements: R30.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_leaves_nothing_untold() {
    let (world, control) = taken_back(Taking::Stalls).await;
    control.kill();
    assert_eq!(world.kept(Space::UpstreamRevocations).await.len(), 1);

    // The one that died has been heard, but nobody knows it here.
    world.idp.takes_back(Taking::Everything);
    let control = world.start().await;
    world.all_is_told().await;
    let token = world.idp.refresh_tokens_of("alice").remove(0);
    assert_eq!(world.idp.asked_to_take_back(), [token.clone(), token]);
    control.stop().await;
}

/// "Nothing is cancelled half-way": a process that is asked to end waits for the call that is under way.
///
/// Requirements: R30.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_ends_finishes_the_call_that_is_under_way() {
    let (world, control) = taken_back(Taking::Stalls).await;
    control.shutdown.trigger();
    world.idp.takes_back(Taking::Everything);
    control.stop().await;
    assert_eq!(world.grants_with_upstream_tokens().await, 0, "what came of it is on record");
    let _control = world.start().await;
    world.all_is_told().await;
    assert_eq!(world.idp.asked_to_take_back(), all_of(&world, &["alice"]), "and it is not told again");
}

/// Requirements: R30.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_nobody_redeemed_goes_with_its_consent_and_everything_wider() {
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
        // What comes after it is not concerned.
        of("alice", App::configured(), &edge, &world).await;
        world.all_is_told().await;
        assert_eq!(world.idp.taken_back().len(), 1);
    }
}

/// Whatever is minted beside a revocation either escapes nothing, or was there before it: the upstream hears of all of it.
///
/// Requirements: R30.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_minted_beside_a_revocation_is_told_as_well() {
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
async fn the_twenty_first_grant_tells_of_the_one_that_leaves() {
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

/// Her consent, made anew, no longer leads to what ended with everything of hers before.
///
/// Requirements: R30.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_new_approval_forgets_is_told_all_the_same() {
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
    assert_eq!(world.idp.taken_back(), given[..1], "and not of what she was given since");
    assert_eq!(world.grants_with_upstream_tokens().await, 1);
}
