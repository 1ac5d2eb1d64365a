//! Text of strangers, made safe to show: whatever reaches a terminal passes through here.

use std::fmt::Display;

/// At most `limit` characters, each of them printable ASCII. Whoever chose the text may be hostile: an escape sequence of theirs
/// would rewrite the report in the terminal, a bidirectional override turn it around, a line break add a row.
pub(crate) fn visible(text: &str, limit: usize) -> String {
    let mut shown = String::new();
    for (count, c) in text.chars().enumerate() {
        if count == limit {
            shown.push_str("...");
            break;
        }
        match c {
            ' '..='~' => shown.push(c),
            _ => shown.extend(c.escape_default()),
        }
    }
    shown
}

/// What somebody said about something, or that they did not.
pub(crate) fn said<T: Display>(value: Option<T>) -> String {
    value.map_or_else(|| "absent".to_owned(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        let hostile = "a\u{1b}[2J\u{9b}1m\u{7}\r\n\u{202e}\u{200b}é\u{7f}";
        assert_eq!(visible(hostile, 100), "a\\u{1b}[2J\\u{9b}1m\\u{7}\\r\\n\\u{202e}\\u{200b}\\u{e9}\\u{7f}");
    }

    #[test]
    fn it_is_as_long_as_allowed() {
        assert_eq!(visible("abcdef", 3), "abc...");
        assert_eq!(visible("abc", 3), "abc");
    }
}
