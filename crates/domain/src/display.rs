//! Makes foreign text fit for display: without control characters, invisible characters and marks that turn the
//! direction of writing. Otherwise a name could hide its end, or read like another's (B5).

/// `text` without hidden characters, with runs of white space as one space, cut after `max_chars` characters. `None` if
/// nothing is left. The caller still has to escape it.
pub fn displayable(text: &str, max_chars: usize) -> Option<String> {
    let visible: String =
        text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| !is_hidden(*c)).collect();
    let words = visible.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    let shown: String = words.chars().take(max_chars).collect();
    let shown = shown.trim_end().to_owned();
    (!shown.is_empty()).then_some(shown)
}

fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFF}'
            | '\u{E0000}'..='\u{E0FFF}' | '\u{F0000}'..='\u{10FFFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requirements: B5.
    #[test]
    fn hidden_and_direction_changing_characters_are_removed() {
        assert_eq!(displayable(" Claude\u{202E}\u{200B} \n\tCode\0 ", 128).as_deref(), Some("Claude Code"));
        assert_eq!(displayable("\u{200B}\u{2066}\n", 128), None);
        assert_eq!(displayable("日本語 <b>", 128).as_deref(), Some("日本語 <b>"));
        assert_eq!(displayable("abc def", 4).as_deref(), Some("abc"));
    }
}
