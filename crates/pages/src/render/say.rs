//! `{{say}}`, `{{plain}}` and `{{show}}`: the helpers that put words and values into a page.

use std::collections::HashMap;
use std::sync::Arc;

use handlebars::{
    Context, Handlebars, Helper, HelperDef, HelperResult, Output, PathAndJson, RenderContext, RenderError,
    RenderErrorReason,
};
use serde_json::Value as Json;

use crate::message::Message;
use crate::words::{WordError, Words, escape};

/// The words of every brand, by its key. The page names the key and the language.
pub(super) type AllWords = Arc<HashMap<String, Words>>;

/// How a helper writes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    /// `{{say "id" name=value}}` or `{{say message}}`: a message as HTML.
    Say,
    /// The same as escaped text, for attributes and titles.
    Plain,
    /// `{{show value}}`: a value as HTML.
    Show,
}

/// A helper of the templates.
#[derive(Debug)]
pub(super) struct Speaker {
    pub(super) words: AllWords,
    pub(super) form: Form,
}

impl HelperDef for Speaker {
    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        context: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        let parameter = present(helper.param(0).ok_or(RenderErrorReason::ParamNotFoundForIndex("say", 0))?)?;
        let at = |name| context.data().get(name).and_then(Json::as_str).unwrap_or_default();
        let (words, language) = (self.words.get(at("words")).or_else(|| self.words.get("")), at("language"));
        let words = words.ok_or_else(|| RenderErrorReason::Other("there are no words".to_owned()))?;
        let html = match self.form {
            Form::Say => words.html(language, &message(parameter, helper)?),
            Form::Plain => words.plain(language, &message(parameter, helper)?).map(|text| escape(&text).into_owned()),
            Form::Show => words.show(language, parameter),
        };
        out.write(&html.map_err(no_word)?)?;
        Ok(())
    }
}

/// The message that a helper names by its id, or is given whole.
fn message(parameter: &Json, helper: &Helper<'_>) -> Result<Message, RenderError> {
    let mut message = match parameter {
        Json::String(id) => Message::new(id.as_str()),
        other => {
            let id = other.get("id").and_then(Json::as_str);
            let id = id.ok_or_else(|| RenderErrorReason::Other(format!("{other} is no message")))?;
            let mut message = Message::new(id);
            message.args = other.get("args").and_then(Json::as_object).cloned().unwrap_or_default();
            message
        }
    };
    for (name, value) in helper.hash() {
        message.args.insert((*name).to_owned(), present(value)?.clone());
    }
    Ok(message)
}

/// The value, unless the page has no such variable.
fn present<'a>(value: &'a PathAndJson<'_>) -> Result<&'a Json, RenderError> {
    if value.is_value_missing() {
        return Err(RenderErrorReason::MissingVariable(value.relative_path().cloned()).into());
    }
    Ok(value.value())
}

fn no_word(error: WordError) -> RenderError {
    RenderErrorReason::Other(error.to_string()).into()
}
