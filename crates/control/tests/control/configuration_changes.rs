//! Configuration changes during a flow: the control plane restarts with another configuration over the same store.

use std::os::unix::fs::PermissionsExt as _;

use lychgate_api::v1;
use lychgate_control::config::{Config, UpstreamConfig};
use lychgate_engine::{Entropy as _, Space};
use lychgate_engine_suite::TestEntropy;
use lychgate_process::config::Secret;

use crate::support::{
    ApiClient, App, ControlPlane, Environment, Flow, ISSUER, MASTER_KEY, Refused as _, TICK, code_in, location, page,
    spawn_login,
};

type Change = fn(&mut Config);

fn changed(config: &Config, change: Change) -> Config {
    let mut changed = config.clone();
    change(&mut changed);
    changed
}

fn remove_client(config: &mut Config) {
    config.issuers[0].clients.clear();
}

fn move_client(config: &mut Config) {
    config.issuers[0].clients[0].redirect_uris = vec!["https://app.example/elsewhere".to_owned()];
}

fn remove_resource(config: &mut Config) {
    config.issuers[0].resources.remove(0);
}

fn remove_scope(config: &mut Config) {
    let read = config.issuers[0].resources[0].scopes.remove(0);
    config.issuers[0].resources[0].scopes[0].default = read.default;
}

/// The facts on the page changed: the person sees the new page, marked as changed, before their answer counts.
///
/// Requirements: B14, B39.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_between_page_and_button_shows_the_page_again() {
    let changes: [Change; 4] = [
        |config| config.issuers[0].clients[0].name = "Another App".to_owned(),
        |config| config.issuers[0].resources[0].name = "Other Notes".to_owned(),
        |config| config.issuers[0].resources[0].scopes[0].description = "May read everything".to_owned(),
        |config| {
            let UpstreamConfig::Oidc(oidc) = &mut config.issuers[0].upstream else { unreachable!() };
            oidc.name = "Another Login".to_owned();
        },
    ];
    for change in changes {
        let env = Environment::new().await;
        let mut flow = Flow::new(App::configured());
        let control = env.start().await;
        let shown = flow.consent_page(&control.edge()).await;
        assert!(!shown.changed);
        control.stop().await;

        let control = env.start_with(changed(&env.config, change)).await;
        let edge = control.edge();
        for decision in [v1::Decision::Approve, v1::Decision::Deny] {
            let now_shown = page(edge.decide(flow.decide(&shown, decision)).await.unwrap());
            assert!(now_shown.changed);
            assert_ne!(now_shown.form_token, shown.form_token);
            let unlike = v1::ConsentPage { form_token: shown.form_token.clone(), changed: false, ..now_shown };
            assert_ne!(unlike, shown, "the page shows the change");
        }
        assert!(env.entries(Space::Authorizations).await.is_empty(), "nothing was decided");

        let again = page(edge.decide(flow.decide(&shown, v1::Decision::Approve)).await.unwrap());
        let decided = edge.decide(flow.decide(&again, v1::Decision::Approve)).await.unwrap();
        flow.browser.keep(&decided);
        let next = edge.finish_login(flow.finish_login(env.idp.sign_in(location(&decided), "alice"))).await.unwrap();
        edge.exchange(flow.redeem(&code_in(&next))).await.unwrap();
    }
}

/// The request is no longer permitted: page and button refuse it with the precise reason.
///
/// Requirements: B14, B33.
#[tokio::test(flavor = "multi_thread")]
async fn a_removed_client_resource_or_scope_cannot_be_approved() {
    let changes: [(Change, &str); 4] = [
        (remove_client, "CLIENT_UNKNOWN"),
        (move_client, "REDIRECT_URI_UNREGISTERED"),
        (remove_resource, "RESOURCE_UNKNOWN"),
        (remove_scope, "SCOPE_INVALID"),
    ];
    for (change, reason) in changes {
        let env = Environment::new().await;
        let mut flow = Flow::new(App::configured());
        let control = env.start().await;
        let shown = flow.consent_page(&control.edge()).await;
        control.stop().await;
        let control = env.start_with(changed(&env.config, change)).await;
        let edge = control.edge();
        assert_eq!(edge.show(flow.show(&shown.ticket)).await.reason(), reason);
        for decision in [v1::Decision::Approve, v1::Decision::Deny] {
            assert_eq!(edge.decide(flow.decide(&shown, decision)).await.reason(), reason);
        }
        assert_eq!(edge.begin(flow.begin()).await.is_err(), reason != "SCOPE_INVALID" && reason != "RESOURCE_UNKNOWN");
        assert!(env.entries(Space::Authorizations).await.is_empty(), "nothing was decided");
        // With the old configuration the same page can be approved: the refusals consumed nothing.
        let control = env.start().await;
        control.edge().decide(flow.decide(&shown, v1::Decision::Approve)).await.unwrap();
    }
}

/// The callback checks again, before the upstream code is spent.
///
/// Requirements: B33.
#[tokio::test(flavor = "multi_thread")]
async fn a_callback_for_a_removed_client_or_resource_gets_no_code() {
    let changes: [(Change, &str); 3] = [
        (remove_client, "CLIENT_UNKNOWN"),
        (move_client, "REDIRECT_URI_UNREGISTERED"),
        (remove_resource, "RESOURCE_UNKNOWN"),
    ];
    for (change, reason) in changes {
        let env = Environment::new().await;
        let control = env.start().await;
        let callback = Flow::new(App::configured()).sign_in(&control.edge(), &env.idp).await;
        control.stop().await;
        let control = env.start_with(changed(&env.config, change)).await;
        assert_eq!(control.edge().finish_login(callback.clone()).await.reason(), reason);
        // The only event is the configuration change.
        assert_eq!((env.idp.calls(), env.events().await.len()), (0, 1));
        let control = env.start().await;
        control.edge().finish_login(callback).await.unwrap();
    }
}

/// Requirements: A17.
#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_for_a_removed_client_or_resource_gets_no_token() {
    let changes: [(Change, &str); 2] = [(remove_client, "CLIENT_UNKNOWN"), (remove_resource, "RESOURCE_UNKNOWN")];
    for (change, reason) in changes {
        let env = Environment::new().await;
        let mut flow = Flow::new(App::configured());
        let control = env.start().await;
        let code = flow.code(&control.edge(), &env.idp).await;
        control.stop().await;
        let control = env.start_with(changed(&env.config, change)).await;
        assert_eq!(control.edge().exchange(flow.redeem(&code)).await.reason(), reason);
        assert!(env.entries(Space::Grants).await.is_empty());
        let control = env.start().await;
        control.edge().exchange(flow.redeem(&code)).await.unwrap();
    }
}

/// Requirements: A17.
#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_for_a_removed_client_or_resource_gets_no_token() {
    let changes: [(Change, &str); 2] = [(remove_client, "CLIENT_UNKNOWN"), (remove_resource, "GRANT_ENDED")];
    for (change, reason) in changes {
        let env = Environment::new().await;
        let mut flow = Flow::new(App::configured());
        let control = env.start().await;
        let tokens = flow.tokens(&control.edge(), &env.idp).await;
        control.stop().await;
        let control = env.start_with(changed(&env.config, change)).await;
        assert_eq!(control.edge().exchange(flow.refresh(tokens.refresh_token())).await.reason(), reason);
        let control = env.start().await;
        control.edge().exchange(flow.refresh(tokens.refresh_token())).await.unwrap();
    }
}

/// The record of a registered client is changed: disabled, then deleted.
#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_or_deleted_registration_is_refused_at_every_step() {
    let env = Environment::new().await;
    let control = env.start().await;
    let edge = control.edge();
    let app = App::registered(&edge).await;
    let [mut asking, mut returning, mut redeeming, mut refreshing] = std::array::from_fn(|_| Flow::new(app.clone()));
    let page = asking.consent_page(&edge).await;
    let callback = returning.sign_in(&edge, &env.idp).await;
    let code = redeeming.code(&edge, &env.idp).await;
    let tokens = refreshing.tokens(&edge, &env.idp).await;
    let calls = env.idp.calls();
    let counts = env.record_counts().await;
    let refused_everywhere = async |edge: &ApiClient, reason: &str| {
        assert_eq!(edge.begin(asking.begin()).await.reason(), reason);
        assert_eq!(edge.show(asking.show(&page.ticket)).await.reason(), reason);
        assert_eq!(edge.decide(asking.decide(&page, v1::Decision::Approve)).await.reason(), reason);
        assert_eq!(edge.finish_login(callback.clone()).await.reason(), reason);
        assert_eq!(edge.exchange(redeeming.redeem(&code)).await.reason(), reason);
        assert_eq!(edge.exchange(refreshing.refresh(tokens.refresh_token())).await.reason(), reason);
        assert_eq!(env.idp.calls(), calls);
    };
    env.disable_stored_client().await;
    refused_everywhere(&edge, "CLIENT_DISABLED").await;
    assert_eq!(env.record_counts().await, counts);
    env.delete_only(Space::Clients).await;
    refused_everywhere(&edge, "CLIENT_UNKNOWN").await;
}

/// The client is disabled while the upstream exchanges the code.
///
/// Requirements: B33.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_disabled_during_the_upstream_call_gets_no_code() {
    let env = Environment::new().await;
    let control = env.start().await;
    let edge = control.edge();
    let mut flow = Flow::new(App::registered(&edge).await);
    let callback = flow.sign_in(&edge, &env.idp).await;
    env.idp.stall();
    let login = spawn_login(&edge, &callback);
    env.idp.wait_for_calls(1).await;
    env.disable_stored_client().await;
    env.idp.release();
    assert_eq!(login.await.unwrap().reason(), "CLIENT_DISABLED");
    assert!(env.entries(Space::Consents).await.is_empty() && env.events().await.is_empty(), "nothing is stored");
}

/// A revocation is one small commit: raising a counter ends everything minted under the lower value.
#[tokio::test(flavor = "multi_thread")]
async fn a_raised_counter_ends_everything_minted_before() {
    for scope in ["issuer", "consent"] {
        let env = Environment::new().await;
        let control = env.start().await;
        let edge = control.edge();
        let (mut minted, mut waiting) = (Flow::new(App::configured()), Flow::new(App::configured()));
        let tokens = minted.tokens(&edge, &env.idp).await;
        let code = waiting.code(&edge, &env.idp).await;
        match scope {
            "issuer" => env.raise_issuer_counter().await,
            _ => env.delete_only(Space::Consents).await,
        }
        assert_eq!(edge.exchange(minted.refresh(tokens.refresh_token())).await.reason(), "GRANT_ENDED", "{scope}");
        assert_eq!(
            edge.exchange(waiting.redeem(&code)).await.reason(),
            "GRANT_ENDED",
            "{scope}: a code under it is refused"
        );
        env.advance(TICK);
        let again = Flow::new(App::configured()).tokens(&edge, &env.idp).await;
        assert!(!again.access_token.is_empty(), "a new approval gives new tokens");
        assert_eq!(edge.exchange(minted.refresh(tokens.refresh_token())).await.reason(), "GRANT_ENDED", "{scope}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_master_key_refuses_to_start_with_one_line() {
    let env = Environment::new().await;
    env.start().await.stop().await;
    let mut other = [0; 32];
    TestEntropy.fill(&mut other);
    let mut config = env.config.clone();
    config.master_key = env.secret("other-key", &lychgate_domain::id::encode(&other));
    let refused = ControlPlane::start(config, env.engine.open(), env.clock.clone()).await.unwrap_err();
    assert_eq!(
        format!("{refused:#}"),
        "master_key: does not open the keyring of http://127.0.0.1:7440; use the master key that this store was created with"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unusable_master_key_refuses_to_start_with_one_line() {
    let env = Environment::new().await;
    for (text, problem) in [("short", "is not 32 bytes in base64url"), ("\n", "is empty")] {
        let config = Config { master_key: env.secret("bad-key", text), ..env.config.clone() };
        let refused = ControlPlane::start(config, env.engine.open(), env.clock.clone()).await.unwrap_err();
        let line = format!("{refused:#}");
        assert!(line.starts_with("master_key: ") && line.contains(problem) && !line.contains('\n'), "{line}");
    }
    let readable = env.secret("readable-key", MASTER_KEY);
    let Secret::File(path) = &readable else { panic!("{readable:?}") };
    for mode in [0o644, 0o640, 0o604, 0o660] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        let config = Config { master_key: readable.clone(), ..env.config.clone() };
        let refused = ControlPlane::start(config, env.engine.open(), env.clock.clone()).await.unwrap_err();
        let (line, path) = (format!("{refused:#}"), path.display());
        assert!(line.starts_with(&format!("master_key: file {path} has mode {mode:04o}: ")), "{line}");
        assert!(line.contains(&format!("run: chmod 600 {path}")) && !line.contains('\n'), "{line}");
    }
    let config = Config { master_key: Secret::Env("LYCHGATE_NOT_SET".to_owned()), ..env.config.clone() };
    let refused = ControlPlane::start(config, env.engine.open(), env.clock.clone()).await.unwrap_err();
    assert!(format!("{refused:#}").starts_with("master_key: environment variable LYCHGATE_NOT_SET cannot be read"));
    assert!(
        env.entries(Space::Meta).await.iter().all(|(key, _)| !key.bytes.starts_with(b"keyring")),
        "no keys were made"
    );
}

/// A flow survives a restart between any two steps with the same keys.
#[tokio::test(flavor = "multi_thread")]
async fn the_keyring_survives_restarts_between_all_steps() {
    let env = Environment::new().await;
    let mut flow = Flow::new(App::configured());
    let keys = env.start().await.edge().describe(ISSUER).await.unwrap().keys;
    let page = flow.consent_page(&env.start().await.edge()).await;
    let decided = env.start().await.edge().decide(flow.decide(&page, v1::Decision::Approve)).await.unwrap();
    let callback = flow.log_in(&decided, &env.idp);
    let next = env.start().await.edge().finish_login(callback).await.unwrap();
    let redeem = flow.redeem(&code_in(&next));
    let tokens = env.start().await.edge().exchange(redeem).await.unwrap();
    env.start().await.edge().exchange(flow.refresh(tokens.refresh_token())).await.unwrap();
    assert_eq!(env.start().await.edge().describe(ISSUER).await.unwrap().keys, keys);
}
