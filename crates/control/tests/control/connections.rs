//! Connections to people's accounts at the upstream: the person and operators see and end them.

use std::collections::BTreeSet;
use std::time::Duration;

use lychgate_api::v1;
use lychgate_api::v1::admin_service_revoke_request::Target;
use lychgate_control::config::{RevocationMode, Role};
use lychgate_engine::Space;

use crate::account::AccountUser;
use crate::support::{
    ApiClient, App, ControlPlane, Environment, Flow, ISSUER, Operator, RefreshBehavior, Refused as _, SERVER_TOKEN,
    attempt, principal, revoke_request,
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// An environment with a resource that may have upstream tokens, which are revoked when they are not needed any more.
async fn environment() -> Environment {
    let mut env = Environment::with_operator().await;
    env.set_upstream_revocation(RevocationMode::WhenLastGrantEnds);
    env.issuer().resources[0].upstream_tokens = true;
    env
}

async fn connect(person: &str, edge: &ApiClient, env: &Environment) -> (Flow, v1::ExchangeResponse) {
    let mut flow = Flow { person: person.to_owned(), ..Flow::new(App::configured()) };
    let tokens = flow.tokens(edge, &env.idp).await;
    (flow, tokens)
}

/// The upstream's token for a resource server, or the reason why there is none.
async fn token(control: &ControlPlane, access_token: &str) -> Result<String, String> {
    let request =
        v1::UpstreamTokenServiceGetRequest { issuer_id: ISSUER.to_owned(), access_token: access_token.to_owned() };
    let given = control.caller(SERVER_TOKEN).upstream_token(request).await;
    given.map(|given| given.access_token).map_err(|failure| failure.reason)
}

fn login_needed() -> Result<String, String> {
    Err("UPSTREAM_LOGIN_NEEDED".to_owned())
}

fn connection_of(person: &str) -> Target {
    Target::ConnectionOf(format!("idp|{person}"))
}

async fn ended(operator: &Operator) -> Vec<v1::Event> {
    let kind = "connection.ended".to_owned();
    let request = v1::ListEventsRequest { issuer_id: ISSUER.to_owned(), kind, ..Default::default() };
    operator.list_events(request).await.unwrap().events
}

/// The statement of the account page about the connection of a person.
async fn shown(person: &str, edge: &ApiClient, env: &Environment) -> Option<v1::UpstreamConnection> {
    AccountUser::signed_in(person, edge, env).await.page(edge).await.unwrap().connection
}

/// The parties that can end a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EndedBy {
    Person,
    Operator,
}

impl EndedBy {
    /// Ends Alice's connection twice, by the same call, and once more by another one.
    async fn carry_out(self, control: &ControlPlane, env: &Environment) {
        let edge = control.edge();
        match self {
            EndedBy::Person => {
                let mut alice = AccountUser::signed_in("alice", &edge, env).await;
                let form_token = alice.page(&edge).await.unwrap().connection.unwrap().form_token;
                let revoke = alice.revoke(&form_token);
                for attempt in [revoke.attempt.clone(), revoke.attempt.clone(), attempt()] {
                    edge.revoke_apps(v1::AccountServiceRevokeRequest { attempt, ..revoke.clone() }).await.unwrap();
                }
            }
            EndedBy::Operator => {
                let operator = control.operator();
                for (id, changed) in [("1", true), ("1", true), ("2", false)] {
                    let done = operator.revoke_now(revoke_request(connection_of("alice"), id)).await.unwrap();
                    assert_eq!(done.changed, changed, "{id}");
                }
            }
        }
    }
}

/// Nothing else that the person allowed ends, and the next login repairs it.
///
/// Requirements: R27, R30.
#[tokio::test(flavor = "multi_thread")]
async fn an_ended_connection_gives_no_token_until_the_next_login_and_ends_nothing_else() {
    for by in [EndedBy::Person, EndedBy::Operator] {
        for mode in [RevocationMode::WhenLastGrantEnds, RevocationMode::PerGrant, RevocationMode::Never] {
            let mut env = environment().await;
            env.set_upstream_revocation(mode);
            let control = env.start().await;
            let edge = control.edge();
            let (flow, tokens) = connect("alice", &edge, &env).await;
            let hers = env.idp.refresh_tokens_of("alice");
            let (_, bobs) = connect("bob", &edge, &env).await;
            token(&control, &tokens.access_token).await.unwrap();

            by.carry_out(&control, &env).await;
            assert_eq!(token(&control, &tokens.access_token).await, login_needed(), "{by:?}");
            assert!(control.is_active(&tokens.access_token).await && control.is_allowed("alice", "app").await);
            let tokens = edge.exchange(flow.refresh(tokens.refresh_token())).await.unwrap();
            assert_eq!(token(&control, &tokens.access_token).await, login_needed(), "{by:?}: after a refresh");
            token(&control, &bobs.access_token).await.unwrap();
            env.upstream_revocations_done().await;
            let revoked = if mode == RevocationMode::Never { Vec::new() } else { hers };
            assert_eq!(env.idp.revoked_tokens(), revoked, "{by:?}");
            assert_eq!(env.idp.refreshes(), (0, 0));

            let events = ended(&control.operator()).await;
            let [event] = &events[..] else { panic!("{by:?}: {events:?}") };
            let (reason, principal) = match by {
                EndedBy::Person => ("", "edge"),
                EndedBy::Operator => ("ticket 4711", "grace"),
            };
            assert_eq!((event.reason.as_str(), event.principal.as_str()), (reason, principal));
            assert_eq!((event.subject.as_str(), event.client_id.as_str()), ("idp|alice", ""));

            let connection = shown("alice", &edge, &env).await.unwrap();
            assert_eq!(connection.state(), v1::UpstreamConnectionState::Ended);
            assert!(connection.just_ended && connection.end_time.is_some() && connection.scopes.is_empty());
            env.advance(Duration::from_secs(121));
            assert!(!shown("alice", &edge, &env).await.unwrap().just_ended, "the page confirms it for two minutes");

            let (_, tokens) = connect("alice", &edge, &env).await;
            token(&control, &tokens.access_token).await.unwrap();
            let connection = shown("alice", &edge, &env).await.unwrap();
            assert_eq!(connection.state(), v1::UpstreamConnectionState::InOrder, "{by:?}");
        }
    }
}

/// The form that ends a connection with one thing changed.
///
/// Requirements: B8, B12, B23.
#[tokio::test(flavor = "multi_thread")]
async fn no_forged_or_foreign_form_ends_a_connection() {
    type Request = v1::AccountServiceRevokeRequest;
    let env = environment().await;
    let control = env.start().await;
    let edge = control.edge();
    let (_, tokens) = connect("alice", &edge, &env).await;
    connect("mallory", &edge, &env).await;
    let form = async |user: &mut AccountUser| user.page(&edge).await.unwrap().connection.unwrap().form_token;
    let mut earlier = AccountUser::signed_in("alice", &edge, &env).await;
    let mut alice = AccountUser::signed_in("alice", &edge, &env).await;
    let mut mallory = AccountUser::signed_in("mallory", &edge, &env).await;
    let (of_earlier, of_mallory) = (form(&mut earlier).await, form(&mut mallory).await);
    let of_alice = form(&mut alice).await;
    let good = alice.revoke(&of_alice);
    let cookies = |user: &AccountUser| user.revoke("").cookies;
    let counts = env.record_counts().await;
    for (what, request, reason) in [
        ("of another site", Request { sec_fetch_site: Some("cross-site".to_owned()), ..good.clone() }, "CROSS_SITE"),
        ("without a session", Request { cookies: Vec::new(), ..good.clone() }, "ACCOUNT_SESSION_MISSING"),
        ("in another person's session", Request { cookies: cookies(&mallory), ..good.clone() }, "FORM_TOKEN_INVALID"),
        ("in another session", Request { cookies: cookies(&earlier), ..good.clone() }, "FORM_TOKEN_INVALID"),
        ("of another person", Request { form_token: of_mallory, ..good.clone() }, "FORM_TOKEN_INVALID"),
        ("of another session", Request { form_token: of_earlier, ..good.clone() }, "FORM_TOKEN_INVALID"),
        ("without a form", Request { form_token: String::new(), ..good.clone() }, "FORM_TOKEN_INVALID"),
    ] {
        assert_eq!(edge.revoke_apps(request).await.reason(), reason, "{what}");
        assert_eq!(env.record_counts().await, counts, "{what}: nothing is written");
    }
    token(&control, &tokens.access_token).await.unwrap();
    // The unchanged form still succeeds, and ends the connection of the session's person only.
    edge.revoke_apps(good).await.unwrap();
    assert_eq!(token(&control, &tokens.access_token).await, login_needed());
    let connection = mallory.page(&edge).await.unwrap().connection.unwrap();
    assert_eq!(connection.state(), v1::UpstreamConnectionState::InOrder);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_account_page_says_what_the_service_may_do_at_the_upstream() {
    let env = environment().await;
    let control = env.start().await;
    let edge = control.edge();
    assert!(shown("alice", &edge, &env).await.is_none(), "a sign-in on the page makes no connection");
    env.idp.set_token_lifetime(300);
    let since = i64::try_from(env.now().seconds()).unwrap();
    let (_, tokens) = connect("alice", &edge, &env).await;
    env.advance(Duration::from_secs(300));
    token(&control, &tokens.access_token).await.unwrap();
    let counts = env.record_counts().await;
    let connection = shown("alice", &edge, &env).await.unwrap();
    assert_eq!(env.record_counts().await, counts, "looking leaves nothing behind");
    assert_eq!(connection.state(), v1::UpstreamConnectionState::InOrder);
    assert_eq!((connection.sign_in_time.unwrap().seconds, connection.scopes), (since, vec!["openid".to_owned()]));
    assert!(shown("bob", &edge, &env).await.is_none());

    // A refresh without a known outcome changes nothing that the person could do.
    for (behavior, state) in [
        (RefreshBehavior::Answer(500, String::new()), v1::UpstreamConnectionState::InOrder),
        (
            RefreshBehavior::Answer(400, r#"{"error":"invalid_grant"}"#.to_owned()),
            v1::UpstreamConnectionState::SignInNeeded,
        ),
    ] {
        env.advance(Duration::from_secs(300));
        let (_, tokens) = connect("alice", &edge, &env).await;
        env.advance(Duration::from_secs(300));
        env.idp.set_refresh_behavior(behavior.clone());
        token(&control, &tokens.access_token).await.unwrap_err();
        let connection = shown("alice", &edge, &env).await.unwrap();
        assert_eq!(connection.state(), state, "{behavior:?}");
    }
}

/// Tokens that no resource gets are shown as long as there are some to end.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_no_resource_uses_is_shown_until_it_ends() {
    let mut env = environment().await;
    env.issuer().resources[0].upstream_tokens = false;
    let control = env.start().await;
    let edge = control.edge();
    connect("alice", &edge, &env).await;
    let hers = env.idp.refresh_tokens_of("alice");
    let mut alice = AccountUser::signed_in("alice", &edge, &env).await;
    let connection = alice.page(&edge).await.unwrap().connection.unwrap();
    assert_eq!(connection.state(), v1::UpstreamConnectionState::InOrder);
    edge.revoke_apps(alice.revoke(&connection.form_token)).await.unwrap();
    assert!(alice.page(&edge).await.unwrap().connection.is_none());
    env.upstream_revocations_done().await;
    assert_eq!(env.idp.revoked_tokens(), hers);
}

/// The button for all apps ends consents; the connection leaves with the last grant.
///
/// Requirements: R27, R30.
#[tokio::test(flavor = "multi_thread")]
async fn the_connection_leaves_with_all_apps() {
    let env = environment().await;
    let control = env.start().await;
    let edge = control.edge();
    connect("alice", &edge, &env).await;
    let hers = env.idp.refresh_tokens_of("alice");
    let mut alice = AccountUser::signed_in("alice", &edge, &env).await;
    let page = alice.page(&edge).await.unwrap();
    edge.revoke_apps(alice.revoke(&page.revoke_all_token)).await.unwrap();
    env.upstream_revocations_done().await;
    assert_eq!(env.idp.revoked_tokens(), hers);
    assert!(alice.page(&edge).await.unwrap().connection.is_none());
    assert!(env.entries(Space::Connections).await.is_empty());
    assert!(ended(&control.operator()).await.is_empty());
}

/// The refresh finds its lease gone, and gives back what the upstream answered.
///
/// Requirements: R30.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_ends_during_a_refresh_stays_ended() {
    let env = environment().await;
    let control = env.start().await;
    env.idp.set_token_lifetime(300);
    let (_, tokens) = connect("alice", &control.edge(), &env).await;
    env.advance(Duration::from_secs(300));
    env.idp.stall();
    let call = tokio::spawn({
        let request = v1::UpstreamTokenServiceGetRequest {
            issuer_id: ISSUER.to_owned(),
            access_token: tokens.access_token.clone(),
        };
        let server = control.caller(SERVER_TOKEN);
        async move { server.upstream_token(request).await }
    });
    env.idp.wait_for_calls(2).await;
    let done = control.operator().revoke_now(revoke_request(connection_of("alice"), "1")).await.unwrap();
    assert!(done.changed);
    env.idp.release();
    assert_eq!(call.await.unwrap().reason(), "UPSTREAM_LOGIN_NEEDED");
    assert_eq!(token(&control, &tokens.access_token).await, login_needed());
    env.upstream_revocations_done().await;
    assert_eq!(env.idp.good_refresh_tokens_of("alice"), 0, "neither the old one nor the new one");
}

/// At many providers the revocation of one token ends all tokens that the person gave this client id. Tokens of a refresh that
/// a login has overtaken are therefore revoked only with the person's last grant.
///
/// Requirements: R30.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_during_a_refresh_keeps_its_own_tokens() {
    let env = environment().await;
    let control = env.start().await;
    env.idp.set_token_lifetime(300);
    let (_, tokens) = connect("alice", &control.edge(), &env).await;
    env.advance(Duration::from_secs(300));
    env.idp.stall_refreshes();
    let call = tokio::spawn({
        let request = v1::UpstreamTokenServiceGetRequest {
            issuer_id: ISSUER.to_owned(),
            access_token: tokens.access_token.clone(),
        };
        let server = control.caller(SERVER_TOKEN);
        async move { server.upstream_token(request).await }
    });
    env.idp.wait_for_calls(2).await;
    let (_, again) = connect("alice", &control.edge(), &env).await;
    let of_login = token(&control, &again.access_token).await.unwrap();
    env.idp.release();
    assert_eq!(call.await.unwrap().unwrap().access_token, of_login, "the refresh was overtaken");
    env.upstream_revocations_done().await;
    assert_eq!(env.idp.revoked_tokens(), [""; 0], "the login's tokens are in use");

    control.operator().revoke_now(revoke_request(Target::Subject("idp|alice".to_owned()), "1")).await.unwrap();
    env.upstream_revocations_done().await;
    assert_eq!(env.idp.good_refresh_tokens_of("alice"), 0, "neither of the refresh nor of the login");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_ends_only_a_connection_that_there_is() {
    let env = environment().await;
    let control = env.start().await;
    let operator = control.operator();
    connect("alice", &control.edge(), &env).await;
    let counts = env.record_counts().await;
    let unknown = revoke_request(connection_of("bob"), "1");
    assert_eq!(operator.revoke_now(unknown).await.reason(), "RECORD_UNKNOWN");
    assert_eq!(operator.estimate(connection_of("bob")).await.reason(), "RECORD_UNKNOWN");
    let malformed = revoke_request(Target::ConnectionOf("alice".to_owned()), "1");
    assert_eq!(operator.revoke_now(malformed).await.reason(), "REQUEST_MALFORMED");
    let empty = revoke_request(Target::ConnectionOf(String::new()), "1");
    assert_eq!(operator.revoke_now(empty).await.reason(), "PARAMETER_MISSING");
    let estimate = operator.estimate(connection_of("alice")).await.unwrap();
    assert_eq!((estimate.live_connections, estimate.live_consents, estimate.live_grants), (1, 0, 0));
    assert_eq!(env.record_counts().await, counts);

    operator.revoke_now(revoke_request(connection_of("alice"), "1")).await.unwrap();
    let another = revoke_request(Target::Subject("idp|alice".to_owned()), "1");
    assert_eq!(operator.revoke_now(another).await.reason(), "REQUEST_ID_REUSED");
    assert_eq!(operator.estimate(connection_of("alice")).await.unwrap().live_connections, 0);
}

/// Each connection is listed once, with its state and without its tokens.
#[tokio::test(flavor = "multi_thread")]
async fn connections_are_listed_by_subject_and_state_without_their_tokens() {
    let env = environment().await;
    let control = env.start().await;
    let (edge, operator) = (control.edge(), control.operator());
    let since = i64::try_from(env.now().seconds()).unwrap();
    for person in ["alice", "bob", "carol"] {
        connect(person, &edge, &env).await;
    }
    env.advance(DAY);
    connect("alice", &edge, &env).await;
    operator.revoke_now(revoke_request(connection_of("bob"), "1")).await.unwrap();

    let all = connections(&operator, "", v1::ConnectionState::Unspecified).await;
    let subjects: BTreeSet<_> = all.iter().map(|connection| connection.subject.as_str()).collect();
    assert_eq!((subjects, all.len()), (BTreeSet::from(["idp|alice", "idp|bob", "idp|carol"]), 3), "each once");
    let text = format!("{all:?}");
    assert!(!env.idp.secrets().iter().any(|secret| text.contains(secret.as_str())), "{text}");
    let day = i64::try_from(DAY.as_secs()).unwrap();
    let time = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
    for connection in &all {
        let (state, generation, at, end_time) = match connection.subject.as_str() {
            "idp|alice" => (v1::ConnectionState::Live, 2, since + day, None),
            "idp|bob" => (v1::ConnectionState::Ended, 1, since, time(since + day)),
            _ => (v1::ConnectionState::Live, 1, since, None),
        };
        assert_eq!((connection.state(), connection.generation), (state, generation), "{connection:?}");
        assert_eq!(connection.sign_in_time.as_ref().map(|time| time.seconds), Some(at));
        assert_eq!(connection.obtain_time.as_ref().map(|time| time.seconds), Some(at));
        assert_eq!(connection.end_time.as_ref().map(|time| time.seconds), end_time.map(|time| time.seconds));
        let scopes: &[&str] = if state == v1::ConnectionState::Live { &["openid"] } else { &[] };
        assert_eq!(connection.scopes, scopes);
    }
    for (subject, state, expected) in [
        ("idp|alice", v1::ConnectionState::Unspecified, 1),
        ("idp|alice", v1::ConnectionState::Live, 1),
        ("idp|alice", v1::ConnectionState::Ended, 0),
        ("idp|dave", v1::ConnectionState::Unspecified, 0),
        ("", v1::ConnectionState::Live, 2),
        ("", v1::ConnectionState::Ended, 1),
        ("", v1::ConnectionState::Rejected, 0),
    ] {
        assert_eq!(connections(&operator, subject, state).await.len(), expected, "{subject} {state:?}");
    }
    let request = |subject: &str, state| v1::ListConnectionsRequest {
        issuer_id: ISSUER.to_owned(),
        subject: subject.to_owned(),
        state,
        ..Default::default()
    };
    assert_eq!(operator.list_connections(request("alice", 0)).await.reason(), "REQUEST_MALFORMED");
    assert_eq!(operator.list_connections(request("", 99)).await.reason(), "REQUEST_MALFORMED");
}

/// All connections, in pages of one.
async fn connections(operator: &Operator, subject: &str, state: v1::ConnectionState) -> Vec<v1::Connection> {
    let (mut connections, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = v1::ListConnectionsRequest {
            issuer_id: ISSUER.to_owned(),
            subject: subject.to_owned(),
            state: state.into(),
            page_size: 1,
            page_token,
        };
        let page = operator.list_connections(request).await.unwrap();
        assert!(page.connections.len() <= 1);
        connections.extend(page.connections);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return connections;
        }
    }
}

/// A valid page request with one thing changed each time.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_token_of_connections_is_bound_to_method_filter_and_caller() {
    let mut env = environment().await;
    env.config.principals.push(principal("heidi", Role::Operator, "token-of-heidi"));
    let control = env.start().await;
    let (operator, heidi) = (control.operator(), Operator::new(control.caller("token-of-heidi")));
    for person in ["alice", "bob"] {
        connect(person, &control.edge(), &env).await;
    }
    let first = v1::ListConnectionsRequest { issuer_id: ISSUER.to_owned(), page_size: 1, ..Default::default() };
    let page_token = operator.list_connections(first.clone()).await.unwrap().next_page_token;
    let next = v1::ListConnectionsRequest { page_token: page_token.clone(), ..first };
    assert_eq!(operator.list_connections(next.clone()).await.unwrap().connections.len(), 1);
    assert_eq!(heidi.list_connections(next.clone()).await.reason(), "PAGE_TOKEN_INVALID");
    for changed in [
        v1::ListConnectionsRequest { subject: "idp|alice".to_owned(), ..next.clone() },
        v1::ListConnectionsRequest { state: v1::ConnectionState::Live.into(), ..next },
    ] {
        assert_eq!(operator.list_connections(changed).await.reason(), "PAGE_TOKEN_INVALID");
    }
    let grants = v1::ListGrantsRequest { issuer_id: ISSUER.to_owned(), page_token, ..Default::default() };
    assert_eq!(operator.list_grants(grants).await.reason(), "PAGE_TOKEN_INVALID");
}
