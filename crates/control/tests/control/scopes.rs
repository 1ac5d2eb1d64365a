//! All advertised scopes can be requested: every accepted configuration works from registration to token.

use lychgate_api::error_metadata;
use lychgate_api::v1::{self, Decision};
use lychgate_control::config::{OptionalScopesConfig, ResourceConfig, ScopeConfig};
use lychgate_engine::Space;

use crate::support::{App, Environment, Flow, ISSUER, RESOURCE, code_in, location, query};

/// A resource with these scopes, the first by default and the rest optional for the person.
fn resource(uri: &str, names: &[String]) -> ResourceConfig {
    let scope = |(n, name): (usize, &String)| ScopeConfig {
        name: name.clone(),
        description: format!("May {n}"),
        default: n == 0,
        optional: n > 0,
        read_only: false,
        tools: None,
    };
    let scopes = names.iter().enumerate().map(scope).collect();
    ResourceConfig { uri: uri.to_owned(), name: "Notes".to_owned(), scopes, upstream_tokens: false, entry: None }
}

fn many(count: usize, name: impl Fn(usize) -> String) -> Vec<String> {
    (0..count).map(name).collect()
}

/// Requirements: E1, E6, R31.
#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "one flow for each configuration of a table")]
async fn every_advertised_scope_can_be_asked_for_at_once() {
    let long_uri = format!("{RESOURCE}/{}", "r".repeat(512 - RESOURCE.len() - 1));
    let url = |n: usize| format!("https://www.mcp.example/auth/notes/{n:03}");
    for (what, uri, first, second) in [
        ("one", RESOURCE, many(1, |_| "read".to_owned()), vec![]),
        (
            "twenty URLs",
            RESOURCE,
            many(20, |n| format!("https://www.googleapis.example/auth/notes.shared.{n:02}.readonly")),
            vec![],
        ),
        ("seventy", RESOURCE, many(70, |n| format!("notes:{n}")), vec![]),
        ("two hundred", RESOURCE, many(200, |n| format!("n:{n:03}")), vec![]),
        ("the longest", RESOURCE, many(15, |n| format!("{n:0>128}")), vec![]),
        (
            "all kinds of characters",
            RESOURCE,
            many(7, |n| format!("{}!#$%&'()+,-./:;<=>?@[]^_`{{|}}~{n}", "é".len())),
            vec![],
        ),
        ("two resources", RESOURCE, many(40, url), many(40, |n| url(n + 20))),
        ("a long URI", &long_uri, many(70, |n| format!("notes:{n}")), many(60, |n| format!("mail:{n}"))),
    ] {
        let mut env = Environment::new().await;
        let mut resources = vec![resource(uri, &first)];
        if !second.is_empty() {
            resources.push(resource("https://other.example/mcp", &second));
        }
        env.issuer().resources = resources;
        let control = env.start().await;
        let edge = control.edge();
        let advertised = edge.describe(ISSUER).await.unwrap().metadata.unwrap().scopes_supported;
        let scope = format!("{} offline_access", advertised.join(" "));

        let metadata = v1::ClientMetadata { scope: Some(scope.clone()), ..App::metadata("none") };
        let registered =
            edge.register(v1::RegisterRequest { metadata: Some(metadata), ..App::registration("none") }).await;
        let client = registered.unwrap_or_else(|refused| panic!("{what}: {refused:?}"));
        assert_eq!(client.metadata.unwrap().scope, Some(scope.clone()), "{what}");

        let mut flow = Flow::new(App::new(&client.client_id, "http://127.0.0.1:7777/cb"));
        (flow.scope, flow.state) = (scope, "s".repeat(512));
        let mut request = flow.begin();
        request
            .parameters
            .iter_mut()
            .filter(|found| found.name == "resource")
            .for_each(|found| found.value = uri.to_owned());
        let begun = edge.begin(request).await.unwrap_or_else(|refused| panic!("{what}: {refused:?}"));
        let ticket = query(location(&begun))["ticket"].clone();
        assert!(location(&begun).len() < 6 * 1024, "{what}");
        let next = edge.show(flow.show(&ticket)).await.unwrap();
        flow.browser.keep(&next);
        let page = crate::support::page(next);
        let mut shown: Vec<_> = page.scopes.iter().map(|scope| scope.name.clone()).collect();
        assert_eq!(shown, first, "{what}: all scopes of this resource, in configured order");
        let chosen_scopes = first.clone();
        let approved = v1::DecideRequest { chosen_scopes, ..flow.decide(&page, Decision::Approve) };
        let next = edge.decide(approved).await.unwrap();
        let callback = flow.log_in(&next, &env.idp);
        let code = code_in(&edge.finish_login(callback).await.unwrap());
        let tokens = edge.exchange(flow.redeem(&code)).await.unwrap_or_else(|refused| panic!("{what}: {refused:?}"));
        shown.sort();
        assert_eq!(tokens.scope, shown.join(" "), "{what}");
        let again = edge.exchange(flow.refresh(tokens.refresh_token())).await.unwrap();
        assert_eq!(again.scope, tokens.scope, "{what}");
    }
}

/// An issuer with boxes that start unticked: the default scope is fixed, the other one optional.
async fn unticked() -> Environment {
    let mut env = Environment::new().await;
    let issuer = env.issuer();
    issuer.optional_scopes = OptionalScopesConfig::Unticked;
    let scopes = &mut issuer.resources[0].scopes;
    scopes[1].optional = true;
    (scopes[0].read_only, scopes[1].tools) = (true, Some(3));
    env
}

fn unticked_on(page: &v1::ConsentPage) -> Vec<&str> {
    page.scopes.iter().filter(|scope| scope.starts_unticked).map(|scope| scope.name.as_str()).collect()
}

/// Requirements: E3, E4.
#[tokio::test(flavor = "multi_thread")]
async fn boxes_start_unticked_if_configured_and_then_as_the_person_left_them() {
    let env = unticked().await;
    let control = env.start().await;
    let edge = control.edge();
    let mut flow = Flow { scope: "read write".to_owned(), ..Flow::new(App::configured()) };
    let page = flow.consent_page(&edge).await;
    let marks: Vec<_> = page.scopes.iter().map(|scope| (scope.name.as_str(), scope.read_only, scope.tools)).collect();
    assert_eq!(marks, [("read", true, 0), ("write", false, 3)]);
    assert_eq!(unticked_on(&page), ["write"]);

    let approve = |page: &v1::ConsentPage, flow: &Flow, chosen: &[&str]| {
        let chosen_scopes = chosen.iter().map(|name| (*name).to_owned()).collect();
        v1::DecideRequest { chosen_scopes, ..flow.decide(page, Decision::Approve) }
    };
    edge.decide(approve(&page, &flow, &["write"])).await.unwrap();
    let again = crate::support::page(edge.show(flow.show(&page.ticket)).await.unwrap());
    assert_eq!(unticked_on(&again), [""; 0], "the person ticked it before");

    let next = edge.decide(approve(&again, &flow, &[])).await.unwrap();
    let third = crate::support::page(edge.show(flow.show(&page.ticket)).await.unwrap());
    assert_eq!(unticked_on(&third), ["write"]);
    let callback = flow.log_in(&next, &env.idp);
    let code = code_in(&edge.finish_login(callback).await.unwrap());
    assert_eq!(
        edge.exchange(flow.redeem(&code)).await.unwrap().scope,
        "read",
        "a box that stays unticked gives nothing"
    );
}

/// A link of the page ticks boxes; the same link on another website does not.
///
/// Requirements: E3.
#[tokio::test(flavor = "multi_thread")]
async fn boxes_are_ticked_by_links_of_the_page_only() {
    let env = unticked().await;
    let control = env.start().await;
    let edge = control.edge();
    let mut flow = Flow { scope: "read write".to_owned(), ..Flow::new(App::configured()) };
    let ticket = flow.consent_page(&edge).await.ticket;
    for (site, unticked) in [("same-origin", &[""; 0][..]), ("none", &["write"]), ("cross-site", &["write"])] {
        let request = v1::ShowRequest {
            sec_fetch_site: Some(site.to_owned()),
            scope_preset: v1::ScopePreset::Everything.into(),
            ..flow.show(&ticket)
        };
        let page = crate::support::page(edge.show(request).await.unwrap());
        assert_eq!(unticked_on(&page), unticked, "{site}");
    }
}

/// Requirements: E3.
#[tokio::test(flavor = "multi_thread")]
async fn approving_nothing_is_no_answer() {
    let mut env = unticked().await;
    env.issuer().resources[0].scopes[0].optional = true;
    let control = env.start().await;
    let edge = control.edge();
    let mut flow = Flow { scope: "read write".to_owned(), ..Flow::new(App::configured()) };
    let page = flow.consent_page(&edge).await;
    assert_eq!(unticked_on(&page), ["read", "write"]);
    let refused = edge.decide(flow.decide(&page, Decision::Approve)).await.unwrap_err();
    assert_eq!(refused.reason, "DECISION_MISSING");
    let back = &refused.metadata[error_metadata::RETURN_URI];
    assert_eq!(query(back)["ticket"], page.ticket, "the page tells the way back to the form");
    assert_eq!(env.entries(Space::Authorizations).await.len(), 0, "nothing is decided");
    let again = crate::support::page(edge.show(flow.show(&page.ticket)).await.unwrap());
    assert_eq!(unticked_on(&again), ["read", "write"]);
    let chosen_scopes = vec!["write".to_owned()];
    let next =
        edge.decide(v1::DecideRequest { chosen_scopes, ..flow.decide(&again, Decision::Approve) }).await.unwrap();
    let callback = flow.log_in(&next, &env.idp);
    let code = code_in(&edge.finish_login(callback).await.unwrap());
    assert_eq!(edge.exchange(flow.redeem(&code)).await.unwrap().scope, "write");
}

/// The person read "read only" and approves; the operator takes the mark away in between.
///
/// Requirements: B8, E4.
#[tokio::test(flavor = "multi_thread")]
async fn an_approval_is_asked_again_if_the_marks_of_a_scope_have_changed() {
    for change in
        [(|scope: &mut ScopeConfig| scope.read_only = false) as fn(&mut ScopeConfig), |scope| scope.tools = Some(4)]
    {
        let mut env = unticked().await;
        let control = env.start().await;
        let mut flow = Flow::new(App::configured());
        let page = flow.consent_page(&control.edge()).await;
        control.stop().await;
        change(&mut env.issuer().resources[0].scopes[0]);
        let control = env.start().await;
        let next = control.edge().decide(flow.decide(&page, Decision::Approve)).await.unwrap();
        let again = crate::support::page(next);
        assert!(again.changed);
        assert_eq!(env.entries(Space::Authorizations).await.len(), 0, "nothing is decided");
        let next = control.edge().decide(flow.decide(&again, Decision::Approve)).await.unwrap();
        assert!(location(&next).starts_with(&env.idp.issuer), "{next:?}");
    }
}
