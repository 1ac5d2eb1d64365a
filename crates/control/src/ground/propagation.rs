//! How long a change takes to reach nodes, edges and verifiers.

use std::time::Duration;

use lychgate_api::KEY_SET_MAX_AGE;

/// How often a node reads its keyrings again: for changes by other nodes and for steps that are due.
pub(crate) const KEYRING_MAX_AGE: Duration = Duration::from_secs(30);
/// A node that could not read its keyring for this long describes no keys any more: another node may have replaced a compromised
/// one. Edges go on with what they know, for their own bound.
pub(crate) const UNREAD_KEYRING_MAX_AGE: Duration = Duration::from_secs(60);

/// How long an edge may use an answer of `IssuerService`.
pub(crate) const MAX_AGE: Duration = Duration::from_secs(60);

/// After this time, every verifier that honours `max-age` knows a new key and has dropped a removed one: a node reads
/// the keyring, an edge asks that node, a verifier fetches the key set from that edge.
pub(crate) const KNOWN_AFTER: Duration =
    Duration::from_secs(KEYRING_MAX_AGE.as_secs() + MAX_AGE.as_secs() + KEY_SET_MAX_AGE.as_secs());
