//! The pages' appearance, replaced without a restart when the operator's files change.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use lychgate_api::Reason;
use lychgate_pages::page::{ConsentPage, Incomplete, Page};
use lychgate_pages::render::IssuerSetting;
use lychgate_pages::samples::Sampled as _;
use lychgate_pages::words::Reader;
use lychgate_pages::{Appearance, Asset, Setting};
use lychgate_process::file_watcher::POLL_INTERVAL;
use lychgate_process::{ConfigError, FileWatcher};
use sha2::{Digest as _, Sha256};

use crate::failure::Failure;
use crate::issuers::{Issuer, Issuers};

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

    /// SHA-256, in hexadecimal, of a consent page for an English reader, with the values of a sample. It is the same at every edge
    /// with the same version, templates, words and brand. `None` if the page cannot be rendered, which is logged.
    pub(crate) fn consent_page_digest(&self, issuer: &Issuer) -> Option<String> {
        let sample = ConsentPage::samples().into_iter().next()?;
        let html = self.render(Some(issuer), &Reader::new("en", ""), &sample.page).ok()?;
        Some(Sha256::digest(html).iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The file with this name below `/assets/`.
    pub(crate) fn asset(&self, file: &str) -> Option<Asset> {
        self.0.load().asset(file)
    }

    /// The issuers with a brand that are none of `ids`: such a brand has no effect.
    fn idle_brands(&self, ids: &BTreeSet<String>) -> Vec<String> {
        let appearance = self.0.load();
        appearance.branded_issuers().filter(|issuer| !ids.contains(*issuer)).map(str::to_owned).collect()
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
    pub(crate) async fn run(self, pages: &Pages, issuers: &Issuers) {
        tokio::join!(self.reload(pages, issuers), warn_of_idle_brands(pages, issuers));
    }

    async fn reload(mut self, pages: &Pages, issuers: &Issuers) {
        loop {
            match self.next(pages).await {
                Ok(()) => {
                    tracing::info!("reloaded the templates, words and brands of the pages");
                    log_idle_brands(pages, issuers.ids().borrow().as_ref());
                }
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

/// Warns of brands without an issuer whenever the set of issuers changes. Never returns.
async fn warn_of_idle_brands(pages: &Pages, issuers: &Issuers) {
    let mut ids = issuers.ids();
    loop {
        log_idle_brands(pages, ids.borrow_and_update().as_ref());
        // `issuers` holds the sender.
        let _changed = ids.changed().await;
    }
}

/// `ids` are absent until the control plane has answered for the first time.
fn log_idle_brands(pages: &Pages, ids: Option<&BTreeSet<String>>) {
    for issuer in ids.into_iter().flat_map(|ids| pages.idle_brands(ids)) {
        tracing::warn!(
            issuer.id = issuer,
            "a brand has no effect: no issuer has the id that its file is named after; see brands/ in templates_dir"
        );
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

    #[tokio::test]
    async fn a_brand_without_an_issuer_is_found() {
        let directory = tempfile::tempdir().expect("a directory");
        fs::create_dir(directory.path().join("brands")).expect("a directory");
        for issuer in ["main", "mian"] {
            let brand = "[brand]\nname = \"Notes Inc.\"\n";
            fs::write(directory.path().join(format!("brands/{issuer}.toml")), brand).expect("a file");
        }
        let (pages, _) = AppearanceReloader::load(Some(directory.path().to_owned())).expect("it loads");
        let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
        assert_eq!(pages.idle_brands(&ids(&["main", "other"])), ["mian"]);
        assert_eq!(pages.idle_brands(&ids(&["main", "mian"])), [""; 0]);
    }
}
