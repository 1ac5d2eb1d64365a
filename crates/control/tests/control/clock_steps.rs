//! A clock that is set back and forth. An instant in the future is old: nothing that a process did before a step back is taken for
//! just done. [`crate::limits`] has keyrings and the artifacts of browsers, `tests/outbound/cache.rs` has documents.

use std::time::{Duration, SystemTime};

use lychgate_api::v1;
use lychgate_control::config::Role;
use lychgate_engine::{Space, Timestamp};

use crate::support::{
    App, Authority, EDGE_TOKEN, Environment, Flow, ISSUER, Refused as _, SERVER_TOKEN, TlsSetup, principal,
};

const HOUR: i64 = 3600;

/// `seconds` after `start`, or before.
fn step(start: Timestamp, seconds: i64) -> Timestamp {
    Timestamp::from_millis(start.millis().saturating_add_signed(seconds * 1000))
}

/// Another process has registered clients since this one counted. At the next registration after an hour, and after any step back,
/// this process counts again, so that the bound holds.
///
/// Requirements: R35.
#[tokio::test(flavor = "multi_thread")]
async fn registrations_are_counted_again_after_an_hour_and_after_a_step_back() {
    for (steps, is_counted) in [
        (&[0][..], false),
        (&[HOUR - 1], false),
        (&[HOUR], true),
        (&[-1], true),
        (&[-24 * HOUR], true),
        // There and back again: a process that did nothing meanwhile has noticed nothing.
        (&[-24 * HOUR, 0], false),
        (&[24 * HOUR, 2 * HOUR], true),
    ] {
        let mut env = Environment::new().await;
        env.config.limits.registrations = 3;
        // None of them expires within the steps.
        env.lifetimes().unused_registration_seconds = 30 * 24 * 3600;
        let (here, there) = (env.start().await, env.start().await);
        let start = env.now();
        App::registered(&here.edge()).await;
        for _ in 0..2 {
            App::registered(&there.edge()).await;
        }
        for seconds in steps {
            env.clock.set(step(start, *seconds));
        }
        App::registered(&here.edge()).await;
        let registrations = env.entries(Space::Clients).await.len();
        // The unused ones make room at once, for many more.
        assert_eq!(registrations, if is_counted { 1 } else { 4 }, "{steps:?}");
    }
}

/// The chain of a connected caller is verified again at each step back, and at the next instant of another minute.
#[tokio::test(flavor = "multi_thread")]
async fn connected_caller_is_verified_again_after_a_step_back() {
    const EDGE: &str = "spiffe://example/edge";
    let mut env = Environment::new().await;
    let authority = Authority::new();
    let tls = TlsSetup::new(&mut env, &authority, &authority);
    env.config.principals[0].certificate_sans = vec![EDGE.to_owned()];
    let control = env.start().await;
    let start = env.now();
    let system_time = |at: Timestamp| SystemTime::UNIX_EPOCH + Duration::from_secs(at.seconds());
    let certificate = authority.certify(&[EDGE], |params| {
        params.not_before = system_time(step(start, -HOUR / 2)).into();
        params.not_after = system_time(step(start, HOUR)).into();
    });
    let caller = tls.caller(&control, None, Some(&certificate));
    for (seconds, is_valid) in [
        (0, true),
        (-HOUR / 2, true),
        (-HOUR / 2 - 1, false),
        (-24 * HOUR, false),
        (0, true),
        (HOUR, true),
        (HOUR + 1, false),
        (HOUR, true),
        (-HOUR, false),
    ] {
        env.clock.set(step(start, seconds));
        let listed = caller.list().await;
        assert_eq!(listed.is_ok(), is_valid, "{seconds}: {listed:?}");
    }
    // A token needs no instant.
    tls.caller(&control, Some(EDGE_TOKEN), None).list().await.unwrap();
}

/// An access token of the future would otherwise live for as long as the step.
///
/// Requirements: A17.
#[tokio::test(flavor = "multi_thread")]
async fn access_token_is_active_only_from_its_instant_to_its_end() {
    let mut env = Environment::new().await;
    env.config.principals.push(principal("server", Role::Resource, SERVER_TOKEN));
    let control = env.start().await;
    let edge = control.edge();
    let start = env.now();
    let mut flow = Flow::new(App::configured());
    let tokens = flow.tokens(&edge, &env.idp).await;
    for (seconds, is_active) in [
        (0, true),
        (599, true),
        (600, false),
        (1, true),
        // The clocks of two nodes may differ by a minute.
        (-60, true),
        (-61, false),
        (-24 * HOUR, false),
        (0, true),
    ] {
        env.clock.set(step(start, seconds));
        let request = v1::IntrospectRequest {
            issuer_id: ISSUER.to_owned(),
            token: tokens.access_token.clone(),
            resource_server_token: Some(SERVER_TOKEN.to_owned()),
            ..Default::default()
        };
        assert_eq!(edge.introspect(request).await.unwrap().active, is_active, "{seconds}");
        let verified = edge.verify(crate::support::verify_request(&tokens.access_token)).await;
        match is_active {
            true => assert!(verified.is_ok(), "{seconds}: {verified:?}"),
            false => assert_eq!(verified.reason(), "ACCESS_TOKEN_INVALID", "{seconds}"),
        }
    }
}
