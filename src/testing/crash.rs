//! Processes that die in a test once a result is recorded, and whether anything that was recorded is asked again after that.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::Notify;

use super::run::Asked;
use crate::{
    engine::Observer,
    model::{CallOrigin, Event, EventBody, NodePath, NodePattern, RunId},
};

/// Lets the process die once the results of some nodes are recorded.
#[derive(Debug)]
pub(super) struct Deaths {
    /// The nodes, and how many of their results are recorded before the one by which it dies.
    left: Mutex<Vec<(String, u32)>>,
    due: Notify,
    /// Whether the process is dead, and nothing it still does may count.
    is_dead: AtomicBool,
}

impl Deaths {
    pub(super) fn new<'a>(crashes: impl Iterator<Item = (&'a str, u32)>) -> Self {
        let left = Mutex::new(crashes.map(|(node, after)| (node.to_owned(), after)).collect());
        Self { left, due: Notify::new(), is_dead: AtomicBool::new(false) }
    }

    /// Whether the process is dead.
    pub(super) fn is_dead(&self) -> bool {
        self.is_dead.load(Ordering::Relaxed)
    }

    /// Another process begins.
    pub(super) fn begin(&self) {
        self.is_dead.store(false, Ordering::Relaxed);
    }

    /// Returns when the process dies.
    pub(super) async fn next(&self) {
        self.due.notified().await;
    }
}

impl Observer for Deaths {
    fn on_event(&self, _run: RunId, event: &Event) {
        let (EventBody::NodeSucceeded { node, .. } | EventBody::NodeFailed { node, .. }) = &event.body else { return };
        if self.is_dead() {
            return;
        }
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let is_at = |at: &str| at.split('.').count() == node.as_str().split('.').count() && NodePattern::new(at).covers(node);
        let Some(place) = left.iter().position(|(at, _)| is_at(at)) else { return };
        if let Some(fewer) = left[place].1.checked_sub(1) {
            left[place].1 = fewer;
        } else {
            left.remove(place);
            self.is_dead.store(true, Ordering::Relaxed);
            self.due.notify_one();
        }
    }
}

/// The calls of models that were made: the count by which it is judged whether something was asked again.
#[derive(Debug, Default)]
pub(super) struct Paid(Mutex<HashMap<(RunId, NodePath, u32, u32), usize>>);

/// What was recorded when a process died, and how often it had been asked for until then.
#[derive(Debug)]
pub(super) struct Durable {
    run: RunId,
    nodes: HashMap<NodePath, usize>,
    calls: HashMap<(RunId, NodePath, u32, u32), usize>,
}

impl Paid {
    /// Counts a call.
    pub(super) fn count(&self, origin: &CallOrigin) {
        let key = (origin.run, origin.node.clone(), origin.attempt, origin.ordinal);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default() += 1;
    }

    /// What `events` of `run` have the result of, and how often it was asked for.
    pub(super) fn durable(&self, run: RunId, events: &[Event], asked: &[Asked]) -> Durable {
        let paid = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut durable = Durable { run, nodes: HashMap::new(), calls: HashMap::new() };
        for event in events {
            match &event.body {
                EventBody::NodeSucceeded { node, .. } | EventBody::NodeFailed { node, .. } => {
                    durable.nodes.insert(node.clone(), times(run, node, asked));
                }
                EventBody::ModelResponded { node, attempt, ordinal, .. } => {
                    let key = (run, node.clone(), *attempt, *ordinal);
                    let count = paid.get(&key).copied().unwrap_or_default();
                    durable.calls.insert(key, count);
                }
                _ => {}
            }
        }
        durable
    }

    /// What was asked again since then, in words.
    pub(super) fn again(&self, then: &Durable, asked: &[Asked]) -> Vec<String> {
        let paid = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let nodes = then.nodes.iter().filter(|(node, before)| times(then.run, node, asked) > **before);
        let calls = then.calls.iter().filter(|(key, before)| paid.get(*key).copied().unwrap_or_default() > **before);
        let nodes = nodes.map(|(node, _)| format!("node `{node}`"));
        let calls = calls.map(|((_, node, attempt, ordinal), _)| format!("call {ordinal} of attempt {attempt} of node `{node}`"));
        let mut again: Vec<_> = nodes.chain(calls).collect();
        again.sort();
        again
    }
}

/// How often the instance `node` of `run` was asked.
fn times(run: RunId, node: &NodePath, asked: &[Asked]) -> usize {
    asked.iter().filter(|asked| asked.run == run && asked.node == *node).count()
}
