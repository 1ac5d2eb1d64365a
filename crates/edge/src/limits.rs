//! How much of each kind one prefix of addresses, and everybody together, may ask for, at once and by the minute.
//!
//! It is there to keep a flood from costing more than the control plane can bear, and guessing from ever succeeding. It
//! must never help an attacker to shut somebody else out: what a prefix is refused draws on nobody else's bucket, each kind
//! of request has buckets of its own ([`Class`]), and failed guesses count against the client *and* the prefix they come
//! from, together. What all prefixes may have is the last line: who has twenty of them can use up one kind, not the others.
//!
//! Each edge counts for itself and forgets when it ends. Where several stand behind a balancer, the limits add up.

mod bucket;
mod class;
mod config;
mod places;

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock, DefaultClock};
use lychgate_api::Reason;

use crate::client_address::Prefix;
use crate::failure::Failure;
use crate::router::App;
use bucket::Buckets;
use places::{Crowded, Place, Places};

pub(crate) use class::Class;
pub use config::LimitsConfig;

/// A ticket keeps URLs under 6 KB.
const MAX_URL_BYTES: usize = 8 * 1024;

const ONCE_PER_MINUTE: NonZeroU32 = NonZeroU32::MIN;

/// Layer around what is limited, inside of what gives failures their looks.
pub(crate) async fn admit(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let url_bytes = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if url_bytes > MAX_URL_BYTES {
        let failure = Failure::new(Reason::RequestTooLarge);
        return failure.describe(format!("the URL is longer than {MAX_URL_BYTES} bytes")).into_response();
    }
    let place = Class::of(&request).map(|class| app.limits.enter(class, Prefix::of_request(request.extensions())));
    match place.transpose() {
        Ok(_place) => next.run(request).await,
        Err(failure) => failure.into_response(),
    }
}

#[derive(Debug)]
pub(crate) struct Limits<C: Clock = DefaultClock> {
    registrations: Limit<C>,
    strangers: Limit<C>,
    browsers: Limit<C>,
    decisions: Limit<C>,
    codes: Limit<C>,
    refreshes: Limit<C>,
    introspections: Limit<C>,
    verifications: Limit<C>,
    documents: Limit<C>,
    failures: Buckets<Claim, C>,
    /// What has been logged of late.
    said: Buckets<Exhausted, C>,
    hasher: RandomState,
}

/// Of one class.
#[derive(Debug)]
struct Limit<C: Clock> {
    by_prefix: Buckets<Prefix, C>,
    total: Buckets<(), C>,
    places: Places,
}

/// That a request comes from a client: so it says, and from where.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Claim {
    /// A keyed digest of issuer and client id: a stranger chooses neither its length nor with whom it collides.
    client: u64,
    prefix: Prefix,
}

/// What there was no more of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Exhausted {
    OfPrefix(Class, Prefix),
    Total(Class),
    PlacesOfPrefix(Class, Prefix),
    Places(Class),
    Failures(Claim),
}

impl<C: Clock + Clone> Limits<C> {
    pub(crate) fn new(config: &LimitsConfig, clock: C) -> Self {
        let limit = |class| {
            let allowance = config.allowance(class);
            Limit {
                by_prefix: Buckets::new(allowance.prefix_per_minute, clock.clone()),
                total: Buckets::new(allowance.total_per_minute, clock.clone()),
                places: Places::new(
                    allowance.prefix_concurrent.get() as usize,
                    allowance.total_concurrent.get() as usize,
                ),
            }
        };
        Self {
            registrations: limit(Class::Registration),
            strangers: limit(Class::Stranger),
            browsers: limit(Class::Browser),
            decisions: limit(Class::Decision),
            codes: limit(Class::Code),
            refreshes: limit(Class::Refresh),
            introspections: limit(Class::Introspection),
            verifications: limit(Class::Verification),
            documents: limit(Class::Document),
            failures: Buckets::new(config.failures_per_minute(), clock.clone()),
            said: Buckets::new(ONCE_PER_MINUTE, clock),
            hasher: RandomState::new(),
        }
    }

    /// Room for one request, until what is returned is dropped. 429 beyond the rate, 503 where too many are under way.
    ///
    /// The prefix's own bucket comes first: what it refuses must not draw on everybody's.
    pub(crate) fn enter(&self, class: Class, prefix: Prefix) -> Result<Place<'_>, Failure> {
        let limit = self.of(class);
        let too_many = |exhausted| move |wait| self.too_many(exhausted, wait);
        limit.by_prefix.draw(&prefix).map_err(too_many(Exhausted::OfPrefix(class, prefix)))?;
        limit.total.draw(&()).map_err(too_many(Exhausted::Total(class)))?;
        limit.places.take(prefix).map_err(|crowded| {
            self.say(&match crowded {
                Crowded::Prefix => Exhausted::PlacesOfPrefix(class, prefix),
                Crowded::Total => Exhausted::Places(class),
            });
            Failure::crowded()
        })
    }

    pub(crate) fn claim(&self, issuer_id: &str, client_id: &str, prefix: Prefix) -> Claim {
        Claim { client: self.hasher.hash_one((issuer_id, client_id)), prefix }
    }

    /// Runs `call`, which verifies the claim, unless too many like it have failed (R15). Only failures are counted, and
    /// only here: the real client elsewhere is not shut out, nor is anybody who knows the secret slowed down. What runs
    /// at the same moment is bounded by the places.
    pub(crate) async fn guard<T>(
        &self,
        claim: Option<Claim>,
        call: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let Some(claim) = claim else { return call.await };
        self.failures.look(&claim).map_err(|wait| self.too_many(Exhausted::Failures(claim.clone()), wait))?;
        let result = call.await;
        if result.as_ref().is_err_and(Failure::is_failed_authentication) {
            // An empty bucket is empty, whether or not this was the last one in it.
            let _ = self.failures.draw(&claim);
        }
        result
    }

    fn of(&self, class: Class) -> &Limit<C> {
        match class {
            Class::Registration => &self.registrations,
            Class::Stranger => &self.strangers,
            Class::Browser => &self.browsers,
            Class::Decision => &self.decisions,
            Class::Code => &self.codes,
            Class::Refresh => &self.refreshes,
            Class::Introspection => &self.introspections,
            Class::Verification => &self.verifications,
            Class::Document => &self.documents,
        }
    }

    fn too_many(&self, exhausted: Exhausted, wait: Duration) -> Failure {
        self.say(&exhausted);
        Failure::too_many(wait)
    }

    /// Once a minute for each bucket: whoever floods us must not flood the log.
    fn say(&self, exhausted: &Exhausted) {
        if self.said.draw(exhausted).is_err() {
            return;
        }
        let (limit, what, prefix) = match exhausted {
            Exhausted::OfPrefix(class, prefix) => (class.as_str(), "prefix_per_minute", Some(prefix)),
            Exhausted::Total(class) => (class.as_str(), "total_per_minute", None),
            Exhausted::PlacesOfPrefix(class, prefix) => (class.as_str(), "prefix_concurrent", Some(prefix)),
            Exhausted::Places(class) => (class.as_str(), "total_concurrent", None),
            Exhausted::Failures(claim) => ("failed_authentications", "prefix_per_minute", Some(&claim.prefix)),
        };
        let prefix = prefix.map(tracing::field::display);
        tracing::warn!(limit.class = limit, limit.key = what, client.prefix = prefix, "a limit is reached");
    }
}

#[cfg(test)]
mod tests;
