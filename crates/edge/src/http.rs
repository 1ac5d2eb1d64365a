//! The forms of HTTP: reading query strings, bodies, cookies and credentials, and the headers of responses.
//!
//! This module checks form only; the control plane decides what a value means.

pub(crate) mod accept;
pub(crate) mod bearer;
pub(crate) mod body;
pub(crate) mod client_credentials;
pub(crate) mod cookies;
pub(crate) mod headers;
pub(crate) mod parameters;
pub(crate) mod reader;
pub(crate) mod response;
