//! Tokens: issued (`POST /token`), given back (`POST /revoke`), described (`POST /introspect`) and verified (`GET /verify`).
//!
//! Begin at [`endpoint`]: the token endpoint is one pipeline, numbered there.

mod access_token;
mod authorization_code;
pub(crate) mod endpoint;
mod introspection;
mod live;
mod readmission;
mod refresh_token;
mod revocation;
mod token_exchange;
mod upstream_token;
mod verification;

pub(crate) use access_token::AccessToken;
pub(crate) use endpoint::{TokenEndpoint, TokenRequest, Tokens};
pub(crate) use introspection::{ResourceServerCredentials, TokenChecks};
pub(crate) use upstream_token::GivenToken;
pub(crate) use verification::{Verified, VerifyRequest};
