//! The `Accept` header: JSON or HTML.

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;

/// True if the `Accept` header prefers JSON to HTML (RFC 9110 §12.5.1). Without a preference the answer is HTML.
pub(crate) fn prefers_json(headers: &HeaderMap) -> bool {
    let ranges = || {
        let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(','))
    };
    quality(ranges(), "application", "json") > quality(ranges(), "text", "html")
}

/// The weight of a media type, in thousandths. The most specific matching range decides.
fn quality<'a>(ranges: impl Iterator<Item = &'a str>, kind: &str, subkind: &str) -> u16 {
    let mut best = (0, 0);
    for range in ranges {
        let mut parts = range.split(';').map(str::trim);
        let Some((k, s)) = parts.next().and_then(|range| range.split_once('/')) else { continue };
        let specificity = match (k.eq_ignore_ascii_case(kind), s.eq_ignore_ascii_case(subkind)) {
            (true, true) => 3,
            (true, false) if s == "*" => 2,
            _ if (k, s) == ("*", "*") => 1,
            _ => continue,
        };
        let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(1.0, |q| q.parse().unwrap_or(0.0_f32));
        best = best.max((specificity, (weight.clamp(0.0, 1.0) * 1000.0) as u16));
    }
    best.1
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn json_for(accept: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::try_from(accept).expect("a header value"));
        prefers_json(&headers)
    }

    #[test]
    fn html_is_the_answer_unless_json_is_preferred() {
        assert!(!prefers_json(&HeaderMap::new()));
        for accept in ["*/*", "text/html,application/xhtml+xml,*/*;q=0.8", "application/json;q=0.5, text/html", "", "x"]
        {
            assert!(!json_for(accept), "{accept}");
        }
        for accept in ["application/json", "application/json, text/html;q=0.9", "application/*, */*;q=0.1"] {
            assert!(json_for(accept), "{accept}");
        }
    }
}
