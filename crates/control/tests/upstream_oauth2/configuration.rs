//! Configuration of plain OAuth 2.0 upstreams: accepted, and refused at start.

use lychgate_control::config::{Config, GithubConfig, Oauth2Config, UpstreamConfig};
use lychgate_process::config::parse;

use crate::control::support::Environment;
use crate::fixture::{github, oauth2};

const HUB: &str = "https://hub.example";

const GITHUB: &str = r#"
kind = "github"
id = "github"
name = "GitHub"
client_id = "Iv1.x"
client_secret = { env = "SECRET" }
"#;

const OAUTH2: &str = r#"
kind = "oauth2"
id = "hub"
name = "The Hub"
authorization_endpoint = "https://hub.example/authorize"
token_endpoint = "https://hub.example/token"
userinfo_endpoint = "https://hub.example/userinfo"
subject_claim = "sub"
client_id = "x"
client_secret = { env = "SECRET" }
"#;

#[tokio::test]
async fn a_minimal_upstream_configuration_is_accepted_and_a_misspelt_one_refused() {
    let mut env = Environment::new().await;
    for (text, id, name, url) in [
        (GITHUB, "github", "GitHub", "https://github.com"),
        (OAUTH2, "hub", "The Hub", "https://hub.example/authorize"),
        (&format!("{OAUTH2}issuer = \"https://hub.example\"\ntoken_endpoint_auth = \"post\"\n"), "hub", "The Hub", HUB),
    ] {
        let upstream: UpstreamConfig = parse(text).unwrap();
        assert_eq!((upstream.id(), upstream.name(), upstream.url()), (id, name, url));
        env.issuer().upstream = upstream;
        let issuers = env.config.issuers().unwrap();
        assert_eq!((issuers[0].upstream.as_str(), issuers[0].upstream_name.as_str()), (id, name));
    }
    for (text, key) in [
        (format!("{GITHUB}subject_claim = \"login\"\n"), "subject_claim"),
        (format!("{GITHUB}issuer = \"https://github.com\"\n"), "issuer"),
        (format!("{OAUTH2}base_url = \"https://github.com\"\n"), "base_url"),
        (format!("{OAUTH2}token_endpoint_auth = \"none\"\n"), "none"),
        (OAUTH2.replace("subject_claim = \"sub\"\n", ""), "subject_claim"),
        (OAUTH2.replace("\"oauth2\"", "\"oauth\""), "oauth"),
    ] {
        let error = parse::<UpstreamConfig>(&text).unwrap_err().to_string();
        assert!(error.contains(key), "{error}");
    }
}

/// Requirements: B36.
#[tokio::test]
async fn a_mutable_subject_claim_refuses_to_start() {
    let env = Environment::new().await;
    let with = |claim: &str| Oauth2Config { subject_claim: claim.to_owned(), ..oauth2(&env, HUB) };
    assert_eq!(refused(&env, UpstreamConfig::Oauth2(with("sub"))), None);
    for claim in ["email", "login", "preferred_username", "name", "Email", "username", "", "a b"] {
        let error = refused(&env, UpstreamConfig::Oauth2(with(claim))).unwrap();
        assert!(error.starts_with(&format!("issuers[0].upstream.subject_claim: is {claim:?}; ")), "{error}");
    }
}

/// Requirements: B36.
#[tokio::test]
async fn an_insecure_endpoint_refuses_to_start() {
    let mut env = Environment::new().await;
    type Endpoint = fn(&mut Oauth2Config) -> &mut String;
    let endpoints: [(&str, Endpoint); 3] = [
        ("authorization_endpoint", |config| &mut config.authorization_endpoint),
        ("token_endpoint", |config| &mut config.token_endpoint),
        ("userinfo_endpoint", |config| &mut config.userinfo_endpoint),
    ];
    let bad = ["http://hub.example/x", "http://127.0.0.2/x", "ftp://hub.example/x", "hub.example/x", "", "https://"];
    let unfit = ["https://hub.example/x#y", "https://u:p@hub.example/x", "https://u@hub.example/x"];
    let with = |env: &Environment, endpoint: Endpoint, url: &str| {
        let mut config = oauth2(env, HUB);
        *endpoint(&mut config) = url.to_owned();
        refused(env, UpstreamConfig::Oauth2(config))
    };
    for (name, endpoint) in endpoints {
        for url in ["https://hub.example/x?y=z", "http://127.0.0.1:1/x", "http://localhost/x", "http://[::1]:1/x"] {
            assert_eq!(with(&env, endpoint, url), None, "{name} {url}");
        }
        for url in bad.into_iter().chain(unfit) {
            let error = with(&env, endpoint, url).unwrap();
            assert!(error.starts_with(&format!("issuers[0].upstream.{name}: ")), "{error}");
        }
    }
    // A loopback endpoint is private only if the issuer is on loopback too.
    env.issuer().url = "https://gate.example".to_owned();
    for (name, endpoint) in endpoints {
        let error = with(&env, endpoint, "http://127.0.0.1:1/x").unwrap();
        assert!(error.starts_with(&format!("issuers[0].upstream.{name}: ")), "{error}");
    }
}

/// Requirements: B36.
#[tokio::test]
async fn a_github_base_url_is_a_scheme_and_a_host() {
    let env = Environment::new().await;
    let with = |url: &str| refused(&env, UpstreamConfig::Github(github(&env, url)));
    for url in ["https://github.com", "https://github.example:8443/", "http://127.0.0.1:3000"] {
        assert_eq!(with(url), None, "{url}");
    }
    for url in
        ["http://github.com", "https://github.com/login", "https://github.com?x", "https://u@github.com", "github.com"]
    {
        let error = with(url).unwrap();
        assert!(error.starts_with("issuers[0].upstream.base_url: is "), "{error}");
    }
    let anonymous = GithubConfig { client_id: String::new(), ..github(&env, "https://github.com") };
    let error = refused(&env, UpstreamConfig::Github(anonymous)).unwrap();
    assert!(error.starts_with("issuers[0].upstream.client_id: is empty; "), "{error}");
}

/// The error that refuses the environment's configuration with this upstream.
fn refused(env: &Environment, upstream: UpstreamConfig) -> Option<String> {
    let mut config: Config = env.config.clone();
    config.issuers[0].upstream = upstream;
    config.issuers().err().map(|error| error.to_string())
}
