//! Captures the log of one process. All tests share one subscriber, because `tracing` caches the interest of call
//! sites from before a subscriber is installed; the subscriber serves the threads that have a log.

use std::cell::RefCell;
use std::io::Write;
use std::sync::{Arc, Mutex, Once};

use tokio::runtime::Builder;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

thread_local! {
    static MINE: RefCell<Option<Log>> = const { RefCell::new(None) };
}

/// Everything that is logged, at every level, by every crate.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Installs the shared subscriber. Must run before the first log line.
    pub(crate) fn prepare() {
        static PREPARED: Once = Once::new();
        PREPARED.call_once(|| {
            let has_log = dynamic_filter_fn(|_, _| MINE.with_borrow(Option::is_some));
            let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(|| ThisThreads);
            tracing_subscriber::registry().with(layer.with_filter(has_log)).init();
        });
    }

    /// A runtime with threads that all log here.
    pub(crate) fn runtime(&self) -> Builder {
        let (mut runtime, log) = (Builder::new_multi_thread(), self.clone());
        runtime.worker_threads(2).on_thread_start(move || MINE.set(Some(log.clone())));
        runtime
    }

    pub(crate) fn read(&self) -> Vec<u8> {
        self.0.lock().expect("unpoisoned").clone()
    }
}

struct ThisThreads;

impl Write for ThisThreads {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        MINE.with_borrow(|log| {
            log.iter().for_each(|log| log.0.lock().expect("unpoisoned").extend_from_slice(bytes));
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
