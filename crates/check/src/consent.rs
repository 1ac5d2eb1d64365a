//! The page that asks a person: whether it comes first, and whether it says who asks for what and where that goes.
//!
//! It reads the page and never answers it.

use crate::Scan;
use crate::authorize::{Outcome, Request, ask, parameter};
use crate::client::Client;
use crate::fetch::Answer;
use crate::rules::Rule;

const PAGE: [Rule; 3] = [Rule::B5, Rule::B6, Rule::B7];

/// Whether a request that nothing is wrong with goes on.
pub(crate) async fn check(scan: &mut Scan<'_>, client: &Client, good: &Request) -> bool {
    let Some(outcome) = ask(scan, &[Rule::B1], good, 3).await else { return false };
    let report = &mut scan.report;
    let evidence = outcome.answer().to_string();
    match outcome {
        Outcome::Page(answer) => {
            report.holds(Rule::B1, format_args!("{evidence}, a page of its own"));
            page(scan, client, good, &answer);
            true
        }
        Outcome::Granted(_) => {
            report.unknown(&PAGE, "no page was shown");
            report.violated(Rule::B1, format_args!("{evidence}: a code, and nobody was asked"));
            true
        }
        Outcome::Sent(_, to) => {
            report.unknown(&PAGE, "no page was shown");
            // The confused deputy: a provider that knows only the proxy is asked on behalf of a client nobody was shown.
            let another = parameter(&to, "client_id").is_some_and(|id| id != client.id);
            if another {
                report.violated(
                    Rule::B1,
                    format_args!("{evidence}: another client's authorization, and nobody was asked"),
                );
            } else {
                report.warns(Rule::B1, format_args!("{evidence}; if that is its own sign-in, allow it with --also"));
            }
            true
        }
        Outcome::Refused(_) | Outcome::Broken(_) | Outcome::Told(..) | Outcome::Inside(_) => {
            report.skipped(Rule::B1, format_args!("a good request is refused: {evidence}"));
            false
        }
    }
}

fn page(scan: &mut Scan<'_>, client: &Client, good: &Request, answer: &Answer) {
    let report = &mut scan.report;
    let html = &answer.body;
    let lower = html.to_ascii_lowercase();
    // It was registered with a `<` at its end, which must not be on the page as it is.
    let name = client.name.as_deref().unwrap_or(&client.redirect_uri);
    let (known, _) = name.split_once('<').unwrap_or((name, ""));
    if !html.contains(known.trim_end()) {
        let why = if lower.contains("type=\"password\"") || lower.contains("type=password") {
            Some("a sign-in page comes first; look at the page after it yourself")
        } else if lower.contains("<script") {
            Some("the page is made by a script, which is not run here; look at it yourself")
        } else {
            None
        };
        if let Some(why) = why {
            for rule in PAGE {
                report.skipped(rule, why);
            }
            return;
        }
    }
    if client.name.is_some() {
        let escaped = html.contains(known.trim_end()) && !html.contains(name);
        report.judge(Rule::B5, escaped, format_args!("{answer}, for {name:?}"));
    } else {
        report.skipped(Rule::B5, "the client's name is known only to the server");
    }
    let scope = good.value("scope");
    if scope.is_empty() {
        report.skipped(Rule::B6, "no scope is known that could be asked for");
    } else if html.contains(scope) {
        report.holds(Rule::B6, format_args!("{answer}, for {scope:?}"));
    } else {
        report.warns(Rule::B6, format_args!("{scope:?} is not on the page; perhaps other words for it are"));
    }
    let entities = [("&#x2F;", "/"), ("&#47;", "/"), ("&#x3A;", ":"), ("&#58;", ":"), ("&#x3D;", "="), ("&amp;", "&")];
    let shown = entities.iter().fold(html.clone(), |text, (entity, character)| text.replace(entity, character));
    report.judge(Rule::B7, shown.contains(&client.redirect_uri), format_args!("{answer}, for {}", client.redirect_uri));
}
