//! Who asks, in the order of trust: first where the access goes, which Lychgate knows, then what the client claims.

use lychgate_api::v1::{self, NameDoubt, RedirectKind};
use serde::Serialize;

use super::Incomplete;
use crate::message::Message;
use crate::value::Value;

/// How far the claims about a client are known to be true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Trust {
    /// The operator configured the client.
    Vouched,
    /// A website describes the client and names the redirect URI, which no other can answer at.
    Documented,
    /// The client describes itself.
    Unchecked,
}

/// The sentences of a page about the client, and the details for experts.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Asker {
    pub(crate) trust: Trust,
    /// "The access goes to claude.ai."
    pub(crate) goes_to: Message,
    /// Dangers, said before everything else.
    pub(crate) dangers: Vec<Message>,
    /// The client's claims about itself.
    pub(crate) claim: Message,
    /// A reason to doubt the claimed name.
    pub(crate) doubt: Option<Message>,
    pub(crate) client_id: String,
    pub(crate) registered: Option<Value>,
    pub(crate) redirect: Redirect,
    /// The name that the operator gave the client; empty for every other client.
    #[serde(skip)]
    vouched_name: String,
    /// The website that describes the client, if the access goes to another one.
    #[serde(skip)]
    document: Option<Value>,
}

/// The receiver of the access.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Redirect {
    pub(crate) uri: String,
    /// The host, the address, or the scheme.
    pub(crate) place: Value,
    pub(crate) web: bool,
    pub(crate) loopback: bool,
    pub(crate) private_scheme: bool,
}

/// A claimed name and the doubts about it, of any page.
#[derive(Clone, Debug, Default)]
pub(crate) struct Claimed {
    /// Empty if there is none, and if it is withheld.
    pub(crate) name: String,
    pub(crate) withheld: bool,
    pub(crate) doubts: Vec<NameDoubt>,
}

impl Claimed {
    pub(crate) fn new(name: String, withheld: bool, doubts: &[i32]) -> Self {
        let doubts = doubts.iter().map(|doubt| NameDoubt::try_from(*doubt).unwrap_or(NameDoubt::Unspecified));
        Self { name, withheld, doubts: doubts.collect() }
    }

    /// The first doubt that a person should read, the gravest first.
    pub(crate) fn doubt(&self, redirect: &Redirect) -> Option<Message> {
        let has = |doubt| self.doubts.contains(&doubt);
        if self.withheld {
            let reason = match () {
                () if has(NameDoubt::ClaimsApproval) => "doubt-claims-approval",
                () if has(NameDoubt::Instructs) => "doubt-instructs",
                () if has(NameDoubt::Confusable) => "doubt-confusable",
                () => "doubt-unreadable",
            };
            return Some(Message::new(reason));
        }
        if has(NameDoubt::WellKnownElsewhere) {
            let id = if redirect.private_scheme { "doubt-well-known-scheme" } else { "doubt-well-known-web" };
            return Some(Message::new(id).with("name", self.name.as_str()).with("place", redirect.place.clone()));
        }
        if has(NameDoubt::Address) {
            return Some(Message::new("doubt-address"));
        }
        // A name that is cut says so by its ellipsis. A doubt of a later version is one.
        has(NameDoubt::Unspecified).then(|| Message::new("doubt-unreadable"))
    }
}

impl Redirect {
    /// Fails for an unknown kind, which would have no warning, and for a redirect without a host.
    pub(crate) fn new(redirect: v1::ConsentRedirect) -> Result<Self, Incomplete> {
        let kind = RedirectKind::try_from(redirect.kind).map_err(|_| Incomplete)?;
        if kind == RedirectKind::Unspecified || redirect.host.is_empty() {
            return Err(Incomplete);
        }
        let place = match (kind, redirect.website) {
            (RedirectKind::Web, Some(website)) => Value::host(&website),
            (RedirectKind::PrivateScheme, _) => Value::code(format!("{}:", redirect.host)),
            (_, _) => Value::code(redirect.host),
        };
        Ok(Self {
            uri: redirect.uri,
            place,
            web: kind == RedirectKind::Web,
            loopback: kind == RedirectKind::Loopback,
            private_scheme: kind == RedirectKind::PrivateScheme,
        })
    }

    /// The message of a family, `FAMILY-web`, `FAMILY-loopback` or `FAMILY-private-scheme`, about the place. A language may
    /// need another sentence for each, not only another noun.
    pub(crate) fn sentence(&self, family: &str) -> Message {
        let kind = match () {
            () if self.loopback => "loopback",
            () if self.private_scheme => "private-scheme",
            () => "web",
        };
        Message::new(format!("{family}-{kind}")).with("place", self.place.clone())
    }
}

impl Asker {
    /// Fails without a redirect URI and a place: a person must not decide without them.
    pub(crate) fn new(client: v1::ConsentClient, redirect: v1::ConsentRedirect) -> Result<Self, Incomplete> {
        let leads_elsewhere = redirect.differs_from_metadata_host;
        let websites = [&redirect.website, &client.metadata_website].into_iter().flatten();
        let confusable = websites.filter(|website| website.confusable).map(Value::host);
        let mut dangers: Vec<_> =
            confusable.map(|host| Message::new("danger-confusable").with("place", host)).collect();
        // The client's document and its redirect are often at one website.
        dangers.dedup();
        let redirect = Redirect::new(redirect)?;
        if redirect.uri.is_empty() {
            return Err(Incomplete);
        }
        let document = match client.metadata_website {
            Some(website) => Some(Value::host(&website)),
            None if client.metadata_host.is_empty() => None,
            None => Some(Value::code(client.metadata_host)),
        };
        let claimed = Claimed::new(client.name, client.name_withheld, &client.name_doubts);
        let trust = match &document {
            _ if !client.unverified => Trust::Vouched,
            Some(_) if redirect.web => Trust::Documented,
            Some(_) | None => Trust::Unchecked,
        };
        let elsewhere = document.as_ref().filter(|_| trust == Trust::Documented && leads_elsewhere);
        if let Some(document) = elsewhere {
            let danger = Message::new("danger-elsewhere").with("place", redirect.place.clone());
            dangers.insert(0, danger.with("document", document.clone()));
        }
        Ok(Self {
            dangers,
            claim: claim(trust, &claimed, document.as_ref()),
            doubt: claimed.doubt(&redirect),
            goes_to: redirect.sentence("goes-to"),
            document: elsewhere.cloned(),
            vouched_name: if trust == Trust::Vouched { claimed.name } else { String::new() },
            trust,
            client_id: client.client_id,
            registered: client.create_time.map(|time| Value::day(time).ok_or(Incomplete)).transpose()?,
            redirect,
        })
    }

    /// The first sentence of a page: of the website that describes the client if the access goes to another one, which the
    /// danger has named then; else as [`Asker::sentence`].
    pub(crate) fn lead(&self, family: &str) -> Message {
        match &self.document {
            Some(document) => Message::new(format!("{family}-document")).with("document", document.clone()),
            None => self.sentence(family),
        }
    }

    /// The message of a family about the client: of its name if the operator gave it one (`FAMILY-vouched`), else of the place
    /// that the access goes to.
    pub(crate) fn sentence(&self, family: &str) -> Message {
        if self.vouched_name.is_empty() {
            self.redirect.sentence(family)
        } else {
            Message::new(format!("{family}-vouched")).with("name", self.vouched_name.as_str())
        }
    }
}

/// The client's claims about itself, and who stands behind them.
fn claim(trust: Trust, claimed: &Claimed, document: Option<&Value>) -> Message {
    let by_name = |named: &str, unnamed: &str| {
        if claimed.name.is_empty() {
            Message::new(unnamed)
        } else {
            Message::new(named).with("name", claimed.name.as_str())
        }
    };
    match (trust, document) {
        (Trust::Vouched, _) => Message::new("claim-vouched"),
        _ if claimed.withheld => Message::new("claim-withheld"),
        (Trust::Documented, Some(document)) => {
            by_name("claim-documented", "claim-documented-unnamed").with("document", document.clone())
        }
        (_, Some(document)) => {
            by_name("claim-says-document", "claim-says-document-unnamed").with("document", document.clone())
        }
        (_, None) => by_name("claim-unchecked", "claim-unnamed"),
    }
}
