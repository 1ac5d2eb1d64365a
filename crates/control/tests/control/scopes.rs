//! All advertised scopes can be requested: every accepted configuration works from registration to token.

use lychgate_api::v1::{self, Decision};
use lychgate_control::config::{ResourceConfig, ScopeConfig};

use crate::support::{App, Environment, Flow, ISSUER, RESOURCE, code_in, location, query};

/// A resource with these scopes, the first by default and the rest optional for the person.
fn resource(uri: &str, names: &[String]) -> ResourceConfig {
    let scope = |(n, name): (usize, &String)| ScopeConfig {
        name: name.clone(),
        description: format!("May {n}"),
        default: n == 0,
        optional: n > 0,
    };
    let scopes = names.iter().enumerate().map(scope).collect();
    ResourceConfig { uri: uri.to_owned(), name: "Notes".to_owned(), scopes }
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
