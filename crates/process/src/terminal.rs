//! Makes text from other parties safe to print: a hostile server must not control the terminal that shows its answer.

/// At most `limit` characters of `text`, everything but printable ASCII escaped. Unescaped, an escape sequence could rewrite
/// what the terminal shows, a bidirectional override reverse it, and a line break forge a row of a table.
pub fn visible(text: &str, limit: usize) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        let hostile = "a\u{1b}[2J\u{9b}1m\u{7}\r\n\u{202e}\u{200b}é\u{7f}";
        assert_eq!(visible(hostile, 100), "a\\u{1b}[2J\\u{9b}1m\\u{7}\\r\\n\\u{202e}\\u{200b}\\u{e9}\\u{7f}");
    }

    #[test]
    fn text_beyond_the_limit_is_cut() {
        assert_eq!(visible("abcdef", 3), "abc...");
        assert_eq!(visible("abc", 3), "abc");
    }
}
