//! The pages: what each one says ([`Page`], a struct per page) and the templates that say it.
//!
//! Whatever a stranger wrote is escaped by the templates and only ever stands as text or in a quoted attribute; a
//! variable that a template names and a page lacks is an error, found when the process starts.

mod account;
mod sample;
mod templates;

use lychgate_api::Reason;
use lychgate_api::v1::{self, RedirectKind};
use serde::Serialize;
use url::Url;

use crate::failure::Failure;

pub(crate) use account::{AccountPage, SignInPage};
pub(crate) use templates::Pages;

/// What a template is given.
pub(crate) trait Page: Serialize + Sized {
    /// Without `.hbs`.
    const TEMPLATE: &'static str;

    /// Enough of them to walk every branch of the template.
    fn samples() -> Vec<Self>;
}

/// The consent page.
#[derive(Debug, Serialize)]
pub(crate) struct ConsentPage {
    pub(crate) title: String,
    pub(crate) stylesheet: String,
    pub(crate) issuer_name: String,
    /// Where the form goes: the issuer's own `/consent`.
    pub(crate) action: String,
    pub(crate) ticket: String,
    pub(crate) form_token: String,
    pub(crate) client: Client,
    pub(crate) redirect: Redirect,
    pub(crate) resource: Resource,
    pub(crate) scopes: Vec<Scope>,
    /// Whether one of them can be unticked.
    pub(crate) has_choice: bool,
    pub(crate) upstream_name: String,
    /// In words: "90 days".
    pub(crate) lifetime: String,
    pub(crate) changed: bool,
    pub(crate) person: Option<Person>,
    pub(crate) policy: Option<Policy>,
}

/// One button, for what was allowed before.
#[derive(Debug, Serialize)]
pub(crate) struct RememberedPage {
    #[serde(flatten)]
    pub(crate) consent: ConsentPage,
    /// On the button; escaped like everything else.
    pub(crate) whom: String,
    /// The same question in full.
    pub(crate) whole_page: String,
}

/// "Signed in as X. Not you?"
#[derive(Debug, Serialize)]
pub(crate) struct SignedInPage {
    #[serde(flatten)]
    pub(crate) consent: ConsentPage,
    pub(crate) whom: String,
    pub(crate) state: String,
}

/// What the operator tells people besides.
#[derive(Debug, Serialize)]
pub(crate) struct Policy {
    pub(crate) version: String,
    /// Empty if it can be read nowhere.
    pub(crate) uri: String,
    /// Another one than held when the person allowed this app something before.
    pub(crate) changed: bool,
}

/// Who seems to be signed in.
#[derive(Debug, Serialize)]
pub(crate) struct Person {
    /// Empty if they have none.
    pub(crate) name: String,
    /// Never empty: an address or an id.
    pub(crate) account: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct Client {
    /// Never empty: a client without a name is called that.
    pub(crate) name: String,
    pub(crate) named: bool,
    pub(crate) unverified: bool,
    /// Empty for clients without a metadata document.
    pub(crate) metadata_host: String,
    pub(crate) registered_on: Option<Date>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Redirect {
    pub(crate) uri: String,
    pub(crate) host: String,
    pub(crate) web: bool,
    pub(crate) loopback: bool,
    pub(crate) private_scheme: bool,
    /// Not the host of the client's metadata document.
    pub(crate) elsewhere: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct Resource {
    pub(crate) uri: String,
    pub(crate) name: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct Scope {
    pub(crate) name: String,
    /// Never empty: without words, the name stands for them.
    pub(crate) description: String,
    pub(crate) optional: bool,
    /// Not among what the person allowed before.
    pub(crate) added: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct Date {
    /// "2026-11-23"
    pub(crate) machine: String,
    /// "23 November 2026"
    pub(crate) human: String,
}

/// Every page that says no.
#[derive(Debug, Serialize)]
pub(crate) struct ErrorPage {
    pub(crate) title: &'static str,
    pub(crate) what: &'static str,
    pub(crate) next: &'static str,
    pub(crate) stylesheet: String,
    /// Empty where no issuer is known.
    pub(crate) issuer_name: String,
    pub(crate) return_link: Option<ReturnLink>,
    pub(crate) request_id: String,
    pub(crate) reason: &'static str,
    /// For developers; empty if there is nothing to say.
    pub(crate) description: String,
}

/// A link back to the app.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ReturnLink {
    uri: String,
    label: String,
}

impl ReturnLink {
    /// `None` for what is no absolute URI, and for schemes that a browser runs or shows as if they were ours.
    pub(crate) fn new(uri: String, label: String) -> Option<Self> {
        let parsed = Url::parse(&uri).ok()?;
        if matches!(parsed.scheme(), "javascript" | "data" | "vbscript" | "blob" | "file" | "about" | "filesystem") {
            return None;
        }
        let label = Some(label).filter(|label| !label.is_empty());
        let label = label.unwrap_or_else(|| parsed.host_str().unwrap_or("the app").to_owned());
        Some(Self { uri, label })
    }
}

impl ConsentPage {
    /// A page that would leave out who asks, for what, or where it goes is not shown at all.
    pub(crate) fn new(
        issuer_name: &str,
        action: String,
        stylesheet: String,
        page: v1::ConsentPage,
    ) -> Result<Self, Failure> {
        let (Some(client), Some(redirect), Some(resource)) = (page.client, page.redirect, page.resource) else {
            return Err(Failure::new(Reason::Fault));
        };
        let kind = RedirectKind::try_from(redirect.kind).unwrap_or(RedirectKind::Unspecified);
        if kind == RedirectKind::Unspecified || redirect.host.is_empty() || redirect.uri.is_empty() {
            return Err(Failure::new(Reason::Fault));
        }
        let named = !client.name.is_empty();
        let name = if named { client.name } else { "An app without a name".to_owned() };
        let resource_name = if resource.name.is_empty() { resource.uri.clone() } else { resource.name };
        Ok(Self {
            title: format!("Allow {name} to use {resource_name}?"),
            stylesheet,
            issuer_name: issuer_name.to_owned(),
            action,
            ticket: page.ticket,
            form_token: page.form_token,
            client: Client {
                name,
                named,
                unverified: client.unverified,
                metadata_host: client.metadata_host,
                registered_on: client.create_time.map(|time| date(time.seconds)),
            },
            redirect: Redirect {
                uri: redirect.uri,
                host: redirect.host,
                web: kind == RedirectKind::Web,
                loopback: kind == RedirectKind::Loopback,
                private_scheme: kind == RedirectKind::PrivateScheme,
                elsewhere: redirect.differs_from_metadata_host,
            },
            resource: Resource { uri: resource.uri, name: resource_name },
            has_choice: page.scopes.iter().any(|scope| scope.optional),
            scopes: page.scopes.into_iter().map(Scope::from).collect(),
            upstream_name: page.upstream_name,
            lifetime: lifetime(page.grant_lifetime_seconds),
            changed: page.changed,
            person: page.person.map(|person| Person { name: person.name, account: person.account }),
            policy: page.policy.map(|policy| Policy {
                version: policy.version,
                // What an operator wrote is a link only if it is one.
                uri: if policy.uri.starts_with("https://") { policy.uri } else { String::new() },
                changed: policy.changed,
            }),
        })
    }
}

impl RememberedPage {
    /// A button that does not say for whom is not shown at all.
    pub(crate) fn new(consent: ConsentPage) -> Result<Self, Failure> {
        let whom = consent.whom()?;
        let ticket: String = url::form_urlencoded::byte_serialize(consent.ticket.as_bytes()).collect();
        let whole_page = format!("{}?ticket={ticket}&whole_page=1", consent.action);
        let title = format!("Continue to {}?", consent.client.name);
        Ok(Self { whom, whole_page, consent: ConsentPage { title, ..consent } })
    }
}

impl SignedInPage {
    pub(crate) fn new(consent: ConsentPage, action: String, state: String) -> Result<Self, Failure> {
        let whom = consent.whom()?;
        let title = format!("Signed in as {whom}");
        Ok(Self { whom, state, consent: ConsentPage { title, action, ..consent } })
    }
}

impl ConsentPage {
    /// What the person is called, in one word.
    fn whom(&self) -> Result<String, Failure> {
        let person = self.person.as_ref().filter(|person| !person.account.is_empty());
        let person = person.ok_or_else(|| Failure::new(Reason::Fault))?;
        Ok(if person.name.is_empty() { person.account.clone() } else { person.name.clone() })
    }
}

impl From<v1::ConsentScope> for Scope {
    fn from(scope: v1::ConsentScope) -> Self {
        let description = if scope.description.is_empty() { scope.name.clone() } else { scope.description };
        Scope { name: scope.name, description, optional: scope.optional, added: scope.added }
    }
}

/// Rounded up, so that the page never promises less than may be.
fn lifetime(seconds: i64) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    let units = [(HOUR, MINUTE, "minute"), (DAY, HOUR, "hour"), (i64::MAX, DAY, "day")];
    let (_, unit, name) = units.into_iter().find(|(up_to, ..)| seconds <= *up_to).expect("all are up to the last");
    match seconds.max(1).saturating_add(unit - 1) / unit {
        1 => format!("1 {name}"),
        count => format!("{count} {name}s"),
    }
}

/// The day, in UTC, of an instant in seconds since 1970. Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms",
/// `civil_from_days`.
fn date(seconds: i64) -> Date {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let days = seconds.div_euclid(86_400) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let month_name = MONTHS[usize::try_from(month - 1).expect("a month is 1 to 12")];
    Date { machine: format!("{year:04}-{month:02}-{day:02}"), human: format!("{day} {month_name} {year}") }
}

#[cfg(test)]
mod tests;
