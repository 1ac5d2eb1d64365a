//! Scheduled rotation of every key during flows.

use std::collections::HashSet;
use std::time::Duration;

use lychgate_api::v1;
use lychgate_engine::Space;

use crate::support::{App, Edge, Flow, ISSUER, Refused as _, World, location, query};

const DAY: Duration = Duration::from_secs(86_400);
/// Defaults of `[keys]`.
const ROTATION: Duration = Duration::from_secs(90 * 86_400);
const ANNOUNCEMENT: Duration = Duration::from_secs(3600);

async fn kids(edge: &Edge) -> Vec<String> {
    edge.describe(ISSUER).await.unwrap().keys.into_iter().map(|key| key.kid).collect()
}

fn kid(tokens: &v1::ExchangeResponse) -> String {
    jsonwebtoken::decode_header(&tokens.access_token).unwrap().kid.unwrap()
}

/// Two control planes over one store take turns: each must know the other's new keys.
#[tokio::test(flavor = "multi_thread")]
async fn a_scheduled_rotation_disturbs_no_flow() {
    let world = World::new().await;
    let (one, two) = (world.start().await, world.start().await);
    let (one, two) = (one.edge(), two.edge());
    let mut long = Flow::new(App::configured());
    let mut tokens = long.tokens(&one, &world.idp).await;
    let first_kid = kid(&tokens);
    // Keeps the grant alive until the rotation is due.
    for _ in 0..4 {
        world.advance(DAY * 20);
        tokens = two.exchange(long.refresh(tokens.refresh_token())).await.unwrap();
    }
    world.advance(ROTATION - DAY * 80);
    assert_eq!(kids(&one).await.len(), 2, "the successor is announced");
    assert!(!long.tokens(&one, &world.idp).await.access_token.is_empty());
    // A flow begins under the old keys…
    let mut flow = Flow::new(App::configured());
    let page = flow.ask(&two).await;
    world.advance(ANNOUNCEMENT);
    // …and continues under the new ones, at another node.
    let decided = one.decide(flow.decide(&page, v1::Decision::Approve)).await;
    assert_eq!(decided.reason(), "TICKET_EXPIRED", "an hour is longer than a ticket lives");
    let page = flow.ask(&two).await;
    let decided = one.decide(flow.decide(&page, v1::Decision::Approve)).await.unwrap();
    flow.browser.keep(&decided);
    let callback = flow.finish_login(world.idp.sign_in(location(&decided), "alice"));
    let next = two.finish_login(callback).await.unwrap();
    let fresh = one.exchange(flow.redeem(&query(location(&next))["code"])).await.unwrap();
    assert_ne!(kid(&fresh), first_kid, "new tokens are signed with the new key");
    let published: HashSet<String> = kids(&one).await.into_iter().collect();
    assert!(published.contains(&kid(&fresh)) && published.contains(&first_kid), "old tokens still verify");
    two.exchange(flow.refresh(fresh.refresh_token())).await.unwrap();
}

/// The new keys take over between two steps of one flow.
#[tokio::test(flavor = "multi_thread")]
async fn a_flow_survives_a_key_change_between_any_two_steps() {
    for steps_before in 0..5 {
        let world = World::new().await;
        let control = world.start().await;
        let edge = control.edge();
        world.advance(ROTATION);
        assert_eq!(kids(&edge).await.len(), 2);
        world.advance(ANNOUNCEMENT - Duration::from_secs(31));
        let old = kids(&edge).await;
        let mut step = 0;
        let mut next_step = || {
            if step == steps_before {
                world.advance(Duration::from_secs(31));
            }
            step += 1;
        };
        let mut flow = Flow::new(App::configured());
        next_step();
        let page = flow.ask(&edge).await;
        next_step();
        let decided = edge.decide(flow.decide(&page, v1::Decision::Approve)).await.unwrap();
        flow.browser.keep(&decided);
        let callback = flow.finish_login(world.idp.sign_in(location(&decided), "alice"));
        next_step();
        let next = edge.finish_login(callback).await.unwrap();
        next_step();
        let tokens = edge.exchange(flow.redeem(&query(location(&next))["code"])).await.unwrap();
        next_step();
        let refreshed = edge.exchange(flow.refresh(tokens.refresh_token())).await.unwrap();
        assert_ne!(refreshed.refresh_token, tokens.refresh_token);
        assert_eq!(kid(&refreshed), old[1], "after {steps_before} steps: the announced key signs");
    }
}

/// A replaced signing key is deleted with its last token; every other key is kept as long as a grant may live.
#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_signing_key_is_deleted_with_its_last_token() {
    let world = World::new().await;
    let control = world.start().await;
    let edge = control.edge();
    let first = kids(&edge).await;
    world.advance(ROTATION);
    kids(&edge).await;
    world.advance(ANNOUNCEMENT);
    assert_eq!(kids(&edge).await.len(), 2, "its tokens still live");
    world.advance(Duration::from_secs(600 + 120));
    let left = kids(&edge).await;
    assert!(left.len() == 1 && !left.contains(&first[0]), "{left:?}");
    let kept = world.kept(Space::Meta).await.len();
    assert_eq!(kept, 3, "the keyring, the configuration digest and the store's own record");
}
