//! `lychgate doctor`: is everything in order? It asks the control plane what it sees of itself, its store and its identity
//! providers, and then sends requests through each issuer's public URL, as a person's browser does.
//!
//! Each check yields a [`Finding`], also if others fail; one that is not in order names its remedy. Nothing is changed anywhere.

mod certificate;
mod control;
mod documents;
mod fetch;
mod finding;
mod pages;
mod public;
mod seen;

use std::time::SystemTime;

use clap::Args;
use lychgate_api::v1;
use prost_types::Timestamp;
use reqwest::Url;

use super::Answer;
use super::control_plane::{Control, ControlPlane};
use super::failure::Failure;
use super::screen::Screen;
use documents::Documents;
use fetch::Fetch;
use finding::{Finding, Report};

pub(super) const HELP: &str = "\
FINDINGS
  ok     in order, as far as it can be seen
  warn   works, and may not for long, or not as it was meant: look at it
  FAIL   does not work, or is not safe
  Each warning and failure is followed by its remedy. With --json each finding is a line:
  {level: ok|warn|fail, check, about, finding, remedy}

REQUESTS
  The control plane gets a few calls with the token; each issuer's public URL and each --edge gets a few GET requests
  without it. Nothing is changed. Run it where the people are, outside of your network: what it sees from inside of it may
  differ from what they see.

EXIT CODE
  0 nothing failed    1 something failed    2 usage";

/// The arguments of `lychgate doctor`.
#[derive(Debug, Args)]
#[command(after_long_help = HELP)]
pub(crate) struct Doctor {
    #[command(flatten)]
    control_plane: ControlPlane,
    /// Looks at this issuer only
    #[arg(long, value_name = "ID", env = "LYCHGATE_ISSUER", help_heading = "Control plane")]
    issuer: Option<String>,
    /// An edge, http(s)://HOST:PORT: its documents and its consent page must be those of the public URL; can be repeated
    #[arg(long = "edge", value_name = "URL", value_parser = base_url)]
    edges: Vec<Url>,
    /// The public URL of an issuer, which is looked at even if the control plane cannot be reached; can be repeated
    #[arg(long = "public-url", value_name = "URL", value_parser = base_url)]
    public_urls: Vec<Url>,
    /// Prints a line of JSON for each finding
    #[arg(long)]
    json: bool,
}

/// An issuer that the doctor looks at from outside.
#[derive(Debug)]
struct Patient {
    /// Empty if only its URL is known.
    id: String,
    url: Url,
    /// The address of its checkup; `None` without the control plane.
    checkup: Option<Url>,
    resources: Vec<Url>,
}

pub(super) async fn run(doctor: Doctor) -> Result<Answer, Failure> {
    let control = doctor.control_plane.open()?;
    let http = Fetch::new().map_err(|error| Failure::usage(format!("cannot make requests: {error}")))?;
    let mut report = Report::new(Screen::new(doctor.json));
    let diagnosis = control.call(v1::DiagnoseRequest {}, async |request| control.admin().diagnose(request).await).await;
    let states = match diagnosis {
        Ok(diagnosis) => {
            report.add(control::findings(&diagnosis, now(), doctor.issuer.as_deref()))?;
            diagnosis.issuers
        }
        Err(failure) => {
            report.add(vec![control::unreachable(&failure)])?;
            Vec::new()
        }
    };
    let mut patients = Vec::new();
    for state in states.iter().filter(|state| doctor.issuer.as_ref().is_none_or(|id| *id == state.issuer_id)) {
        patients.extend(Patient::of(&control, state).await);
    }
    let known: Vec<_> = patients.iter().map(|patient| patient.identifier().to_owned()).collect();
    let others = doctor.public_urls.into_iter().filter(|url| !known.iter().any(|known| known == trimmed(url)));
    patients.extend(others.map(|url| Patient { id: String::new(), url, checkup: None, resources: Vec::new() }));
    if patients.is_empty() {
        report.add(vec![no_patient(doctor.issuer.as_deref())])?;
    }
    for patient in &patients {
        let outside = Outside { control: &control, http: &http, patient };
        outside.look(&doctor.edges, &mut report).await?;
    }
    report.finish()
}

/// One issuer, seen through its public URL and through each edge.
struct Outside<'a> {
    control: &'a Control,
    http: &'a Fetch,
    patient: &'a Patient,
}

impl Outside<'_> {
    async fn look(&self, edges: &[Url], report: &mut Report) -> Result<(), Failure> {
        let Self { http, patient, .. } = self;
        let (findings, seen) = public::findings(self).await;
        report.add(findings)?;
        let mut documents = Documents::of(patient);
        report.add(documents.fetch_public(http).await)?;
        for edge in edges {
            report.add(public::edge(self, edge, seen.as_ref()).await)?;
            report.add(documents.compare(http, edge).await)?;
        }
        Ok(())
    }
}

impl Patient {
    /// `None` if the control plane names a URL that is none, which its configuration does not accept.
    async fn of(control: &Control, state: &v1::IssuerState) -> Option<Self> {
        let request = v1::DescribeRequest { issuer_id: state.issuer_id.clone() };
        let described = control.call(request, async |request| control.issuers().describe(request).await).await;
        let resources = described.map(|described| described.resources).unwrap_or_default();
        Some(Self {
            id: state.issuer_id.clone(),
            url: Url::parse(&state.issuer).ok()?,
            checkup: Url::parse(&state.checkup_url).ok(),
            resources: resources.iter().filter_map(|resource| Url::parse(&resource.resource).ok()).collect(),
        })
    }

    /// The name of the issuer in findings.
    fn name(&self) -> &str {
        if self.id.is_empty() { self.url.as_str() } else { &self.id }
    }

    /// The issuer identifier: the URL without a slash at its end.
    fn identifier(&self) -> &str {
        trimmed(&self.url)
    }

    /// `Host` of requests to the issuer.
    fn host(&self) -> String {
        fetch::host_of(&self.url)
    }
}

fn no_patient(issuer: Option<&str>) -> Finding {
    let found = match issuer {
        Some(id) => format!("not checked: no issuer {id} is known"),
        None => "not checked: no issuer is known".to_owned(),
    };
    let remedy = "make the control plane answer, or name the issuer's URL with --public-url";
    Finding::fail("public URL", found, remedy)
}

fn trimmed(url: &Url) -> &str {
    url.as_str().trim_end_matches('/')
}

fn base_url(text: &str) -> Result<Url, String> {
    let wrong = || "write http(s)://HOST, with a port and a path if they are needed".to_owned();
    let url = Url::parse(text).map_err(|_| wrong())?;
    let is_plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    let is_http = ["http", "https"].contains(&url.scheme()) && url.has_host();
    if is_http && is_plain { Ok(url) } else { Err(wrong()) }
}

/// Seconds since the epoch by this machine's clock, which also judges the certificates of TLS connections.
#[expect(
    clippy::disallowed_methods,
    reason = "what expires soon is seen from this machine; no rule of the product depends on it"
)]
fn now() -> i64 {
    Timestamp::from(SystemTime::now()).seconds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_has_a_host_and_no_query() {
        for url in ["http://127.0.0.1:8080", "https://gate.example", "https://gate.example/team"] {
            assert!(base_url(url).is_ok(), "{url}");
        }
        for url in ["gate.example", "ftp://gate.example", "https://gate.example/?a", "https://u@gate.example", "x"] {
            assert!(base_url(url).is_err(), "{url}");
        }
    }
}
