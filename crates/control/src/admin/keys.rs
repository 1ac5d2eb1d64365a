//! An issuer's keys: listed, and rotated by hand. Their material is never shown.

use lychgate_domain::Refusal;
use lychgate_domain::id::Attempt;
use lychgate_domain::keys::rotation::{KeyFamily, KeyState, RotationUrgency};
use lychgate_domain::keys::{KeyId, Purpose, digest};
use lychgate_domain::time::Timestamp;

use super::Admin;
use super::changes::{attempt_of, check_request_id};
use crate::ground::error::Error;
use crate::ground::propagation::KNOWN_AFTER;
use crate::keys::keyring::{ListedKey, RotationRequest};
use crate::state::CallContext;

/// A request to rotate keys.
#[derive(Debug)]
pub(crate) struct RotateKeys {
    pub(crate) families: Vec<KeyFamily>,
    pub(crate) request_id: String,
    pub(crate) urgency: RotationUrgency,
}

/// The rotation of one family.
#[derive(Debug)]
pub(crate) struct KeyRotation {
    pub(crate) family: KeyFamily,
    pub(crate) successor: KeyId,
    pub(crate) active_at: Timestamp,
    /// When the key before the successor is deleted; `None` if it is already.
    pub(crate) forgotten_at: Option<Timestamp>,
    pub(crate) broken: Option<Broken>,
}

/// The consequences of deleting compromised keys.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) what: &'static str,
    pub(crate) known_at: Timestamp,
}

impl Admin {
    pub(crate) async fn list_keys(&self) -> Result<Vec<ListedKey>, Error> {
        self.0.serving.key_manager.list(self.0.now).await
    }

    pub(crate) async fn rotate_keys(self, rotate: RotateKeys) -> Result<Vec<KeyRotation>, Error> {
        let call = self.0;
        call.state
            .clone()
            .to_the_end(async move {
                let attempt = attempt(&call, &rotate)?;
                let request = RotationRequest { families: rotate.families, urgency: rotate.urgency, attempt };
                let caller = call.caller.for_events(call.issuer());
                let keys = call.serving.key_manager.rotate(&request, &caller, call.now).await?;
                request.families.iter().map(|family| rotation(&keys, *family, &request)).collect()
            })
            .await
    }
}

/// The idempotency key includes the caller and everything the request says: the same request id from another principal, at
/// another issuer or with another urgency is another request.
fn attempt(call: &CallContext, rotate: &RotateKeys) -> Result<Attempt, Refusal> {
    check_request_id(&rotate.request_id)?;
    let (principal, issuer) = (call.caller.principal.name.as_str(), call.issuer().id.as_str());
    let urgency = match rotate.urgency {
        RotationUrgency::Planned => "planned",
        RotationUrgency::Compromised => "compromised",
    };
    let parts = [principal, issuer, &rotate.request_id, urgency];
    Ok(attempt_of(&digest("rotate keys", &parts.map(str::as_bytes))))
}

/// The successor is the key that this request made, however long ago, or else the announced key.
fn rotation(keys: &[ListedKey], family: KeyFamily, request: &RotationRequest) -> Result<KeyRotation, Error> {
    let of_family: Vec<_> = keys.iter().filter(|listed| listed.family == family).collect();
    let own = request.successor(family);
    let at = of_family.iter().position(|listed| listed.key.id == own);
    let at = at.or_else(|| of_family.iter().position(|listed| listed.key.state == KeyState::Announced));
    let at =
        at.ok_or_else(|| Error::Fault(anyhow::anyhow!("no {} key was made and none is announced", family.label())))?;
    let successor = &of_family[at];
    let before = at.checked_sub(1).and_then(|before| of_family[before].life.forgotten_at);
    let active_at = successor.life.active_at;
    Ok(KeyRotation {
        family,
        successor: successor.key.id,
        active_at,
        forgotten_at: before,
        broken: match request.urgency {
            RotationUrgency::Planned => None,
            RotationUrgency::Compromised => Some(Broken { what: breaks(family), known_at: active_at + KNOWN_AFTER }),
        },
    })
}

/// The consequences of deleting the keys of a family, and the remedy.
fn breaks(family: KeyFamily) -> &'static str {
    match family {
        KeyFamily::Signing => {
            "every access token issued so far is refused by verifiers that have fetched the key set since; clients refresh"
        }
        KeyFamily::Events => {
            "nothing yet, but digests of events that were signed since it leaked prove nothing by themselves: export the \
             events, and verify them from an export of before on, with the old public key"
        }
        KeyFamily::Derived(Purpose::Ticket) => "consent pages that are open now; people start again at the app",
        KeyFamily::Derived(Purpose::Form) => "forms that are open now; people load the page again",
        KeyFamily::Derived(Purpose::Cookie) => {
            "browsers are not recognised, and logins under way fail; people start again"
        }
        KeyFamily::Derived(Purpose::Login) => "logins under way at the upstream; people start again at the app",
        KeyFamily::Derived(Purpose::Code) => "authorization codes not yet redeemed; people start again at the app",
        KeyFamily::Derived(Purpose::Client) => {
            "registrations that are being repeated now get another id; registered clients are unaffected"
        }
        KeyFamily::Derived(Purpose::RefreshToken) => {
            "every refresh token: each grant ends with its access token, and its client asks the person again"
        }
        KeyFamily::Derived(Purpose::UpstreamTokens) => {
            "the upstream's tokens kept so far cannot be opened: people authorize again where a server needs them; \
             codes not yet redeemed fail. At the upstream they are still good: revoke them there"
        }
    }
}
