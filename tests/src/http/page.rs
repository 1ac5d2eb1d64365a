//! A response, and the parts of it that a person or a program reads.
//!
//! This module parses HTML just enough to submit a form; tests with a real browser read the text of pages.

use anyhow::{Context, Result, ensure};
use reqwest::header::{HeaderMap, HeaderValue, LOCATION, SET_COOKIE};
use serde_json::Value;
use url::Url;

/// A response with its complete body.
#[derive(Clone, Debug)]
pub struct Page {
    pub url: Url,
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
    /// The `Sec-Fetch-Site` header of its request.
    pub(super) sec_fetch_site: Option<HeaderValue>,
}

impl Page {
    /// Sends a request of a program.
    pub async fn of(request: reqwest::RequestBuilder) -> Result<Self> {
        Self::read(request.send().await?, None).await
    }

    pub(super) async fn read(response: reqwest::Response, sec_fetch_site: Option<HeaderValue>) -> Result<Self> {
        let (url, status, headers) = (response.url().clone(), response.status().as_u16(), response.headers().clone());
        Ok(Self { url, status, headers, body: response.text().await?, sec_fetch_site })
    }

    /// The redirect target as an absolute URL.
    pub fn location(&self) -> Result<Url> {
        ensure!((300..400).contains(&self.status), "no redirect: {}", self.summary());
        let location = self.header("location").with_context(|| format!("no Location: {}", self.summary()))?;
        Ok(self.url.join(location)?)
    }

    /// True if the response navigates by itself.
    pub fn redirects(&self) -> bool {
        self.headers.contains_key(LOCATION) || (300..400).contains(&self.status)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub fn set_cookies(&self) -> Vec<&str> {
        self.headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok()).collect()
    }

    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.body).with_context(|| format!("no JSON: {}", self.summary()))
    }

    /// The `error` member of OAuth JSON; empty if there is none.
    pub fn error(&self) -> String {
        self.json().ok().and_then(|json| Some(json["error"].as_str()?.to_owned())).unwrap_or_default()
    }

    /// The machine-readable reason in our error pages, in whichever language.
    pub fn reason(&self) -> Option<&str> {
        // The id of the request stands in such an element, too.
        let codes = self.body.split("<code><bdi dir=\"ltr\">").skip(1).filter_map(|rest| rest.split("</bdi>").next());
        let mut reasons = codes.filter(|code| code.chars().all(|c| c.is_ascii_uppercase() || c == '_'));
        reasons.next()
    }

    /// The link back to the client on our error pages.
    pub fn return_link(&self) -> Result<Option<Url>> {
        self.link("return")
    }

    /// The link to the consent page of the same request, on the page of a person who was not admitted.
    pub fn another_account_link(&self) -> Result<Option<Url>> {
        self.link("another")
    }

    fn link(&self, class: &str) -> Result<Option<Url>> {
        let Some(tag) = tags(&self.body, "a").find(|tag| attribute(tag, "class").as_deref() == Some(class)) else {
            return Ok(None);
        };
        Ok(Some(self.url.join(&attribute(tag, "href").context("a link without href")?)?))
    }

    pub fn hidden(&self, name: &str) -> Result<String> {
        let field = self.hidden_fields().into_iter().find(|(n, _)| n == name);
        Ok(field.with_context(|| format!("no hidden field {name}: {}", self.summary()))?.1)
    }

    pub fn hidden_fields(&self) -> Vec<(String, String)> {
        let hidden = tags(&self.body, "input").filter(|tag| attribute(tag, "type").as_deref() == Some("hidden"));
        hidden.filter_map(|tag| Some((attribute(tag, "name")?, attribute(tag, "value")?))).collect()
    }

    pub(super) fn form_action(&self) -> Option<String> {
        tags(&self.body, "form").find_map(|tag| attribute(tag, "action"))
    }

    /// Status, headers and the beginning of the body, for assertion messages.
    pub fn summary(&self) -> String {
        format!("{} of {}: {}", self.status, self.url, self.reason().unwrap_or(&self.body))
    }
}

fn tags<'a>(html: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let start = format!("<{name} ");
    html.match_indices(&start).filter_map(|(at, _)| html[at..].split('>').next()).collect::<Vec<_>>().into_iter()
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let value = between(tag, &format!(" {name}=\""), "\"")?;
    let entities = [("&quot;", "\""), ("&#x27;", "'"), ("&#x3D;", "="), ("&lt;", "<"), ("&gt;", ">"), ("&#x60;", "`")];
    let text = entities.iter().fold(value.to_owned(), |text, (entity, c)| text.replace(entity, c));
    Some(text.replace("&amp;", "&"))
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    Some(rest.split_once(after)?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_read() {
        let html =
            "<form method=\"post\" action=\"/consent\"><input type=\"hidden\" name=\"t\" value=\"a&amp;b&#x3D;\">";
        let page = Page {
            url: Url::parse("http://127.0.0.1:1/consent").unwrap(),
            status: 200,
            headers: HeaderMap::new(),
            body: format!("{html}<a class=\"return\" href=\"https://a.example/?x&#x3D;1&amp;y\">"),
            sec_fetch_site: None,
        };
        assert_eq!(page.hidden("t").unwrap(), "a&b=");
        assert_eq!(page.form_action().unwrap(), "/consent");
        assert_eq!(page.return_link().unwrap().unwrap().as_str(), "https://a.example/?x=1&y");
    }
}
