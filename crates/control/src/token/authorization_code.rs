//! `grant_type=authorization_code` (RFC 6749 §4.1.3).

use lychgate_domain::Refusal;
use lychgate_domain::client::GrantType;
use lychgate_domain::entropy::random;
use lychgate_domain::event::{Event, EventKind, EventTarget};
use lychgate_domain::flow::CodePresentation;
use lychgate_domain::flow::ExchangeVerified;
use lychgate_domain::flow::code::PresentedCode;
use lychgate_domain::flow::{AtExchange, CodeExchange, CodeIssued, Redeemed};
use lychgate_domain::keys::Purpose;
use lychgate_domain::token::{EndedBy, Grant};
use lychgate_domain::upstream::tokens::{SealedFor, UpstreamTokens};
use lychgate_engine::Version;
use lychgate_store::GrantStatusKey;
use lychgate_store::authorizations::Redemption;

use super::{Exchange, Tokens, required};
use crate::ground::commit::{Commit, until_committed};
use crate::ground::error::Error;

impl Exchange<'_> {
    pub(super) async fn authorization_code(&self, code: &str, asked: &CodeExchange) -> Result<Tokens, Error> {
        self.client.allowed(GrantType::AuthorizationCode)?;
        let code = PresentedCode::parse(required(code, "code")?).ok_or(Refusal::CodeInvalid)?;
        let (issuer, keys) = (&*self.serving.issuer, self.serving.keys());
        until_committed(|| async {
            let stored = self.control.store.authorization(issuer, code.authorization_id(), self.now).await?;
            let stored = stored.ok_or(Refusal::CodeInvalid)?;
            match stored.value.at_exchange()? {
                AtExchange::Redeem(issued) => {
                    let verified = issued.authenticate(
                        &CodePresentation { code: &code, client: &self.authenticated, exchange: asked },
                        issuer,
                        keys,
                    )?;
                    issued.fresh(&issuer.lifetimes, self.now)?;
                    self.redeem(issued, &verified, stored.version).await
                }
                AtExchange::Repeat(redeemed) => {
                    redeemed.issued.authenticate(
                        &CodePresentation { code: &code, client: &self.authenticated, exchange: asked },
                        issuer,
                        keys,
                    )?;
                    Ok(Commit::Done(self.redeemed(&redeemed).await?))
                }
            }
        })
        .await
    }

    async fn redeem(
        &self,
        issued: CodeIssued,
        verified: &ExchangeVerified,
        expected: Version,
    ) -> Result<Commit<Tokens>, Error> {
        let (control, issuer, keys) = (self.control, &self.serving.issuer, self.serving.keys());
        let about = EventTarget {
            subject: issued.subject.clone(),
            client_id: issued.approved.decided.client_id.clone(),
            resource: issued.approved.decided.resource.clone(),
            authorization_id: Some(issued.approved.decided.id),
        };
        let standing = control
            .store
            .grant_status(
                issuer,
                GrantStatusKey {
                    subject: &about.subject,
                    client: &about.client_id,
                    unregistered_status: self.unregistered_status,
                    resource: &about.resource,
                },
                self.now,
            )
            .await?;
        let redeemed = issued.redeem(verified, keys, self.attempt, self.now);
        let sealed_for = SealedFor::Authorization(redeemed.issued.approved.decided.id);
        let upstream_tokens = &redeemed.issued.upstream_tokens;
        let tokens = UpstreamTokens::open(upstream_tokens, sealed_for, issuer, keys).ok_or_else(|| {
            match keys.find(Purpose::UpstreamTokens, upstream_tokens.key) {
                // It was compromised, and is gone: what it sealed is lost, and the person signs in again.
                None => Error::from(Refusal::CodeInvalid),
                Some(_) => Error::Fault(anyhow::anyhow!("the upstream's tokens do not open")),
            }
        })?;
        let sealed = tokens.seal(SealedFor::Grant(redeemed.grant_id), issuer, keys, &*control.entropy);
        let grant = Grant::first(&redeemed, &self.authenticated, random(&*control.entropy), sealed, &issuer.lifetimes);
        // A revocation between login and exchange leaves nothing to redeem.
        grant.live(&standing.status, self.now)?;
        let consent = standing.status.consent.clone().ok_or(Refusal::GrantEnded)?;
        let (consent, leaving) = consent.admit(grant.id, grant.end, self.now);
        let superseded = leaving.iter().map(|id| EventKind::GrantSuperseded { grant_id: *id });
        let kinds = std::iter::once(EventKind::GrantIssued { grant_id: grant.id, scopes: grant.scopes.to_string() });
        let events: Vec<_> = (0u8..)
            .zip(kinds.chain(superseded))
            .map(|(n, kind)| {
                Event::new(kind, about.clone(), &self.caller.for_events(issuer), self.attempt, self.now)
                    .numbered(self.attempt, n)
            })
            .collect();
        let redemption = Redemption {
            redeemed: &redeemed,
            grant: &grant,
            consent: &consent,
            leaving: &leaving,
            status: &standing,
            events: &events,
        };
        match control.store.redeem(issuer, expected, &redemption, self.now).await? {
            Commit::Done(_) => Ok(Commit::Done(self.tokens(&grant, &redeemed.issuance())?)),
            Commit::Conflict => Ok(Commit::Conflict),
        }
    }

    /// The code was redeemed before: by this very attempt, whose answer was lost, or it is a replay (RFC 6749 §4.1.2).
    async fn redeemed(&self, redeemed: &Redeemed) -> Result<Tokens, Error> {
        match redeemed.repeat(self.attempt) {
            Ok(issuance) => {
                let grant = self.control.store.grant(&self.serving.issuer, redeemed.grant_id, self.now).await?;
                let grant = grant.ok_or(Refusal::GrantEnded)?.value;
                self.live(&grant).await?;
                self.tokens(&grant, &issuance)
            }
            Err(replayed) => {
                let (grant_id, kind) = (redeemed.grant_id, EventKind::CodeReplayed { grant_id: redeemed.grant_id });
                self.end_grant(grant_id, EndedBy::CodeReplay, &kind).await?;
                Err(replayed.into())
            }
        }
    }
}
