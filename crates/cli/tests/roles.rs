//! The edge's table of RPCs and the control plane's table of roles: this crate is the only one that sees both.

use std::collections::BTreeSet;

use lychgate_control::config::Role;

/// An RPC that an edge calls and may not call fails for every person. An RPC that an edge may call and does not call is a right
/// that only an attacker with an edge's token uses.
#[test]
fn edge_may_call_exactly_the_rpcs_that_it_calls() {
    let calls = lychgate_edge::rpcs();
    let called: BTreeSet<&str> = calls.iter().map(String::as_str).collect();
    assert_eq!(called.len(), calls.len(), "a line for each RPC");
    let allowed: BTreeSet<&str> = lychgate_control::methods_of(Role::Edge).collect();
    assert_eq!(called, allowed);
}
