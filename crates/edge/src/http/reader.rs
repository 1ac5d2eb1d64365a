//! The reader of a page: languages, and the kind of browser.

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT_LANGUAGE, COOKIE, USER_AGENT};
use lychgate_api::v1::SetCookie;
use lychgate_pages::words::Reader;

/// The cookie that keeps the language of `ui_locales` for the later pages of a flow. Only the edge reads it.
pub(super) const LANGUAGE_COOKIE: &str = "__Host-lychgate-language";

/// The longest header or parameter that is read for languages.
const MAX_LENGTH: usize = 256;

/// Parts of the `User-Agent` of browsers that an app shows inside itself. Identity providers refuse many of them, and the app
/// around could read what is typed.
const EMBEDDED: [&str; 9] =
    ["; wv)", "FBAN/", "FBAV/", "Instagram", "Line/", "MicroMessenger", "LinkedInApp", "Snapchat", "musical_ly"];

/// The languages of the reader: those of the request's `ui_locales`, those of an earlier request's, those of the browser.
pub(crate) fn of(headers: &HeaderMap, query: Option<&str>) -> Reader {
    let parameters = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let asked = parameters.filter(|(name, _)| name == "ui_locales").map(|(_, value)| value).next().unwrap_or_default();
    let kept = cookie(headers).unwrap_or_default();
    let chosen = if asked.len() > MAX_LENGTH { kept.to_owned() } else { format!("{asked} {kept}") };
    let accepted = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    Reader::new(&chosen, accepted.get(..MAX_LENGTH).unwrap_or(accepted))
}

/// The cookie that keeps `language` for the later pages of this browser.
pub(crate) fn keep(language: String) -> SetCookie {
    SetCookie { name: LANGUAGE_COOKIE.to_owned(), value: language, max_age_seconds: None }
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let pairs =
        headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
    let found = pairs.filter_map(|pair| pair.trim().split_once('=')).find(|(name, _)| *name == LANGUAGE_COOKIE);
    found.map(|(_, value)| value).filter(|value| value.len() <= MAX_LENGTH)
}

/// True for a browser that an app shows inside itself.
pub(crate) fn is_embedded(headers: &HeaderMap) -> bool {
    let agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    EMBEDDED.iter().any(|part| agent.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            let value = axum::http::HeaderValue::try_from(*value).expect("a header value");
            (axum::http::HeaderName::from_static(name), value)
        });
        pairs.collect()
    }

    #[test]
    fn the_request_comes_before_the_cookie_and_the_cookie_before_the_browser() {
        let all = headers(&[("cookie", "a=b; __Host-lychgate-language=fr"), ("accept-language", "de")]);
        assert_eq!(of(&all, Some("client_id=x&ui_locales=ja+ar")), Reader::new("ja ar fr", "de"));
        assert_eq!(of(&all, None), Reader::new("fr", "de"));
        assert_eq!(of(&headers(&[("accept-language", "de")]), Some("ui_locales=")), Reader::new("", "de"));
        let long = format!("ui_locales={}", "x".repeat(MAX_LENGTH + 1));
        assert_eq!(of(&all, Some(&long)), Reader::new("fr", "de"));
    }

    #[test]
    fn browsers_inside_of_apps_are_known_by_their_names() {
        for (agent, expected) in [
            ("Mozilla/5.0 (Linux; Android 14; Pixel 8; wv) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36", true),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 [FBAN/FBIOS]",
                true,
            ),
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Instagram 300.0", true),
            ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0.0.0 Safari/537.36", false),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/17.5 Safari/605.1.15",
                false,
            ),
            ("", false),
        ] {
            assert_eq!(is_embedded(&headers(&[("user-agent", agent)])), expected, "{agent}");
        }
    }
}
