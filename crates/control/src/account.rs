//! "My connected apps": a person's consents and the connection to their account at the upstream, for that person to see and
//! to revoke.
//!
//! The person follows from the session's cookie alone; no caller names a subject. No client's host is ever asked for
//! anything: otherwise a client would learn when the page is read.

mod page;

use lychgate_domain::Refusal;
use lychgate_domain::account::{self, AccountLogin, AccountRevocation, AccountSession};
use lychgate_domain::browser::cookie::Cookies;
use lychgate_domain::browser::session::Person;
use lychgate_domain::consent::Consent;
use lychgate_domain::event::{EventKind, EventTarget};
use lychgate_domain::id::AccountLoginId;
use lychgate_domain::issuer::Issuer;
use lychgate_domain::request::parameters::Parameters;
use lychgate_domain::subject::Subject;
use lychgate_domain::upstream::callback::Callback;
use lychgate_domain::upstream::login::LoginSecrets;
use lychgate_store::connections::ConnectionUpdate;
use lychgate_store::consents::{ConsentKey, ConsentRevocation};

use crate::ground::commit::{Commit, until_committed};
use crate::ground::error::{Error, ReturnTo};
use crate::issuers::IssuerContext;
use crate::limits::Redemption;
use crate::next::{FailurePage, Next, Step};
use crate::state::{CallContext, CommandContext};
use crate::upstream::{AdmittedCode, Identity, UpstreamError};

pub(crate) use page::{AccountScreen, App, AppsPage, ConnectedApp, ConnectedUpstream, KnownAs, described, known_as};

/// The account pages, except for revocations.
pub(crate) struct Account(pub(crate) CallContext);

/// Revocations by the person.
pub(crate) struct AccountRevocations(pub(crate) CommandContext);

/// Where the browser says a submitted form came from.
#[derive(Debug)]
pub(crate) struct FormOrigin {
    pub(crate) sec_fetch_site: Option<String>,
    pub(crate) origin: Option<String>,
}

/// A sign-in that has returned from the upstream.
pub(crate) struct ReturnedSignIn<'a> {
    pub(crate) id: AccountLoginId,
    pub(crate) secrets: LoginSecrets,
    pub(crate) parameters: &'a Parameters,
    pub(crate) cookies: &'a Cookies,
}

impl Account {
    /// `GET /account`. Nothing is written.
    pub(crate) async fn show(&self, cookies: &Cookies) -> Result<AccountScreen, Error> {
        let (call, issuer, keys) = (&self.0, self.0.issuer(), self.0.keys());
        let Ok(session) = AccountSession::of(cookies, issuer, keys, call.now) else {
            return Ok(AccountScreen::SignIn { upstream_name: issuer.upstream_name.clone() });
        };
        let page = Box::new(page::apps_page(call, &session).await?);
        Ok(AccountScreen::Apps { page, session: session.set(issuer, keys, call.entropy(), call.now) })
    }

    /// `POST /account/sign-in`. Nothing is written: `state` and a cookie carry what the callback needs.
    pub(crate) async fn sign_in(&self, origin: &FormOrigin) -> Result<Next, Error> {
        let (serving, issuer, now) = (&self.0.serving, self.0.issuer(), self.0.now);
        origin.check(issuer)?;
        let login = AccountLogin::begin(issuer, self.0.entropy(), now);
        let url = serving.upstream.sign_in_url(&login.secrets(self.0.keys()), now).await.map_err(|error| {
            let cause = format!("{:#}", error.cause);
            tracing::warn!(issuer.id = %issuer.id, error = cause, "cannot ask the upstream");
            serving.back_to_account(error.failure.refusal())
        })?;
        Ok(Next { step: Step::Redirect(url), set_cookies: vec![login.set(issuer, self.0.keys())] })
    }

    /// The callback of a sign-in. Only the person is kept, in the browser's cookie; the upstream's tokens are dropped here.
    pub(crate) async fn finish_sign_in(&self, returned: ReturnedSignIn<'_>) -> Result<Next, Error> {
        let (call, serving, issuer, keys) = (&self.0, &self.0.serving, self.0.issuer(), self.0.keys());
        AccountLogin::came_back(returned.cookies, issuer, keys, returned.id, call.now)
            .map_err(|refusal| serving.back_to_account(refusal))?;
        let callback = Callback::parse(returned.parameters).map_err(|refusal| serving.back_to_account(refusal))?;
        // Before the code is sent: a sign-in that is refused here keeps its cookie, and can be tried again.
        let redemption = call.admit_redemption().map_err(|refusal| serving.back_to_account(refusal))?;
        let mut set_cookies = vec![AccountLogin::delete(issuer)];
        let step = match self.person(&callback, &returned.secrets, redemption).await {
            Ok(person) => {
                let session = AccountSession::begin(person, call.entropy(), call.now);
                set_cookies.push(session.set(issuer, keys, call.entropy(), call.now));
                Step::Redirect(serving.account_url())
            }
            Err(UpstreamError { failure, cause }) => {
                let (request_id, cause) = (&call.caller.request_id, format!("{cause:#}"));
                tracing::warn!(request.id = request_id, issuer.id = %issuer.id, error = cause, "the sign-in failed at the upstream");
                Step::Failure(Box::new(FailurePage {
                    failure,
                    return_to: serving.account_link(),
                    person: None,
                    upstream_name: issuer.upstream_name.clone(),
                    another_account_ticket: None,
                }))
            }
        };
        Ok(Next { step, set_cookies })
    }

    /// `POST /account/sign-out`. It works without a session, too: one that has expired must not keep a person signed in.
    pub(crate) fn sign_out(&self, origin: &FormOrigin) -> Result<Next, Error> {
        let issuer = self.0.issuer();
        origin.check(issuer)?;
        let set_cookies = vec![AccountSession::delete(issuer), AccountLogin::delete(issuer)];
        Ok(Next { step: Step::Redirect(self.0.serving.account_url()), set_cookies })
    }

    /// The person who signed in at the upstream.
    async fn person(
        &self,
        callback: &Callback<'_>,
        secrets: &LoginSecrets,
        redemption: Redemption,
    ) -> Result<Person, UpstreamError> {
        let (upstream, now) = (&self.0.serving.upstream, self.0.now);
        let code = upstream.check(callback, now).await?;
        let code = AdmittedCode { code, secrets, redemption };
        // The entry rules are not asked: a person who is no longer admitted may still see and take back what they allowed.
        let Identity { person, facts: _, tokens: _ } = upstream.redeem(code, now).await?;
        Ok(person)
    }
}

impl AccountRevocations {
    /// `POST /account/revoke`: the connection, one consent, or all consents, each in a commit of its own.
    pub(crate) async fn revoke(self, form_token: String, cookies: Cookies, origin: FormOrigin) -> Result<Next, Error> {
        let state = self.0.state.clone();
        state.to_the_end(async move { self.revoke_named(&form_token, &cookies, &origin).await }).await
    }

    async fn revoke_named(&self, form_token: &str, cookies: &Cookies, origin: &FormOrigin) -> Result<Next, Error> {
        let (call, issuer, keys) = (&self.0, self.0.issuer(), self.0.keys());
        origin.check(issuer)?;
        let back = |refusal| call.serving.back_to_account(refusal);
        let session = AccountSession::of(cookies, issuer, keys, call.now).map_err(back)?;
        let subject = session.subject();
        match session.revocation(form_token, keys).map_err(back)? {
            AccountRevocation::One { client_id, resource } => {
                let about = EventTarget { subject: subject.clone(), client_id, resource, authorization_id: None };
                self.revoke_consent(about, None).await?;
            }
            AccountRevocation::All => self.revoke_all(subject).await?,
            AccountRevocation::Connection => self.end_connection(subject).await?,
        }
        Ok(Next::redirect(call.serving.account_url()))
    }

    async fn revoke_all(&self, subject: &Subject) -> Result<(), Error> {
        let (call, mut from) = (&self.0, None);
        loop {
            let found = call.store().consents_of(call.issuer(), subject, from, call.now).await?;
            for Consent { subject, client_id, resource, .. } in page::live_consents(call, found.consents).await? {
                let about = EventTarget { subject, client_id, resource, authorization_id: None };
                self.revoke_consent(about, None).await?;
            }
            from = found.next;
            if from.is_none() {
                return Ok(());
            }
        }
    }

    /// Ends the person's connection; its tokens are revoked at the upstream afterwards. A connection that was rejected or has
    /// ended before counts as ended.
    async fn end_connection(&self, subject: &Subject) -> Result<(), Error> {
        until_committed(|| async {
            let command = self.0.at_present();
            let (store, issuer, now) = (command.store(), command.issuer(), command.now);
            let found = store.connection(issuer, subject, now).await?;
            let Some(found) = found else { return Ok(Commit::Done(())) };
            let Some(ended) = found.value.clone().end(now) else { return Ok(Commit::Done(())) };
            let event = command.event(EventKind::ConnectionEnded { subject: subject.clone(), reason: None }, None);
            let update = ConnectionUpdate {
                read: Some(&found),
                connection: &ended,
                superseded: found.value.tokens.as_ref().map(|tokens| (tokens, &event)),
                event: Some(&event),
            };
            Ok(command.update_connection(&update).await?.with(()))
        })
        .await
    }

    /// Revokes a consent; with an `epoch`, only in that epoch. A consent that has ended before counts as revoked.
    pub(crate) async fn revoke_consent(&self, about: EventTarget, epoch: Option<u64>) -> Result<(), Error> {
        let attempt = account::attempt_for(self.0.attempt, &about.client_id, &about.resource);
        let (command, about) = (self.0.with_attempt(attempt), &about);
        until_committed(|| async {
            let (command, EventTarget { subject, client_id, resource, .. }) = (command.at_present(), about);
            let (store, issuer, now) = (command.store(), command.issuer(), command.now);
            let found = store.consent(issuer, ConsentKey { subject, client: client_id, resource }, now).await?;
            let is_meant = |consent: &Consent| consent.is_live(now) && epoch.is_none_or(|epoch| consent.epoch == epoch);
            let Some(found) = found.filter(|found| is_meant(&found.value)) else { return Ok(Commit::Done(())) };
            let event = command.event(EventKind::ConsentRevoked { reason: None }, about.clone());
            let revoked = found.value.clone().revoke(now);
            let revocation = ConsentRevocation { read: &found, revoked: &revoked, event: &event };
            Ok(store.revoke_consent(issuer, &revocation, now).await?.with(()))
        })
        .await
    }
}

impl FormOrigin {
    /// Refuses a form of another origin.
    fn check(&self, issuer: &Issuer) -> Result<(), Refusal> {
        account::same_origin(self.sec_fetch_site.as_deref(), self.origin.as_deref(), &issuer.url)
    }
}

impl IssuerContext {
    fn account_url(&self) -> String {
        format!("{}/account", self.issuer.url.as_str())
    }

    fn account_link(&self) -> ReturnTo {
        ReturnTo { uri: self.account_url(), label: "your connected apps".to_owned() }
    }

    /// A refusal that leads back to the account page.
    pub(crate) fn back_to_account(&self, refusal: Refusal) -> Error {
        let ReturnTo { uri, label } = self.account_link();
        Error::from(refusal).returning(uri, label)
    }
}
