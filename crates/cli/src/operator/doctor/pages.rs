//! Pages of an edge, as they arrive at a person's browser, and the address to which the identity provider sends people back.

use reqwest::Url;

use super::Outside;
use super::fetch::{Fetch, Reply};
use super::finding::Finding;

/// The headers that protect every page, and a part of each that must arrive.
const PROTECTION: [(&str, &str); 4] = [
    ("content-security-policy", "frame-ancestors 'none'"),
    ("x-frame-options", "deny"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
];

pub(super) async fn findings(outside: &Outside<'_>) -> Vec<Finding> {
    let Outside { http, patient, .. } = outside;
    let mut findings = vec![page(http, &patient.url).await];
    // The identity provider sends people to the origin, also for an issuer with a path.
    if let Ok(callback) = patient.url.join(&format!("/callback/{}", patient.id))
        && !patient.id.is_empty()
    {
        findings.push(judge_callback(http.get(&callback, &[]).await, &callback));
    }
    findings
}

/// The page at the issuer's own address: it needs neither a client nor a person.
async fn page(http: &Fetch, url: &Url) -> Finding {
    const CHECK: &str = "pages";
    let reply = match http.get(url, &[]).await {
        Ok(reply) => reply,
        Err(why) => return Finding::fail(CHECK, why, "look at the proxy in front of the edges"),
    };
    let problems = problems(&reply);
    if !problems.is_empty() {
        let found = format!("the page at {url} arrives {}", problems.join(" and "));
        return Finding::fail(CHECK, found, "let the proxy pass on pages and their headers unchanged");
    }
    let Some(style) = stylesheet(&reply.text()).and_then(|path| url.join(&path).ok()) else {
        return Finding::ok(CHECK, "arrive with their headers");
    };
    match http.get(&style, &[]).await {
        Ok(reply) if reply.status == 200 && reply.media_type() == "text/css" => {
            Finding::ok(CHECK, "arrive with their headers and their style sheet")
        }
        Ok(_) | Err(_) => {
            let found = format!("the style sheet {} does not arrive", style.path());
            Finding::fail(CHECK, found, "let the proxy send /assets/ to the edges")
        }
    }
}

fn problems(reply: &Reply) -> Vec<String> {
    if reply.status != 200 || reply.media_type() != "text/html" {
        return vec![format!("with status {} as {:?}", reply.status, reply.media_type())];
    }
    let arrives = |name: &str, part: &str| reply.all(name).any(|value| value.to_ascii_lowercase().contains(part));
    let missing = PROTECTION.iter().filter(|(name, part)| !arrives(name, part));
    missing.map(|(name, part)| format!("without {name}: {part}")).collect()
}

/// The address of the first style sheet of a page, if it is an edge's.
fn stylesheet(html: &str) -> Option<String> {
    let (_, rest) = html.split_once("<link rel=\"stylesheet\" href=\"")?;
    let (path, _) = rest.split_once('"')?;
    path.starts_with("/assets/").then(|| path.to_owned())
}

/// A callback without a code is refused with a page, and changes nothing.
fn judge_callback(reply: Result<Reply, String>, url: &Url) -> Finding {
    const CHECK: &str = "callback";
    let remedy = "let the proxy send /callback/ of this origin to the edges";
    match reply {
        Ok(reply) if reply.status == 400 && reply.header("x-request-id").is_some() => {
            Finding::ok(CHECK, format!("{url} leads to an edge"))
        }
        Ok(reply) => {
            Finding::fail(CHECK, format!("{url} does not lead to an edge: it answers with {}", reply.status), remedy)
        }
        Err(why) => Finding::fail(CHECK, format!("{url}: {why}"), remedy),
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

    use super::super::finding::Level;
    use super::*;

    fn reply(status: u16, headers: &[(&'static str, &'static str)]) -> Reply {
        let pairs =
            headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        Reply { status, headers: HeaderMap::from_iter(pairs), body: Vec::new(), certificate: None }
    }

    #[test]
    fn a_page_needs_every_header() {
        let headers = [
            ("content-type", "text/html; charset=utf-8"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
        ];
        assert_eq!(problems(&reply(200, &headers)), [""; 0]);
        for missing in 0..headers.len() {
            let mut rest = headers.to_vec();
            rest.remove(missing);
            assert_eq!(problems(&reply(200, &rest)).len(), 1, "{:?}", headers[missing]);
        }
        assert_eq!(problems(&reply(404, &headers)).len(), 1);
    }

    #[test]
    fn a_style_sheet_of_an_edge_is_found() {
        let html = "<head><link rel=\"stylesheet\" href=\"/assets/lychgate-1.css\"></head>";
        assert_eq!(stylesheet(html).as_deref(), Some("/assets/lychgate-1.css"));
        assert_eq!(stylesheet(&html.replace("/assets", "https://else.example/assets")), None);
        assert_eq!(stylesheet("<html>"), None);
    }

    #[test]
    fn a_callback_is_refused_by_an_edge() {
        let url = Url::parse("https://gate.example/callback/main").unwrap();
        let id = [("x-request-id", "x")];
        for (answer, level) in [
            (Ok(reply(400, &id)), Level::Ok),
            (Ok(reply(404, &id)), Level::Fail),
            (Ok(reply(400, &[])), Level::Fail),
            (Err("refused".to_owned()), Level::Fail),
        ] {
            assert_eq!(judge_callback(answer, &url).level, level);
        }
    }
}
