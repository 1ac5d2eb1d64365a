//! Where each record lies. Keys are built of fixed-width and hashed parts, so that no stranger's string can reach into
//! another's range; each begins with its issuer.

use lychgate_domain::id::{Attempt, AuthorizationId, ClientId, EventId, GrantId};
use lychgate_domain::issuer::IssuerUrl;
use lychgate_domain::keys::digest;
use lychgate_domain::subject::Subject;

use lychgate_engine::{Key, Space};

pub(crate) fn store_meta() -> Key {
    Key::new(Space::Meta, *b"store")
}

pub(crate) fn keyring(issuer: &IssuerUrl) -> Key {
    Key::new(Space::Meta, [b"keyring/".as_slice(), &issuer.digest()].concat())
}

/// Where the issuer's chain of digests has got to.
pub(crate) fn digest_chain(issuer: &IssuerUrl) -> Key {
    Key::new(Space::Meta, [b"digests/".as_slice(), &issuer.digest()].concat())
}

/// In the order of their numbers.
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

/// Ordered by subject, so that what one person allowed lies together.
pub(crate) fn consent(issuer: &IssuerUrl, subject: &Subject, client: &ClientId, resource: &str) -> Key {
    let parts = [hashed(client.as_str()), hashed(resource)];
    Key::new(Space::Consents, [consents(issuer, Some(subject)), parts.concat()].concat())
}

/// What all consents begin with: an issuer's, or one subject's.
pub(crate) fn consents(issuer: &IssuerUrl, subject: Option<&Subject>) -> Vec<u8> {
    let subject = subject.map(|subject| hashed(subject.as_str()));
    [issuer.digest().as_slice(), subject.as_ref().map_or(&[], |subject| subject.as_slice())].concat()
}

pub(crate) fn grant(issuer: &IssuerUrl, id: GrantId) -> Key {
    Key::new(Space::Grants, [issuer.digest(), *id.bytes()].concat())
}

pub(crate) fn issuer_counter(issuer: &IssuerUrl) -> Key {
    Key::new(Space::Counters, [issuer.digest().as_slice(), b"i"].concat())
}

pub(crate) fn client_counter(issuer: &IssuerUrl, client: &ClientId) -> Key {
    Key::new(Space::Counters, [issuer.digest().as_slice(), b"c", &hashed(client.as_str())].concat())
}

pub(crate) fn subject_counter(issuer: &IssuerUrl, subject: &Subject) -> Key {
    Key::new(Space::Counters, [issuer.digest().as_slice(), b"s", &hashed(subject.as_str())].concat())
}

/// By its digest, which its client's id has entered.
pub(crate) fn assertion(issuer: &IssuerUrl, id: &[u8; 32]) -> Key {
    Key::new(Space::Assertions, [issuer.digest().as_slice(), id].concat())
}

/// By the attempt that whoever asked, and everything that names the request, have entered.
pub(crate) fn request(issuer: &IssuerUrl, attempt: Attempt) -> Key {
    Key::new(Space::Requests, [issuer.digest(), *attempt.bytes()].concat())
}

/// By its event, whose id begins with the time.
pub(crate) fn upstream_revocation(issuer: &IssuerUrl, id: EventId) -> Key {
    Key::new(Space::UpstreamRevocations, [issuer.digest(), *id.bytes()].concat())
}

fn hashed(text: &str) -> [u8; 16] {
    *digest("key", &[text.as_bytes()]).first_chunk().expect("16 of 32 bytes")
}
