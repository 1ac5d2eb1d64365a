//! One client that one person uses: each of its operations, recorded.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde_json::json;

use super::Shared;
use super::operator::Subject;
use crate::cluster::Cluster;
use crate::flow::{self, App, AuthorizationRequest, Callback, Consent, Gate, LOOPBACK};
use crate::history::client::{Answer, Door, Flow, Operation, Target as RevocationTarget};
use crate::http::{Jar, Page};

/// Why an exchange gave no token: the person must sign in at the upstream.
const LOGIN_NEEDED: &str = "UPSTREAM_LOGIN_NEEDED";

/// The authorization server, and the bearer token of a resource server.
#[derive(Clone, Debug)]
pub(super) struct Target {
    gate: Gate,
    resource_server: String,
}

/// The answer to one operation.
#[derive(Clone, Debug)]
pub(super) enum Reply<T> {
    Yes(T),
    No,
    /// It may have happened, or may yet happen; and why that is not known.
    Unknown(String),
}

#[derive(Debug)]
pub(super) struct User {
    shared: Arc<Shared>,
    /// The thread of control, for the history.
    client: usize,
    pub(super) number: usize,
    person: String,
    app: Option<App>,
    /// The latest tokens of each flow.
    pub(super) held: BTreeMap<Flow, Held>,
}

/// The tokens of a grant, as the client keeps them.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) tokens: flow::Tokens,
    pub(super) generation: u32,
    grant: [u8; 16],
}

/// A browser with the open consent page.
#[derive(Clone, Debug)]
pub(super) struct Browsing {
    jar: Jar,
    consent: Consent,
}

impl Target {
    pub(super) fn of(cluster: &Cluster) -> Result<Self> {
        Ok(Self { gate: cluster.gate()?, resource_server: cluster.tokens().resource.clone() })
    }
}

impl User {
    pub(super) fn new(shared: Arc<Shared>, client: usize, number: usize) -> Self {
        let person = format!("person-{number}");
        Self { shared, client, number, person, app: None, held: BTreeMap::new() }
    }

    /// Records `operation`; `yes` is the answer that a [`Reply::Yes`] stands for. `run` is boxed, because the futures of a whole
    /// scenario inside one another do not fit on a stack.
    async fn record<T>(
        &self,
        operation: Operation,
        yes: impl Fn(&T) -> Answer,
        run: Pin<Box<impl Future<Output = Result<Reply<T>>>>>,
    ) -> Result<Reply<T>> {
        let what = format!("user {}: {operation:?}", self.number);
        let mut reply = Ok(Reply::No);
        let observed = async {
            reply = run.await;
            match &reply {
                Ok(Reply::Yes(value)) => Some(yes(value)),
                Ok(Reply::No) => Some(Answer::No),
                Ok(Reply::Unknown(why)) => {
                    self.shared.count_unanswered(why);
                    None
                }
                Err(_) => None,
            }
        };
        self.shared.recorder.record(self.client, &self.number, operation, observed).await;
        reply.with_context(|| what)
    }

    pub(super) async fn register(&mut self) -> Result<Reply<()>> {
        let gate = &self.shared.target.gate;
        let metadata = json!({
            "client_name": "An app",
            "redirect_uris": [LOOPBACK],
            "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_method": "none",
        });
        let run = async {
            let page = page(gate.register(&metadata)).await?.map(|page| match page.status {
                201 => Ok(page.json()?["client_id"].as_str().context("no client_id")?.to_owned()),
                _ => bail!("not registered: {}", page.summary()),
            });
            page.transposed()
        };
        let reply = self.record(Operation::Register, |_| Answer::Done, Box::pin(run)).await?;
        Ok(reply.map(|client_id| self.app = Some(gate_app(gate, &client_id))))
    }

    /// Opens the consent page in a new browser.
    pub(super) async fn open(&self) -> Result<Reply<Browsing>> {
        let (request, mut jar) = (self.app()?.request(), Jar::new()?);
        let run = async {
            let redirect = match page(request.send(&mut jar)).await? {
                Reply::Yes(page) if page.status == 303 => page,
                Reply::Yes(page) if page.reason() == Some("CLIENT_UNKNOWN") => return Ok(Reply::No),
                Reply::Yes(page) => bail!("no redirect: {}", page.summary()),
                Reply::No => return Ok(Reply::No),
                Reply::Unknown(why) => return Ok(Reply::Unknown(why)),
            };
            let consent = page(jar.follow(&redirect)).await?.map(|page| {
                ensure!(page.status == 200 && page.hidden("form_token").is_ok(), "no page: {}", page.summary());
                Ok(Consent { request: AuthorizationRequest::clone(&request), page })
            });
            consent.transposed()
        };
        let reply = self.record(Operation::Open, |_| Answer::Yes, Box::pin(run)).await?;
        Ok(reply.map(|consent| Browsing { jar, consent }))
    }

    /// Approves, and signs in at the upstream, up to its redirect to the callback.
    pub(super) async fn approve(&self, flow: Flow, browsing: &mut Browsing) -> Result<Reply<Callback>> {
        let form = browsing.consent.form("approve")?;
        let run = async {
            Ok(match page(browsing.jar.send(form)).await? {
                Reply::Yes(page) if page.status == 303 => Reply::Yes(page),
                Reply::Yes(page) if page.reason() == Some("ALREADY_DECIDED") => Reply::No,
                Reply::Yes(page) => bail!("not approved: {}", page.summary()),
                other => other,
            })
        };
        let sent = self.record(Operation::Approve(flow), |_| Answer::Yes, Box::pin(run)).await?;
        let Reply::Yes(sent) = sent else { return Ok(sent.without()) };
        // The provider signs in the person in `login_hint` without a page.
        let login = format!("{}&login_hint={}", sent.location()?, self.person);
        let mut page = browsing.jar.open(login).await.context("the upstream")?;
        while page.location().context("the upstream")?.path() == "/authorize" {
            page = browsing.jar.follow(&page).await.context("the upstream")?;
        }
        let url = page.location()?;
        ensure!(url.path().starts_with("/callback/"), "sent to {url}");
        Ok(Reply::Yes(Callback { request: browsing.consent.request.clone(), url }))
    }

    pub(super) async fn deny(&self, flow: Flow, browsing: &mut Browsing) -> Result<Reply<()>> {
        let form = browsing.consent.form("deny")?;
        let run = async {
            Ok(match page(browsing.jar.send(form)).await? {
                Reply::Yes(page) if page.status == 303 => {
                    let answer = flow::Answer::of(&page)?;
                    ensure!(answer.error().as_deref() == Some("access_denied"), "denied: {}", answer.uri);
                    Reply::Yes(())
                }
                // The page says what was allowed.
                Reply::Yes(page) if page.status == 200 || page.status == 409 => Reply::No,
                Reply::Yes(page) => bail!("neither denied nor too late: {}", page.summary()),
                other => other.without(),
            })
        };
        self.record(Operation::Deny(flow), |()| Answer::Yes, Box::pin(run)).await
    }

    /// Opens the callback; the answer is the code.
    pub(super) async fn finish_login(&self, flow: Flow, callback: &Callback, jar: &mut Jar) -> Result<Reply<String>> {
        let run = async {
            Ok(match page(callback.visit(jar)).await? {
                Reply::Yes(page) if page.status == 303 => Reply::Yes(flow::Answer::of(&page)?.code()?),
                Reply::Yes(page) => match page.reason() {
                    Some("ALREADY_DECIDED") => Reply::No,
                    // The call that claimed the login ended without an answer.
                    Some("LOGIN_INTERRUPTED") => Reply::Unknown("LOGIN_INTERRUPTED".to_owned()),
                    _ => bail!("no code: {}", page.summary()),
                },
                other => other.without(),
            })
        };
        self.record(Operation::FinishLogin(flow), |_| Answer::Yes, Box::pin(run)).await
    }

    pub(super) async fn redeem(&self, flow: Flow, request: &AuthorizationRequest, code: &str) -> Result<Reply<Held>> {
        let request = request.redemption(code);
        let tokens = tokens(request.send());
        self.record(Operation::Redeem(flow), |held: &Held| Answer::Tokens(held.generation), Box::pin(tokens)).await
    }

    /// Refreshes with the tokens of `held`.
    pub(super) async fn refresh(&self, flow: Flow, held: &Held) -> Result<Reply<Held>> {
        let request = self.app()?.refresh(&held.tokens.refresh_token);
        let tokens = tokens(request.send());
        let operation = Operation::Refresh(flow, held.generation);
        let reply = self.record(operation, |held: &Held| Answer::Tokens(held.generation), Box::pin(tokens)).await?;
        if let Reply::Yes(next) = &reply {
            ensure!(next.grant == held.grant, "a refresh gave a token of another grant");
        }
        Ok(reply)
    }

    /// RFC 7009.
    pub(super) async fn revoke_grant(&self, flow: Flow, held: &Held) -> Result<Reply<()>> {
        let app = self.app()?;
        let form = [("token", held.tokens.refresh_token.as_str()), ("client_id", &app.client_id)];
        let run = async {
            let sent = Page::of(app.gate.http().post(app.gate.url("/revoke")).form(&form));
            Ok(match page(sent).await? {
                Reply::Yes(page) if page.status != 200 => bail!("not revoked: {}", page.summary()),
                other => other.map(|_| ()),
            })
        };
        self.record(Operation::RevokeGrant(flow), |()| Answer::Done, Box::pin(run)).await
    }

    pub(super) async fn revoke(&self, target: RevocationTarget) -> Result<Reply<()>> {
        let about = self.subject()?;
        let run = self.shared.operator.revoke(target, &about);
        self.record(Operation::Revoke(target), |()| Answer::Done, Box::pin(run)).await
    }

    pub(super) async fn check(&self) -> Result<Reply<()>> {
        let about = self.subject()?;
        self.record(Operation::Check, |()| Answer::Yes, Box::pin(self.shared.operator.check(&about))).await
    }

    /// Asks at `door` if the access token is active.
    pub(super) async fn use_at(&self, door: Door, flow: Flow, held: &Held) -> Result<Reply<()>> {
        let token = held.tokens.access_token.as_str();
        let run = async {
            match door {
                Door::Introspection => self.introspect(token).await,
                Door::Verification => self.verify(token).await,
                Door::Exchange => self.exchange(token).await,
            }
        };
        self.record(Operation::Use(door, flow), |()| Answer::Yes, Box::pin(run)).await
    }

    async fn introspect(&self, token: &str) -> Result<Reply<()>> {
        let Target { gate, resource_server } = &self.shared.target;
        let request = gate.http().post(gate.url("/introspect")).form(&[("token", token)]).bearer_auth(resource_server);
        Ok(match page(Page::of(request)).await? {
            Reply::Yes(page) => match page.json()?["active"].as_bool() {
                Some(true) => Reply::Yes(()),
                Some(false) => Reply::No,
                None => bail!("no introspection: {}", page.summary()),
            },
            other => other.without(),
        })
    }

    async fn verify(&self, token: &str) -> Result<Reply<()>> {
        let gate = &self.shared.target.gate;
        let url = gate.url("/verify");
        let request = gate.http().get(url).query(&[("resource", gate.resource())]).bearer_auth(token);
        Ok(match page(Page::of(request)).await? {
            Reply::Yes(page) if page.status == 200 => Reply::Yes(()),
            Reply::Yes(page) if page.status == 401 => Reply::No,
            Reply::Yes(page) => bail!("neither good nor bad: {}", page.summary()),
            other => other.without(),
        })
    }

    async fn exchange(&self, token: &str) -> Result<Reply<()>> {
        let Target { gate, resource_server } = &self.shared.target;
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("subject_token", token),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ];
        let request = gate.http().post(gate.url("/token")).form(&form).bearer_auth(resource_server);
        Ok(match page(Page::of(request)).await? {
            Reply::Yes(page) if page.status == 200 => Reply::Yes(()),
            Reply::Yes(page) if page.error() == "invalid_request" => Reply::No,
            // The person is asked to sign in: an answer that says nothing about the grant.
            Reply::Yes(page) if self.shared.may_ask_for_login && asks_for_login(&page)? => {
                Reply::Unknown(LOGIN_NEEDED.to_owned())
            }
            Reply::Yes(page) => bail!("no exchange: {}", page.summary()),
            other => other.without(),
        })
    }

    /// Asks about everything that the client has, until each question has an answer.
    pub(super) async fn ask_again(&self) -> Result<()> {
        if self.app.is_none() {
            return Ok(());
        }
        answered(async || Ok(self.open().await?.without::<()>())).await?;
        answered(async || self.check().await).await?;
        for (flow, held) in &self.held {
            for door in [Door::Introspection, Door::Verification, Door::Exchange] {
                answered(async || self.use_at(door, *flow, held).await).await?;
            }
            answered(async || Ok(self.refresh(*flow, held).await?.without::<()>())).await?;
        }
        Ok(())
    }

    fn app(&self) -> Result<&App> {
        self.app.as_ref().context("the user has no client yet")
    }

    fn subject(&self) -> Result<Subject> {
        Ok(Subject { subject: format!("idp-of-main|{}", self.person), client_id: self.app()?.client_id.clone() })
    }
}

impl Browsing {
    pub(super) fn request(&self) -> &AuthorizationRequest {
        &self.consent.request
    }

    pub(super) fn jar(&mut self) -> &mut Jar {
        &mut self.jar
    }
}

impl<T> Reply<T> {
    fn map<U>(self, change: impl FnOnce(T) -> U) -> Reply<U> {
        match self {
            Self::Yes(value) => Reply::Yes(change(value)),
            Self::No => Reply::No,
            Self::Unknown(why) => Reply::Unknown(why),
        }
    }

    /// The same reply, which is not [`Reply::Yes`], of another type.
    fn without<U>(self) -> Reply<U> {
        match self {
            Self::Yes(_) | Self::No => Reply::No,
            Self::Unknown(why) => Reply::Unknown(why),
        }
    }
}

/// Asks until there is an answer: a busy machine may miss a deadline although everything runs.
async fn answered(question: impl AsyncFn() -> Result<Reply<()>>) -> Result<()> {
    const TRIES: usize = 6;
    for _ in 0..TRIES {
        match question().await? {
            Reply::Yes(()) | Reply::No => return Ok(()),
            Reply::Unknown(why) if why == LOGIN_NEEDED => return Ok(()),
            Reply::Unknown(_) => {}
        }
    }
    bail!("no answer although everything runs")
}

impl<T> Reply<Result<T>> {
    fn transposed(self) -> Result<Reply<T>> {
        Ok(match self {
            Self::Yes(value) => Reply::Yes(value?),
            Self::No => Reply::No,
            Self::Unknown(why) => Reply::Unknown(why),
        })
    }
}

/// The page, or why the outcome of the request is not known. No answer here is a fault of the product or of the test: internal
/// errors and limits are errors.
async fn page(sent: impl Future<Output = Result<Page>>) -> Result<Reply<Page>> {
    match sent.await {
        Err(error) => Ok(Reply::Unknown(format!("connection: {}", error.root_cause()))),
        Ok(page) if [502, 503].contains(&page.status) => {
            let reason = page.reason().map_or_else(|| page.error(), str::to_owned);
            Ok(Reply::Unknown(format!("{} {reason}", page.status)))
        }
        Ok(page) if page.status >= 500 || page.status == 429 => bail!("{}", page.summary()),
        Ok(page) => Ok(Reply::Yes(page)),
    }
}

async fn tokens(sent: impl Future<Output = Result<Page>>) -> Result<Reply<Held>> {
    Ok(match page(sent).await? {
        Reply::Yes(page) if page.status == 200 => Reply::Yes(Held::new(serde_json::from_value(page.json()?)?)?),
        Reply::Yes(page) if page.error() == "invalid_grant" => Reply::No,
        Reply::Yes(page) => bail!("no tokens: {}", page.summary()),
        other => other.without(),
    })
}

impl Held {
    /// A refresh token is `lgr_` and the base64url of grant id (16 bytes), generation (4) and MAC.
    fn new(tokens: flow::Tokens) -> Result<Self> {
        let text = tokens.refresh_token.strip_prefix("lgr_").context("no refresh token")?;
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text)?;
        let (grant, rest) = bytes.split_first_chunk().context("a grant id")?;
        let generation = u32::from_be_bytes(*rest.first_chunk().context("a generation")?);
        Ok(Self { generation, grant: *grant, tokens })
    }
}

fn asks_for_login(page: &Page) -> Result<bool> {
    Ok(page.error() == "invalid_grant" && page.json()?["error_uri"].is_string())
}

fn gate_app(gate: &Gate, client_id: &str) -> App {
    gate.configured(client_id, LOOPBACK)
}
