//! The answer to an operator's checkup, by which `lychgate doctor` learns whether an issuer's public URL leads here, and what the
//! proxies on the way do to a request.

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::http::header::HOST;
use axum::response::Response;
use lychgate_api::Reason;
use lychgate_api::v1::{CheckupObservation, CheckupRequest};
use lychgate_process::connections::http::Accepted;

use crate::app::App;
use crate::failure::Failure;
use crate::http::parameters::Form;
use crate::http::{cookies, headers, response};
use crate::request_context::RequestContext;

/// The length of every pass.
const PASS: usize = 80;

/// `GET /.well-known/lychgate-checkup?pass=…`. The body is sealed: nothing that the request says comes back in a readable form.
/// Without a good pass, the path is as unknown as any other.
pub(crate) async fn answer(
    State(app): State<App>,
    context: RequestContext,
    accepted: Option<Extension<Accepted>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let unknown = || Failure::new(Reason::NotFound);
    let pass = Form::parse(query.unwrap_or_default().as_bytes()).ok().and_then(|mut query| query.take("pass"));
    let pass = pass.filter(|pass| pass.len() == PASS && pass.bytes().all(is_base64url)).ok_or_else(unknown)?;
    let peer = accepted.map(|Extension(accepted)| accepted.peer);
    let forwarded = peer.map(|peer| app.proxies.observe(peer, &headers));
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let observation = CheckupObservation {
        host: host.unwrap_or_default().to_owned(),
        peer_address: peer.map(|peer| peer.to_canonical().to_string()).unwrap_or_default(),
        peer_trusted: forwarded.as_ref().is_some_and(|forwarded| forwarded.is_trusted),
        forwarded: forwarded.and_then(|forwarded| forwarded.header),
        client_address: context.call.client_address.map(|client| client.to_string()).unwrap_or_default(),
        sec_fetch_site: headers::sec_fetch_site(&headers),
        edge_version: env!("CARGO_PKG_VERSION").to_owned(),
        consent_page_sha256: app.pages.consent_page_digest(&context.issuer).unwrap_or_default(),
        cookie_returned: false,
    };
    let message = CheckupRequest {
        issuer_id: context.issuer.id.clone(),
        pass,
        cookies: cookies::received(&headers)?,
        observation: Some(observation),
    };
    let answered = app.control.checkup(&context.call, message).await.map_err(|failure| match failure.reason() {
        Reason::RecordUnknown => unknown(),
        _ => failure,
    })?;
    let mut response = response::opaque(answered.answer);
    response.headers_mut().extend(cookies::set(&answered.set_cookies)?);
    Ok(response)
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}
