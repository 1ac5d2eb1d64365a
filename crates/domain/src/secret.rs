//! Secret values: redacted in `Debug`, wiped when dropped, compared in constant time.

use std::fmt;
use std::marker::PhantomData;

use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// A secret text of kind `K`. Two kinds never share a type.
pub struct Secret<K> {
    value: Zeroizing<String>,
    kind: PhantomData<fn() -> K>,
}

impl<K> Secret<K> {
    /// Takes ownership of a secret text.
    pub fn new(value: impl Into<String>) -> Self {
        Self { value: Zeroizing::new(value.into()), kind: PhantomData }
    }

    /// The text, for the one place that sends it to its owner.
    pub fn expose(&self) -> &str {
        &self.value
    }
}

impl<K> Clone for Secret<K> {
    fn clone(&self) -> Self {
        Self { value: self.value.clone(), kind: PhantomData }
    }
}

impl<K> PartialEq for Secret<K> {
    fn eq(&self, other: &Self) -> bool {
        self.value.as_bytes().ct_eq(other.value.as_bytes()).into()
    }
}

impl<K> Eq for Secret<K> {}

impl<K> fmt::Debug for Secret<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Kinds of [`Secret`].
pub mod kind {
    /// `lgc_…`: an authorization code of ours.
    #[derive(Debug)]
    pub enum Code {}
    /// `lgs_…`: a client's secret.
    #[derive(Debug)]
    pub enum ClientSecret {}
    /// `lgm_…`: a registration access token (RFC 7592).
    #[derive(Debug)]
    pub enum RegistrationAccessToken {}
    /// `lgr_…`: a refresh token of ours.
    #[derive(Debug)]
    pub enum RefreshToken {}
    /// The PKCE verifier of a login at the upstream.
    #[derive(Debug)]
    pub enum UpstreamVerifier {}
    /// The upstream's access token.
    #[derive(Debug)]
    pub enum UpstreamAccessToken {}
    /// The upstream's refresh token.
    #[derive(Debug)]
    pub enum UpstreamRefreshToken {}
    /// The nonce that the upstream's ID token must contain.
    #[derive(Debug)]
    pub enum UpstreamNonce {}
}
