//! A host of the web as pages show it: the registrable domain stands out, since its owner decides who answers at every
//! host below it.

use crate::confusable::is_deceptive_label;
use crate::display::displayable;
use crate::origin::Origin;

/// The longest host name (RFC 1035 §3.1), with room for its Unicode form.
const MAX_HOST_CHARS: usize = 255;

/// A host of the web as pages show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Website {
    /// The host in ASCII, with the port unless it is the scheme's default.
    pub host: String,
    /// The registrable domain in ASCII (Public Suffix List, also its private part): what the host without its port ends
    /// with. `None` for an IP address, and for a host that is itself a public suffix.
    pub registrable_domain: Option<String>,
    /// The host in Unicode (UTS #46), with the port. `None` if that is the same as in ASCII, or cannot be shown.
    pub unicode_host: Option<String>,
    /// The host in Unicode can be taken for another host (UTS #39), or cannot be shown.
    pub confusable: bool,
}

impl Website {
    /// The website at `origin`.
    pub fn of(origin: &Origin) -> Self {
        let (host, shown) = (origin.host(), origin.to_string());
        let (unicode, valid) = idna::domain_to_unicode(host);
        let is_unicode = unicode != host;
        let is_shown = valid.is_ok() && displayable(&unicode, MAX_HOST_CHARS).as_ref() == Some(&unicode);
        Self {
            registrable_domain: registrable_domain(host),
            confusable: is_unicode && (!is_shown || unicode.split('.').any(is_deceptive_label)),
            unicode_host: (is_unicode && is_shown).then(|| format!("{unicode}{}", &shown[host.len()..])),
            host: shown,
        }
    }
}

/// The registrable domain of a host in ASCII.
pub fn registrable_domain(host: &str) -> Option<String> {
    let is_address = host.starts_with('[') || host.parse::<std::net::Ipv4Addr>().is_ok();
    if is_address {
        return None;
    }
    // The list is in Unicode, so the host's last labels are counted there.
    let (unicode, _) = idna::domain_to_unicode(host.trim_end_matches('.'));
    let labels = psl::domain_str(&unicode)?.split('.').count();
    let host = host.trim_end_matches('.');
    let start = host.rmatch_indices('.').nth(labels - 1).map_or(0, |(dot, _)| dot + 1);
    Some(host[start..].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use url::Url;

    fn at(url: &str) -> Website {
        let url = Url::parse(url).unwrap_or_else(|why| panic!("{url}: {why}"));
        Website::of(&Origin::of(&url).unwrap())
    }

    /// The list's own test vectors, and hosts that imitate others.
    ///
    /// Requirements: B7, B38.
    #[test]
    fn the_registrable_domain_is_the_one_its_owner_registered() {
        for (host, domain) in [
            ("claude.ai", Some("claude.ai")),
            ("claude.ai.evil-login.example", Some("evil-login.example")),
            ("claude.ai-login.example", Some("ai-login.example")),
            ("a.b.example.co.uk", Some("example.co.uk")),
            ("www.city.kobe.jp", Some("city.kobe.jp")),
            ("b.c.kobe.jp", Some("b.c.kobe.jp")),
            ("a.b.c.kobe.jp", Some("b.c.kobe.jp")),
            ("someone.github.io", Some("someone.github.io")),
            ("app.someone.github.io", Some("someone.github.io")),
            ("a.b.azurewebsites.net", Some("b.azurewebsites.net")),
            ("app.unknown-suffix", Some("app.unknown-suffix")),
            ("xn--bcher-kva.example", Some("xn--bcher-kva.example")),
            ("www.xn--85x722f.xn--55qx5d.cn", Some("xn--85x722f.xn--55qx5d.cn")),
            ("xn--85x722f.com.cn", Some("xn--85x722f.com.cn")),
            ("www.xn--fsqu00a.xn--fiqs8s", Some("xn--fsqu00a.xn--fiqs8s")),
            ("app.example.com.", Some("example.com")),
            ("github.io", None),
            ("co.uk", None),
            ("xn--fiqs8s", None),
            ("com", None),
            ("192.0.2.1", None),
            ("[2001:db8::1]", None),
        ] {
            assert_eq!(at(&format!("https://{host}/cb")).registrable_domain.as_deref(), domain, "{host}");
        }
    }

    /// Requirements: B7, B38.
    #[test]
    fn a_host_that_can_be_taken_for_another_is_marked() {
        for (host, unicode, confusable) in [
            ("claude.ai", None, false),
            ("my_app.example", None, false),
            ("192.0.2.1", None, false),
            ("[2001:db8::1]", None, false),
            // "bücher", "例え", "münchen", "россия", "παράδειγμα", "مثال", "उदाहरण", "한국", "ドメイン名例", "claudeノート".
            ("xn--bcher-kva.example", Some("bücher.example"), false),
            ("xn--r8jz45g.jp", Some("例え.jp"), false),
            ("xn--mnchen-3ya.de", Some("münchen.de"), false),
            ("xn--h1alffa9f.xn--p1ai", Some("россия.рф"), false),
            ("xn--hxajbheg2az3al.example", Some("παράδειγμα.example"), false),
            ("xn--mgbh0fb.example", Some("مثال.example"), false),
            ("xn--p1b6ci4b4b3a.example", Some("उदाहरण.example"), false),
            ("xn--3e0b707e.example", Some("한국.example"), false),
            ("xn--eckwd4c7cu47r2wf.jp", Some("ドメイン名例.jp"), false),
            // "аррӏе" in Cyrillic, "pаypal" with one Cyrillic letter, "ɡoogle" and "paypaı" in Latin, "οοο" in Greek.
            ("xn--80ak6aa92e.com", Some("аррӏе.com"), true),
            ("xn--pypal-4ve.com", Some("pаypal.com"), true),
            ("xn--oogle-qmc.com", Some("ɡoogle.com"), true),
            ("xn--paypa-r4a.com", Some("paypaı.com"), true),
            ("login.xn--80ak6aa92e.com", Some("login.аррӏе.com"), true),
            ("xn--80ak6aa92e.evil.example", Some("аррӏе.evil.example"), true),
            ("xn--i-7iq.ws", Some("i❤.ws"), true),
        ] {
            let website = at(&format!("https://{host}/cb"));
            assert_eq!((website.unicode_host.as_deref(), website.confusable), (unicode, confusable), "{host}");
            assert_eq!(website.host, host);
        }
    }

    #[test]
    fn the_port_stays_unless_it_is_the_default() {
        let website = at("https://xn--bcher-kva.example:8443/cb");
        assert_eq!(website.host, "xn--bcher-kva.example:8443");
        assert_eq!(website.unicode_host.as_deref(), Some("bücher.example:8443"));
        assert_eq!(website.registrable_domain.as_deref(), Some("xn--bcher-kva.example"));
        let website = at("https://[2001:db8::1]:8443/cb");
        assert_eq!(
            (website.host.as_str(), website.unicode_host, website.confusable),
            ("[2001:db8::1]:8443", None, false)
        );
    }

    proptest! {
        /// Requirements: B7.
        #[test]
        fn any_host_ends_with_its_domain_and_shows_nothing_hidden(labels in proptest::collection::vec("\\PC{1,8}|[a-z]{1,3}|co|uk|github|io", 1..5)) {
            if let Ok(url) = Url::parse(&format!("https://{}/", labels.join("."))) {
                let website = Website::of(&Origin::of(&url).unwrap());
                if let Some(domain) = &website.registrable_domain {
                    let host = website.host.trim_end_matches('.');
                    let before = host.strip_suffix(domain.as_str());
                    prop_assert!(before.is_some_and(|before| before.is_empty() || before.ends_with('.')), "{} {}", host, domain);
                }
                if let Some(unicode) = &website.unicode_host {
                    prop_assert_eq!(displayable(unicode, 1000), Some(unicode.clone()));
                    prop_assert!(!unicode.is_ascii());
                }
            }
        }
    }
}
