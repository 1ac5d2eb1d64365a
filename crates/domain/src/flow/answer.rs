//! A person's answers to a ticket: what each does to the answer that the same browser gave before, and what the page
//! shows when it is opened again.
//!
//! | stored | same approval | other approval | outdated page | Deny | page opened again |
//! |---|---|---|---|---|---|
//! | nothing | record | record | ask again | record | form |
//! | `Approved` | to the upstream | record | ask again | record | form as approved, may be changed |
//! | `LoggingIn`, `SignedIn` | to the upstream | `LoginBegun` | `LoginBegun` | record | form as approved |
//! | `CodeIssued`, `Redeemed` | to the upstream | show what was allowed | the same | the same | the same |
//! | `Failed` | to the upstream | show the failure | the same | the same | the same |
//! | `Failed` as `NotMe` | start over | the same | the same | the same | the same |
//! | `Failed` as `NotAdmitted` | show the failure | the same | the same | the same | the same |
//! | `Denied` | `AlreadyDecided` | `AlreadyDecided` | `AlreadyDecided` | to the client | `AlreadyDecided` |
//!
//! A later answer replaces an earlier one until its login is claimed, and the login of the replaced answer leads to
//! nothing ([`Refusal::LoginReplaced`]). A denial is accepted until a code is issued, and is final. The call that stored
//! an answer gets the same outcome whenever it is repeated; a call whose answer was replaced is no new answer.
//!
//! To start over is to go on with another ticket for the same request ([`Failed::start_over`]): the person said after the
//! login that another person had signed in. The page of a login that was not admitted has a link that starts over. No answer
//! to the old ticket leads to a code.

use super::{Approved, Authorization, CodeIssued, Denied, Failed, LoggingIn, LoginFailure, Redeemed, SignedIn};
use crate::Refusal;
use crate::consent::Decided;
use crate::id::Attempt;

/// A person's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The person allows the request, as if this were the first answer.
    Approve(Box<Approved>),
    /// The answer was given on a page that no longer says what is true: an approval, or a first answer.
    Outdated(Attempt),
    /// The person denies the request. For a request that was approved before, the page may be outdated.
    Deny(Box<Decided>),
}

/// The outcome of an answer.
#[derive(Debug, PartialEq, Eq)]
pub enum AtAnswer<'a> {
    /// The answer counts: it is stored in place of the one that was read.
    Record(Box<Authorization>),
    /// Nothing is decided: the page is shown again.
    AskAgain,
    /// The request is approved: the browser goes to the upstream.
    ToUpstream(&'a Approved),
    /// The request was denied: the browser goes to the client, with the same response as before.
    ToClient(&'a Denied),
    /// The answer is too late, for the client has a code: the page shows what was allowed, and how to take it back.
    Allowed(&'a CodeIssued),
    /// The answer is too late: the login has failed, or starts over.
    Failed(&'a Failed),
}

/// The content of the page of a ticket.
#[derive(Debug, PartialEq, Eq)]
pub enum AtVisit<'a> {
    /// The form, not answered yet.
    Form,
    /// The form with the approval. Another answer replaces it.
    Approved(&'a Approved),
    /// The form with an approval whose login is claimed. It can only be denied.
    SigningIn(&'a Approved),
    /// The approved scopes, and the button that revokes them.
    Allowed(&'a CodeIssued),
    /// The failed login, or where it starts over.
    Failed(&'a Failed),
}

impl Answer {
    /// The outcome of this answer, if the browser has given the answer `stored` to the same ticket before.
    ///
    /// Refuses with [`Refusal::AlreadyDecided`], [`Refusal::LoginBegun`] or [`Refusal::LoginReplaced`].
    pub fn outcome(self, stored: Option<&Authorization>) -> Result<AtAnswer<'_>, Refusal> {
        let Some(stored) = stored else {
            return Ok(match self {
                Answer::Approve(approved) => AtAnswer::Record(Box::new(Authorization::Approved(*approved))),
                Answer::Outdated(_) => AtAnswer::AskAgain,
                Answer::Deny(decided) => {
                    AtAnswer::Record(Box::new(Authorization::Denied(Denied { decided: *decided })))
                }
            });
        };
        match self {
            Answer::Deny(decided) => Ok(deny(*decided, stored)),
            Answer::Approve(approved) => approve(approved.decided.attempt, Some(*approved), stored),
            Answer::Outdated(attempt) => approve(attempt, None, stored),
        }
    }
}

fn deny(decided: Decided, stored: &Authorization) -> AtAnswer<'_> {
    match stored {
        Authorization::Denied(denied) => AtAnswer::ToClient(denied),
        Authorization::Approved(Approved { decided: earlier, .. })
        | Authorization::LoggingIn(LoggingIn { approved: Approved { decided: earlier, .. }, .. })
        | Authorization::SignedIn(SignedIn { approved: Approved { decided: earlier, .. }, .. }) => {
            AtAnswer::Record(Box::new(Authorization::Denied(Denied { decided: decided.after(earlier) })))
        }
        Authorization::CodeIssued(issued) | Authorization::Redeemed(Redeemed { issued, .. }) => {
            AtAnswer::Allowed(issued)
        }
        Authorization::Failed(failed) => AtAnswer::Failed(failed),
    }
}

/// `approval` is absent if the page was outdated.
fn approve(attempt: Attempt, approval: Option<Approved>, stored: &Authorization) -> Result<AtAnswer<'_>, Refusal> {
    let earlier = match stored {
        Authorization::Denied(_) => return Err(Refusal::AlreadyDecided),
        Authorization::Approved(approved) => approved,
        Authorization::LoggingIn(LoggingIn { approved, .. })
        | Authorization::SignedIn(SignedIn { approved, .. })
        | Authorization::CodeIssued(CodeIssued { approved, .. })
        | Authorization::Redeemed(Redeemed { issued: CodeIssued { approved, .. }, .. })
        | Authorization::Failed(Failed { approved, .. }) => approved,
    };
    if earlier.decided.replaced.contains(&attempt) {
        return Err(Refusal::LoginReplaced);
    }
    if earlier.decided.attempt == attempt {
        return Ok(AtAnswer::ToUpstream(earlier));
    }
    let has_same_scopes = approval.as_ref().is_some_and(|next| next.decided.scopes == earlier.decided.scopes);
    match (stored, approval) {
        (Authorization::Approved(_), None) => Ok(AtAnswer::AskAgain),
        (Authorization::Approved(_), Some(next)) if next.says_the_same_as(earlier) => Ok(AtAnswer::ToUpstream(earlier)),
        (Authorization::Approved(_), Some(next)) => {
            let decided = next.decided.after(&earlier.decided);
            Ok(AtAnswer::Record(Box::new(Authorization::Approved(Approved { decided, ..next }))))
        }
        // The same approval would lead to the login that the person has just left, or that was not admitted.
        (
            Authorization::Failed(failed @ Failed { failure: LoginFailure::NotMe | LoginFailure::NotAdmitted, .. }),
            _,
        ) => Ok(AtAnswer::Failed(failed)),
        // Once the login is claimed, the page's other contents make no difference any more.
        (_, Some(_)) if has_same_scopes => Ok(AtAnswer::ToUpstream(earlier)),
        (Authorization::LoggingIn(_) | Authorization::SignedIn(_), _) => Err(Refusal::LoginBegun),
        (Authorization::CodeIssued(issued) | Authorization::Redeemed(Redeemed { issued, .. }), _) => {
            Ok(AtAnswer::Allowed(issued))
        }
        (Authorization::Failed(failed), _) => Ok(AtAnswer::Failed(failed)),
        (Authorization::Denied(_), _) => Err(Refusal::AlreadyDecided),
    }
}

impl Approved {
    /// True if both allow the same on the same screen, which named the same person, client metadata and policy.
    fn says_the_same_as(&self, other: &Approved) -> bool {
        let said = |approved: &Approved| {
            let Decided { scopes, metadata_digest, policy_version, .. } = approved.decided.clone();
            (scopes, metadata_digest, policy_version, approved.seen.clone())
        };
        said(self) == said(other)
    }
}

impl Authorization {
    /// The content of the page when it is opened with this answer on record, in the browser that gave it. Refuses a denied
    /// request with [`Refusal::AlreadyDecided`].
    pub fn at_visit(stored: Option<&Self>) -> Result<AtVisit<'_>, Refusal> {
        Ok(match stored {
            None => AtVisit::Form,
            Some(Authorization::Denied(_)) => return Err(Refusal::AlreadyDecided),
            Some(Authorization::Approved(approved)) => AtVisit::Approved(approved),
            Some(
                Authorization::LoggingIn(LoggingIn { approved, .. })
                | Authorization::SignedIn(SignedIn { approved, .. }),
            ) => AtVisit::SigningIn(approved),
            Some(Authorization::CodeIssued(issued) | Authorization::Redeemed(Redeemed { issued, .. })) => {
                AtVisit::Allowed(issued)
            }
            Some(Authorization::Failed(failed)) => AtVisit::Failed(failed),
        })
    }

    /// True if no approval of `attempt` can change this answer: it is decided without looking at the
    /// client again.
    pub fn is_settled_for(&self, attempt: Attempt) -> bool {
        match self {
            Authorization::Denied(_)
            | Authorization::CodeIssued(_)
            | Authorization::Redeemed(_)
            | Authorization::Failed(_) => true,
            Authorization::Approved(Approved { decided, .. })
            | Authorization::LoggingIn(LoggingIn { approved: Approved { decided, .. }, .. })
            | Authorization::SignedIn(SignedIn { approved: Approved { decided, .. }, .. }) => {
                decided.attempt == attempt || decided.replaced.contains(&attempt)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consent::{PresentedScreen, decided};
    use crate::flow::tests::{attempt, claimed, issued, redeemed, signed_in_as_asked};
    use crate::id::BrowserId;
    use crate::keys::KeyId;
    use crate::scope::Scopes;
    use crate::time::Timestamp;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::EPOCH;

    /// The attempt of the answer on record, of a replaced one, and of a new one.
    const STORED: u8 = 1;
    const REPLACED: u8 = 20;
    const NEW: u8 = 30;

    fn approved(scopes: &str, n: u8) -> Approved {
        let decided = Decided { scopes: Scopes::parse(scopes).unwrap(), attempt: attempt(n), ..decided() };
        Approved { decided, login_key: KeyId(1), seen: PresentedScreen::Full { presented_to: None } }
    }

    /// Approved once before, by another call.
    fn stored_approval() -> Approved {
        let approved = approved("read write", STORED);
        let decided = Decided { answer: 1, replaced: vec![attempt(REPLACED)], ..approved.decided };
        Approved { decided, ..approved }
    }

    fn with_approval(authorization: Authorization) -> Authorization {
        let approved = stored_approval();
        match authorization {
            Authorization::Denied(_) => Authorization::Denied(Denied { decided: approved.decided }),
            Authorization::Approved(_) => Authorization::Approved(approved),
            Authorization::LoggingIn(other) => Authorization::LoggingIn(LoggingIn { approved, ..other }),
            Authorization::SignedIn(other) => Authorization::SignedIn(SignedIn { approved, ..other }),
            Authorization::CodeIssued(other) => Authorization::CodeIssued(CodeIssued { approved, ..other }),
            Authorization::Redeemed(other) => {
                Authorization::Redeemed(Redeemed { issued: CodeIssued { approved, ..other.issued }, ..other })
            }
            Authorization::Failed(other) => Authorization::Failed(Failed { approved, ..other }),
        }
    }

    fn states() -> Vec<Option<Authorization>> {
        let failures = [
            LoginFailure::UpstreamUnavailable,
            LoginFailure::UpstreamInvalid,
            LoginFailure::UpstreamDenied,
            LoginFailure::NotMe,
            LoginFailure::NotAdmitted,
        ];
        let states = [
            Authorization::Denied(Denied { decided: decided() }),
            Authorization::Approved(stored_approval()),
            Authorization::LoggingIn(claimed()),
            Authorization::SignedIn(signed_in_as_asked()),
            Authorization::CodeIssued(issued()),
            Authorization::Redeemed(redeemed()),
        ]
        .into_iter()
        .chain(failures.map(|failure| Authorization::Failed(claimed().fail(failure, NOW))));
        std::iter::once(None).chain(states.map(with_approval).map(Some)).collect()
    }

    /// Every kind of answer, with its name.
    fn answers() -> Vec<(&'static str, Answer)> {
        let approve = |approved: Approved| Answer::Approve(Box::new(approved));
        let alice = issued().subject;
        let seen = [
            PresentedScreen::Full { presented_to: Some(alice.clone()) },
            PresentedScreen::OneClick { presented_to: alice.clone() },
            PresentedScreen::Skipped { presented_to: alice },
        ];
        let said_otherwise = seen.map(|seen| Approved { seen, ..approved("read write", NEW) });
        let of_policy = Decided { policy_version: Some("2".to_owned()), ..approved("read write", NEW).decided };
        let of_other_client = Decided { metadata_digest: [9; 32], ..approved("read write", NEW).decided };
        let said_otherwise = said_otherwise
            .into_iter()
            .chain([of_policy, of_other_client].map(|decided| Approved { decided, ..approved("read write", NEW) }));
        [
            ("same", approve(approved("read write", NEW))),
            ("fewer", approve(approved("read", NEW))),
            ("more", approve(approved("read write admin", NEW))),
            ("outdated", Answer::Outdated(attempt(NEW))),
            ("deny", Answer::Deny(Box::new(Decided { attempt: attempt(NEW), ..decided() }))),
            // The same calls again.
            ("stored again", approve(approved("read write", STORED))),
            ("stored again", Answer::Outdated(attempt(STORED))),
            ("replaced again", approve(approved("read", REPLACED))),
            ("replaced again", Answer::Outdated(attempt(REPLACED))),
        ]
        .into_iter()
        .chain(said_otherwise.map(|approved| ("said otherwise", approve(approved))))
        .collect()
    }

    /// The outcome's name in the table.
    fn outcome(answer: Answer, stored: Option<&Authorization>) -> &'static str {
        match answer.outcome(stored) {
            Ok(AtAnswer::Record(next)) => match *next {
                Authorization::Approved(_) => "record approval",
                Authorization::Denied(_) => "record denial",
                other => panic!("an answer leads to {other:?}"),
            },
            Ok(AtAnswer::AskAgain) => "ask again",
            Ok(AtAnswer::ToUpstream(_)) => "to the upstream",
            Ok(AtAnswer::ToClient(_)) => "to the client",
            Ok(AtAnswer::Allowed(_)) => "allowed",
            Ok(AtAnswer::Failed(_)) => "failed",
            Err(Refusal::AlreadyDecided) => "already decided",
            Err(Refusal::LoginBegun) => "login begun",
            Err(Refusal::LoginReplaced) => "login replaced",
            Err(other) => panic!("{other:?}"),
        }
    }

    /// The table of the module's documentation, walked: each row has the outcomes of "same", "fewer" and "more", "said
    /// otherwise", "outdated", "deny", and of both repeated calls.
    ///
    /// Requirements: B4, B8.
    #[test]
    fn every_answer_to_every_state_has_the_outcome_of_the_table() {
        for stored in states() {
            let (approval, denial, upstream) = ("record approval", "record denial", "to the upstream");
            let [same, other, said_otherwise, outdated, deny, stored_again, replaced_again] = match &stored {
                None => [approval, approval, approval, "ask again", denial, "-", "-"],
                Some(Authorization::Approved(_)) => {
                    [upstream, approval, approval, "ask again", denial, upstream, "login replaced"]
                }
                Some(Authorization::LoggingIn(_) | Authorization::SignedIn(_)) => {
                    [upstream, "login begun", upstream, "login begun", denial, upstream, "login replaced"]
                }
                Some(Authorization::CodeIssued(_) | Authorization::Redeemed(_)) => {
                    [upstream, "allowed", upstream, "allowed", "allowed", upstream, "login replaced"]
                }
                Some(Authorization::Failed(Failed {
                    failure: LoginFailure::NotMe | LoginFailure::NotAdmitted,
                    ..
                })) => ["failed", "failed", "failed", "failed", "failed", upstream, "login replaced"],
                Some(Authorization::Failed(_)) => {
                    [upstream, "failed", upstream, "failed", "failed", upstream, "login replaced"]
                }
                Some(Authorization::Denied(_)) => {
                    let no = "already decided";
                    [no, no, no, no, "to the client", no, no]
                }
            };
            for (name, answer) in answers() {
                let expected = match name {
                    "same" => same,
                    "fewer" | "more" => other,
                    "said otherwise" => said_otherwise,
                    "outdated" => outdated,
                    "deny" => deny,
                    "stored again" => stored_again,
                    "replaced again" => replaced_again,
                    unknown => panic!("{unknown}"),
                };
                // Without a record there is no call to repeat.
                if expected != "-" {
                    assert_eq!(outcome(answer, stored.as_ref()), expected, "{name} over {stored:?}");
                }
            }
        }
    }

    /// Requirements: B8.
    #[test]
    fn the_page_opened_again_shows_what_was_decided() {
        for stored in states() {
            let stored = stored.as_ref();
            let matches = match (stored, Authorization::at_visit(stored)) {
                (None, Ok(AtVisit::Form)) | (Some(Authorization::Denied(_)), Err(Refusal::AlreadyDecided)) => true,
                (Some(Authorization::Approved(_)), Ok(AtVisit::Approved(approved)))
                | (Some(Authorization::LoggingIn(_) | Authorization::SignedIn(_)), Ok(AtVisit::SigningIn(approved))) => {
                    *approved == stored_approval()
                }
                (
                    Some(Authorization::CodeIssued(_) | Authorization::Redeemed(_)),
                    Ok(AtVisit::Allowed(CodeIssued { approved, .. })),
                )
                | (Some(Authorization::Failed(_)), Ok(AtVisit::Failed(Failed { approved, .. }))) => {
                    *approved == stored_approval()
                }
                _ => false,
            };
            assert!(matches, "{stored:?}");
        }
    }

    #[test]
    fn a_settled_answer_needs_no_look_at_the_client() {
        for stored in states().into_iter().flatten() {
            let is_open =
                matches!(stored, Authorization::Approved(_) | Authorization::LoggingIn(_) | Authorization::SignedIn(_));
            assert_eq!(stored.is_settled_for(attempt(NEW)), !is_open, "{stored:?}");
            assert!([STORED, REPLACED].into_iter().all(|n| stored.is_settled_for(attempt(n))), "{stored:?}");
        }
    }

    /// One of the steps of a ticket in one browser.
    #[derive(Clone, Debug)]
    enum Act {
        Approve(bool, u8),
        Deny(u8),
        Claim,
        Issue,
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            4 => (any::<bool>(), 1u8..40).prop_map(|(all, n)| Act::Approve(all, n)),
            1 => (1u8..40).prop_map(Act::Deny),
            1 => Just(Act::Claim),
            1 => Just(Act::Issue),
        ]
    }

    proptest! {
        /// In every order: a denial is never left, a claimed login has the scopes of the last answer that counted,
        /// and no two answers share the number of a login.
        ///
        /// Requirements: B4, B8.
        #[test]
        fn the_last_answer_counts_and_a_denial_is_final(acts in prop::collection::vec(act(), 1..24)) {
            let mut stored: Option<Authorization> = None;
            let mut numbers = std::collections::HashSet::new();
            let mut last = None;
            for act in acts {
                let was_denied = matches!(stored, Some(Authorization::Denied(_)));
                let answer = match act {
                    Act::Approve(all, n) => {
                        Some(Answer::Approve(Box::new(approved(if all { "read write" } else { "read" }, n))))
                    }
                    Act::Deny(n) => Some(Answer::Deny(Box::new(Decided { attempt: attempt(n), ..decided() }))),
                    Act::Claim => {
                        if let Some(Authorization::Approved(approved)) = stored.clone() {
                            prop_assert_eq!(Some(&approved.decided.scopes), last.as_ref());
                            stored = Some(Authorization::LoggingIn(approved.claim(attempt(99), NOW)));
                        }
                        None
                    }
                    Act::Issue => {
                        if let Some(Authorization::LoggingIn(LoggingIn { approved, .. })) = stored.clone() {
                            stored = Some(Authorization::CodeIssued(CodeIssued { approved, ..issued() }));
                        }
                        None
                    }
                };
                let Some(answer) = answer else { continue };
                let recorded = match answer.outcome(stored.as_ref()) {
                    Ok(AtAnswer::Record(next)) => *next,
                    Ok(_) | Err(_) => continue,
                };
                prop_assert!(!was_denied, "a denial was left");
                prop_assert!(numbers.insert(recorded.decided().answer), "two answers with one login");
                prop_assert_eq!(recorded.decided().browser, BrowserId::from_bytes([1; 16]));
                last = Some(recorded.decided().scopes.clone());
                stored = Some(recorded);
            }
        }
    }
}
