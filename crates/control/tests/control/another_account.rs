//! "Not me" after the login: the login ends for good, and the browser comes back to the consent page of the same request.
//! Its approval lets the person choose another account.

use lychgate_api::v1::{self, Decision, next::Step};
use lychgate_engine::Space;

use crate::answers::{ALL, Stage, confirmation, confirming, question};
use crate::races::race;
use crate::sessions::logged;
use crate::support::{ApiClient, Flow, Refused as _, TICK, again, code_in, location, page, query};

/// A stage in which the person said "not me" after the login.
struct LeftLogin {
    stage: Stage,
    /// The browser before that answer: with the cookie of the login.
    before: Flow,
    callback: v1::FinishLoginRequest,
    asked: v1::SignedInPage,
    /// The answer's redirect.
    next: v1::Next,
    /// The ticket in it.
    ticket: String,
}

impl LeftLogin {
    async fn new() -> Self {
        let mut stage = Stage::with(confirming()).await;
        let next = stage.approve(ALL).await;
        assert!(!query(location(&next)).contains_key("prompt"), "the person has not said \"not me\" yet");
        let callback = stage.signed_in(&next);
        let asked = question(&mut stage).await;
        let before = stage.flow.clone();
        let next = stage.edge.confirm_login(confirmation(&stage.flow, &asked, Decision::NotMe)).await.unwrap();
        stage.flow.browser.keep(&next);
        let ticket = query(location(&next))["ticket"].clone();
        Self { stage, before, callback, asked, next, ticket }
    }

    /// The consent page that the browser comes back to.
    async fn page(&self) -> v1::ConsentPage {
        page(self.stage.edge.show(self.stage.flow.show(&self.ticket)).await.unwrap())
    }

    /// Approves on it.
    async fn approve(&mut self) -> v1::Next {
        let page = self.page().await;
        let chosen_scopes = vec!["write".to_owned()];
        let approval = v1::DecideRequest { chosen_scopes, ..self.stage.flow.decide(&page, Decision::Approve) };
        let next = self.stage.edge.decide(approval).await.unwrap();
        self.stage.flow.browser.keep(&next);
        next
    }

    async fn codes(&self) -> usize {
        self.stage.env.entries(Space::Consents).await.len()
    }
}

/// Requirements: A6, B37, E2, R11.
#[tokio::test(flavor = "multi_thread")]
async fn not_me_after_the_login_leads_back_to_the_same_request() {
    let mut left = LeftLogin::new().await;
    assert!(location(&left.next).starts_with("http://127.0.0.1:7440/consent?ticket="), "{:?}", left.next);
    let (first, page) = (left.stage.page.clone(), left.page().await);
    assert_eq!(page.person, None, "its session has ended");
    assert_eq!(page.earlier_answer(), v1::EarlierAnswer::Unspecified, "nothing of it is decided");
    assert_eq!(
        (page.client, page.redirect, page.resource, page.scopes),
        (first.client, first.redirect, first.resource, first.scopes)
    );

    let next = left.approve().await;
    assert_eq!(query(location(&next))["prompt"], "select_account");
    let callback = left.stage.flow.finish_login(left.stage.env.idp.sign_in(location(&next), "bob"));
    let next = left.stage.edge.finish_login(callback).await.unwrap();
    left.stage.flow.browser.keep(&next);
    let Some(Step::SignedInPage(asked)) = next.step else { panic!("expected the question") };
    assert_eq!(asked.page.as_ref().unwrap().person.as_ref().unwrap().name, "BOB");
    let next = left.stage.edge.confirm_login(confirmation(&left.stage.flow, &asked, Decision::Approve)).await.unwrap();
    let answer = query(location(&next));
    assert_eq!((answer["state"].as_str(), answer["iss"].as_str()), (&*left.stage.flow.state, "http://127.0.0.1:7440"));
    let tokens =
        left.stage.edge.exchange(left.stage.flow.redeem(&code_in(&next))).await.expect("the same PKCE challenge");
    assert_eq!(tokens.scope, "read write");
    let events: Vec<_> = logged(&left.stage.env).await.into_iter().map(|(event, _)| event).collect();
    let of_bob = ["login.questioned idp|bob", "consent.approved idp|bob", "grant.issued idp|bob"];
    assert_eq!(events, [&["login.questioned idp|alice", "login.refused idp|alice"], &of_bob[..]].concat());
}

/// A person may say so again and again; each login that was left stays left.
///
/// Requirements: B37.
#[tokio::test(flavor = "multi_thread")]
async fn not_me_can_be_said_of_each_login() {
    let mut left = LeftLogin::new().await;
    let mut tickets = vec![left.stage.page.ticket.clone(), left.ticket.clone()];
    for person in ["bob", "carol"] {
        let next = left.approve().await;
        let callback = left.stage.flow.finish_login(left.stage.env.idp.sign_in(location(&next), person));
        let next = left.stage.edge.finish_login(callback).await.unwrap();
        left.stage.flow.browser.keep(&next);
        let Some(Step::SignedInPage(asked)) = next.step else { panic!("expected the question") };
        let next =
            left.stage.edge.confirm_login(confirmation(&left.stage.flow, &asked, Decision::NotMe)).await.unwrap();
        left.stage.flow.browser.keep(&next);
        left.ticket = query(location(&next))["ticket"].clone();
        tickets.push(left.ticket.clone());
    }
    for (earlier, later) in tickets.iter().zip(&tickets[1..]) {
        let next = left.stage.edge.show(left.stage.flow.show(earlier)).await.unwrap();
        assert_eq!(&query(location(&next))["ticket"], later);
    }
    assert_eq!(left.page().await.person, None);
    assert_eq!(left.codes().await, 0);
}

/// Every step with the ticket, the form, `state` or the cookie of the login that was left: none decides anything, and all lead
/// to the new consent page, in this browser.
///
/// Requirements: B4, B8, B19, B37.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_was_left_leads_to_no_code() {
    let left = LeftLogin::new().await;
    let (edge, expected) = (left.stage.edge.clone(), location(&left.next).to_owned());
    let (old, new, flow) = (left.stage.page.clone(), left.page().await, left.stage.flow.clone());
    let counts = left.stage.env.record_counts().await;
    let calls = left.stage.env.idp.calls();
    let leads_back = |next: v1::Next, what: &str| assert_eq!(location(&next), expected, "{what}");

    leads_back(edge.show(flow.show(&old.ticket)).await.unwrap(), "the old ticket");
    for decision in [Decision::Approve, Decision::Deny] {
        for chosen in [&[][..], &["write".to_owned()]] {
            let chosen_scopes = chosen.to_vec();
            let answer = v1::DecideRequest { chosen_scopes, ..flow.decide(&old, decision) };
            leads_back(edge.decide(answer).await.unwrap(), "the old form");
        }
    }
    let finish = v1::FinishLoginRequest { cookies: left.before.browser.cookies(), ..again(&left.callback) };
    leads_back(edge.finish_login(finish).await.unwrap(), "the old state, with its cookie");
    for decision in [Decision::Approve, Decision::NotMe] {
        let next = edge.confirm_login(confirmation(&left.before, &left.asked, decision)).await.unwrap();
        leads_back(next, "the old question");
    }
    // The browser has lost the cookie.
    assert_eq!(
        edge.finish_login(flow.finish_login(left.callback.parameters.clone())).await.reason(),
        "STATE_COOKIE_MISSING"
    );
    let late = confirmation(&flow, &left.asked, Decision::Approve);
    assert_eq!(edge.confirm_login(late).await.reason(), "STATE_COOKIE_MISSING");
    // A form of one ticket is none of the other.
    for (form, ticket) in [(&old, &new), (&new, &old)] {
        let mixed = v1::DecideRequest { ticket: ticket.ticket.clone(), ..flow.decide(form, Decision::Approve) };
        assert_eq!(edge.decide(mixed).await.reason(), "FORM_TOKEN_INVALID");
    }
    // In another browser the ticket is another decision.
    let mut other = Flow::new(flow.app.clone());
    let next = edge.show(other.show(&left.ticket)).await.unwrap();
    other.browser.keep(&next);
    assert_ne!(page(next).form_token, new.form_token);
    assert_eq!(
        edge.decide(v1::DecideRequest { cookies: other.browser.cookies(), ..flow.decide(&new, Decision::Approve) })
            .await
            .reason(),
        "FORM_TOKEN_INVALID"
    );
    assert_eq!(
        (left.stage.env.record_counts().await, left.stage.env.idp.calls()),
        (counts, calls),
        "nothing is written or asked"
    );

    // Also after the request was denied: the old ticket leads where the new one does.
    let denied = edge.decide(flow.decide(&new, Decision::Deny)).await.unwrap();
    assert_eq!(query(location(&denied))["error"], "access_denied");
    leads_back(edge.show(flow.show(&old.ticket)).await.unwrap(), "the old ticket, after the denial");
    assert_eq!(edge.show(flow.show(&left.ticket)).await.reason(), "ALREADY_DECIDED");
    assert_eq!(left.codes().await, 0);
}

/// The new page lives as long as any other, counted from the answer; repeating the answer does not renew it.
///
/// Requirements: B37.
#[tokio::test(flavor = "multi_thread")]
async fn the_new_page_expires_as_every_page_does() {
    let left = LeftLogin::new().await;
    let (edge, flow) = (&left.stage.edge, &left.stage.flow);
    left.stage.env.advance(std::time::Duration::from_secs(300));
    let repeated = edge.confirm_login(confirmation(&left.before, &left.asked, Decision::NotMe)).await.unwrap();
    assert_eq!(repeated, left.next, "redirect and cookies");
    left.stage.env.advance(std::time::Duration::from_secs(600));
    left.page().await;
    left.stage.env.advance(TICK);
    assert_eq!(edge.show(flow.show(&left.ticket)).await.reason(), "TICKET_EXPIRED");
}

/// Two tabs answer at once: there is one outcome, a code or a left login.
///
/// Requirements: B4, B37.
#[tokio::test(flavor = "multi_thread")]
async fn of_it_is_me_and_not_me_at_once_one_counts() {
    for answers in [[Decision::Approve, Decision::NotMe], [Decision::NotMe, Decision::NotMe]] {
        let mut stage = Stage::with(confirming()).await;
        let asked = question(&mut stage).await;
        let send = |decision| {
            let answer = confirmation(&stage.flow, &asked, decision);
            |edge: ApiClient| async move { edge.confirm_login(answer).await }
        };
        let outcomes = race(stage.control.as_slice(), answers.map(send)).await;
        let mut codes = 0;
        let mut redirects = std::collections::BTreeSet::new();
        for outcome in outcomes {
            match outcome.unwrap().step {
                Some(Step::Redirect(redirect)) if query(&redirect.location).contains_key("code") => codes += 1,
                Some(Step::Redirect(redirect)) => drop(redirects.insert(redirect.location)),
                // "Not me" came after the code.
                Some(Step::AllowedPage(page)) => assert!(page.too_late),
                other => panic!("{other:?}"),
            }
        }
        assert!(codes + redirects.len() == 1, "{answers:?}: {codes} codes, {redirects:?}");
        assert_eq!(stage.env.entries(Space::Consents).await.len(), codes);
    }
}
