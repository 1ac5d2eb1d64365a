//! Client identification and authentication: secrets, assertions, metadata documents, and management of registrations.

use std::time::Duration;

use lychgate_api::v1;
use lychgate_api::v1::admin_service_revoke_request::Target;
use lychgate_control::config::{DocumentMode, RegistrationConfig, RegistrationMode};
use lychgate_engine::Space;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::{
    ApiClient, App, ClientKey, ControlPlane, Environment, Flow, ISSUER, MetadataHost, Refused as _, code_in, location,
    query, revoke_request, wait_until,
};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const DOCUMENT: &str = "/client.json";
const KEYS: &str = "/jwks.json";
const LOOPBACK: &str = "http://127.0.0.1:7777/cb";

fn with_secret(request: v1::ExchangeRequest, secret: Option<&str>, basic: bool) -> v1::ExchangeRequest {
    let id = request.client.as_ref().unwrap().client_id().to_owned();
    let client = match (secret, basic) {
        (Some(secret), true) => v1::ClientCredentials {
            basic: Some(v1::BasicCredentials { client_id: id, client_secret: secret.to_owned(), ..Default::default() }),
            ..Default::default()
        },
        (secret, _) => v1::ClientCredentials {
            client_id: Some(id),
            client_secret: secret.map(str::to_owned),
            ..Default::default()
        },
    };
    v1::ExchangeRequest { client: Some(client), ..request }
}

fn with_assertion(request: v1::ExchangeRequest, assertion: &str) -> v1::ExchangeRequest {
    let client = v1::ClientCredentials {
        client_id: None,
        client_assertion: Some(assertion.to_owned()),
        client_assertion_type: Some(ASSERTION_TYPE.to_owned()),
        ..Default::default()
    };
    v1::ExchangeRequest { client: Some(client), ..request }
}

/// Requirements: A1, R13, R14.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_with_a_secret_authenticates_every_request() {
    let env = Environment::new().await;
    let control = env.start().await;
    let edge = control.edge();
    for method in ["client_secret_basic", "client_secret_post"] {
        let registered = edge.register(App::registration(method)).await.unwrap();
        let secret = registered.client_secret().to_owned();
        assert!(secret.starts_with("lgs_"), "{secret}");
        let mut flow = Flow::new(App::new(&registered.client_id, LOOPBACK));
        let code = flow.code(&edge, &env.idp).await;
        let counts = env.record_counts().await;
        for wrong in [None, Some("wrong"), Some(&secret[..46])] {
            let refused = edge.exchange(with_secret(flow.redeem(&code), wrong, true)).await.reason();
            assert_eq!(refused, "CLIENT_AUTHENTICATION_FAILED", "{method} with {wrong:?}");
        }
        assert_eq!(env.record_counts().await, counts, "nothing is consumed");
        let tokens = edge.exchange(with_secret(flow.redeem(&code), Some(&secret), true)).await.unwrap();
        let refresh = flow.refresh(tokens.refresh_token());
        let refused = edge.exchange(with_secret(refresh.clone(), None, false)).await.reason();
        assert_eq!(refused, "CLIENT_AUTHENTICATION_FAILED");
        edge.exchange(with_secret(refresh, Some(&secret), false)).await.unwrap();
    }
}

/// Requirements: A15.
#[tokio::test(flavor = "multi_thread")]
async fn client_secrets_are_stored_as_digests_only() {
    let env = Environment::new().await;
    let control = env.start().await;
    let edge = control.edge();
    let registered = edge.register(App::registration("client_secret_basic")).await.unwrap();
    for (_, entry) in env.entries(Space::Clients).await {
        let kept = String::from_utf8_lossy(&entry.value);
        for secret in [registered.client_secret(), registered.registration_access_token()] {
            assert!(!kept.contains(secret) && !kept.contains(&secret[4..]), "{secret}");
        }
    }
}

fn manage(client: &v1::ClientInformation, token: &str) -> v1::ReadRequest {
    let (issuer_id, client_id) = (ISSUER.to_owned(), client.client_id.clone());
    v1::ReadRequest { issuer_id, client_id, registration_access_token: token.to_owned() }
}

/// Requirements: R37.
#[tokio::test(flavor = "multi_thread")]
async fn a_registration_is_managed_with_its_own_token() {
    let env = Environment::new().await;
    let control = env.start().await;
    let edge = control.edge();
    let mine = edge.register(App::registration("none")).await.unwrap();
    let other = edge.register(App::registration("none")).await.unwrap();
    let token = mine.registration_access_token();
    assert_eq!(mine.registration_client_uri(), format!("http://127.0.0.1:7440/register/{}", mine.client_id));
    let read = edge.read(manage(&mine, token)).await.unwrap();
    assert_eq!((&read.metadata, read.client_secret, read.registration_access_token), (&mine.metadata, None, None));
    let counts = env.record_counts().await;
    for refused in [manage(&mine, other.registration_access_token()), manage(&other, token), manage(&mine, "")] {
        assert_eq!(edge.read(refused).await.reason(), "REGISTRATION_ACCESS_TOKEN_INVALID");
    }
    let unknown = v1::ClientInformation { client_id: "client-AAAAAAAAAAAAAAAAAAAAAA".to_owned(), ..mine.clone() };
    assert_eq!(edge.read(manage(&unknown, token)).await.reason(), "REGISTRATION_ACCESS_TOKEN_INVALID");
    let update = App::update(&mine, "none");
    let anothers = v1::UpdateRequest { body_client_id: Some(other.client_id.clone()), ..update.clone() };
    assert_eq!(edge.update(anothers).await.reason(), "REGISTRATION_METADATA_INVALID");
    assert_eq!(env.record_counts().await, counts);

    // B14: people approved a client with the old redirect URI.
    let metadata =
        v1::ClientMetadata { redirect_uris: vec!["https://new.example/cb".to_owned()], ..App::metadata("none") };
    edge.update(v1::UpdateRequest { metadata: Some(metadata), ..update }).await.unwrap();
    let old = Flow::new(App::new(&mine.client_id, LOOPBACK));
    assert_eq!(edge.begin(old.begin()).await.reason(), "REDIRECT_URI_UNREGISTERED");
    let new = Flow::new(App::new(&mine.client_id, "https://new.example/cb"));
    assert!(query(location(&edge.begin(new.begin()).await.unwrap())).contains_key("ticket"));
}

/// Requirements: R37.
#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_registration_ends_its_grants() {
    let env = Environment::new().await;
    let control = env.start().await;
    let edge = control.edge();
    let client = edge.register(App::registration("none")).await.unwrap();
    let mut flow = Flow::new(App::new(&client.client_id, LOOPBACK));
    let tokens = flow.tokens(&edge, &env.idp).await;
    let (issuer_id, client_id) = (ISSUER.to_owned(), client.client_id.clone());
    let registration_access_token = client.registration_access_token().to_owned();
    let delete = v1::DeleteRequest { issuer_id, client_id, registration_access_token };
    edge.delete(delete.clone()).await.unwrap();
    assert_eq!(edge.exchange(flow.refresh(tokens.refresh_token())).await.reason(), "CLIENT_UNKNOWN");
    assert_eq!(edge.begin(flow.begin()).await.reason(), "CLIENT_UNKNOWN");
    assert_eq!(edge.delete(delete).await.reason(), "REGISTRATION_ACCESS_TOKEN_INVALID");
}

/// Requirements: R36.
#[tokio::test(flavor = "multi_thread")]
async fn registration_is_as_open_as_the_operator_says() {
    let mut env = Environment::new().await;
    let digest = Sha256::digest("initial").iter().map(|byte| format!("{byte:02x}")).collect();
    env.issuer().registration =
        RegistrationConfig { mode: RegistrationMode::InitialAccessToken, initial_access_token_sha256: vec![digest] };
    let control = env.start().await;
    let edge = control.edge();
    let with = |token: Option<&str>| v1::RegisterRequest {
        initial_access_token: token.map(str::to_owned),
        ..App::registration("none")
    };
    edge.register(with(Some("initial"))).await.unwrap();
    let counts = env.record_counts().await;
    for token in [None, Some(""), Some("guess")] {
        assert_eq!(edge.register(with(token)).await.reason(), "INITIAL_ACCESS_TOKEN_INVALID");
    }
    assert_eq!(env.record_counts().await, counts);
    env.issuer().registration = RegistrationConfig { mode: RegistrationMode::Off, ..Default::default() };
    let control = env.start().await;
    let counts = env.record_counts().await;
    assert_eq!(control.edge().register(with(Some("initial"))).await.reason(), "REGISTRATION_CLOSED");
    assert_eq!(control.edge().describe(ISSUER).await.unwrap().metadata.unwrap().registration_endpoint, "");
    assert_eq!(env.record_counts().await, counts);
}

/// The operator's list is checked at registration, at /authorize, at the decision and before a code is issued.
///
/// Requirements: B33.
#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_host_that_is_no_longer_permitted_gets_nothing() {
    let mut env = Environment::new().await;
    let open = env.start().await;
    let edge = open.edge();
    let metadata =
        v1::ClientMetadata { redirect_uris: vec!["https://new.example/cb".to_owned()], ..App::metadata("none") };
    let registration = || v1::RegisterRequest { metadata: Some(metadata.clone()), ..App::registration("none") };
    let client = edge.register(registration()).await.unwrap();
    let app = || App::new(&client.client_id, "https://new.example/cb");
    let mut flow = Flow::new(app());
    flow.tokens(&edge, &env.idp).await;
    let (mut deciding, mut returning) = (Flow::new(app()), Flow::new(app()));
    let page = deciding.consent_page(&edge).await;
    let callback = returning.sign_in(&edge, &env.idp).await;

    env.issuer().redirect_hosts = Some(vec!["*.trusted.example".to_owned()]);
    let strict = env.start().await;
    let (edge, counts, calls) = (strict.edge(), env.record_counts().await, env.idp.calls());
    assert_eq!(edge.register(registration()).await.reason(), "REGISTRATION_REDIRECT_URI_INVALID");
    assert_eq!(edge.begin(flow.begin()).await.reason(), "REDIRECT_URI_FORBIDDEN");
    let decision = deciding.decide(&page, v1::Decision::Approve);
    assert_eq!(edge.decide(decision).await.reason(), "REDIRECT_URI_FORBIDDEN");
    assert_eq!(edge.finish_login(callback).await.reason(), "REDIRECT_URI_FORBIDDEN");
    assert_eq!((env.record_counts().await, env.idp.calls()), (counts, calls), "the refusals changed nothing");
    Flow::new(App::configured()).tokens(&edge, &env.idp).await;
}

/// No token holds an unticked scope, and the answer says so; a scope that was not on the page cannot be added.
///
/// Requirements: E3, E5.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_leaves_a_scope_out_and_token_and_audit_log_say_so() {
    let mut env = Environment::with_operator().await;
    env.issuer().resources[0].scopes[1].optional = true;
    let control = env.start().await;
    let edge = control.edge();
    for (chosen, granted) in [(vec![], "read"), (vec!["write"], "read write"), (vec!["admin"], "read")] {
        let mut flow = Flow::new(App::configured());
        flow.scope = "read write".to_owned();
        let page = flow.consent_page(&edge).await;
        assert_eq!(page.scopes.iter().map(|scope| scope.optional).collect::<Vec<_>>(), [false, true]);
        let chosen_scopes = chosen.iter().map(|name| (*name).to_owned()).collect();
        let decision = v1::DecideRequest { chosen_scopes, ..flow.decide(&page, v1::Decision::Approve) };
        let next = edge.decide(decision).await.unwrap();
        let callback = flow.log_in(&next, &env.idp);
        let code = code_in(&edge.finish_login(callback).await.unwrap());
        let tokens = edge.exchange(flow.redeem(&code)).await.unwrap();
        assert_eq!(tokens.scope, granted, "{chosen:?}");
        let wider =
            v1::ExchangeRequest { scope: Some("read write admin".to_owned()), ..flow.refresh(tokens.refresh_token()) };
        assert_eq!(edge.exchange(wider).await.reason(), "SCOPE_INVALID");
    }
    let approvals = v1::ListEventsRequest {
        issuer_id: ISSUER.to_owned(),
        kind: "consent.approved".to_owned(),
        ..Default::default()
    };
    let approvals = control.operator().list_events(approvals).await.unwrap().events;
    let logged: Vec<_> =
        approvals.iter().map(|event| (event.requested_scopes.join(" "), event.scopes.join(" "))).collect();
    assert_eq!(logged, ["read", "read write", "read"].map(|given| ("read write".to_owned(), given.to_owned())));
    let mut nothing = Flow::new(App::configured());
    nothing.scope = "write".to_owned();
    let page = nothing.consent_page(&edge).await;
    let counts = env.record_counts().await;
    assert_eq!(edge.decide(nothing.decide(&page, v1::Decision::Approve)).await.reason(), "DECISION_MISSING");
    assert_eq!(env.record_counts().await, counts);
}

/// A host with a metadata document, and a control plane that may fetch it.
async fn documented(members: Value) -> (Environment, ControlPlane, MetadataHost, App) {
    let mut env = Environment::with_operator().await;
    let site = MetadataHost::start().await;
    site.publish(DOCUMENT, &site.document(DOCUMENT, &members));
    env.config.outbound = site.outbound(&env);
    let control = env.start().await;
    let app = App::new(&site.url(DOCUMENT), LOOPBACK);
    (env, control, site, app)
}

/// Requirements: A7, D2, D7, D11.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_described_by_its_document() {
    let (env, control, site, app) = documented(json!({})).await;
    let edge = control.edge();
    assert!(edge.describe(ISSUER).await.unwrap().metadata.unwrap().client_id_metadata_document_supported);
    let mut flow = Flow::new(app);
    let page = flow.consent_page(&edge).await;
    let client = page.client.unwrap();
    let website = site.url("").replace("https://", "");
    assert_eq!(client.metadata_website.unwrap().host, website);
    assert_eq!((client.name.as_str(), client.metadata_host), ("Documented", website), "D11");
    let tokens = flow.tokens(&edge, &env.idp).await;
    let again = edge.exchange(flow.refresh(tokens.refresh_token())).await.unwrap();
    assert_eq!(site.asked(DOCUMENT), 1, "D7: as long as it is fresh");
    env.advance(Duration::from_secs(61));
    edge.exchange(flow.refresh(again.refresh_token())).await.unwrap();
    assert_eq!(site.asked(DOCUMENT), 2);
    assert!(env.entries(Space::Clients).await.is_empty(), "documents are not stored");
}

/// Uses up the fetches that strangers may cause from `site` now. The documents of `site` are stale then.
async fn use_up_strangers_fetches(env: &Environment, edge: &ApiClient, site: &MetadataHost) {
    let clients: Vec<_> = (0..30).map(|n| format!("/stranger-{n}.json")).collect();
    let begin = async |path: &String| drop(edge.begin(Flow::new(App::new(&site.url(path), LOOPBACK)).begin()).await);
    for path in &clients {
        site.publish(path, &site.document(path, &json!({})));
        env.advance(Duration::from_secs(1));
        begin(path).await;
        assert_eq!(site.asked(path), 1, "{path}");
    }
    env.advance(Duration::from_secs(61));
    for path in &clients {
        begin(path).await;
    }
    let fetched = clients.iter().filter(|path| site.asked(path) == 2).count();
    assert!((1..30).contains(&fetched), "{fetched}");
}

/// Only a login, a code or a refresh token of the client's proves that a person has signed in for it. No other step draws on the
/// share of such clients: an attacker can press every button, and come back with a made-up code.
///
/// Requirements: D7.
#[tokio::test(flavor = "multi_thread")]
async fn only_a_known_subject_makes_a_clients_document_worth_more_than_a_strangers() {
    let (env, control, site, app) = documented(json!({})).await;
    let edge = control.edge();
    let mut signed_in = Flow::new(app.clone());
    let tokens = signed_in.tokens(&edge, &env.idp).await;
    let mut of_another = Flow::new(App::configured());
    let their_tokens = of_another.tokens(&edge, &env.idp).await;
    let their_code = Flow::new(App::configured()).code(&edge, &env.idp).await;
    let mut callback = Flow::new(app.clone()).sign_in(&edge, &env.idp).await;
    for parameter in callback.parameters.iter_mut().filter(|parameter| parameter.name == "code") {
        parameter.value = "made-up".to_owned();
    }
    let mut deciding = Flow::new(app.clone());
    let page = deciding.consent_page(&edge).await;
    let ticket = Flow::new(app.clone()).ticket(&edge).await;
    use_up_strangers_fetches(&env, &edge, &site).await;

    let fetched = site.asked(DOCUMENT);
    let is_a_strangers = |step: &str| assert_eq!(site.asked(DOCUMENT), fetched, "{step}");
    let stranger = Flow::new(app.clone());
    edge.begin(stranger.begin()).await.unwrap();
    is_a_strangers("a request");
    edge.show(stranger.show(&ticket)).await.unwrap();
    is_a_strangers("its page");
    edge.decide(deciding.decide(&page, v1::Decision::Approve)).await.unwrap();
    is_a_strangers("an approval");
    let failed = edge.finish_login(callback).await.unwrap();
    assert!(format!("{failed:?}").contains("UPSTREAM_INVALID"), "{failed:?}");
    is_a_strangers("the callback of a login that fails");
    assert_eq!(edge.exchange(stranger.redeem(&their_code)).await.reason(), "CODE_INVALID");
    is_a_strangers("a code of another client");
    let forged = |token: &str| {
        let (start, end) = token.split_at(token.len() - 8);
        format!("{start}{}", end.replace(|c: char| c != 'A', "A"))
    };
    for token in [their_tokens.refresh_token().to_owned(), forged(tokens.refresh_token())] {
        assert_eq!(edge.exchange(stranger.refresh(&token)).await.reason(), "REFRESH_TOKEN_INVALID");
        is_a_strangers("a refresh token that is not the client's");
    }
    edge.exchange(signed_in.refresh(tokens.refresh_token())).await.unwrap();
    assert_eq!(site.asked(DOCUMENT), fetched + 1, "a refresh token of the client's");
}

/// The client's host decides how long its document takes. A grant that an operator ends meanwhile gives no token when
/// the document arrives, also not to the repetition of a refresh that was answered before, which commits nothing.
///
/// Requirements: A7, R27.
#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_ends_while_the_document_is_fetched_gives_no_token() {
    let (env, control, site, app) = documented(json!({})).await;
    let edge = control.edge();
    let mut flow = Flow::new(app);
    let tokens = flow.tokens(&edge, &env.idp).await;
    let refresh = flow.refresh(tokens.refresh_token());
    let first = edge.exchange(refresh.clone()).await.unwrap();
    let repeated = edge.exchange(refresh.clone()).await.unwrap();
    assert_eq!(repeated.refresh_token, first.refresh_token, "the repetition is answered as long as the grant lives");

    env.advance(Duration::from_secs(61));
    let fetches = site.asked(DOCUMENT);
    site.withhold();
    let repetition = tokio::spawn({
        let edge = edge.clone();
        async move { edge.exchange(refresh).await }
    });
    wait_until("the document is being fetched", async || site.asked(DOCUMENT) > fetches).await;
    let listed = v1::ListGrantsRequest { issuer_id: ISSUER.to_owned(), ..Default::default() };
    let grant_id = control.operator().list_grants(listed).await.unwrap().grants.remove(0).grant_id;
    let revocation = revoke_request(Target::GrantId(grant_id), "1");
    assert!(control.operator().revoke_now(revocation).await.unwrap().changed);
    site.release();
    assert_eq!(repetition.await.unwrap().reason(), "GRANT_ENDED");
}

/// A client exists as long as its document does, at every step.
///
/// Requirements: D2, D19.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_its_document_is_refused_at_every_step() {
    let (env, control, site, app) = documented(json!({})).await;
    let edge = control.edge();
    let mut flow = Flow::new(app);
    let tokens = flow.tokens(&edge, &env.idp).await;
    let (mut deciding, mut returning, mut redeeming) = (flow.clone(), flow.clone(), flow.clone());
    let page = deciding.consent_page(&edge).await;
    let callback = returning.sign_in(&edge, &env.idp).await;
    let code = redeeming.code(&edge, &env.idp).await;
    site.withdraw(DOCUMENT);
    // After the document's freshness, within every other lifetime but the code's.
    env.advance(Duration::from_secs(61));
    let counts = env.record_counts().await;
    let gone = "METADATA_DOCUMENT_INVALID";
    assert_eq!(edge.begin(flow.begin()).await.reason(), gone);
    assert_eq!(edge.show(deciding.show(&page.ticket)).await.reason(), gone);
    assert_eq!(edge.decide(deciding.decide(&page, v1::Decision::Approve)).await.reason(), gone);
    assert_eq!(edge.finish_login(callback).await.reason(), gone);
    assert_eq!(edge.exchange(redeeming.redeem(&code)).await.reason(), gone);
    assert_eq!(edge.exchange(flow.refresh(tokens.refresh_token())).await.reason(), gone);
    assert_eq!(edge.revoke(flow.revoke(tokens.refresh_token())).await.reason(), gone);
    assert_eq!(env.record_counts().await, counts);
}

/// Requirements: B39.
#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_changes_between_page_and_button_is_shown_again() {
    let (env, control, site, app) = documented(json!({})).await;
    let edge = control.edge();
    let mut flow = Flow::new(app);
    let page = flow.consent_page(&edge).await;
    site.publish(DOCUMENT, &site.document(DOCUMENT, &json!({ "client_name": "Another Client" })));
    env.advance(Duration::from_secs(61));
    let next = edge.decide(flow.decide(&page, v1::Decision::Approve)).await.unwrap();
    let Some(v1::next::Step::ConsentPage(page)) = next.step else { panic!("expected the page again") };
    assert!(page.changed && page.client.unwrap().name == "Another Client");
    assert!(env.entries(Space::Authorizations).await.is_empty());
}

/// Requirements: A20, D1, D4, D5, D18.
#[tokio::test(flavor = "multi_thread")]
async fn an_unacceptable_document_or_url_gets_no_page() {
    let (mut env, control, site, app) = documented(json!({})).await;
    let edge = control.edge();
    let begin = |edge: ApiClient, id: &str| {
        let flow = Flow::new(App::new(id, &app.redirect_uri));
        async move { edge.begin(flow.begin()).await.reason() }
    };
    for (path, members) in [
        ("/other-id", json!({ "client_id": "https://localhost/other" })),
        ("/secret", json!({ "client_secret": "s" })),
        ("/shared", json!({ "token_endpoint_auth_method": "client_secret_post" })),
        ("/nameless", json!({ "client_name": "" })),
        ("/harmful", json!({ "redirect_uris": ["javascript:alert(1)"] })),
    ] {
        site.publish(path, &site.document(path, &members));
        assert_eq!(begin(edge.clone(), &site.url(path)).await, "METADATA_DOCUMENT_INVALID", "{path}");
    }
    let asked = site.asked(DOCUMENT);
    for bad in ["https://localhost", "https://localhost/a/../b", "https://u@localhost/c", "https://localhost/c?x"] {
        assert_eq!(begin(edge.clone(), bad).await, "METADATA_URL_INVALID", "{bad}");
    }
    env.issuer().metadata_documents.mode = DocumentMode::AllowList;
    env.issuer().metadata_documents.hosts = vec!["claude.ai".to_owned()];
    let listed = env.start().await;
    assert_eq!(begin(listed.edge(), &app.id).await, "METADATA_HOST_FORBIDDEN");
    env.issuer().metadata_documents.hosts.clear();
    env.issuer().metadata_documents.mode = DocumentMode::Off;
    let off = env.start().await;
    assert_eq!(begin(off.edge(), &app.id).await, "CLIENT_UNKNOWN");
    assert!(!off.edge().describe(ISSUER).await.unwrap().metadata.unwrap().client_id_metadata_document_supported);
    assert_eq!(site.asked(DOCUMENT), asked, "nothing is fetched");
}

/// A client like ChatGPT: `private_key_jwt` with keys at a URL, and `none` if `methods` lists it.
async fn signing(methods: Value) -> (Environment, ControlPlane, MetadataHost, App, ClientKey) {
    let key = ClientKey::new("first");
    let (env, control, site, app) = documented(json!({})).await;
    site.publish(KEYS, &key.set());
    let members = json!({
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_methods_supported": methods,
        "jwks_uri": site.url(KEYS),
    });
    site.publish(DOCUMENT, &site.document(DOCUMENT, &members));
    (env, control, site, app, key)
}

/// Requirements: D15.
#[tokio::test(flavor = "multi_thread")]
async fn each_client_assertion_is_good_once() {
    let (env, control, _site, app, key) = signing(json!(["private_key_jwt"])).await;
    let edge = control.edge();
    let mut flow = Flow::new(app);
    let code = flow.code(&edge, &env.idp).await;
    assert_eq!(edge.exchange(flow.redeem(&code)).await.reason(), "CLIENT_AUTHENTICATION_FAILED", "unsigned");
    let assertion = key.sign(&ClientKey::claims(&flow.app.id, env.now()));
    let signed = with_assertion(flow.redeem(&code), &assertion);
    let tokens = edge.exchange(signed.clone()).await.unwrap();
    let again = edge.exchange(signed.clone()).await.unwrap();
    assert_eq!(again.refresh_token, tokens.refresh_token, "the same idempotency key is the same request");

    let refresh = flow.refresh(tokens.refresh_token());
    let replayed = with_assertion(refresh.clone(), &assertion);
    assert_eq!(edge.exchange(replayed.clone()).await.reason(), "CLIENT_ASSERTION_REPLAYED");
    control.stop().await;
    let other = env.start().await;
    assert_eq!(other.edge().exchange(replayed).await.reason(), "CLIENT_ASSERTION_REPLAYED", "also after a restart");
    let fresh = key.sign(&ClientKey::claims(&flow.app.id, env.now()));
    other.edge().exchange(with_assertion(refresh, &fresh)).await.unwrap();
}

/// A client can sign as many assertions as it likes. Only a request with a code or token of its own has one recorded.
///
/// Requirements: D15, R35.
#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_with_a_made_up_code_or_token_writes_nothing() {
    let (env, control, _site, app, key) = signing(json!(["private_key_jwt"])).await;
    let edge = control.edge();
    let mut flow = Flow::new(app);
    let code = flow.code(&edge, &env.idp).await;
    let assertion = || key.sign(&ClientKey::claims(&flow.app.id, env.now()));
    let kept = assertion();
    let half_known = format!("{}{}", &code[..code.len() - 4], "AAAA");
    let (refresh_token, commits) = (format!("lgr_{}", "A".repeat(80)), env.engine.commits());
    for (request, reason) in [
        (flow.redeem("garbage"), "CODE_INVALID"),
        (flow.redeem(&format!("lgc_{}", "A".repeat(64))), "CODE_INVALID"),
        (flow.redeem(&half_known), "CODE_INVALID"),
        (flow.refresh("garbage"), "REFRESH_TOKEN_INVALID"),
        (flow.refresh(&refresh_token), "REFRESH_TOKEN_INVALID"),
    ] {
        for assertion in [assertion(), kept.clone()] {
            assert_eq!(edge.exchange(with_assertion(request.clone(), &assertion)).await.reason(), reason);
        }
    }
    let client = with_assertion(flow.redeem(&code), &assertion()).client;
    edge.revoke(v1::RevokeRequest { client, ..flow.revoke(&refresh_token) }).await.unwrap();
    assert_eq!(env.engine.commits(), commits, "no write is even tried");
    assert!(env.entries(Space::Assertions).await.is_empty());
    edge.exchange(with_assertion(flow.redeem(&code), &kept)).await.unwrap();
    assert_eq!(env.entries(Space::Assertions).await.len(), 1);
}

/// Requirements: D15, R45.
#[tokio::test(flavor = "multi_thread")]
async fn a_flawed_assertion_is_refused_and_consumes_nothing() {
    let (env, control, _site, app, key) = signing(json!(["private_key_jwt"])).await;
    let edge = control.edge();
    let mut flow = Flow::new(app);
    let code = flow.code(&edge, &env.idp).await;
    let good = || ClientKey::claims(&flow.app.id, env.now());
    let with = |name: &str, value: Value| {
        let mut claims = good();
        claims[name] = value;
        key.sign(&claims)
    };
    let now = env.now().seconds();
    let stranger = ClientKey::new("first");
    let unsigned = {
        let parts = key.sign(&good());
        let payload = parts.split('.').nth(1).unwrap().to_owned();
        format!("eyJhbGciOiJub25lIn0.{payload}.")
    };
    let counts = env.record_counts().await;
    for (why, assertion) in [
        ("another key under the same kid", stranger.sign(&good())),
        ("unsigned", unsigned),
        ("another issuer", with("iss", json!("https://evil.example"))),
        ("an audience that is not the issuer", with("aud", json!("https://evil.example"))),
        ("the token endpoint", with("aud", json!("http://127.0.0.1:7440/token"))),
        ("several audiences", with("aud", json!(["http://127.0.0.1:7440"]))),
        ("expired", with("exp", json!(now))),
        ("for ever", with("exp", json!(now + 100_000))),
        ("of the future", with("iat", json!(now + 3_600))),
        ("without an id", with("jti", Value::Null)),
        ("no JWT", "a.b.c".to_owned()),
    ] {
        let refused = edge.exchange(with_assertion(flow.redeem(&code), &assertion)).await.reason();
        assert_eq!(refused, "CLIENT_ASSERTION_INVALID", "{why}");
    }
    let other = with("sub", json!("https://localhost/other"));
    assert_eq!(edge.exchange(with_assertion(flow.redeem(&code), &other)).await.reason(), "METADATA_DOCUMENT_INVALID");
    assert_eq!(env.record_counts().await, counts);
    edge.exchange(with_assertion(flow.redeem(&code), &key.sign(&good()))).await.unwrap();
}

/// Requirements: D15.
#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_needs_the_authentication_of_the_code_exchange() {
    let (env, control, _site, app, key) = signing(json!(["private_key_jwt", "none"])).await;
    let edge = control.edge();
    let mut public = Flow::new(app.clone());
    let tokens = public.tokens(&edge, &env.idp).await;
    edge.exchange(public.refresh(tokens.refresh_token())).await.unwrap();

    let mut signed = Flow::new(app);
    let code = signed.code(&edge, &env.idp).await;
    let assertion = key.sign(&ClientKey::claims(&signed.app.id, env.now()));
    let tokens = edge.exchange(with_assertion(signed.redeem(&code), &assertion)).await.unwrap();
    let weaker = signed.refresh(tokens.refresh_token());
    assert_eq!(edge.exchange(weaker.clone()).await.reason(), "REFRESH_TOKEN_INVALID");
    let assertion = key.sign(&ClientKey::claims(&signed.app.id, env.now()));
    edge.exchange(with_assertion(weaker, &assertion)).await.unwrap();
}

/// Requirements: D9.
#[tokio::test(flavor = "multi_thread")]
async fn a_clients_new_key_is_fetched_at_its_first_use() {
    let (env, control, site, app, key) = signing(json!(["private_key_jwt"])).await;
    let edge = control.edge();
    let mut flow = Flow::new(app);
    let code = flow.code(&edge, &env.idp).await;
    let claims = || ClientKey::claims(&flow.app.id, env.now());
    let tokens = edge.exchange(with_assertion(flow.redeem(&code), &key.sign(&claims()))).await.unwrap();
    let next = ClientKey::new("second");
    site.publish(KEYS, &next.set());
    env.advance(Duration::from_secs(61));
    let refresh = flow.refresh(tokens.refresh_token());
    edge.exchange(with_assertion(refresh, &next.sign(&claims()))).await.unwrap();
}

/// A client that authenticates as another one, or as none, ends nothing.
///
/// Requirements: R30.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_revokes_its_own_tokens_only() {
    let env = Environment::new().await;
    let control = env.start().await;
    let edge = control.edge();
    let mut flow = Flow::new(App::registered(&edge).await);
    let tokens = flow.tokens(&edge, &env.idp).await;
    let other = Flow::new(App::registered(&edge).await);
    for token in [tokens.refresh_token(), &tokens.access_token] {
        assert_eq!(edge.revoke(other.revoke(token)).await.reason(), "REFRESH_TOKEN_INVALID");
    }
    for unknown in ["x", "lgr_AAAA", "a.b.c"] {
        edge.revoke(flow.revoke(unknown)).await.unwrap();
    }
    assert_eq!(edge.revoke(flow.revoke("")).await.reason(), "PARAMETER_MISSING");
    let code = flow.clone().code(&edge, &env.idp).await;
    assert_eq!(edge.revoke(flow.revoke(&code)).await.reason(), "TOKEN_TYPE_UNSUPPORTED");
    assert_eq!(env.entries(Space::Grants).await.len(), 1);
    let again = edge.exchange(flow.refresh(tokens.refresh_token())).await.unwrap();

    edge.revoke(flow.revoke(again.refresh_token())).await.unwrap();
    assert_eq!(edge.exchange(flow.refresh(again.refresh_token())).await.reason(), "GRANT_ENDED");
    let tokens = flow.tokens(&edge, &env.idp).await;
    edge.revoke(flow.revoke(&tokens.access_token)).await.unwrap();
    assert_eq!(edge.exchange(flow.refresh(tokens.refresh_token())).await.reason(), "GRANT_ENDED");
    edge.revoke(flow.revoke(&tokens.access_token)).await.unwrap();
}
