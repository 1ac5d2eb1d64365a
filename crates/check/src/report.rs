//! The verdict on each requirement, and its printing as a table, as JSON or as SARIF.
//!
//! All evidence is made safe for a terminal when it is recorded: the server chose its bytes.

mod sarif;

use std::fmt::{self, Display};

use lychgate_process::terminal::visible;
use serde::Serialize;

use crate::rules::{Level, Rule};

/// Characters of one piece of evidence.
const EVIDENCE: usize = 160;

/// Ordered: a worse verdict is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    Skipped,
    Holds,
    Warns,
    Fails,
}

/// The result of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Holds,
    Fails,
    Unreachable,
    NotAnAuthorizationServer,
}

/// One row for each requirement. Of several findings about it the worst stays.
#[derive(Debug)]
pub(crate) struct Report {
    rows: Vec<Option<(Verdict, String)>>,
    changes: Vec<String>,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self { rows: vec![None; Rule::ALL.len()], changes: Vec::new() }
    }

    pub(crate) fn holds(&mut self, rule: Rule, evidence: impl Display) {
        self.record(rule, Verdict::Holds, evidence);
    }

    /// Fails or warns, depending on the level of `rule`.
    pub(crate) fn violated(&mut self, rule: Rule, evidence: impl Display) {
        let verdict = match rule.level() {
            Level::Must => Verdict::Fails,
            Level::Should => Verdict::Warns,
        };
        self.record(rule, verdict, evidence);
    }

    pub(crate) fn fails(&mut self, rule: Rule, evidence: impl Display) {
        self.record(rule, Verdict::Fails, evidence);
    }

    pub(crate) fn warns(&mut self, rule: Rule, evidence: impl Display) {
        self.record(rule, Verdict::Warns, evidence);
    }

    pub(crate) fn skipped(&mut self, rule: Rule, why: impl Display) {
        self.record(rule, Verdict::Skipped, why);
    }

    pub(crate) fn judge(&mut self, rule: Rule, holds: bool, evidence: impl Display) {
        if holds { self.holds(rule, evidence) } else { self.violated(rule, evidence) }
    }

    /// Skips those of `rules` that have no finding yet.
    pub(crate) fn unknown(&mut self, rules: &[Rule], why: &str) {
        for rule in rules.iter().filter(|rule| self.rows[**rule as usize].is_none()).copied().collect::<Vec<_>>() {
            self.skipped(rule, why);
        }
    }

    /// Notes a change that the scan made at the server.
    pub(crate) fn changed(&mut self, what: impl Display) {
        self.changes.push(visible(&what.to_string(), EVIDENCE));
    }

    /// The finished report. Without an `outcome` the rows decide it.
    pub(crate) fn finish(self, issuer: &str, requests: usize, outcome: Option<Outcome>) -> Finished {
        let rows = self.rows.into_iter().zip(Rule::ALL).map(|(row, rule)| {
            let (result, evidence) = row.unwrap_or((Verdict::Skipped, "no answer concerned it".to_owned()));
            FinishedRow {
                id: rule.id(),
                level: rule.level(),
                requirement: rule.text(),
                source: rule.source(),
                result,
                evidence,
            }
        });
        let rows: Vec<_> = rows.collect();
        let count = |verdict| rows.iter().filter(|row| row.result == verdict).count();
        let summary = Summary {
            holds: count(Verdict::Holds),
            fails: count(Verdict::Fails),
            warns: count(Verdict::Warns),
            skipped: count(Verdict::Skipped),
        };
        let judged = if summary.fails == 0 { Outcome::Holds } else { Outcome::Fails };
        Finished {
            tool: concat!("lychgate check ", env!("CARGO_PKG_VERSION")),
            issuer: visible(issuer, EVIDENCE),
            outcome: outcome.unwrap_or(judged),
            requests,
            changes: self.changes,
            summary,
            rows,
        }
    }

    fn record(&mut self, rule: Rule, verdict: Verdict, evidence: impl Display) {
        let row = &mut self.rows[rule as usize];
        if row.as_ref().is_none_or(|(before, _)| *before < verdict) {
            *row = Some((verdict, visible(&evidence.to_string(), EVIDENCE)));
        }
    }
}

/// A finished report; serialized it is the document of `--json`.
#[derive(Debug, Serialize)]
pub(crate) struct Finished {
    tool: &'static str,
    issuer: String,
    pub(crate) outcome: Outcome,
    requests: usize,
    changes: Vec<String>,
    summary: Summary,
    rows: Vec<FinishedRow>,
}

#[derive(Debug, Serialize)]
struct Summary {
    holds: usize,
    fails: usize,
    warns: usize,
    skipped: usize,
}

#[derive(Debug, Serialize)]
struct FinishedRow {
    id: &'static str,
    level: Level,
    requirement: &'static str,
    source: &'static str,
    result: Verdict,
    evidence: String,
}

impl Finished {
    pub(crate) fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }

    /// The document of `--sarif`.
    pub(crate) fn sarif(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(&sarif::log(self))
    }

    /// With `verbose`, each row names the source of its requirement.
    pub(crate) fn table(&self, verbose: bool) -> Table<'_> {
        Table { report: self, verbose }
    }
}

#[derive(Debug)]
pub(crate) struct Table<'a> {
    report: &'a Finished,
    verbose: bool,
}

impl Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.report;
        writeln!(f, "{:4} {:8} {:54} EVIDENCE", "ID", "RESULT", "REQUIREMENT")?;
        for row in &report.rows {
            let result = match row.result {
                Verdict::Skipped => "skipped",
                Verdict::Holds => "holds",
                Verdict::Warns => "warns",
                Verdict::Fails => "FAILS",
            };
            writeln!(f, "{:4} {result:8} {:54} {}", row.id, row.requirement, row.evidence)?;
            if self.verbose {
                let level = match row.level {
                    Level::Must => "must",
                    Level::Should => "should",
                };
                writeln!(f, "{:13} {level}: {}", "", row.source)?;
            }
        }
        writeln!(f)?;
        for change in &report.changes {
            writeln!(f, "{change}")?;
        }
        if report.changes.is_empty() {
            writeln!(f, "Nothing was changed at the server.")?;
        }
        let Summary { holds, fails, warns, skipped } = report.summary;
        write!(f, "{}: {holds} hold, {fails} fail, {warns} warn, {skipped} skipped; ", report.issuer)?;
        write!(f, "{} requests", report.requests)
    }
}

/// `value`, or `absent`.
pub(crate) fn or_absent<T: Display>(value: Option<T>) -> String {
    value.map_or_else(|| "absent".to_owned(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_findings_the_worst_stays() {
        let mut report = Report::new();
        for (rule, verdict) in [(Rule::A2, Verdict::Skipped), (Rule::A2, Verdict::Fails), (Rule::A2, Verdict::Holds)] {
            report.record(rule, verdict, format_args!("{verdict:?}"));
        }
        let finished = report.finish("https://as.example", 1, None);
        assert_eq!((finished.rows[0].result, finished.rows[0].evidence.as_str()), (Verdict::Fails, "Fails"));
        assert_eq!(finished.outcome, Outcome::Fails);
    }

    #[test]
    fn a_violated_should_does_not_fail_the_report() {
        let mut report = Report::new();
        report.violated(Rule::A7, "x");
        assert_eq!(report.finish("https://as.example", 1, None).outcome, Outcome::Holds);
    }

    #[test]
    fn ids_and_texts_are_unique_and_fit_their_columns() {
        for (n, rule) in Rule::ALL.iter().enumerate() {
            assert_eq!(*rule as usize, n);
            assert!(rule.text().len() <= 54 && rule.id().len() <= 4, "{}", rule.id());
            assert!(Rule::ALL[..n].iter().all(|other| other.text() != rule.text()), "{}", rule.id());
        }
    }
}
