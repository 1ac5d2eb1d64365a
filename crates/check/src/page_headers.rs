//! Response headers and cookies, which every page of a flow must set correctly.

use crate::fetch::Answer;
use crate::report::{Report, or_absent};
use crate::rules::Rule;

/// Cookies of load balancers and the like, which no application sets.
const INFRASTRUCTURE: [&str; 6] = ["__cf", "_cf", "AWSALB", "ARRAffinity", "GCLB", "incap_ses"];

/// Judges the headers of `answer`, and not its text.
pub(crate) fn judge(report: &mut Report, answer: &Answer) {
    cookies(report, answer);
    if !answer.is_html() {
        return;
    }
    framing(report, answer);
    let policy = answer.header("content-security-policy");
    report.judge(
        Rule::R22,
        policy.is_some(),
        format_args!("{answer}, Content-Security-Policy: {}", or_absent(policy.as_ref())),
    );
    referrer(report, answer);
    let caching = answer.header("cache-control").unwrap_or_default();
    report.judge(Rule::L3, answer.forbids_storing(), format_args!("{answer}, Cache-Control: {caching:?}"));
}

fn framing(report: &mut Report, answer: &Answer) {
    let policies: Vec<_> = answer.all("content-security-policy").map(|policy| policy.to_ascii_lowercase()).collect();
    let directives = policies.iter().flat_map(|policy| policy.split([';', ',']));
    let ancestors = directives.filter_map(|directive| directive.trim().strip_prefix("frame-ancestors")).next();
    let option = answer.header("x-frame-options").unwrap_or_default().to_ascii_lowercase();
    match (ancestors.map(str::trim), option.as_str()) {
        (Some("'none'"), _) => report.holds(Rule::B9, format_args!("{answer}, frame-ancestors 'none'")),
        (None, "deny") => report.holds(Rule::B9, format_args!("{answer}, X-Frame-Options: DENY")),
        (Some(others), _) if !others.contains('*') && !others.is_empty() => {
            report.warns(Rule::B9, format_args!("{answer}, frame-ancestors {others}"));
        }
        (None, "sameorigin") => report.warns(Rule::B9, format_args!("{answer}, X-Frame-Options: SAMEORIGIN")),
        _ => report.violated(Rule::B9, format_args!("{answer}, any site may frame it")),
    }
}

fn referrer(report: &mut Report, answer: &Answer) {
    let policy = answer.header("referrer-policy").unwrap_or_default().to_ascii_lowercase();
    // Browsers apply the last policy of a list that they know (Referrer Policy §4.1).
    let last = policy.rsplit(',').next().unwrap_or_default().trim();
    let evidence = format!("{answer}, Referrer-Policy: {policy:?}");
    match last {
        "unsafe-url" | "no-referrer-when-downgrade" => report.fails(Rule::R52, evidence),
        _ => report.judge(Rule::R52, !last.is_empty(), evidence),
    }
}

/// Every cookie of a scan comes before an approval, because a scan approves nothing.
fn cookies(report: &mut Report, answer: &Answer) {
    let mut early_consent = None;
    for cookie in answer.all("set-cookie") {
        let mut parts = cookie.split(';').map(str::trim);
        // Only the name is shown: the value may be a credential, and people paste reports into tickets.
        let name = parts.next().unwrap_or_default().split('=').next().unwrap_or_default().trim().to_owned();
        if INFRASTRUCTURE.iter().any(|prefix| name.starts_with(prefix)) {
            continue;
        }
        let attributes: Vec<_> = parts.map(|part| part.to_ascii_lowercase().replace(' ', "")).collect();
        let has = |attribute: &str| attributes.iter().any(|other| other == attribute);
        report.judge(Rule::B10, name.starts_with("__Host-"), format_args!("{answer} sets {name}"));
        let holds = ["secure", "httponly", "samesite=lax", "path=/"].into_iter().all(has)
            && !attributes.iter().any(|attribute| attribute.starts_with("domain="));
        report.judge(Rule::B11, holds, format_args!("{answer} sets {name} with {}", attributes.join("; ")));
        let lower = name.to_ascii_lowercase();
        if ["state", "consent", "approv"].iter().any(|word| lower.contains(word)) {
            early_consent = Some(name);
        }
    }
    match early_consent {
        Some(name) => report.violated(Rule::B21, format_args!("{answer} sets {name} before any approval")),
        None => report.holds(Rule::B21, format_args!("{answer} sets no cookie with such a name")),
    }
}
