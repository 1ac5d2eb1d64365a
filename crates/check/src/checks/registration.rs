//! Registration (RFC 7591) and deletion (RFC 7592) of clients: the only checks that change something at the server.
//!
//! They announce each change and report what is left of it. The clients are useless to an attacker: their redirect URIs lead
//! to this machine's loopback, and to a host that cannot exist.

use anyhow::Result;
use serde_json::{Value, json};
use url::Url;

use crate::client::Client;
use crate::fetch::Answer;
use crate::report::or_absent;
use crate::rules::Rule;
use crate::scan::{NOWHERE, Scan, nonce};
use crate::server::{Server, has_null_or_fraction};

pub(super) const RULES: &[Rule] = &[Rule::B34, Rule::R31, Rule::R32, Rule::R34, Rule::R35, Rule::R37];

const LOOPBACK: &str = "http://127.0.0.1/callback";

/// The metadata that a response must repeat (RFC 7591 §3.2.1).
const REPEATED: [&str; 4] = ["redirect_uris", "grant_types", "response_types", "token_endpoint_auth_method"];

/// The clients that this scan registered. All of them must reach [`clean_up`].
#[derive(Default)]
pub(super) struct Registered {
    /// A client on loopback and one on the web, as far as the server allows them.
    pub(super) usable: Vec<Client>,
    /// Duplicates, and clients that the server should have refused.
    surplus: Vec<Client>,
}

pub(super) async fn check(scan: &mut Scan<'_>, server: &Server) -> Result<Registered> {
    let Some(endpoint) = server.endpoint("registration_endpoint") else {
        scan.report.unknown(RULES, "there is no registration endpoint");
        return Ok(Registered::default());
    };
    scan.announce(format_args!(
        "registers up to 3 clients at {endpoint}, tries 5 that it must refuse, and deletes what it can"
    ));
    let name = format!("Lychgate check {} <3", nonce()?);
    let native = json!({ "client_name": name, "redirect_uris": [LOOPBACK], "application_type": "native",
        "token_endpoint_auth_method": "none", "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"], "lychgate_check": "an unknown member" });
    let mut registered = Registered::default();
    let first = register(scan, &endpoint, Rule::A8, &native).await;
    match &first {
        Some((answer, None)) => {
            scan.report.violated(Rule::A8, format_args!("{answer}: {}", answer.body));
            scan.report.unknown(RULES, "no client could be registered");
            return Ok(registered);
        }
        Some((answer, Some(_))) => complete(scan, answer, &native),
        None => return Ok(registered),
    }
    if let (Some((first, _)), Some((second, Some(client)))) =
        (&first, register(scan, &endpoint, Rule::R35, &native).await)
    {
        distinct(scan, first, &second);
        registered.surplus.push(client);
    }
    registered.usable.extend(first.and_then(|(_, client)| client));

    let mut web = native.clone();
    web["redirect_uris"] = json!([format!("{NOWHERE}/callback")]);
    web["application_type"] = json!("web");
    web["token_endpoint_auth_method"] = json!("client_secret_post");
    match register(scan, &endpoint, Rule::R34, &web).await {
        Some((answer, Some(client))) => {
            scan.report.holds(Rule::R34, &answer);
            complete(scan, &answer, &web);
            registered.usable.push(client);
        }
        Some((answer, None)) => scan.report.violated(Rule::R34, format_args!("{answer}: {}", answer.body)),
        None => {}
    }
    harmful(scan, &endpoint, &mut registered, &native).await;
    if let Some(client) = registered.usable.first() {
        managed(scan, client).await;
    }
    Ok(registered)
}

/// RFC 7592 §2.1: without its access token, an attacker who guesses a client's id must not read or change it.
async fn managed(scan: &mut Scan<'_>, client: &Client) {
    let Some((url, token)) = &client.management else {
        return scan
            .report
            .skipped(Rule::R37, "the answer has no registration_client_uri and registration_access_token");
    };
    let request = scan.fetch.get(url).bearer_auth(token);
    if let Some(answer) = scan.send(&[Rule::R37], request).await {
        let same = answer.text("client_id").as_ref() == Some(&client.id);
        scan.report.judge(Rule::R37, answer.status == 200 && same, format_args!("with its token: {}", answer.status));
    }
    let request = scan.fetch.get(url).bearer_auth("lychgate-check");
    let Some(answer) = scan.send(&[Rule::R37], request).await else { return };
    if answer.status == 401 {
        scan.report.holds(Rule::R37, format_args!("with another token: {}", answer.status));
    } else {
        scan.report.fails(Rule::R37, format_args!("with another token: {}", answer.status));
    }
}

/// Deletes every client that can be deleted, and reports the others.
pub(super) async fn clean_up(scan: &mut Scan<'_>, registered: &Registered) {
    for client in registered.usable.iter().chain(&registered.surplus) {
        let Some((url, token)) = &client.management else {
            scan.report.changed(format_args!(
                "registered {}; it stays, because the server gave no way to delete it",
                client.id
            ));
            continue;
        };
        let request = scan.fetch.delete(url).bearer_auth(token);
        match scan.fetch.send_even_if_spent(request).await {
            Ok(answer) => {
                scan.report.judge(Rule::R37, answer.status == 204, &answer);
                let end = if matches!(answer.status, 200..300) { "deleted" } else { "it stays" };
                scan.report.changed(format_args!("registered {}; {end} ({answer})", client.id));
            }
            Err(why) => scan.report.changed(format_args!("registered {}; it stays: {why}", client.id)),
        }
    }
}

/// The answer, and the client if the server registered one.
async fn register(
    scan: &mut Scan<'_>,
    endpoint: &Url,
    rule: Rule,
    metadata: &Value,
) -> Option<(Answer, Option<Client>)> {
    let request = scan.fetch.post(endpoint).json(metadata);
    let answer = scan.send(&[rule], request).await?;
    let body = answer.json().unwrap_or_default();
    let text = |member: &str| body.get(member).and_then(Value::as_str).map(str::to_owned);
    let client = text("client_id").filter(|_| matches!(answer.status, 200..300)).map(|id| Client {
        id,
        redirect_uri: metadata["redirect_uris"][0].as_str().unwrap_or_default().to_owned(),
        name: metadata["client_name"].as_str().map(str::to_owned),
        secret: text("client_secret"),
        management: text("registration_client_uri")
            .and_then(|url| Url::parse(&url).ok())
            .zip(text("registration_access_token")),
    });
    Some((answer, client))
}

fn complete(scan: &mut Scan<'_>, answer: &Answer, asked: &Value) {
    let report = &mut scan.report;
    let body = answer.json().unwrap_or_default();
    report.judge(Rule::R16, answer.forbids_storing(), format_args!("{answer}, Cache-Control"));
    if answer.status == 201 {
        report.holds(Rule::R31, answer);
    } else {
        report.warns(Rule::R31, format_args!("{answer}; it should be 201"));
    }
    let missing: Vec<_> = REPEATED.into_iter().filter(|member| body.get(*member).is_none()).collect();
    report.judge(Rule::R31, missing.is_empty(), format_args!("{answer}, without {missing:?}"));
    report.judge(Rule::R31, body["redirect_uris"] == asked["redirect_uris"], format_args!("{answer}, redirect_uris"));
    let odd = body.as_object().into_iter().flatten().find(|(_, value)| has_null_or_fraction(value));
    if let Some((member, _)) = odd {
        report.violated(Rule::R31, format_args!("{answer}, {member} is or has null or a fraction"));
    }
    let expires = body.get("client_secret_expires_at");
    let consistent = match body.get("client_secret") {
        Some(_) => expires.is_some_and(Value::is_u64),
        None => expires.is_none(),
    };
    report.judge(Rule::R31, consistent, format_args!("{answer}, client_secret_expires_at: {}", or_absent(expires)));
}

/// Two registrations must not share a client: the first registrant's access token would manage the second's client. They must
/// not share a secret either: a fixed secret may be the server's own at its identity provider.
fn distinct(scan: &mut Scan<'_>, first: &Answer, second: &Answer) {
    let same = |member: &str| first.text(member).is_some_and(|value| second.text(member).as_ref() == Some(&value));
    scan.report.judge(Rule::R35, !same("client_id"), "client_id of two equal registrations");
    scan.report.judge(Rule::B34, !same("client_secret"), "client_secret of two equal registrations");
}

/// Tries to register redirect URIs to which a code must never be sent.
async fn harmful(scan: &mut Scan<'_>, endpoint: &Url, registered: &mut Registered, good: &Value) {
    let uris = [
        "javascript:alert(1)".to_owned(),
        "data:text/html,a".to_owned(),
        NOWHERE.replace("https", "http") + "/callback",
        format!("{NOWHERE}/callback#fragment"),
        "https://*.lychgate-check.invalid/callback".to_owned(),
    ];
    for uri in uris {
        let mut metadata = good.clone();
        metadata["redirect_uris"] = json!([uri]);
        let Some((answer, client)) = register(scan, endpoint, Rule::R32, &metadata).await else { return };
        let error = answer.text("error").unwrap_or_default();
        let right = ["invalid_redirect_uri", "invalid_client_metadata"].contains(&error.as_str());
        scan.report.judge(
            Rule::R32,
            client.is_none() && answer.status == 400 && right,
            format_args!("{uri}: {answer} {error}"),
        );
        registered.surplus.extend(client);
    }
}
