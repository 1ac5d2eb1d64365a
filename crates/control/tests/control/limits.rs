//! Budgets that all calls share: failed logins, registrations, the reserve of the disk. And clocks that are set back.

use std::time::Duration;

use lychgate_api::v1;
use lychgate_engine::{Space, Timestamp};

use crate::support::{
    ApiClient, App, Browser, Environment, Flow, ISSUER, OPERATOR_TOKEN, Refused as _, again, attempt, code_in,
    consent_target, location, published_kids, revoke_request,
};

const MINUTE: Duration = Duration::from_secs(60);

/// The callback with a code that the upstream never made.
fn with_made_up_code(callback: &v1::FinishLoginRequest) -> v1::FinishLoginRequest {
    let mut made_up = again(callback);
    for parameter in made_up.parameters.iter_mut().filter(|parameter| parameter.name == "code") {
        parameter.value = "made-up".to_owned();
    }
    made_up
}

#[track_caller]
fn failure(next: &v1::Next) -> &str {
    match &next.step {
        Some(v1::next::Step::FailurePage(page)) => &page.reason,
        other => panic!("expected a failure: {other:?}"),
    }
}

/// Requirements: R15.
#[tokio::test(flavor = "multi_thread")]
async fn made_up_codes_cost_the_upstream_a_few_calls_and_nobody_a_login() {
    let mut env = Environment::new().await;
    env.config.limits.total_failed_logins_per_minute = 3;
    let control = env.start().await;
    let edge = control.edge();
    let honest = Flow::new(App::configured()).sign_in(&edge, &env.idp).await;
    // Logins that succeed use nothing up.
    for _ in 0..5 {
        Flow::new(App::configured()).code(&edge, &env.idp).await;
    }
    let calls = env.idp.calls();
    for n in 0..20 {
        let callback = Flow::new(App::configured()).sign_in(&edge, &env.idp).await;
        let commits = env.engine.commits();
        let answer = edge.finish_login(with_made_up_code(&callback)).await;
        if n < 3 {
            assert_eq!(failure(&answer.unwrap()), "UPSTREAM_INVALID");
        } else {
            assert_eq!(answer.reason(), "TOO_MANY_FAILED_LOGINS");
            assert_eq!(env.engine.commits(), commits, "the login is not claimed");
        }
    }
    assert_eq!(env.idp.calls(), calls + 3);

    assert_eq!(edge.finish_login(honest.clone()).await.reason(), "TOO_MANY_FAILED_LOGINS");
    env.advance(MINUTE / 2);
    assert!(!code_in(&edge.finish_login(again(&honest)).await.unwrap()).is_empty(), "the same login, tried again");
}

/// A sign-in at the page of connected apps is not stored, so one `state` serves for any number of made-up codes.
#[tokio::test(flavor = "multi_thread")]
async fn made_up_codes_of_sign_ins_draw_on_the_same_budget() {
    let mut env = Environment::new().await;
    env.config.limits.total_failed_logins_per_minute = 3;
    let control = env.start().await;
    let edge = control.edge();
    let (issuer_id, origin) = (ISSUER.to_owned(), None);
    let sign_in = v1::SignInRequest { issuer_id, sec_fetch_site: Some("same-origin".to_owned()), origin };
    let next = edge.sign_in(sign_in).await.unwrap();
    let mut browser = Browser::default();
    browser.keep(&next);
    let good = env.idp.sign_in(location(&next), "alice");
    let callback = v1::FinishLoginRequest {
        issuer_id: ISSUER.to_owned(),
        attempt: attempt(),
        parameters: good,
        cookies: browser.cookies(),
    };
    for n in 0..10 {
        let answer = edge.finish_login(with_made_up_code(&callback)).await;
        if n < 3 {
            assert_eq!(failure(&answer.unwrap()), "UPSTREAM_INVALID");
        } else {
            assert_eq!(answer.reason(), "TOO_MANY_FAILED_LOGINS");
        }
    }
    assert_eq!(env.idp.calls(), 3);
    env.advance(MINUTE / 2);
    location(&edge.finish_login(again(&callback)).await.unwrap());
}

async fn registered_ids(env: &Environment) -> usize {
    env.entries(Space::Clients).await.len()
}

async fn is_known(edge: &ApiClient, app: &App) -> bool {
    match edge.begin(Flow::new(app.clone()).begin()).await {
        Ok(_) => true,
        Err(failure) => {
            assert_eq!(failure.reason, "CLIENT_UNKNOWN");
            false
        }
    }
}

/// Requirements: R35.
#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_unused_registrations_make_room_for_new_ones() {
    let mut env = Environment::new().await;
    env.config.limits.registrations = 5;
    let control = env.start().await;
    let edge = control.edge();
    let mut apps = Vec::new();
    for _ in 0..5 {
        env.advance(MINUTE);
        apps.push(App::registered(&edge).await);
    }
    // The oldest is in use.
    Flow::new(apps[0].clone()).tokens(&edge, &env.idp).await;
    for round in 0..3 {
        // Another process counts anew.
        let control = env.start().await;
        env.advance(MINUTE);
        apps.push(App::registered(&control.edge()).await);
        assert!(registered_ids(&env).await <= 5, "{round}");
        assert!(is_known(&edge, &apps[0]).await, "{round}: a used registration stays");
        assert!(is_known(&edge, apps.last().unwrap()).await, "{round}: the newest is there");
        assert!(!is_known(&edge, &apps[1]).await, "{round}: the oldest unused one is gone");
    }
}

/// Requirements: R35.
#[tokio::test(flavor = "multi_thread")]
async fn registrations_in_use_are_never_evicted() {
    let mut env = Environment::new().await;
    env.config.limits.registrations = 2;
    let control = env.start().await;
    let edge = control.edge();
    let first = edge.register(App::registration("none")).await.unwrap();
    let second = App::registered(&edge).await;
    for app in [App::new(&first.client_id, "http://127.0.0.1:7777/cb"), second.clone()] {
        Flow::new(app).tokens(&edge, &env.idp).await;
    }
    for _ in 0..3 {
        assert_eq!(edge.register(App::registration("none")).await.reason(), "REGISTRATIONS_FULL");
    }
    assert!(is_known(&edge, &second).await);
    // An update that does not grow a registration is within the bound, and a deletion makes room.
    edge.update(App::update(&first, "none")).await.unwrap();
    let delete = v1::DeleteRequest {
        issuer_id: ISSUER.to_owned(),
        client_id: first.client_id.clone(),
        registration_access_token: first.registration_access_token().to_owned(),
    };
    edge.delete(delete).await.unwrap();
    edge.register(App::registration("none")).await.unwrap();
    assert_eq!(edge.register(App::registration("none")).await.map(drop), Ok(()), "in place of the unused one");
    assert_eq!(registered_ids(&env).await, 2);
}

fn large(texts: usize) -> v1::ClientMetadata {
    let contacts = (0..texts).map(|n| format!("{n:0>200}")).collect();
    v1::ClientMetadata { contacts, ..App::metadata("none") }
}

/// Requirements: R35.
#[tokio::test(flavor = "multi_thread")]
async fn registrations_are_bounded_in_bytes_each_and_all_together() {
    let mut env = Environment::new().await;
    env.config.limits.registration_megabytes = 1;
    let control = env.start().await;
    let edge = control.edge();
    let register = |texts| v1::RegisterRequest { metadata: Some(large(texts)), ..App::registration("none") };
    let small = edge.register(App::registration("none")).await.unwrap();
    let counts = env.record_counts().await;
    // 20 contacts of 200 bytes are within the limits of each member.
    assert_eq!(edge.register(register(20)).await.map(drop), Ok(()));
    let uris = (0..20).map(|n| format!("https://app.example/{n:0>2000}")).collect();
    for too_large in [
        v1::ClientMetadata { redirect_uris: uris, ..App::metadata("none") },
        v1::ClientMetadata { logo_uri: Some(format!("https://app.example/{:0>600}", 0)), ..large(19) },
    ] {
        let request = v1::RegisterRequest { metadata: Some(too_large.clone()), ..App::registration("none") };
        assert_eq!(edge.register(request).await.reason(), "REGISTRATION_METADATA_INVALID");
        let update = v1::UpdateRequest { metadata: Some(too_large), ..App::update(&small, "none") };
        assert_eq!(edge.update(update).await.reason(), "REGISTRATION_METADATA_INVALID");
    }
    assert_ne!(env.record_counts().await, counts);

    for _ in 0..300 {
        edge.register(register(20)).await.unwrap();
    }
    let entries = env.entries(Space::Clients).await;
    let bytes: usize = entries.iter().map(|(key, entry)| key.bytes.len() + entry.value.len()).sum();
    assert!((512 * 1024..=1024 * 1024).contains(&bytes), "{bytes} bytes in {} registrations", entries.len());
}

/// Everything that takes something back, and everything that is under way, goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_short_disk_refuses_what_begins_and_nothing_else() {
    let env = Environment::with_operator().await;
    let control = env.start().await;
    let (edge, operator) = (control.edge(), control.operator());
    let client = edge.register(App::registration("none")).await.unwrap();
    let unused = edge.register(App::registration("none")).await.unwrap();
    let app = App::new(&client.client_id, "http://127.0.0.1:7777/cb");
    let mut used = Flow::new(app.clone());
    let tokens = used.tokens(&edge, &env.idp).await;
    let given_back = Flow::new(app.clone()).tokens(&edge, &env.idp).await;
    let (mut approving, mut denying) = (Flow::new(app.clone()), Flow::new(app.clone()));
    let (to_approve, to_deny) = (approving.consent_page(&edge).await, denying.consent_page(&edge).await);
    let mut under_way = Flow::new(app.clone());
    let callback = under_way.sign_in(&edge, &env.idp).await;

    env.engine.set_free_bytes(Some(255 * 1024 * 1024));
    assert_eq!(edge.register(App::registration("none")).await.reason(), "STORAGE_SHORT");
    assert_eq!(edge.update(App::update(&client, "none")).await.reason(), "STORAGE_SHORT");
    assert_eq!(edge.begin(Flow::new(app.clone()).begin()).await.reason(), "STORAGE_SHORT");
    let approval = approving.decide(&to_approve, v1::Decision::Approve);
    assert_eq!(edge.decide(approval.clone()).await.reason(), "STORAGE_SHORT");

    // A login under way becomes a grant; what lives is refreshed, and given back.
    let code = code_in(&edge.finish_login(callback).await.unwrap());
    edge.exchange(under_way.redeem(&code)).await.unwrap();
    edge.exchange(used.refresh(tokens.refresh_token())).await.unwrap();
    edge.revoke(used.revoke(given_back.refresh_token())).await.unwrap();
    assert!(
        location(&edge.decide(denying.decide(&to_deny, v1::Decision::Deny)).await.unwrap()).contains("access_denied")
    );
    operator.revoke_now(revoke_request(consent_target("alice", &client.client_id), "short")).await.unwrap();
    let delete = v1::DeleteRequest {
        issuer_id: ISSUER.to_owned(),
        client_id: unused.client_id.clone(),
        registration_access_token: unused.registration_access_token().to_owned(),
    };
    edge.delete(delete).await.unwrap();

    env.engine.set_free_bytes(Some(256 * 1024 * 1024));
    edge.decide(approval).await.unwrap();
    edge.register(App::registration("none")).await.unwrap();
}

/// Another node has replaced a compromised key while this node's clock was set back.
///
/// Requirements: R44.
#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_key_is_noticed_after_a_step_back_of_the_clock() {
    let env = Environment::with_operator().await;
    let control = env.start().await;
    let (edge, start) = (control.edge(), env.now());
    env.clock.set(start + 60 * MINUTE);
    // The keyring is read at this instant.
    Flow::new(App::configured()).tokens(&edge, &env.idp).await;
    env.clock.set(start);
    let other = env.start().await;
    let rotation = v1::RotateKeysRequest {
        issuer_id: ISSUER.to_owned(),
        request_id: "the-request-after-the-step".to_owned(),
        keys: Some(v1::rotate_keys_request::Keys::Purpose(v1::KeyPurpose::Signing.into())),
        compromised: true,
    };
    other.caller(OPERATOR_TOKEN).rotate_keys(rotation).await.unwrap();
    let expected = published_kids(&other.edge()).await;
    assert_eq!(published_kids(&edge).await, expected);
}

/// No artifact of a browser's becomes eternal by a step back of the clock.
#[tokio::test(flavor = "multi_thread")]
async fn tickets_codes_and_logins_of_the_future_have_expired() {
    let env = Environment::new().await;
    let control = env.start().await;
    let edge = control.edge();
    let start = env.now();
    let back = Timestamp::from_millis(start.millis() - 3_600_000);
    let mut flow = Flow::new(App::configured());
    let page = flow.consent_page(&edge).await;
    let login = Flow::new(App::configured()).sign_in(&edge, &env.idp).await;
    let mut signed_in = Flow::new(App::configured());
    let code = signed_in.code(&edge, &env.idp).await;
    let live = Flow::new(App::configured());
    let tokens = { live.clone() }.tokens(&edge, &env.idp).await;
    edge.exchange(live.refresh(tokens.refresh_token())).await.unwrap();
    env.clock.set(back);
    let approval = flow.decide(&page, v1::Decision::Approve);
    assert_eq!(edge.decide(approval).await.reason(), "TICKET_EXPIRED");
    assert_eq!(edge.finish_login(login.clone()).await.reason(), "LOGIN_EXPIRED");
    assert_eq!(edge.exchange(signed_in.redeem(&code)).await.reason(), "CODE_INVALID");
    assert_eq!(edge.exchange(live.refresh(tokens.refresh_token())).await.reason(), "REFRESH_TOKEN_REPLAYED");
    // The clocks of two nodes may differ a little.
    env.clock.set(Timestamp::from_millis(start.millis() - 30_000));
    edge.exchange(signed_in.redeem(&code)).await.unwrap();
    edge.finish_login(again(&login)).await.unwrap();
}
