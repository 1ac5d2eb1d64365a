//! The specification of one client that one person uses: registration, consent, codes, grants and their tokens.

use std::collections::BTreeMap;

use super::Model;

/// The number of an authorization request of the client.
pub type Flow = u8;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Dynamic registration. `Done`.
    Register,
    /// An authorization request. `Yes` with the consent page; `No` if the client is unknown.
    Open,
    /// The person approves. `Yes` with a redirect to the upstream; `No` after a denial.
    Approve(Flow),
    /// The person denies. `Yes` with the denial for the client; `No` if the client has a code already.
    Deny(Flow),
    /// The callback after the login. `Yes` with a code.
    FinishLogin(Flow),
    /// `Tokens` or `No`.
    Redeem(Flow),
    /// A refresh with the token of this generation. `Tokens` or `No`.
    Refresh(Flow, u32),
    /// The client returns its grant (RFC 7009). `Done`.
    RevokeGrant(Flow),
    /// An operator revokes the consent, or everything of the client or the subject. `Done`.
    Revoke(Target),
    /// `Yes` if an access token of the grant is good there.
    Use(Door, Flow),
    /// `ConsentService.Check`, fully consistent. `Yes` if the consent is live.
    Check,
}

/// The target of an operator's revocation. Each ends the consent and all its grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    Consent,
    Client,
    Subject,
}

/// A place that asks if an access token is active.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    Introspection,
    Verification,
    /// The exchange for the upstream's token (RFC 8693).
    Exchange,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Done,
    Yes,
    No,
    /// Tokens, with the generation of the refresh token.
    Tokens(u32),
}

/// The client, as far as its history is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct State {
    registered: bool,
    consented: bool,
    flows: BTreeMap<Flow, FlowState>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct FlowState {
    decision: Decision,
    code: Code,
    generation: u32,
    /// The code and the tokens are worth nothing.
    ended: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Decision {
    #[default]
    Open,
    Approved,
    Denied,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Code {
    #[default]
    None,
    Issued,
    Spent,
}

impl FlowState {
    fn is_live(self) -> bool {
        self.code == Code::Spent && !self.ended
    }

    fn end(self) -> Self {
        Self { ended: true, ..self }
    }

    /// The pairs of an answer and the flow after it, for an operation of this flow.
    fn step(self, operation: &Operation) -> Vec<(Answer, Self)> {
        use Answer::{Done, No, Tokens, Yes};
        match operation {
            Operation::Approve(_) => match self {
                Self { decision: Decision::Denied, .. } => vec![(No, self)],
                // The same answer again.
                Self { code: Code::Issued | Code::Spent, .. } => vec![(Yes, self)],
                Self { code: Code::None, .. } => vec![(Yes, Self { decision: Decision::Approved, ..self })],
            },
            Operation::Deny(_) => match self.code {
                Code::None => vec![(Yes, Self { decision: Decision::Denied, ..self })],
                Code::Issued | Code::Spent => vec![(No, self)],
            },
            Operation::FinishLogin(_) => match (self.decision, self.code) {
                (Decision::Approved, Code::None) => vec![(Yes, Self { code: Code::Issued, ..self })],
                _ => vec![(No, self)],
            },
            Operation::Redeem(_) => match self.code {
                Code::None => vec![(No, self)],
                Code::Issued if self.ended => vec![(No, self)],
                Code::Issued => vec![(Tokens(0), Self { code: Code::Spent, ..self })],
                // A replay ends the grant (RFC 6749 §4.1.2).
                Code::Spent => vec![(No, self.end())],
            },
            Operation::Refresh(_, generation) => self.refresh(*generation),
            Operation::RevokeGrant(_) => vec![(Done, self.end())],
            Operation::Use(..) if self.is_live() => vec![(Yes, self)],
            Operation::Use(..) => vec![(No, self)],
            Operation::Register | Operation::Open | Operation::Revoke(_) | Operation::Check => Vec::new(),
        }
    }

    fn refresh(self, generation: u32) -> Vec<(Answer, Self)> {
        use Answer::{No, Tokens};
        if !self.is_live() {
            return vec![(No, self)];
        }
        match self.generation.checked_sub(generation) {
            Some(0) => {
                let next = Self { generation: generation + 1, ..self };
                vec![(Tokens(generation + 1), next)]
            }
            // The successor is unused: it is given again for some time, and then the old token is a replay.
            Some(1) => vec![(Tokens(self.generation), self), (No, self.end())],
            Some(_) => vec![(No, self.end())],
            // The client has a token that the server did not give.
            None => Vec::new(),
        }
    }
}

impl Operation {
    fn flow(&self) -> Option<Flow> {
        match self {
            Self::Approve(flow)
            | Self::Deny(flow)
            | Self::FinishLogin(flow)
            | Self::Redeem(flow)
            | Self::Refresh(flow, _)
            | Self::RevokeGrant(flow)
            | Self::Use(_, flow) => Some(*flow),
            Self::Register | Self::Open | Self::Revoke(_) | Self::Check => None,
        }
    }
}

impl State {
    /// The pairs of an answer and the state after it.
    fn outcomes(&self, operation: &Operation) -> Vec<(Answer, Self)> {
        let yes_if = |condition| if condition { Answer::Yes } else { Answer::No };
        if let Some(flow) = operation.flow() {
            let before = self.flows.get(&flow).copied().unwrap_or_default();
            let with = |(answer, after): (Answer, FlowState)| {
                let mut state = self.clone();
                state.flows.insert(flow, after);
                // The login that gives the code stores the consent.
                state.consented |= (before.code, after.code) == (Code::None, Code::Issued);
                (answer, state)
            };
            return before.step(operation).into_iter().map(with).collect();
        }
        match operation {
            Operation::Register => vec![(Answer::Done, Self { registered: true, ..self.clone() })],
            Operation::Open => vec![(yes_if(self.registered), self.clone())],
            Operation::Check => vec![(yes_if(self.consented), self.clone())],
            Operation::Revoke(_) => vec![(Answer::Done, self.revoked())],
            _ => Vec::new(),
        }
    }

    /// Ends the consent and what was given under it. A login that is not finished approves anew.
    fn revoked(&self) -> Self {
        let end = |flow: FlowState| if flow.code == Code::None { flow } else { flow.end() };
        let flows = self.flows.iter().map(|(flow, state)| (*flow, end(*state))).collect();
        Self { consented: false, flows, ..self.clone() }
    }
}

/// The specification. Registration is the first operation of a client.
#[derive(Clone, Copy, Debug, Default)]
pub struct Client;

impl Model for Client {
    type State = State;
    type Operation = Operation;
    type Answer = Answer;

    fn initial(&self) -> State {
        State::default()
    }

    fn step(&self, state: &State, operation: &Operation, answer: Option<&Answer>) -> Vec<State> {
        let outcomes = state.outcomes(operation).into_iter();
        outcomes.filter(|(right, _)| answer.is_none_or(|answer| answer == right)).map(|(_, next)| next).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::history::{Event, check};
    use Answer::{Done, No, Tokens, Yes};

    /// The events one after the other.
    fn in_order(events: &[(Operation, Option<Answer>)]) -> Vec<Event<Operation, Answer>> {
        let at = |n: usize| Duration::from_secs(n as u64);
        let event = |(n, (operation, answer)): (usize, &(Operation, Option<Answer>))| Event {
            client: 0,
            operation: operation.clone(),
            invoked: at(2 * n),
            answered: answer.clone().map(|answer| (answer, at(2 * n + 1))),
        };
        events.iter().enumerate().map(event).collect()
    }

    /// The first flow up to its tokens, and then these events.
    fn after_tokens(events: &[(Operation, Option<Answer>)]) -> bool {
        let mut all = vec![
            (Operation::Register, Some(Done)),
            (Operation::Open, Some(Yes)),
            (Operation::Approve(1), Some(Yes)),
            (Operation::FinishLogin(1), Some(Yes)),
            (Operation::Redeem(1), Some(Tokens(0))),
        ];
        all.extend_from_slice(events);
        check(&Client, &in_order(&all)).is_ok()
    }

    const DOORS: [Door; 3] = [Door::Introspection, Door::Verification, Door::Exchange];

    #[test]
    fn an_acknowledged_registration_is_known() {
        let opened = |registered, opened| {
            let events = [(Operation::Register, registered), (Operation::Open, Some(opened))];
            check(&Client, &in_order(&events)).is_ok()
        };
        assert!(opened(Some(Done), Yes) && !opened(Some(Done), No));
        assert!(opened(None, Yes) && opened(None, No));
        assert!(after_tokens(&[(Operation::Check, Some(Yes))]));
        assert!(!after_tokens(&[(Operation::Check, Some(No))]), "a lost consent");
    }

    #[test]
    fn a_code_is_redeemed_once_and_its_replay_ends_the_grant() {
        let again = (Operation::Redeem(1), Some(No));
        assert!(after_tokens(std::slice::from_ref(&again)));
        assert!(!after_tokens(&[(Operation::Redeem(1), Some(Tokens(0)))]));
        let refresh = |answer| [again.clone(), (Operation::Refresh(1, 0), Some(answer))];
        assert!(after_tokens(&refresh(No)) && !after_tokens(&refresh(Tokens(1))));
    }

    #[test]
    fn each_generation_follows_once_from_the_one_before() {
        let refresh = |generation, answer| (Operation::Refresh(1, generation), Some(answer));
        assert!(after_tokens(&[refresh(0, Tokens(1)), refresh(1, Tokens(2)), refresh(2, Tokens(3))]));
        assert!(after_tokens(&[refresh(0, Tokens(1)), refresh(0, Tokens(1)), refresh(1, Tokens(2))]));
        assert!(!after_tokens(&[refresh(0, Tokens(1)), refresh(1, Tokens(2)), refresh(0, Tokens(1))]));
        assert!(!after_tokens(&[refresh(0, Tokens(1)), refresh(0, Tokens(2))]), "one token gave two generations");
        assert!(!after_tokens(&[refresh(0, Tokens(1)), refresh(1, No)]), "a lost rotation");
        let unanswered = (Operation::Refresh(1, 0), None);
        for generation in [0, 1] {
            assert!(after_tokens(&[unanswered.clone(), refresh(generation, Tokens(generation + 1))]));
        }
    }

    #[test]
    fn nothing_is_live_after_an_acknowledged_revocation() {
        for target in [Target::Consent, Target::Client, Target::Subject] {
            let revoke = (Operation::Revoke(target), Some(Done));
            let uses = DOORS.map(|door| Operation::Use(door, 1));
            for operation in uses.into_iter().chain([Operation::Check]) {
                assert!(after_tokens(&[(operation.clone(), Some(Yes))]));
                assert!(!after_tokens(&[(operation.clone(), Some(No))]));
                assert!(after_tokens(&[revoke.clone(), (operation.clone(), Some(No))]));
                assert!(!after_tokens(&[revoke.clone(), (operation.clone(), Some(Yes))]));
                let unacknowledged = (revoke.0.clone(), None);
                let both = [unacknowledged.clone(), (operation.clone(), Some(Yes)), (operation.clone(), Some(No))];
                assert!(after_tokens(&both));
                assert!(!after_tokens(&[unacknowledged, (operation.clone(), Some(No)), (operation, Some(Yes))]));
            }
            assert!(!after_tokens(&[revoke, (Operation::Refresh(1, 0), Some(Tokens(1)))]));
        }
        let returned = (Operation::RevokeGrant(1), Some(Done));
        assert!(after_tokens(&[returned.clone(), (Operation::Check, Some(Yes))]), "the consent stays");
        assert!(!after_tokens(&[returned, (Operation::Use(Door::Introspection, 1), Some(Yes))]));
    }

    #[test]
    fn after_a_revocation_another_login_consents_anew_and_the_old_grant_stays_ended() {
        let again = [
            (Operation::Revoke(Target::Consent), Some(Done)),
            (Operation::Approve(2), Some(Yes)),
            (Operation::FinishLogin(2), Some(Yes)),
            (Operation::Check, Some(Yes)),
        ];
        let of_the_old = |answer| [again.to_vec(), vec![(Operation::Use(Door::Exchange, 1), Some(answer))]].concat();
        assert!(after_tokens(&of_the_old(No)) && !after_tokens(&of_the_old(Yes)));
    }

    #[test]
    fn an_acknowledged_denial_gives_no_code() {
        let history = |answers: [Answer; 3]| {
            let operations = [Operation::Approve(2), Operation::Deny(2), Operation::FinishLogin(2)];
            after_tokens(&operations.into_iter().zip(answers.map(Some)).collect::<Vec<_>>())
        };
        assert!(history([Yes, Yes, No]));
        assert!(!history([Yes, Yes, Yes]));
        let changed = |answer| after_tokens(&[(Operation::Deny(2), Some(Yes)), (Operation::Approve(2), Some(answer))]);
        assert!(changed(No) && !changed(Yes), "a denial is final");
        assert!(!history([Yes, No, No]), "a denial is refused only after a code");
        let finished = [(Operation::Approve(2), Some(Yes)), (Operation::FinishLogin(2), Some(Yes))];
        let denied = |answer| [finished.to_vec(), vec![(Operation::Deny(2), Some(answer))]].concat();
        assert!(after_tokens(&denied(No)) && !after_tokens(&denied(Yes)));
        assert!(!after_tokens(&[(Operation::Approve(2), Some(Yes)), (Operation::FinishLogin(2), Some(No))]));
    }
}
