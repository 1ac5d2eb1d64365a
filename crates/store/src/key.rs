//! The key of each record. Each begins with its issuer and consists of fixed-width and hashed parts, so that text chosen by
//! a client cannot reach into another record's range.

use lychgate_domain::id::{Attempt, AuthorizationId, ClientId, EventId, GrantId};
use lychgate_domain::issuer::IssuerUrl;
use lychgate_domain::keys::digest;
use lychgate_domain::revocation::DeferredTokens;
use lychgate_domain::subject::Subject;
use lychgate_domain::upstream::connection::connection_id;
use lychgate_domain::upstream::tokens::SealedFor;

use lychgate_engine::{Key, Space};

pub(crate) fn store_meta() -> Key {
    Key::new(Space::Meta, *b"store")
}

/// The part of this store in a copy. A copy does not copy it.
pub(crate) fn store_fence() -> Key {
    Key::new(Space::Meta, *b"copy")
}

pub(crate) fn keyring(issuer: &IssuerUrl) -> Key {
    Key::new(Space::Meta, [KEYRINGS, &issuer.digest()].concat())
}

/// The prefix of the keyrings of all issuers.
pub(crate) const KEYRINGS: &[u8] = b"keyring/";

/// The state of the issuer's chain of digests.
pub(crate) fn digest_chain(issuer: &IssuerUrl) -> Key {
    digest_chain_of(&issuer.digest())
}

/// The chain of the issuer that has this digest.
pub(crate) fn digest_chain_of(digest: &[u8]) -> Key {
    Key::new(Space::Meta, [DIGEST_CHAINS, digest].concat())
}

/// The prefix of the chains of all issuers.
pub(crate) const DIGEST_CHAINS: &[u8] = b"digests/";

pub(crate) fn is_digest_chain(key: &Key) -> bool {
    key.space == Space::Meta && key.bytes.starts_with(DIGEST_CHAINS)
}

/// Digests are ordered by number.
pub(crate) fn range_digest(issuer: &IssuerUrl, number: u64) -> Key {
    Key::new(Space::Digests, [issuer.digest().as_slice(), &number.to_be_bytes()].concat())
}

pub(crate) fn configuration_digest(issuer: &IssuerUrl) -> Key {
    Key::new(Space::Meta, [b"configuration/".as_slice(), &issuer.digest()].concat())
}

pub(crate) fn client(issuer: &IssuerUrl, id: &ClientId) -> Key {
    Key::new(Space::Clients, [issuer.digest(), hashed(id.as_str())].concat())
}

pub(crate) fn authorization(issuer: &IssuerUrl, id: AuthorizationId) -> Key {
    Key::new(Space::Authorizations, [issuer.digest(), *id.bytes()].concat())
}

/// Ordered by subject, so that the consents of one person are adjacent.
pub(crate) fn consent(issuer: &IssuerUrl, subject: &Subject, client: &ClientId, resource: &str) -> Key {
    let parts = [hashed(client.as_str()), hashed(resource)];
    Key::new(Space::Consents, [consents(issuer, Some(subject)), parts.concat()].concat())
}

/// The prefix of all consents of an issuer, or of one subject.
pub(crate) fn consents(issuer: &IssuerUrl, subject: Option<&Subject>) -> Vec<u8> {
    let subject = subject.map(|subject| hashed(subject.as_str()));
    [issuer.digest().as_slice(), subject.as_ref().map_or(&[], |subject| subject.as_slice())].concat()
}

pub(crate) fn grant(issuer: &IssuerUrl, id: GrantId) -> Key {
    Key::new(Space::Grants, [issuer.digest(), *id.bytes()].concat())
}

pub(crate) fn connection(issuer: &IssuerUrl, subject: &Subject) -> Key {
    Key::new(Space::Connections, [issuer.digest(), *connection_id(subject).bytes()].concat())
}

pub(crate) fn issuer_counter(issuer: &IssuerUrl) -> Key {
    issuer_counter_of(&issuer.digest())
}

/// The counter of the issuer that has this digest.
pub(crate) fn issuer_counter_of(digest: &[u8]) -> Key {
    Key::new(Space::Counters, [digest, b"i"].concat())
}

pub(crate) fn client_counter(issuer: &IssuerUrl, client: &ClientId) -> Key {
    client_counter_of(&issuer.digest(), client)
}

pub(crate) fn client_counter_of(digest: &[u8], client: &ClientId) -> Key {
    Key::new(Space::Counters, [digest, b"c", &hashed(client.as_str())].concat())
}

pub(crate) fn subject_counter(issuer: &IssuerUrl, subject: &Subject) -> Key {
    subject_counter_of(&issuer.digest(), subject)
}

pub(crate) fn subject_counter_of(digest: &[u8], subject: &Subject) -> Key {
    Key::new(Space::Counters, [digest, b"s", &hashed(subject.as_str())].concat())
}

/// `id` is a digest that includes the client's id.
pub(crate) fn assertion(issuer: &IssuerUrl, id: &[u8; 32]) -> Key {
    Key::new(Space::Assertions, [issuer.digest().as_slice(), id].concat())
}

/// `attempt` is derived from the caller and all parameters of the request.
pub(crate) fn request(issuer: &IssuerUrl, attempt: Attempt) -> Key {
    Key::new(Space::Requests, [issuer.digest(), *attempt.bytes()].concat())
}

/// Ordered by time: an event's id begins with it.
pub(crate) fn upstream_revocation(issuer: &IssuerUrl, id: EventId) -> Key {
    Key::new(Space::UpstreamRevocations, [issuer.digest(), *id.bytes()].concat())
}

/// Ordered by subject, and by the time of the revocation.
pub(crate) fn deferred_tokens(issuer: &IssuerUrl, deferred: &DeferredTokens) -> Key {
    let (kind, holder) = match &deferred.sealed_for {
        SealedFor::Grant(id) => (b"g", id.bytes()),
        SealedFor::Authorization(id) => (b"a", id.bytes()),
        SealedFor::Connection(id) => (b"c", id.bytes()),
    };
    let prefix = all_deferred_tokens(issuer, Some(&deferred.subject));
    let parts: [&[u8]; 4] = [&prefix, deferred.revocation.bytes(), kind, holder];
    Key::new(Space::UpstreamRevocations, parts.concat())
}

/// The prefix of the deferred tokens of an issuer, or of one subject. No issuer's digest begins like it.
pub(crate) fn all_deferred_tokens(issuer: &IssuerUrl, subject: Option<&Subject>) -> Vec<u8> {
    let subject = subject.map(|subject| hashed(subject.as_str()));
    let subject = subject.as_ref().map_or([].as_slice(), |subject| subject.as_slice());
    [DEFERRED, issuer.digest().as_slice(), subject].concat()
}

pub(crate) const DEFERRED: &[u8] = b"deferred/";

fn hashed(text: &str) -> [u8; 16] {
    let digest = digest("key", &[text.as_bytes()]);
    std::array::from_fn(|n| digest[n])
}
