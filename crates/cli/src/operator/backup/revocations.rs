//! The effect of the events since a backup on its restore.

use std::collections::BTreeSet;

use lychgate_store::copy::EndedAgain;
use serde_json::Value;

/// The effect of the events on the restored store.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Revocations {
    pub(super) ended: BTreeSet<EndedAgain>,
    /// The commands that the operator has to repeat.
    pub(super) to_do: BTreeSet<String>,
}

impl Revocations {
    /// Whole persons and clients end, where an event ended less: a grant or a consent in the backup may be an older state of
    /// what the event ended. Also a redeemed code ends its person's, because the backup may have the code unspent. An event of
    /// an unknown kind ends everything.
    pub(super) fn of(events: &[Value]) -> Self {
        let mut revocations = Self::default();
        events.iter().for_each(|event| revocations.add(event));
        revocations
    }

    fn add(&mut self, event: &Value) {
        let text = |name: &str| event[name].as_str().map(str::to_owned);
        let of_subject = || text("subject").map_or(EndedAgain::Issuer, EndedAgain::Subject);
        let of_client = || text("client_id").map_or(EndedAgain::Issuer, EndedAgain::Client);
        let ended = match event["kind"].as_str().unwrap_or_default() {
            "consent.revoked"
            | "subject.revoked"
            | "grant.issued"
            | "grant.superseded"
            | "grant.returned"
            | "grant.revoked"
            | "code.replayed"
            | "refresh_token.replayed"
            | "connection.rejected"
            | "connection.ended"
            // At a refresh it ended a grant; the event does not tell that from a login.
            | "entry.refused" => of_subject(),
            "client.revoked" => of_client(),
            "client.disabled" => {
                self.to_do.insert(format!("clients disable {}", text("client_id").unwrap_or_default()));
                of_client()
            }
            "client.enabled" => {
                self.to_do.remove(&format!("clients disable {}", text("client_id").unwrap_or_default()));
                return;
            }
            "keys.rotated" => {
                if event["compromised"] == true {
                    self.to_do.insert("keys rotate --compromised".to_owned());
                }
                return;
            }
            "consent.approved"
            | "consent.denied"
            | "login.questioned"
            | "login.refused"
            | "upstream_token.given"
            | "configuration.changed" => return,
            _ => EndedAgain::Issuer,
        };
        self.ended.insert(ended);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(events: &[Value]) -> (Vec<EndedAgain>, Vec<String>) {
        let Revocations { ended, to_do } = Revocations::of(events);
        (ended.into_iter().collect(), to_do.into_iter().collect())
    }

    /// The kinds of the catalogue in docs/events.md.
    fn kinds() -> Vec<String> {
        let catalogue = include_str!("../../../../../docs/events.md");
        let rows = catalogue.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
        rows.map(|(kind, _)| kind.to_owned()).filter(|kind| kind.contains('.')).collect()
    }

    #[test]
    fn every_kind_of_event_has_its_effect() {
        let harmless = ["consent.approved", "consent.denied", "login.questioned", "login.refused"];
        let harmless = [harmless.as_slice(), &["client.enabled", "keys.rotated", "upstream_token.given"]].concat();
        assert!(kinds().len() > 20, "{:?}", kinds());
        for kind in kinds() {
            let event = json!({ "kind": kind, "subject": "idp|ada", "client_id": "app" });
            let expected = match kind.as_str() {
                kind if harmless.contains(&kind) || kind == "configuration.changed" => vec![],
                "issuer.revoked" => vec![EndedAgain::Issuer],
                "client.revoked" | "client.disabled" => vec![EndedAgain::Client("app".to_owned())],
                _ => vec![EndedAgain::Subject("idp|ada".to_owned())],
            };
            assert_eq!(of(&[event]).0, expected, "{kind}");
        }
    }

    #[test]
    fn what_is_unknown_ends_everything() {
        for event in [json!({ "kind": "a.later.kind" }), json!({}), json!({ "kind": "grant.revoked" }), json!([])] {
            assert_eq!(of(&[event]).0, [EndedAgain::Issuer]);
        }
    }

    #[test]
    fn the_operator_is_told_what_to_do_again() {
        let disabled = |id: &str| json!({ "kind": "client.disabled", "client_id": id });
        let enabled = json!({ "kind": "client.enabled", "client_id": "two" });
        let rotated = json!({ "kind": "keys.rotated", "compromised": true });
        let to_do = of(&[disabled("one"), disabled("two"), enabled, rotated, json!({ "kind": "keys.rotated" })]).1;
        assert_eq!(to_do, ["clients disable one", "keys rotate --compromised"]);
    }
}
