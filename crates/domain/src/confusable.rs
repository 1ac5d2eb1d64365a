//! Text that looks like other text (UTS #39), in names and in hosts.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;
use unicode_script::{Script, UnicodeScript as _};
use unicode_security::mixed_script::AugmentedScriptSet;

/// The look of `text` to a hurried reader: texts of equal look can be taken for one another. Case, marks and style of the
/// letters are gone, each character is its prototype (UTS #39 §4), and i, l, 1 and o, 0 are one letter each.
pub fn look(text: &str) -> String {
    // The prototypes of a capital and of its small letter differ, so they are taken once more after lower-casing.
    let capitals = prototypes(&text.replace(['ß', 'ẞ'], "ss"));
    let small = prototypes(&capitals.to_lowercase());
    small
        .chars()
        .map(|c| match c {
            'i' | '1' | '|' => 'l',
            '0' => 'o',
            c => c,
        })
        .collect()
}

/// The prototypes of the letters below all marks.
fn prototypes(text: &str) -> String {
    let bare: String = text.chars().map(boxed_letter).nfkd().filter(|c| !is_drawn_on(*c)).collect();
    let prototypes: String = unicode_security::skeleton(&bare).collect();
    prototypes.nfkd().filter(|c| !is_drawn_on(*c)).collect()
}

/// Marks, and the stroke that lengthens Arabic words.
fn is_drawn_on(c: char) -> bool {
    is_combining_mark(c) || c == '\u{640}'
}

/// The letter in a circle or square, and of a flag, which Unicode does not decompose.
fn boxed_letter(c: char) -> char {
    let first = match u32::from(c) {
        0x1F150..=0x1F169 => 0x1F150,
        0x1F170..=0x1F189 => 0x1F170,
        0x1F1E6..=0x1F1FF => 0x1F1E6,
        _ => return c,
    };
    char::from_u32(u32::from('A') + (u32::from(c) - first)).unwrap_or(c)
}

/// True if `word` mixes scripts in a way that no language writes: it is neither of one script nor Latin beside Chinese,
/// Japanese or Korean (UTS #39 §5.2, "highly restrictive").
pub fn mixes_scripts(word: &str) -> bool {
    let mut others = AugmentedScriptSet::default();
    for c in word.chars() {
        let scripts = AugmentedScriptSet::for_char(c);
        if !scripts.base.contains_script(Script::Latin) {
            others.intersect_with(scripts);
        }
    }
    let is_with_latin_in_use = others.hanb || others.jpan || others.kore;
    AugmentedScriptSet::for_str(word).is_empty() && !is_with_latin_in_use
}

/// True if `text` has letters of another script than Latin, and all of them look like ASCII letters: "сосо" in Cyrillic.
pub fn poses_as_latin(text: &str) -> bool {
    let mut foreign = text.chars().filter(|c| is_foreign_letter(*c)).peekable();
    foreign.peek().is_some() && foreign.all(|c| prototypes(c.encode_utf8(&mut [0; 4])).is_ascii())
}

fn is_foreign_letter(c: char) -> bool {
    let is_latin = matches!(c.script(), Script::Latin | Script::Common | Script::Inherited | Script::Unknown);
    c.is_alphabetic() && !is_latin
}

/// True for a letter that is a styled form of an ASCII letter and belongs to no script, as in "𝐂𝐥𝐚𝐮𝐝𝐞".
pub fn is_styled_letter(c: char) -> bool {
    let is_letter = c.is_alphabetic() || boxed_letter(c) != c;
    let plain = boxed_letter(c).nfkd().next();
    !c.is_ascii() && is_letter && c.script() == Script::Common && plain.is_some_and(|plain| plain.is_ascii_alphabetic())
}

/// The part of a host between two dots, in Unicode: true if it can be taken for another one. Hosts are judged more
/// strictly than names, since one letter decides who gets the access.
pub fn is_deceptive_label(label: &str) -> bool {
    use unicode_security::{RestrictionLevel, RestrictionLevelDetection as _};
    let is_ascii_to_the_eye = || unicode_security::skeleton(label).all(|c| c.is_ascii());
    !label.is_ascii() && (!label.check_restriction_level(RestrictionLevel::HighlyRestrictive) || is_ascii_to_the_eye())
}
