//! `AdminService`: lists, and clients that an operator disables.

use std::collections::BTreeSet;
use std::time::Duration;

use lychgate_api::v1;
use lychgate_api::v1::admin_service_revoke_request::Target;
use lychgate_control::config::Role;
use lychgate_engine::Space;
use serde_json::json;

use crate::support::{
    ApiClient, App, ControlPlane, Environment, Flow, ISSUER, MetadataHost, Operator, Refused as _, disable_request,
    enable_request, principal, revoke_request,
};

const DOCUMENT: &str = "/client.json";
const LOOPBACK: &str = "http://127.0.0.1:7777/cb";

/// An environment with one client of each kind: configured, registered, documented.
async fn with_all_kinds() -> (Environment, [ControlPlane; 2], MetadataHost, [App; 3]) {
    let mut env = Environment::with_operator().await;
    let site = MetadataHost::start().await;
    site.publish(DOCUMENT, &site.document(DOCUMENT, &json!({})));
    env.config.outbound = site.outbound(&env);
    let controls = [env.start().await, env.start().await];
    let registered = App::registered(&controls[0].edge()).await;
    let documented = App::new(&site.url(DOCUMENT), LOOPBACK);
    (env, controls, site, [App::configured(), registered, documented])
}

/// The valid flow with a client of each kind, disabled before each step.
#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_client_of_any_kind_is_refused_at_every_step_until_enabled() {
    let (env, [one, two], site, apps) = with_all_kinds().await;
    let (edge, operator) = (one.edge(), two.operator());
    for (n, app) in apps.into_iter().enumerate() {
        let mut flow = Flow::new(app.clone());
        let tokens = flow.tokens(&edge, &env.idp).await;
        let code = flow.code(&edge, &env.idp).await;
        let mut deciding = Flow::new(app.clone());
        let page = deciding.consent_page(&edge).await;
        let mut returning = Flow::new(app.clone());
        let callback = returning.sign_in(&edge, &env.idp).await;
        assert!(one.is_active(&tokens.access_token).await && one.is_allowed("alice", &app.id).await);

        assert!(operator.disable_client(disable_request(&app.id, &format!("{n}-1"))).await.unwrap().changed);
        // The cached document is stale by then and must not be fetched.
        env.advance(Duration::from_secs(61));
        let (counts, calls, asked) = (env.record_counts().await, env.idp.calls(), site.asked(DOCUMENT));
        let disabled = "CLIENT_DISABLED";
        assert_eq!(edge.begin(flow.begin()).await.reason(), disabled, "{}", app.id);
        assert_eq!(edge.show(deciding.show(&page.ticket)).await.reason(), disabled, "{}", app.id);
        let decide = deciding.decide(&page, v1::Decision::Approve);
        assert_eq!(edge.decide(decide).await.reason(), disabled, "{}", app.id);
        assert_eq!(edge.finish_login(callback).await.reason(), disabled, "{}", app.id);
        assert_eq!(edge.exchange(flow.redeem(&code)).await.reason(), disabled, "{}", app.id);
        assert_eq!(edge.exchange(flow.refresh(tokens.refresh_token())).await.reason(), disabled, "{}", app.id);
        assert!(!one.is_active(&tokens.access_token).await, "{}", app.id);
        assert!(!one.is_allowed("alice", &app.id).await, "{}", app.id);
        assert_eq!((env.record_counts().await, env.idp.calls(), site.asked(DOCUMENT)), (counts, calls, asked));

        assert!(!operator.disable_client(disable_request(&app.id, &format!("{n}-2"))).await.unwrap().changed);
        assert!(operator.enable_client(enable_request(&app.id, &format!("{n}-3"))).await.unwrap().changed);
        assert!(!operator.enable_client(enable_request(&app.id, &format!("{n}-4"))).await.unwrap().changed);
        assert!(one.is_active(&tokens.access_token).await && one.is_allowed("alice", &app.id).await);
        edge.exchange(flow.refresh(tokens.refresh_token())).await.unwrap();
        Flow::new(app.clone()).tokens(&edge, &env.idp).await;
        let request = v1::ListEventsRequest {
            issuer_id: ISSUER.to_owned(),
            client_id: app.id.clone(),
            subject: String::new(),
            ..Default::default()
        };
        let kinds = operator.kinds(request).await;
        let status: Vec<_> = kinds.iter().filter(|kind| kind.starts_with("client.")).collect();
        assert_eq!(status, ["client.disabled", "client.enabled"], "each change once");
    }
    assert_eq!(operator.disable_client(disable_request("client-unknown", "x")).await.reason(), "CLIENT_UNKNOWN");
}

/// The registration access token does not permit undoing an operator's decision.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_cannot_enable_itself() {
    let env = Environment::with_operator().await;
    let control = env.start().await;
    let (edge, operator) = (control.edge(), control.operator());
    let client = edge.register(App::registration("none")).await.unwrap();
    operator.disable_client(disable_request(&client.client_id, "1")).await.unwrap();
    edge.update(App::update(&client, "none")).await.unwrap();
    let flow = Flow::new(App::new(&client.client_id, LOOPBACK));
    assert_eq!(edge.begin(flow.begin()).await.reason(), "CLIENT_DISABLED");
    // Disabling a configured client creates no registration that a stranger could manage.
    operator.disable_client(disable_request("app", "2")).await.unwrap();
    let kept = env.entries(Space::Clients).await;
    let mut update = App::update(&client, "none");
    "app".clone_into(&mut update.client_id);
    assert_eq!(edge.update(update).await.reason(), "REGISTRATION_ACCESS_TOKEN_INVALID");
    let delete = v1::DeleteRequest {
        issuer_id: ISSUER.to_owned(),
        client_id: "app".to_owned(),
        registration_access_token: client.registration_access_token().to_owned(),
    };
    assert_eq!(edge.delete(delete).await.reason(), "REGISTRATION_ACCESS_TOKEN_INVALID");
    assert_eq!(env.entries(Space::Clients).await, kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_client_is_listed_once_with_kind_and_state() {
    let (env, [control, _], site, [_, first, documented]) = with_all_kinds().await;
    let (edge, operator) = (control.edge(), control.operator());
    let mut ids = BTreeSet::from(["app".to_owned(), first.id.clone(), documented.id.clone()]);
    for _ in 0..3 {
        ids.insert(App::registered(&edge).await.id);
    }
    operator.disable_client(disable_request(&documented.id, "1")).await.unwrap();
    operator.disable_client(disable_request("app", "2")).await.unwrap();
    let asked = site.asked(DOCUMENT);
    let all = clients(&operator, v1::ClientState::Unspecified).await;
    assert_eq!(all.iter().map(|client| client.client_id.clone()).collect::<BTreeSet<_>>(), ids);
    assert_eq!(all.len(), ids.len(), "each once");
    let disabled = clients(&operator, v1::ClientState::Disabled).await;
    assert_eq!(disabled.iter().map(|client| client.client_id.as_str()).collect::<Vec<_>>(), ["app", &documented.id]);
    assert_eq!(clients(&operator, v1::ClientState::Enabled).await.len(), 4);
    for client in all {
        let request = v1::GetClientRequest { issuer_id: ISSUER.to_owned(), client_id: client.client_id.clone() };
        assert_eq!(operator.get_client(request).await.unwrap().client, Some(client.clone()));
        let (kind, name) = match client.client_id.as_str() {
            "app" => (v1::ClientKind::Configured, "The App"),
            id if id == documented.id => (v1::ClientKind::Document, ""),
            _ => (v1::ClientKind::Registered, "Some Program"),
        };
        assert_eq!((client.kind(), client.name.as_str()), (kind, name));
        assert_eq!(client.create_time.is_some(), kind == v1::ClientKind::Registered);
    }
    let unknown = v1::GetClientRequest { issuer_id: ISSUER.to_owned(), client_id: "unknown".to_owned() };
    assert_eq!(operator.get_client(unknown).await.reason(), "CLIENT_UNKNOWN");
    assert_eq!(site.asked(DOCUMENT), asked, "listing fetches nothing");
    drop(env);
}

/// All clients, in pages of one.
async fn clients(operator: &Operator, state: v1::ClientState) -> Vec<v1::Client> {
    let (mut clients, mut page_token) = (Vec::new(), String::new());
    loop {
        let request =
            v1::ListClientsRequest { issuer_id: ISSUER.to_owned(), state: state.into(), page_size: 1, page_token };
        let page = operator.list_clients(request).await.unwrap();
        clients.extend(page.clients);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return clients;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_grant_is_listed_once_with_state_and_end_reason() {
    let env = Environment::with_operator().await;
    let control = env.start().await;
    let (edge, operator) = (control.edge(), control.operator());
    let mut flow = Flow::new(App::configured());
    for _ in 0..3 {
        flow.tokens(&edge, &env.idp).await;
    }
    let returned = flow.tokens(&edge, &env.idp).await;
    edge.revoke(flow.revoke(returned.refresh_token())).await.unwrap();
    let mut bobs = Flow::new(App::configured());
    "bob".clone_into(&mut bobs.person);
    bobs.tokens(&edge, &env.idp).await;
    let alices = grants(&operator, "idp|alice", v1::GrantState::Live).await;
    assert_eq!(alices.len(), 3);
    operator.revoke_now(revoke_request(Target::GrantId(alices[0].grant_id.clone()), "1")).await.unwrap();
    operator.revoke_now(revoke_request(Target::Subject("idp|bob".to_owned()), "2")).await.unwrap();

    let all = grants(&operator, "", v1::GrantState::Unspecified).await;
    assert_eq!(all.iter().map(|grant| &grant.grant_id).collect::<BTreeSet<_>>().len(), 5);
    assert_eq!(all.len(), 5, "each once");
    for grant in all {
        let expected = match (&grant.grant_id, grant.subject.as_str()) {
            (_, "idp|bob") => (v1::GrantState::Lapsed, v1::GrantEndReason::Unspecified),
            (id, _) if *id == alices[0].grant_id => (v1::GrantState::Ended, v1::GrantEndReason::Operator),
            (id, _) if alices.iter().any(|live| live.grant_id == *id) => {
                (v1::GrantState::Live, v1::GrantEndReason::Unspecified)
            }
            _ => (v1::GrantState::Ended, v1::GrantEndReason::Client),
        };
        assert_eq!((grant.state(), grant.end_reason()), expected, "{grant:?}");
        assert_eq!(grant.end_time.is_some(), grant.state() == v1::GrantState::Ended);
        let request = v1::GetGrantRequest { issuer_id: ISSUER.to_owned(), grant_id: grant.grant_id.clone() };
        assert_eq!(operator.get_grant(request).await.unwrap().grant, Some(grant));
    }
    assert_eq!(grants(&operator, "idp|alice", v1::GrantState::Ended).await.len(), 2);
    assert!(grants(&operator, "idp|carol", v1::GrantState::Unspecified).await.is_empty());
    let unknown = v1::GetGrantRequest { issuer_id: ISSUER.to_owned(), grant_id: "A".repeat(22) };
    assert_eq!(operator.get_grant(unknown).await.reason(), "RECORD_UNKNOWN");
}

async fn grants(operator: &Operator, subject: &str, state: v1::GrantState) -> Vec<v1::Grant> {
    let (mut grants, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = v1::ListGrantsRequest {
            issuer_id: ISSUER.to_owned(),
            subject: subject.to_owned(),
            client_id: "app".to_owned(),
            state: state.into(),
            page_size: 2,
            page_token,
        };
        let page = operator.list_grants(request).await.unwrap();
        grants.extend(page.grants);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return grants;
        }
    }
}

/// In order, of one issuer, and filtered.
///
/// Requirements: E5.
#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_is_filtered_by_subject_client_kind_and_time() {
    let mut env = Environment::with_operator().await;
    env.add_other_issuer();
    let control = env.start().await;
    let (edge, operator) = (control.edge(), control.operator());
    Flow::new(App::configured()).tokens(&edge, &env.idp).await;
    Flow::at("other", App::configured()).tokens(&edge, &env.idp).await;
    env.advance(Duration::from_secs(60));
    let later = env.now();
    let mut bobs = Flow::new(App::configured());
    "bob".clone_into(&mut bobs.person);
    bobs.tokens(&edge, &env.idp).await;
    operator.revoke_now(revoke_request(Target::Subject("idp|alice".to_owned()), "1")).await.unwrap();
    operator.disable_client(disable_request("app", "2")).await.unwrap();

    let none = v1::ListEventsRequest { issuer_id: ISSUER.to_owned(), page_size: 1, ..Default::default() };
    let text = str::to_owned;
    let time = Some(prost_types::Timestamp { seconds: later.seconds().try_into().unwrap(), nanos: 0 });
    for (request, expected) in [
        (
            none.clone(),
            &[
                "consent.approved",
                "grant.issued",
                "consent.approved",
                "grant.issued",
                "subject.revoked",
                "client.disabled",
            ][..],
        ),
        (
            v1::ListEventsRequest { subject: text("idp|alice"), ..none.clone() },
            &["consent.approved", "grant.issued", "subject.revoked"],
        ),
        (
            v1::ListEventsRequest { client_id: text("app"), start_time: time, ..none.clone() },
            &["consent.approved", "grant.issued", "client.disabled"],
        ),
        (v1::ListEventsRequest { end_time: time, ..none.clone() }, &["consent.approved", "grant.issued"]),
        (v1::ListEventsRequest { kind: text("subject.revoked"), ..none.clone() }, &["subject.revoked"]),
        (v1::ListEventsRequest { kind: text("no.such"), ..none.clone() }, &[]),
    ] {
        let events = all_events(&operator, request.clone()).await;
        assert_eq!(events.iter().map(|event| event.kind.as_str()).collect::<Vec<_>>(), expected, "{request:?}");
    }
    let events = all_events(&operator, none).await;
    assert_eq!(events.iter().map(|event| &event.event_id).collect::<BTreeSet<_>>().len(), 6);
    let revoked = &events[4];
    assert_eq!((revoked.principal.as_str(), revoked.subject.as_str()), ("grace", "idp|alice"));
    assert_eq!((revoked.reason.as_str(), revoked.call_id.is_empty()), ("ticket 4711", false));
    assert_eq!((events[0].principal.as_str(), events[0].scopes.as_slice()), ("edge", &["read".to_owned()][..]));
}

async fn all_events(operator: &Operator, mut request: v1::ListEventsRequest) -> Vec<v1::Event> {
    let mut events = Vec::new();
    loop {
        let page = operator.list_events(request.clone()).await.unwrap();
        events.extend(page.events);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return events;
        }
    }
}

/// A valid page request with one thing changed each time.
#[tokio::test(flavor = "multi_thread")]
async fn an_admin_page_token_is_bound_to_method_filter_and_caller() {
    let mut env = Environment::with_operator().await;
    env.config.principals.push(principal("heidi", Role::Operator, "token-of-heidi"));
    let control = env.start().await;
    let edge: ApiClient = control.edge();
    let (operator, heidi) = (control.operator(), Operator::new(control.caller("token-of-heidi")));
    for _ in 0..2 {
        App::registered(&edge).await;
        Flow::new(App::configured()).tokens(&edge, &env.idp).await;
    }
    let invalid = "PAGE_TOKEN_INVALID";
    let list = v1::ListClientsRequest { issuer_id: ISSUER.to_owned(), page_size: 1, ..Default::default() };
    let page_token = operator.list_clients(list.clone()).await.unwrap().next_page_token;
    let list = v1::ListClientsRequest { page_token, ..list };
    operator.list_clients(list.clone()).await.unwrap();
    assert_eq!(heidi.list_clients(list.clone()).await.reason(), invalid);
    let filtered = v1::ListClientsRequest { state: v1::ClientState::Enabled.into(), ..list.clone() };
    assert_eq!(operator.list_clients(filtered).await.reason(), invalid);
    let (issuer_id, page_token) = (list.issuer_id, list.page_token);
    let grants = v1::ListGrantsRequest { issuer_id, page_token, ..Default::default() };
    assert_eq!(operator.list_grants(grants.clone()).await.reason(), invalid);

    let grants = v1::ListGrantsRequest { page_size: 1, page_token: String::new(), ..grants };
    let page_token = operator.list_grants(grants.clone()).await.unwrap().next_page_token;
    let grants = v1::ListGrantsRequest { page_token, ..grants };
    operator.list_grants(grants.clone()).await.unwrap();
    assert_eq!(heidi.list_grants(grants.clone()).await.reason(), invalid);
    for changed in [
        v1::ListGrantsRequest { subject: "idp|alice".to_owned(), ..grants.clone() },
        v1::ListGrantsRequest { client_id: "app".to_owned(), ..grants.clone() },
        v1::ListGrantsRequest { state: v1::GrantState::Live.into(), ..grants },
    ] {
        assert_eq!(operator.list_grants(changed).await.reason(), invalid);
    }

    let events = v1::ListEventsRequest { issuer_id: ISSUER.to_owned(), page_size: 1, ..Default::default() };
    let page_token = operator.list_events(events.clone()).await.unwrap().next_page_token;
    let events = v1::ListEventsRequest { page_token, ..events };
    operator.list_events(events.clone()).await.unwrap();
    assert_eq!(heidi.list_events(events.clone()).await.reason(), invalid);
    let filtered = v1::ListEventsRequest { kind: "grant.issued".to_owned(), ..events };
    assert_eq!(operator.list_events(filtered).await.reason(), invalid);
}
