//! Events of the audit log in words.

use lychgate_api::v1::Event;

use super::{Step, rfc_3339};

pub(super) fn step(event: &Event) -> Step {
    Step { time: rfc_3339(event.time), source: "audit log", words: words(event) }
}

/// One sentence. docs/events.md says when each kind of event is written.
fn words(event: &Event) -> String {
    let Event { subject, client_id, resource, principal, grant_id, .. } = event;
    let scopes = match event.scopes.as_slice() {
        [] => "no scopes".to_owned(),
        scopes => scopes.join(" "),
    };
    let why = why(event);
    match event.kind.as_str() {
        "consent.approved" => format!(
            "{subject} allowed {client_id} to use {resource} with {scopes}{}, signed in, and the client got a code",
            how(&event.how)
        ),
        "consent.denied" => format!("{subject} denied {client_id} the use of {resource}"),
        "consent.revoked" => {
            format!(
                "the consent of {subject} for {client_id} at {resource} was revoked through {principal}, and its grants ended{why}"
            )
        }
        "login.questioned" => {
            format!("{subject} signed in, was not named on the page, and was asked to confirm {client_id}")
        }
        "login.refused" => {
            format!("{subject} signed in and answered that the account is not theirs; {client_id} got nothing")
        }
        "entry.refused" => format!("the entry rules did not admit {subject}, so {client_id} got nothing at {resource}"),
        "grant.issued" => {
            format!("{client_id} redeemed the code of {subject}: grant {grant_id} for {resource} with {scopes}")
        }
        "grant.superseded" => {
            format!("grant {grant_id} of {subject} to {client_id} ended, because the consent has too many")
        }
        "grant.returned" => format!("{client_id} gave the grant {grant_id} of {subject} back"),
        "grant.revoked" => format!("{principal} ended the grant {grant_id} of {subject} to {client_id}{why}"),
        "code.replayed" => {
            format!("the code that gave {client_id} the grant {grant_id} was presented again, so the grant has ended")
        }
        "refresh_token.replayed" => {
            format!(
                "an old refresh token of the grant {grant_id} was presented again, so the grant has ended, and {client_id} has to ask {subject} again"
            )
        }
        "connection.rejected" => {
            format!("the identity provider refused its tokens of {subject}, who has to sign in again")
        }
        "upstream_token.given" => {
            format!(
                "{principal} got an access token of the identity provider for {subject}, by the grant {grant_id} of {client_id}"
            )
        }
        _ => act(event),
    }
}

/// An act of an operator or of the control plane itself.
fn act(event: &Event) -> String {
    let Event { subject, client_id, resource, principal, .. } = event;
    let why = why(event);
    match event.kind.as_str() {
        "client.revoked" => format!("{principal} ended everything that {client_id} had been given{why}"),
        "client.disabled" => format!("{principal} stopped the client {client_id}{why}"),
        "client.enabled" => format!("{principal} let the client {client_id} go on{why}"),
        "subject.revoked" => format!("{principal} ended everything that {subject} had allowed{why}"),
        "issuer.revoked" => format!("{principal} ended everything that the issuer had given{why}"),
        "keys.rotated" => format!("{principal} replaced keys"),
        "connection.ended" => {
            format!("the connection of {subject} to the identity provider was ended through {principal}{why}")
        }
        "configuration.changed" => "the configuration changed".to_owned(),
        // A control plane of a later version.
        kind => format!("{kind}: {subject} {client_id} {resource}{why}"),
    }
}

fn why(event: &Event) -> String {
    match event.reason.as_str() {
        "" => String::new(),
        reason => format!(" (reason: {reason})"),
    }
}

fn how(how: &str) -> &'static str {
    match how {
        "page" => " on the consent page",
        "button" => " with the one button of a remembered consent",
        "silent" => " without a page, as the operator configured the client",
        "confirmed" => " on the consent page after the sign-in",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kinds of docs/events.md, which a test compares with the code of the control plane.
    #[test]
    fn every_documented_kind_of_event_has_words_of_its_own() {
        let text = include_str!("../../../../../docs/events.md");
        let table = text.split("## As JSON lines").next().unwrap();
        let kinds: Vec<_> = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
        assert!(kinds.len() > 20, "{kinds:?}");
        for kind in kinds {
            let event = Event { kind: kind.to_owned(), ..Event::default() };
            assert!(!words(&event).starts_with(kind), "{kind}");
        }
    }
}
