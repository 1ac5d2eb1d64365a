//! The one check that a grant is live, for redemption, refresh, introspection, verification and upstream tokens; and the end of a
//! grant.

use lychgate_domain::event::{EventKind, EventTarget};
use lychgate_domain::id::GrantId;
use lychgate_domain::token::{EndedBy, Grant, GrantPhase};
use lychgate_domain::upstream::connection::Connection;
use lychgate_store::grants::GrantEnd;
use lychgate_store::grants::StoredGrantStatus;
use lychgate_store::{GrantStatusKey, Versioned};

use crate::clients::unregistered_status;
use crate::ground::commit::{Commit, until_committed};
use crate::ground::error::Error;
use crate::state::{CallContext, CommandContext};

/// The status of everything that `grant` depends on (consent, client, revocation counters), read in one snapshot. Refuses
/// unless all of it is live. A commit that expects this status conflicts with every later revocation.
pub(super) async fn live(call: &CallContext, grant: &Grant) -> Result<StoredGrantStatus, Error> {
    let status = call.store().grant_status(call.issuer(), status_key(call, grant), call.now).await?;
    grant.live(&status.status, call.now)?;
    Ok(status)
}

/// The same, with the connection of the grant's subject from the same snapshot; `None` if there is none.
pub(super) async fn live_with_connection(
    call: &CallContext,
    grant: &Grant,
) -> Result<(StoredGrantStatus, Option<Versioned<Connection>>), Error> {
    let (status, connection) =
        call.store().grant_status_and_connection(call.issuer(), status_key(call, grant), call.now).await?;
    grant.live(&status.status, call.now)?;
    Ok((status, connection))
}

fn status_key<'a>(call: &'a CallContext, grant: &'a Grant) -> GrantStatusKey<'a> {
    let Grant { subject, client_id, resource, .. } = grant;
    let unregistered_status = unregistered_status(call.issuer(), client_id);
    GrantStatusKey { subject, client: client_id, unregistered_status, resource }
}

/// Ends the grant `id`, once, with an event.
pub(super) async fn end_grant(call: &CommandContext, id: GrantId, why: EndedBy, kind: &EventKind) -> Result<(), Error> {
    let (store, issuer, now) = (call.store(), call.issuer(), call.now);
    until_committed(|| async {
        let Some(stored) = store.grant(issuer, id, now).await?.filter(|stored| stored.value.phase == GrantPhase::Live)
        else {
            return Ok(Commit::Done(()));
        };
        let about = EventTarget {
            subject: stored.value.subject.clone(),
            client_id: stored.value.client_id.clone(),
            resource: stored.value.resource.clone(),
            authorization_id: Some(stored.value.authorization_id),
        };
        let event = call.event(kind.clone(), about);
        let (expected, ended) = (stored.version, stored.value.end_by(why, now));
        let end = GrantEnd { expected, ended: &ended, event: &event };
        Ok(store.end_grant(issuer, &end, now).await?.with(()))
    })
    .await
}
