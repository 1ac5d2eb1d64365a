//! The upstream identity provider: how a person signs in there, and what it gives in return.

pub mod id_token;
pub mod login;
pub mod tokens;
pub mod userinfo;
