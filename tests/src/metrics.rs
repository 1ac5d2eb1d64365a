//! The metrics of one process, as a collector reads them.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

use crate::http::Page;
use crate::system::ports::Claim;

/// One answer of `GET /metrics`.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    /// By name and labels, as they stand in the answer.
    pub series: BTreeMap<String, f64>,
    /// The kind of each metric, by the name that its series begin with.
    pub kinds: BTreeMap<String, String>,
}

impl Metrics {
    pub async fn at(claim: &Claim) -> Result<Self> {
        let page = Page::of(reqwest::Client::new().get(format!("http://{}/metrics", claim.address()))).await?;
        ensure!(page.status == 200, "{}", page.summary());
        let form = page.header("content-type").context("it says what it is")?;
        ensure!(form.starts_with("application/openmetrics-text"), "{form}");
        ensure!(page.body.ends_with("# EOF\n"), "it is not whole");
        Self::parse(&page.body)
    }

    /// Reads the OpenMetrics text format. Label values have no spaces that follow the last one of a line.
    pub fn parse(text: &str) -> Result<Self> {
        let mut metrics = Self::default();
        for line in text.lines() {
            if let Some(described) = line.strip_prefix("# TYPE ") {
                let (name, kind) = described.split_once(' ').context("no kind")?;
                metrics.kinds.insert(name.to_owned(), kind.to_owned());
            } else if !line.starts_with('#') {
                let (series, value) = line.rsplit_once(' ').context("no value")?;
                metrics.series.insert(series.to_owned(), value.parse()?);
            }
        }
        Ok(metrics)
    }

    /// The value of the only series with this name and all of these labels.
    ///
    /// # Panics
    /// If there is none, or more than one.
    #[track_caller]
    pub fn of(&self, name: &str, labels: &[&str]) -> f64 {
        let found = self.all(name, labels);
        let [(_, value)] = found[..] else { panic!("{name} with {labels:?}: {found:?} of {:#?}", self.series.keys()) };
        value
    }

    /// The sum of all series with this name and all of these labels; 0 if there is none.
    pub fn sum(&self, name: &str, labels: &[&str]) -> f64 {
        self.all(name, labels).into_iter().map(|(_, value)| value).sum()
    }

    pub fn names(&self, text: &str) -> bool {
        self.series.keys().any(|series| series.contains(text))
    }

    fn all(&self, name: &str, labels: &[&str]) -> Vec<(&str, f64)> {
        let is_it =
            |series: &str| series.split('{').next() == Some(name) && labels.iter().all(|&has| series.contains(has));
        self.series
            .iter()
            .filter(|(series, _)| is_it(series))
            .map(|(series, value)| (series.as_str(), *value))
            .collect()
    }
}
