//! Every lie there is, by what it changes.

use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Lie {
    /// A claim of the ID token says this.
    Claim(String, Value),
    NoClaim(String),
    /// The ID token's signature is not the one it should have.
    Signed(Signature),
    /// The key set has the new key, and no longer the provider's own. Together with [`Signature::NewKey`] this is a
    /// rotation, and no lie.
    NewKeySet,
    /// A member of the endpoint's document, or a parameter of the callback, says this.
    Member(Endpoint, String, Value),
    NoMember(Endpoint, String),
    /// The endpoint's answer goes wrong as a whole.
    Answer(Endpoint, Answer),
    /// A code that was redeemed is good once more, for another person.
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
    /// HS256 with what both sides know.
    ClientSecret,
    /// HS256 with what everybody knows: a verifier that lets the token choose the algorithm has it in its hand.
    PublicKey,
    /// In the name of the provider's key, but not with it.
    OtherKey,
    /// By a key that is not in the key set, unless [`Lie::NewKeySet`] is told too.
    NewKey,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    /// The true body under another status.
    Status(u16),
    /// The true body under another content type.
    ContentType(String),
    /// With status 200, and as JSON.
    Body(String),
    /// To where the truth is.
    Redirects,
    /// Says nothing until it is released, and then the truth.
    Stalls,
    /// The true body, and then the connection ends before the message does.
    BreaksOff,
    /// The true body, and then blanks without end.
    NeverEnds,
    /// The same, but slowly.
    Drips,
    /// The true body, and then so many blanks.
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

pub(super) fn bend_document(document: &mut Map<String, Value>, endpoint: Endpoint, lies: &[Lie]) {
    for (name, value) in members(endpoint, lies) {
        set(document, name, value);
    }
}

pub(super) fn bend_claims(claims: &mut Map<String, Value>, lies: &[Lie]) {
    for lie in lies {
        match lie {
            Lie::Claim(name, value) => set(claims, name, Some(value)),
            Lie::NoClaim(name) => set(claims, name, None),
            Lie::Signed(_)
            | Lie::NewKeySet
            | Lie::Member(..)
            | Lie::NoMember(..)
            | Lie::Answer(..)
            | Lie::SecondAnswer => {}
        }
    }
}

/// The callback's own parameters; the query that the redirect URI had before stays.
pub(super) fn bend_query(url: &mut Url, lies: &[Lie]) {
    for (name, value) in members(Endpoint::Authorize, lies) {
        let mut pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        pairs.retain(|(other, _)| other != name);
        let value = value.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        pairs.extend(value.map(|value| (name.to_owned(), value)));
        url.query_pairs_mut().clear().extend_pairs(pairs);
    }
}

pub(super) fn signature(lies: &[Lie]) -> Option<Signature> {
    lies.iter().find_map(|lie| match lie {
        Lie::Signed(signature) => Some(*signature),
        Lie::Claim(..)
        | Lie::NoClaim(_)
        | Lie::NewKeySet
        | Lie::Member(..)
        | Lie::NoMember(..)
        | Lie::Answer(..)
        | Lie::SecondAnswer => None,
    })
}

pub(super) fn answer(endpoint: Endpoint, lies: &[Lie]) -> Option<&Answer> {
    lies.iter().find_map(|lie| match lie {
        Lie::Answer(from, answer) => (*from == endpoint).then_some(answer),
        Lie::Claim(..)
        | Lie::NoClaim(_)
        | Lie::Signed(_)
        | Lie::NewKeySet
        | Lie::Member(..)
        | Lie::NoMember(..)
        | Lie::SecondAnswer => None,
    })
}

/// What is told about members of `endpoint`'s document; `None`: that there is no such member.
fn members(endpoint: Endpoint, lies: &[Lie]) -> impl Iterator<Item = (&str, Option<&Value>)> {
    lies.iter().filter_map(move |lie| match lie {
        Lie::Member(of, name, value) => (*of == endpoint).then_some((name.as_str(), Some(value))),
        Lie::NoMember(of, name) => (*of == endpoint).then_some((name.as_str(), None)),
        Lie::Claim(..) | Lie::NoClaim(_) | Lie::Signed(_) | Lie::NewKeySet | Lie::Answer(..) | Lie::SecondAnswer => {
            None
        }
    })
}

fn set(object: &mut Map<String, Value>, name: &str, value: Option<&Value>) {
    match value {
        Some(value) => object.insert(name.to_owned(), value.clone()),
        None => object.remove(name),
    };
}
