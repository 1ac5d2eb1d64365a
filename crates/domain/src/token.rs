//! Grants, the tokens they give, and the check of a request at a proxy.

mod access_token;
mod grant;
pub mod refresh_token;
pub mod token_exchange;
pub mod verification;

pub use access_token::AccessTokenClaims;
pub use grant::{EndedBy, Grant, GrantPhase, RefreshOutcome, RefreshRequest};
pub use token_exchange::TokenExchange;

#[cfg(test)]
pub(crate) use grant::tests;
