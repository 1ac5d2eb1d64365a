//! The documents that clients and servers read: as they arrive through the public URL, and byte for byte the same at every edge.

use reqwest::Url;
use reqwest::header::HOST;
use serde_json::Value;

use super::Patient;
use super::fetch::{Fetch, host_of};
use super::finding::Finding;
use super::public::{at, name};

const CHECK: &str = "documents";

/// The documents of one issuer and of its resources.
#[derive(Debug)]
pub(super) struct Documents {
    issuer: String,
    identifier: String,
    documents: Vec<Document>,
}

#[derive(Debug)]
struct Document {
    url: Url,
    /// Served at the issuer's public URL. The metadata of a resource may be served by the resource.
    is_public: bool,
    /// The body that was read first.
    first: Option<Vec<u8>>,
}

impl Documents {
    pub(super) fn of(patient: &Patient) -> Self {
        let path = patient.url.path().trim_end_matches('/');
        let public = [
            format!("/.well-known/oauth-authorization-server{path}"),
            format!("/.well-known/openid-configuration{path}"),
            format!("{path}/jwks.json"),
        ];
        let public = public.iter().filter_map(|path| patient.url.join(path).ok()).map(|url| (url, true));
        let resources = patient.resources.iter().filter_map(|resource| {
            let path = resource.path().trim_end_matches('/');
            Some((resource.join(&format!("/.well-known/oauth-protected-resource{path}")).ok()?, false))
        });
        let document = |(url, is_public)| Document { url, is_public, first: None };
        Self {
            issuer: patient.name().to_owned(),
            identifier: patient.identifier().to_owned(),
            documents: public.chain(resources).map(document).collect(),
        }
    }

    /// Reads the issuer's documents through the public URL.
    pub(super) async fn fetch_public(&mut self, http: &Fetch) -> Vec<Finding> {
        let (mut problems, mut count) = (Vec::new(), 0);
        for document in self.documents.iter_mut().filter(|document| document.is_public) {
            match read(http, &document.url, host_of(&document.url)).await {
                Ok(body) => {
                    problems.extend(problem(&body, &self.identifier).map(|why| document.named(&why)));
                    (document.first, count) = (Some(body), count + 1);
                }
                Err(why) => problems.push(document.named(&why)),
            }
        }
        let finding = match problems.as_slice() {
            [] => Finding::ok(CHECK, format!("{count} arrive, and name the issuer")),
            problems => {
                let remedy = "let the proxy send /.well-known/ and the issuer's path to the edges, and change nothing";
                Finding::fail(CHECK, problems.join("; "), remedy)
            }
        };
        vec![finding.about(&self.issuer)]
    }

    /// Compares the documents of `edge` with those that were read first.
    pub(super) async fn compare(&mut self, http: &Fetch, edge: &Url) -> Vec<Finding> {
        let (mut problems, mut count) = (Vec::new(), 0);
        for document in &mut self.documents {
            match read(http, &at(edge, &document.url), host_of(&document.url)).await {
                Err(why) => problems.push(document.named(&why)),
                Ok(body) => {
                    count += 1;
                    match &document.first {
                        Some(first) if *first != body => problems.push(document.named("differs")),
                        Some(_) => {}
                        None => document.first = Some(body),
                    }
                }
            }
        }
        let finding = match problems.as_slice() {
            [] => Finding::ok(CHECK, format!("{count} are the same byte for byte")),
            problems => {
                let remedy = "after a change wait five minutes; then see that this edge reaches the same control plane, and has \
                              the same version";
                Finding::fail(CHECK, problems.join("; "), remedy)
            }
        };
        vec![finding.about(name(&self.issuer, edge))]
    }
}

impl Document {
    fn named(&self, why: &str) -> String {
        format!("{}: {why}", self.url.path())
    }
}

async fn read(http: &Fetch, url: &Url, host: String) -> Result<Vec<u8>, String> {
    let reply = http.get(url, &[(HOST, host)]).await?;
    match (reply.status, reply.media_type().as_str()) {
        (200, "application/json") => Ok(reply.body),
        (200, other) => Err(format!("is {other:?} in place of JSON")),
        (status, _) => Err(format!("status {status}")),
    }
}

/// The fault of a document that arrived; `None` if it is in order.
fn problem(body: &[u8], identifier: &str) -> Option<String> {
    let Ok(document) = serde_json::from_slice::<Value>(body) else { return Some("is no JSON".to_owned()) };
    match (document.get("issuer").and_then(Value::as_str), document.get("keys")) {
        (Some(issuer), _) if issuer == identifier => None,
        (Some(issuer), _) => Some(format!("names the issuer {issuer}")),
        (None, Some(Value::Array(keys))) if !keys.is_empty() => None,
        (None, _) => Some("is another document".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_lie_where_clients_look() {
        let patient = |url: &str| Patient {
            id: "main".to_owned(),
            url: Url::parse(url).unwrap(),
            checkup: None,
            resources: vec![Url::parse("https://mcp.example/mcp").unwrap()],
        };
        let urls = |url: &str| {
            let documents = Documents::of(&patient(url)).documents;
            documents.into_iter().map(|document| document.url.to_string()).collect::<Vec<_>>()
        };
        let resource = "https://mcp.example/.well-known/oauth-protected-resource/mcp";
        let expected = [
            "https://gate.example/.well-known/oauth-authorization-server",
            "https://gate.example/.well-known/openid-configuration",
            "https://gate.example/jwks.json",
            resource,
        ];
        assert_eq!(urls("https://gate.example"), expected);
        let expected = [
            "https://gate.example/.well-known/oauth-authorization-server/team",
            "https://gate.example/.well-known/openid-configuration/team",
            "https://gate.example/team/jwks.json",
            resource,
        ];
        assert_eq!(urls("https://gate.example/team"), expected);
    }

    #[test]
    fn a_document_of_another_issuer_is_a_problem() {
        let problem = |body: &str| problem(body.as_bytes(), "https://gate.example");
        assert_eq!(problem(r#"{"issuer":"https://gate.example"}"#), None);
        assert_eq!(problem(r#"{"keys":[{}]}"#), None);
        for wrong in [r#"{"issuer":"https://gate.example/"}"#, r#"{"keys":[]}"#, "{}", "[]", "<html>"] {
            assert!(problem(wrong).is_some(), "{wrong}");
        }
    }
}
