//! The report as SARIF 2.1.0 (OASIS), which code hosts and security dashboards import.

use serde_json::{Value, json};

use super::{Finished, FinishedRow, Outcome, Verdict};
use crate::rules::{Level, Rule};

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// One run with a rule and a result for each requirement.
pub(super) fn log(report: &Finished) -> Value {
    let rules: Vec<_> = Rule::ALL.iter().map(|rule| descriptor(*rule)).collect();
    let results: Vec<_> = report.rows.iter().enumerate().map(|(n, row)| result(report, n, row)).collect();
    let driver = json!({ "name": "lychgate check", "semanticVersion": env!("CARGO_PKG_VERSION"), "rules": rules });
    let judged = matches!(report.outcome, Outcome::Holds | Outcome::Fails);
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": driver },
            "invocations": [{ "executionSuccessful": judged, "properties": { "outcome": report.outcome } }],
            "results": results,
            "properties": { "requests": report.requests, "changes": report.changes },
        }],
    })
}

fn descriptor(rule: Rule) -> Value {
    json!({
        "id": rule.id(),
        "shortDescription": { "text": rule.text() },
        "help": { "text": format!("Source: {}", rule.source()) },
        "defaultConfiguration": { "level": match rule.level() { Level::Must => "error", Level::Should => "warning" } },
    })
}

/// The issuer's URL stands for the artifact: a server has no file and no line.
fn result(report: &Finished, index: usize, row: &FinishedRow) -> Value {
    let (kind, level) = match row.result {
        Verdict::Holds => ("pass", "none"),
        // SARIF §3.27.9: there was too little information to decide.
        Verdict::Skipped => ("open", "none"),
        Verdict::Warns => ("fail", "warning"),
        Verdict::Fails => ("fail", "error"),
    };
    json!({
        "ruleId": row.id,
        "ruleIndex": index,
        "kind": kind,
        "level": level,
        "message": { "text": format!("{}: {}", row.requirement, row.evidence) },
        "locations": [{ "physicalLocation": { "artifactLocation": { "uri": report.issuer } } }],
        "partialFingerprints": { "requirement/v1": row.id },
    })
}
