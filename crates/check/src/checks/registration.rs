//! Registration (RFC 7591) and deletion (RFC 7592) of clients: the only checks that change something at the server.
//!
//! They announce each change and report what is left of it. The clients are useless to an attacker: their redirect URIs lead
//! to this machine's loopback, to a host that cannot exist, and to Cursor and VS Code, which know nothing of the flow.

use anyhow::Result;
use serde_json::{Value, json};
use url::Url;

use super::consent_page::BIDIRECTIONAL;
use super::metadata::issues_token;
use crate::client::Client;
use crate::fetch::Answer;
use crate::report::or_absent;
use crate::rules::Rule;
use crate::scan::{NOWHERE, Scan, nonce};
use crate::server::{Server, has_null_or_fraction};

pub(super) const RULES: &[Rule] =
    &[Rule::B34, Rule::R31, Rule::R32, Rule::R33, Rule::R34, Rule::R35, Rule::R37, Rule::L4, Rule::L6, Rule::L7];

const LOOPBACK: &str = "http://127.0.0.1/callback";

/// The metadata that a response must repeat (RFC 7591 §3.2.1).
const REPEATED: [&str; 4] = ["redirect_uris", "grant_types", "response_types", "token_endpoint_auth_method"];

/// The clients that this scan registered. All of them must reach [`clean_up`].
#[derive(Default)]
pub(super) struct Registered {
    /// A client on loopback and one on the web, as far as the server allows them.
    pub(super) usable: Vec<Client>,
    /// A client whose name has characters that turn the direction of text.
    pub(super) bidirectional: Option<Client>,
    /// Duplicates, other clients' registrations, and clients that the server should have refused.
    surplus: Vec<Client>,
}

pub(super) async fn check(scan: &mut Scan<'_>, server: &Server) -> Result<Registered> {
    let Some(endpoint) = server.endpoint("registration_endpoint") else {
        scan.report.unknown(RULES, "there is no registration endpoint");
        return Ok(Registered::default());
    };
    scan.announce(format_args!(
        "registers up to 6 clients at {endpoint}, tries 6 that it must refuse, and deletes what it can"
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
    implicit(scan, &endpoint, &mut registered, &native).await;
    for (rule, metadata) in real_clients(&name) {
        real_client(scan, &endpoint, &mut registered, rule, &metadata).await;
    }
    bidirectional(scan, &endpoint, &mut registered, &native).await;
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
    for client in registered.usable.iter().chain(&registered.bidirectional).chain(&registered.surplus) {
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
    consistent(scan, answer, &body, asked);
    let report = &mut scan.report;
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

/// RFC 7591 §2.1: the response types are those that the client asked for, and each has its grant type.
fn consistent(scan: &mut Scan<'_>, answer: &Answer, body: &Value, asked: &Value) {
    let list = |document: &Value, member: &str| -> Vec<String> {
        let values = document[member].as_array().into_iter().flatten();
        values.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let (types, grants) = (list(body, "response_types"), list(body, "grant_types"));
    let wanted = list(asked, "response_types");
    let asked_for = types.iter().all(|kind| wanted.contains(kind));
    // Without grant_types the default is authorization_code.
    let has_code_grant = body.get("grant_types").is_none() || grants.iter().any(|grant| grant == "authorization_code");
    let has_grant = has_code_grant || !types.iter().any(|kind| kind == "code");
    let evidence = format!("{answer}, response_types {types:?}, grant_types {grants:?}");
    scan.report.judge(Rule::R33, asked_for && has_grant, evidence);
}

/// Tries to register for the implicit flow, which OAuth 2.1 has no more. The server may refuse it, or register something else
/// and say so (RFC 7591 §3.2.1).
async fn implicit(scan: &mut Scan<'_>, endpoint: &Url, registered: &mut Registered, good: &Value) {
    let mut metadata = good.clone();
    metadata["response_types"] = json!(["token"]);
    metadata["grant_types"] = json!(["implicit"]);
    let Some((answer, client)) = register(scan, endpoint, Rule::R33, &metadata).await else { return };
    let body = answer.json().unwrap_or_default();
    let names = |member: &str, is: &dyn Fn(&str) -> bool| {
        body[member].as_array().into_iter().flatten().filter_map(Value::as_str).any(is)
    };
    let is_implicit = names("response_types", &issues_token) || names("grant_types", &|grant| grant == "implicit");
    let evidence = format!("response_types [\"token\"]: {answer}");
    scan.report.judge(Rule::R33, client.is_none() || !is_implicit, evidence);
    registered.surplus.extend(client);
}

/// The registrations of clients that give up if one redirect URI is refused, as they send them, under a name of ours.
fn real_clients(name: &str) -> [(Rule, Value); 2] {
    let cursor = json!({
        "client_name": format!("{name}, as Cursor registers"),
        "redirect_uris": ["cursor://anysphere.cursor-mcp/oauth/callback",
            "https://www.cursor.com/agents/mcp/oauth/callback", "http://localhost:8787/callback"],
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "token_endpoint_auth_method": "none", "application_type": "web",
    });
    let vs_code = json!({
        "client_name": format!("{name}, as VS Code registers"),
        "redirect_uris": ["https://insiders.vscode.dev/redirect", "https://vscode.dev/redirect", "http://127.0.0.1/",
            "http://127.0.0.1:33418/"],
        "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
        "response_types": ["code"], "token_endpoint_auth_method": "none", "application_type": "native",
    });
    [(Rule::L6, cursor), (Rule::L7, vs_code)]
}

async fn real_client(scan: &mut Scan<'_>, endpoint: &Url, registered: &mut Registered, rule: Rule, metadata: &Value) {
    let Some((answer, client)) = register(scan, endpoint, rule, metadata).await else { return };
    let body = answer.json().unwrap_or_default();
    let kept = body["redirect_uris"].as_array().cloned().unwrap_or_default();
    let lost: Vec<_> =
        metadata["redirect_uris"].as_array().into_iter().flatten().filter(|uri| !kept.contains(uri)).collect();
    let error = answer.text("error").unwrap_or_default();
    match (&client, lost.first()) {
        (None, _) => scan.report.violated(rule, format_args!("{answer} {error}: the client cannot connect")),
        (Some(_), Some(uri)) => scan.report.violated(rule, format_args!("{answer}, registered without {uri}")),
        (Some(_), None) => scan.report.holds(rule, answer),
    }
    registered.surplus.extend(client);
}

/// Registers a client whose name turns the direction of the text after it. The server may refuse it; otherwise the consent page
/// is judged later.
async fn bidirectional(scan: &mut Scan<'_>, endpoint: &Url, registered: &mut Registered, good: &Value) {
    let mut metadata = good.clone();
    let plain = good["client_name"].as_str().unwrap_or_default().trim_end_matches(" <3");
    metadata["client_name"] = json!(format!("{plain} {}elgooG", BIDIRECTIONAL.iter().collect::<String>()));
    let Some((answer, client)) = register(scan, endpoint, Rule::L4, &metadata).await else { return };
    if client.is_none() {
        scan.report.holds(Rule::L4, format_args!("{answer}, such a name cannot be registered"));
    }
    registered.bidirectional = client;
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
