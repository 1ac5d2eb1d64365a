//! Values that must not be seen: redacted in `Debug`, wiped when dropped, compared in constant time.

use std::fmt;
use std::marker::PhantomData;

use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// A secret text of kind `K`: two kinds never share a type.
pub struct Secret<K> {
    value: Zeroizing<String>,
    kind: PhantomData<fn() -> K>,
}

impl<K> Secret<K> {
    pub fn new(value: impl Into<String>) -> Self {
        Self { value: Zeroizing::new(value.into()), kind: PhantomData }
    }

    /// For the one place that sends it to its owner.
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
    /// `lgc_…`: our authorization code.
    #[derive(Debug)]
    pub enum Code {}
    /// `lgs_…`: a client's secret.
    #[derive(Debug)]
    pub enum ClientSecret {}
    /// `lgm_…`: what manages a registration (RFC 7592).
    #[derive(Debug)]
    pub enum RegistrationAccessToken {}
    /// `lgr_…`: our refresh token.
    #[derive(Debug)]
    pub enum RefreshToken {}
    /// The PKCE verifier we send upstream.
    #[derive(Debug)]
    pub enum UpstreamVerifier {}
    /// The upstream's access token.
    #[derive(Debug)]
    pub enum UpstreamAccessToken {}
    /// The upstream's refresh token.
    #[derive(Debug)]
    pub enum UpstreamRefreshToken {}
    /// The nonce we expect back in the upstream's ID token.
    #[derive(Debug)]
    pub enum UpstreamNonce {}
}
