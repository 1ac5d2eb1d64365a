//! Cookies: what a browser carries between the steps of a flow.

pub mod cookie;
pub mod session;
