//! The tests of every engine: one for each contract of the [engine port](lychgate_engine), stamped onto an engine by
//! [`engine_suite!`] in about twenty lines; a [model] that every engine is compared with; and [fault drivers](fault) for
//! the tests of code that is built on an engine.
//!
//! Every engine keeps every contract. Nothing here may be switched off for one engine, and nothing may ask for more than
//! the port promises. The test holds the clock, parallelism is real, and a test waits for a condition, never for a while.

#![expect(clippy::expect_used, reason = "a contract that panics has failed")]

mod clock;
pub mod contracts;
mod entropy;
pub mod fault;
pub mod model;
mod subject;

pub use clock::TestClock;
pub use entropy::TestEntropy;
pub use subject::{Opened, Subject, hold};

/// Stamps one `#[test]` for each contract of the port, and the comparison with the model. The argument names an
/// `async fn(Arc<dyn Clock>) -> Opened` that opens a fresh, empty engine at every call.
#[macro_export]
macro_rules! engine_suite {
    ($open:expr) => {
        $crate::engine_contracts!($open);

        #[test]
        fn it_behaves_as_the_model_does() {
            $crate::model::compare($open)
        }
    };
}

/// Stamps [`engine_suite!`] and one `#[test]` for each contract of an engine that only this process writes to. An engine
/// that implements `SoleWriter` is tested by this macro. The argument is that of [`engine_suite!`]; its engines are opened
/// with `OpenEngine::sole_writer`.
#[macro_export]
macro_rules! sole_writer_suite {
    ($open:expr) => {
        $crate::engine_suite!($open);
        $crate::sole_writer_contracts!($open);
    };
}

include!(concat!(env!("OUT_DIR"), "/contracts.rs"));

#[doc(hidden)]
#[macro_export]
macro_rules! stamp {
    ($open:expr => $($module:ident { $($contract:ident,)+ })+) => {
        $(mod $module {
            use super::*;

            $(#[test]
            fn $contract() {
                $crate::hold($open, $crate::contracts::$module::$contract)
            })+
        })+
    };
}
