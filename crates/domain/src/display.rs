//! Makes foreign text fit for display: something of it is seen, and it stays in its line. Otherwise a name could show nothing,
//! hide its end, read like another's or paint over the text beside it (B5).
//!
//! Properties of characters are those of the Unicode Character Database, as `icu_properties` compiles them in.

use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};
use unicode_script::{Script, UnicodeScript as _};

/// The most nonspacing and enclosing marks after one character (UTS #39 §5.4). Scripts in use need three.
const MAX_MARKS: usize = 4;

/// Characters that are letters or symbols to Unicode, and show nothing.
const BLANK: [char; 6] = [
    // The braille pattern without dots.
    '\u{2800}',
    // Fillers of hieroglyphs.
    '\u{13441}',
    '\u{13442}',
    // The musical symbol for a note head that is not drawn.
    '\u{1D159}',
    // The filler of Khitan characters.
    '\u{16FE4}',
    // A character that stands for an object which is not there.
    '\u{FFFC}',
];

/// `text` without characters that are not seen, with runs of white space as one space, with at most four different marks
/// on one character, cut after `max_chars` characters. `None` if nothing is left. The caller still has to escape it.
pub fn displayable(text: &str, max_chars: usize) -> Option<String> {
    let visible: String =
        text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| !is_hidden(*c)).collect();
    let words: Vec<_> = visible.split(' ').map(with_few_marks).filter(|word| !word.is_empty()).collect();
    let shown: String = words.join(" ").chars().take(max_chars).collect();
    let shown = shown.trim_end().to_owned();
    (!shown.is_empty()).then_some(shown)
}

/// Stands in a client's name for hidden characters.
pub const REMOVED: char = char::REPLACEMENT_CHARACTER;

/// `text` with [`REMOVED`] for each run of hidden characters that no writing needs: those that change the direction, and all
/// others inside a word. The rest of them is left out: around words, after emoji, and in scripts that use them.
pub fn with_hidden_marked(text: &str) -> String {
    let (mut marked, mut hidden) = (String::with_capacity(text.len()), Vec::new());
    for c in text.chars() {
        if is_hidden(c) && !c.is_whitespace() {
            hidden.push(c);
            continue;
        }
        if is_suspicious(&hidden, marked.chars().next_back(), Some(c)) {
            marked.push(REMOVED);
        }
        hidden.clear();
        marked.push(c);
    }
    if is_suspicious(&hidden, marked.chars().next_back(), None) {
        marked.push(REMOVED);
    }
    marked
}

fn is_suspicious(hidden: &[char], before: Option<char>, after: Option<char>) -> bool {
    let is_needed = match (before, after) {
        (Some(before), Some(after)) if !before.is_whitespace() && !after.is_whitespace() => {
            hidden.iter().all(|c| is_used_after(*c, before))
        }
        _ => true,
    };
    !is_needed || hidden.iter().any(|c| turns(*c))
}

/// Embeddings, overrides and isolates (UAX #9 §2).
fn turns(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// True if writing has the hidden character `c` after `before`.
fn is_used_after(c: char, before: char) -> bool {
    let script = before.script();
    let is_symbol = !before.is_alphanumeric() && !before.is_ascii();
    match c {
        // Marks of the direction, in scripts that are written from right to left, and joiners.
        '\u{200E}' | '\u{200F}' | '\u{61C}' => JOINING.contains(&script) || script == Script::Hebrew,
        '\u{200B}' | '\u{200C}' => JOINING.contains(&script),
        '\u{200D}' => JOINING.contains(&script) || is_symbol,
        '\u{FE00}'..='\u{FE0F}' => is_symbol || before.is_ascii_digit() || script == Script::Han,
        '\u{180B}'..='\u{180F}' => script == Script::Mongolian,
        '\u{E0100}'..='\u{E01EF}' => script == Script::Han,
        // Flags of regions.
        '\u{E0020}'..='\u{E007F}' => before == '\u{1F3F4}',
        _ => false,
    }
}

/// Scripts with letters that join, or with characters of no width at the ends of words.
const JOINING: [Script; 20] = [
    Script::Arabic,
    Script::Syriac,
    Script::Nko,
    Script::Mongolian,
    Script::Devanagari,
    Script::Bengali,
    Script::Gurmukhi,
    Script::Gujarati,
    Script::Oriya,
    Script::Tamil,
    Script::Telugu,
    Script::Kannada,
    Script::Malayalam,
    Script::Sinhala,
    Script::Thai,
    Script::Lao,
    Script::Khmer,
    Script::Myanmar,
    Script::Tibetan,
    Script::Javanese,
];

/// `word` without marks that have no character to stand on, without more than [`MAX_MARKS`] of them on one, and without
/// the same one twice in a row. A spacing mark takes a place of its own, but carries no further marks.
fn with_few_marks(word: &str) -> String {
    let (mut kept, mut marks, mut has_base) = (String::with_capacity(word.len()), 0, false);
    for c in word.chars() {
        match category(c) {
            GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark => {
                if !has_base || marks == MAX_MARKS || kept.ends_with(c) {
                    continue;
                }
                marks += 1;
            }
            GeneralCategory::SpacingMark if !has_base => continue,
            GeneralCategory::SpacingMark => {}
            _ => (marks, has_base) = (0, true),
        }
        kept.push(c);
    }
    kept
}

/// True for controls, formats, private use, noncharacters, and all else that a reader does not see.
fn is_hidden(c: char) -> bool {
    matches!(category(c), GeneralCategory::Control | GeneralCategory::Format | GeneralCategory::PrivateUse)
        || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
        || BLANK.contains(&c)
        // U+FDD0 to U+FDEF, and the last two of each plane (Unicode §23.7).
        || matches!(u32::from(c), 0xFDD0..=0xFDEF)
        || u32::from(c) & 0xFFFE == 0xFFFE
}

fn category(c: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Requirements: B5.
    #[test]
    fn hidden_and_direction_changing_characters_are_removed() {
        assert_eq!(displayable(" Claude\u{202E}\u{200B} \n\tCode\0 ", 128).as_deref(), Some("Claude Code"));
        assert_eq!(displayable("\u{200B}\u{2066}\n", 128), None);
        assert_eq!(displayable("日本語 <b>", 128).as_deref(), Some("日本語 <b>"));
        assert_eq!(displayable("abc def", 4).as_deref(), Some("abc"));
    }

    /// Each of them alone, many of them, and between white space.
    ///
    /// Requirements: B5.
    #[test]
    fn a_name_that_shows_nothing_is_no_name() {
        for c in "\u{0}\u{7F}\u{85}\u{A0}\u{AD}\u{34F}\u{61C}\u{115F}\u{1160}\u{1680}\u{17B4}\u{17B5}\u{180B}\u{180E}\u{180F}\
                  \u{2000}\u{200B}\u{200D}\u{200E}\u{2028}\u{202E}\u{202F}\u{205F}\u{2060}\u{2064}\u{2069}\u{206F}\u{2800}\u{3000}\
                  \u{3164}\u{E000}\u{F8FF}\u{FDD0}\u{FE00}\u{FE0F}\u{FEFF}\u{FFA0}\u{FFF9}\u{FFFC}\u{FFFE}\u{13430}\u{13441}\
                  \u{13442}\u{16FE4}\u{1BCA0}\u{1D159}\u{1D173}\u{1FFFF}\u{E0001}\u{E0041}\u{E0100}\u{F0000}\u{10FFFD}"
            .chars()
        {
            for text in [c.to_string(), c.to_string().repeat(40), format!(" {c}\t{c} ")] {
                assert_eq!(displayable(&text, 128), None, "U+{:04X}", u32::from(c));
            }
            let between = displayable(&format!("a{c}b"), 128).unwrap();
            assert!(matches!(between.as_str(), "ab" | "a b"), "U+{:04X}: {between:?}", u32::from(c));
        }
    }

    /// Requirements: B5.
    #[test]
    fn hidden_characters_are_marked_where_no_writing_needs_them() {
        for (text, marked) in [
            ("Cla\u{200B}ude", "Cla\u{FFFD}ude"),
            ("Cla\u{200B}\u{AD}\u{FEFF}ude", "Cla\u{FFFD}ude"),
            ("a\u{202E}", "a\u{FFFD}"),
            ("\u{2066}a \u{2069} b", "\u{FFFD}a \u{FFFD} b"),
            ("a\u{200D}\u{2764}", "a\u{FFFD}\u{2764}"),
            ("No\u{E0074}tes", "No\u{FFFD}tes"),
            ("\u{FEFF}a \u{200B} b\u{200B}", "a  b"),
            ("a\nb", "a\nb"),
            ("\u{1F469}\u{200D}\u{1F4BB}", "\u{1F469}\u{1F4BB}"),
            ("\u{2764}\u{FE0F}x", "\u{2764}x"),
            ("1\u{FE0F}\u{20E3}", "1\u{20E3}"),
            ("می\u{200C}خواهم", "میخواهم"),
            ("क्\u{200D}ष", "क्ष"),
            ("ภาษา\u{200B}ไทย", "ภาษาไทย"),
            ("שלום\u{200F}!", "שלום!"),
            ("a\u{200F}b", "a\u{FFFD}b"),
            ("葛\u{E0100}城", "葛城"),
            ("\u{1F3F4}\u{E0067}\u{E007F}x", "\u{1F3F4}x"),
            ("e\u{FE0F}x", "e\u{FFFD}x"),
        ] {
            assert_eq!(with_hidden_marked(text), marked, "{text:?}");
            assert_eq!(with_hidden_marked(marked), marked, "{text:?}");
        }
    }

    /// Requirements: B5.
    #[test]
    fn marks_do_not_pile_up_or_stand_alone() {
        let acute = '\u{301}';
        for alone in
            [acute.to_string(), acute.to_string().repeat(80), "\u{20DD}".to_owned(), "\u{903}\u{301}".to_owned()]
        {
            assert_eq!(displayable(&alone, 128), None, "{alone:?}");
            assert_eq!(displayable(&format!("x {alone} y"), 128).as_deref(), Some("x y"), "{alone:?}");
        }
        let marks: String = ('\u{300}'..'\u{350}').filter(|c| *c != '\u{34F}').collect();
        assert_eq!(displayable(&format!("a{marks}b"), 128).unwrap(), "a\u{300}\u{301}\u{302}\u{303}b");
        assert_eq!(displayable(&format!("a{}", acute.to_string().repeat(80)), 128).unwrap(), "a\u{301}");
        let enclosing: String = "\u{20DD}\u{20DE}\u{20DF}\u{20E0}\u{20E2}\u{20E3}".repeat(10);
        assert_eq!(displayable(&format!("a{enclosing}"), 128).unwrap().chars().count(), 1 + MAX_MARKS);
        let with_hidden: String = marks.chars().flat_map(|mark| [mark, '\u{200D}']).collect();
        assert_eq!(displayable(&format!("a{with_hidden}"), 128).unwrap().chars().count(), 1 + MAX_MARKS);
        let with_spacing: String = marks.chars().flat_map(|mark| [mark, '\u{903}']).collect();
        let kept = displayable(&format!("a{with_spacing}"), 1000).unwrap();
        let nonspacing = kept.chars().filter(|c| category(*c) == GeneralCategory::NonspacingMark).count();
        assert_eq!(nonspacing, MAX_MARKS, "a spacing mark is no new character");
    }

    /// Requirements: B5.
    #[test]
    fn names_in_every_script_are_kept() {
        for name in [
            "Ünïcödé Ťool",
            "U\u{308}ni\u{308}",
            "Tiê\u{301}ng Việt",
            "הַתּוֹרָה שָּׁ",
            "مُحَمَّدٌ",
            "हिन्दी क्षत्रिय",
            "ภาษาไทยที่นี่",
            "မြန်မာဘာသာ",
            "བོད་སྐད་བརྒྱུད",
            "தமிழ்",
            "한국어",
            "カナ\u{3099}",
            "🦀 Crab & Co.",
            "Z1",
            "…",
        ] {
            assert_eq!(displayable(name, 128).as_deref(), Some(name));
        }
    }

    proptest! {
        /// Requirements: B5.
        #[test]
        fn what_is_shown_is_seen_and_stays_so(text in any::<String>(), blanks in "[\u{200B}\u{2800}\u{301} \u{3164}\u{E0041}]{0,80}") {
            for text in [&text, &blanks, &format!("{text}{blanks}{text}")] {
                if let Some(shown) = displayable(text, 64) {
                    prop_assert!(shown.chars().count() <= 64);
                    prop_assert_eq!(displayable(&shown, 64), Some(shown.clone()));
                    prop_assert!(!shown.starts_with(' ') && !shown.contains("  ") && !shown.chars().any(is_hidden));
                }
            }
            prop_assert_eq!(displayable(&blanks, 128), None);
        }
    }
}
