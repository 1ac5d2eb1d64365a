//! Histories of concurrent operations, recorded while processes are killed, and the search for an order that explains them.
//!
//! ```text
//! Recorder ─one operation each→ History of a key ─check→ Ok, or the operations that no order explains
//!        └─all answers→ Availability: how many were answered, and the longest time without an answer
//! ```

mod availability;
pub mod client;
mod linearizability;

use std::collections::BTreeMap;
use std::fmt::{Debug, Formatter};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

pub use availability::Availability;
pub use linearizability::{Unexplained, check};

/// The sequential specification of one object: what its operations answer if each happens alone.
pub trait Model {
    type State: Clone + Eq + std::hash::Hash + Debug;
    type Operation: Debug + PartialEq;
    type Answer: Debug;

    fn initial(&self) -> Self::State;

    /// Every state in which `operation` with this answer may leave `state`; none if the answer is wrong in `state`. Without an
    /// answer, the states of all answers that the operation may have had.
    fn step(&self, state: &Self::State, operation: &Self::Operation, answer: Option<&Self::Answer>)
    -> Vec<Self::State>;
}

/// An operation with its answer. Times count from the start of the recorder.
#[derive(Clone, PartialEq, Eq)]
pub struct Event<O, A> {
    /// The number of the thread of control that invoked it.
    pub client: usize,
    pub operation: O,
    pub invoked: Duration,
    /// The answer, and when it came. `None` if none came: the operation happens at any time after its invocation, or never.
    pub answered: Option<(A, Duration)>,
}

impl<O: Debug, A: Debug> Debug for Event<O, A> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let Self { client, operation, invoked, answered } = self;
        let from = invoked.as_secs_f64();
        match answered {
            Some((answer, at)) => {
                write!(f, "{from:.3}–{:.3} client {client}: {operation:?} → {answer:?}", at.as_secs_f64())
            }
            None => write!(f, "{from:.3}–      client {client}: {operation:?} → no answer"),
        }
    }
}

/// The events of one key, by invocation.
pub type History<O, A> = Vec<Event<O, A>>;

/// Records the operations of all clients. A clone records into the same histories.
#[derive(Debug)]
pub struct Recorder<K, O, A> {
    start: Instant,
    histories: Arc<Mutex<BTreeMap<K, History<O, A>>>>,
    answers: watch::Sender<usize>,
}

impl<K, O, A> Clone for Recorder<K, O, A> {
    fn clone(&self) -> Self {
        Self { start: self.start, histories: Arc::clone(&self.histories), answers: self.answers.clone() }
    }
}

impl<K: Ord, O, A> Default for Recorder<K, O, A> {
    fn default() -> Self {
        Self { start: Instant::now(), histories: Arc::default(), answers: watch::Sender::new(0) }
    }
}

impl<K: Ord + Clone, O: Clone, A: Clone> Recorder<K, O, A> {
    /// Records `operation` while `run` runs. Its answer is `None` if the client cannot know the outcome. If the returned future
    /// is dropped before, the operation stays without an answer.
    pub async fn record(
        &self,
        client: usize,
        key: &K,
        operation: O,
        run: impl Future<Output = Option<A>>,
    ) -> Option<A> {
        let place = {
            let event = Event { client, operation, invoked: self.start.elapsed(), answered: None };
            let mut histories = self.histories();
            let history = histories.entry(key.clone()).or_default();
            history.push(event);
            history.len() - 1
        };
        let answer = run.await?;
        let at = self.start.elapsed();
        if let Some(history) = self.histories().get_mut(key) {
            history[place].answered = Some((answer.clone(), at));
        }
        self.answers.send_modify(|answers| *answers += 1);
        Some(answer)
    }

    /// The number of operations so far, with an answer or without.
    pub fn operations(&self) -> usize {
        self.histories().values().map(Vec::len).sum()
    }

    /// The number of answered operations so far.
    pub fn answers(&self) -> usize {
        *self.answers.borrow()
    }

    /// Waits until so many operations have an answer.
    pub async fn until_answers(&self, count: usize) {
        let reached = self.answers.subscribe().wait_for(|answers| *answers >= count).await.is_ok();
        debug_assert!(reached, "the sender lives as long as `self`");
    }

    /// The histories so far.
    pub fn finish(&self) -> BTreeMap<K, History<O, A>> {
        self.histories().clone()
    }

    fn histories(&self) -> MutexGuard<'_, BTreeMap<K, History<O, A>>> {
        self.histories.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_operation_is_recorded_with_its_answer_and_a_dropped_one_without() {
        let recorder = Recorder::<&str, &str, u32>::default();
        assert_eq!(recorder.record(1, &"a", "put", async { Some(7) }).await, Some(7));
        assert_eq!(recorder.record(1, &"a", "put", async { None }).await, None);
        tokio::select! {
            biased;
            _ = recorder.record(2, &"b", "get", std::future::pending()) => panic!("it has no answer"),
            () = std::future::ready(()) => {}
        }
        let histories = recorder.finish();
        let answers = |key| histories[key].iter().map(|event| event.answered.map(|(a, _)| a)).collect::<Vec<_>>();
        assert_eq!((answers("a"), answers("b")), (vec![Some(7), None], vec![None]));
        assert_eq!((recorder.operations(), recorder.answers()), (3, 1));
        assert!(histories["a"][0].answered.unwrap().1 >= histories["a"][0].invoked);
    }
}
