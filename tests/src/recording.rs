//! The metrics of a system over time, as a Prometheus server would have them, for its rule tests.
//!
//! A frame is what all processes say at one moment. Frames count as [`INTERVAL`] apart, however fast a test takes them: so minutes of
//! an outage pass in seconds. Points in time among the values are moved along.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use jsonwebtoken::get_current_timestamp;
use serde_json::{Value, json};

use crate::metrics::Metrics;
use crate::system::ports::Claim;

/// The time between two frames.
pub const INTERVAL: Duration = Duration::from_secs(15);

/// A process that is scraped.
#[derive(Debug)]
pub struct Target {
    pub job: &'static str,
    pub metrics: Claim,
}

/// What was recorded so far, and which alerts must fire when.
#[derive(Debug)]
pub struct Recording {
    targets: Vec<Target>,
    frames: Vec<BTreeMap<String, f64>>,
    expectations: Vec<Value>,
}

impl Recording {
    pub fn of(targets: Vec<Target>) -> Self {
        Self { targets, frames: Vec::new(), expectations: Vec::new() }
    }

    /// What the first process of a job says now.
    pub async fn now(&self, job: &str) -> Result<Metrics> {
        let target = self.targets.iter().find(|target| target.job == job).context("no such job")?;
        Metrics::at(&target.metrics).await
    }

    /// Records `frames` frames. `work` happens before each.
    pub async fn record(&mut self, frames: usize, work: impl AsyncFn(usize) -> Result<()>) -> Result<()> {
        for n in 0..frames {
            work(n).await?;
            let frame = self.scrape().await;
            self.frames.push(frame);
        }
        Ok(())
    }

    /// After the frames so far, exactly these alerts fire.
    pub fn expect(&mut self, alerts: &[&str]) -> Result<()> {
        let last = u32::try_from(self.frames.len().checked_sub(1).context("nothing was recorded")?)?;
        let samples: Vec<_> =
            alerts.iter().map(|alert| json!({ "labels": format!("{{alertname={alert:?}}}"), "value": 1 })).collect();
        self.expectations.push(json!({
            "expr": "group by (alertname) (ALERTS{alertstate=\"firing\"})",
            "eval_time": format!("{}s", (INTERVAL * last).as_secs()),
            "exp_samples": samples,
        }));
        Ok(())
    }

    /// Runs `promtool test rules` with the recorded metrics.
    pub fn judge(&self, rules: &Path, directory: &Path) -> Result<()> {
        let names: BTreeSet<_> = self.frames.iter().flat_map(BTreeMap::keys).collect();
        let series: Vec<_> =
            names.into_iter().map(|name| json!({ "series": name, "values": self.values(name) })).collect();
        let test = json!({
            "rule_files": [rules],
            "evaluation_interval": "15s",
            "tests": [{
                "interval": format!("{}s", INTERVAL.as_secs()),
                "input_series": series,
                "promql_expr_test": self.expectations,
            }],
        });
        let file = directory.join("recorded.yaml");
        // JSON is YAML.
        fs::write(&file, serde_json::to_vec(&test)?)?;
        promtool(&["test", "rules"], &file)
    }

    /// The values of a series in promtool's notation: `_` where it was absent.
    fn values(&self, series: &str) -> String {
        let values = self.frames.iter().map(|frame| frame.get(series).map_or("_".to_owned(), f64::to_string));
        values.collect::<Vec<_>>().join(" ")
    }

    async fn scrape(&self) -> BTreeMap<String, f64> {
        let (recorded, now) = (INTERVAL.as_secs_f64() * self.frames.len() as f64, get_current_timestamp() as f64);
        let mut frame = BTreeMap::new();
        for Target { job, metrics } in &self.targets {
            let labels = format!("instance=\"{}\",job=\"{job}\"", metrics.address());
            let found = Metrics::at(metrics).await;
            frame.insert(format!("up{{{labels}}}"), if found.is_ok() { 1.0 } else { 0.0 });
            for (series, value) in found.map(|found| found.series).unwrap_or_default() {
                let (name, own) = series.split_once('{').map_or((series.as_str(), "}"), |(name, rest)| (name, rest));
                let more = if own == "}" { "" } else { "," };
                let is_instant = name.ends_with("_timestamp_seconds");
                let value = if is_instant { value - now + recorded } else { value };
                frame.insert(format!("{name}{{{labels}{more}{own}"), value);
            }
        }
        frame
    }
}

/// Runs Prometheus' own tool on a file.
pub fn promtool(arguments: &[&str], file: &Path) -> Result<()> {
    let output = Command::new("promtool").args(arguments).arg(file).output().context("promtool is not installed")?;
    let said = [output.stdout, output.stderr].concat();
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&said));
    Ok(())
}
