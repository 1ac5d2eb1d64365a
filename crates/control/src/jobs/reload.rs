//! Reloads principals and certificates while the process runs.
//!
//! An invalid change is logged in one line and not applied. Principals and certificates are reloaded independently, so
//! that a leaked token can be withdrawn even if other files are broken.

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
use crate::ground::tls::{LoadedTls, Tls};
use crate::node::ConfigAudit;

/// The warning before the server certificate expires: how early, and how often.
const WARN_BEFORE_EXPIRY: Duration = Duration::from_secs(14 * 86_400);
const WARNING_INTERVAL: Duration = Duration::from_secs(86_400);

#[derive(Debug)]
pub(crate) struct Reload {
    file: PathBuf,
    watcher: FileWatcher,
    /// The principals as last loaded; the rest as the process was started.
    in_force: Config,
    /// The certificate files.
    tls_config: Option<TlsConfig>,
    principals: Arc<Principals>,
    tls: Option<Arc<Tls>>,
    audit: ConfigAudit,
}

/// The parts of the process that a reload replaces, and the record of changes.
#[derive(Debug)]
pub(crate) struct ReloadTargets {
    pub principals: Arc<Principals>,
    pub tls: Option<Arc<Tls>>,
    pub audit: ConfigAudit,
}

impl Reload {
    pub(crate) fn new(file: PathBuf, every: Duration, config: Config, targets: ReloadTargets) -> Self {
        let ReloadTargets { principals, tls, audit } = targets;
        let tls_config = config.tls.clone();
        let mut watcher = FileWatcher::new(every, &files(&file, tls_config.as_ref()));
        // The files may have changed between their first reading and this watch.
        watcher.retry();
        Self { file, watcher, in_force: config, tls_config, principals, tls, audit }
    }

    /// Runs until the task is dropped.
    pub(crate) async fn run(mut self) {
        let mut warnings = interval(WARNING_INTERVAL);
        loop {
            let files = files(&self.file, self.tls_config.as_ref());
            tokio::select! {
                trigger = self.watcher.next(&files) => {
                    let any = [self.reload_principals(), self.reload_certificates()].contains(&Reloaded::Reported);
                    self.record().await;
                    if trigger == ReloadTrigger::Signal && !any {
                        tracing::info!("reloaded on request; nothing has changed");
                    }
                }
                _ = warnings.tick() => {}
            }
            self.warn_of_expiry();
        }
    }

    fn reload_principals(&mut self) -> Reloaded {
        let read = config::load::<Config>(&self.file).and_then(|config| {
            config.check_listen().and_then(|()| config.principals()).map(|principals| (config, principals))
        });
        let (config, principals) = match read {
            Ok(read) => read,
            Err(error) => return refused("principals", error.in_file(&self.file)),
        };
        let later = waiting_for_a_restart(&self.in_force, &config);
        if !later.is_empty() {
            tracing::warn!(keys = later.join(", "), "configuration changes need a restart");
        }
        if config.tls.is_some() == self.tls.is_some() {
            self.tls_config = config.tls;
        }
        let changes = self.principals.replace(principals);
        self.in_force.principals = config.principals;
        if changes.is_empty() {
            return Reloaded::Unchanged;
        }
        tracing::info!(principals = %changes, "reloaded principals");
        Reloaded::Reported
    }

    fn reload_certificates(&self) -> Reloaded {
        let (Some(tls), Some(config)) = (&self.tls, &self.tls_config) else { return Reloaded::Unchanged };
        let loaded = match LoadedTls::read(config, &self.audit.clock) {
            Ok(loaded) => loaded,
            Err(error) => return refused("certificates", error.in_file(&self.file)),
        };
        if tls.replace(loaded).is_none() {
            return Reloaded::Unchanged;
        }
        let now = tls.current();
        let not_after = date(now.not_after);
        tracing::info!(
            certificate.not_after = not_after,
            client_authorities = now.authorities(),
            "reloaded certificates"
        );
        Reloaded::Reported
    }

    /// The change applies before its event is stored: a leaked token is withdrawn even while the store is unavailable.
    async fn record(&mut self) {
        if let Err(error) = self.audit.record(&self.in_force).await {
            let error = format!("{error:#}");
            tracing::error!(error, "cannot record the configuration change; it will be retried");
            self.watcher.retry();
        }
    }

    fn warn_of_expiry(&self) {
        let Some(loaded) = self.tls.as_ref().map(|tls| tls.current()) else { return };
        if self.audit.clock.now() + WARN_BEFORE_EXPIRY > loaded.not_after {
            let not_after = date(loaded.not_after);
            tracing::warn!(certificate.not_after = not_after, "the server certificate expires soon; renew it");
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reloaded {
    /// A line of the log says what changed, or why nothing did.
    Reported,
    Unchanged,
}

/// Logs why nothing was reloaded.
fn refused(what: &str, error: ConfigError) -> Reloaded {
    tracing::error!(%error, "reload failed, nothing is changed: {what}");
    Reloaded::Reported
}

fn files(file: &PathBuf, tls: Option<&TlsConfig>) -> Vec<PathBuf> {
    [file].into_iter().chain(tls.into_iter().flat_map(TlsConfig::files)).cloned().collect()
}

/// The changed keys that need a restart.
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
        // A configuration always serializes to an object.
        _ => serde_json::Map::new(),
    }
}

/// The date in HTTP's format.
fn date(at: Timestamp) -> String {
    /// The last second of the year 9999, which also stands for "never" (RFC 5280 §4.1.2.5).
    const LAST: u64 = 253_402_300_799;
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(at.seconds().min(LAST)))
}
