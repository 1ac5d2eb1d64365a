//! A person's answers to one ticket, in every order. Until its login is claimed, the last answer of a browser counts and
//! the earlier redirect to the upstream leads to nothing. A denial is final. After a code, an answer can only take back.

use std::collections::HashSet;
use std::time::Duration;

use lychgate_api::error_metadata;
use lychgate_api::v1::{self, Decision, allowed_page::Standing, next::Step};
use lychgate_control::config::{PromptConfig, PromptMode};
use lychgate_engine::Space;

use crate::disconnects::behind_the_door;
use crate::races::race;
use crate::support::{
    ApiClient, App, ControlPlane, Environment, Failure, Flow, ISSUER, Refused as _, again, attempt, code_in, location,
    page, query, spawn_login,
};

pub(crate) const ALL: &[&str] = &["write"];
const LESS: &[&str] = &[];

/// A person before the consent page, which offers "read" and, optionally, "write".
pub(crate) struct Stage {
    pub(crate) env: Environment,
    pub(crate) control: Option<ControlPlane>,
    pub(crate) edge: ApiClient,
    pub(crate) flow: Flow,
    pub(crate) page: v1::ConsentPage,
}

impl Stage {
    async fn new() -> Self {
        Self::with(PromptConfig::default()).await
    }

    pub(crate) async fn with(prompt: PromptConfig) -> Self {
        let mut env = Environment::new().await;
        env.issuer().resources[0].scopes[1].optional = true;
        env.issuer().prompt = prompt;
        let control = env.start().await;
        let edge = control.edge();
        let mut flow = Flow { scope: "read write".to_owned(), ..Flow::new(App::configured()) };
        let page = flow.consent_page(&edge).await;
        Self { env, control: Some(control), edge, flow, page }
    }

    async fn stop(&mut self) {
        self.control.take().expect("it runs").stop().await;
    }

    pub(crate) fn approval(&self, chosen: &[&str]) -> v1::DecideRequest {
        let chosen_scopes = chosen.iter().map(|scope| (*scope).to_owned()).collect();
        v1::DecideRequest { chosen_scopes, ..self.flow.decide(&self.page, Decision::Approve) }
    }

    /// Approves with these optional scopes, and returns the redirect to the upstream.
    pub(crate) async fn approve(&mut self, chosen: &[&str]) -> v1::Next {
        let next = self.edge.decide(self.approval(chosen)).await.expect("an approval that counts");
        self.flow.browser.keep(&next);
        next
    }

    async fn deny(&mut self) -> Result<v1::Next, Failure> {
        self.edge.decide(self.flow.decide(&self.page, Decision::Deny)).await
    }

    pub(crate) fn signed_in(&self, next: &v1::Next) -> v1::FinishLoginRequest {
        self.flow.finish_login(self.env.idp.sign_in(location(next), "alice"))
    }

    async fn show(&self) -> Result<Step, Failure> {
        Ok(self.edge.show(self.flow.show(&self.page.ticket)).await?.step.expect("a step"))
    }

    /// Nothing that leads to a code is left.
    async fn assert_denied(&mut self, denial: &str, logins: &[v1::FinishLoginRequest]) {
        for chosen in [ALL, LESS] {
            let refused = self.edge.decide(self.approval(chosen)).await.unwrap_err();
            assert_leads_to(&refused, denial);
        }
        assert_leads_to(&self.show().await.unwrap_err(), denial);
        for login in logins {
            assert_leads_to(&self.edge.finish_login(again(login)).await.unwrap_err(), denial);
        }
        assert_eq!(location(&self.deny().await.unwrap()), denial, "the same answer is the same redirect");
        assert!(self.env.entries(Space::Consents).await.is_empty());
        assert!(self.env.events().await.is_empty());
        assert_eq!(self.env.entries(Space::Authorizations).await.len(), 1);
    }
}

/// A refusal that says "you declined", with the response that the client has had as its link.
#[track_caller]
fn assert_leads_to(refused: &Failure, denial: &str) {
    assert_eq!(refused.reason, "ALREADY_DECIDED");
    assert_eq!(refused.metadata[error_metadata::RETURN_URI], denial);
}

#[track_caller]
fn allowed(next: v1::Next) -> v1::AllowedPage {
    match next.step {
        Some(Step::AllowedPage(page)) => page,
        other => panic!("expected what was allowed: {other:?}"),
    }
}

fn scopes(page: &v1::AllowedPage) -> Vec<&str> {
    page.scopes.iter().map(|scope| scope.name.as_str()).collect()
}

#[track_caller]
fn form_token(page: &v1::AllowedPage) -> String {
    match &page.standing {
        Some(Standing::FormToken(token)) => token.clone(),
        other => panic!("expected a button: {other:?}"),
    }
}

fn take_back(flow: &Flow, form_token: &str) -> v1::DecideRequest {
    v1::DecideRequest {
        issuer_id: ISSUER.to_owned(),
        attempt: attempt(),
        form_token: form_token.to_owned(),
        decision: Decision::TakeBack.into(),
        cookies: flow.browser.cookies(),
        sec_fetch_site: Some("same-origin".to_owned()),
        ..Default::default()
    }
}

/// Everything ticked, Back, one box less; and the reverse.
///
/// Requirements: B8, E3.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_of_two_approvals_counts() {
    for (first, second, granted) in [(ALL, LESS, "read"), (LESS, ALL, "read write")] {
        let mut stage = Stage::new().await;
        let one = stage.approve(first).await;
        let earlier = stage.signed_in(&one);
        let two = stage.approve(second).await;
        assert_ne!(query(location(&one))["state"], query(location(&two))["state"]);
        assert_ne!(query(location(&one))["code_challenge"], query(location(&two))["code_challenge"]);
        assert_eq!(stage.edge.finish_login(earlier.clone()).await.reason(), "LOGIN_REPLACED");
        assert_eq!(stage.env.idp.calls(), 0, "the upstream's code of the earlier login is not sent");
        assert!(stage.env.entries(Space::Consents).await.is_empty());

        let login = stage.signed_in(&two);
        let next = stage.edge.finish_login(login).await.unwrap();
        let tokens = stage.edge.exchange(stage.flow.redeem(&code_in(&next))).await.unwrap();
        assert_eq!(tokens.scope, granted);
        assert_eq!(stage.edge.finish_login(earlier).await.reason(), "LOGIN_REPLACED", "also after the code");
        assert_eq!(stage.env.idp.calls(), 1);
        assert_eq!(stage.env.entries(Space::Authorizations).await.len(), 1);
    }
}

/// The upstream's code of one answer is of no use with the `state` of the other: verifier and nonce differ.
///
/// Requirements: B8, B19.
#[tokio::test(flavor = "multi_thread")]
async fn the_upstream_code_of_a_replaced_answer_is_of_no_use_to_the_other() {
    let mut stage = Stage::new().await;
    let one = stage.approve(ALL).await;
    let earlier = stage.signed_in(&one);
    let two = stage.approve(LESS).await;
    let mut login = stage.signed_in(&two);
    login.parameters[0] = earlier.parameters[0].clone();
    assert_eq!(login.parameters[0].name, "code");
    let next = stage.edge.finish_login(login).await.unwrap();
    let Some(Step::FailurePage(failure)) = next.step else { panic!("{next:?}") };
    assert_eq!(failure.reason, "UPSTREAM_INVALID");
    assert!(stage.env.entries(Space::Consents).await.is_empty());
}

/// Requirements: B4, B8.
#[tokio::test(flavor = "multi_thread")]
async fn a_denial_after_approvals_is_final() {
    for approvals in 0..3 {
        let mut stage = Stage::new().await;
        let mut logins = Vec::new();
        for n in 0..approvals {
            let next = stage.approve(if n % 2 == 0 { ALL } else { LESS }).await;
            logins.push(stage.signed_in(&next));
        }
        let next = stage.deny().await.unwrap();
        let denial = location(&next).to_owned();
        let answer = query(&denial);
        assert_eq!((answer["error"].as_str(), answer["state"].as_str()), ("access_denied", "the app's own"));
        stage.assert_denied(&denial, &logins).await;
        assert_eq!(stage.env.idp.calls(), 0);
        // Starting again at the app is another question.
        let mut flow = stage.flow.clone();
        flow.tokens(&stage.edge, &stage.env.idp).await;
    }
}

/// The person says no while the upstream is being asked: no code comes of it, and the client is told once.
///
/// Requirements: B4, B8.
#[tokio::test(flavor = "multi_thread")]
async fn a_denial_during_the_login_wins() {
    let mut stage = Stage::new().await;
    let next = stage.approve(ALL).await;
    let login = stage.signed_in(&next);
    stage.env.idp.stall();
    let in_flight = spawn_login(&stage.edge, &login);
    stage.env.idp.wait_for_calls(1).await;

    assert_eq!(stage.edge.decide(stage.approval(LESS)).await.reason(), "LOGIN_BEGUN");
    let same = stage.edge.decide(stage.approval(ALL)).await.unwrap();
    assert_eq!(location(&same), location(&next), "the same answer is the same redirect");
    let shown = page(v1::Next { step: Some(stage.show().await.unwrap()), set_cookies: Vec::new() });
    assert_eq!(shown.earlier_answer(), v1::EarlierAnswer::SigningIn);

    let denied = stage.deny().await.unwrap();
    let denial = location(&denied).to_owned();
    stage.env.idp.release();
    assert_leads_to(&in_flight.await.unwrap().unwrap_err(), &denial);
    stage.assert_denied(&denial, &[login]).await;
}

/// The denial arrives at each point of a login in turn, at another process: it is a No, or it comes after the code or the
/// failure.
///
/// Requirements: B4, B8.
#[tokio::test(flavor = "multi_thread")]
async fn a_denial_at_any_point_of_a_login_never_goes_with_a_code() {
    for (prompt, upstream_code) in
        [(PromptConfig::default(), None), (confirming(), None), (PromptConfig::default(), Some("unknown"))]
    {
        let mut points = 0;
        while is_denied_at(points, prompt.clone(), upstream_code).await {
            points += 1;
        }
        // Before and after each: two commits, and at least as many reads.
        assert!(points >= 8, "denied at {points} points only");
    }
}

/// `false`: the login was finished before the `nth` point.
async fn is_denied_at(nth: usize, prompt: PromptConfig, upstream_code: Option<&str>) -> bool {
    let mut stage = Stage::with(prompt).await;
    let next = stage.approve(ALL).await;
    let mut login = stage.signed_in(&next);
    if let Some(code) = upstream_code {
        login.parameters[0].value = code.to_owned();
    }
    let control = behind_the_door(&stage.env).await;
    let edge = control.edge();
    edge.list().await.unwrap();
    let mut stop = stage.env.idp.breakpoints.stop(nth);
    let mut sent = spawn_login(&edge, &login);
    tokio::select! {
        () = stop.arrived() => {}
        answered = &mut sent => {
            answered.unwrap().unwrap();
            return false;
        }
    }
    let answered = stage.deny().await.unwrap();
    stop.release();
    let login_outcome = sent.await.unwrap();
    match &answered.step {
        Some(Step::AllowedPage(_)) => {
            code_in(&login_outcome.unwrap());
            return true;
        }
        Some(Step::FailurePage(_)) => {
            assert_eq!(login_outcome.unwrap(), answered, "point {nth}");
            return true;
        }
        _ => {}
    }
    let denial = location(&answered).to_owned();
    // If the question was recorded, its page was on its way to the browser. It can no longer be answered.
    let is_questioned = stage.env.events().await.len() == 1;
    match login_outcome {
        Err(refused) => assert_leads_to(&refused, &denial),
        Ok(next) => assert!(matches!(next.step, Some(Step::SignedInPage(_))) && is_questioned, "point {nth}: {next:?}"),
    }
    assert_leads_to(&stage.edge.finish_login(again(&login)).await.unwrap_err(), &denial);
    assert!(stage.env.entries(Space::Consents).await.is_empty(), "point {nth}");
    true
}

/// The failure of a login that was denied meanwhile changes nothing, either.
///
/// Requirements: B8.
#[tokio::test(flavor = "multi_thread")]
async fn a_denial_during_a_login_that_fails_stays() {
    let mut stage = Stage::new().await;
    let next = stage.approve(ALL).await;
    let mut login = stage.signed_in(&next);
    login.parameters[0].value = "a code that the upstream does not know".to_owned();
    stage.env.idp.stall();
    let in_flight = spawn_login(&stage.edge, &login);
    stage.env.idp.wait_for_calls(1).await;
    let denied = stage.deny().await.unwrap();
    let denial = location(&denied).to_owned();
    stage.env.idp.release();
    assert_leads_to(&in_flight.await.unwrap().unwrap_err(), &denial);
    stage.assert_denied(&denial, &[login]).await;
}

pub(crate) fn confirming() -> PromptConfig {
    PromptConfig { confirm_subject: true, ..PromptConfig::default() }
}

pub(crate) fn confirmation(flow: &Flow, asked: &v1::SignedInPage, decision: Decision) -> v1::ConfirmLoginRequest {
    v1::ConfirmLoginRequest {
        issuer_id: ISSUER.to_owned(),
        attempt: attempt(),
        state: asked.state.clone(),
        form_token: asked.page.as_ref().unwrap().form_token.clone(),
        decision: decision.into(),
        cookies: flow.browser.cookies(),
        sec_fetch_site: Some("same-origin".to_owned()),
        origin: None,
    }
}

pub(crate) async fn question(stage: &mut Stage) -> v1::SignedInPage {
    let next = stage.approve(ALL).await;
    let next = stage.edge.finish_login(stage.signed_in(&next)).await.unwrap();
    stage.flow.browser.keep(&next);
    match next.step {
        Some(Step::SignedInPage(asked)) => asked,
        other => panic!("expected the question: {other:?}"),
    }
}

/// Back from the question "Is this you?" to the consent page.
///
/// Requirements: B8, B37.
#[tokio::test(flavor = "multi_thread")]
async fn a_denial_before_the_confirmation_leaves_nothing_to_confirm() {
    let mut stage = Stage::with(confirming()).await;
    let asked = question(&mut stage).await;
    assert_eq!(stage.edge.decide(stage.approval(LESS)).await.reason(), "LOGIN_BEGUN");
    let next = stage.deny().await.unwrap();
    for decision in [Decision::Approve, Decision::NotMe] {
        let refused = stage.edge.confirm_login(confirmation(&stage.flow, &asked, decision)).await.unwrap_err();
        assert_leads_to(&refused, location(&next));
    }
    assert!(stage.env.entries(Space::Consents).await.is_empty());
}

/// "Not me" after "it is me": the code is with the client, so the page says how to take it back.
///
/// Requirements: B8, B37.
#[tokio::test(flavor = "multi_thread")]
async fn not_me_after_the_code_shows_what_was_allowed() {
    let mut stage = Stage::with(confirming()).await;
    let asked = question(&mut stage).await;
    let next = stage.edge.confirm_login(confirmation(&stage.flow, &asked, Decision::Approve)).await.unwrap();
    let refused = stage.edge.confirm_login(confirmation(&stage.flow, &asked, Decision::NotMe)).await.unwrap();
    let shown = allowed(refused);
    assert!(shown.too_late && scopes(&shown) == ["read", "write"]);
    stage.edge.decide(take_back(&stage.flow, &form_token(&shown))).await.unwrap();
    assert_eq!(stage.edge.exchange(stage.flow.redeem(&code_in(&next))).await.reason(), "GRANT_ENDED");
}

/// Alice has got as far as a code, and `flow` has her session.
async fn with_code(stage: &mut Stage, chosen: &[&str]) -> String {
    let next = stage.approve(chosen).await;
    let next = stage.edge.finish_login(stage.signed_in(&next)).await.unwrap();
    stage.flow.browser.keep(&next);
    code_in(&next)
}

/// Requirements: B8, B38, R27.
#[tokio::test(flavor = "multi_thread")]
async fn a_denial_after_the_code_says_what_was_allowed_and_one_button_takes_it_back() {
    for is_redeemed in [true, false] {
        let mut stage = Stage::new().await;
        let code = with_code(&mut stage, LESS).await;
        let mut refresh_token = None;
        if is_redeemed {
            let tokens = stage.edge.exchange(stage.flow.redeem(&code)).await.unwrap();
            refresh_token = tokens.refresh_token;
        }
        for too_late in [stage.deny().await.unwrap(), stage.edge.decide(stage.approval(ALL)).await.unwrap()] {
            let shown = allowed(too_late);
            assert!(shown.too_late);
            assert_eq!((scopes(&shown), shown.client.as_ref().unwrap().name.as_str()), (vec!["read"], "The App"));
            assert_eq!(query(&shown.return_uri)["error"], "access_denied");
            assert!(shown.return_uri.starts_with("https://app.example/cb"), "{}", shown.return_uri);
        }
        let shown = allowed(v1::Next { step: Some(stage.show().await.unwrap()), set_cookies: Vec::new() });
        assert!(!shown.too_late, "a reload is no answer");
        let events = stage.env.events().await.len();

        let request = take_back(&stage.flow, &form_token(&shown));
        let done = allowed(stage.edge.decide(request.clone()).await.unwrap());
        assert_eq!(done.standing, Some(Standing::Ended(true)));
        for repeated in [request, take_back(&stage.flow, &form_token(&shown))] {
            assert_eq!(allowed(stage.edge.decide(repeated).await.unwrap()), done, "taken back once");
        }
        assert_eq!(stage.env.events().await.len(), events + 1);
        match refresh_token {
            Some(token) => assert_eq!(stage.edge.exchange(stage.flow.refresh(&token)).await.reason(), "GRANT_ENDED"),
            None => assert_eq!(stage.edge.exchange(stage.flow.redeem(&code)).await.reason(), "GRANT_ENDED"),
        }
        let shown = allowed(v1::Next { step: Some(stage.show().await.unwrap()), set_cookies: Vec::new() });
        assert_eq!(shown.standing, Some(Standing::Ended(true)));
    }
}

/// The button pressed in the successful way, with exactly one thing changed.
///
/// Requirements: B8, B23.
#[tokio::test(flavor = "multi_thread")]
async fn only_the_person_in_the_browser_takes_back() {
    let mut stage = Stage::new().await;
    let code = with_code(&mut stage, ALL).await;
    let tokens = stage.edge.exchange(stage.flow.redeem(&code)).await.unwrap();
    let token = form_token(&allowed(stage.deny().await.unwrap()));
    let good = || take_back(&stage.flow, &token);

    // Bob signs in at the same browser, for an app of his own.
    let mut bobs = Flow { person: "bob".to_owned(), ..Flow::new(App::configured()) };
    bobs.browser = stage.flow.browser.clone();
    bobs.browser.0.retain(|name, _| !name.starts_with("__Host-lychgate-session-"));
    let signed_out = bobs.clone();
    bobs.tokens(&stage.edge, &stage.env.idp).await;
    // Alice at another browser.
    let mut elsewhere = Flow::new(App::configured());
    elsewhere.tokens(&stage.edge, &stage.env.idp).await;
    let of_page = stage.page.form_token.clone();
    for (what, request, reason) in [
        ("cross-site", v1::DecideRequest { sec_fetch_site: Some("cross-site".to_owned()), ..good() }, "CROSS_SITE"),
        ("no session", take_back(&signed_out, &token), "ACCOUNT_SESSION_MISSING"),
        ("another person", take_back(&bobs, &token), "ACCOUNT_SESSION_MISSING"),
        ("another browser", take_back(&elsewhere, &token), "FORM_TOKEN_INVALID"),
        ("no browser", v1::DecideRequest { cookies: Vec::new(), ..good() }, "BROWSER_COOKIE_MISSING"),
        ("the page's token", take_back(&stage.flow, &of_page), "FORM_TOKEN_INVALID"),
        ("no token", take_back(&stage.flow, ""), "FORM_TOKEN_INVALID"),
    ] {
        assert_eq!(stage.edge.decide(request).await.reason(), reason, "{what}");
    }
    // The page offers the button only to the person who allowed.
    for other in [&signed_out, &bobs] {
        let shown = allowed(stage.edge.show(other.show(&stage.page.ticket)).await.unwrap());
        assert_eq!(shown.standing, Some(Standing::OtherSession(true)));
    }
    let refreshed = stage.edge.exchange(stage.flow.refresh(tokens.refresh_token())).await.unwrap();
    // And the token decides nothing on the consent page.
    let approval = v1::DecideRequest { form_token: token.clone(), ..stage.approval(ALL) };
    assert_eq!(stage.edge.decide(approval).await.reason(), "FORM_TOKEN_INVALID");
    stage.edge.decide(good()).await.unwrap();
    assert_eq!(stage.edge.exchange(stage.flow.refresh(refreshed.refresh_token())).await.reason(), "GRANT_ENDED");
}

/// A page from before a revocation does not end what was allowed again since.
///
/// Requirements: R27.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_button_takes_back_no_later_consent() {
    let mut stage = Stage::new().await;
    with_code(&mut stage, ALL).await;
    let token = form_token(&allowed(stage.deny().await.unwrap()));
    stage.env.revoke_consent("alice", "app").await;
    let mut later = stage.flow.clone();
    let tokens = later.tokens(&stage.edge, &stage.env.idp).await;
    let shown = allowed(stage.edge.decide(take_back(&later, &token)).await.unwrap());
    assert_eq!(shown.standing, Some(Standing::Ended(true)));
    stage.edge.exchange(later.refresh(tokens.refresh_token())).await.unwrap();
}

/// Double submit, with and without the same idempotency key, and a call that is repeated after a later answer.
///
/// Requirements: B8.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_call_is_no_new_answer() {
    let mut stage = Stage::new().await;
    let first = stage.approval(ALL);
    let one = stage.edge.decide(first.clone()).await.unwrap();
    assert_eq!(stage.edge.decide(first.clone()).await.unwrap(), one);
    let twice = v1::DecideRequest { attempt: attempt(), ..first.clone() };
    assert_eq!(stage.edge.decide(twice).await.unwrap(), one);
    stage.flow.browser.keep(&one);

    let two = stage.approve(LESS).await;
    assert_eq!(stage.edge.decide(first.clone()).await.reason(), "LOGIN_REPLACED");
    let other = stage.env.start().await;
    assert_eq!(other.edge().decide(first.clone()).await.reason(), "LOGIN_REPLACED", "at any process");
    let login = stage.signed_in(&two);
    let next = stage.edge.finish_login(login).await.unwrap();
    assert_eq!(stage.edge.exchange(stage.flow.redeem(&code_in(&next))).await.unwrap().scope, "read");
    assert_eq!(stage.edge.decide(first).await.reason(), "LOGIN_REPLACED");
}

/// Requirements: B8, E3.
#[tokio::test(flavor = "multi_thread")]
async fn the_page_opened_again_shows_what_was_decided() {
    let mut stage = Stage::new().await;
    for (chosen, left_out) in [(LESS, [false, true]), (ALL, [false, false]), (LESS, [false, true])] {
        stage.approve(chosen).await;
        let shown = page(v1::Next { step: Some(stage.show().await.unwrap()), set_cookies: Vec::new() });
        assert_eq!(shown.earlier_answer(), v1::EarlierAnswer::Approved);
        assert_eq!(shown.scopes.iter().map(|scope| scope.left_out).collect::<Vec<_>>(), left_out);
        assert_eq!(shown.form_token, stage.page.form_token, "every render stays valid");
    }
    // Another browser has decided nothing.
    let mut elsewhere = Flow::new(App::configured());
    let next = stage.edge.show(elsewhere.show(&stage.page.ticket)).await.unwrap();
    elsewhere.browser.keep(&next);
    let shown = page(next);
    assert_eq!(shown.earlier_answer(), v1::EarlierAnswer::Unspecified);
    assert!(shown.scopes.iter().all(|scope| !scope.left_out));
    stage.deny().await.unwrap();
    stage.edge.decide(elsewhere.decide(&shown, Decision::Approve)).await.expect("its own decision");
}

/// A login that failed has ended the request; every other answer is told of the failure.
///
/// Requirements: B20.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_failed_login_every_other_answer_is_told_of_it() {
    for (error, is_redirect) in [("access_denied", true), ("server_error", false)] {
        let mut stage = Stage::new().await;
        let next = stage.approve(ALL).await;
        let mut login = stage.signed_in(&next);
        login.parameters[0] = v1::Parameter { name: "error".to_owned(), value: error.to_owned() };
        let failed = stage.edge.finish_login(login.clone()).await.unwrap();
        assert_eq!(matches!(failed.step, Some(Step::Redirect(_))), is_redirect);
        assert_eq!(stage.deny().await.unwrap(), failed, "the client hears the same again");
        assert_eq!(stage.edge.decide(stage.approval(LESS)).await.unwrap(), failed);
        let shown = stage.show().await.unwrap();
        assert!(matches!(shown, Step::FailurePage(_)), "Back never leads away by itself: {shown:?}");
        assert_eq!(stage.edge.finish_login(again(&login)).await.unwrap(), failed);
        assert!(stage.env.entries(Space::Consents).await.is_empty());
    }
}

/// Neither a client that is gone nor a page that no longer holds keeps a person from saying no.
///
/// Requirements: B8.
#[tokio::test(flavor = "multi_thread")]
async fn a_denial_counts_whatever_has_become_of_the_client() {
    let mut stage = Stage::new().await;
    let next = stage.approve(ALL).await;
    let login = stage.signed_in(&next);
    stage.stop().await;
    let mut config = stage.env.config.clone();
    config.issuers[0].clients[0].id = "another".to_owned();
    let control = stage.env.start_with(config).await;
    let edge = control.edge();
    assert_eq!(edge.show(stage.flow.show(&stage.page.ticket)).await.reason(), "CLIENT_UNKNOWN");
    assert_eq!(edge.decide(stage.approval(LESS)).await.reason(), "CLIENT_UNKNOWN");
    let denied = edge.decide(stage.flow.decide(&stage.page, Decision::Deny)).await.unwrap();
    assert_eq!(query(location(&denied))["error"], "access_denied");
    control.stop().await;
    // The client comes back: the denial is still there.
    let control = stage.env.start().await;
    assert_leads_to(&control.edge().finish_login(login).await.unwrap_err(), location(&denied));
}

/// The page has expired, but the sign-in that it led to has not.
///
/// Requirements: B8, B24.
#[tokio::test(flavor = "multi_thread")]
async fn a_denial_counts_as_long_as_the_login_lives() {
    let mut stage = Stage::new().await;
    stage.env.advance(Duration::from_secs(900));
    let next = stage.approve(ALL).await;
    let login = stage.signed_in(&next);
    stage.env.advance(Duration::from_secs(600));
    assert_eq!(stage.edge.decide(stage.approval(LESS)).await.reason(), "TICKET_EXPIRED");
    assert_eq!(stage.show().await.reason(), "TICKET_EXPIRED");
    let denied = stage.deny().await.unwrap();
    assert_leads_to(&stage.edge.finish_login(login).await.unwrap_err(), location(&denied));
    assert_leads_to(&stage.show().await.unwrap_err(), location(&denied));
}

fn remembering() -> PromptConfig {
    PromptConfig { mode: PromptMode::Remember, ..PromptConfig::default() }
}

fn silent() -> PromptConfig {
    PromptConfig { mode: PromptMode::Silent, silent_clients: vec!["app".to_owned()], ..PromptConfig::default() }
}

/// Alice allowed everything before; the ticket is a new one.
async fn returning(prompt: PromptConfig) -> Stage {
    let mut stage = Stage::with(prompt).await;
    let code = with_code(&mut stage, ALL).await;
    stage.edge.exchange(stage.flow.redeem(&code)).await.unwrap();
    stage
}

/// "Continue as X", Back, "Show everything", less: the one-click page does not come back, and the token carries less.
///
/// Requirements: B8, B31.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_on_the_full_page_replaces_one_click() {
    let mut stage = returning(remembering()).await;
    let ticket = stage.flow.ticket(&stage.edge).await;
    let Step::OneClickPage(button) = stage.edge.show(stage.flow.show(&ticket)).await.unwrap().step.unwrap() else {
        panic!("the one-click page")
    };
    let button = button.page.unwrap();
    let one = stage.edge.decide(stage.flow.decide(&button, Decision::Approve)).await.unwrap();
    stage.flow.browser.keep(&one);
    let earlier = stage.signed_in(&one);
    let visit = v1::ShowRequest { full_screen: true, ..stage.flow.show(&ticket) };
    stage.page = page(stage.edge.show(visit).await.unwrap());
    assert_eq!(stage.page.earlier_answer(), v1::EarlierAnswer::Approved);
    let two = stage.approve(LESS).await;
    assert_ne!(location(&one), location(&two));
    let shown = page(v1::Next { step: Some(stage.show().await.unwrap()), set_cookies: Vec::new() });
    assert!(shown.scopes[1].left_out, "the full page, although one click would do");
    assert_eq!(stage.edge.finish_login(earlier).await.reason(), "LOGIN_REPLACED");
    let next = stage.edge.finish_login(stage.signed_in(&two)).await.unwrap();
    assert_eq!(stage.edge.exchange(stage.flow.redeem(&code_in(&next))).await.unwrap().scope, "read");

    // And a No on the full page is a No for the button.
    let ticket = stage.flow.ticket(&stage.edge).await;
    let Step::OneClickPage(button) = stage.edge.show(stage.flow.show(&ticket)).await.unwrap().step.unwrap() else {
        panic!("the one-click page")
    };
    stage.page = button.page.unwrap();
    let denied = stage.deny().await.unwrap();
    let refused = stage.edge.decide(stage.flow.decide(&stage.page, Decision::Approve)).await.unwrap_err();
    assert_leads_to(&refused, location(&denied));
    assert_leads_to(&stage.show().await.unwrap_err(), location(&denied));
}

/// A visit is no answer: the silent path never replaces what a person chose on a page.
///
/// Requirements: B8, B31.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_visit_never_replaces_a_persons_answer() {
    let mut stage = returning(silent()).await;
    let ticket = stage.flow.ticket(&stage.edge).await;
    let visit = v1::ShowRequest { full_screen: true, ..stage.flow.show(&ticket) };
    stage.page = page(stage.edge.show(visit).await.unwrap());
    let two = stage.approve(LESS).await;
    let shown = page(v1::Next { step: Some(stage.show().await.unwrap()), set_cookies: Vec::new() });
    assert!(shown.scopes[1].left_out);
    let next = stage.edge.finish_login(stage.signed_in(&two)).await.unwrap();
    assert_eq!(stage.edge.exchange(stage.flow.redeem(&code_in(&next))).await.unwrap().scope, "read");

    // Silently approved, then denied on the full page.
    let ticket = stage.flow.ticket(&stage.edge).await;
    let one = stage.edge.show(stage.flow.show(&ticket)).await.unwrap();
    stage.flow.browser.keep(&one);
    let login = stage.signed_in(&one);
    let visit = v1::ShowRequest { full_screen: true, ..stage.flow.show(&ticket) };
    stage.page = page(stage.edge.show(visit).await.unwrap());
    assert_eq!(stage.page.earlier_answer(), v1::EarlierAnswer::Approved);
    let denied = stage.deny().await.unwrap();
    assert_leads_to(&stage.show().await.unwrap_err(), location(&denied));
    assert_leads_to(&stage.edge.finish_login(login).await.unwrap_err(), location(&denied));
}

/// Answers of every kind and callbacks of the first login, all at once, at two processes.
///
/// Requirements: B4, B8.
#[tokio::test(flavor = "multi_thread")]
async fn answers_and_callbacks_at_once_end_in_one_of_them() {
    for with_denials in [false, true] {
        let mut stage = Stage::new().await;
        let first = stage.approve(ALL).await;
        let login = stage.signed_in(&first);
        let controls = [stage.env.start().await, stage.env.start().await];
        let runs = (0..48).map(|n| {
            let answer = match n % 4 {
                0 => None,
                1 => Some(stage.approval(LESS)),
                2 => Some(stage.approval(ALL)),
                _ if with_denials => Some(stage.flow.decide(&stage.page, Decision::Deny)),
                _ => Some(stage.approval(LESS)),
            };
            let login = again(&login);
            |edge: ApiClient| async move {
                match answer {
                    Some(answer) => edge.decide(answer).await,
                    None => edge.finish_login(login).await,
                }
            }
        });
        let outcomes = race(&controls, runs).await;
        let codes: HashSet<_> = outcomes.iter().flatten().filter_map(code_of).collect();
        let denials = outcomes.iter().flatten().filter(|next| is_denial(next)).count();
        assert!(codes.len() <= 1, "{codes:?}");
        assert!(codes.is_empty() || denials == 0, "a code beside a No");
        assert!(!with_denials || denials > 0 || !codes.is_empty());
        for code in codes {
            // The first login was claimed before any other answer.
            assert_eq!(stage.edge.exchange(stage.flow.redeem(&code)).await.unwrap().scope, "read write");
        }
        let consents = stage.env.entries(Space::Consents).await.len();
        assert!(consents == 0 || denials == 0);
        assert_eq!(stage.env.entries(Space::Authorizations).await.len(), 1);
        if denials > 0 {
            assert_eq!(stage.edge.finish_login(again(&login)).await.reason(), "ALREADY_DECIDED");
        }
    }
}

fn code_of(next: &v1::Next) -> Option<String> {
    match &next.step {
        Some(Step::Redirect(redirect)) => query(&redirect.location).get("code").cloned(),
        _ => None,
    }
}

fn is_denial(next: &v1::Next) -> bool {
    match &next.step {
        Some(Step::Redirect(redirect)) => query(&redirect.location).get("error").is_some_and(|e| e == "access_denied"),
        _ => false,
    }
}
