//! Links to the full consent page of a request.

use url::form_urlencoded::Serializer;

/// The full page of the request with this ticket, with `parameters`. `action` is the issuer's own `/consent`.
pub(super) fn full_page(action: &str, ticket: &str, parameters: &[(&str, &str)]) -> String {
    let mut query = Serializer::new(String::new());
    query.append_pair("ticket", ticket).append_pair("whole_page", "1").extend_pairs(parameters);
    format!("{action}?{}", query.finish())
}
