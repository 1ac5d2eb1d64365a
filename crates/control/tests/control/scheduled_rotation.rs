//! Scheduled rotation of every key during flows.

use std::collections::HashSet;
use std::time::Duration;

use lychgate_api::v1;
use lychgate_engine::Space;

use crate::support::{App, Environment, Flow, Refused as _, code_in, published_kids, signing_kid};

const DAY: Duration = Duration::from_secs(86_400);
/// Defaults of `[keys]`.
const ROTATION: Duration = Duration::from_secs(90 * 86_400);
const ANNOUNCEMENT: Duration = Duration::from_secs(3600);

/// Two control planes over one store take turns: each must know the other's new keys.
#[tokio::test(flavor = "multi_thread")]
async fn a_scheduled_rotation_disturbs_no_flow() {
    let env = Environment::new().await;
    let (one, two) = (env.start().await, env.start().await);
    let (one, two) = (one.edge(), two.edge());
    let mut long = Flow::new(App::configured());
    let mut tokens = long.tokens(&one, &env.idp).await;
    let first_kid = signing_kid(&tokens);
    // Keeps the grant alive until the rotation is due.
    for _ in 0..4 {
        env.advance(DAY * 20);
        tokens = two.exchange(long.refresh(tokens.refresh_token())).await.unwrap();
    }
    env.advance(ROTATION - DAY * 80);
    assert_eq!(published_kids(&one).await.len(), 2, "the successor is announced");
    assert!(!long.tokens(&one, &env.idp).await.access_token.is_empty());
    // A flow begins under the old keys…
    let mut flow = Flow::new(App::configured());
    let page = flow.consent_page(&two).await;
    env.advance(ANNOUNCEMENT);
    // …and continues under the new ones, at another node.
    let decided = one.decide(flow.decide(&page, v1::Decision::Approve)).await;
    assert_eq!(decided.reason(), "TICKET_EXPIRED", "an hour is longer than a ticket lives");
    let page = flow.consent_page(&two).await;
    let decided = one.decide(flow.decide(&page, v1::Decision::Approve)).await.unwrap();
    let callback = flow.log_in(&decided, &env.idp);
    let next = two.finish_login(callback).await.unwrap();
    let fresh = one.exchange(flow.redeem(&code_in(&next))).await.unwrap();
    assert_ne!(signing_kid(&fresh), first_kid, "new tokens are signed with the new key");
    let published: HashSet<String> = published_kids(&one).await.into_iter().collect();
    assert!(published.contains(&signing_kid(&fresh)) && published.contains(&first_kid), "old tokens still verify");
    two.exchange(flow.refresh(fresh.refresh_token())).await.unwrap();
}

/// The new keys take over between two steps of one flow.
#[tokio::test(flavor = "multi_thread")]
async fn a_flow_survives_a_key_change_between_any_two_steps() {
    for steps_before in 0..5 {
        let env = Environment::new().await;
        let control = env.start().await;
        let edge = control.edge();
        env.advance(ROTATION);
        assert_eq!(published_kids(&edge).await.len(), 2);
        env.advance(ANNOUNCEMENT - Duration::from_secs(31));
        let old = published_kids(&edge).await;
        let mut step = 0;
        let mut next_step = || {
            if step == steps_before {
                env.advance(Duration::from_secs(31));
            }
            step += 1;
        };
        let mut flow = Flow::new(App::configured());
        next_step();
        let page = flow.consent_page(&edge).await;
        next_step();
        let decided = edge.decide(flow.decide(&page, v1::Decision::Approve)).await.unwrap();
        let callback = flow.log_in(&decided, &env.idp);
        next_step();
        let next = edge.finish_login(callback).await.unwrap();
        next_step();
        let tokens = edge.exchange(flow.redeem(&code_in(&next))).await.unwrap();
        next_step();
        let refreshed = edge.exchange(flow.refresh(tokens.refresh_token())).await.unwrap();
        assert_ne!(refreshed.refresh_token, tokens.refresh_token);
        assert_eq!(signing_kid(&refreshed), old[1], "after {steps_before} steps: the announced key signs");
    }
}

/// A replaced signing key is deleted with its last token; every other key is kept as long as a grant may live.
#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_signing_key_is_deleted_with_its_last_token() {
    let env = Environment::new().await;
    let control = env.start().await;
    let edge = control.edge();
    let first = published_kids(&edge).await;
    env.advance(ROTATION);
    published_kids(&edge).await;
    env.advance(ANNOUNCEMENT);
    assert_eq!(published_kids(&edge).await.len(), 2, "its tokens still live");
    env.advance(Duration::from_secs(600 + 120));
    let left = published_kids(&edge).await;
    assert!(left.len() == 1 && !left.contains(&first[0]), "{left:?}");
    let kept = env.entries(Space::Meta).await.len();
    assert_eq!(kept, 3, "the keyring, the configuration digest and the store's own record");
}
