//! The call that the checks of an MCP server make.

use reqwest::RequestBuilder;
use serde_json::json;
use url::Url;

use crate::scan::{NOWHERE, Scan};

/// A call that does nothing even if the server requires no token, with the header of a client in a web page.
pub(super) fn ping(scan: &Scan<'_>, url: &Url) -> RequestBuilder {
    let request =
        scan.fetch.post(url).header("accept", "application/json, text/event-stream").header("origin", NOWHERE);
    request.json(&json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" }))
}
