//! The two forms of a message: HTML, and plain text for titles and attributes.
//!
//! Arguments enter a message as placeholders of private-use characters and are put in afterwards, in one pass: an argument is
//! never read for markup or for placeholders.

use super::escape;

/// Around the number of an argument. Messages cannot contain them (see `assemble`).
const OPEN: char = '\u{E000}';
const CLOSE: char = '\u{E001}';

/// The form of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Html,
    Plain,
}

/// Stands for the argument with this number.
pub(super) fn placeholder(number: usize) -> String {
    format!("{OPEN}{number}{CLOSE}")
}

/// `text` with its arguments. In HTML the text is escaped but for `<strong>` and `</strong>`; a plain text loses these two.
pub(super) fn assemble(text: &str, arguments: &[String], kind: Kind) -> String {
    let mut assembled = String::with_capacity(text.len() * 2);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(OPEN) {
        push(&mut assembled, before, kind);
        let Some((number, after)) = after.split_once(CLOSE) else {
            rest = after;
            continue;
        };
        if let Some(argument) = number.parse().ok().and_then(|number: usize| arguments.get(number)) {
            assembled.push_str(argument);
        }
        rest = after;
    }
    push(&mut assembled, rest, kind);
    assembled
}

fn push(assembled: &mut String, text: &str, kind: Kind) {
    match kind {
        Kind::Html => {
            let escaped = escape(text);
            assembled.push_str(&escaped.replace("&lt;strong&gt;", "<strong>").replace("&lt;/strong&gt;", "</strong>"));
        }
        Kind::Plain => assembled.push_str(&text.replace("<strong>", "").replace("</strong>", "")),
    }
}

/// A text of a client, a person or an operator.
pub(super) fn text(text: &str, kind: Kind) -> String {
    match kind {
        Kind::Html => format!("<bdi>{}</bdi>", escape(text)),
        // Without isolates (Unicode UAX #9): a title with such characters cannot be told from one that a client has turned.
        Kind::Plain => text.to_owned(),
    }
}

/// A text that is written from left to right.
pub(super) fn code(text: &str, kind: Kind) -> String {
    match kind {
        Kind::Html => format!("<bdi dir=\"ltr\">{}</bdi>", escape(text)),
        Kind::Plain => text.to_owned(),
    }
}

/// A host: `[before, registrable domain, after]`, then its Unicode form.
pub(super) fn host([before, domain, after]: [&str; 3], unicode: &str, kind: Kind) -> String {
    match kind {
        Kind::Html => {
            let [before, domain, after] = [before, domain, after].map(escape);
            let ascii = format!("<bdi dir=\"ltr\" class=\"host\">{before}<b>{domain}</b>{after}</bdi>");
            if unicode.is_empty() { ascii } else { format!("{ascii} (<bdi>{}</bdi>)", escape(unicode)) }
        }
        Kind::Plain => {
            let ascii = format!("{before}{domain}{after}");
            if unicode.is_empty() { ascii } else { format!("{ascii} ({unicode})") }
        }
    }
}

/// A link around formatted words.
pub(super) fn link(uri: &str, text: &str, beside: bool, kind: Kind) -> String {
    match kind {
        Kind::Html => {
            let beside = if beside { " target=\"_blank\" rel=\"noopener noreferrer\"" } else { "" };
            format!("<a href=\"{}\"{beside}>{text}</a>", escape(uri))
        }
        Kind::Plain => text.to_owned(),
    }
}

/// A day or an instant.
pub(super) fn time(machine: &str, human: &str, kind: Kind) -> String {
    match kind {
        Kind::Html => format!("<time datetime=\"{machine}\">{}</time>", escape(human)),
        Kind::Plain => human.to_owned(),
    }
}
