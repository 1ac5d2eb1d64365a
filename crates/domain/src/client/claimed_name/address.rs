//! Addresses in names. A reader could take one for the place that the access goes to.

use unicode_normalization::UnicodeNormalization as _;

use crate::website::registrable_domain;

/// `text` with the signs of every address in it as spaces: `https://bank.example/x` is `https bank example x`. A host of
/// the registrable domain `own` stays.
pub(super) fn defused(text: &str, own: Option<&str>) -> String {
    let parts = text.split(' ').map(|part| {
        if is_address(part, own) {
            part.replace(|c: char| !c.is_alphanumeric() && is_sign(c), " ")
        } else {
            part.to_owned()
        }
    });
    let parts: Vec<_> = parts.collect();
    parts.join(" ").split(' ').filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The signs that hold an address together, in every width. An ellipsis ends one.
fn is_sign(c: char) -> bool {
    let plain = std::iter::once(c).nfkc().next();
    c != '…' && matches!(plain, Some('.' | '。' | '․' | ':' | '/' | '⁄' | '∕' | '\\' | '@'))
}

/// True if `part` contains "//", "@" inside, an IPv4 address, or a name that ends in a known public suffix.
fn is_address(part: &str, own: Option<&str>) -> bool {
    let plain: String = part.nfkc().map(|c| if matches!(c, '。' | '․') { '.' } else { c }).collect();
    let plain = plain.to_lowercase();
    if plain.contains("//") {
        return true;
    }
    let hosts = || {
        plain.split(|c: char| {
            !(c.is_alphanumeric() || unicode_normalization::char::is_combining_mark(c) || matches!(c, '.' | '-' | '_'))
        })
    };
    let is_mail = plain.trim_matches('@').contains('@') && hosts().any(is_host);
    is_mail || hosts().any(|host| is_host(host) && !is_own(host, own))
}

fn is_host(text: &str) -> bool {
    let text = text.trim_matches(['.', '-', '_']);
    if text.parse::<std::net::Ipv4Addr>().is_ok() {
        return true;
    }
    let has_labels = text.contains('.') && text.split('.').all(|label| !label.is_empty());
    has_labels
        && psl::suffix(text.as_bytes()).is_some_and(|suffix| suffix.is_known() && suffix.as_bytes().len() < text.len())
}

fn is_own(host: &str, own: Option<&str>) -> bool {
    let host = host.trim_matches(['.', '-', '_']);
    own.is_some() && idna::domain_to_ascii(host).is_ok_and(|host| registrable_domain(&host).as_deref() == own)
}
