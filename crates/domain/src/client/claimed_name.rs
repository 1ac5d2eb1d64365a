//! The name that a client claims: what of it pages show, and the reasons to doubt it.
//!
//! A stranger chooses the name, and a person reads it beside the button. No name is refused at registration for it: odd
//! names are honest more often than not. A name is withheld if showing it does harm that a note beside it does not undo; a
//! page without a name still shows the host.

mod address;
mod phrases;
mod well_known;
mod words;

use std::sync::LazyLock;

use unicode_segmentation::UnicodeSegmentation as _;

use self::phrases::{PHRASES, SEALS};
use self::well_known::{WELL_KNOWN, WellKnown};
use self::words::{Joints, Words};
use crate::client::metadata_url::MetadataUrl;
use crate::client::redirect_uri::{RedirectKind, RedirectUri};
use crate::confusable::{self, look};
use crate::display::{REMOVED, displayable, with_hidden_marked};
use crate::origin::HostKind;
use crate::website::registrable_domain;

/// The longest name on record, in characters.
pub const MAX_RECORDED_CHARS: usize = 128;
/// The longest name on a page, in characters as people count them (UAX #29).
pub const MAX_SHOWN: usize = 40;

/// A client's name as records keep it: displayable, at most 128 characters, with U+FFFD for each hidden character that no
/// writing needs. `None` if nothing of it is seen.
pub fn recorded(text: &str) -> Option<String> {
    displayable(text, MAX_RECORDED_CHARS)?;
    displayable(&with_hidden_marked(text), MAX_RECORDED_CHARS)
}

/// A client's claimed name, as pages show it, and the reasons to doubt it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedName {
    /// The name as pages show it, at most [`MAX_SHOWN`] characters. The caller escapes it.
    pub shown: Option<String>,
    /// Reasons to doubt it, in the order of [`NameDoubt`].
    pub doubts: Vec<NameDoubt>,
}

/// A reason to doubt the name that a client claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NameDoubt {
    /// It mixes scripts as no language does, or has letters that look like others (UTS #39).
    Confusable,
    /// It claims that an authority has approved or verified the client.
    ClaimsApproval,
    /// It tells the reader to do something.
    Instructs,
    /// It is the name of a well-known client, and the access goes to a host or scheme that is not that client's.
    WellKnownElsewhere,
    /// It contained characters that are not seen or that change the direction of writing.
    HiddenCharacters,
    /// It was cut.
    Cut,
    /// It contains an address.
    Address,
}

impl NameDoubt {
    /// True if a name with this doubt is not shown at all.
    pub fn withholds(self) -> bool {
        match self {
            // The eye reads the other name, and a note beside it cannot say where they differ.
            NameDoubt::Confusable => true,
            // A hurried person takes the claim for a statement of this page.
            NameDoubt::ClaimsApproval => true,
            // A hurried person takes it for an instruction of this page, and does it.
            NameDoubt::Instructs => true,
            // The name was made to be read otherwise than it is written. What is left of it is no name.
            NameDoubt::HiddenCharacters => true,
            // Many honest clients are "X for Claude". The name without the note would fool; with the host beside it, it does
            // not, and the person needs to see who is imitated.
            NameDoubt::WellKnownElsewhere => false,
            // The end is missed and the page says so; what is shown is judged by itself, too.
            NameDoubt::Cut => false,
            // Its signs are gone, so no reader takes it for the host line, and no program makes a link of it.
            NameDoubt::Address => false,
        }
    }
}

/// Where the access of a client goes.
#[derive(Clone, Copy, Debug)]
pub struct Receiver<'a> {
    /// The redirect URIs that the name is shown for.
    pub redirect_uris: &'a [RedirectUri],
    /// The client's metadata document.
    pub document: Option<&'a MetadataUrl>,
}

impl ClaimedName {
    /// Judges `name`, as the client gave it or as a record keeps it. The result depends on nothing else.
    pub fn judge(name: &str, receiver: &Receiver<'_>) -> Self {
        let Some(text) = recorded(name) else { return Self { shown: None, doubts: Vec::new() } };
        let own = receiver.domain();
        let mut doubts = doubts_of(&text, receiver);
        let cut = cut(&text);
        if cut != text || text.chars().count() >= MAX_RECORDED_CHARS {
            doubts.push(NameDoubt::Cut);
        }
        // Marks that stood on a sign of an address have nothing to stand on.
        let shown = displayable(&address::defused(&cut, own.as_deref()), MAX_RECORDED_CHARS).unwrap_or_default();
        if shown != cut || address::defused(&text, own.as_deref()) != text {
            doubts.push(NameDoubt::Address);
        }
        // A cut can make another word.
        if shown != text {
            doubts.extend(doubts_of(&shown, receiver));
        }
        doubts.sort_unstable();
        doubts.dedup();
        let is_withheld = doubts.iter().any(|doubt| doubt.withholds());
        Self { shown: (!is_withheld && !shown.is_empty()).then_some(shown), doubts }
    }

    /// True if the client gave a name that is not shown.
    pub fn is_withheld(&self) -> bool {
        self.shown.is_none() && !self.doubts.is_empty()
    }
}

/// The first [`MAX_SHOWN`] characters, with an ellipsis for the rest.
fn cut(text: &str) -> String {
    if text.graphemes(true).count() <= MAX_SHOWN {
        return text.to_owned();
    }
    let kept: String = text.graphemes(true).take(MAX_SHOWN - 1).collect();
    format!("{}…", kept.trim_end())
}

/// The doubts about the text itself.
fn doubts_of(text: &str, receiver: &Receiver<'_>) -> Vec<NameDoubt> {
    let mut doubts = said(text);
    let found = known(text);
    if found.iter().any(|found| found.is_disguised) || is_confusable(text) {
        doubts.push(NameDoubt::Confusable);
    }
    if found.iter().any(|found| !receiver.is_of(found.vendor)) {
        doubts.push(NameDoubt::WellKnownElsewhere);
    }
    if text.contains(REMOVED) {
        doubts.push(NameDoubt::HiddenCharacters);
    }
    doubts
}

/// True if the letters pose as others: words of mixed scripts, a name in letters that all look Latin, or styled letters.
fn is_confusable(text: &str) -> bool {
    let plain = Words::of(text, Joints::Plain);
    let is_letter = |c: char| c.is_alphanumeric() || unicode_normalization::char::is_combining_mark(c);
    text.split(|c| !is_letter(c)).any(confusable::mixes_scripts)
        || plain.written.iter().any(|word| word.chars().filter(|c| confusable::is_styled_letter(*c)).count() > 1)
        || confusable::poses_as_latin(text)
}

/// A well-known name in a text.
struct Found {
    vendor: &'static WellKnown,
    /// It only looks like the name: "CIaude".
    is_disguised: bool,
}

/// A name of the table, by its look.
struct KnownName {
    vendor: &'static WellKnown,
    look: String,
    /// In small letters, without spaces.
    written: String,
    is_coined: bool,
}

/// Longer names first: "GitHub Copilot" is not Microsoft's "Copilot".
static KNOWN: LazyLock<Vec<KnownName>> = LazyLock::new(|| {
    let names = WELL_KNOWN.iter().flat_map(|vendor| {
        let plain = vendor.names.iter().map(|name| (*name, false));
        plain.chain(vendor.coined.iter().map(|name| (*name, true))).map(move |(name, is_coined)| {
            let written = name.to_lowercase().replace(' ', "");
            KnownName { vendor, look: look(&written), written, is_coined }
        })
    });
    let mut names: Vec<_> = names.collect();
    names.sort_by_key(|name| std::cmp::Reverse(name.look.len()));
    names
});

/// The well-known names in `text`. A part of a longer one is not found again.
fn known(text: &str) -> Vec<Found> {
    let mut found = spelt_in(text);
    for disguised in spelt_in(&words::with_signs_as_letters(text)) {
        if !found.iter().any(|plain| std::ptr::eq(plain.vendor, disguised.vendor)) {
            found.push(Found { is_disguised: true, ..disguised });
        }
    }
    found
}

fn spelt_in(text: &str) -> Vec<Found> {
    let (words, plain) = (Words::of(text, Joints::Capitals), Words::of(text, Joints::Plain));
    let (mut found, mut taken) = (Vec::new(), vec![false; words.looks.len()]);
    for name in KNOWN.iter() {
        let mut add = |written: &str, is_whole: bool| {
            let written = written.to_lowercase();
            let is_plain = if is_whole { written == name.written } else { written.contains(&name.written) };
            found.push(Found { vendor: name.vendor, is_disguised: !is_plain });
        };
        for (from, to) in words.spelling(&name.look) {
            if taken[from..to].contains(&false) {
                taken[from..to].fill(true);
                add(&words.written[from..to].concat(), true);
            }
        }
        for (look, written) in plain.looks.iter().zip(&plain.written) {
            if name.is_coined && look.contains(&name.look) {
                add(written, false);
            }
        }
    }
    found
}

/// A phrase of the table, by look.
enum Phrase {
    /// For each word its alternatives.
    Words(Vec<Vec<String>>),
    /// Anywhere in the name.
    Run(String),
    /// A word between spaces or signs.
    Whole(String),
}

static PHRASES_BY_LOOK: LazyLock<Vec<(NameDoubt, Phrase)>> = LazyLock::new(|| {
    let lines = PHRASES.iter().flat_map(|(doubt, _, lines)| lines.lines().map(|line| (*doubt, line.trim())));
    lines.filter(|(_, line)| !line.is_empty()).map(|(doubt, line)| (doubt, Phrase::of(line))).collect()
});

impl Phrase {
    fn of(line: &str) -> Self {
        if let Some(word) = line.strip_prefix('=') {
            return Phrase::Whole(look(word));
        }
        if line.chars().any(words::is_spaceless) {
            return Phrase::Run(look(line));
        }
        let alternatives = |word: &str| word.split('|').map(look).collect();
        Phrase::Words(line.split_ascii_whitespace().map(alternatives).collect())
    }

    fn is_in(&self, words: &Words, run: &str) -> bool {
        match self {
            Phrase::Words(slots) => (0..words.looks.len()).any(|from| follow(words, from, slots)),
            Phrase::Run(look) => run.contains(look),
            Phrase::Whole(look) => words.spelling(look).next().is_some(),
        }
    }
}

/// True if the words from `from` on are one alternative for each slot.
fn follow(words: &Words, from: usize, slots: &[Vec<String>]) -> bool {
    let Some((first, others)) = slots.split_first() else { return true };
    first.iter().any(|word| words.spells(from, word).is_some_and(|to| follow(words, to, others)))
}

/// The doubts about what the name says.
fn said(text: &str) -> Vec<NameDoubt> {
    let mut doubts = Vec::new();
    if text.contains(SEALS) {
        doubts.push(NameDoubt::ClaimsApproval);
    }
    for text in [text, &words::with_signs_as_letters(text)] {
        // "ClickUp" is a name, and "VerifiedApp" is read as two words.
        let (plain, capitals) = (Words::of(text, Joints::Plain), Words::of(text, Joints::Capitals));
        let run = plain.run();
        let is_said = |doubt, phrase: &Phrase| match doubt {
            NameDoubt::ClaimsApproval => phrase.is_in(&capitals, &run),
            _ => phrase.is_in(&plain, &run),
        };
        doubts
            .extend(PHRASES_BY_LOOK.iter().filter(|(doubt, phrase)| is_said(*doubt, phrase)).map(|(doubt, _)| *doubt));
    }
    doubts
}

impl Receiver<'_> {
    /// The hosts of the web that get the access or made the claims.
    fn web_hosts(&self) -> Vec<String> {
        let redirects = self.redirect_uris.iter().filter(|uri| uri.kind() == RedirectKind::Web);
        let documents = self.document.map(|url| url.website().clone());
        let origins = redirects.filter_map(RedirectUri::origin).chain(documents);
        origins
            .filter(|origin| origin.host_kind() == HostKind::Network)
            .map(|origin| origin.host().to_owned())
            .collect()
    }

    /// The registrable domain of all web hosts, if they share one: of it, an address in the name is true.
    fn domain(&self) -> Option<String> {
        let mut domains: Vec<_> = self.web_hosts().iter().map(|host| registrable_domain(host)).collect();
        domains.dedup();
        if domains.len() == 1 { domains.pop()? } else { None }
    }

    /// True if nothing shows that the access goes elsewhere than to `vendor`. Any program can answer at a loopback
    /// redirect, so it shows nothing.
    fn is_of(&self, vendor: &WellKnown) -> bool {
        let is_below =
            |host: &str, own: &str| host.strip_suffix(own).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        let is_at = |host: &String| vendor.hosts.iter().any(|own| is_below(host, own));
        let schemes = self.redirect_uris.iter().filter(|uri| uri.kind() == RedirectKind::PrivateScheme);
        let mut schemes = schemes.map(RedirectUri::target);
        self.web_hosts().iter().all(is_at)
            && (vendor.schemes.is_empty() || schemes.all(|scheme| vendor.schemes.contains(&scheme.as_str())))
    }
}

#[cfg(test)]
mod tests;
