//! A control plane with a [`Hub`] as its upstream.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lychgate_api::v1;
use lychgate_api::v1::next::Step;
use lychgate_control::config::{GithubConfig, Oauth2Config, RevocationMode, TokenEndpointAuth, UpstreamConfig};
use lychgate_engine::Space;
use serde_json::Value;

use crate::control::support::{App, Control, Edge, Flow, World, location, query};
use crate::hub::{Answer, CLIENT_ID, CLIENT_SECRET, Hub};

pub(crate) struct Stage {
    pub(crate) hub: Hub,
    pub(crate) edge: Edge,
    world: World,
    _control: Control,
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

impl Stage {
    pub(crate) async fn github() -> Self {
        Self::github_asked_for(&[]).await
    }

    pub(crate) async fn github_asked_for(scopes: &[&str]) -> Self {
        let hub = Hub::start(TokenEndpointAuth::Post, "application/vnd.github+json").await;
        let world = World::new().await;
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        let github = UpstreamConfig::Github(GithubConfig { scopes, ..github(&world, &hub.url) });
        Self::new(world, hub, github).await
    }

    /// Another provider: HTTP Basic, plain JSON, optionally an issuer identifier.
    pub(crate) async fn oauth2(issuer: Option<&str>) -> Self {
        let hub = Hub::start(TokenEndpointAuth::Basic, "application/json").await;
        let world = World::new().await;
        let oauth2 = Oauth2Config { issuer: issuer.map(str::to_owned), ..oauth2(&world, &hub.url) };
        Self::new(world, hub, UpstreamConfig::Oauth2(oauth2)).await
    }

    /// A provider with an RFC 7009 endpoint that takes this client authentication.
    pub(crate) async fn taking_back(auth: TokenEndpointAuth) -> Self {
        let hub = Hub::start(auth, "application/json").await;
        let world = World::new().await;
        let revocation_endpoint = Some(format!("{}/oauth/revoke", hub.url));
        let oauth2 = Oauth2Config { token_endpoint_auth: auth, revocation_endpoint, ..oauth2(&world, &hub.url) };
        Self::new(world, hub, UpstreamConfig::Oauth2(oauth2)).await
    }

    async fn new(mut world: World, hub: Hub, upstream: UpstreamConfig) -> Self {
        world.issuer().upstream = upstream;
        let control = world.start().await;
        Self { hub, edge: control.edge(), world, _control: control }
    }

    /// Signs in at the provider; returns the callback's parameters.
    pub(crate) async fn signed_in(&self) -> (Flow, Vec<v1::Parameter>) {
        let mut flow = Flow::new(App::configured());
        let login = flow.approve(&self.edge).await;
        (flow, self.hub.sign_in(&login))
    }

    /// Sends the callback with a new idempotency key.
    pub(crate) async fn come_back(&self, flow: &Flow, callback: &[v1::Parameter]) -> Outcome {
        outcome(&self.edge.finish_login(flow.finish_login(callback.to_vec())).await.expect("the callback is answered"))
    }

    /// Runs a whole flow and returns the token's subject.
    pub(crate) async fn subject(&self) -> String {
        let (flow, callback) = self.signed_in().await;
        let next = self.edge.finish_login(flow.finish_login(callback)).await.expect("a good callback");
        let code = query(location(&next))["code"].clone();
        let tokens = self.edge.exchange(flow.redeem(&code)).await.expect("a good code");
        let claims = tokens.access_token.split('.').nth(1).expect("a JWT");
        let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).expect("a JWT")).expect("a JWT");
        claims["sub"].as_str().expect("a subject").to_owned()
    }

    /// A flow in which the two endpoints answer as given: it ends as `expected`, also when repeated, and nothing is
    /// stored.
    pub(crate) async fn refuses(&self, token: &Answer, userinfo: &Answer, expected: &Outcome, calls: (usize, usize)) {
        let (flow, callback) = self.signed_in().await;
        let (before, kept) = (self.hub.calls(), self.kept().await);
        self.hub.token_answers(token.clone());
        self.hub.userinfo_answers(userinfo.clone());
        let outcome = self.come_back(&flow, &callback).await;
        self.hub.token_answers(Answer::Truth);
        self.hub.userinfo_answers(Answer::Truth);
        let what = format!("token {token:.200?}, userinfo {userinfo:.200?}");
        assert_eq!(outcome, *expected, "{what}");
        assert_eq!(self.come_back(&flow, &callback).await, *expected, "again after {what}");
        let after = self.hub.calls();
        assert_eq!((after.0 - before.0, after.1 - before.1), calls, "calls with {what}");
        assert_eq!(self.kept().await, kept, "{what}");
    }

    /// Number of consents, grants and events.
    pub(crate) async fn kept(&self) -> [usize; 3] {
        let (consents, grants) = (self.world.kept(Space::Consents).await, self.world.kept(Space::Grants).await);
        [consents.len(), grants.len(), self.world.events().await.len()]
    }
}

fn outcome(next: &v1::Next) -> Outcome {
    match &next.step {
        Some(Step::FailurePage(page)) => Outcome::Failed(page.reason.clone()),
        _ => query(location(next)).remove("error").map_or(Outcome::Code, Outcome::Returned),
    }
}

pub(crate) fn github(world: &World, url: &str) -> GithubConfig {
    GithubConfig {
        id: "github".to_owned(),
        name: "GitHub".to_owned(),
        client_id: CLIENT_ID.to_owned(),
        client_secret: world.secret("hub-secret", CLIENT_SECRET),
        scopes: Vec::new(),
        base_url: url.to_owned(),
        revocation: RevocationMode::Each,
    }
}

pub(crate) fn oauth2(world: &World, url: &str) -> Oauth2Config {
    Oauth2Config {
        id: "hub".to_owned(),
        name: "The Hub".to_owned(),
        issuer: None,
        authorization_endpoint: format!("{url}/login/oauth/authorize?audience=apps"),
        token_endpoint: format!("{url}/login/oauth/access_token"),
        userinfo_endpoint: format!("{url}/api/v3/user"),
        subject_claim: "node_id".to_owned(),
        client_id: CLIENT_ID.to_owned(),
        client_secret: world.secret("hub-secret", CLIENT_SECRET),
        token_endpoint_auth: TokenEndpointAuth::Basic,
        revocation_endpoint: None,
        revocation: RevocationMode::Each,
        scopes: ["profile", "id"].map(str::to_owned).into(),
    }
}
