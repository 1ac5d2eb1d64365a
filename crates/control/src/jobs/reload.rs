//! What is read again while everything goes on: who may call, and the certificates.
//!
//! It must never make anything worse: what cannot be used is said in one line, and what was in force stays. Principals and
//! certificates are told apart, so that a leaked token can be taken back whatever state the other files are in.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use lychgate_domain::time::Timestamp;
use lychgate_process::config::{self, ConfigError};
use lychgate_process::file_watcher::{FileWatcher, ReloadTrigger};
use serde_json::Value as Json;
use tokio::time::interval;

use crate::config::{Config, TlsConfig};
use crate::ground::principal::Principals;
use crate::ground::tls::{Loaded, Tls};
use crate::jobs::config_audit::Recorder;

/// How long before its end the control plane's own certificate is complained about, and how often.
const SOON: Duration = Duration::from_secs(14 * 86_400);
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(86_400);

#[derive(Debug)]
pub struct Reload {
    file: PathBuf,
    watcher: FileWatcher,
    /// Who may call is as last read, the rest is what the process was started with, until it ends.
    in_force: Config,
    /// Which files the certificates are in.
    tls_config: Option<TlsConfig>,
    principals: Arc<Principals>,
    tls: Option<Arc<Tls>>,
    recorder: Recorder,
}

impl Reload {
    pub fn new(
        file: PathBuf,
        every: Duration,
        config: Config,
        principals: Arc<Principals>,
        tls: Option<Arc<Tls>>,
        recorder: Recorder,
    ) -> Self {
        let tls_config = config.tls.clone();
        let mut watcher = FileWatcher::new(every, &files(&file, tls_config.as_ref()));
        // Everything was read before anybody looked out.
        watcher.retry();
        Self { file, watcher, in_force: config, tls_config, principals, tls, recorder }
    }

    /// For ever.
    pub async fn run(mut self) {
        let mut complaints = interval(COMPLAINT_INTERVAL);
        loop {
            let files = files(&self.file, self.tls_config.as_ref());
            tokio::select! {
                trigger = self.watcher.next(&files) => {
                    let any = [self.reread_principals(), self.reread_certificates()].contains(&Reread::Something);
                    self.record().await;
                    if trigger == ReloadTrigger::Signal && !any {
                        tracing::info!("read again as asked: nothing new is in force");
                    }
                }
                _ = complaints.tick() => {}
            }
            self.complain();
        }
    }

    fn reread_principals(&mut self) -> Reread {
        let read = config::load::<Config>(&self.file).and_then(|config| {
            config.check_listen().and_then(|()| config.principals()).map(|principals| (config, principals))
        });
        let (config, principals) = match read {
            Ok(read) => read,
            Err(error) => return refused("who may call", error.in_file(&self.file)),
        };
        let later = waiting_for_a_restart(&self.in_force, &config);
        if !later.is_empty() {
            tracing::warn!(keys = later.join(", "), "changed in the configuration, but in force only after a restart");
        }
        if config.tls.is_some() == self.tls.is_some() {
            self.tls_config = config.tls;
        }
        let changes = self.principals.replace(principals);
        self.in_force.principals = config.principals;
        if changes.is_empty() {
            return Reread::Nothing;
        }
        tracing::info!(principals = %changes, "read again: who may call");
        Reread::Something
    }

    fn reread_certificates(&self) -> Reread {
        let (Some(tls), Some(config)) = (&self.tls, &self.tls_config) else { return Reread::Nothing };
        let loaded = match Loaded::read(config, &self.recorder.clock) {
            Ok(loaded) => loaded,
            Err(error) => return refused("certificates", error.in_file(&self.file)),
        };
        if tls.replace(loaded).is_none() {
            return Reread::Nothing;
        }
        let now = tls.current();
        let not_after = date(now.not_after);
        tracing::info!(
            certificate.not_after = not_after,
            client_authorities = now.authorities(),
            "read again: certificates"
        );
        Reread::Something
    }

    /// What is in force is not kept waiting for its event: a leaked token is taken back also while nothing can be written.
    async fn record(&mut self) {
        if let Err(error) = self.recorder.see(&self.in_force).await {
            let error = format!("{error:#}");
            tracing::error!(error, "what is in force is not on the record yet: tried again");
            self.watcher.retry();
        }
    }

    fn complain(&self) {
        let Some(loaded) = self.tls.as_ref().map(|tls| tls.current()) else { return };
        if self.recorder.clock.now() + SOON > loaded.not_after {
            let not_after = date(loaded.not_after);
            tracing::warn!(
                certificate.not_after = not_after,
                "the certificate of this control plane ends soon: renew it"
            );
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reread {
    Something,
    Nothing,
}

/// Somebody has been told: that is something, too.
fn refused(what: &str, error: ConfigError) -> Reread {
    tracing::error!(%error, "not read again, what was in force stays: {what}");
    Reread::Something
}

fn files(file: &PathBuf, tls: Option<&TlsConfig>) -> Vec<PathBuf> {
    [file].into_iter().chain(tls.into_iter().flat_map(TlsConfig::files)).cloned().collect()
}

/// The keys that say something else than when the process was started, and are not read again.
fn waiting_for_a_restart(before: &Config, after: &Config) -> Vec<String> {
    let (before_tls, after_tls) = (before.tls.is_some(), after.tls.is_some());
    let (before, after) = (members(before), members(after));
    let is_read_again = |key: &str| key == "principals" || key == "tls" && before_tls == after_tls;
    after
        .iter()
        .filter(|(key, value)| !is_read_again(key) && before.get(*key) != Some(value))
        .map(|(key, _)| key.clone())
        .collect()
}

fn members(config: &Config) -> serde_json::Map<String, Json> {
    match serde_json::to_value(config) {
        Ok(Json::Object(members)) => members,
        // A configuration is a table of what JSON has, too.
        _ => serde_json::Map::new(),
    }
}

/// As HTTP writes it.
fn date(at: Timestamp) -> String {
    /// The last second of the year 9999, which also stands for "never" (RFC 5280 §4.1.2.5).
    const LAST: u64 = 253_402_300_799;
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(at.seconds().min(LAST)))
}
