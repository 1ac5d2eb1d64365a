//! Links from a consent page to itself.

use url::form_urlencoded::Serializer;

use super::consent::ConsentView;

/// The full page of the same request, with `parameters`.
pub(super) fn consent(view: &ConsentView, parameters: &[(&str, &str)]) -> String {
    full_page(&view.action, &view.ticket, parameters)
}

/// The full page of the request with this ticket. `action` is the issuer's own `/consent`.
pub(super) fn full_page(action: &str, ticket: &str, parameters: &[(&str, &str)]) -> String {
    let mut query = Serializer::new(String::new());
    query.append_pair("ticket", ticket).append_pair("whole_page", "1").extend_pairs(parameters);
    format!("{action}?{}", query.finish())
}
