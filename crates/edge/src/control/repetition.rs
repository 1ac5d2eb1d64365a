//! The rule of repetition: which failed call is sent again, and how often. It has no other home.
//!
//! | fate of the call | `keyed`, `harmless` | `undelivered` | costs a token of the budget |
//! |---|---|---|---|
//! | certainly not delivered | until the deadline | until the deadline | no: no endpoint has worked for it |
//! | connection lost before an answer | once | never | yes |
//! | answered: the store is unavailable | until the deadline | never | yes |
//! | any other answer | never | never | – |
//!
//! A repetition is the same message with the same idempotency key, so that the control plane acts on it once. It goes at once to
//! an endpoint that was not tried; if there is none, after a pause.
//!
//! A call that was delivered costs the control plane its work again. The [`Budget`] bounds that work to a share of all calls, so
//! that an endpoint that loses every call, or a store that is overloaded, does not multiply the load on the others.

use std::sync::atomic::{AtomicU32, Ordering};

use tonic::Status;

use crate::failure::{Delivery, invites_repetition};

/// What repetition of an RPC does, by the comments in `proto/lychgate/v1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// The message has an idempotency key: repeated, it has one effect and one answer.
    Keyed,
    /// A repetition has no further effect, and its answer is as good.
    Harmless,
    /// A repetition may get another answer, or the caller asks again by itself.
    Undelivered,
}

/// Why a call is repeated. A label of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Cause {
    NotDelivered,
    Lost,
    StoreUnavailable,
}

/// What follows a failed call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Repeat(Cause),
    Final,
    /// It would be repeated if the budget had a token.
    BudgetExhausted,
}

/// The tries of one call.
#[derive(Debug)]
pub(super) struct Tries<'a> {
    class: Class,
    budget: &'a Budget,
    was_lost: bool,
}

impl<'a> Tries<'a> {
    /// Begins a call, which adds its share to the budget.
    pub(super) fn begin(class: Class, budget: &'a Budget) -> Self {
        budget.add();
        Self { class, budget, was_lost: false }
    }

    /// What follows a try that failed with `status`.
    pub(super) fn after(&mut self, status: &Status) -> Verdict {
        let cause = match Delivery::of(status) {
            Delivery::NotDelivered => return Verdict::Repeat(Cause::NotDelivered),
            Delivery::Unknown => Cause::Lost,
            Delivery::Answered if invites_repetition(status) => Cause::StoreUnavailable,
            Delivery::Answered => return Verdict::Final,
        };
        match self.class {
            Class::Keyed | Class::Harmless => {}
            Class::Undelivered => return Verdict::Final,
        }
        // A message that ends the process that reads it must not end one node after the other.
        if cause == Cause::Lost && std::mem::replace(&mut self.was_lost, true) {
            return Verdict::Final;
        }
        if self.budget.take() { Verdict::Repeat(cause) } else { Verdict::BudgetExhausted }
    }
}

/// The share of a call in a repetition: five calls pay for one.
const CALLS_PER_REPETITION: u32 = 5;

/// Repetitions that are possible at once: the calls in progress at a node of which the edge loses the connection.
const MOST_REPETITIONS: u32 = 100;

/// A token bucket that calls fill and repetitions empty.
#[derive(Debug)]
pub(super) struct Budget {
    /// In shares of a repetition.
    shares: AtomicU32,
}

impl Default for Budget {
    fn default() -> Self {
        Self { shares: AtomicU32::new(MOST_REPETITIONS * CALLS_PER_REPETITION) }
    }
}

impl Budget {
    fn add(&self) {
        let add = |shares: u32| (shares < MOST_REPETITIONS * CALLS_PER_REPETITION).then(|| shares + 1);
        // An error means that the bucket is full.
        let _ = self.shares.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    fn take(&self) -> bool {
        let take = |shares: u32| shares.checked_sub(CALLS_PER_REPETITION);
        self.shares.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use lychgate_api::{ERROR_DOMAIN, Reason};
    use tonic::{Code, ConnectError};
    use tonic_types::{ErrorDetails, StatusExt as _};

    use super::*;

    fn not_delivered() -> Status {
        Status::from_error(Box::new(ConnectError("refused".into())))
    }

    fn lost() -> Status {
        Status::unavailable("a proxy in between")
    }

    fn answered(reason: Reason) -> Status {
        let details = ErrorDetails::with_error_info(reason.as_str(), ERROR_DOMAIN, HashMap::new());
        Status::with_error_details(Code::Unavailable, "", details)
    }

    /// The verdicts on tries that fail in this way, up to three.
    fn verdicts(class: Class, status: impl Fn() -> Status) -> Vec<Verdict> {
        let budget = Budget::default();
        let mut tries = Tries::begin(class, &budget);
        (0..3).map(|_| tries.after(&status())).collect()
    }

    #[test]
    fn rule_is_the_table_above() {
        use Verdict::{Final, Repeat};
        let store_unavailable = || answered(Reason::StoreUnavailable);
        for class in [Class::Keyed, Class::Harmless] {
            assert_eq!(verdicts(class, not_delivered), [Repeat(Cause::NotDelivered); 3], "{class:?}");
            assert_eq!(verdicts(class, lost), [Repeat(Cause::Lost), Final, Final], "{class:?}");
            assert_eq!(verdicts(class, store_unavailable), [Repeat(Cause::StoreUnavailable); 3], "{class:?}");
            assert_eq!(verdicts(class, || answered(Reason::CodeReplayed)), [Final; 3], "{class:?}");
        }
        assert_eq!(verdicts(Class::Undelivered, not_delivered), [Repeat(Cause::NotDelivered); 3]);
        assert_eq!(verdicts(Class::Undelivered, lost), [Final; 3]);
        assert_eq!(verdicts(Class::Undelivered, store_unavailable), [Final; 3]);
    }

    #[test]
    fn repetitions_of_delivered_calls_are_a_fifth_of_all_calls() {
        let budget = Budget::default();
        let mut repeated = 0;
        const CALLS: u32 = 10_000;
        for _ in 0..CALLS {
            match Tries::begin(Class::Keyed, &budget).after(&lost()) {
                Verdict::Repeat(_) => repeated += 1,
                Verdict::BudgetExhausted => {}
                Verdict::Final => panic!("a first loss is repeated within the budget"),
            }
        }
        assert!((CALLS / 5..=CALLS / 5 + MOST_REPETITIONS + 25).contains(&repeated), "{repeated}");
    }

    #[test]
    fn calls_that_were_not_delivered_cost_no_budget() {
        let budget = Budget::default();
        let mut tries = Tries::begin(Class::Keyed, &budget);
        for _ in 0..10 * MOST_REPETITIONS {
            assert_eq!(tries.after(&not_delivered()), Verdict::Repeat(Cause::NotDelivered));
        }
        assert_eq!(tries.after(&lost()), Verdict::Repeat(Cause::Lost));
    }
}
