//! Reloads the edge's credentials for the control plane when their files change, so that a token or a certificate can be
//! replaced without a restart.
//!
//! Working credentials are given up only after the control plane has accepted the new ones.

use lychgate_process::FileWatcher;
use lychgate_process::file_watcher::POLL_INTERVAL;

use crate::config::ControlConfig;
use crate::control::Control;
use crate::control::endpoints::Endpoints;

#[derive(Debug)]
pub(crate) struct CredentialReloader {
    config: ControlConfig,
    watcher: FileWatcher,
}

impl CredentialReloader {
    /// Must be created before the files are read for the first time, so that it misses no change.
    pub(crate) fn new(config: ControlConfig) -> Self {
        let watcher = FileWatcher::new(POLL_INTERVAL, &config.files());
        Self { config, watcher }
    }

    /// Never returns.
    pub(crate) async fn run(mut self, control: &Control) {
        let files = self.config.files();
        let mut last_error = String::new();
        loop {
            self.watcher.next(&files).await;
            let error = match self.config.targets().map(Endpoints::open) {
                Ok(Ok(endpoints)) => control.switch_to(endpoints).await.err().map(|status| {
                    // The control plane may be down, or may not know the new credentials yet.
                    self.watcher.retry();
                    format!("the control plane does not accept them: {:?}: {}", status.code(), status.message())
                }),
                Ok(Err(error)) => Some(format!("{:#}", anyhow::Error::new(error))),
                Err(error) => Some(error.to_string()),
            };
            match &error {
                None => tracing::info!("reloaded the credentials for the control plane"),
                Some(error) if *error != last_error => {
                    tracing::error!(
                        error,
                        "cannot reload the credentials for the control plane; the old ones stay in use"
                    );
                }
                // The same error is logged once.
                Some(_) => {}
            }
            last_error = error.unwrap_or_default();
        }
    }
}
