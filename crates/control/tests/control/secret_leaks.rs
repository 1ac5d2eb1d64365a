//! No secret is stored in the clear or logged, at any level.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use lychgate_api::v1;
use lychgate_control::config::RevocationMode;
use lychgate_engine::Space;

use crate::support::{
    App, ControlPlane, EDGE_TOKEN, Environment, Flow, Log, MASTER_KEY, Refused as _, RevocationBehavior, code_in,
    contains, location, query,
};

/// All keys and values of the store and all events.
async fn everything_kept(env: &Environment) -> Vec<u8> {
    let mut kept = Vec::new();
    for space in Space::ALL {
        for (key, entry) in env.entries(space).await {
            kept.extend_from_slice(&key.bytes);
            kept.extend_from_slice(&entry.value);
        }
    }
    kept.extend(env.events().await.concat());
    kept
}

/// A secret as text, and as bytes in the encodings it travels in.
fn forms(secret: &str) -> Vec<Vec<u8>> {
    let mut forms = vec![secret.as_bytes().to_vec()];
    let bare = ["lgc_", "lgr_"].iter().find_map(|prefix| secret.strip_prefix(prefix)).unwrap_or(secret);
    forms.extend(URL_SAFE_NO_PAD.decode(bare).ok().filter(|bytes| bytes.len() >= 16));
    forms.push(STANDARD.encode(secret).into_bytes());
    forms.push(format!("{:?}", secret.as_bytes()).into_bytes());
    forms
}

/// Requirements: A15, A22, B22.
#[tokio::test(flavor = "multi_thread")]
async fn no_secret_of_a_flow_is_stored_or_logged() {
    let mut env = Environment::new().await;
    env.set_upstream_revocation(RevocationMode::PerGrant);
    env.idp.set_revocation_behavior(RevocationBehavior::Fail);
    let log = Log::default();
    let (engine, clock) = (env.engine.open(), env.clock.clone());
    let control = ControlPlane::start_on(&mut log.runtime(), env.config.clone(), engine, clock).await.unwrap();
    let edge = control.edge();
    let mut flow = Flow::new(App::registered(&edge).await);
    let page = flow.consent_page(&edge).await;
    let decided = edge.decide(flow.decide(&page, v1::Decision::Approve)).await.unwrap();
    flow.browser.keep(&decided);
    let login = query(location(&decided));
    let callback = flow.finish_login(env.idp.sign_in(location(&decided), "alice"));
    let cookies = flow.browser.0.clone();
    let code = code_in(&edge.finish_login(callback).await.unwrap());
    let first = edge.exchange(flow.redeem(&code)).await.unwrap();
    let second = edge.exchange(flow.refresh(first.refresh_token())).await.unwrap();
    // Refusals are logged too, and a wrong secret may be almost right.
    let wrong = v1::ExchangeRequest {
        client: Some(v1::ClientCredentials {
            client_id: Some(flow.app.id.clone()),
            client_secret: Some("a-client-secret-sent-by-mistake".to_owned()),
            ..Default::default()
        }),
        ..flow.redeem(&code)
    };
    edge.exchange(wrong).await.reason();
    assert_eq!(edge.exchange(flow.redeem(&code)).await.reason(), "CODE_REPLAYED");
    control.caller("a-bearer-token-that-is-wrong").list().await.reason();
    let failing = Flow::new(App::configured()).sign_in(&edge, &env.idp).await;
    let twice = v1::FinishLoginRequest {
        parameters: failing.parameters.iter().cloned().map(spoiled).collect(),
        ..failing.clone()
    };
    edge.finish_login(twice).await.unwrap();
    // The replay ended the grant, and the upstream refuses to revoke its tokens.
    env.idp.wait_for_revocation_requests(1).await;
    env.upstream_revocations_paused().await;
    control.stop().await;

    let (kept, logged) = (everything_kept(&env).await, log.read());
    let failures =
        ["CODE_REPLAYED", "the login failed at the upstream", "upstream revocation failed; it will be retried"];
    for expected in failures.into_iter().chain(["listening"]) {
        assert!(contains(&logged, expected.as_bytes()), "the log is captured: {expected}");
    }
    assert!(contains(&kept, flow.app.id.as_bytes()), "the store is read");

    let mut secrets = env.idp.secrets();
    assert!(secrets.iter().any(|secret| secret.contains("access-token")) && secrets.len() >= 6, "{secrets:?}");
    secrets.extend(
        [EDGE_TOKEN, MASTER_KEY, "a-client-secret-sent-by-mistake", "a-bearer-token-that-is-wrong"].map(str::to_owned),
    );
    secrets.extend([code, first.access_token.clone(), second.access_token.clone()]);
    secrets.extend([first, second].iter().map(|tokens| tokens.refresh_token().to_owned()));
    secrets.extend([flow.app.verifier.clone(), login["nonce"].clone(), login["state"].clone()]);
    secrets.extend([page.ticket, page.form_token]);
    secrets.extend(cookies.into_values());
    for secret in secrets {
        for form in forms(&secret) {
            assert!(!contains(&kept, &form), "in the store: {secret}");
            assert!(!contains(&logged, &form), "in the log: {secret}, in {}", around(&logged, &form));
        }
    }
}

/// Replaces the code by one that the upstream never issued.
fn spoiled(parameter: v1::Parameter) -> v1::Parameter {
    let value = if parameter.name == "code" { format!("{}-spoiled", parameter.value) } else { parameter.value };
    v1::Parameter { value, ..parameter }
}

/// The log line that contains the secret.
fn around(logged: &[u8], form: &[u8]) -> String {
    let line = logged.split(|byte| *byte == b'\n').find(|line| contains(line, form));
    String::from_utf8_lossy(line.unwrap_or_default()).into_owned()
}
