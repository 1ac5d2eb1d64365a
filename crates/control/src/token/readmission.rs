//! Entry rules at a refresh of ours: whether the person of a grant is still admitted. Part of step 4 of the token endpoint.
//!
//! The claims that the connection keeps can admit the person while they are young. Otherwise the upstream is asked: by a refresh
//! of its tokens, whose ID token states claims, or at its userinfo endpoint. An upstream that does not answer refuses no person:
//! the client tries again later.

use lychgate_domain::Refusal;
use lychgate_domain::issuer::{EntryFacts, KnownClaims, LearnedClaims, Readmission};
use lychgate_domain::token::Grant;
use lychgate_domain::upstream::connection::Need;

use super::live::live_with_connection;
use super::upstream_token::{UpstreamTokenAccess, UsableTokens};
use crate::ground::error::Error;
use crate::state::CommandContext;
use crate::upstream::{UpstreamError, UserinfoError};

/// Asks the entry rules about the person of `grant`. The inner error is [`Refusal::AccountNoLongerAllowed`], which ends the grant.
///
/// Refuses with [`Refusal::UpstreamLoginNeeded`] if only a login can tell, and with [`Refusal::UpstreamTokenUnavailable`] if the
/// upstream does not answer.
pub(super) async fn readmit(call: &CommandContext, grant: &Grant) -> Result<Result<(), Refusal>, Error> {
    let upstream = &call.serving.upstream;
    let judge = |known: KnownClaims<'_>| call.issuer().readmit(&grant.resource, &grant.subject, known);
    let kept = |learned: Option<&LearnedClaims>| judge(KnownClaims::Kept(learned, call.state.clock.now()));
    // Most issuers do not ask again, and need no record for that.
    let without_record = kept(None);
    if !matches!(without_record, Ok(Readmission::AskUpstream { .. })) {
        return Ok(without_record.map(drop));
    }
    let (_, connection) = live_with_connection(call, grant).await?;
    let known = connection.and_then(|read| read.value.open_tokens(call.issuer(), call.keys())?.claims);
    let Ok(Readmission::AskUpstream { too_old }) = kept(known.as_ref()) else {
        return Ok(Ok(()));
    };
    let need = if upstream.states_claims_at_refresh() { Need::YoungerThan(too_old) } else { Need::AccessToken };
    let access = UpstreamTokenAccess::needing(call, need);
    let usable = access.for_claims(grant.id).await?;
    if kept(usable.tokens.claims.as_ref()) == Ok(Readmission::Admitted) {
        return Ok(Ok(()));
    }
    let stated = match upstream.userinfo(&usable.tokens.access_token, call.state.clock.now()).await {
        Err(UserinfoError::TokenRejected) => {
            // An early 401 is believed once.
            let access = UpstreamTokenAccess::needing(call, Need::Instead(usable.tokens.access_token));
            let usable = access.for_claims(grant.id).await?;
            let stated = upstream.userinfo(&usable.tokens.access_token, call.state.clock.now()).await;
            learn(call, grant, (access, usable), stated).await?
        }
        stated => learn(call, grant, (access, usable), stated).await?,
    };
    Ok(judge(KnownClaims::Stated(&stated)).map(drop))
}

/// Stores what the upstream states about the person of `grant`, and returns it.
async fn learn(
    call: &CommandContext,
    grant: &Grant,
    (access, usable): (UpstreamTokenAccess, UsableTokens),
    stated: Result<EntryFacts, UserinfoError>,
) -> Result<LearnedClaims, Error> {
    let cause = match stated {
        Ok(EntryFacts { subject, claims }) if subject == grant.subject => {
            let learned = LearnedClaims { claims, at: call.state.clock.now() };
            access.learn(usable, &learned).await?;
            return Ok(learned);
        }
        // OIDC Core §5.3.2: such an answer must not be used.
        Ok(_) => anyhow::anyhow!("the userinfo endpoint speaks of another person"),
        Err(error) => UpstreamError::from(error).cause,
    };
    let (request_id, error) = (&call.caller.request_id, format!("{cause:#}"));
    tracing::warn!(request.id = request_id, issuer.id = %call.issuer().id, error, "the upstream states no claims of the person");
    Err(Refusal::UpstreamTokenUnavailable.into())
}
