//! Verifies that an export is complete and unchanged, by its own content and the public keys alone.
//!
//! It follows `docs/events.md`, like a verifier that others may write, and shares no code with the control plane that seals.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::digest::{Claims, Digest, Keys, Signature, digest_of, hashed};

/// The result of a verification. The export is good if there are no problems.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(super) problems: Vec<String>,
    pub(super) summary: String,
    /// The numbers of the ranges that have events of which the export has none, be it because they are past their retention.
    pub(super) absent: Vec<u64>,
}

/// Verifies an export line by line.
#[derive(Debug)]
pub(crate) struct ExportVerifier {
    keys: Keys,
    /// The last digest of an older export, which this one must continue.
    older: Option<String>,
    older_found: bool,
    partial: bool,
    /// The lines since the newest digest.
    range: Range,
    newest: Option<Link>,
    /// The number of the first digest.
    first: u64,
    events: u64,
    /// Digests with unknown keys. A later digest with a good signature vouches for them, because it includes their hashes.
    unsigned: Vec<u64>,
    /// Ranges of which all events are missing, with their number of events.
    absent: Vec<(u64, u64)>,
    problems: Vec<String>,
}

#[derive(Debug, Default)]
struct Range {
    hash: Sha256,
    count: u64,
}

/// A digest in the chain.
#[derive(Debug)]
struct Link {
    claims: Claims,
    /// Hash of its compact serialization.
    hash: String,
}

impl ExportVerifier {
    pub(super) fn new(keys: Keys, older: Option<String>, partial: bool) -> Self {
        Self {
            keys,
            older,
            older_found: false,
            partial,
            range: Range::default(),
            newest: None,
            first: 0,
            events: 0,
            unsigned: Vec::new(),
            absent: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// Takes the next line, without its line feed.
    pub(super) fn line(&mut self, line: &[u8]) {
        match digest_of(line) {
            Some(jws) => self.digest(&jws),
            None => {
                self.range.hash.update(line);
                self.range.hash.update(b"\n");
                self.range.count += 1;
                self.events += 1;
            }
        }
    }

    fn digest(&mut self, jws: &str) {
        let range = std::mem::take(&mut self.range);
        let Some(digest) = Digest::parse(jws) else {
            let newest = self.newest.as_ref();
            let after =
                newest.map_or("at the beginning".to_owned(), |newest| format!("after digest {}", newest.claims.number));
            self.problems.push(format!("{after} there is a digest that cannot be read"));
            return;
        };
        let claims = &digest.claims;
        let number = claims.number;
        if let Err(problem) = self.follows(claims) {
            self.problems.push(format!("digest {number}: {problem}"));
            // Digests after a broken link cannot vouch for digests before it.
            self.reject_unsigned();
        }
        if let Some(older) = &self.older {
            self.older_found |= older == jws || claims.previous.as_deref() == Some(&hashed(older.as_bytes()));
        }
        self.signature(&digest);
        self.compare(claims, range);
        if self.newest.is_none() {
            self.first = number;
        }
        self.newest = Some(Link { claims: digest.claims, hash: hashed(jws.as_bytes()) });
    }

    /// Checks the position of a digest in the chain.
    fn follows(&self, claims: &Claims) -> Result<(), String> {
        let number = claims.number;
        let Some(before) = &self.newest else {
            // Only the first digest of an issuer has no predecessor.
            return if (number == 1) == claims.previous.is_none() {
                Ok(())
            } else {
                Err("it does not name the digest before it".to_owned())
            };
        };
        let due = before.claims.number.saturating_add(1);
        if claims.iss != before.claims.iss {
            return Err(format!("it belongs to another issuer, {:?}", claims.iss));
        }
        if number > due {
            return Err(format!("the digests before it are missing, from {due} on"));
        }
        if number < due {
            return Err(format!("it is repeated or out of order: digest {due} must come here"));
        }
        if claims.previous.as_deref() != Some(&before.hash) {
            return Err(format!("it was not made after digest {} of this export", before.claims.number));
        }
        Ok(())
    }

    fn signature(&mut self, digest: &Digest) {
        let number = digest.claims.number;
        match self.keys.verify(digest) {
            Signature::Good => {
                self.unsigned.clear();
                if let Some(key) = &digest.claims.next_key
                    && !self.keys.add(key)
                {
                    self.problems.push(format!("digest {number}: the key that it announces is no P-256 key"));
                }
            }
            Signature::Bad => {
                self.problems.push(format!("digest {number}: its signature is wrong: it was changed or forged"))
            }
            Signature::UnknownKey => self.unsigned.push(number),
        }
    }

    /// Compares the range before a digest with its claims.
    fn compare(&mut self, claims: &Claims, range: Range) {
        let number = claims.number;
        if range.count == 0 && claims.count > 0 {
            self.absent.push((number, claims.count));
            return;
        }
        let hash = URL_SAFE_NO_PAD.encode(range.hash.finalize());
        let sealed = format!("range {number} (sealed {:?})", claims.time);
        if range.count != claims.count {
            self.problems
                .push(format!("{sealed}: there are {} events, and its digest counts {}", range.count, claims.count));
        } else if hash != claims.hash {
            self.problems.push(format!("{sealed}: its events were changed, exchanged or moved"));
        }
    }

    fn reject_unsigned(&mut self) {
        let numbers = std::mem::take(&mut self.unsigned);
        if let (Some(first), Some(last)) = (numbers.first(), numbers.last()) {
            self.problems.push(format!(
                "digests {first} to {last}: their keys are not in the key set, and no later digest vouches for them"
            ));
        }
    }

    pub(super) fn finish(mut self) -> Verdict {
        self.reject_unsigned();
        let Some(newest) = self.newest.take() else {
            self.problems.push("there is no digest: the file is no export, or was cut before the first one".to_owned());
            return Verdict { problems: self.problems, summary: "nothing was verified".to_owned(), absent: Vec::new() };
        };
        self.check_ends(&newest.claims);
        let (number, kept_from) = (newest.claims.number, newest.claims.kept_from);
        let forgotten =
            if kept_from > 1 { format!("; ranges before {kept_from} are past their retention") } else { String::new() };
        let summary = format!(
            "{} events of {:?}, ranges {} to {number}{forgotten}; sealed {:?}",
            self.events, newest.claims.iss, self.first, newest.claims.time
        );
        let absent = self.absent.into_iter().map(|(number, _)| number).collect();
        Verdict { problems: self.problems, summary, absent }
    }

    /// Checks that nothing is missing before the first digest, after the last one, or in ranges within their retention.
    fn check_ends(&mut self, newest: &Claims) {
        if self.range.count > 0 {
            self.problems.push(format!(
                "after digest {}: {} lines without a digest; the export was cut short, or lines were added",
                newest.number, self.range.count
            ));
        }
        for (number, count) in &self.absent {
            if *number >= newest.kept_from {
                self.problems.push(format!("range {number}: its {count} events are missing"));
            }
        }
        if self.older.is_some() && !self.older_found {
            self.problems.push(
                "it does not continue the older export: digests between them are missing, or the histories differ"
                    .to_owned(),
            );
        }
        let is_continued = self.older.is_some() && self.older_found;
        if self.first > newest.kept_from && self.first > 1 && !self.partial && !is_continued {
            self.problems.push(format!(
                "ranges {} to {} are on record, but not in this file; add --partial if the export left them out",
                newest.kept_from,
                self.first - 1
            ));
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
    use serde_json::{Value, json};

    use super::*;

    pub(in super::super) struct Signer {
        kid: &'static str,
        pair: EcdsaKeyPair,
    }

    impl Signer {
        pub(in super::super) fn new(kid: &'static str) -> Self {
            Self { kid, pair: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap() }
        }

        pub(in super::super) fn jwk(&self) -> Value {
            let (x, y) = self.pair.public_key().as_ref()[1..].split_at(32);
            let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
            json!({ "kty": "EC", "crv": "P-256", "kid": self.kid, "x": encode(x), "y": encode(y) })
        }

        fn sign(&self, header: &Value, says: &Value) -> String {
            let signed = [header, says].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
            let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
            format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
        }
    }

    /// An export to which a test adds ranges.
    #[derive(Default)]
    pub(in super::super) struct Exported {
        pub(in super::super) lines: Vec<String>,
        number: u64,
        previous: Option<String>,
        pub(in super::super) kept_from: u64,
    }

    impl Exported {
        pub(in super::super) fn range(&mut self, events: &[&str], by: &Signer, next_key: Option<Value>) {
            let header = json!({ "alg": "ES256", "typ": "lychgate-digest+jws", "kid": by.kid });
            self.range_as(events, by, next_key, &header);
        }

        fn range_as(&mut self, events: &[&str], by: &Signer, next_key: Option<Value>, header: &Value) {
            let text: String = events.iter().map(|event| format!("{event}\n")).collect();
            self.lines.extend(events.iter().map(|event| (*event).to_owned()));
            self.number += 1;
            let mut says = json!({
                "iss": "https://gate.example", "number": self.number, "time": "2026-01-01T00:00:00.000Z",
                "count": events.len(), "hash": hashed(text.as_bytes()), "kept_from": self.kept_from.max(1),
            });
            for (name, value) in [("previous", self.previous.clone().map(Value::from)), ("next_key", next_key)] {
                if let Some(value) = value {
                    says[name] = value;
                }
            }
            let jws = by.sign(header, &says);
            self.previous = Some(hashed(jws.as_bytes()));
            self.lines.push(json!({ "jws": jws, "type": "digest" }).to_string());
        }

        fn problems(&self, keys: &[&Signer]) -> Vec<String> {
            let keys = json!({ "keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>() });
            let mut verifier = ExportVerifier::new(Keys::parse(keys.to_string().as_bytes()).unwrap(), None, false);
            self.lines.iter().for_each(|line| verifier.line(line.as_bytes()));
            verifier.finish().problems
        }
    }

    #[test]
    fn a_digest_vouches_for_the_key_that_it_announces_and_for_earlier_digests() {
        let [old, new, stranger] = ["old", "new", "stranger"].map(Signer::new);
        let mut exported = Exported::default();
        exported.range(&["{}"], &old, Some(new.jwk()));
        exported.range(&["{}", "{}"], &new, None);
        assert!(exported.problems(&[&old]).is_empty(), "the old key announces the new one");
        assert!(exported.problems(&[&new]).is_empty(), "the new one's digest vouches for what came before it");
        let problems = exported.problems(&[&stranger]);
        assert!(problems.len() == 1 && problems[0].starts_with("digests 1 to 2: their keys are not"), "{problems:?}");

        // An unknown key cannot announce keys, not even under a known `kid`.
        let mut forged = Exported::default();
        forged.range(&["{}"], &stranger, Some(new.jwk()));
        forged.range(&["{}"], &new, None);
        assert!(!forged.problems(&[&old]).is_empty());
        let impostor = Signer { kid: "old", ..Signer::new("old") };
        let mut forged = Exported::default();
        forged.range(&["{}"], &old, Some(impostor.jwk()));
        forged.range(&["{}"], &impostor, None);
        let problems = forged.problems(&[&old]);
        assert!(problems.len() == 1 && problems[0].contains("digest 2: its signature is wrong"), "{problems:?}");
    }

    #[test]
    fn a_broken_link_ends_the_trust_in_earlier_digests() {
        let [lost, known] = ["lost", "known"].map(Signer::new);
        let mut exported = Exported::default();
        exported.range(&["{}"], &lost, None);
        exported.previous = Some(hashed(b"another"));
        exported.range(&["{}"], &known, None);
        let problems = exported.problems(&[&known]);
        assert!(problems.len() == 2, "{problems:?}");
        assert!(problems[0].contains("digest 2: it was not made after digest 1"), "{problems:?}");
        assert!(problems[1].contains("digests 1 to 1: their keys are not in the key set"), "{problems:?}");
    }

    #[test]
    fn missing_events_are_a_gap_only_within_their_retention() {
        let key = Signer::new("key");
        for (kept_from, expected) in [(3, None), (2, Some("range 2: its 1 events are missing"))] {
            let mut exported = Exported::default();
            exported.range(&["{\"n\":1}"], &key, None);
            exported.range(&["{\"n\":2}"], &key, None);
            exported.kept_from = kept_from;
            exported.range(&["{\"n\":3}"], &key, None);
            // Of the first two ranges only the digests stay.
            exported.lines.retain(|line| !line.contains("\"n\":1") && !line.contains("\"n\":2"));
            let problems = exported.problems(&[&key]);
            assert_eq!(problems.first().map(String::as_str), expected, "{problems:?}");
        }
    }

    /// The same key might sign a token, which must not pass as a digest.
    #[test]
    fn another_jws_of_the_same_key_is_no_digest() {
        let key = Signer::new("key");
        let good = json!({ "alg": "ES256", "typ": "lychgate-digest+jws", "kid": "key" });
        for (member, value) in [("typ", "at+jwt"), ("typ", "JWT"), ("alg", "none"), ("alg", "HS256")] {
            let mut header = good.clone();
            let mut exported = Exported::default();
            exported.range_as(&["{}"], &key, None, &header);
            assert!(exported.problems(&[&key]).is_empty());
            header[member] = value.into();
            let mut exported = Exported::default();
            exported.range_as(&["{}"], &key, None, &header);
            assert!(
                exported.problems(&[&key]).iter().any(|problem| problem.contains("cannot be read")),
                "{member} {value}"
            );
        }
    }
}
