//! The provider's lies, by the names that tests use, and the JSON that the control endpoints understand.

use jsonwebtoken::get_current_timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::CLIENT_ID;

const ANOTHER: &str = "https://another.example";
const ANOTHER_CLIENT: &str = "another-client";

/// A deviation from the protocol.
#[derive(Clone, Debug, PartialEq)]
pub enum Lie {
    // in the ID token
    /// The ID token has this value for this claim.
    Claim(&'static str, Value),
    /// The ID token has these values for these claims.
    Claims(Vec<(&'static str, Value)>),
    Issuer,
    NoIssuer,
    Audience,
    NoAudience,
    SecondAudienceWithoutAzp,
    AuthorizedParty,
    Nonce,
    NoNonce,
    Expired,
    NoExpiry,
    IssuedLater,
    NoIssuedAt,
    NoSubject,
    EmptySubject,
    Unsigned,
    /// The ID token is signed with the client secret, which both sides know.
    Hs256,
    /// The ID token is signed with HMAC and the public key, which is public knowledge.
    Hs256WithPublicKey,
    /// The ID token names the right key and is signed with another.
    OtherKey,
    /// The ID token is signed with a key that was never published.
    UnknownKey,
    /// The ID token is signed with a key that is no longer published.
    RetiredKey,
    /// No lie: from now on the next key signs, and is the only one published.
    NextKey,
    NoIdToken,
    NoTokenLifetime,

    // at the token endpoint
    TokenFails,
    TokenRefuses,
    /// The response stalls until [`super::Upstream::release`].
    TokenStalls,
    TokenBreaksOff,
    TokenNeverEnds,
    TokenRedirects,
    TokenIsNoJson,
    /// A repeated code gets another response, about another person.
    SecondAnswer,

    // on the way back
    CallbackWithoutIss,
    CallbackOfAnother,
    CallbackWithoutCode,
    CallbackError(&'static str),
    /// The error has a description.
    CallbackErrorSaying(&'static str, &'static str),

    // in discovery
    DiscoveryDown,
    DiscoveryOfAnother,

    // anywhere
    /// This member of the document has this value.
    Member(Endpoint, &'static str, Value),
    NoMember(Endpoint, &'static str),
    Answer(Endpoint, Answer),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    Discovery,
    Jwks,
    Authorize,
    Token,
    Userinfo,
    Revocation,
}

/// A deviation of the response as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The true body with another status.
    Status(u16),
    /// The true body with another content type.
    ContentType(&'static str),
    /// This body with status 200 as JSON.
    Body(&'static str),
    /// A redirect to the true response.
    Redirects,
    Stalls,
    /// The true body, and then the connection ends before the message does.
    BreaksOff,
    /// The true body, followed by endless blanks.
    NeverEnds,
    /// Endless blanks, sent slowly.
    Drips,
    /// The true body, followed by this number of blanks.
    Padded(usize),
}

impl Lie {
    /// The JSON for the control endpoints.
    pub(super) fn told(&self) -> Value {
        let now = get_current_timestamp();
        match self {
            Self::Claim(name, value) => claim(name, value.clone()),
            Self::Claims(claims) => claims.iter().map(|(name, value)| json!({ "claim": [name, value] })).collect(),
            Self::Issuer => claim("iss", ANOTHER),
            Self::NoIssuer => no_claim("iss"),
            Self::Audience => claim("aud", ANOTHER_CLIENT),
            Self::NoAudience => no_claim("aud"),
            Self::SecondAudienceWithoutAzp => claim("aud", json!([CLIENT_ID, ANOTHER_CLIENT])),
            Self::AuthorizedParty => claim("azp", ANOTHER_CLIENT),
            Self::Nonce => claim("nonce", "of-another-login"),
            Self::NoNonce => no_claim("nonce"),
            Self::Expired => claim("exp", now - 3600),
            Self::NoExpiry => no_claim("exp"),
            Self::IssuedLater => claim("iat", now + 3600),
            Self::NoIssuedAt => no_claim("iat"),
            Self::NoSubject => no_claim("sub"),
            Self::EmptySubject => claim("sub", ""),
            Self::Unsigned => signed("none"),
            Self::Hs256 => signed("client_secret"),
            Self::Hs256WithPublicKey => signed("public_key"),
            Self::OtherKey => signed("other_key"),
            Self::UnknownKey => signed("new_key"),
            Self::RetiredKey => json!(["new_key_set"]),
            Self::NextKey => json!([{ "signed": "new_key" }, "new_key_set"]),
            Self::NoIdToken => no_member(Endpoint::Token, "id_token"),
            Self::NoTokenLifetime => no_member(Endpoint::Token, "expires_in"),
            Self::TokenFails => answer(Endpoint::Token, Answer::Status(500)),
            Self::TokenRefuses => json!([
                { "answer": [Endpoint::Token, Answer::Status(400)] },
                { "member": [Endpoint::Token, "error", "invalid_grant"] },
            ]),
            Self::TokenStalls => answer(Endpoint::Token, Answer::Stalls),
            Self::TokenBreaksOff => answer(Endpoint::Token, Answer::BreaksOff),
            Self::TokenNeverEnds => answer(Endpoint::Token, Answer::NeverEnds),
            Self::TokenRedirects => answer(Endpoint::Token, Answer::Redirects),
            Self::TokenIsNoJson => answer(Endpoint::Token, Answer::Body("<html>a login page of some proxy</html>")),
            Self::SecondAnswer => json!(["second_answer"]),
            Self::CallbackWithoutIss => no_member(Endpoint::Authorize, "iss"),
            Self::CallbackOfAnother => member(Endpoint::Authorize, "iss", ANOTHER),
            Self::CallbackWithoutCode => no_member(Endpoint::Authorize, "code"),
            Self::CallbackError(error) => json!([
                { "no_member": [Endpoint::Authorize, "code"] },
                { "member": [Endpoint::Authorize, "error", error] },
            ]),
            Self::CallbackErrorSaying(error, description) => json!([
                { "no_member": [Endpoint::Authorize, "code"] },
                { "member": [Endpoint::Authorize, "error", error] },
                { "member": [Endpoint::Authorize, "error_description", description] },
                { "member": [Endpoint::Authorize, "error_uri", description] },
            ]),
            Self::DiscoveryDown => answer(Endpoint::Discovery, Answer::Status(503)),
            Self::DiscoveryOfAnother => member(Endpoint::Discovery, "issuer", ANOTHER),
            Self::Member(endpoint, name, value) => member(*endpoint, name, value.clone()),
            Self::NoMember(endpoint, name) => no_member(*endpoint, name),
            Self::Answer(endpoint, how) => answer(*endpoint, *how),
        }
    }
}

fn claim(name: &str, value: impl Into<Value>) -> Value {
    json!([{ "claim": [name, value.into()] }])
}

fn no_claim(name: &str) -> Value {
    json!([{ "no_claim": name }])
}

fn signed(by: &str) -> Value {
    json!([{ "signed": by }])
}

fn member(of: Endpoint, name: &str, value: impl Into<Value>) -> Value {
    json!([{ "member": [of, name, value.into()] }])
}

fn no_member(of: Endpoint, name: &str) -> Value {
    json!([{ "no_member": [of, name] }])
}

fn answer(from: Endpoint, how: Answer) -> Value {
    json!([{ "answer": [from, how] }])
}
