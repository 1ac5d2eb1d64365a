//! Configuration changes during a flow: the control plane restarts with another configuration over the same store.

use lychgate_api::v1;
use lychgate_control::config::{Config, UpstreamConfig};
use lychgate_engine::{Batch, Engine as _, Entropy as _, Expectation, Space};
use lychgate_engine_suite::TestEntropy;
use lychgate_process::config::Secret;

use crate::support::{App, Control, Edge, Flow, ISSUER, ISSUER_URL, Refused as _, TICK, World, location, page, query};

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
        let world = World::new().await;
        let mut flow = Flow::new(App::configured());
        let control = world.start().await;
        let shown = flow.ask(&control.edge()).await;
        assert!(!shown.changed);
        control.stop().await;

        let control = world.start_with(changed(&world.config, change)).await;
        let edge = control.edge();
        for decision in [v1::Decision::Approve, v1::Decision::Deny] {
            let now_shown = page(edge.decide(flow.decide(&shown, decision)).await.unwrap());
            assert!(now_shown.changed);
            assert_ne!(now_shown.form_token, shown.form_token);
            let unlike = v1::ConsentPage { form_token: shown.form_token.clone(), changed: false, ..now_shown };
            assert_ne!(unlike, shown, "the page shows the change");
        }
        assert!(world.kept(Space::Authorizations).await.is_empty(), "nothing was decided");

        let again = page(edge.decide(flow.decide(&shown, v1::Decision::Approve)).await.unwrap());
        let decided = edge.decide(flow.decide(&again, v1::Decision::Approve)).await.unwrap();
        flow.browser.keep(&decided);
        let next = edge.finish_login(flow.finish_login(world.idp.sign_in(location(&decided), "alice"))).await.unwrap();
        edge.exchange(flow.redeem(&query(location(&next))["code"])).await.unwrap();
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
        let world = World::new().await;
        let mut flow = Flow::new(App::configured());
        let control = world.start().await;
        let shown = flow.ask(&control.edge()).await;
        control.stop().await;
        let control = world.start_with(changed(&world.config, change)).await;
        let edge = control.edge();
        assert_eq!(edge.show(flow.show(&shown.ticket)).await.reason(), reason);
        for decision in [v1::Decision::Approve, v1::Decision::Deny] {
            assert_eq!(edge.decide(flow.decide(&shown, decision)).await.reason(), reason);
        }
        assert_eq!(edge.begin(flow.begin()).await.is_err(), reason != "SCOPE_INVALID" && reason != "RESOURCE_UNKNOWN");
        assert!(world.kept(Space::Authorizations).await.is_empty(), "nothing was decided");
        // With the old configuration the same page can be approved: the refusals consumed nothing.
        let control = world.start().await;
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
        let world = World::new().await;
        let control = world.start().await;
        let callback = Flow::new(App::configured()).sign_in(&control.edge(), &world.idp).await;
        control.stop().await;
        let control = world.start_with(changed(&world.config, change)).await;
        assert_eq!(control.edge().finish_login(callback.clone()).await.reason(), reason);
        // The only event is the configuration change.
        assert_eq!((world.idp.calls(), world.events().await.len()), (0, 1));
        let control = world.start().await;
        control.edge().finish_login(callback).await.unwrap();
    }
}

/// Requirements: A17.
#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_for_a_removed_client_or_resource_gets_no_token() {
    let changes: [(Change, &str); 2] = [(remove_client, "CLIENT_UNKNOWN"), (remove_resource, "RESOURCE_UNKNOWN")];
    for (change, reason) in changes {
        let world = World::new().await;
        let mut flow = Flow::new(App::configured());
        let control = world.start().await;
        let code = flow.code(&control.edge(), &world.idp).await;
        control.stop().await;
        let control = world.start_with(changed(&world.config, change)).await;
        assert_eq!(control.edge().exchange(flow.redeem(&code)).await.reason(), reason);
        assert!(world.kept(Space::Grants).await.is_empty());
        let control = world.start().await;
        control.edge().exchange(flow.redeem(&code)).await.unwrap();
    }
}

/// Requirements: A17.
#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_for_a_removed_client_or_resource_gets_no_token() {
    let changes: [(Change, &str); 2] = [(remove_client, "CLIENT_UNKNOWN"), (remove_resource, "GRANT_ENDED")];
    for (change, reason) in changes {
        let world = World::new().await;
        let mut flow = Flow::new(App::configured());
        let control = world.start().await;
        let tokens = flow.tokens(&control.edge(), &world.idp).await;
        control.stop().await;
        let control = world.start_with(changed(&world.config, change)).await;
        assert_eq!(control.edge().exchange(flow.refresh(tokens.refresh_token())).await.reason(), reason);
        let control = world.start().await;
        control.edge().exchange(flow.refresh(tokens.refresh_token())).await.unwrap();
    }
}

/// A registered client whose record is changed: disabled, then deleted.
#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_or_deleted_registration_is_refused_at_every_step() {
    let world = World::new().await;
    let control = world.start().await;
    let edge = control.edge();
    let app = App::registered(&edge).await;
    let [mut asking, mut returning, mut redeeming, mut refreshing] = std::array::from_fn(|_| Flow::new(app.clone()));
    let page = asking.ask(&edge).await;
    let callback = returning.sign_in(&edge, &world.idp).await;
    let code = redeeming.code(&edge, &world.idp).await;
    let tokens = refreshing.tokens(&edge, &world.idp).await;
    let calls = world.idp.calls();
    let census = world.census().await;
    let refused_everywhere = async |edge: &Edge, reason: &str| {
        assert_eq!(edge.begin(asking.begin()).await.reason(), reason);
        assert_eq!(edge.show(asking.show(&page.ticket)).await.reason(), reason);
        assert_eq!(edge.decide(asking.decide(&page, v1::Decision::Approve)).await.reason(), reason);
        assert_eq!(edge.finish_login(callback.clone()).await.reason(), reason);
        assert_eq!(edge.exchange(redeeming.redeem(&code)).await.reason(), reason);
        assert_eq!(edge.exchange(refreshing.refresh(tokens.refresh_token())).await.reason(), reason);
        assert_eq!(world.idp.calls(), calls);
    };
    let (key, entry) = world.kept(Space::Clients).await.remove(0);
    // Appends field 2, `status`: the last value of a protobuf field wins.
    let disabled = [entry.value.as_slice(), &[0x10, 0x02]].concat();
    let batch = || Batch::new(world.now(), world.now() + std::time::Duration::from_secs(10));
    let put = batch().put(key.clone(), Expectation::Version(entry.version), disabled, entry.expires_at);
    world.engine.commit(put).await.unwrap();
    refused_everywhere(&edge, "CLIENT_DISABLED").await;
    assert_eq!(world.census().await, census);
    let (_, entry) = world.kept(Space::Clients).await.remove(0);
    world.engine.commit(batch().delete(key, entry.version)).await.unwrap();
    refused_everywhere(&edge, "CLIENT_UNKNOWN").await;
}

/// The client is disabled while the upstream exchanges the code.
///
/// Requirements: B33.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_disabled_during_the_upstream_call_gets_no_code() {
    let world = World::new().await;
    let control = world.start().await;
    let edge = control.edge();
    let mut flow = Flow::new(App::registered(&edge).await);
    let callback = flow.sign_in(&edge, &world.idp).await;
    world.idp.stall();
    let login = tokio::spawn({
        let edge = edge.clone();
        async move { edge.finish_login(callback).await }
    });
    world.idp.called(1).await;
    let (key, entry) = world.kept(Space::Clients).await.remove(0);
    let disabled = [entry.value.as_slice(), &[0x10, 0x02]].concat();
    let batch = Batch::new(world.now(), world.now() + std::time::Duration::from_secs(10));
    world.engine.commit(batch.put(key, Expectation::Version(entry.version), disabled, entry.expires_at)).await.unwrap();
    world.idp.release();
    assert_eq!(login.await.unwrap().reason(), "CLIENT_DISABLED");
    assert!(world.kept(Space::Consents).await.is_empty() && world.events().await.is_empty(), "nothing is stored");
}

/// A revocation is one small commit: raising a counter ends everything minted under the lower value.
#[tokio::test(flavor = "multi_thread")]
async fn a_raised_counter_ends_everything_minted_before() {
    for scope in ["issuer", "consent"] {
        let world = World::new().await;
        let control = world.start().await;
        let edge = control.edge();
        let (mut minted, mut waiting) = (Flow::new(App::configured()), Flow::new(App::configured()));
        let tokens = minted.tokens(&edge, &world.idp).await;
        let code = waiting.code(&edge, &world.idp).await;
        let batch = Batch::new(world.now(), world.now() + std::time::Duration::from_secs(10));
        let revocation = match scope {
            "issuer" => {
                let url = lychgate_domain::issuer::IssuerUrl::parse(ISSUER_URL).unwrap();
                let counter = [url.digest().as_slice(), b"i"].concat();
                let key = lychgate_engine::Key::new(Space::Counters, counter);
                batch.put(key, Expectation::Absent, vec![0x08, 0x01], None)
            }
            _ => {
                let (key, entry) = world.kept(Space::Consents).await.remove(0);
                batch.delete(key, entry.version)
            }
        };
        world.engine.commit(revocation).await.unwrap();
        assert_eq!(edge.exchange(minted.refresh(tokens.refresh_token())).await.reason(), "GRANT_ENDED", "{scope}");
        assert_eq!(
            edge.exchange(waiting.redeem(&code)).await.reason(),
            "GRANT_ENDED",
            "{scope}: a code under it is refused"
        );
        world.advance(TICK);
        let again = Flow::new(App::configured()).tokens(&edge, &world.idp).await;
        assert!(!again.access_token.is_empty(), "a new approval gives new tokens");
        assert_eq!(edge.exchange(minted.refresh(tokens.refresh_token())).await.reason(), "GRANT_ENDED", "{scope}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_master_key_refuses_to_start_with_one_line() {
    let world = World::new().await;
    world.start().await.stop().await;
    let mut other = [0; 32];
    TestEntropy.fill(&mut other);
    let mut config = world.config.clone();
    config.master_key = world.secret("other-key", &lychgate_domain::id::encode(&other));
    let refused = Control::start(config, world.engine.clone(), world.clock.clone()).await.unwrap_err();
    assert_eq!(
        format!("{refused:#}"),
        "master_key: does not open the keyring of http://127.0.0.1:7440; use the master key that this store was created with"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unusable_master_key_refuses_to_start_with_one_line() {
    let world = World::new().await;
    for (text, problem) in [("short", "is not 32 bytes in base64url"), ("\n", "is empty")] {
        let config = Config { master_key: world.secret("bad-key", text), ..world.config.clone() };
        let refused = Control::start(config, world.engine.clone(), world.clock.clone()).await.unwrap_err();
        let line = format!("{refused:#}");
        assert!(line.starts_with("master_key: ") && line.contains(problem) && !line.contains('\n'), "{line}");
    }
    let config = Config { master_key: Secret::Env("LYCHGATE_NOT_SET".to_owned()), ..world.config.clone() };
    let refused = Control::start(config, world.engine.clone(), world.clock.clone()).await.unwrap_err();
    assert!(format!("{refused:#}").starts_with("master_key: environment variable LYCHGATE_NOT_SET cannot be read"));
    assert!(
        world.kept(Space::Meta).await.iter().all(|(key, _)| !key.bytes.starts_with(b"keyring")),
        "no keys were made"
    );
}

/// A flow survives a restart between any two steps with the same keys.
#[tokio::test(flavor = "multi_thread")]
async fn the_keyring_survives_restarts_between_all_steps() {
    let world = World::new().await;
    let mut flow = Flow::new(App::configured());
    let keys = world.start().await.edge().describe(ISSUER).await.unwrap().keys;
    let page = flow.ask(&world.start().await.edge()).await;
    let decided = world.start().await.edge().decide(flow.decide(&page, v1::Decision::Approve)).await.unwrap();
    flow.browser.keep(&decided);
    let callback = flow.finish_login(world.idp.sign_in(location(&decided), "alice"));
    let next = world.start().await.edge().finish_login(callback).await.unwrap();
    let redeem = flow.redeem(&query(location(&next))["code"]);
    let tokens = world.start().await.edge().exchange(redeem).await.unwrap();
    world.start().await.edge().exchange(flow.refresh(tokens.refresh_token())).await.unwrap();
    assert_eq!(world.start().await.edge().describe(ISSUER).await.unwrap().keys, keys);
}
