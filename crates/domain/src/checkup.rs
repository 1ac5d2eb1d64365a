//! The checkup: an operator asks, through an issuer's public URL, whether this deployment answers there.
//!
//! The control plane issues a [`CheckupPass`] to an operator. A request that carries it goes through every proxy to an edge, and
//! the control plane seals what the edge saw of it. Only a control plane with the issuer's keys makes such an answer, and only
//! one can open it: a page, a script or a proxy that reads the answer learns nothing. A pass leads to no record and permits
//! nothing else. Without one the address is as unknown as any other.

use std::time::Duration;

use zeroize::Zeroizing;

use crate::browser::cookie::{Cookies, PREFIX, SetCookie};
use crate::entropy::{Entropy, random};
use crate::id;
use crate::issuer::Issuer;
use crate::keys::{Key, KeyId, Keys, Purpose};
use crate::time::Timestamp;

/// The life of a pass: an operator's command uses it at once, at several edges one after the other.
const LIFETIME: Duration = Duration::from_secs(300);

/// The longest observation that is sealed.
const MAX_OBSERVATION: usize = 4096;

/// A proof that an operator asked for a checkup of an issuer a short time ago.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckupPass {
    key: KeyId,
    issued_at: Timestamp,
    nonce: [u8; 16],
}

impl CheckupPass {
    /// A new pass.
    pub fn issue(keys: &Keys, entropy: &dyn Entropy, now: Timestamp) -> Self {
        Self { key: keys.active(Purpose::Cookie).id, issued_at: now, nonce: random(entropy) }
    }

    /// The pass as text: base64url of key id (4 bytes), time (8), nonce (16) and MAC (32). `None` if the key was deleted.
    pub fn text(&self, keys: &Keys) -> Option<String> {
        let content = self.content();
        Some(id::encode(&[content.as_slice(), &self.key(keys)?.mac("checkup", &[&content])].concat()))
    }

    /// The pass that `text` is; `None` if it is not one of these keys, or no longer in time.
    pub fn parse(text: &str, keys: &Keys, now: Timestamp) -> Option<Self> {
        let bytes: [u8; 60] = id::decode(text)?;
        let (content, tag) = bytes.split_first_chunk::<28>()?;
        let (key, rest) = content.split_first_chunk::<4>()?;
        let (issued, nonce) = rest.split_first_chunk::<8>()?;
        let pass = Self {
            key: KeyId::from_bytes(*key),
            issued_at: Timestamp::from_millis(u64::from_be_bytes(*issued)),
            nonce: nonce.try_into().ok()?,
        };
        let is_in_time = now.age_of_record(pass.issued_at).is_within(LIFETIME);
        (pass.key(keys)?.verify("checkup", &[content], tag) && is_in_time).then_some(pass)
    }

    /// The cookie of the answer, which tells whether proxies let cookies through. It leads to nothing.
    pub fn cookie(&self, issuer: &Issuer, keys: &Keys) -> Option<SetCookie> {
        let value = id::encode(&self.key(keys)?.mac("checkup cookie", &[&self.content()]));
        Some(SetCookie { name: cookie_name(issuer), value, max_age: Some(LIFETIME) })
    }

    /// Reports whether the cookie of this pass is among `cookies`.
    pub fn came_back(&self, cookies: &Cookies, issuer: &Issuer, keys: &Keys) -> bool {
        let tag = cookies.single(&cookie_name(issuer)).and_then(id::decode::<32>);
        let found = tag.zip(self.key(keys)).map(|(tag, key)| key.verify("checkup cookie", &[&self.content()], &tag));
        found.unwrap_or(false)
    }

    /// Seals what an edge saw of a request with this pass. `None` if it is longer than any edge sends, or the key was deleted.
    pub fn seal(&self, observation: &[u8], keys: &Keys, entropy: &dyn Entropy) -> Option<String> {
        let key = self.key(keys).filter(|_| observation.len() <= MAX_OBSERVATION)?;
        Some(id::encode(&key.seal(&[b"checkup answer", &self.content()], random(entropy), observation)))
    }

    /// Opens an answer to a request with this pass; `None` if it is none.
    pub fn open(&self, answer: &str, keys: &Keys) -> Option<Zeroizing<Vec<u8>>> {
        let answer = (answer.len() <= 2 * MAX_OBSERVATION).then(|| id::decode_vec(answer))??;
        self.key(keys)?.open(&[b"checkup answer", &self.content()], &answer)
    }

    fn key<'a>(&self, keys: &'a Keys) -> Option<&'a Key> {
        keys.find(Purpose::Cookie, self.key)
    }

    fn content(&self) -> [u8; 28] {
        let mut content = [0; 28];
        content[..4].copy_from_slice(&self.key.bytes());
        content[4..12].copy_from_slice(&self.issued_at.millis().to_be_bytes());
        content[12..].copy_from_slice(&self.nonce);
        content
    }
}

/// The prefix of all our cookies, so that an edge passes it on; the issuer's digest as in every other.
fn cookie_name(issuer: &Issuer) -> String {
    format!("{PREFIX}checkup-{}", id::encode(&issuer.url.digest()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::tests::Counting;
    use crate::issuer::tests::issuer;
    use crate::keys::tests::keys as keys_of;
    use crate::time::CLOCK_SKEW;

    const URL: &str = "https://gate.example";
    const ANOTHER: &str = "https://another.example";

    fn now() -> Timestamp {
        Timestamp::from_seconds(1_000_000)
    }

    fn pass() -> (CheckupPass, Keys) {
        let keys = keys_of(URL, 1);
        (CheckupPass::issue(&keys, &Counting::default(), now()), keys)
    }

    #[test]
    fn a_pass_is_good_for_five_minutes_at_its_issuer_only() {
        let (pass, keys) = pass();
        let text = pass.text(&keys).unwrap();
        // The clock of the node that is asked may be behind the clock of the node that issued the pass.
        let skewed = Timestamp::from_millis(now().millis() - CLOCK_SKEW.as_millis() as u64);
        for now in [now(), now() + LIFETIME, skewed] {
            assert_eq!(CheckupPass::parse(&text, &keys, now), Some(pass.clone()), "{now}");
        }
        let late = now() + LIFETIME + Duration::from_millis(1);
        let early = Timestamp::from_millis(skewed.millis() - 1);
        for now in [late, early, Timestamp::EPOCH] {
            assert_eq!(CheckupPass::parse(&text, &keys, now), None, "{now}");
        }
        assert_eq!(CheckupPass::parse(&text, &keys_of(ANOTHER, 1), now()), None);
    }

    #[test]
    fn a_changed_pass_is_none() {
        let (pass, keys) = pass();
        let text = pass.text(&keys).unwrap();
        let bytes: [u8; 60] = id::decode(&text).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes;
            changed[at] ^= 1;
            assert_eq!(CheckupPass::parse(&id::encode(&changed), &keys, now()), None, "byte {at}");
        }
        for text in ["", "x", &text[1..], &format!("{text}A")] {
            assert_eq!(CheckupPass::parse(text, &keys, now()), None, "{text}");
        }
    }

    #[test]
    fn a_cookie_belongs_to_its_pass() {
        let (pass, keys) = pass();
        let (issuer, entropy) = (issuer(), Counting::default());
        let other = CheckupPass { nonce: [9; 16], ..pass.clone() };
        let SetCookie { name, value, .. } = pass.cookie(&issuer, &keys).unwrap();
        let cookies = |pairs: &[(&str, &str)]| {
            Cookies(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
        };
        let returned = cookies(&[(&name, &value)]);
        assert!(pass.came_back(&returned, &issuer, &keys) && !other.came_back(&returned, &issuer, &keys));
        for wrong in [cookies(&[]), cookies(&[(&name, "")]), cookies(&[(&name, &value), (&name, &value)])] {
            assert!(!pass.came_back(&wrong, &issuer, &keys), "{wrong:?}");
        }
        let answer = pass.seal(b"seen", &keys, &entropy).unwrap();
        assert_ne!(answer, value);
    }

    #[test]
    fn an_answer_opens_only_for_its_pass_and_its_issuer() {
        let (pass, keys) = pass();
        let entropy = Counting::default();
        let other = CheckupPass { nonce: [9; 16], ..pass.clone() };
        let answer = pass.seal(b"seen", &keys, &entropy).unwrap();
        assert_eq!(pass.open(&answer, &keys).unwrap().as_slice(), b"seen");
        assert!(other.open(&answer, &keys).is_none());
        assert!(pass.open(&answer, &keys_of(ANOTHER, 1)).is_none());
        for wrong in ["", "not sealed", &answer[1..], &"A".repeat(2 * MAX_OBSERVATION + 1)] {
            assert!(pass.open(wrong, &keys).is_none());
        }
        assert!(pass.seal(&[0; MAX_OBSERVATION + 1], &keys, &entropy).is_none());
    }
}
