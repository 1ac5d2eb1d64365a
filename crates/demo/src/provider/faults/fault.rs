//! The faults, and how each alters a document, the claims of an ID token or a redirect.

use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

/// A deviation from the honest provider's behaviour.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Fault {
    /// Sets a claim of the ID token.
    Claim(String, Value),
    /// Removes a claim of the ID token.
    NoClaim(String),
    /// Signs the ID token wrongly.
    Signed(Signature),
    /// Replaces the provider's key in the key set by the new key. Together with [`Signature::NewKey`] this is a correct rotation.
    NewKeySet,
    /// Sets a member of the endpoint's document, or a parameter of the callback.
    Member(Endpoint, String, Value),
    /// Removes a member of the endpoint's document, or a parameter of the callback.
    NoMember(Endpoint, String),
    /// Replaces or breaks the endpoint's whole response.
    Answer(Endpoint, Breakage),
    /// Accepts a redeemed code again, for another person.
    SecondAnswer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Endpoint {
    Discovery,
    Jwks,
    Authorize,
    Token,
    Userinfo,
    Revocation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Signature {
    /// `alg: none`.
    None,
    /// HS256 with the client secret, which both sides know.
    ClientSecret,
    /// HS256 with the public key as secret. A verifier accepts it if it lets the token choose the algorithm.
    PublicKey,
    /// Another key under the `kid` of the provider's key.
    OtherKey,
    /// A key that is not in the key set, unless [`Fault::NewKeySet`] is set too.
    NewKey,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Breakage {
    /// The honest body with another status.
    Status(u16),
    /// The honest body with another content type.
    ContentType(String),
    /// This body, with status 200.
    Body(String),
    /// A redirect to the honest response.
    Redirects,
    /// The honest response, held back until it is released.
    Stalls,
    /// The honest body; then the connection ends before the message does.
    BreaksOff,
    /// The honest body, followed by blanks without end.
    NeverEnds,
    /// As [`Breakage::NeverEnds`], one blank at a time.
    Drips,
    /// The honest body, followed by this number of blanks.
    Padded(usize),
}

impl Endpoint {
    pub(super) fn at(path: &str) -> Option<Self> {
        match path {
            "/.well-known/openid-configuration" => Some(Self::Discovery),
            "/jwks" => Some(Self::Jwks),
            "/authorize" => Some(Self::Authorize),
            "/token" => Some(Self::Token),
            "/userinfo" => Some(Self::Userinfo),
            "/revoke" => Some(Self::Revocation),
            _ => None,
        }
    }

    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Discovery => "/.well-known/openid-configuration",
            Self::Jwks => "/jwks",
            Self::Authorize => "/authorize",
            Self::Token => "/token",
            Self::Userinfo => "/userinfo",
            Self::Revocation => "/revoke",
        }
    }
}

pub(super) fn alter_document(document: &mut Map<String, Value>, endpoint: Endpoint, faults: &[Fault]) {
    for (name, value) in members(endpoint, faults) {
        set(document, name, value);
    }
}

pub(super) fn alter_claims(claims: &mut Map<String, Value>, faults: &[Fault]) {
    for fault in faults {
        match fault {
            Fault::Claim(name, value) => set(claims, name, Some(value)),
            Fault::NoClaim(name) => set(claims, name, None),
            Fault::Signed(_)
            | Fault::NewKeySet
            | Fault::Member(..)
            | Fault::NoMember(..)
            | Fault::Answer(..)
            | Fault::SecondAnswer => {}
        }
    }
}

/// Alters the callback's own parameters and keeps the query of the redirect URI.
pub(super) fn alter_query(url: &mut Url, faults: &[Fault]) {
    for (name, value) in members(Endpoint::Authorize, faults) {
        let mut pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        pairs.retain(|(other, _)| other != name);
        let value = value.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        pairs.extend(value.map(|value| (name.to_owned(), value)));
        url.query_pairs_mut().clear().extend_pairs(pairs);
    }
}

pub(super) fn signature(faults: &[Fault]) -> Option<Signature> {
    faults.iter().find_map(|fault| match fault {
        Fault::Signed(signature) => Some(*signature),
        Fault::Claim(..)
        | Fault::NoClaim(_)
        | Fault::NewKeySet
        | Fault::Member(..)
        | Fault::NoMember(..)
        | Fault::Answer(..)
        | Fault::SecondAnswer => None,
    })
}

pub(super) fn answer(endpoint: Endpoint, faults: &[Fault]) -> Option<&Breakage> {
    faults.iter().find_map(|fault| match fault {
        Fault::Answer(from, answer) => (*from == endpoint).then_some(answer),
        Fault::Claim(..)
        | Fault::NoClaim(_)
        | Fault::Signed(_)
        | Fault::NewKeySet
        | Fault::Member(..)
        | Fault::NoMember(..)
        | Fault::SecondAnswer => None,
    })
}

/// The members to alter in the document of `endpoint`. `None` removes a member.
fn members(endpoint: Endpoint, faults: &[Fault]) -> impl Iterator<Item = (&str, Option<&Value>)> {
    faults.iter().filter_map(move |fault| match fault {
        Fault::Member(of, name, value) => (*of == endpoint).then_some((name.as_str(), Some(value))),
        Fault::NoMember(of, name) => (*of == endpoint).then_some((name.as_str(), None)),
        Fault::Claim(..)
        | Fault::NoClaim(_)
        | Fault::Signed(_)
        | Fault::NewKeySet
        | Fault::Answer(..)
        | Fault::SecondAnswer => None,
    })
}

fn set(object: &mut Map<String, Value>, name: &str, value: Option<&Value>) {
    match value {
        Some(value) => object.insert(name.to_owned(), value.clone()),
        None => object.remove(name),
    };
}
