//! Whether an export is whole, by what stands in it and the public keys alone.
//!
//! Written against `docs/events.md`, as anybody else's verifier would be, and not with the code that seals.

use std::collections::BTreeMap;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

/// Public keys of P-256, by `kid`, as SEC 1 writes them.
#[derive(Debug)]
pub(super) struct Keys(BTreeMap<String, Vec<u8>>);

#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) problems: Vec<String>,
    pub(super) summary: String,
}

/// Takes an export line by line.
#[derive(Debug)]
pub(super) struct Verifier {
    keys: Keys,
    /// Of an export of before: the digest it ended with.
    older: Option<String>,
    older_found: bool,
    partial: bool,
    /// Since the newest digest.
    range: Range,
    chain: Option<Link>,
    first: u64,
    events: u64,
    /// Digests that nobody vouches for yet: their keys are not known.
    unsigned: Vec<u64>,
    /// Ranges without any of their events, and how many they had.
    absent: Vec<(u64, u64)>,
    problems: Vec<String>,
}

#[derive(Debug, Default)]
struct Range {
    hash: Sha256,
    count: u64,
}

/// The newest digest so far.
#[derive(Debug)]
struct Link {
    says: Says,
    /// Of its compact form.
    hash: String,
}

#[derive(Debug, Deserialize)]
struct Line {
    r#type: String,
    jws: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

#[derive(Debug, Deserialize)]
struct Says {
    iss: String,
    number: u64,
    previous: Option<String>,
    time: String,
    count: u64,
    hash: String,
    kept_from: u64,
    next_key: Option<Jwk>,
}

#[derive(Debug, Deserialize)]
struct KeySet {
    keys: Vec<Jwk>,
}

#[derive(Debug, Deserialize)]
struct Jwk {
    kty: String,
    crv: String,
    kid: String,
    x: String,
    y: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signature {
    Good,
    Bad,
    UnknownKey,
}

impl Keys {
    pub(super) fn parse(bytes: &[u8]) -> anyhow::Result<Self> {
        let set: KeySet = serde_json::from_slice(bytes)?;
        let mut keys = Self(BTreeMap::new());
        for key in &set.keys {
            anyhow::ensure!(keys.add(key), "a key is not one of P-256");
        }
        anyhow::ensure!(!keys.0.is_empty(), "it has no keys");
        Ok(keys)
    }

    /// A key that is known is never replaced.
    fn add(&mut self, key: &Jwk) -> bool {
        let (Some(x), Some(y)) = (decode(&key.x), decode(&key.y)) else { return false };
        if key.kty != "EC" || key.crv != "P-256" || x.len() != 32 || y.len() != 32 {
            return false;
        }
        self.0.entry(key.kid.clone()).or_insert_with(|| [&[4][..], &x, &y].concat());
        true
    }

    fn judge(&self, header: &Header, signed: &str, signature: &[u8]) -> Signature {
        let Some(key) = self.0.get(&header.kid) else { return Signature::UnknownKey };
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key);
        match key.verify(signed.as_bytes(), signature) {
            Ok(()) => Signature::Good,
            Err(_) => Signature::Bad,
        }
    }
}

/// The digest in a line, in compact form.
pub(super) fn digest_of(line: &[u8]) -> Option<String> {
    let line: Line = serde_json::from_slice(line).ok()?;
    if line.r#type == "digest" { line.jws } else { None }
}

impl Verifier {
    pub(super) fn new(keys: Keys, older: Option<String>, partial: bool) -> Self {
        Self {
            keys,
            older,
            older_found: false,
            partial,
            range: Range::default(),
            chain: None,
            first: 0,
            events: 0,
            unsigned: Vec::new(),
            absent: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// Without its line feed.
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
        let Some((header, says, signed, signature)) = parse(jws) else {
            let after = self
                .chain
                .as_ref()
                .map_or("at the beginning".to_owned(), |link| format!("after digest {}", link.says.number));
            self.problems.push(format!("{after} stands a digest that cannot be read"));
            return;
        };
        let number = says.number;
        let problem = |what: String| format!("digest {number}: {what}");
        let hash = hashed(jws.as_bytes());
        if let Err(what) = self.follows(&says) {
            self.problems.push(problem(what));
            // What comes after the break cannot vouch for what was before it.
            self.nobody_vouches();
        }
        if self
            .older
            .as_deref()
            .is_some_and(|older| older == jws || says.previous.as_deref() == Some(&hashed(older.as_bytes())))
        {
            self.older_found = true;
        }
        match self.keys.judge(&header, &signed, &signature) {
            Signature::Good => {
                self.unsigned.clear();
                if let Some(key) = &says.next_key
                    && !self.keys.add(key)
                {
                    self.problems.push(problem("the key that it announces is none".to_owned()));
                }
            }
            Signature::Bad => self
                .problems
                .push(problem("its signature is wrong: it was changed, or made by somebody else".to_owned())),
            Signature::UnknownKey => self.unsigned.push(number),
        }
        self.compare(&says, range);
        if self.chain.is_none() {
            self.first = number;
        }
        self.chain = Some(Link { says, hash });
    }

    /// Whether a digest stands where it should.
    fn follows(&self, says: &Says) -> Result<(), String> {
        let number = says.number;
        let Some(before) = &self.chain else {
            // The first of all has none before it, and no other lacks one.
            let is_first = number == 1;
            return if is_first == says.previous.is_none() {
                Ok(())
            } else {
                Err("it does not say what came before it".to_owned())
            };
        };
        let due = before.says.number.saturating_add(1);
        if says.iss != before.says.iss {
            return Err(format!("it is of another issuer, {:?}", says.iss));
        }
        if number > due {
            return Err(format!("the digests before it are missing, from {due} on"));
        }
        if number < due {
            return Err(format!("it is there twice, or not in its place: {due} was due"));
        }
        if says.previous.as_deref() != Some(&before.hash) {
            return Err(format!("it was not made after digest {} as that one stands here", before.says.number));
        }
        Ok(())
    }

    fn compare(&mut self, says: &Says, range: Range) {
        let number = says.number;
        if range.count == 0 && says.count > 0 {
            self.absent.push((number, says.count));
            return;
        }
        let hash = URL_SAFE_NO_PAD.encode(range.hash.finalize());
        let sealed = format!("range {number} (sealed {:?})", says.time);
        if range.count != says.count {
            self.problems
                .push(format!("{sealed}: there are {} events, and its digest is about {}", range.count, says.count));
        } else if hash != says.hash {
            self.problems
                .push(format!("{sealed}: its events were changed, exchanged or moved: its digest is about others"));
        }
    }

    fn nobody_vouches(&mut self) {
        let numbers = std::mem::take(&mut self.unsigned);
        if let (Some(first), Some(last)) = (numbers.first(), numbers.last()) {
            self.problems.push(format!(
                "digests {first} to {last}: their keys are not in the key set, and no later digest vouches for them"
            ));
        }
    }

    pub(super) fn finish(mut self) -> Verdict {
        self.nobody_vouches();
        let Some(newest) = self.chain.take() else {
            self.problems.push("there is no digest: it is no export, or what was left of one".to_owned());
            return Verdict { problems: self.problems, summary: "nothing was verified".to_owned() };
        };
        if self.range.count > 0 {
            self.problems.push(format!(
                "after digest {}: {} lines that no digest is about; the export was cut short, or something was added",
                newest.says.number, self.range.count
            ));
        }
        let kept_from = newest.says.kept_from;
        for (number, count) in &self.absent {
            if *number >= kept_from {
                self.problems.push(format!("range {number}: its {count} events are missing"));
            }
        }
        if self.older.is_some() && !self.older_found {
            self.problems.push(
                "it does not go on from the older export: digests between them are missing, or it is another history"
                    .to_owned(),
            );
        }
        let is_continued = self.older.is_some() && self.older_found;
        if self.first > kept_from && self.first > 1 && !self.partial && !is_continued {
            self.problems.push(format!(
                "ranges {} to {} are kept, but not in this file; say --partial if they were not asked for",
                kept_from,
                self.first - 1
            ));
        }
        let forgotten =
            if kept_from > 1 { format!("; those before {kept_from} are kept no longer") } else { String::new() };
        let summary = format!(
            "{} events of {:?}, ranges {} to {}{forgotten}; sealed {:?}",
            self.events, newest.says.iss, self.first, newest.says.number, newest.says.time
        );
        Verdict { problems: self.problems, summary }
    }
}

/// Header, payload, what is signed, signature (RFC 7515 §5.2). Nothing but our own kind.
fn parse(jws: &str) -> Option<(Header, Says, String, Vec<u8>)> {
    let (signed, signature) = jws.rsplit_once('.')?;
    let (header, payload) = signed.split_once('.')?;
    let header: Header = serde_json::from_slice(&decode(header)?).ok()?;
    if header.alg != "ES256" || header.typ != "lychgate-digest+jws" {
        return None;
    }
    Some((header, serde_json::from_slice(&decode(payload)?).ok()?, signed.to_owned(), decode(signature)?))
}

fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

fn hashed(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
    use serde_json::{Value, json};

    use super::*;

    struct Signer {
        kid: &'static str,
        pair: EcdsaKeyPair,
    }

    impl Signer {
        fn new(kid: &'static str) -> Self {
            Self { kid, pair: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap() }
        }

        fn jwk(&self) -> Value {
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

    /// An export, as it grows.
    #[derive(Default)]
    struct Exported {
        lines: Vec<String>,
        number: u64,
        previous: Option<String>,
        kept_from: u64,
    }

    impl Exported {
        fn range(&mut self, events: &[&str], by: &Signer, next_key: Option<Value>) {
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
            let mut verifier = Verifier::new(Keys::parse(keys.to_string().as_bytes()).unwrap(), None, false);
            self.lines.iter().for_each(|line| verifier.line(line.as_bytes()));
            verifier.finish().problems
        }
    }

    #[test]
    fn trust_goes_from_key_to_key_as_they_are_announced() {
        let [old, new, stranger] = ["old", "new", "stranger"].map(Signer::new);
        let mut exported = Exported::default();
        exported.range(&["{}"], &old, Some(new.jwk()));
        exported.range(&["{}", "{}"], &new, None);
        assert!(exported.problems(&[&old]).is_empty(), "the old key announces the new one");
        assert!(exported.problems(&[&new]).is_empty(), "the new one's digest vouches for what came before it");
        let problems = exported.problems(&[&stranger]);
        assert!(problems.len() == 1 && problems[0].starts_with("digests 1 to 2: their keys are not"), "{problems:?}");

        // A stranger may announce what they like, and call it what they like.
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
    fn after_a_broken_link_nobody_vouches_for_what_was_before_it() {
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
    fn what_was_forgotten_in_time_is_no_gap_and_what_was_not_is_one() {
        let key = Signer::new("key");
        for (kept_from, expected) in [(3, None), (2, Some("range 2: its 1 events are missing"))] {
            let mut exported = Exported::default();
            exported.range(&["{\"n\":1}"], &key, None);
            exported.range(&["{\"n\":2}"], &key, None);
            exported.kept_from = kept_from;
            exported.range(&["{\"n\":3}"], &key, None);
            // The first two ranges are digests only.
            exported.lines.retain(|line| !line.contains("\"n\":1") && !line.contains("\"n\":2"));
            let problems = exported.problems(&[&key]);
            assert_eq!(problems.first().map(String::as_str), expected, "{problems:?}");
        }
    }

    /// A token, or anything else that the same key might sign, is no digest.
    #[test]
    fn only_a_digest_is_a_digest() {
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
