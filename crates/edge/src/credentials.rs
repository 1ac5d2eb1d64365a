//! How this edge shows the control plane who it is, and whom it takes for the control plane: files that are read again
//! when they change, so that a token or a certificate can be replaced, and an old one forgotten, without a restart.
//!
//! It must never give up what works for what might: others are gone by only after the control plane has answered to them.

use lychgate_process::FileWatcher;
use lychgate_process::file_watcher::POLL_INTERVAL;

use crate::config::ControlConfig;
use crate::control::Control;

#[derive(Debug)]
pub(crate) struct CurrentCredentials {
    config: ControlConfig,
    watcher: FileWatcher,
}

impl CurrentCredentials {
    /// Made before anything is read for the first time.
    pub(crate) fn new(config: ControlConfig) -> Self {
        let watcher = FileWatcher::new(POLL_INTERVAL, &config.files());
        Self { config, watcher }
    }

    /// For ever.
    pub(crate) async fn keep(mut self, control: &Control) {
        let files = self.config.files();
        let mut complaint = String::new();
        loop {
            self.watcher.next(&files).await;
            let refused = match self.config.channel() {
                Ok(channel) => control.switch_to(channel).await.err().map(|status| {
                    // It may be the control plane that is not there, or does not know them yet.
                    self.watcher.retry();
                    format!("the control plane does not answer to them: {:?}: {}", status.code(), status.message())
                }),
                Err(error) => Some(error.to_string()),
            };
            match refused {
                None => tracing::info!("read again: what this edge shows to the control plane"),
                Some(ref error) if *error != complaint => {
                    tracing::error!(error, "what this edge shows to the control plane stays what it was");
                }
                // Said already.
                Some(_) => {}
            }
            complaint = refused.unwrap_or_default();
        }
    }
}
