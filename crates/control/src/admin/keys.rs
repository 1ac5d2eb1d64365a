//! An issuer's keys: which there are, and new ones now. Never their material.

use std::sync::Arc;

use lychgate_domain::Refusal;
use lychgate_domain::id::Attempt;
use lychgate_domain::keys::rotation::{KeyFamily, KeyState, RotationUrgency};
use lychgate_domain::keys::{KeyId, Purpose, digest};
use lychgate_domain::time::Timestamp;

use super::changes::check_request_id;
use crate::ground::caller::Caller;
use crate::ground::error::Error;
use crate::ground::propagation::KNOWN_AFTER;
use crate::keys::keyring::{ListedKey, RotationRequest};
use crate::state::Control;

/// `RotateKeys`, as it was asked.
#[derive(Debug)]
pub struct KeysAsked {
    pub families: Vec<KeyFamily>,
    pub request_id: String,
    pub urgency: RotationUrgency,
}

/// What became of one family.
#[derive(Debug)]
pub struct Rotated {
    pub family: KeyFamily,
    pub successor: KeyId,
    pub active_at: Timestamp,
    /// When the key before it is forgotten; `None` if it is already.
    pub forgotten_at: Option<Timestamp>,
    pub broken: Option<Broken>,
}

/// What the end of compromised keys ends.
#[derive(Debug)]
pub struct Broken {
    pub what: &'static str,
    pub known_at: Timestamp,
}

impl Control {
    pub async fn list_keys(&self, caller: &Caller, issuer_id: &str) -> Result<Vec<ListedKey>, Error> {
        self.issuers.key_manager(issuer_id, &caller.principal)?.list(self.clock.now()).await
    }

    pub async fn rotate_keys(
        &self,
        caller: Arc<Caller>,
        issuer_id: String,
        asked: KeysAsked,
    ) -> Result<Vec<Rotated>, Error> {
        let control = self.clone();
        self.to_the_end(async move {
            let issuer = control.issuers.issuer(&issuer_id, &caller.principal)?;
            let key_manager = control.issuers.key_manager(&issuer_id, &caller.principal)?;
            let attempt = attempt(&caller, &issuer_id, &asked)?;
            let request = RotationRequest { families: asked.families, urgency: asked.urgency, attempt };
            let keys = key_manager.rotate(&request, &caller.for_events(issuer), control.clock.now()).await?;
            request.families.iter().map(|family| rotated(&keys, *family, &request)).collect()
        })
        .await
    }
}

/// Whoever calls, and everything that was asked, is in it: the same request id in another's hand, at another issuer or
/// with other urgency is another request.
fn attempt(caller: &Caller, issuer_id: &str, asked: &KeysAsked) -> Result<Attempt, Refusal> {
    check_request_id(&asked.request_id)?;
    let id = asked.request_id.as_str();
    let urgency: &[u8] = match asked.urgency {
        RotationUrgency::Planned => b"planned",
        RotationUrgency::Compromised => b"compromised",
    };
    let hash = digest("rotate keys", &[caller.principal.name.as_bytes(), issuer_id.as_bytes(), id.as_bytes(), urgency]);
    Ok(Attempt::from_bytes(*hash.first_chunk().expect("16 of 32 bytes")))
}

/// The successor is the key that this request made, however long ago, or else the one that is announced.
fn rotated(keys: &[ListedKey], family: KeyFamily, request: &RotationRequest) -> Result<Rotated, Error> {
    let of_family: Vec<_> = keys.iter().filter(|listed| listed.family == family).collect();
    let own = request.successor(family);
    let at = of_family.iter().position(|listed| listed.key.id == own);
    let at = at.or_else(|| of_family.iter().position(|listed| listed.key.state == KeyState::Announced));
    let at =
        at.ok_or_else(|| Error::Fault(anyhow::anyhow!("no {} key was made and none is announced", family.label())))?;
    let successor = &of_family[at];
    let before = at.checked_sub(1).and_then(|before| of_family[before].life.forgotten_at);
    let active_at = successor.life.active_at;
    Ok(Rotated {
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

/// What is worth nothing without the keys it was made with, and what mends it.
fn breaks(family: KeyFamily) -> &'static str {
    match family {
        KeyFamily::Signing => {
            "every access token issued so far is refused by whoever has fetched the key set since; clients refresh"
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
