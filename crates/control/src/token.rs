//! `POST /token`, `POST /revoke`, `POST /introspect` and `GET /verify`. What all grant types share is here; a grant type fills in only its own part.

mod authorization_code;
mod introspection;
mod refresh_token;
mod revocation;
mod verification;

use std::sync::Arc;

use lychgate_domain::Refusal;
use lychgate_domain::authentication::ClientAuthenticated;
use lychgate_domain::client::{Client, ClientStatus, GrantType};
use lychgate_domain::event::{Event, EventKind, EventTarget};
use lychgate_domain::flow::code::PresentedCode;
use lychgate_domain::flow::{CodeExchange, Issuance};
use lychgate_domain::id::{Attempt, ClientId, GrantId};
use lychgate_domain::registration::document;
use lychgate_domain::secret::{Secret, kind};
use lychgate_domain::time::Timestamp;
use lychgate_domain::token::refresh_token::PresentedRefreshToken;
use lychgate_domain::token::{AccessTokenClaims, EndedBy, Grant, GrantPhase, RefreshRequest};
use lychgate_store::grants::GrantEnd;

use crate::client_metadata::ClientTrust;
use crate::clients::Presented;
use crate::ground::caller::Caller;
use crate::ground::commit::{Commit, until_committed};
use crate::ground::error::Error;
use crate::issuers::Serving;
use crate::state::Control;

pub use introspection::Introspection;
pub use verification::Asking;

/// What a client asks the token endpoint for.
#[derive(Debug)]
pub enum Asked {
    AuthorizationCode { code: String, exchange: CodeExchange },
    RefreshToken { refresh_token: String, request: RefreshRequest },
    Other { grant_type: String },
}

/// RFC 6749 §5.1.
#[derive(Debug)]
pub struct Tokens {
    pub access_token: String,
    pub expires_in_seconds: u64,
    pub refresh_token: Option<Secret<kind::RefreshToken>>,
    pub scope: String,
}

/// One request of a client's, after it has been authenticated.
struct Exchange<'a> {
    control: &'a Control,
    serving: &'a Serving,
    caller: &'a Caller,
    client: Client,
    /// Of a client that has no record.
    unregistered_status: Option<ClientStatus>,
    authenticated: ClientAuthenticated,
    attempt: Attempt,
    now: Timestamp,
}

impl Control {
    pub async fn exchange(
        &self,
        caller: Arc<Caller>,
        issuer_id: String,
        attempt: Attempt,
        presented: Presented,
        asked: Asked,
    ) -> Result<Tokens, Error> {
        let control = self.clone();
        self.to_the_end(async move {
            let serving = &control.issuer(&issuer_id, &caller).await?;
            let standing = control.standing_of(serving, &presented.credentials.client_id()?, asked.token()).await?;
            let exchange = control.request_of(serving, &caller, attempt, &presented, standing).await?;
            match asked {
                Asked::AuthorizationCode { code, exchange: rest } => exchange.authorization_code(&code, &rest).await,
                Asked::RefreshToken { refresh_token, request } => {
                    exchange.refresh_token(&refresh_token, &request).await
                }
                Asked::Other { grant_type } if grant_type.is_empty() => {
                    Err(Refusal::ParameterMissing("grant_type").into())
                }
                Asked::Other { .. } => Err(Refusal::GrantTypeUnsupported.into()),
            }
        })
        .await
    }

    async fn request_of<'a>(
        &'a self,
        serving: &'a Serving,
        caller: &'a Caller,
        attempt: Attempt,
        presented: &Presented,
        trust: ClientTrust,
    ) -> Result<Exchange<'a>, Error> {
        let now = self.clock.now();
        let (client, authenticated) = self.authenticate(&serving.issuer, presented, trust, attempt, now).await?;
        let unregistered_status = client.unregistered_status();
        Ok(Exchange {
            control: self,
            serving,
            caller,
            client: client.client,
            unregistered_status,
            authenticated,
            attempt,
            now,
        })
    }

    /// Whether the client is one that somebody has consented to, as far as what it presents proves that. Strangers with
    /// made-up ids must not be able to keep its document from being fetched.
    async fn standing_of(&self, serving: &Serving, client: &ClientId, token: &str) -> Result<ClientTrust, Error> {
        if !document::is_url(client) {
            return Ok(ClientTrust::Stranger);
        }
        let (issuer, keys, now) = (&serving.issuer, serving.keys(), self.clock.now());
        let proven = if let Some(token) = PresentedRefreshToken::parse(token) {
            let grant = self.store.grant(issuer, token.grant_id(), now).await?;
            grant.is_some_and(|grant| grant.value.client_id == *client && grant.value.minted(&token, keys))
        } else if let Some(code) = PresentedCode::parse(token) {
            let authorization = self.store.authorization(issuer, code.authorization_id(), now).await?;
            authorization.is_some_and(|found| found.value.issued(&code, client, keys))
        } else {
            false
        };
        Ok(if proven { ClientTrust::Consented } else { ClientTrust::Stranger })
    }
}

impl Asked {
    /// What was given out to a client earlier.
    fn token(&self) -> &str {
        match self {
            Asked::AuthorizationCode { code, .. } => code,
            Asked::RefreshToken { refresh_token, .. } => refresh_token,
            Asked::Other { .. } => "",
        }
    }
}

impl Exchange<'_> {
    /// The tokens of `issuance`: rebuilt from the record, the same as often as they are asked for.
    fn tokens(&self, grant: &Grant, issuance: &Issuance) -> Result<Tokens, Error> {
        let claims = AccessTokenClaims::new(grant, issuance, &self.serving.issuer);
        let refresh_token = if self.client.may(GrantType::RefreshToken) {
            Some(grant.refresh_token(issuance, self.serving.keys()).ok_or(Refusal::GrantEnded)?)
        } else {
            None
        };
        Ok(Tokens {
            access_token: self.serving.signing().sign(&claims).map_err(Error::Fault)?,
            expires_in_seconds: claims.lifetime_seconds(),
            refresh_token,
            scope: claims.scope,
        })
    }

    /// Ends the grant `id`, once.
    async fn end_grant(&self, id: GrantId, why: EndedBy, kind: &EventKind) -> Result<(), Error> {
        until_committed(|| async {
            let Some(stored) = self.control.store.grant(&self.serving.issuer, id, self.now).await? else {
                return Ok(Commit::Done(()));
            };
            if stored.value.status != GrantPhase::Live {
                return Ok(Commit::Done(()));
            }
            let about = EventTarget {
                subject: stored.value.subject.clone(),
                client_id: stored.value.client_id.clone(),
                resource: stored.value.resource.clone(),
                authorization_id: Some(stored.value.authorization_id),
            };
            let event =
                Event::new(kind.clone(), about, &self.caller.for_events(&self.serving.issuer), self.attempt, self.now);
            let ended = stored.value.end_by(why, self.now);
            let (store, issuer) = (&self.control.store, &self.serving.issuer);
            Ok(store
                .end_grant(issuer, &GrantEnd { expected: stored.version, ended: &ended, event: &event }, self.now)
                .await?
                .with(()))
        })
        .await
    }
}

/// What a grant type cannot do without. Left out, it is the request that is wrong (RFC 6749 §5.2): a client told
/// `invalid_grant` would throw good tokens away.
fn required<'a>(value: &'a str, name: &'static str) -> Result<&'a str, Refusal> {
    if value.is_empty() { Err(Refusal::ParameterMissing(name)) } else { Ok(value) }
}
