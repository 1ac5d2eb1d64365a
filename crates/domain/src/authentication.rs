//! Client authentication at the token endpoint (RFC 6749 §2.3, §3.2.1).

mod assertion;
mod credentials;

pub use assertion::{AssertionAccepted, AssertionClaims, CLIENT_ASSERTION_TYPE};
pub use credentials::{ClientAuthenticated, Credentials, ResourceServerSecret};
