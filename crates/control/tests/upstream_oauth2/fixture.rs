//! A control plane with a [`Oauth2Provider`] as its upstream.

use lychgate_api::v1;
use lychgate_api::v1::next::Step;
use lychgate_control::config::{
    AccountPrompt, EntryConfig, GithubConfig, Oauth2Config, RevocationMode, TokenEndpointAuth, UpstreamConfig,
};
use lychgate_engine::Space;

use crate::control::support::{ApiClient, App, ControlPlane, Environment, Flow, claims, code_in, location, query};
use crate::provider::{Answer, CLIENT_ID, CLIENT_SECRET, Oauth2Provider};

pub(crate) struct Fixture {
    pub(crate) provider: Oauth2Provider,
    pub(crate) edge: ApiClient,
    pub(crate) env: Environment,
    _control: ControlPlane,
}

/// The outcome of a callback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The client gets this `error`.
    Returned(String),
    /// The person sees a page with this reason.
    Failed(String),
    Code,
}

pub(crate) fn failed(reason: &str) -> Outcome {
    Outcome::Failed(reason.to_owned())
}

impl Fixture {
    pub(crate) async fn github() -> Self {
        Self::github_asked_for(&[]).await
    }

    pub(crate) async fn github_asked_for(scopes: &[&str]) -> Self {
        let provider = Oauth2Provider::start(TokenEndpointAuth::Post, "application/vnd.github+json").await;
        let env = Environment::new().await;
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        let github = UpstreamConfig::Github(GithubConfig { scopes, ..github(&env, &provider.url) });
        Self::new(env, provider, github).await
    }

    /// Another provider: HTTP Basic, plain JSON, optionally an issuer identifier.
    pub(crate) async fn oauth2(issuer: Option<&str>) -> Self {
        let provider = Oauth2Provider::start(TokenEndpointAuth::Basic, "application/json").await;
        let env = Environment::new().await;
        let oauth2 = Oauth2Config { issuer: issuer.map(str::to_owned), ..oauth2(&env, &provider.url) };
        Self::new(env, provider, UpstreamConfig::Oauth2(oauth2)).await
    }

    /// A provider with an RFC 7009 endpoint that takes this client authentication.
    pub(crate) async fn with_revocation(auth: TokenEndpointAuth) -> Self {
        let provider = Oauth2Provider::start(auth, "application/json").await;
        let env = Environment::new().await;
        let revocation_endpoint = Some(format!("{}/oauth/revoke", provider.url));
        let oauth2 = Oauth2Config { token_endpoint_auth: auth, revocation_endpoint, ..oauth2(&env, &provider.url) };
        Self::new(env, provider, UpstreamConfig::Oauth2(oauth2)).await
    }

    pub(crate) async fn with_account_prompt(account_prompt: AccountPrompt) -> Self {
        let provider = Oauth2Provider::start(TokenEndpointAuth::Basic, "application/json").await;
        let env = Environment::new().await;
        let oauth2 = Oauth2Config { account_prompt, ..oauth2(&env, &provider.url) };
        Self::new(env, provider, UpstreamConfig::Oauth2(oauth2)).await
    }

    /// Only people who meet these rules may enter.
    pub(crate) async fn with_entry(entry: EntryConfig) -> Self {
        let provider = Oauth2Provider::start(TokenEndpointAuth::Basic, "application/json").await;
        let mut env = Environment::new().await;
        env.issuer().entry = Some(entry);
        let oauth2 = oauth2(&env, &provider.url);
        Self::new(env, provider, UpstreamConfig::Oauth2(oauth2)).await
    }

    async fn new(mut env: Environment, provider: Oauth2Provider, upstream: UpstreamConfig) -> Self {
        env.issuer().upstream = upstream;
        let control = env.start().await;
        Self { provider, edge: control.edge(), env, _control: control }
    }

    /// Signs in at the provider; returns the callback's parameters.
    pub(crate) async fn signed_in(&self) -> (Flow, Vec<v1::Parameter>) {
        let mut flow = Flow::new(App::configured());
        let login = flow.approve(&self.edge).await;
        (flow, self.provider.sign_in(&login))
    }

    /// Sends the callback with a new idempotency key.
    pub(crate) async fn return_from_login(&self, flow: &Flow, callback: &[v1::Parameter]) -> Outcome {
        outcome(&self.edge.finish_login(flow.finish_login(callback.to_vec())).await.expect("the callback is answered"))
    }

    /// Runs a whole flow and returns the token's subject.
    pub(crate) async fn subject(&self) -> String {
        let (flow, callback) = self.signed_in().await;
        let next = self.edge.finish_login(flow.finish_login(callback)).await.expect("a good callback");
        let code = code_in(&next);
        let tokens = self.edge.exchange(flow.redeem(&code)).await.expect("a good code");
        claims(&tokens.access_token)["sub"].as_str().expect("a subject").to_owned()
    }

    /// A flow in which the two endpoints answer as given: it ends as `expected`, also when repeated, and nothing is
    /// stored.
    pub(crate) async fn refuses(&self, token: &Answer, userinfo: &Answer, expected: &Outcome, calls: (usize, usize)) {
        let (flow, callback) = self.signed_in().await;
        let (before, kept) = (self.provider.calls(), self.kept().await);
        self.provider.token_answers(token.clone());
        self.provider.userinfo_answers(userinfo.clone());
        let outcome = self.return_from_login(&flow, &callback).await;
        self.provider.token_answers(Answer::Correct);
        self.provider.userinfo_answers(Answer::Correct);
        let what = format!("token {token:.200?}, userinfo {userinfo:.200?}");
        assert_eq!(outcome, *expected, "{what}");
        assert_eq!(self.return_from_login(&flow, &callback).await, *expected, "again after {what}");
        let after = self.provider.calls();
        assert_eq!((after.0 - before.0, after.1 - before.1), calls, "calls with {what}");
        assert_eq!(self.kept().await, kept, "{what}");
    }

    /// Number of consents, grants and events.
    pub(crate) async fn kept(&self) -> [usize; 3] {
        let (consents, grants) = (self.env.entries(Space::Consents).await, self.env.entries(Space::Grants).await);
        [consents.len(), grants.len(), self.env.events().await.len()]
    }
}

fn outcome(next: &v1::Next) -> Outcome {
    match &next.step {
        Some(Step::FailurePage(page)) => Outcome::Failed(page.reason.clone()),
        _ => query(location(next)).remove("error").map_or(Outcome::Code, Outcome::Returned),
    }
}

pub(crate) fn github(env: &Environment, url: &str) -> GithubConfig {
    GithubConfig {
        id: "github".to_owned(),
        name: "GitHub".to_owned(),
        client_id: CLIENT_ID.to_owned(),
        client_secret: env.secret("hub-secret", CLIENT_SECRET),
        scopes: Vec::new(),
        base_url: url.to_owned(),
        revocation: RevocationMode::PerGrant,
    }
}

pub(crate) fn oauth2(env: &Environment, url: &str) -> Oauth2Config {
    Oauth2Config {
        id: "hub".to_owned(),
        name: "The Hub".to_owned(),
        issuer: None,
        authorization_endpoint: format!("{url}/login/oauth/authorize?audience=apps"),
        token_endpoint: format!("{url}/login/oauth/access_token"),
        userinfo_endpoint: format!("{url}/api/v3/user"),
        subject_claim: "node_id".to_owned(),
        client_id: CLIENT_ID.to_owned(),
        client_secret: env.secret("hub-secret", CLIENT_SECRET),
        token_endpoint_auth: TokenEndpointAuth::Basic,
        revocation_endpoint: None,
        revocation: RevocationMode::PerGrant,
        scopes: ["profile", "id"].map(str::to_owned).into(),
        account_prompt: AccountPrompt::None,
    }
}
