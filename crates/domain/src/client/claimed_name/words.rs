//! The words of a name by their look, and phrases among them.

use unicode_script::{Script, UnicodeScript as _};

use crate::confusable::look;

/// The longest sequence of parts that spell one word: the letters of "a-d-m-i-n-i-s-t-r-a-t-o-r".
const MAX_PARTS: usize = 20;

/// Words as a reader sees them.
#[derive(Debug)]
pub(super) struct Words {
    /// As written.
    pub(super) written: Vec<String>,
    /// By look ([`look`]).
    pub(super) looks: Vec<String>,
}

/// Where words end besides at white space and signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Joints {
    /// Between letters and digits, and between Latin and another script.
    Plain,
    /// Also before a capital: "ClaudeCode" is two words.
    Capitals,
}

impl Words {
    pub(super) fn of(text: &str, joints: Joints) -> Self {
        let mut written: Vec<String> = Vec::new();
        let mut last: Option<char> = None;
        let mut following = text.chars().skip(1).map(Some).chain([None]);
        for c in text.chars() {
            let next = following.next().flatten();
            if !is_part_of_word(c) {
                last = None;
                continue;
            }
            match written.last_mut() {
                Some(word) if last.is_some_and(|last| !is_joint(last, c, next, joints)) => word.push(c),
                _ => written.push(c.to_string()),
            }
            last = Some(c);
        }
        let looks = written.iter().map(|word| look(word)).collect();
        Self { written, looks }
    }

    /// The ranges of words that together look like `target`, which is a look. The parts may be letters.
    pub(super) fn spelling<'a>(&'a self, target: &'a str) -> impl Iterator<Item = (usize, usize)> + 'a {
        (0..self.looks.len()).filter_map(move |from| self.spells(from, target).map(|to| (from, to)))
    }

    /// The end of the words from `from` on that together look like `target`.
    pub(super) fn spells(&self, from: usize, target: &str) -> Option<usize> {
        let mut left = target;
        for (at, part) in self.looks.iter().enumerate().skip(from).take(MAX_PARTS) {
            left = left.strip_prefix(part.as_str())?;
            if left.is_empty() {
                return Some(at + 1);
            }
        }
        None
    }

    /// All looks without anything between them, for scripts that write no spaces.
    pub(super) fn run(&self) -> String {
        self.looks.concat()
    }
}

/// `text` with signs and digits inside its words as the letters that they stand for: "verif!ed", "C|aud3".
pub(super) fn with_signs_as_letters(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut following = text.chars().skip(1);
    for c in text.chars() {
        let is_followed = following.next().is_some_and(char::is_alphanumeric);
        let letter = match c {
            '3' | '€' => 'e',
            '4' | '@' => 'a',
            '5' | '$' => 's',
            '6' | '9' => 'g',
            '7' => 't',
            '8' => 'b',
            '!' | '¡' if is_followed => 'i',
            '|' if is_followed => 'l',
            '¢' | '©' if is_followed => 'c',
            c => c,
        };
        shown.push(letter);
    }
    shown
}

/// Letters, digits and marks, and the letters in boxes and of flags.
fn is_part_of_word(c: char) -> bool {
    c.is_alphanumeric()
        || unicode_normalization::char::is_combining_mark(c)
        || matches!(u32::from(c), 0x1F130..=0x1F1FF)
}

fn is_joint(before: char, c: char, next: Option<char>, joints: Joints) -> bool {
    if unicode_normalization::char::is_combining_mark(c) {
        return false;
    }
    let is_latin = |c: char| c.script() == Script::Latin;
    let begins_capitalised =
        c.is_uppercase() && (before.is_lowercase() || before.is_uppercase() && next.is_some_and(char::is_lowercase));
    before.is_numeric() != c.is_numeric()
        || is_latin(before) && is_spaceless(c)
        || is_spaceless(before) && is_latin(c)
        || joints == Joints::Capitals && begins_capitalised
}

/// True for characters of scripts that write no spaces between words, and of Korean, which writes Latin words beside its
/// own without one.
pub(super) fn is_spaceless(c: char) -> bool {
    matches!(c.script(), Script::Han | Script::Hiragana | Script::Katakana | Script::Hangul)
}
