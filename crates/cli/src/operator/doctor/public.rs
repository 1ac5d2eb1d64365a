//! An issuer through its public URL, and through one edge: does this deployment answer there, and unchanged?

use lychgate_api::v1::{CheckupObservation, ReadCheckupRequest};
use reqwest::Url;
use reqwest::header::{COOKIE, HOST, HeaderName};

use super::certificate;
use super::fetch::Reply;
use super::finding::Finding;
use super::seen::{self, ArrivedCookie, PRETENDED};
use super::{Outside, now, pages};
use crate::operator::failure::{Exit, Failure};

const CHECK: &str = "public URL";

/// The findings about the public URL, and what the edge behind it saw.
pub(super) async fn findings(outside: &Outside<'_>) -> (Vec<Finding>, Option<CheckupObservation>) {
    let Outside { http, patient, .. } = outside;
    let (mut findings, mut observed) = (Vec::new(), None);
    let target = patient.checkup.as_ref().unwrap_or(&patient.url);
    match http.get(target, &[sec_fetch_site()]).await {
        Err(why) => {
            let found = format!("{} cannot be reached: {why}", patient.identifier());
            let remedy =
                "look at its name, its certificate and the proxy in front of the edges; or run this where people are";
            findings.push(Finding::fail(CHECK, found, remedy));
        }
        Ok(reply) => {
            findings.extend(certificate_of(&reply));
            if patient.checkup.is_some() {
                match read(outside, &reply).await {
                    Err(finding) => findings.push(finding),
                    Ok(first) => {
                        let answered = format!("{} leads to this deployment", patient.identifier());
                        findings.push(Finding::ok(CHECK, answered));
                        findings.extend(judge(outside, &reply, &first).await);
                        observed = Some(first);
                    }
                }
            } else {
                let found = format!("{} answers; whether this deployment does is not known", patient.identifier());
                findings.push(Finding::warn(CHECK, found, "make the control plane answer this command"));
            }
            findings.extend(pages::findings(outside).await);
        }
    }
    (findings.into_iter().map(|finding| finding.about(patient.name())).collect(), observed)
}

/// The findings about one edge that is asked directly. `public` is what the edge behind the public URL saw.
pub(super) async fn edge(outside: &Outside<'_>, edge: &Url, public: Option<&CheckupObservation>) -> Vec<Finding> {
    const CHECK: &str = "edge";
    let Outside { http, patient, .. } = outside;
    let target = patient.checkup.as_ref().unwrap_or(&patient.url);
    let findings = match http.get(&at(edge, target), &[(HOST, patient.host())]).await {
        Err(why) => vec![Finding::fail(CHECK, format!("cannot be reached: {why}"), "start it, or correct --edge")],
        Ok(_) if patient.checkup.is_none() => vec![Finding::ok(CHECK, "answers")],
        Ok(reply) => match read(outside, &reply).await {
            Err(finding) => vec![Finding { check: CHECK, ..finding }],
            Ok(seen) => {
                let answers = format!("version {} answers for this deployment", seen.edge_version);
                vec![Finding::ok(CHECK, answers), seen::same_consent_page(&seen, public)]
            }
        },
    };
    findings.into_iter().map(|finding| finding.about(name(patient.name(), edge))).collect()
}

/// The name of an edge in findings about an issuer.
pub(super) fn name(issuer: &str, edge: &Url) -> String {
    format!("{issuer} at {}", edge.as_str().trim_end_matches('/'))
}

/// The address at `edge` of what is at `url`.
pub(super) fn at(edge: &Url, url: &Url) -> Url {
    let mut there = edge.clone();
    there.set_path(url.path());
    there.set_query(url.query());
    there
}

/// The edge's observation, from the body of a checkup's answer.
async fn read(outside: &Outside<'_>, reply: &Reply) -> Result<CheckupObservation, Finding> {
    let Outside { control, patient, .. } = outside;
    let another = |found: &str| {
        let found = format!("{}: {found}", patient.identifier());
        let remedy = "let it lead to an edge of this deployment, or correct url of the issuer";
        Finding::fail(CHECK, found, remedy)
    };
    if reply.status != 200 || reply.media_type() != "text/plain" {
        return Err(another(&format!(
            "another server answers, or an edge of another deployment, with {}",
            reply.status
        )));
    }
    let pass = patient.checkup.iter().flat_map(Url::query_pairs).find(|(name, _)| name == "pass");
    let pass = pass.map(|(_, pass)| pass.into_owned()).unwrap_or_default();
    let request = ReadCheckupRequest { issuer_id: patient.id.clone(), pass, answer: reply.text() };
    let opened = control.call(request, async |request| control.admin().read_checkup(request).await).await;
    match opened {
        Ok(opened) => Ok(opened.observation.unwrap_or_default()),
        Err(Failure { exit: Exit::No, .. }) => Err(another("the answer is not this deployment's")),
        Err(failure) => Err(super::control::unreachable(&failure)),
    }
}

/// Sends a second request, as a browser with the cookie of the first answer and as a client that lies about its address.
async fn judge(outside: &Outside<'_>, reply: &Reply, first: &CheckupObservation) -> Vec<Finding> {
    let Outside { http, patient, .. } = outside;
    let cookie = ArrivedCookie::of(reply.all("set-cookie"));
    let mut headers = vec![
        sec_fetch_site(),
        (HeaderName::from_static("x-forwarded-for"), PRETENDED.to_owned()),
        (HeaderName::from_static("forwarded"), format!("for={PRETENDED}")),
    ];
    headers.extend(cookie.iter().map(|cookie| (COOKIE, cookie.pair.clone())));
    let mut second = None;
    if let Some(url) = &patient.checkup
        && let Ok(reply) = http.get(url, &headers).await
    {
        second = read(outside, &reply).await.ok();
    }
    let is_https = patient.url.scheme() == "https";
    vec![
        seen::cookies(cookie.as_ref(), second.as_ref()),
        seen::client_address(first, second.as_ref(), is_https),
        seen::request_headers(first, &patient.host()),
        seen::consent_page(first),
    ]
}

fn certificate_of(reply: &Reply) -> Option<Finding> {
    let not_after = certificate::not_after(reply.certificate.as_deref()?)?;
    Some(certificate::judge("public certificate", not_after, now(), "renew the certificate of the proxy"))
}

/// As a browser sends it for an address that a person typed.
fn sec_fetch_site() -> (HeaderName, String) {
    (HeaderName::from_static("sec-fetch-site"), "none".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_is_asked_for_the_path_of_the_public_url() {
        let (edge, url) = ("http://10.0.0.5:8080", "https://gate.example/team/x?pass=a");
        let there = at(&Url::parse(edge).unwrap(), &Url::parse(url).unwrap());
        assert_eq!(there.as_str(), "http://10.0.0.5:8080/team/x?pass=a");
    }
}
