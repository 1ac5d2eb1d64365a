//! `grant_type=authorization_code` (RFC 6749 §4.1.3): steps 3 and 5 of the token endpoint.

use lychgate_domain::Refusal;
use lychgate_domain::entropy::random;
use lychgate_domain::event::{EventKind, EventTarget};
use lychgate_domain::flow::code::PresentedCode;
use lychgate_domain::flow::{AtExchange, Authorization, CodeExchange, CodePresentation, Issuance, Redeemed};
use lychgate_domain::keys::Purpose;
use lychgate_domain::token::Grant;
use lychgate_domain::upstream::tokens::{SealedFor, UpstreamTokens};
use lychgate_store::Versioned;
use lychgate_store::authorizations::Redemption;
use lychgate_store::grants::StoredGrantStatus;

use super::endpoint::{Claim, CodeClaim, Exchange, SpentCode};
use crate::ground::commit::Commit;
use crate::ground::error::Error;

impl Exchange<'_> {
    /// Step 3 for a code.
    pub(super) async fn claim_code(
        &self,
        code: &PresentedCode,
        exchange: &CodeExchange,
        stored: Versioned<Authorization>,
    ) -> Result<Claim<'static>, Error> {
        let (call, issuer, keys) = (self.call, self.call.issuer(), self.call.keys());
        let presentation = CodePresentation { code, client: &self.authenticated, exchange };
        match stored.value.at_exchange()? {
            AtExchange::Redeem(issued) => {
                let verified = issued.authenticate(&presentation, issuer, keys)?;
                issued.fresh(&issuer.lifetimes, call.now)?;
                let redeemed = issued.redeem(&verified, keys, call.attempt, call.now);
                let grant = self.first_grant(&redeemed)?;
                Ok(Claim::Code(Box::new(CodeClaim { redeemed, grant, expected: stored.version })))
            }
            AtExchange::Repeat(redeemed) => {
                redeemed.issued.authenticate(&presentation, issuer, keys)?;
                let grant_id = redeemed.grant_id;
                match redeemed.repeat(call.attempt) {
                    Ok(issuance) => {
                        let grant = call.store().grant(issuer, grant_id, call.now).await?;
                        let grant = Box::new(grant.ok_or(Refusal::GrantEnded)?.value);
                        Ok(Claim::Spent(SpentCode::BySameAttempt { grant, issuance }))
                    }
                    Err(refusal) => Ok(Claim::Spent(SpentCode::ByAnother { grant_id, refusal })),
                }
            }
        }
    }

    /// The grant that the code becomes. Of a code from a release without connections, it takes over the upstream's tokens,
    /// sealed anew.
    fn first_grant(&self, redeemed: &Redeemed) -> Result<Grant, Error> {
        let (issuer, keys, entropy) = (self.call.issuer(), self.call.keys(), self.call.entropy());
        let sealed_for = SealedFor::Authorization(redeemed.issued.approved.decided.id);
        let resealed = redeemed.issued.upstream_tokens.as_ref().map(|sealed| {
            let tokens = UpstreamTokens::open(sealed, sealed_for, issuer, keys).ok_or_else(|| {
                match keys.find(Purpose::UpstreamTokens, sealed.key) {
                    // The key was compromised and deleted. The tokens it sealed are lost: the person signs in again.
                    None => Error::from(Refusal::CodeInvalid),
                    Some(_) => Error::Fault(anyhow::anyhow!("the upstream's tokens do not open")),
                }
            })?;
            Ok::<_, Error>(tokens.seal(SealedFor::Grant(redeemed.grant_id), issuer, keys, entropy))
        });
        Ok(Grant::first(redeemed, &self.authenticated, random(entropy), resealed.transpose()?, &issuer.lifetimes))
    }

    /// Step 5 for a code: the single-use gate.
    ///
    /// *Serialization.* One batch replaces the authorization by its redeemed form, expecting the version that step 3 read,
    /// and creates the grant. Of any number of requests with one code, on any number of nodes, one batch lands; the others
    /// conflict, read again and find the code spent. The batch also expects consent, client and revocation counters
    /// unchanged: after a revocation that lands first, it conflicts and step 4 refuses.
    ///
    /// *Before minting.* Tokens exist only after the batch has landed. If they were minted first, a request that loses the
    /// race, or a process that dies in between, would hold tokens of a code that another request can still spend.
    ///
    /// *A lost answer.* Tokens follow from the record and its idempotency key. The same request sent again finds its own
    /// key in the redeemed record and gets the same tokens; a request with any other key is a replay and ends the grant
    /// (RFC 6749 §4.1.2, RFC 9700 §4.13).
    pub(super) async fn redeem(
        &self,
        claim: CodeClaim,
        status: &StoredGrantStatus,
    ) -> Result<Commit<(Grant, Issuance)>, Error> {
        let CodeClaim { redeemed, grant, expected } = claim;
        let (call, decided) = (self.call, &redeemed.issued.approved.decided);
        let consent = status.status.consent.clone().ok_or(Refusal::GrantEnded)?;
        let (consent, leaving) = consent.admit(grant.id, grant.end, call.now);
        let about = EventTarget {
            subject: redeemed.issued.subject.clone(),
            client_id: decided.client_id.clone(),
            resource: decided.resource.clone(),
            authorization_id: Some(decided.id),
        };
        let superseded = leaving.iter().map(|id| EventKind::GrantSuperseded { grant_id: *id });
        let issued = EventKind::GrantIssued { grant_id: grant.id, scopes: grant.scopes.to_string() };
        let events = call.events(std::iter::once(issued).chain(superseded), &about);
        let redemption = Redemption {
            redeemed: &redeemed,
            grant: &grant,
            consent: &consent,
            leaving: &leaving,
            status,
            events: &events,
        };
        let commit = call.store().redeem(call.issuer(), expected, &redemption, call.now).await?;
        let issuance = redeemed.issuance();
        Ok(commit.with((grant, issuance)))
    }
}
