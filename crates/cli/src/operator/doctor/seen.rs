//! Judges the proxies between a person and an edge by what the edge saw of a request, and by what became of its answer.

use lychgate_api::v1::CheckupObservation;

use super::finding::Finding;

/// The prefix of the cookie of a checkup's answer.
const COOKIE: &str = "__Host-lychgate-checkup-";

/// The address that the doctor pretends to have: of a network for documentation (RFC 5737), so it is no person's.
pub(super) const PRETENDED: &str = "192.0.2.1";

/// The attributes of every cookie of ours.
const ATTRIBUTES: [&str; 4] = ["path=/", "secure", "httponly", "samesite=lax"];

/// The cookie of an answer as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ArrivedCookie {
    /// `NAME=VALUE`.
    pub(super) pair: String,
    /// Attributes that are missing, or were added.
    pub(super) changes: Vec<String>,
}

impl ArrivedCookie {
    /// The cookie among the values of `Set-Cookie`.
    pub(super) fn of(set_cookies: impl Iterator<Item = String>) -> Option<Self> {
        let mut ours = set_cookies.filter(|value| value.trim_start().starts_with(COOKIE));
        let value = ours.next()?;
        let mut parts = value.split(';').map(str::trim);
        let pair = parts.next()?.to_owned();
        let attributes: Vec<_> = parts.map(str::to_ascii_lowercase).collect();
        let missing = ATTRIBUTES.iter().filter(|wanted| !attributes.iter().any(|found| found == *wanted));
        let mut changes: Vec<_> = missing.map(|attribute| format!("without {attribute}")).collect();
        changes.extend(
            attributes.iter().filter(|found| found.starts_with("domain")).map(|domain| format!("with {domain}")),
        );
        Some(Self { pair, changes })
    }
}

/// `arrived` is the cookie of the first answer, and `second` what the edge saw of a request that returned it.
pub(super) fn cookies(arrived: Option<&ArrivedCookie>, second: Option<&CheckupObservation>) -> Finding {
    const CHECK: &str = "cookies";
    const REMEDY: &str =
        "let every proxy pass on Cookie and Set-Cookie unchanged: without cookies no person can sign in";
    let Some(arrived) = arrived else {
        return Finding::fail(CHECK, "the cookie of an answer does not arrive", REMEDY);
    };
    if !arrived.changes.is_empty() {
        let found = format!("the cookie of an answer arrives {}", arrived.changes.join(" and "));
        return Finding::fail(
            CHECK,
            found,
            "let no proxy rewrite cookies: browsers refuse a __Host- cookie that was changed",
        );
    }
    match second {
        Some(seen) if seen.cookie_returned => Finding::ok(CHECK, "survive the way to the edge and back"),
        Some(_) => Finding::fail(CHECK, "the cookie of a request does not reach the edge", REMEDY),
        None => Finding::fail(CHECK, "the request with a cookie got no answer of this deployment", REMEDY),
    }
}

/// `second` is of a request that pretended to have the address [`PRETENDED`].
pub(super) fn client_address(
    first: &CheckupObservation,
    second: Option<&CheckupObservation>,
    is_https: bool,
) -> Finding {
    const CHECK: &str = "client address";
    let peer = &first.peer_address;
    if second.is_some_and(|seen| seen.client_address == PRETENDED) {
        let found = "a client can choose its address: it passes limits, and events name it";
        let remedy = "let the outermost proxy overwrite X-Forwarded-For (or Forwarded) of clients, or append to it";
        return Finding::fail(CHECK, found, remedy);
    }
    match (first.peer_trusted, first.forwarded.is_some()) {
        (true, false) => {
            let found = format!("the proxy {peer} names no client address: all people share one limit");
            Finding::fail(CHECK, found, "let it send the header that client_address_header of the edge names")
        }
        (true, true) if first.client_address == *peer => {
            let found = format!("the proxy {peer} names no address that can be used: all people share one limit");
            Finding::fail(CHECK, found, "let it write the client's IP address, without a name, into the header")
        }
        (false, true) => {
            let found = format!("the proxy {peer} names one and is not trusted: all people share one limit");
            Finding::warn(CHECK, found, "add it to trusted_proxies of the edge")
        }
        (false, false) if is_https => {
            let found = format!("the proxy {peer} names none: all people share one limit");
            Finding::warn(CHECK, found, "let it send X-Forwarded-For, and add it to trusted_proxies of the edge")
        }
        (true, true) => Finding::ok(CHECK, format!("{} comes through the proxy {peer}", first.client_address)),
        (false, false) => Finding::ok(CHECK, format!("{peer} connects to the edge without a proxy")),
    }
}

/// `host` is the issuer's.
pub(super) fn request_headers(seen: &CheckupObservation, host: &str) -> Finding {
    const CHECK: &str = "request headers";
    if seen.sec_fetch_site.as_deref() != Some("none") {
        let found = match &seen.sec_fetch_site {
            None => "Sec-Fetch-Site does not reach the edge".to_owned(),
            Some(changed) => format!("Sec-Fetch-Site reaches the edge as {changed}"),
        };
        return Finding::fail(CHECK, found, "let every proxy pass on the request headers of browsers unchanged");
    }
    if !seen.host.eq_ignore_ascii_case(host) {
        let found = format!("the edge sees the host {} in place of {host}", seen.host);
        let remedy = "let the proxy pass on Host: it decides between issuers with the same path";
        return Finding::warn(CHECK, found, remedy);
    }
    Finding::ok(CHECK, "reach the edge unchanged")
}

pub(super) fn consent_page(seen: &CheckupObservation) -> Finding {
    const CHECK: &str = "consent page";
    match seen.consent_page_sha256.get(..12) {
        Some(digest) => Finding::ok(CHECK, format!("can be rendered: {digest}")),
        None => Finding::fail(
            CHECK,
            "the edge cannot render it",
            "look into the log of the edge, and run lychgate templates check for its templates_dir",
        ),
    }
}

/// An edge's consent page beside that of the edge behind the public URL.
pub(super) fn same_consent_page(seen: &CheckupObservation, public: Option<&CheckupObservation>) -> Finding {
    const CHECK: &str = "consent page";
    match public {
        Some(public) if public.consent_page_sha256 != seen.consent_page_sha256 => {
            let versions = match public.edge_version == seen.edge_version {
                true => String::new(),
                false => format!(" (version {}, and {} behind the public URL)", seen.edge_version, public.edge_version),
            };
            let found = format!("is another than that behind the public URL{versions}");
            Finding::warn(CHECK, found, "give all edges the same version, templates, words and brands")
        }
        Some(public) if !public.consent_page_sha256.is_empty() => Finding::ok(CHECK, "is that behind the public URL"),
        Some(_) | None => consent_page(seen),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    const GOOD: &str = "__Host-lychgate-checkup-x=v; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=300";

    fn arrived(value: &str) -> Option<ArrivedCookie> {
        ArrivedCookie::of(["other=1".to_owned(), value.to_owned()].into_iter())
    }

    #[test]
    fn a_cookie_arrives_whole_or_its_change_is_named() {
        let whole = arrived(GOOD).unwrap();
        assert_eq!((whole.pair.as_str(), whole.changes.len()), ("__Host-lychgate-checkup-x=v", 0));
        for (changed, change) in [
            (GOOD.replace("; Secure", ""), "without secure"),
            (GOOD.replace("Path=/", "Path=/gate"), "without path=/"),
            (GOOD.replace("SameSite=Lax", "SameSite=None"), "without samesite=lax"),
            (format!("{GOOD}; Domain=example.com"), "with domain=example.com"),
        ] {
            let finding = cookies(arrived(&changed).as_ref(), None);
            assert!(finding.level == Level::Fail && finding.finding.contains(change), "{finding:?}");
        }
        assert_eq!(arrived("other=2"), None);
    }

    #[test]
    fn cookies_must_come_back() {
        let seen = |cookie_returned| CheckupObservation { cookie_returned, ..Default::default() };
        let cookie = arrived(GOOD);
        assert_eq!(cookies(cookie.as_ref(), Some(&seen(true))).level, Level::Ok);
        assert_eq!(cookies(cookie.as_ref(), Some(&seen(false))).level, Level::Fail);
        assert_eq!(cookies(cookie.as_ref(), None).level, Level::Fail);
        assert_eq!(cookies(None, Some(&seen(false))).level, Level::Fail);
    }

    #[test]
    fn the_clients_address_must_come_from_a_trusted_proxy_and_not_from_the_client() {
        let seen = |peer_trusted, forwarded: Option<&str>, client: &str| CheckupObservation {
            peer_address: "10.0.0.1".to_owned(),
            peer_trusted,
            forwarded: forwarded.map(str::to_owned),
            client_address: client.to_owned(),
            ..Default::default()
        };
        let good = seen(true, Some("198.51.100.7"), "198.51.100.7");
        let judged = |first: &CheckupObservation, second: &CheckupObservation, https| {
            client_address(first, Some(second), https).level
        };
        assert_eq!(judged(&good, &good, true), Level::Ok);
        assert_eq!(judged(&good, &seen(true, Some(PRETENDED), PRETENDED), true), Level::Fail, "chosen");
        assert_eq!(judged(&seen(true, None, "10.0.0.1"), &good, true), Level::Fail, "dropped");
        assert_eq!(judged(&seen(true, Some("unknown"), "10.0.0.1"), &good, true), Level::Fail, "unreadable");
        assert_eq!(judged(&seen(false, Some("198.51.100.7"), "10.0.0.1"), &good, true), Level::Warn, "not trusted");
        assert_eq!(judged(&seen(false, None, "10.0.0.1"), &good, true), Level::Warn, "none");
        assert_eq!(judged(&seen(false, None, "10.0.0.1"), &good, false), Level::Ok, "no proxy");
    }

    #[test]
    fn headers_of_browsers_must_reach_the_edge() {
        let seen = |site: Option<&str>, host: &str| CheckupObservation {
            sec_fetch_site: site.map(str::to_owned),
            host: host.to_owned(),
            ..Default::default()
        };
        let judged = |site, host| request_headers(&seen(site, host), "gate.example").level;
        assert_eq!(judged(Some("none"), "Gate.Example"), Level::Ok);
        assert_eq!(judged(Some("none"), "edge:8080"), Level::Warn);
        assert_eq!([judged(None, "gate.example"), judged(Some("same-origin"), "gate.example")], [Level::Fail; 2]);
    }

    #[test]
    fn an_edge_with_another_consent_page_is_found() {
        let seen = |digest: &str, version: &str| CheckupObservation {
            consent_page_sha256: digest.repeat(32),
            edge_version: version.to_owned(),
            ..Default::default()
        };
        let public = seen("ab", "1");
        assert_eq!(same_consent_page(&seen("ab", "1"), Some(&public)).level, Level::Ok);
        assert_eq!(same_consent_page(&seen("cd", "1"), Some(&public)).level, Level::Warn);
        assert!(same_consent_page(&seen("cd", "2"), Some(&public)).finding.contains("version 2, and 1"));
        assert_eq!(same_consent_page(&seen("", "1"), None).level, Level::Fail);
        assert_eq!(consent_page(&seen("ab", "1")).level, Level::Ok);
    }
}
