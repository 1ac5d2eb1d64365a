//! The search for a linearization: an order of the operations of one key that agrees with real time, and in which every answer
//! is the one of the model (Wing and Gong 1993, with the memory of Lowe 2017).

use std::collections::HashSet;
use std::fmt::{Debug, Display, Formatter};
use std::time::Duration;

use super::{Event, Model};

/// A history without a linearization.
#[derive(Debug)]
pub struct Unexplained {
    /// The operations of the key, one a line.
    history: Vec<String>,
    /// Places in `history`: the longest order that the model explains.
    longest: Vec<usize>,
    /// The states of the model after that order.
    state: String,
}

impl Display for Unexplained {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "no order explains these operations:")?;
        for (place, event) in self.history.iter().enumerate() {
            let order = self.longest.iter().position(|placed| *placed == place);
            let order = order.map_or_else(|| "  !".to_owned(), |order| format!("{order:3}"));
            writeln!(f, "{order}  {event}")?;
        }
        write!(f, "The numbers are the longest order found; after it the model is in {}.", self.state)
    }
}

impl std::error::Error for Unexplained {}

/// Searches an order of `history` that the model explains. An operation without an answer stands anywhere after its
/// invocation, or nowhere.
pub fn check<M: Model>(model: &M, history: &[Event<M::Operation, M::Answer>]) -> Result<(), Unexplained> {
    let mut search = Search { model, history, seen: HashSet::new(), order: Vec::new(), longest: Vec::new(), end: None };
    if search.explains(&model.initial()) { Ok(()) } else { Err(search.unexplained()) }
}

struct Search<'a, M: Model> {
    model: &'a M,
    history: &'a [Event<M::Operation, M::Answer>],
    /// Sets of placed operations with a state after them: the order inside the set has no influence on the rest.
    seen: HashSet<(Vec<u64>, M::State)>,
    /// The placed operations.
    order: Vec<usize>,
    longest: Vec<usize>,
    /// The state after `longest`.
    end: Option<M::State>,
}

impl<M: Model> Search<'_, M> {
    /// True if the operations that are not placed can follow in `state`.
    fn explains(&mut self, state: &M::State) -> bool {
        if self.end.is_none() || self.order.len() > self.longest.len() {
            self.longest.clone_from(&self.order);
            self.end = Some(state.clone());
        }
        let Some(deadline) = self.first_answer() else { return true };
        if !self.seen.insert((self.placed(), state.clone())) {
            return false;
        }
        for place in 0..self.history.len() {
            let event = &self.history[place];
            // An operation that another one precedes in real time cannot be next.
            if event.invoked > deadline || self.order.contains(&place) || self.has_open_twin(place) {
                continue;
            }
            self.order.push(place);
            let answer = event.answered.as_ref().map(|(answer, _)| answer);
            for next in self.model.step(state, &event.operation, answer) {
                // An operation without an answer and without an effect did not have to happen.
                let is_idle = answer.is_none() && next == *state;
                if !is_idle && self.explains(&next) {
                    return true;
                }
            }
            self.order.pop();
        }
        false
    }

    /// True if an earlier operation that is not placed is the same, and neither has an answer: of such operations, the first
    /// happens first. Otherwise all their subsets would be searched.
    fn has_open_twin(&self, place: usize) -> bool {
        let event = &self.history[place];
        let is_twin = |other: &Event<M::Operation, M::Answer>| {
            other.answered.is_none() && other.invoked <= event.invoked && other.operation == event.operation
        };
        event.answered.is_none()
            && (0..place).any(|other| !self.order.contains(&other) && is_twin(&self.history[other]))
    }

    /// The earliest answer of an operation that is not placed; `None` if all answered ones are.
    fn first_answer(&self) -> Option<Duration> {
        let open = self.history.iter().enumerate().filter(|(place, _)| !self.order.contains(place));
        open.filter_map(|(_, event)| Some(event.answered.as_ref()?.1)).min()
    }

    /// The placed operations as bits.
    fn placed(&self) -> Vec<u64> {
        let mut bits = vec![0; self.history.len().div_ceil(64)];
        for place in &self.order {
            bits[place / 64] |= 1 << (place % 64);
        }
        bits
    }

    fn unexplained(self) -> Unexplained {
        Unexplained {
            history: self.history.iter().map(|event| format!("{event:?}")).collect(),
            longest: self.longest,
            state: format!("{:?}", self.end),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A register with compare and set.
    struct Register;

    #[derive(Clone, Debug, PartialEq)]
    enum Operation {
        Write(u8),
        Read,
        Replace(u8, u8),
    }
    use Operation::{Read, Replace, Write};

    #[derive(Clone, Debug, PartialEq)]
    enum Answer {
        Done,
        Value(u8),
        Refused,
    }
    use Answer::{Done, Refused, Value};

    impl Model for Register {
        type State = u8;
        type Operation = Operation;
        type Answer = Answer;

        fn initial(&self) -> u8 {
            0
        }

        fn step(&self, state: &u8, operation: &Operation, answer: Option<&Answer>) -> Vec<u8> {
            let (right, next) = match operation {
                Write(value) => (Done, *value),
                Read => (Value(*state), *state),
                Replace(old, new) if old == state => (Done, *new),
                Replace(..) => (Refused, *state),
            };
            if answer.is_none_or(|answer| *answer == right) { vec![next] } else { Vec::new() }
        }
    }

    fn event(operation: Operation, times: (u64, u64), answer: Answer) -> Event<Operation, Answer> {
        let answered = Some((answer, Duration::from_millis(times.1)));
        Event { client: 0, operation, invoked: Duration::from_millis(times.0), answered }
    }

    fn unanswered(operation: Operation, invoked: u64) -> Event<Operation, Answer> {
        Event { client: 0, operation, invoked: Duration::from_millis(invoked), answered: None }
    }

    fn holds(history: &[Event<Operation, Answer>]) -> bool {
        check(&Register, history).is_ok()
    }

    #[test]
    fn a_read_sees_the_write_before_it() {
        assert!(holds(&[]));
        assert!(holds(&[event(Write(1), (0, 1), Done), event(Read, (2, 3), Value(1))]));
        assert!(!holds(&[event(Write(1), (0, 1), Done), event(Read, (2, 3), Value(0))]));
        assert!(!holds(&[event(Read, (0, 1), Value(1)), event(Write(1), (2, 3), Done)]));
    }

    #[test]
    fn concurrent_operations_have_either_order() {
        let write = event(Write(1), (0, 10), Done);
        for value in [0, 1] {
            assert!(holds(&[write.clone(), event(Read, (2, 3), Value(value))]));
        }
        // Two reads inside the write: the second cannot see less than the first.
        let reads =
            |first, second| [write.clone(), event(Read, (1, 2), Value(first)), event(Read, (3, 4), Value(second))];
        assert!(holds(&reads(0, 1)));
        assert!(!holds(&reads(1, 0)));
        // A time that two operations share orders them neither way.
        assert!(holds(&[event(Read, (0, 5), Value(1)), event(Write(1), (5, 6), Done)]));
    }

    #[test]
    fn an_unanswered_operation_happens_later_or_never_but_not_earlier() {
        let lost = unanswered(Write(1), 10);
        assert!(holds(&[lost.clone(), event(Read, (20, 21), Value(0))]));
        assert!(holds(&[lost.clone(), event(Read, (20, 21), Value(0)), event(Read, (1_000, 1_001), Value(1))]));
        assert!(!holds(&[lost.clone(), event(Read, (20, 21), Value(1)), event(Read, (30, 31), Value(0))]));
        assert!(!holds(&[event(Read, (1, 2), Value(1)), lost]));
    }

    #[test]
    fn of_two_exchanges_of_one_value_one_is_refused() {
        let both = |second| [event(Replace(0, 1), (0, 9), Done), event(Replace(0, 2), (0, 9), second)];
        assert!(holds(&both(Refused)));
        assert!(!holds(&both(Done)));
        let error = check(&Register, &both(Done)).unwrap_err().to_string();
        assert!(error.contains("  !  0.000–0.009 client 0: Replace(0, 2) → Done"), "{error}");
    }

    /// Thirty writes without an answer: a search that tries all their subsets does not end.
    #[test]
    fn many_unanswered_operations_are_searched_once_each() {
        let mut history: Vec<_> = (0..30).map(|n| unanswered(Write(n % 3), 0)).collect();
        history.push(event(Read, (1, 2), Value(200)));
        assert!(!holds(&history[..]) && holds(&history[..30]));
    }

    /// Operations as one thread of control sees them, and instants inside their intervals at which they happened.
    fn run() -> impl Strategy<Value = Vec<(Operation, u64, u64, u64)>> {
        let operation = prop_oneof![
            (0..3_u8).prop_map(Write),
            Just(Read),
            (0..3_u8, 0..3_u8).prop_map(|(old, new)| Replace(old, new)),
        ];
        let times = (0..40_u64, 0..10_u64, 0..10_u64);
        let one = (operation, times).prop_map(|(operation, (at, before, after))| {
            (operation, 2 * at, (2 * at).saturating_sub(before), 2 * at + after)
        });
        prop::collection::vec(one, 0..9)
    }

    proptest! {
        /// What really happened in some order is explained, however the intervals overlap.
        #[test]
        fn what_happened_in_an_order_is_explained(mut run in run()) {
            run.sort_by_key(|(_, at, ..)| *at);
            let mut state = 0;
            let mut history = Vec::new();
            for (operation, _, invoked, returned) in run {
                let answers = [Done, Refused, Value(state)];
                let answer = answers.into_iter().find(|answer| !Register.step(&state, &operation, Some(answer)).is_empty());
                let answer = answer.unwrap();
                state = Register.step(&state, &operation, Some(&answer))[0];
                history.push(event(operation, (invoked, returned), answer));
            }
            history.sort_by_key(|event| event.invoked);
            prop_assert!(holds(&history));
        }

        /// The search agrees with trying all orders.
        #[test]
        fn the_search_agrees_with_all_orders(run in run(), answers in prop::collection::vec(0..6_u8, 9)) {
            let history: Vec<_> = run.into_iter().take(5).zip(answers).map(|((operation, _, invoked, returned), answer)| {
                let answer = match answer { 0 | 1 => Done, 2 => Refused, value => Value(value - 3) };
                event(operation, (invoked, returned), answer)
            }).collect();
            prop_assert_eq!(holds(&history), any_order(&history, 0));
        }
    }

    /// Tries every order, without memory.
    fn any_order(left: &[Event<Operation, Answer>], state: u8) -> bool {
        left.is_empty()
            || (0..left.len()).any(|first| {
                let mut rest = left.to_vec();
                let event = rest.remove(first);
                let late = rest.iter().any(|other| other.answered.as_ref().unwrap().1 < event.invoked);
                let answer = event.answered.as_ref().map(|(answer, _)| answer);
                !late && Register.step(&state, &event.operation, answer).iter().any(|next| any_order(&rest, *next))
            })
    }
}
