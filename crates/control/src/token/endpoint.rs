//! The token endpoint (`POST /token`, RFC 6749 §3.2) as one pipeline. Every grant type takes every step, in this order:
//!
//! 1. **authenticate** the client;
//! 2. **authorize**: may this client use this grant type?
//! 3. **load** the record that the code or refresh token names, and prove that the token is of it and is the client's; the
//!    client's assertion is used up then, and not for a token that was made up;
//! 4. **judge**: is everything that the grant depends on live, and what does the request come to?
//! 5. **commit** what it comes to, once ([`Exchange::redeem`] is the single-use gate);
//! 6. **mint** the tokens from the committed record.
//!
//! Steps 3 to 5 are repeated after a conflict. A grant type fills in steps 3 and 5 (`authorization_code.rs`,
//! `refresh_token.rs`); it cannot skip one.

use lychgate_domain::Refusal;
use lychgate_domain::authentication::{AssertionAccepted, ClientAuthenticated};
use lychgate_domain::client::{Client, GrantType};
use lychgate_domain::event::EventKind;
use lychgate_domain::flow::code::PresentedCode;
use lychgate_domain::flow::{Authorization, CodeExchange, Issuance, Redeemed};
use lychgate_domain::id::{ClientId, GrantId};
use lychgate_domain::keys::Keys;
use lychgate_domain::registration::document;
use lychgate_domain::secret::{Secret, kind};
use lychgate_domain::subject::Subject;
use lychgate_domain::token::refresh_token::PresentedRefreshToken;
use lychgate_domain::token::{AccessTokenClaims, EndedBy, Grant, RefreshRequest};
use lychgate_engine::Version;
use lychgate_store::Versioned;
use lychgate_store::grants::{Rotation, StoredGrantStatus};

use super::live::{end_grant, live};
use crate::client_metadata::ClientTrust;
use crate::clients::{self, AuthenticatedClient, ClientCredentials};
use crate::ground::commit::{Commit, until_committed};
use crate::ground::error::Error;
use crate::state::CommandContext;

/// `POST /token` and `POST /revoke`.
pub(crate) struct TokenEndpoint(pub(crate) CommandContext);

/// A token request, by its grant type.
#[derive(Debug)]
pub(crate) enum TokenRequest {
    AuthorizationCode { code: String, exchange: CodeExchange },
    RefreshToken { refresh_token: String, request: RefreshRequest },
    Other { grant_type: String },
}

/// RFC 6749 §5.1.
#[derive(Debug)]
pub(crate) struct Tokens {
    pub(crate) access_token: String,
    pub(crate) expires_in_seconds: u64,
    pub(crate) refresh_token: Option<Secret<kind::RefreshToken>>,
    pub(crate) scope: String,
}

impl TokenEndpoint {
    pub(crate) async fn exchange(self, credentials: ClientCredentials, request: TokenRequest) -> Result<Tokens, Error> {
        self.0.state.clone().to_the_end(async move { self.pipeline(&credentials, &request).await }).await
    }

    async fn pipeline(&self, credentials: &ClientCredentials, request: &TokenRequest) -> Result<Tokens, Error> {
        let presented = request.presented();

        // 1. Authenticate the client.
        let exchange = &self.authenticate(credentials, presented.as_ref().ok()).await?;

        // 2. May this client use this grant type?
        exchange.client.allowed(request.grant_type()?)?;

        let presented = &presented?;
        let committed = until_committed(|| async move {
            // 3. Load the record that the token names.
            let record = presented.load(&self.0).await?.ok_or_else(|| presented.unknown())?;
            let claim = exchange.claim(presented, record, request).await?;
            exchange.use_up_assertion().await?;
            // 4. Judge: is everything live, and what does the request come to?
            let outcome = exchange.judge(claim).await?;
            // 5. Commit.
            exchange.commit(outcome).await
        });
        let (grant, issuance) = committed.await?;

        // 6. Mint.
        exchange.mint(&grant, &issuance)
    }

    /// Step 1. The document of a client that has one is fetched from the client's host. How much of that work a request
    /// may cause depends on what it presents: a code or refresh token of the client proves that a person has consented to
    /// the client, and strangers with made-up ids cannot use up its share. The record that proves it is read again in
    /// step 3: the client's host decides how long its document takes, and a grant that ended meanwhile must not be
    /// judged as it was before.
    pub(super) async fn authenticate(
        &self,
        credentials: &ClientCredentials,
        presented: Option<&PresentedToken>,
    ) -> Result<Exchange<'_>, Error> {
        let id = credentials.credentials.client_id()?;
        let record = match presented {
            Some(presented) if document::is_url(&id) => {
                presented.load(&self.0).await?.map(|record| (record, presented))
            }
            Some(_) | None => None,
        };
        let proven = record.as_ref().and_then(|(record, presented)| record.proves(presented, &id, self.0.keys()));
        let trust = proven.map_or(ClientTrust::Stranger, ClientTrust::by);
        let AuthenticatedClient { client, proof, assertion } =
            clients::authenticate(&self.0, credentials, trust).await?;
        Ok(Exchange { call: &self.0, client, authenticated: proof, assertion })
    }
}

/// A code or a refresh token that has the right form.
pub(super) enum PresentedToken {
    Code(PresentedCode),
    Refresh(PresentedRefreshToken),
}

/// The record that a presented token names.
pub(super) enum Record {
    Authorization(Box<Versioned<Authorization>>),
    Grant {
        grant: Box<Versioned<Grant>>,
        /// Whether the presented refresh token is one of this grant's.
        is_minted: bool,
    },
}

/// Step 3's result: a token that was proven to be the client's, and the grant it stands for.
pub(super) enum Claim<'a> {
    /// An unspent code, and the grant it would become.
    Code(Box<CodeClaim>),
    /// A code that was spent before.
    Spent(SpentCode),
    RefreshToken {
        token: &'a PresentedRefreshToken,
        request: &'a RefreshRequest,
        grant: Box<Versioned<Grant>>,
    },
}

/// An unspent code of the client, and what becomes of it.
pub(super) struct CodeClaim {
    pub(super) redeemed: Redeemed,
    pub(super) grant: Grant,
    /// The version that the authorization was read at.
    pub(super) expected: Version,
}

/// A code that was spent before.
pub(super) enum SpentCode {
    /// By this very request, which lost its answer.
    BySameAttempt { grant: Box<Grant>, issuance: Issuance },
    /// A replay (RFC 6749 §4.1.2).
    ByAnother { grant_id: GrantId, refusal: Refusal },
}

/// Step 4's result.
pub(super) enum TokenOutcome {
    Redeem {
        claim: Box<CodeClaim>,
        status: Box<StoredGrantStatus>,
    },
    Rotate {
        expected: Version,
        next: Box<Grant>,
        status: Box<StoredGrantStatus>,
    },
    /// The same tokens again: the answer of the request that was first given them was lost.
    Repeat {
        grant: Box<Grant>,
        issuance: Issuance,
    },
    /// The grant ends: its code or refresh token was used twice, and the thief and the client cannot be told apart; or the
    /// entry rules do not admit the person any longer.
    End {
        grant_id: GrantId,
        why: EndedBy,
        kind: EventKind,
        refusal: Refusal,
    },
}

/// A token request of an authenticated client.
pub(super) struct Exchange<'a> {
    pub(super) call: &'a CommandContext,
    pub(super) client: Client,
    pub(super) authenticated: ClientAuthenticated,
    assertion: Option<AssertionAccepted>,
}

impl Exchange<'_> {
    /// Uses the client's assertion up, if it sent one. The same request sent again finds its own use.
    pub(super) async fn use_up_assertion(&self) -> Result<(), Error> {
        match &self.assertion {
            Some(assertion) => clients::use_up(self.call, assertion).await,
            None => Ok(()),
        }
    }

    /// Step 3, once the record is read.
    async fn claim<'a>(
        &self,
        presented: &'a PresentedToken,
        record: Record,
        request: &'a TokenRequest,
    ) -> Result<Claim<'a>, Error> {
        match (presented, record, request) {
            (
                PresentedToken::Code(code),
                Record::Authorization(stored),
                TokenRequest::AuthorizationCode { exchange, .. },
            ) => self.claim_code(code, exchange, *stored).await,
            (
                PresentedToken::Refresh(token),
                Record::Grant { grant, is_minted },
                TokenRequest::RefreshToken { request, .. },
            ) => {
                self.prove_refresh_token(&grant.value, is_minted)?;
                Ok(Claim::RefreshToken { token, request, grant })
            }
            (PresentedToken::Code(_) | PresentedToken::Refresh(_), _, _) => Err(presented.unknown().into()),
        }
    }

    /// Step 4.
    async fn judge(&self, claim: Claim<'_>) -> Result<TokenOutcome, Error> {
        let call = self.call;
        match claim {
            Claim::Code(claim) => {
                // A revocation between login and exchange leaves nothing to redeem.
                let status = Box::new(live(call, &claim.grant).await?);
                Ok(TokenOutcome::Redeem { claim, status })
            }
            Claim::Spent(SpentCode::BySameAttempt { grant, issuance }) => {
                live(call, &grant).await?;
                Ok(TokenOutcome::Repeat { grant, issuance })
            }
            Claim::Spent(SpentCode::ByAnother { grant_id, refusal }) => {
                let (why, kind) = (EndedBy::CodeReplay, EventKind::CodeReplayed { grant_id });
                Ok(TokenOutcome::End { grant_id, why, kind, refusal })
            }
            Claim::RefreshToken { token, request, grant: current } => {
                let status = live(call, &current.value).await?;
                self.judge_refresh(token, request, *current, status).await
            }
        }
    }

    /// Step 5: the grant as it is stored now, and what to mint.
    async fn commit(&self, outcome: TokenOutcome) -> Result<Commit<(Grant, Issuance)>, Error> {
        match outcome {
            TokenOutcome::Redeem { claim, status } => self.redeem(*claim, &status).await,
            TokenOutcome::Rotate { expected, next, status } => {
                let (store, issuer) = (self.call.store(), self.call.issuer());
                let rotation = Rotation { expected, grant: &next, status: &status };
                let commit = store.rotate(issuer, &rotation, self.call.now).await?;
                let issuance = next.current.clone();
                Ok(commit.with((*next, issuance)))
            }
            TokenOutcome::Repeat { grant, issuance } => Ok(Commit::Done((*grant, issuance))),
            TokenOutcome::End { grant_id, why, kind, refusal } => {
                end_grant(self.call, grant_id, why, &kind).await?;
                Err(refusal.into())
            }
        }
    }

    /// Step 6. The tokens follow from the record alone: minted again, they are the same.
    fn mint(&self, grant: &Grant, issuance: &Issuance) -> Result<Tokens, Error> {
        let claims = AccessTokenClaims::new(grant, issuance, self.call.issuer());
        let refresh_token = if self.client.may(GrantType::RefreshToken) {
            Some(grant.refresh_token(issuance, self.call.keys()).ok_or(Refusal::GrantEnded)?)
        } else {
            None
        };
        Ok(Tokens {
            access_token: self.call.serving.signing().sign(&claims).map_err(Error::Fault)?,
            expires_in_seconds: claims.lifetime_seconds(),
            refresh_token,
            scope: claims.scope,
        })
    }
}

impl PresentedToken {
    /// Reads the record; the MAC of a refresh token is verified here, and nowhere else.
    pub(super) async fn load(&self, call: &CommandContext) -> Result<Option<Record>, Error> {
        let (store, issuer, now) = (call.store(), call.issuer(), call.now);
        Ok(match self {
            PresentedToken::Code(code) => store
                .authorization(issuer, code.authorization_id(), now)
                .await?
                .map(|found| Record::Authorization(Box::new(found))),
            PresentedToken::Refresh(token) => {
                let grant = store.grant(issuer, token.grant_id(), now).await?;
                grant.map(|grant| {
                    let is_minted = grant.value.minted(token, call.keys());
                    Record::Grant { grant: Box::new(grant), is_minted }
                })
            }
        })
    }

    /// The refusal of a token that names no record.
    fn unknown(&self) -> Refusal {
        match self {
            PresentedToken::Code(_) => Refusal::CodeInvalid,
            PresentedToken::Refresh(_) => Refusal::RefreshTokenInvalid,
        }
    }
}

impl Record {
    /// The subject of `presented`, if it was given to `client`. Proves nothing about the sender of the
    /// request.
    fn proves(&self, presented: &PresentedToken, client: &ClientId, keys: &Keys) -> Option<&Subject> {
        match (self, presented) {
            (Record::Grant { grant, is_minted }, PresentedToken::Refresh(_)) => {
                (*is_minted && grant.value.client_id == *client).then_some(&grant.value.subject)
            }
            (Record::Authorization(stored), PresentedToken::Code(code)) => stored.value.issued(code, client, keys),
            (Record::Grant { .. } | Record::Authorization(_), _) => None,
        }
    }
}

impl TokenRequest {
    /// The grant type of the request. Discovery publishes [`GrantType::ALL`]; each of them has a variant here.
    fn grant_type(&self) -> Result<GrantType, Refusal> {
        match self {
            TokenRequest::AuthorizationCode { .. } => Ok(GrantType::AuthorizationCode),
            TokenRequest::RefreshToken { .. } => Ok(GrantType::RefreshToken),
            TokenRequest::Other { grant_type } if grant_type.is_empty() => Err(Refusal::ParameterMissing("grant_type")),
            TokenRequest::Other { .. } => Err(Refusal::GrantTypeUnsupported),
        }
    }

    fn presented(&self) -> Result<PresentedToken, Refusal> {
        match self {
            TokenRequest::AuthorizationCode { code, .. } => {
                let code = PresentedCode::parse(required(code, "code")?).ok_or(Refusal::CodeInvalid)?;
                Ok(PresentedToken::Code(code))
            }
            TokenRequest::RefreshToken { refresh_token, .. } => {
                let token = PresentedRefreshToken::parse(required(refresh_token, "refresh_token")?);
                Ok(PresentedToken::Refresh(token.ok_or(Refusal::RefreshTokenInvalid)?))
            }
            TokenRequest::Other { .. } => Err(Refusal::GrantTypeUnsupported),
        }
    }
}

/// A parameter that a grant type requires. Without it the request is wrong (RFC 6749 §5.2): a client that was told
/// `invalid_grant` would throw good tokens away.
fn required<'a>(value: &'a str, name: &'static str) -> Result<&'a str, Refusal> {
    if value.is_empty() { Err(Refusal::ParameterMissing(name)) } else { Ok(value) }
}
