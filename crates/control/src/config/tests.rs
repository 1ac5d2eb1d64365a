//! Each refused configuration yields one line with the key and a remedy.

use std::collections::BTreeSet;

use lychgate_process::config::example::{differing_keys, in_full};
use lychgate_process::config::parse;
use serde_json::Value as Json;
use toml::Value as Toml;

use super::*;

const EXAMPLE: &str = include_str!("../../control.example.toml");

fn example() -> Config {
    parse(EXAMPLE).unwrap()
}

fn check(config: &Config) -> Result<(), ConfigError> {
    config.check_listen()?;
    config.keys.rotation()?;
    config.events.retention()?;
    config.outbound()?;
    config.limits.allowances()?;
    config.principals()?;
    config.issuers()?;
    Ok(())
}

#[test]
fn the_example_is_valid_as_it_is_and_with_every_setting_enabled() {
    check(&example()).unwrap();
    // Settings for tests are documented like the rest, and refused beside the example's issuers.
    let full: Config = parse(&in_full(EXAMPLE)).unwrap();
    assert!(full.outbound().is_err());
    check(&Config { outbound: OutboundConfig::default(), ..full }).unwrap();
}

#[test]
fn the_example_documents_every_key() {
    let config: Config = parse(&in_full(EXAMPLE)).unwrap();
    assert_eq!(differing_keys::<Config>(&in_full(EXAMPLE)).unwrap(), BTreeSet::new());
    // A new kind of upstream does not compile before it is listed here, and shown in the example.
    let kind = |issuer: &IssuerConfig| match issuer.upstream {
        UpstreamConfig::Oidc(_) => 0,
        UpstreamConfig::Oauth2(_) => 1,
        UpstreamConfig::Github(_) => 2,
    };
    assert_eq!(config.issuers.iter().map(kind).collect::<BTreeSet<_>>(), BTreeSet::from([0, 1, 2]));
}

/// A commented-out setting that has a default shows that default.
#[test]
fn the_example_shows_the_defaults() {
    fn agree(at: &str, by_default: &Json, shown: &Json) {
        match (by_default, shown) {
            (Json::Null, _) => {}
            (Json::Object(members), Json::Object(_)) => {
                members.iter().for_each(|(name, member)| agree(&format!("{at}.{name}"), member, &shown[name]));
            }
            (Json::Array(elements), Json::Array(more)) if elements.first().is_some_and(Json::is_object) => {
                elements.iter().zip(more).for_each(|(element, shown)| agree(&format!("{at}[]"), element, shown));
            }
            (Json::Array(elements), Json::Array(_)) if elements.is_empty() => {}
            _ => assert_eq!(by_default, shown, "{at}"),
        }
    }
    let full: Config = parse(&in_full(EXAMPLE)).unwrap();
    agree("", &serde_json::to_value(example()).unwrap(), &serde_json::to_value(full).unwrap());
}

/// The path of every table in `value`.
fn tables(value: &Toml) -> Vec<Vec<Step>> {
    fn walk(at: &[Step], value: &Toml, tables: &mut Vec<Vec<Step>>) {
        match value {
            Toml::Table(table) => {
                tables.push(at.to_vec());
                for (name, value) in table {
                    walk(&[at, &[Step::Key(name.clone())]].concat(), value, tables);
                }
            }
            Toml::Array(array) => {
                for (n, value) in array.iter().enumerate() {
                    walk(&[at, &[Step::Index(n)]].concat(), value, tables);
                }
            }
            _ => {}
        }
    }
    let mut tables = Vec::new();
    walk(&[], value, &mut tables);
    tables
}

#[derive(Clone, Debug)]
enum Step {
    Key(String),
    Index(usize),
}

fn table_at<'a>(value: &'a mut Toml, path: &[Step]) -> &'a mut toml::Table {
    let found = path.iter().fold(value, |value, step| match step {
        Step::Key(name) => &mut value[name.as_str()],
        Step::Index(n) => &mut value[*n],
    });
    found.as_table_mut().unwrap()
}

fn refusal(value: &Toml) -> Option<String> {
    let refused = parse::<Config>(&toml::to_string(value).unwrap()).err()?.to_string();
    let (problem, remedy) = refused.split_once("; ").expect("a remedy");
    assert!(!problem.is_empty() && !remedy.is_empty() && !refused.contains('\n'), "{refused}");
    Some(refused)
}

#[test]
fn an_unknown_key_is_refused_in_every_table() {
    let example: Toml = toml::from_str(&in_full(EXAMPLE)).unwrap();
    let tables = tables(&example);
    assert!(tables.len() > 20);
    for path in tables {
        let mut changed = example.clone();
        table_at(&mut changed, &path).insert("surprise".to_owned(), Toml::Integer(1));
        let refused = refusal(&changed).unwrap_or_else(|| panic!("{path:?} accepts unknown keys"));
        // The location of a secret has its own error.
        assert!(refused.contains("surprise") || refused.contains("has more than one key"), "{refused}");
    }
}

#[test]
fn a_missing_key_is_named() {
    let example: Toml = toml::from_str(EXAMPLE).unwrap();
    let mut required = BTreeSet::new();
    for path in tables(&example) {
        let mut whole = example.clone();
        let names: Vec<_> = table_at(&mut whole, &path).keys().cloned().collect();
        for name in names {
            let mut changed = example.clone();
            table_at(&mut changed, &path).remove(&name);
            if let Some(refused) = refusal(&changed) {
                assert!(
                    refused.contains(&name) || refused.contains("does not say where the secret is"),
                    "{name}: {refused}"
                );
                assert!(refused.contains("missing") || refused.contains("does not say where"), "{refused}");
                required.insert(name);
            }
        }
    }
    let known = ["listen", "master_key", "store", "engine", "principals", "issuers", "role", "url", "upstream"];
    assert!(known.iter().all(|name| required.contains(*name)), "{required:?}");
    assert!(!required.contains("keys") && !required.contains("lifetimes") && !required.contains("telemetry"));
}

#[test]
fn a_secret_in_the_file_is_refused_and_not_repeated() {
    for (secret, named) in [("master_key", ": master_key: "), ("client_secret", ": issuers[0].upstream: ")] {
        let text: Vec<_> = EXAMPLE
            .lines()
            .map(|line| if line.starts_with(secret) { format!("{secret} = \"hunter2\"") } else { line.to_owned() })
            .collect();
        let refused = parse::<Config>(&text.join("\n")).unwrap_err().to_string();
        assert!(refused.contains(named) && refused.contains("; write { file = \"PATH\" }"), "{refused}");
        assert!(!refused.contains("hunter2"), "{refused}");
    }
}

type Change = fn(&mut Config);

/// Changes one thing in the example and asserts how the refusal begins.
fn refused(cases: &[(Change, &str)]) {
    for (change, expected) in cases {
        let mut config = example();
        check(&config).unwrap();
        change(&mut config);
        let line = check(&config).expect_err(expected).to_string();
        let (problem, remedy) = line.split_once("; ").expect("a remedy");
        assert_eq!(problem, *expected);
        assert!(!remedy.is_empty() && !line.contains('\n'), "{line}");
    }
}

#[test]
fn bearer_tokens_over_plaintext_are_refused() {
    refused(&[
        (|c| c.listen = "0.0.0.0:1".parse().unwrap(), "tls: is missing although 0.0.0.0:1 is not a loopback address"),
        (|c| c.listen = "[::]:1".parse().unwrap(), "tls: is missing although [::]:1 is not a loopback address"),
    ]);
    for loopback in ["127.0.0.1:1", "127.8.0.1:1", "[::1]:1"] {
        check(&Config { listen: loopback.parse().unwrap(), ..example() }).unwrap();
    }
}

#[test]
fn a_policy_without_a_clear_version_or_public_url_is_refused() {
    fn policy(config: &mut Config, version: &str, uri: &str) {
        config.issuers[0].policy = Some(PolicyConfig { version: version.to_owned(), uri: Some(uri.to_owned()) });
    }
    let mut good = example();
    policy(&mut good, "2026-11", "https://example.com/privacy");
    check(&good).unwrap();
    refused(&[
        (|c| policy(c, "", "https://example.com/privacy"), "issuers[0].policy.version: is \"\""),
        (|c| policy(c, " 2", "https://example.com/privacy"), "issuers[0].policy.version: is \" 2\""),
        (|c| policy(c, "1", "http://example.com/privacy"), "issuers[0].policy.uri: is \"http://example.com/privacy\""),
        (|c| policy(c, "1", "javascript:x"), "issuers[0].policy.uri: is \"javascript:x\""),
        (|c| policy(c, "1", "https://me@example.com"), "issuers[0].policy.uri: is \"https://me@example.com\""),
    ]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn ambiguous_or_badly_scoped_principals_are_refused() {
    fn second(config: &mut Config) -> &mut PrincipalConfig {
        let twin = config.principals[0].clone();
        let twin = PrincipalConfig { name: "second".to_owned(), token_sha256: vec!["00".repeat(32)], ..twin };
        config.principals.push(twin);
        config.principals.last_mut().unwrap()
    }
    let mut good = example();
    second(&mut good).issuers = Some(vec!["main".to_owned()]);
    check(&good).unwrap();
    for role in [Role::Checker, Role::Reader] {
        let mut good = example();
        let uri = good.issuers[0].resources[0].uri.clone();
        let of_one = second(&mut good);
        (of_one.role, of_one.resources) = (role, Some(vec![uri]));
        check(&good).unwrap();
    }
    refused(&[
        (|c| c.principals[0].name.clear(), "principals[0].name: is empty or taken"),
        (|c| second(c).name = "edge".to_owned(), "principals[1].name: is empty or taken"),
        (
            |c| c.principals[0].name = "a:b".to_owned(),
            "principals[0].name: is \"a:b\", which cannot be sent in HTTP Basic",
        ),
        (
            |c| second(c).name = "https://mcp.example".to_owned(),
            "principals[1].name: is \"https://mcp.example\", which cannot be sent in HTTP Basic",
        ),
        (|c| second(c).name = ":".to_owned(), "principals[1].name: is \":\", which cannot be sent in HTTP Basic"),
        (
            |c| second(c).name = "a\nb".to_owned(),
            "principals[1].name: is \"a\\nb\", which cannot be sent in HTTP Basic",
        ),
        (|c| c.principals[0].token_sha256.clear(), "principals[0]: has neither token_sha256 nor certificate_sans"),
        (
            |c| c.principals[0].token_sha256.push("the-token-itself".to_owned()),
            "principals[0].token_sha256: is not a list of SHA-256 digests",
        ),
        (
            |c| c.principals[0].token_sha256 = vec!["+1".repeat(32)],
            "principals[0].token_sha256: is not a list of SHA-256 digests",
        ),
        (
            |c| second(c).token_sha256 = c.principals[0].token_sha256.clone(),
            "principals[1].token_sha256: belongs to another principal, too",
        ),
        (
            |c| c.principals[0].issuers = Some(vec!["main".to_owned(), "other".to_owned()]),
            "principals[0].issuers: names \"other\", which is not configured",
        ),
        (
            |c| c.principals[0].resources = Some(vec!["https://mcp.example.com/mcp".to_owned()]),
            "principals[0].resources: is missing, empty, or given to a role that has all resources",
        ),
        (
            |c| second(c).role = Role::Resource,
            "principals[1].resources: is missing, empty, or given to a role that has all resources",
        ),
        (
            |c| {
                let checker = second(c);
                (checker.role, checker.resources) = (Role::Checker, Some(Vec::new()));
            },
            "principals[1].resources: is missing, empty, or given to a role that has all resources",
        ),
        (
            |c| {
                let reader = second(c);
                (reader.role, reader.resources) = (Role::Reader, Some(vec!["https://nowhere.example".to_owned()]));
            },
            "principals[1].resources: names \"https://nowhere.example\", which is not configured",
        ),
        (|c| c.principals[0].role = Role::Operator, "principals: has none with role \"edge\""),
        (|c| c.principals.clear(), "principals: has none with role \"edge\""),
    ]);
}

#[test]
fn ambiguous_or_untrusted_certificate_names_are_refused() {
    fn believing(config: &mut Config) -> &mut PrincipalConfig {
        let [cert_file, key_file, client_ca_file] = ["cert.pem", "key.pem", "ca.pem"].map(Into::into);
        let client_certificates = ClientCertificates::default();
        config.tls = Some(TlsConfig { cert_file, key_file, client_ca_file: Some(client_ca_file), client_certificates });
        config.principals[0].certificate_sans = vec!["edge-1.internal".to_owned(), "spiffe://e/edge".to_owned()];
        config.principals[0].token_sha256.clear();
        &mut config.principals[0]
    }
    fn second(config: &mut Config, name: &str) {
        let twin = believing(config).clone();
        let certificate_sans = vec!["edge-2.internal".to_owned(), name.to_owned()];
        config.principals.push(PrincipalConfig { name: "second".to_owned(), certificate_sans, ..twin });
    }
    let mut good = example();
    second(&mut good, "spiffe://e/Edge");
    good.tls.as_mut().unwrap().client_certificates = ClientCertificates::Required;
    check(&good).unwrap();
    refused(&[
        (
            |c| second(c, "spiffe://e/edge"),
            "principals[1].certificate_sans: has \"spiffe://e/edge\", which belongs to another principal, too",
        ),
        (
            |c| second(c, "EDGE-1.internal"),
            "principals[1].certificate_sans: has \"EDGE-1.internal\", which belongs to another principal, too",
        ),
        (
            |c| believing(c).certificate_sans.push("*.internal".to_owned()),
            "principals[0].certificate_sans: has \"*.internal\", which is neither a DNS name nor a URI",
        ),
        (|c| believing(c).certificate_sans.clear(), "principals[0]: has neither token_sha256 nor certificate_sans"),
        (
            |c| {
                believing(c);
                c.tls.as_mut().unwrap().client_ca_file = None;
            },
            "principals[0].certificate_sans: is given without a client authority",
        ),
        (
            |c| {
                believing(c);
                c.tls = None;
            },
            "principals[0].certificate_sans: is given without a client authority",
        ),
        (
            |c| {
                believing(c);
                let tls = c.tls.as_mut().unwrap();
                (tls.client_ca_file, tls.client_certificates) = (None, ClientCertificates::Required);
            },
            "tls.client_certificates: is \"required\" without a client authority",
        ),
    ]);
}

/// Requirements: A14.
#[test]
fn unsafe_or_duplicate_issuers_are_refused() {
    fn twin(config: &mut Config) -> &mut IssuerConfig {
        config.issuers.push(config.issuers[0].clone());
        config.issuers.last_mut().unwrap()
    }
    refused(&[
        (|c| c.issuers.clear(), "issuers: is empty"),
        (|c| c.issuers[0].id = "Main".to_owned(), "issuers[0].id: is not an id"),
        (|c| twin(c).url.push_str("/t"), "issuers[1].id: belongs to another issuer, too"),
        (|c| twin(c).id = "second".to_owned(), "issuers[1].url: belongs to another issuer, too"),
        (|c| c.issuers[0].name = "\u{200B}".to_owned(), "issuers[0].name: is empty"),
    ]);
    for url in [
        "http://gate.example.com",
        "https://gate.example.com/",
        "https://gate.example.com/t/",
        "https://gate.example.com?x",
        "https://gate.example.com#x",
        "https://me@gate.example.com",
        "HTTPS://gate.example.com",
        "https://Gate.example.com",
        "https://gate.example.com:443",
        "https://gate.example.com/a/../b",
        "gate.example.com",
        "ftp://gate.example.com",
    ] {
        let mut config = example();
        config.issuers[0].url = url.to_owned();
        let line = check(&config).expect_err(url).to_string();
        assert!(line.starts_with(&format!("issuers[0].url: is {url:?}; ")), "{line}");
    }
}

/// Requirements: E4.
#[test]
fn unclear_resources_and_scopes_are_refused() {
    fn scope(config: &mut Config) -> &mut ScopeConfig {
        &mut config.issuers[0].resources[0].scopes[0]
    }
    refused(&[
        (|c| c.issuers[0].resources.clear(), "issuers[0].resources: is empty"),
        (
            |c| {
                let twin = c.issuers[0].resources[0].clone();
                c.issuers[0].resources.push(twin);
            },
            "issuers[0].resources[1].uri: is listed twice",
        ),
        (|c| c.issuers[0].resources[0].uri = "mcp".to_owned(), "issuers[0].resources[0].uri: is \"mcp\""),
        (
            |c| c.issuers[0].resources[0].uri.push_str("#fragment"),
            "issuers[0].resources[0].uri: is \"https://mcp.example.com/mcp#fragment\"",
        ),
        (|c| c.issuers[0].resources[0].name.clear(), "issuers[0].resources[0].name: is empty"),
        (|c| scope(c).name = "two words".to_owned(), "issuers[0].resources[0].scopes[0].name: is \"two words\""),
        (
            |c| scope(c).name = "offline_access".to_owned(),
            "issuers[0].resources[0].scopes[0].name: is \"offline_access\"",
        ),
        (|c| scope(c).name = "notes:*".to_owned(), "issuers[0].resources[0].scopes[0].name: is a wildcard"),
        (|c| scope(c).description = " ".to_owned(), "issuers[0].resources[0].scopes[0].description: is empty"),
        (|c| scope(c).tools = Some(0), "issuers[0].resources[0].scopes[0].tools: is 0"),
        (|c| scope(c).tools = Some(10_001), "issuers[0].resources[0].scopes[0].tools: is 10001"),
        (|c| scope(c).tools = Some(65_537), "issuers[0].resources[0].scopes[0].tools: is 65537"),
        (|c| scope(c).default = false, "issuers[0].resources[0].scopes: has none with default = true"),
        (
            |c| {
                let twin = scope(c).clone();
                c.issuers[0].resources[0].scopes.push(twin);
            },
            "issuers[0].resources[0].scopes[1].name: is listed twice",
        ),
    ]);
}

/// All advertised scopes must fit into one registration, one URL, one ticket and one token; a configuration within the limits is
/// followed from registration to token by `every_advertised_scope_can_be_asked_for_at_once`.
///
/// Requirements: E1, E4.
#[test]
fn scopes_that_cannot_be_asked_for_at_once_are_refused() {
    fn scopes(config: &mut Config, count: usize, width: usize) {
        let first = config.issuers[0].resources[0].scopes[0].clone();
        let named = |n| ScopeConfig { name: format!("{n:0width$}"), ..first.clone() };
        config.issuers[0].resources[0].scopes = (0..count).map(named).collect();
    }
    fn resources(config: &mut Config, count: usize, width: usize) {
        scopes(config, 15, width);
        let first = config.issuers[0].resources[0].clone();
        let named = |n: usize| {
            let mut resource = ResourceConfig { uri: format!("https://mcp-{n}.example/mcp"), ..first.clone() };
            resource.scopes.iter_mut().for_each(|scope| scope.name = format!("{n}{}", &scope.name[1..]));
            resource
        };
        config.issuers[0].resources = (0..count).map(named).collect();
    }
    for (count, width) in [(1, 128), (15, 128), (70, 28), (200, 9)] {
        let mut good = example();
        scopes(&mut good, count, width);
        check(&good).unwrap_or_else(|refused| panic!("{count} of {width}: {refused}"));
    }
    let mut good = example();
    resources(&mut good, 2, 128);
    check(&good).unwrap();
    let mut good = example();
    resources(&mut good, 1, 128);
    good.issuers[0].resources = (0..9)
        .map(|n| ResourceConfig { uri: format!("https://mcp-{n}.example"), ..good.issuers[0].resources[0].clone() })
        .collect();
    check(&good).expect("the same scopes at each resource are advertised once");
    refused(&[
        (|c| scopes(c, 16, 128), "issuers[0].resources[0].scopes: has 16 names, which take 2063 characters in a query"),
        (|c| scopes(c, 62, 128), "issuers[0].resources[0].scopes: has 62 names, which take 7997 characters in a query"),
        (|c| scopes(c, 201, 4), "issuers[0].resources[0].scopes: has 201 names, which take 1004 characters in a query"),
        (
            |c| {
                scopes(c, 6, 1);
                let names = c.issuers[0].resources[0].scopes.iter_mut();
                names.for_each(|scope| scope.name = format!("{}{}", "[".repeat(127), scope.name));
            },
            "issuers[0].resources[0].scopes: has 6 names, which take 2297 characters in a query",
        ),
        (|c| resources(c, 3, 128), "issuers[0].resources: has scopes whose names take 5804 characters in a query"),
        (
            |c| c.issuers[0].resources[0].uri.push_str(&"x".repeat(500)),
            "issuers[0].resources[0].uri: has 527 characters",
        ),
    ]);
}

/// Requirements: C1.
#[test]
fn resources_that_would_share_a_metadata_document_are_refused() {
    fn second<'a>(config: &'a mut Config, uri: &str) -> &'a mut ResourceConfig {
        let first = config.issuers[0].resources[0].clone();
        config.issuers[0].resources.push(ResourceConfig { uri: uri.to_owned(), ..first });
        config.issuers[0].resources.last_mut().unwrap()
    }
    for other in
        ["https://mcp.example.com/other", "https://mcp.example.com:8443/mcp", "https://other.example.com/mcp?a=1"]
    {
        let mut good = example();
        second(&mut good, other);
        check(&good).unwrap_or_else(|refused| panic!("{other}: {refused}"));
    }
    for other in [
        "https://mcp.example.com/mcp?tenant=a",
        "https://mcp.example.com/mcp?",
        "https://mcp.example.com/mcp/",
        "https://mcp.example.com/mcp/?tenant=a",
        "https://MCP.example.com/mcp",
        "https://mcp.example.com:443/mcp",
        "https://mcp.example.com/a/../mcp",
        "http://mcp.example.com/mcp",
    ] {
        let mut config = example();
        second(&mut config, other);
        let line = check(&config).expect_err(other).to_string();
        let expected = format!(
            "issuers[0].resources[1].uri: is {other:?}, and its metadata document would be that of \"https://mcp.example.com/mcp\"; "
        );
        assert!(line.starts_with(&expected), "{line}");
    }
    let mut across = example();
    let mut twin = across.issuers[0].clone();
    (twin.id, twin.url) = ("second".to_owned(), format!("{}/t", twin.url));
    across.issuers.push(twin);
    check(&across).expect("one resource of two issuers is one resource");
    across.issuers[1].resources[0].uri.push_str("?tenant=a");
    let line = check(&across).unwrap_err().to_string();
    assert!(line.starts_with("issuers[1].resources[0].uri: is \"https://mcp.example.com/mcp?tenant=a\""), "{line}");
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn ambiguous_clients_and_unsafe_redirect_uris_are_refused() {
    fn client(config: &mut Config) -> &mut ClientConfig {
        let redirect_uris = vec!["https://app.example.com/callback".to_owned()];
        config.issuers[0].clients.push(ClientConfig {
            id: "app".to_owned(),
            name: "App".to_owned(),
            redirect_uris,
            secret_sha256: None,
            jwks_uri: None,
        });
        config.issuers[0].clients.last_mut().unwrap()
    }
    let mut good = example();
    client(&mut good).redirect_uris.push("cursor://anysphere.cursor-mcp/oauth/callback".to_owned());
    check(&good).unwrap();
    refused(&[
        (|c| client(c).id.clear(), "issuers[0].clients[0].id: is \"\""),
        (|c| client(c).id = "client-x".to_owned(), "issuers[0].clients[0].id: is \"client-x\""),
        (|c| client(c).id = "https://x.example".to_owned(), "issuers[0].clients[0].id: is \"https://x.example\""),
        (|c| client(c).name.clear(), "issuers[0].clients[0].name: is empty"),
        (
            |c| {
                client(c);
                client(c);
            },
            "issuers[0].clients[1].id: belongs to another client, too",
        ),
        (|c| client(c).redirect_uris.clear(), "issuers[0].clients[0].redirect_uris: is empty"),
        (
            |c| client(c).redirect_uris = vec!["http://app.example.com/callback".to_owned()],
            "issuers[0].clients[0].redirect_uris[0]: is \"http://app.example.com/callback\"",
        ),
        (
            |c| client(c).redirect_uris.push("other://unlisted".to_owned()),
            "issuers[0].clients[0].redirect_uris[1]: is \"other://unlisted\"",
        ),
        (
            |c| client(c).redirect_uris.push("https://APP.example.com/callback".to_owned()),
            "issuers[0].clients[0].redirect_uris[1]: is \"https://APP.example.com/callback\"",
        ),
        (
            |c| client(c).redirect_uris.push("https://gate.example.com/callback/main".to_owned()),
            "issuers[0].clients[0].redirect_uris[1]: is \"https://gate.example.com/callback/main\", which leads to an issuer of this deployment",
        ),
        (
            |c| {
                client(c).redirect_uris.push("https://second.example.com/authorize".to_owned());
                let mut second = c.issuers[0].clone();
                (second.id, second.url) = ("second".to_owned(), "https://second.example.com/t".to_owned());
                second.clients.clear();
                c.issuers.push(second);
            },
            "issuers[0].clients[0].redirect_uris[1]: is \"https://second.example.com/authorize\", which leads to an issuer of this deployment",
        ),
        (
            |c| client(c).jwks_uri = Some("https://APP.example.com/jwks.json".to_owned()),
            "issuers[0].clients[0].jwks_uri: is \"https://APP.example.com/jwks.json\"",
        ),
        (
            |c| c.issuers[0].private_scheme_redirect_uris = vec!["javascript:alert(1)".to_owned()],
            "issuers[0].private_scheme_redirect_uris[0]: is \"javascript:alert(1)\", which is not an acceptable URI with a private-use scheme",
        ),
        (
            |c| c.issuers[0].private_scheme_redirect_uris = vec!["https://app.example.com/cb".to_owned()],
            "issuers[0].private_scheme_redirect_uris[0]: is \"https://app.example.com/cb\", which is not an acceptable URI with a private-use scheme",
        ),
    ]);
}

#[test]
fn the_age_of_claims_is_bounded() {
    fn entry(config: &mut Config, rules: &str) {
        config.issuers[0].entry = Some(parse(rules).unwrap());
    }
    for seconds in [60, 31_536_000] {
        let mut config = example();
        entry(&mut config, &format!("subjects = [\"idp|123\"]\nrecheck_after_seconds = {seconds}"));
        check(&config).unwrap();
    }
    refused(&[
        (|c| entry(c, "recheck_after_seconds = 60"), "issuers[0].entry: has no rule"),
        (
            |c| entry(c, "subjects = [\"idp|1\"]\nrecheck_after_seconds = 59"),
            "issuers[0].entry.recheck_after_seconds: is 59",
        ),
        (
            |c| entry(c, "subjects = [\"idp|1\"]\nrecheck_after_seconds = 31536001"),
            "issuers[0].entry.recheck_after_seconds: is 31536001",
        ),
    ]);
}

/// Requirements: B31.
#[test]
fn entry_rules_that_admit_no_person_or_that_people_write_themselves_are_refused() {
    fn entry(config: &mut Config, rules: &str) {
        config.issuers[0].entry = Some(parse(rules).unwrap());
    }
    for good in [
        "email_domains = [\"example.com\", \"EXAMPLE.org\", \"xn--bcher-kva.example\"]",
        "subjects = [\"idp|123\", \"idp|a|b c\"]",
        "claims = { hd = [\"example.com\"], \"https://example.com/groups\" = [\"staff\"] }",
    ] {
        let mut config = example();
        entry(&mut config, good);
        config.issuers[0].resources[0].entry = config.issuers[0].entry.clone();
        check(&config).unwrap();
    }
    refused(&[
        (|c| entry(c, ""), "issuers[0].entry: has no rule"),
        (|c| entry(c, "email_domains = []"), "issuers[0].entry.email_domains: is empty, which would admit no person"),
        (|c| entry(c, "subjects = []"), "issuers[0].entry.subjects: is empty, which would admit no person"),
        (|c| entry(c, "claims = {}"), "issuers[0].entry.claims: is empty, which would admit no person"),
        (|c| entry(c, "claims = { hd = [] }"), "issuers[0].entry.claims.hd: is empty, which would admit no person"),
        (|c| entry(c, "claims = { hd = [\"a\", \"\"] }"), "issuers[0].entry.claims.hd[1]: is empty"),
        (
            |c| entry(c, "claims = { email = [\"a@example.com\"] }"),
            "issuers[0].entry.claims.email: is a name or an address, which people can change, or no claim at all",
        ),
        (
            |c| entry(c, "claims = { preferred_username = [\"alice\"] }"),
            "issuers[0].entry.claims.preferred_username: is a name or an address, which people can change, or no claim at all",
        ),
        (|c| entry(c, "email_domains = [\"a.example\", \"\"]"), "issuers[0].entry.email_domains[1]: is \"\""),
        (|c| entry(c, "email_domains = [\"@a.example\"]"), "issuers[0].entry.email_domains[0]: is \"@a.example\""),
        (|c| entry(c, "email_domains = [\"*.a.example\"]"), "issuers[0].entry.email_domains[0]: is \"*.a.example\""),
        (|c| entry(c, "email_domains = [\"a.example.\"]"), "issuers[0].entry.email_domains[0]: is \"a.example.\""),
        (
            |c| entry(c, "email_domains = [\"bücher.example\"]"),
            "issuers[0].entry.email_domains[0]: is \"bücher.example\"",
        ),
        (
            |c| entry(c, "subjects = [\"123\"]"),
            "issuers[0].entry.subjects[0]: is \"123\", which is no person of this upstream",
        ),
        (
            |c| entry(c, "subjects = [\"idp|1\", \"other|1\"]"),
            "issuers[0].entry.subjects[1]: is \"other|1\", which is no person of this upstream",
        ),
        (
            |c| entry(c, "subjects = [\"idp|\"]"),
            "issuers[0].entry.subjects[0]: is \"idp|\", which is no person of this upstream",
        ),
        (
            |c| c.issuers[0].resources[0].entry = Some(EntryConfig::default()),
            "issuers[0].resources[0].entry: has no rule",
        ),
    ]);
    let full: Config = parse(&in_full(EXAMPLE)).unwrap();
    let third = full.issuers.iter().position(|issuer| matches!(issuer.upstream, UpstreamConfig::Github(_))).unwrap();
    let mut config = Config { outbound: OutboundConfig::default(), ..full };
    config.issuers[third].entry = Some(parse("email_domains = [\"example.com\"]").unwrap());
    let line = check(&config).expect_err("GitHub verifies nothing here").to_string();
    assert!(line.starts_with(&format!("issuers[{third}].entry.email_domains: would admit no person")), "{line}");
}

#[test]
fn a_contradictory_prompt_is_refused() {
    fn prompt(config: &mut Config) -> &mut PromptConfig {
        &mut config.issuers[0].prompt
    }
    refused(&[
        (
            |c| prompt(c).silent_clients = vec!["app".to_owned()],
            "issuers[0].prompt.silent_clients: is for mode = \"silent\"",
        ),
        (|c| prompt(c).mode = PromptMode::Silent, "issuers[0].prompt.silent_clients: is empty"),
        (
            |c| {
                let silent_clients = vec!["a b".to_owned()];
                *prompt(c) = PromptConfig { mode: PromptMode::Silent, silent_clients, confirm_subject: false };
            },
            "issuers[0].prompt.silent_clients: has \"a b\"",
        ),
        (|c| c.issuers[0].lifetimes.session_seconds = 0, "issuers[0].lifetimes.session_seconds: is 0"),
    ]);
}

#[test]
fn contradictory_or_excessive_lifetimes_are_refused() {
    fn lifetimes(config: &mut Config) -> &mut LifetimesConfig {
        &mut config.issuers[0].lifetimes
    }
    refused(&[
        (|c| lifetimes(c).ticket_seconds = 3601, "issuers[0].lifetimes.ticket_seconds: is 3601"),
        (|c| lifetimes(c).login_seconds = 0, "issuers[0].lifetimes.login_seconds: is 0"),
        (|c| lifetimes(c).code_seconds = 601, "issuers[0].lifetimes.code_seconds: is 601"),
        (|c| lifetimes(c).access_token_seconds = 3601, "issuers[0].lifetimes.access_token_seconds: is 3601"),
        (|c| lifetimes(c).refresh_grace_seconds = 301, "issuers[0].lifetimes.refresh_grace_seconds: is 301"),
        (|c| lifetimes(c).grant_idle_seconds = 0, "issuers[0].lifetimes.grant_idle_seconds: is 0"),
        (|c| lifetimes(c).grant_seconds = u64::MAX, "issuers[0].lifetimes.grant_seconds: is 18446744073709551615"),
        (
            |c| lifetimes(c).consent_seconds = 7_775_999,
            "issuers[0].lifetimes.consent_seconds: is less than grant_seconds",
        ),
        (
            |c| lifetimes(c).unused_registration_seconds = 1559,
            "issuers[0].lifetimes.unused_registration_seconds: is shorter than one login may take",
        ),
        (|c| lifetimes(c).used_registration_seconds = 0, "issuers[0].lifetimes.used_registration_seconds: is 0"),
        (|c| c.keys.announcement_seconds = 599, "keys.announcement_seconds: is 599"),
        (|c| c.keys.rotation_seconds = 7199, "keys.rotation_seconds: is 7199"),
        (|c| c.events.keep_seconds = 86_399, "events.keep_seconds: is 86399"),
        (|c| c.events.feed_seconds = 3599, "events.feed_seconds: is 3599"),
        (|c| c.events.keep_seconds = 604_799, "events.feed_seconds: is 604800, and events are gone after 604799"),
        (|c| c.events.digest_seconds = 59, "events.digest_seconds: is 59"),
    ]);
    let mut shortest = example();
    lifetimes(&mut shortest).unused_registration_seconds = 1560;
    lifetimes(&mut shortest).refresh_grace_seconds = 0;
    check(&shortest).unwrap();
}

#[test]
fn an_insecure_or_incomplete_upstream_is_refused() {
    fn oidc(config: &mut Config) -> &mut OidcConfig {
        match &mut config.issuers[0].upstream {
            UpstreamConfig::Oidc(oidc) => oidc,
            other => panic!("{other:?}"),
        }
    }
    refused(&[
        (|c| oidc(c).id = "an idp".to_owned(), "issuers[0].upstream.id: is not an id"),
        (|c| oidc(c).name.clear(), "issuers[0].upstream.name: is empty"),
        (
            |c| oidc(c).issuer = "http://login.example.com".to_owned(),
            "issuers[0].upstream.issuer: is \"http://login.example.com\"",
        ),
        // Plaintext is refused even on loopback if the issuer is https.
        (|c| oidc(c).issuer = "http://127.0.0.1:1".to_owned(), "issuers[0].upstream.issuer: is \"http://127.0.0.1:1\""),
        (|c| oidc(c).issuer = "login".to_owned(), "issuers[0].upstream.issuer: is \"login\""),
        (|c| oidc(c).scopes = vec!["email".to_owned()], "issuers[0].upstream.scopes: lacks \"openid\""),
        (|c| oidc(c).client_id.clear(), "issuers[0].upstream.client_id: is empty"),
    ]);
    let mut local = example();
    local.issuers[0].url = "http://127.0.0.1:7440".to_owned();
    oidc(&mut local).issuer = "http://127.0.0.1:1".to_owned();
    check(&local).unwrap();
}

/// Requirements: D8.
#[test]
fn settings_for_tests_are_refused_unless_every_issuer_is_on_loopback() {
    fn permit(config: &mut Config) {
        config.outbound.permitted_addresses = vec!["127.0.0.1:8443".parse().unwrap()];
    }
    let here = tempfile::NamedTempFile::new().unwrap();
    let mut local = example();
    local.issuers[0].url = "http://127.0.0.1:7440".to_owned();
    permit(&mut local);
    assert_eq!(local.outbound().unwrap().permitted.len(), 1);
    // One issuer that is not on loopback, among others.
    let mut mixed = local.clone();
    mixed.issuers.extend(example().issuers);
    let line = mixed.outbound().unwrap_err().to_string();
    assert!(line.starts_with("outbound.permitted_addresses: is set although issuer \"main\" is not on loopback; "));
    refused(&[
        (permit, "outbound.permitted_addresses: is set although issuer \"main\" is not on loopback"),
        (
            |c| c.outbound.extra_ca_file = Some("/nowhere.pem".into()),
            "outbound.extra_ca_file: is set although issuer \"main\" is not on loopback",
        ),
        (|c| c.outbound.ports.clear(), "outbound.ports: is empty or has 0"),
        (|c| c.outbound.ports.push(0), "outbound.ports: is empty or has 0"),
    ]);
    for (file, problem) in [(here.path(), "has no certificate; "), ("/nowhere.pem".as_ref(), "cannot be read: ")] {
        local.outbound.extra_ca_file = Some(file.to_owned());
        let line = local.outbound().unwrap_err().to_string();
        assert!(line.starts_with(&format!("outbound.extra_ca_file: {problem}")), "{line}");
    }
}

#[test]
fn connection_limits_out_of_range_are_refused_with_their_key() {
    let refused = |change: fn(&mut Config), key: &str| {
        let mut config = example();
        change(&mut config);
        let error = config.connection_limits(Duration::ZERO).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{key}: ")), "{error}");
    };
    refused(|config| config.max_connections = Some(0), "max_connections");
    refused(|config| config.max_connections = Some(2_000_000), "max_connections");
    refused(|config| config.max_connection_age_seconds = 0, "max_connection_age_seconds");
    refused(|config| config.max_connection_age_seconds = u64::MAX, "max_connection_age_seconds");
    refused(|config| config.write_timeout_seconds = 0, "write_timeout_seconds");
    refused(|config| config.write_timeout_seconds = 601, "write_timeout_seconds");
    let mut config = example();
    config.drain_seconds = 5;
    assert!(config.drain().unwrap_err().to_string().starts_with("drain_seconds: "));
    let limits = example().connection_limits(Duration::from_secs(7)).unwrap();
    assert_eq!(limits.age, Some(Duration::from_secs(Config::MAX_CONNECTION_AGE_SECONDS + 7)));
}

/// Without a name server, a configuration starts unless something in it needs names; then the file and the key are named.
#[test]
fn a_missing_name_server_is_refused_with_its_file_if_names_are_needed() {
    let dir = tempfile::tempdir().unwrap();
    let (missing, empty) = (dir.path().join("missing"), dir.path().join("resolv.conf"));
    let by_address = |settings: &str, upstream: &str| -> Config {
        let text = EXAMPLE_BY_ADDRESS.replace("SETTINGS", settings).replace("UPSTREAM", upstream);
        parse(&text).unwrap()
    };
    const OFF: &str = "metadata_documents = { mode = \"off\" }";
    const AT_ADDRESS: &str = "kind = \"oidc\"\nissuer = \"https://192.0.2.1\"";
    const AT_NAME: &str = "kind = \"oidc\"\nissuer = \"https://login.example\"";
    const OAUTH2: &str = "kind = \"oauth2\"\nsubject_claim = \"id\"\nauthorization_endpoint = \"https://login.example/a\"\n\
                          token_endpoint = \"https://192.0.2.1/t\"\nuserinfo_endpoint = \"https://[2001:db8::1]/u\"";
    let named = |member: &str| OAUTH2.to_owned() + &format!("\n{member} = \"https://login.example/r\"");
    let client = |uri: &str| {
        format!(
            "{OFF}\nclients = [{{ id = \"c\", name = \"C\", redirect_uris = [\"https://c.example/cb\"], jwks_uri = \"{uri}\" }}]"
        )
    };
    for text in ["", "# nothing\n", "search example\noptions ndots:2\n", "nameserver\n"] {
        std::fs::write(&empty, text).unwrap();
        for (file, problem) in [(&missing, "cannot be read: No such file"), (&empty, "names no name server")] {
            for (config, key) in [
                (by_address(OFF, AT_ADDRESS), None),
                (by_address(OFF, "kind = \"oidc\"\nissuer = \"http://localhost:8080\""), None),
                (by_address(OFF, OAUTH2), None),
                (by_address(&client("https://192.0.2.1/keys"), AT_ADDRESS), None),
                (by_address("", AT_ADDRESS), Some("issuers[0].metadata_documents.mode")),
                (
                    by_address("metadata_documents = { mode = \"allow-list\", hosts = [\"a.example\"] }", AT_ADDRESS),
                    Some("issuers[0].metadata_documents.mode"),
                ),
                (by_address(OFF, AT_NAME), Some("issuers[0].upstream.issuer")),
                (by_address(OFF, &named("revocation_endpoint")), Some("issuers[0].upstream.revocation_endpoint")),
                (by_address(OFF, "kind = \"github\""), Some("issuers[0].upstream.base_url")),
                (by_address(&client("https://c.example/keys"), AT_ADDRESS), Some("issuers[0].clients[0].jwks_uri")),
            ] {
                let refused = config.resolver(file).err().map(|error| error.to_string());
                match key {
                    None => assert_eq!(refused, None),
                    Some(key) => {
                        let expected = format!("{key}: needs a name server, and {} {problem}", file.display());
                        let refused = refused.unwrap_or_else(|| panic!("{key}: no refusal"));
                        assert!(refused.starts_with(&expected), "{refused}");
                    }
                }
            }
        }
    }
    let good = dir.path().join("good");
    std::fs::write(&good, "nameserver 192.0.2.53\n").unwrap();
    let resolver = tokio::runtime::Runtime::new().unwrap().block_on(async { example().resolver(&good) });
    assert!(resolver.is_ok());
}

const EXAMPLE_BY_ADDRESS: &str = r#"
listen = "127.0.0.1:0"
master_key = { env = "MASTER_KEY" }
store = { engine = "memory" }
principals = []
[[issuers]]
id = "main"
url = "https://gate.example"
name = "Gate"
SETTINGS
[issuers.upstream]
id = "idp"
name = "Login"
client_id = "x"
client_secret = { env = "SECRET" }
UPSTREAM
[[issuers.resources]]
uri = "https://mcp.example/mcp"
name = "Notes"
scopes = [{ name = "read", description = "Read", default = true }]
"#;

#[test]
fn a_budget_without_an_end_or_of_nothing_is_refused() {
    refused(&[
        (|c| c.limits.prefix_failed_logins_per_minute = 0, "limits.prefix_failed_logins_per_minute: is 0"),
        (|c| c.limits.total_failed_logins_per_minute = 1_000_001, "limits.total_failed_logins_per_minute: is 1000001"),
        (|c| c.limits.registrations = 0, "limits.registrations: is 0"),
        (|c| c.limits.registration_megabytes = 0, "limits.registration_megabytes: is 0"),
    ]);
    let mut without_reserve = example();
    without_reserve.limits.disk_reserve_megabytes = 0;
    check(&without_reserve).unwrap();
}
