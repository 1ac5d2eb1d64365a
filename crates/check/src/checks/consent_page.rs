//! The consent page: it must come before the identity provider, and name the client, the scopes and the redirect URI.
//!
//! A check reads the page and never submits it.

use super::callback;
use crate::authorization::{Reaction, Request, ask, parameter};
use crate::client::Client;
use crate::fetch::Answer;
use crate::rules::Rule;
use crate::scan::Scan;

const PAGE: [Rule; 3] = [Rule::B5, Rule::B6, Rule::B7];

/// Judges the answer to a correct request. False if the server refuses it.
pub(super) async fn check(scan: &mut Scan<'_>, client: &Client, good: &Request) -> bool {
    let Some(outcome) = ask(scan, &[Rule::B1], good, 3).await else { return false };
    let report = &mut scan.report;
    let evidence = outcome.answer().to_string();
    match outcome {
        Reaction::Page(answer) => {
            report.holds(Rule::B1, format_args!("{evidence}, a page of its own"));
            page(scan, client, good, &answer);
            true
        }
        Reaction::Granted(_) => {
            report.unknown(&PAGE, "no page was shown");
            report.violated(Rule::B1, format_args!("{evidence}: a code without a consent page"));
            true
        }
        Reaction::Outside(_, to) => {
            report.unknown(&PAGE, "no page was shown");
            // The confused deputy: the provider knows only the proxy's client id, and the person never saw the real client.
            let confused = parameter(&to, "client_id").is_some_and(|id| id != client.id);
            if confused {
                report.violated(
                    Rule::B1,
                    format_args!("{evidence}: another client's authorization without a consent page"),
                );
            } else {
                report.warns(Rule::B1, format_args!("{evidence}; if that is its own sign-in, allow it with --also"));
            }
            callback::of_redirect(scan, &to).await;
            true
        }
        Reaction::Refused(_) | Reaction::Broken(_) | Reaction::ErrorResponse(..) | Reaction::Inside(_) => {
            report.skipped(Rule::B1, format_args!("a good request is refused: {evidence}"));
            false
        }
    }
}

fn page(scan: &mut Scan<'_>, client: &Client, good: &Request, answer: &Answer) {
    let report = &mut scan.report;
    let html = &answer.body;
    // Names that this scan registers end with a `<`, which the page must escape.
    let name = client.name.as_deref().unwrap_or(&client.redirect_uri);
    let (before_markup, _) = name.split_once('<').unwrap_or((name, ""));
    let names_client = html.contains(before_markup.trim_end());
    if !names_client && let Some(why) = why_unreadable(html) {
        for rule in PAGE {
            report.skipped(rule, why);
        }
        return;
    }
    if client.name.is_some() {
        let escaped = names_client && !html.contains(name);
        report.judge(Rule::B5, escaped, format_args!("{answer}, for {name:?}"));
    } else {
        report.skipped(Rule::B5, "only the server knows the client's name");
    }
    let scope = good.value("scope");
    if scope.is_empty() {
        report.skipped(Rule::B6, "no scope is known that a client could request");
    } else if html.contains(scope) {
        report.holds(Rule::B6, format_args!("{answer}, for {scope:?}"));
    } else {
        report.warns(Rule::B6, format_args!("{scope:?} is not on the page; perhaps other words for it are"));
    }
    report.judge(Rule::B7, shows_redirect_uri(html, client), format_args!("{answer}, for {}", client.redirect_uri));
}

fn shows_redirect_uri(html: &str, client: &Client) -> bool {
    let entities = [("&#x2F;", "/"), ("&#47;", "/"), ("&#x3A;", ":"), ("&#58;", ":"), ("&#x3D;", "="), ("&amp;", "&")];
    let shown = entities.iter().fold(html.to_owned(), |text, (entity, character)| text.replace(entity, character));
    shown.contains(&client.redirect_uri)
}

/// Judges the page for a client whose name has [`BIDIRECTIONAL`] characters. Raw or as character references, they let a client
/// show its name, and the text after it, in another order than it is read.
pub(super) async fn direction(scan: &mut Scan<'_>, client: &Client, request: &Request) {
    let Some(outcome) = ask(scan, &[Rule::L4], request, 3).await else { return };
    let report = &mut scan.report;
    let Reaction::Page(answer) = outcome else {
        return report.skipped(Rule::L4, format_args!("no page was shown: {}", outcome.answer()));
    };
    let name = client.name.as_deref().unwrap_or_default();
    let plain = name.split(BIDIRECTIONAL).next().unwrap_or_default().trim_end();
    let lower = answer.body.to_ascii_lowercase();
    let turned = BIDIRECTIONAL.into_iter().find(|character| {
        let code = u32::from(*character);
        lower.contains(*character) || lower.contains(&format!("&#{code};")) || lower.contains(&format!("&#x{code:x};"))
    });
    match turned {
        Some(character) => report
            .violated(Rule::L4, format_args!("{answer}, the name brings U+{:04X} to the page", u32::from(character))),
        // A page may also withhold such a name.
        None if answer.body.contains(plain) || shows_redirect_uri(&answer.body, client) => {
            report.holds(Rule::L4, format_args!("{answer}, a page without them"));
        }
        None => report.skipped(Rule::L4, why_unreadable(&answer.body).unwrap_or("the page does not name the client")),
    }
}

/// The formatting characters that turn the direction of text (Unicode UAX 9 §2).
pub(super) const BIDIRECTIONAL: [char; 9] =
    ['\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}', '\u{2066}', '\u{2067}', '\u{2068}', '\u{2069}'];

/// Why the markup is not what the person would see and approve.
pub(super) fn why_unreadable(html: &str) -> Option<&'static str> {
    let lower = html.to_ascii_lowercase();
    if lower.contains("type=\"password\"") || lower.contains("type=password") {
        Some("a sign-in page comes first; look at the page after it yourself")
    } else if lower.contains("<script") {
        Some("the page is made by a script, which is not run here; look at it yourself")
    } else {
        None
    }
}
