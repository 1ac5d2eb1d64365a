//! The pages' appearance, replaced without a restart when the operator's files change.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use lychgate_api::Reason;
use lychgate_pages::page::{Incomplete, Page};
use lychgate_pages::render::IssuerSetting;
use lychgate_pages::words::Reader;
use lychgate_pages::{Appearance, Asset, Setting};
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
            match self.next(pages).await {
                Ok(()) => tracing::info!("reloaded the templates, words and brands of the pages"),
                Err(error) => tracing::error!(%error, "cannot reload the pages; the old ones stay in use"),
            }
        }
    }

    /// Waits for a change, and loads it.
    async fn next(&mut self, pages: &Pages) -> anyhow::Result<()> {
        self.watcher.next(std::slice::from_ref(&self.directory)).await;
        let directory = self.directory.clone();
        let appearance = tokio::task::spawn_blocking(move || Appearance::load(Some(&directory))).await??;
        pages.0.store(Arc::new(appearance));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use lychgate_pages::page::HomePage;

    use super::*;

    /// Templates, words and brands change without a restart; what does not load changes nothing.
    #[tokio::test(start_paused = true)]
    async fn changed_files_are_loaded_whole_or_not_at_all() {
        let directory = tempfile::tempdir().expect("a directory");
        let write = |name: &str, text: &str| {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
            fs::write(path, text).expect("a file");
        };
        let (pages, reloader) = AppearanceReloader::load(Some(directory.path().to_owned())).expect("it loads");
        let mut reloader = reloader.expect("a directory is watched");
        let shown = || {
            let reader = Reader::new("de", "");
            pages.render(None, &reader, &HomePage::default()).expect("a page")
        };
        assert!(!shown().contains("Neue Worte"));
        write("locales/de.ftl", "home-text = Neue Worte\n");
        reloader.next(&pages).await.expect("it loads");
        assert!(shown().contains("Neue Worte"));
        write("home.hbs", "{{no_such_thing}}");
        let error = reloader.next(&pages).await.expect_err("it does not load").to_string();
        assert!(error.contains("home.hbs") && shown().contains("Neue Worte"), "{error}");
        write("home.hbs", "repaired");
        reloader.next(&pages).await.expect("it loads");
        assert_eq!(shown(), "repaired");
    }
}
