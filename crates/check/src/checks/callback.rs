//! The URL where an identity provider sends people back to. The check calls it without a code, as any browser can.

use anyhow::Result;
use url::Url;

use crate::authorization::parameter;
use crate::fetch::response_parameters;
use crate::rules::Rule;
use crate::scan::{NamedUrl, Scan, nonce};

pub(super) const RULES: &[Rule] = &[Rule::L10];

/// Judges the callback that the person named. Its flow does not exist.
pub(super) async fn named(scan: &mut Scan<'_>, callback: &NamedUrl) -> Result<()> {
    without_code(scan, &callback.url, &nonce()?).await;
    Ok(())
}

/// Judges the callback of a flow that the server has just sent to an identity provider. A code for it never existed.
pub(super) async fn of_redirect(scan: &mut Scan<'_>, to: &Url) {
    let callback = parameter(to, "redirect_uri").and_then(|url| Url::parse(&url).ok());
    if let (Some(callback), Some(state)) = (callback, parameter(to, "state")) {
        without_code(scan, &callback, &state).await;
    }
}

async fn without_code(scan: &mut Scan<'_>, callback: &Url, state: &str) {
    for (what, code) in [("no code", None), ("an empty code", Some(""))] {
        let mut url = callback.clone();
        url.query_pairs_mut().append_pair("state", state).extend_pairs(code.map(|code| ("code", code)));
        let request = scan.fetch.get(&url);
        let Some(answer) = scan.send(&[Rule::L10], request).await else { return };
        let evidence = format!("{what}: {answer}");
        let to = answer.location().filter(|_| answer.is_redirect());
        match (answer.status, to) {
            (400..500, _) => scan.report.holds(Rule::L10, evidence),
            (_, Some(to)) if response_parameters(&to, "code").is_empty() => scan.report.holds(Rule::L10, evidence),
            (200..300, _) => scan.report.warns(Rule::L10, format_args!("{evidence}; it should be 4xx")),
            _ => scan.report.violated(Rule::L10, evidence),
        }
    }
}
