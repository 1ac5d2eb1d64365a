//! The limit of wrong secrets (R15).
//!
//! | endpoint | what can be guessed | what is no guess |
//! |---|---|---|
//! | `/token`, `/revoke` | the secret of a client | a request without a secret, of a public client for example; an assertion, which is signed |
//! | `/introspect` | the token of a resource server | a request without one |
//!
//! Codes, refresh tokens and access tokens cannot be guessed either: they are MACed or signed. The tokens of `/register` are
//! limited with the requests themselves.
//!
//! An attacker and a victim may share the client id and the prefix; a secret they share only if the attacker has it. So
//! nothing is refused unheard but a secret that was wrong before: a host that keeps sending a secret which has been replaced
//! stops only itself. Any other secret is verified, at the rate of its class. Wrong ones of one client from one site
//! are told to wait once they are many, and the right one is always let through. Guessing is bounded because our secrets
//! have 256 bits, and that an operator's should (docs/configuration.md).

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU32;

use governor::clock::Clock;

use super::bucket::Buckets;
use super::{ADMITTED, Exhausted, Limits};
use crate::client_address::Prefix;
use crate::failure::Failure;

/// The name of the limit in the configuration.
pub(super) const FAILED_AUTHENTICATIONS: &str = "failed_authentications";

#[derive(Debug)]
pub(super) struct Failures<C: Clock> {
    by_secret: Buckets<u64, C>,
    by_client: Buckets<(u64, Prefix), C>,
    /// Its key keeps an attacker from choosing an id or a secret that collides with another one.
    hasher: RandomState,
}

/// A secret that a request presents. Only digests of it are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guess {
    /// A keyed digest of issuer, client id and secret.
    secret: u64,
    /// A keyed digest of issuer and client id.
    client: u64,
    prefix: Prefix,
}

impl<C: Clock + Clone> Failures<C> {
    pub(super) fn new(per_minute: NonZeroU32, clock: &C) -> Self {
        Self {
            by_secret: Buckets::new(per_minute, clock.clone()),
            by_client: Buckets::new(per_minute, clock.clone()),
            hasher: RandomState::new(),
        }
    }
}

impl<C: Clock + Clone> Limits<C> {
    /// `secret`, presented for the client `client_id`. A resource server names no client.
    pub(crate) fn guess(&self, issuer_id: &str, client_id: &str, secret: &str, prefix: Prefix) -> Guess {
        let hasher = &self.failures.hasher;
        Guess {
            secret: hasher.hash_one((issuer_id, client_id, secret)),
            client: hasher.hash_one((issuer_id, client_id)),
            prefix,
        }
    }

    /// Runs `call`, which verifies the secret. Only its failures count. 429 without the call for a secret that was wrong too
    /// often, and in place of the failure after too many different wrong secrets.
    pub(crate) async fn guard<T>(
        &self,
        guess: Option<Guess>,
        call: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let Some(guess) = guess else { return call.await };
        let refuse = |wait| self.too_many_requests(Exhausted::Failures(guess.prefix), wait);
        self.failures.by_secret.check(&guess.secret).map_err(refuse)?;
        let result = call.await;
        if result.as_ref().is_err_and(Failure::is_wrong_secret) {
            // A bucket that a concurrent failure has just emptied stays empty.
            let _ = self.failures.by_secret.draw(&guess.secret);
            self.failures.by_client.draw(&(guess.client, guess.prefix.site())).map_err(refuse)?;
        }
        self.metrics.count(FAILED_AUTHENTICATIONS, ADMITTED);
        result
    }
}
