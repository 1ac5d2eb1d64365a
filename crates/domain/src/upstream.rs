//! The upstream identity provider: logins, identities and tokens.

pub mod callback;
pub mod connection;
pub mod id_token;
pub mod login;
pub mod tokens;
pub mod userinfo;
