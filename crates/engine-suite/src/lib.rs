//! What every engine must hold to: one test for each contract of the [engine port](lychgate_engine), stamped
//! onto an engine by [`engine_suite!`] in about twenty lines; a [model](model) that every engine is compared with; and
//! [fault drivers](fault) for the tests of what is built on an engine.
//!
//! An engine that lacks a contract does not exist. So nothing here may be switched off for one engine, and nothing
//! here may ask for more than the port promises: time is the clock's that the test holds, parallelism is real, and a
//! test waits for a condition, never for a while.

mod clock;
pub mod contracts;
mod entropy;
pub mod fault;
pub mod model;
mod subject;

pub use clock::TestClock;
pub use entropy::TestEntropy;
pub use subject::{Opened, Subject, hold};

/// Stamps one `#[test]` for each contract. The argument names an `async fn(Arc<dyn Clock>) -> Opened` that opens a
/// fresh, empty engine at every call.
#[macro_export]
macro_rules! engine_suite {
    ($open:expr) => {
        $crate::engine_suite! { $open =>
            basics {
                an_open_engine_is_ready,
                an_empty_engine_has_nothing,
                every_commit_moves_the_revision_on,
                versions_are_never_used_again,
                a_write_is_stamped_before_it_is_acknowledged,
            }
            batches {
                a_batch_lands_whole,
                expectations_are_checked,
                keys_that_are_only_read_are_checked,
                a_conflict_writes_nothing,
                a_conflict_names_the_first_key_that_failed,
                a_batch_after_its_time_is_not_applied,
                the_same_batch_lands_once,
            }
            expiry {
                what_has_expired_at_the_callers_now_is_not_read,
                what_has_expired_at_the_callers_now_is_not_scanned,
                what_has_expired_is_absent_to_expectations,
                what_has_expired_can_be_made_again,
            }
            limits {
                what_is_at_the_limit_is_accepted,
                what_is_beyond_the_limit_is_refused,
            }
            scans {
                a_scan_is_in_order_and_within_its_bounds,
                a_scan_is_limited_in_results,
                a_scan_is_limited_in_rows_and_expired_ones_count,
                a_scan_meets_what_is_unchanged_exactly_once,
            }
            races {
                of_many_racers_one_wins,
                no_two_batches_skew_each_other,
                a_read_is_one_snapshot_across_keys,
                what_is_not_stamped_is_as_it_was_read,
                a_read_sees_what_was_committed_before_it_began,
            }
            events {
                events_come_in_the_order_of_commits,
                a_page_of_events_is_limited,
                a_tail_skips_no_event,
                news_ends_the_wait,
                without_news_the_wait_ends_by_itself,
                complete_to_keeps_its_word,
                a_cursor_of_another_incarnation_is_lost,
                positions_grow_with_the_log,
                forgotten_events_are_gone_and_their_cursors_lost,
                what_is_forgotten_takes_nothing_else_with_it,
                an_emptied_log_goes_on_where_it_was,
                a_tail_outlives_what_is_forgotten_behind_it,
            }
        }

        #[test]
        fn it_behaves_as_the_model_does() {
            $crate::model::compare($open)
        }
    };
    ($open:expr => $($subject:ident { $($contract:ident),+ $(,)? })+) => {
        $(mod $subject {
            use super::*;

            $(#[test]
            fn $contract() {
                $crate::hold($open, $crate::contracts::$subject::$contract)
            })+
        })+
    };
}
