//! The words of the pages, as Fluent messages: one file for each language, `templates/locales/*.ftl`.
//!
//! A language is named by its file (BCP 47). English is complete by definition; a message that another language lacks is shown
//! in English, which can only be so in a language that an operator added. Files of an operator's directory and the words of a
//! brand replace single messages.
//!
//! Messages may contain `<strong>…</strong>` and no other markup. Arguments are escaped and set apart by `<bdi>`, so that
//! neither markup nor direction of a client's text reaches beyond it.

mod html;
mod negotiation;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use serde_json::{Map, Value as Json};
use unic_langid::LanguageIdentifier;

use crate::message::Message;
use crate::value::{Unit, Value};

pub use negotiation::Reader;

/// The language in which every message exists.
pub const ENGLISH: &str = "en";

/// Messages of a language, or of an operator for it.
pub(crate) type Resource = Arc<FluentResource>;

/// The messages of all languages, for one brand.
pub struct Words {
    bundles: BTreeMap<String, Bundle>,
    /// Translations of the operator's own texts: by language, then by key (see [`crate::value::Own`]).
    own: HashMap<String, HashMap<String, String>>,
}

struct Bundle {
    language: LanguageIdentifier,
    messages: FluentBundle<Resource>,
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.bundles.keys()).finish()
    }
}

/// A message that cannot be shown: no language has it, or an argument is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WordError(pub(crate) String);

impl fmt::Display for WordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WordError {}

/// Parses a file of messages. The error names the first problem.
pub(crate) fn parse(text: String) -> Result<Resource, String> {
    FluentResource::try_new(text).map(Arc::new).map_err(|(resource, errors)| {
        let position = errors.first().map_or(0, |error| error.pos.start);
        let line = resource.source().get(..position).unwrap_or_default().lines().count().max(1);
        let problem = errors.first().map(ToString::to_string).unwrap_or_default();
        format!("line {line}: {problem}")
    })
}

impl Words {
    /// `layers` of messages for each language; a later layer replaces messages of an earlier one.
    pub(crate) fn new(
        layers: &BTreeMap<String, Vec<Resource>>,
        own: HashMap<String, HashMap<String, String>>,
    ) -> Result<Self, String> {
        let bundle = |(name, layers): (&String, &Vec<Resource>)| {
            let language: LanguageIdentifier =
                name.parse().map_err(|_| format!("{name} is not a language (BCP 47)"))?;
            let mut messages = FluentBundle::new_concurrent(vec![language.clone()]);
            // The direction of an argument is isolated by <bdi>.
            messages.set_use_isolating(false);
            for layer in layers {
                messages.add_resource_overriding(Arc::clone(layer));
            }
            Ok((name.clone(), Bundle { language, messages }))
        };
        Ok(Self { bundles: layers.iter().map(bundle).collect::<Result<_, String>>()?, own })
    }

    /// The names of all languages.
    pub fn languages(&self) -> impl Iterator<Item = &str> {
        self.bundles.keys().map(String::as_str)
    }

    /// The first language that the reader accepts; `None` if no page has any of them.
    pub(crate) fn accepted(&self, reader: &Reader) -> Option<&str> {
        let available: Vec<_> = self.bundles.values().map(|bundle| &bundle.language).collect();
        let chosen = negotiation::choose(&available, reader)?;
        self.bundles.iter().find(|(_, bundle)| bundle.language == *chosen).map(|(name, _)| name.as_str())
    }

    /// The language for `reader`: one that the reader accepts, then `default`, then English.
    pub(crate) fn choose<'a>(&'a self, reader: &Reader, default: Option<&'a str>) -> &'a str {
        self.accepted(reader).or(default).unwrap_or(ENGLISH)
    }

    /// `message` in HTML.
    pub(crate) fn html(&self, language: &str, message: &Message) -> Result<String, WordError> {
        self.format(language, message, html::Kind::Html)
    }

    /// `message` as text, for titles and attributes. It is not escaped yet.
    pub fn plain(&self, language: &str, message: &Message) -> Result<String, WordError> {
        self.format(language, message, html::Kind::Plain)
    }

    /// A value of a template in HTML.
    pub(crate) fn show(&self, language: &str, value: &Json) -> Result<String, WordError> {
        self.value(language, value, html::Kind::Html)
    }

    fn format(&self, language: &str, message: &Message, kind: html::Kind) -> Result<String, WordError> {
        let mut arguments = FluentArgs::new();
        let mut shown = Vec::with_capacity(message.args.len());
        for (name, value) in &message.args {
            if let Json::Number(number) = value {
                arguments.set(name.clone(), FluentValue::from(number.as_f64().unwrap_or_default()));
                continue;
            }
            arguments.set(name.clone(), html::placeholder(shown.len()));
            shown.push(self.value(language, value, kind)?);
        }
        let text = self.pattern(language, &message.id, &arguments)?;
        Ok(html::assemble(&text, &shown, kind))
    }

    /// The text of a message, with placeholders for its arguments.
    fn pattern(&self, language: &str, id: &str, arguments: &FluentArgs<'_>) -> Result<String, WordError> {
        let (id, attribute) = id.split_once('.').map_or((id, None), |(id, attribute)| (id, Some(attribute)));
        for language in [language, ENGLISH] {
            let Some(bundle) = self.bundles.get(language).map(|bundle| &bundle.messages) else { continue };
            let Some(message) = bundle.get_message(id) else { continue };
            let pattern = match attribute {
                Some(attribute) => message.get_attribute(attribute).map(|attribute| attribute.value()),
                None => message.value(),
            };
            let Some(pattern) = pattern else { continue };
            let mut errors = Vec::new();
            let text = bundle.format_pattern(pattern, Some(arguments), &mut errors);
            return match errors.first() {
                None => Ok(text.into_owned()),
                Some(error) => Err(WordError(format!("message {id} in {language}: {error}"))),
            };
        }
        Err(WordError(format!(
            "there is no message {id}{}",
            attribute.map(|name| format!(".{name}")).unwrap_or_default()
        )))
    }

    fn value(&self, language: &str, json: &Json, kind: html::Kind) -> Result<String, WordError> {
        let text = |text: &str| Ok(html::text(text, kind));
        match json {
            Json::String(string) => text(string),
            Json::Number(number) => text(&number.to_string()),
            Json::Object(object) if object.contains_key("id") => {
                let message = Message { id: string(object, "id")?, args: arguments(object)? };
                self.format(language, &message, kind)
            }
            Json::Object(_) => {
                let value = serde_json::from_value(json.clone()).map_err(|error| WordError(error.to_string()))?;
                self.special(language, value, kind)
            }
            Json::Null | Json::Bool(_) | Json::Array(_) => Err(WordError(format!("{json} is no text"))),
        }
    }

    fn special(&self, language: &str, value: Value, kind: html::Kind) -> Result<String, WordError> {
        match value {
            Value::Host { before, domain, after, unicode } => {
                Ok(html::host([&before, &domain, &after], &unicode, kind))
            }
            Value::Code { text } => Ok(html::code(&text, kind)),
            Value::Link { uri, text, beside } => {
                let text = self.format(language, &text, kind)?;
                Ok(html::link(&uri, &text, beside, kind))
            }
            Value::Own { key, text } => {
                let translated = self.own.get(language).and_then(|texts| texts.get(&key)).unwrap_or(&text);
                Ok(html::text(translated, kind))
            }
            Value::Duration { count, unit } => {
                let id = match unit {
                    Unit::Minutes => "duration-minutes",
                    Unit::Hours => "duration-hours",
                    Unit::Days => "duration-days",
                };
                self.format(language, &Message::new(id).with("count", count), kind)
            }
            Value::Day { year, month, day } => {
                let date = self.date(language, year, month, day)?;
                Ok(html::time(&format!("{year:04}-{month:02}-{day:02}"), &date, kind))
            }
            Value::Minute { year, month, day, time } => {
                let mut arguments = FluentArgs::new();
                arguments.set("date", self.date(language, year, month, day)?);
                arguments.set("time", time.clone());
                let shown = self.pattern(language, "date-time", &arguments)?;
                Ok(html::time(&format!("{year:04}-{month:02}-{day:02}T{time}Z"), &shown, kind))
            }
        }
    }

    fn date(&self, language: &str, year: i32, month: u8, day: u8) -> Result<String, WordError> {
        let mut arguments = FluentArgs::new();
        // A number would be written with the separators of the language.
        arguments.set("year", year.to_string());
        arguments.set("month", i64::from(month));
        arguments.set("day", day.to_string());
        self.pattern(language, "date", &arguments)
    }
}

fn string(object: &Map<String, Json>, name: &str) -> Result<String, WordError> {
    let text = object.get(name).and_then(Json::as_str);
    text.map(str::to_owned).ok_or_else(|| WordError(format!("a message without {name}")))
}

fn arguments(object: &Map<String, Json>) -> Result<Map<String, Json>, WordError> {
    let arguments = object.get("args").and_then(Json::as_object);
    arguments.cloned().ok_or_else(|| WordError("a message without args".to_owned()))
}

/// `text` with the characters escaped that mean something in HTML.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    if text.contains(['&', '<', '>', '"', '\'']) {
        Cow::Owned(handlebars::html_escape(text))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests;
