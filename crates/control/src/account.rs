//! "My connected apps": what a person allowed, for that person, to see and to take back.
//!
//! Whose it is follows from the session's cookie alone; no caller names a subject. It never asks a client's host for
//! anything: what a page of ours says must not tell a stranger that somebody looks at it.

use std::sync::Arc;

use lychgate_domain::Refusal;
use lychgate_domain::account::{self, AccountLogin, AccountRevocation, AccountSession};
use lychgate_domain::browser::cookie::{Cookies, SetCookie};
use lychgate_domain::client::metadata_url::MetadataUrl;
use lychgate_domain::client::redirect_uri::RedirectUri;
use lychgate_domain::consent::{Consent, ConsentState};
use lychgate_domain::event::{Event, EventKind, EventTarget};
use lychgate_domain::id::{AccountLoginId, Attempt, ClientId};
use lychgate_domain::issuer::Issuer;
use lychgate_domain::registration::document;
use lychgate_domain::request::parameters::Parameters;
use lychgate_domain::scope::Scope;
use lychgate_domain::subject::Subject;
use lychgate_domain::time::Timestamp;
use lychgate_domain::upstream::login::LoginSecrets;
use lychgate_store::GrantStatusKey;
use lychgate_store::consents::{ConsentKey, ConsentRevocation};

use crate::flow::{Next, Step};
use crate::ground::caller::Caller;
use crate::ground::commit::{Commit, until_committed};
use crate::ground::error::{Error, ReturnTo};
use crate::issuers::Serving;
use crate::state::Control;
use crate::upstream::{Callback, Identity, UpstreamError};

/// How many of a person's consents are looked at for one page, by the hundred, and how many are listed.
const MAX_LOOKS: usize = 10;
const MAX_LISTED: usize = 200;
/// As many as one look may read.
const CONSENTS_AT_ONCE: usize = 100;

/// What `/account` says to whoever comes.
#[derive(Debug)]
pub enum Shown {
    SignIn { upstream_name: String },
    Apps { page: Box<AppsPage>, session: SetCookie },
}

/// What somebody has allowed.
#[derive(Debug)]
pub struct AppsPage {
    pub upstream_name: String,
    /// The latest approval first.
    pub apps: Vec<ConnectedApp>,
    /// What was taken back lately, and when; the latest first.
    pub revoked: Vec<(App, Timestamp)>,
    pub incomplete: bool,
    pub revoke_all_token: String,
}

/// A client's access to a resource.
#[derive(Debug)]
pub struct App {
    pub client_id: ClientId,
    pub client: KnownAs,
    pub resource_uri: String,
    /// `None` if it is no longer configured.
    pub resource_name: Option<String>,
}

#[derive(Debug)]
pub struct ConnectedApp {
    pub app: App,
    pub redirect_uris: Vec<RedirectUri>,
    /// With what each means, unless it is no longer configured.
    pub scopes: Vec<(Scope, Option<String>)>,
    pub since: Timestamp,
    pub last_used: Option<Timestamp>,
    pub form_token: String,
}

/// What is known of a client without asking anybody.
#[derive(Debug)]
pub enum KnownAs {
    Configured { name: Option<String> },
    Registered { name: Option<String> },
    Document { host: String },
    Gone,
}

/// A post, and where it came from.
#[derive(Debug)]
pub struct Post {
    pub sec_fetch_site: Option<String>,
    pub origin: Option<String>,
}

impl Post {
    fn is_ours(&self, issuer: &Issuer) -> Result<(), Error> {
        Ok(account::same_origin(self.sec_fetch_site.as_deref(), self.origin.as_deref(), &issuer.url)?)
    }
}

impl Control {
    /// `GET /account`. Nothing is written.
    pub async fn show_account(&self, caller: &Caller, issuer_id: &str, cookies: &Cookies) -> Result<Shown, Error> {
        let serving = &self.issuer(issuer_id, caller).await?;
        let (issuer, keys, now) = (&*serving.issuer, serving.keys(), self.clock.now());
        let upstream_name = issuer.upstream_name.clone();
        let Ok(session) = AccountSession::of(cookies, issuer, keys, now) else {
            return Ok(Shown::SignIn { upstream_name });
        };
        let page = Box::new(self.apps_page(serving, &session, now).await?);
        Ok(Shown::Apps { page, session: session.set(issuer, keys, &*self.entropy, now) })
    }

    /// `POST /account/sign-in`. Nothing is written: what the callback needs is in the `state` and in a cookie.
    pub async fn sign_in(&self, caller: &Caller, issuer_id: &str, post: &Post) -> Result<Next, Error> {
        let serving = &self.issuer(issuer_id, caller).await?;
        let (issuer, now) = (&*serving.issuer, self.clock.now());
        post.is_ours(issuer)?;
        let login = AccountLogin::begin(issuer, &*self.entropy, now);
        let url = serving.upstream.sign_in_url(&login.secrets(serving.keys()), now).await.map_err(|error| {
            tracing::warn!(issuer.id = %issuer.id, error = format!("{:#}", error.cause), "the upstream cannot be asked");
            serving.back(error.failure.refusal())
        })?;
        Ok(Next { step: Step::Redirect(url), set_cookies: vec![login.set(issuer, serving.keys())] })
    }

    /// The callback of a sign-in. Who it was is all that is kept of it: the upstream's tokens are dropped here.
    pub async fn finish_sign_in(
        &self,
        serving: &Serving,
        caller: &Caller,
        id: AccountLoginId,
        secrets: &LoginSecrets,
        parameters: &Parameters,
        cookies: &Cookies,
    ) -> Result<Next, Error> {
        let (issuer, keys, now) = (&*serving.issuer, serving.keys(), self.clock.now());
        AccountLogin::came_back(cookies, issuer, keys, id, now).map_err(|refusal| serving.back(refusal))?;
        let mut set_cookies = vec![AccountLogin::delete(issuer)];
        let step = match self.who_signed_in(serving, secrets, parameters, now).await {
            Ok(subject) => {
                let session = AccountSession::begin(subject, &*self.entropy, now);
                set_cookies.push(session.set(issuer, keys, &*self.entropy, now));
                Step::Redirect(serving.account_url())
            }
            Err(UpstreamError { failure, cause }) => {
                tracing::warn!(request.id = caller.request_id, issuer.id = %issuer.id, error = format!("{cause:#}"), "the sign-in failed at the upstream");
                Step::Failure { failure, return_to: serving.account_link() }
            }
        };
        Ok(Next { step, set_cookies })
    }

    /// `POST /account/revoke`: one consent, or all, each in a commit of its own.
    pub async fn revoke_apps(
        &self,
        caller: Arc<Caller>,
        issuer_id: String,
        attempt: Attempt,
        form_token: String,
        cookies: Cookies,
        post: Post,
    ) -> Result<Next, Error> {
        let control = self.clone();
        self.to_the_end(async move {
            let serving = &control.issuer(&issuer_id, &caller).await?;
            let (issuer, keys, now) = (&*serving.issuer, serving.keys(), control.clock.now());
            post.is_ours(issuer)?;
            let back = |refusal| serving.back(refusal);
            let session = AccountSession::of(&cookies, issuer, keys, now).map_err(back)?;
            let subject = session.subject();
            match session.revocation(&form_token, keys).map_err(back)? {
                AccountRevocation::One { client_id, resource } => {
                    control.take_back(serving, &caller, attempt, subject, &client_id, &resource).await?;
                }
                AccountRevocation::All => {
                    let mut from = None;
                    loop {
                        let found = control.store.consents_of(issuer, subject, from, now).await?;
                        for Consent { client_id, resource, .. } in control.live(issuer, found.consents, now).await? {
                            control.take_back(serving, &caller, attempt, subject, &client_id, &resource).await?;
                        }
                        from = found.next;
                        if from.is_none() {
                            break;
                        }
                    }
                }
            }
            Ok(Next { step: Step::Redirect(serving.account_url()), set_cookies: Vec::new() })
        })
        .await
    }

    /// `POST /account/sign-out`. Also without a session: nobody is kept signed in because they no longer are.
    pub async fn sign_out(&self, caller: &Caller, issuer_id: &str, post: &Post) -> Result<Next, Error> {
        let serving = &self.issuer(issuer_id, caller).await?;
        post.is_ours(&serving.issuer)?;
        let set_cookies = vec![AccountSession::delete(&serving.issuer), AccountLogin::delete(&serving.issuer)];
        Ok(Next { step: Step::Redirect(serving.account_url()), set_cookies })
    }

    async fn who_signed_in(
        &self,
        serving: &Serving,
        secrets: &LoginSecrets,
        parameters: &Parameters,
        now: Timestamp,
    ) -> Result<Subject, UpstreamError> {
        let callback = Callback::of(parameters)?;
        let code = serving.upstream.check(&callback, now).await?;
        let Identity { person, tokens: _ } = serving.upstream.redeem(code, secrets, now).await?;
        Ok(person.subject)
    }

    /// What has ended before is as taken back as can be.
    async fn take_back(
        &self,
        serving: &Serving,
        caller: &Caller,
        attempt: Attempt,
        subject: &Subject,
        client_id: &ClientId,
        resource: &str,
    ) -> Result<(), Error> {
        let issuer = &serving.issuer;
        let attempt = account::attempt_for(attempt, client_id, resource);
        until_committed(|| async {
            let now = self.clock.now();
            let found = self.store.consent(issuer, ConsentKey { subject, client: client_id, resource }, now).await?;
            let Some(found) = found.filter(|found| found.value.is_live(now)) else { return Ok(Commit::Done(())) };
            let about = EventTarget {
                subject: subject.clone(),
                client_id: client_id.clone(),
                resource: resource.to_owned(),
                authorization_id: None,
            };
            let kind = EventKind::ConsentRevoked { reason: None };
            let event = Event::new(kind, about, &caller.for_events(issuer), attempt, now);
            let revoked = found.value.clone().revoke(now);
            Ok(self
                .store
                .revoke_consent(issuer, &ConsentRevocation { read: &found, revoked: &revoked, event: &event }, now)
                .await?
                .with(()))
        })
        .await
    }

    async fn apps_page(&self, serving: &Serving, session: &AccountSession, now: Timestamp) -> Result<AppsPage, Error> {
        let issuer = &*serving.issuer;
        let (consents, mut incomplete) = self.all_consents(issuer, session.subject(), now).await?;
        let revoked = consents.iter().filter_map(|consent| Some((account::revoked_lately(consent, now)?, consent)));
        let mut revoked: Vec<_> = revoked.map(|(at, consent)| (at, consent.clone())).collect();
        let mut live = self.live(issuer, consents, now).await?;
        incomplete |= live.len() > MAX_LISTED || revoked.len() > MAX_LISTED;
        live.sort_by_key(|consent| std::cmp::Reverse(consent.approved_at));
        live.truncate(MAX_LISTED);
        revoked.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        revoked.truncate(MAX_LISTED);
        let last_uses = self.store.last_uses(issuer, &live, now).await?;
        let mut page = AppsPage {
            upstream_name: issuer.upstream_name.clone(),
            apps: Vec::with_capacity(live.len()),
            revoked: Vec::with_capacity(revoked.len()),
            incomplete,
            revoke_all_token: session.form_token(&AccountRevocation::All, serving.keys(), &*self.entropy),
        };
        for (consent, last_used) in live.into_iter().zip(last_uses) {
            let app = self.app(issuer, &consent, now).await?;
            let revocation = AccountRevocation::One { client_id: consent.client_id, resource: consent.resource };
            page.apps.push(ConnectedApp {
                scopes: described(issuer, &app.resource_uri, consent.scopes.iter()),
                app,
                redirect_uris: consent.redirect_uris.into_iter().map(RedirectUri::from_record).collect(),
                since: consent.created_at,
                last_used,
                form_token: session.form_token(&revocation, serving.keys(), &*self.entropy),
            });
        }
        for (at, consent) in revoked {
            page.revoked.push((self.app(issuer, &consent, now).await?, at));
        }
        Ok(page)
    }

    /// Those that stand: also an operator may have taken them back, with everything of their client or subject.
    async fn live(&self, issuer: &Issuer, consents: Vec<Consent>, now: Timestamp) -> Result<Vec<Consent>, Error> {
        let mut live = Vec::new();
        for consents in consents.chunks(CONSENTS_AT_ONCE) {
            let of: Vec<_> = consents
                .iter()
                .map(|Consent { subject, client_id: client, resource, .. }| GrantStatusKey {
                    subject,
                    client,
                    unregistered_status: None,
                    resource,
                })
                .collect();
            let (standings, _) = self.store.grant_statuses(issuer, &of, now).await?;
            for (consent, stored) in consents.iter().zip(standings) {
                if consent.state(&stored?.status.counters, now) == ConsentState::Live {
                    live.push(consent.clone());
                }
            }
        }
        Ok(live)
    }

    /// Whether there are more comes with it.
    async fn all_consents(
        &self,
        issuer: &Issuer,
        subject: &Subject,
        now: Timestamp,
    ) -> Result<(Vec<Consent>, bool), Error> {
        let (mut consents, mut from) = (Vec::new(), None);
        for _ in 0..MAX_LOOKS {
            let page = self.store.consents_of(issuer, subject, from, now).await?;
            consents.extend(page.consents);
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        Ok((consents, from.is_some()))
    }

    async fn app(&self, issuer: &Issuer, consent: &Consent, now: Timestamp) -> Result<App, Error> {
        let resource = issuer.resource_by_uri(&consent.resource);
        Ok(App {
            client_id: consent.client_id.clone(),
            client: self.known_as(issuer, &consent.client_id, now).await?,
            resource_uri: consent.resource.clone(),
            resource_name: resource.map(|resource| resource.name.clone()),
        })
    }

    async fn known_as(&self, issuer: &Issuer, id: &ClientId, now: Timestamp) -> Result<KnownAs, Error> {
        if let Some(client) = issuer.configured_client(id) {
            return Ok(KnownAs::Configured { name: client.name.clone() });
        }
        if document::is_url(id) {
            let url = MetadataUrl::parse(id.as_str()).ok();
            return Ok(url.map_or(KnownAs::Gone, |url| KnownAs::Document { host: url.host().to_owned() }));
        }
        let client = self.store.client(issuer, id, now).await?;
        Ok(client.map_or(KnownAs::Gone, |client| KnownAs::Registered { name: client.value.name }))
    }
}

impl Serving {
    fn account_url(&self) -> String {
        format!("{}/account", self.issuer.url.as_str())
    }

    fn account_link(&self) -> ReturnTo {
        ReturnTo { uri: self.account_url(), label: "your connected apps".to_owned() }
    }

    /// A refusal that leads back to the page.
    fn back(&self, refusal: Refusal) -> Error {
        let ReturnTo { uri, label } = self.account_link();
        Error::from(refusal).returning(uri, label)
    }
}

fn described<'a>(
    issuer: &Issuer,
    resource: &str,
    scopes: impl Iterator<Item = &'a Scope>,
) -> Vec<(Scope, Option<String>)> {
    let definitions = issuer.resource_by_uri(resource).map(|resource| resource.scopes.as_slice()).unwrap_or_default();
    let description = |scope: &Scope| {
        let definition = definitions.iter().find(|definition| definition.scope == *scope);
        definition.map(|definition| definition.description.clone())
    };
    scopes.map(|scope| (scope.clone(), description(scope))).collect()
}
