//! The pages' appearance, replaced without a restart when the operator's files change.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use lychgate_api::Reason;
use lychgate_pages::page::{Incomplete, Page};
use lychgate_pages::render::{Asset, IssuerSetting};
use lychgate_pages::words::Reader;
use lychgate_pages::{Appearance, Setting};
use lychgate_process::file_watcher::POLL_INTERVAL;
use lychgate_process::{ConfigError, FileWatcher};

use crate::failure::Failure;
use crate::issuers::Issuer;

/// The appearance in use.
#[derive(Clone, Debug)]
pub(crate) struct Pages(Arc<ArcSwap<Appearance>>);

impl Pages {
    pub(crate) fn new(appearance: Appearance) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(appearance)))
    }

    /// Renders `page` for a reader, with the brand of the issuer.
    pub(crate) fn render<P: Page>(
        &self,
        issuer: Option<&Issuer>,
        reader: &Reader,
        page: &P,
    ) -> Result<String, Failure> {
        let issuer = issuer.map(|Issuer { id, name, path, .. }| IssuerSetting { id, name, path });
        self.0.load().render(&Setting { issuer, reader }, page).map_err(|error| {
            tracing::error!(%error, template = P::KIND.template(), "cannot render a page");
            Failure::new(Reason::Fault)
        })
    }

    /// The file with this name below `/assets/`.
    pub(crate) fn asset(&self, file: &str) -> Option<Asset> {
        self.0.load().asset(file)
    }

    /// The icon of the issuer's brand.
    pub(crate) fn icon(&self, issuer: &str) -> Option<Asset> {
        self.0.load().icon(issuer)
    }

    /// The first of `languages`, separated by spaces, that pages have.
    pub(crate) fn language(&self, languages: &str) -> Option<String> {
        self.0.load().language(languages).map(str::to_owned)
    }

    /// One English sentence about a failure, for clients of the API.
    pub(crate) fn failure_in_english(&self, reason: Reason) -> String {
        self.0.load().failure_in_english(reason).unwrap_or_default()
    }
}

/// A page must not be shown without what is missing.
impl From<Incomplete> for Failure {
    fn from(_: Incomplete) -> Self {
        Self::new(Reason::Fault)
    }
}

/// Reloads the appearance when a file of the operator's directory changes. A directory that does not load leaves the
/// appearance in use as it is.
#[derive(Debug)]
pub(crate) struct AppearanceReloader {
    directory: PathBuf,
    watcher: FileWatcher,
}

impl AppearanceReloader {
    /// Loads the appearance. The reloader is `None` without a directory.
    pub(crate) fn load(directory: Option<PathBuf>) -> Result<(Pages, Option<Self>), ConfigError> {
        // The watcher comes first, so that it misses no change.
        let reloader = directory.map(|directory| {
            let watcher = FileWatcher::new(POLL_INTERVAL, std::slice::from_ref(&directory));
            Self { directory, watcher }
        });
        let appearance = Appearance::load(reloader.as_ref().map(|reloader| reloader.directory.as_path()))?;
        Ok((Pages::new(appearance), reloader))
    }

    /// Never returns.
    pub(crate) async fn run(mut self, pages: &Pages) {
        loop {
            self.watcher.next(std::slice::from_ref(&self.directory)).await;
            let directory = self.directory.clone();
            let loaded = tokio::task::spawn_blocking(move || Appearance::load(Some(&directory))).await;
            match loaded {
                Ok(Ok(appearance)) => {
                    pages.0.store(Arc::new(appearance));
                    tracing::info!("reloaded the templates, words and brands of the pages");
                }
                Ok(Err(error)) => {
                    tracing::error!(%error, "cannot reload the templates of the pages; the old ones stay in use");
                }
                Err(error) => tracing::error!(%error, "the reload of the templates of the pages was cut off"),
            }
        }
    }
}
