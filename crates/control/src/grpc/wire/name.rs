//! Names of clients and hosts, as pages and operators see them.

use lychgate_api::v1;
use lychgate_domain::client::claimed_name::{ClaimedName, NameDoubt, Receiver};
use lychgate_domain::client::metadata_url::MetadataUrl;
use lychgate_domain::client::redirect_uri::{RedirectKind, RedirectUri};
use lychgate_domain::website::Website;

/// The fields about its name in every message about a client.
#[derive(Debug, Default)]
pub(crate) struct ClientName {
    pub(crate) name: String,
    pub(crate) name_doubts: Vec<i32>,
    pub(crate) name_withheld: bool,
}

/// The name that an operator configured.
pub(crate) fn vouched(name: Option<&str>) -> ClientName {
    ClientName { name: name.unwrap_or_default().to_owned(), ..ClientName::default() }
}

/// The name that a client claims.
pub(crate) fn claimed(name: Option<&str>, receiver: &Receiver<'_>) -> ClientName {
    let judged = ClaimedName::judge(name.unwrap_or_default(), receiver);
    ClientName {
        name_withheld: judged.is_withheld(),
        name_doubts: judged.doubts.into_iter().map(doubt).map(i32::from).collect(),
        name: judged.shown.unwrap_or_default(),
    }
}

fn doubt(doubt: NameDoubt) -> v1::NameDoubt {
    match doubt {
        NameDoubt::Confusable => v1::NameDoubt::Confusable,
        NameDoubt::ClaimsApproval => v1::NameDoubt::ClaimsApproval,
        NameDoubt::Instructs => v1::NameDoubt::Instructs,
        NameDoubt::WellKnownElsewhere => v1::NameDoubt::WellKnownElsewhere,
        NameDoubt::HiddenCharacters => v1::NameDoubt::HiddenCharacters,
        NameDoubt::Cut => v1::NameDoubt::Cut,
        NameDoubt::Address => v1::NameDoubt::Address,
    }
}

/// The host of the client's document; empty without one.
pub(crate) fn metadata_host(document: Option<&MetadataUrl>) -> String {
    document.map(|url| url.website().to_string()).unwrap_or_default()
}

pub(crate) fn metadata_website(document: Option<&MetadataUrl>) -> Option<v1::Website> {
    document.map(|url| website(Website::of(url.website())))
}

/// The website that a redirect leads to; `None` for a program on the person's own computer.
pub(crate) fn redirect_website(uri: &RedirectUri) -> Option<v1::Website> {
    match uri.kind() {
        RedirectKind::Web => uri.origin().map(|origin| website(Website::of(&origin))),
        RedirectKind::Loopback | RedirectKind::PrivateScheme => None,
    }
}

fn website(website: Website) -> v1::Website {
    v1::Website {
        host: website.host,
        registrable_domain: website.registrable_domain.unwrap_or_default(),
        unicode_host: website.unicode_host.unwrap_or_default(),
        confusable: website.confusable,
    }
}
