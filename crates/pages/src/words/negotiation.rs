//! The language of a reader.

use fluent_langneg::{NegotiationStrategy, negotiate_languages};
use unic_langid::LanguageIdentifier;

/// More languages than a person lists, and no more than that are compared.
const MAX_LANGUAGES: usize = 16;

/// What a browser says about the languages of the person before it, the most wanted first. None of it is trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reader {
    languages: Vec<LanguageIdentifier>,
}

impl Reader {
    /// `chosen` are languages separated by spaces, as in the parameter `ui_locales` (OpenID Connect Core §3.1.2.1), and
    /// `accept_language` is a header (RFC 9110 §12.5.4). Languages that are not BCP 47 are ignored.
    pub fn new(chosen: &str, accept_language: &str) -> Self {
        let chosen = chosen.split_ascii_whitespace().take(MAX_LANGUAGES).filter_map(|language| language.parse().ok());
        let mut accepted: Vec<_> = accept_language.split(',').take(MAX_LANGUAGES).filter_map(weighted).collect();
        accepted.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
        Self { languages: chosen.chain(accepted.into_iter().map(|(_, language)| language)).collect() }
    }
}

/// A language and its weight in thousandths. `None` for one that is not BCP 47, and for one that the reader refuses.
fn weighted(range: &str) -> Option<(u16, LanguageIdentifier)> {
    let mut parts = range.split(';').map(str::trim);
    let language = parts.next()?.parse().ok()?;
    let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(1.0, |q| q.parse().unwrap_or(0.0_f32));
    let weight = (weight.clamp(0.0, 1.0) * 1000.0) as u16;
    (weight > 0).then_some((weight, language))
}

/// The first language of the reader's that is available, also in another region: `pt-BR` is answered in `pt`.
pub(super) fn choose<'a>(available: &[&'a LanguageIdentifier], reader: &Reader) -> Option<&'a LanguageIdentifier> {
    let chosen = negotiate_languages(&reader.languages, available, None, NegotiationStrategy::Lookup);
    chosen.first().map(|language| **language)
}
