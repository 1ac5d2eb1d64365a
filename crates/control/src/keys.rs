//! An issuer's keys: the stored keyring and its rotation, signing, and public keys as JWKs.

pub(crate) mod jwk;
pub(crate) mod keyring;
pub(crate) mod signing;
