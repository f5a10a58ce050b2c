//! The entries of one kind, and how far each asker has come with their answers.

use std::collections::{BTreeSet, HashMap};

use super::entry::{Entry, Question, Tape, Turn};

/// Entries with what was given of them.
#[derive(Debug)]
pub(super) struct Deck<A, T> {
    entries: Vec<Entry<A, T>>,
    by_key: HashMap<String, Vec<usize>>,
    /// The answers that were given, by entry and asker.
    given: HashMap<(usize, String), BTreeSet<usize>>,
}

/// What is in the cassette for a question.
#[derive(Debug, PartialEq)]
pub(super) enum Found<'a, T> {
    /// This answer.
    Answer(&'a T),
    /// As many answers as this, and all were given.
    UsedUp(usize),
    /// Nothing.
    Nothing,
}

impl<A: Question, T: Turn> Deck<A, T> {
    pub(super) fn new(entries: Vec<Entry<A, T>>) -> Self {
        let mut deck = Self { entries: Vec::new(), by_key: HashMap::new(), given: HashMap::new() };
        for mut entry in Tape::joined(entries) {
            entry.answers.sort_by_key(Turn::at);
            deck.insert(entry);
        }
        deck
    }

    pub(super) fn entries(&self) -> &[Entry<A, T>] {
        &self.entries
    }

    /// The next answer for `node`: of those that it was given itself when they were recorded, or else of another node that asked the
    /// same. Each asker goes through the answers from the first one, so that it does not matter who asks first. Of several answers it
    /// is the next one that was recorded `at` this point or later.
    pub(super) fn take(&mut self, key: &str, asked: &A, node: &str, at: T::At) -> Found<'_, T> {
        let Some(entry) = self.find(key, asked, node) else { return Found::Nothing };
        let given = self.given.entry((entry, node.to_owned())).or_default();
        let answers = &self.entries[entry].answers;
        let left = || (0..answers.len()).filter(|turn| !given.contains(turn));
        let Some(turn) = left().find(|turn| answers[*turn].at() >= at).or_else(|| left().next()) else {
            return Found::UsedUp(answers.len());
        };
        given.insert(turn);
        Found::Answer(&answers[turn])
    }

    /// Adds an answer, which counts as given.
    pub(super) fn keep(&mut self, key: String, node: &str, asked: A, turn: T) {
        let own = self.by_key.get(&key).and_then(|all| all.iter().copied().find(|entry| self.entries[*entry].node == node));
        let entry = own.unwrap_or_else(|| {
            self.insert(Entry { key, node: node.to_owned(), asked, answers: Vec::new() });
            self.entries.len() - 1
        });
        let answers = &mut self.entries[entry].answers;
        answers.push(turn);
        self.given.entry((entry, node.to_owned())).or_default().insert(answers.len() - 1);
    }

    /// The entries of which nothing was given.
    pub(super) fn unused(&self) -> impl Iterator<Item = &Entry<A, T>> {
        self.entries.iter().enumerate().filter(|(entry, _)| !self.is_used(*entry)).map(|(_, entry)| entry)
    }

    /// The entries as they are written: in the order of nodes, then of what they asked, then of keys.
    pub(super) fn sorted(&self, only_used: bool) -> Vec<Entry<A, T>> {
        let used = self.entries.iter().enumerate().filter(|(entry, _)| !only_used || self.is_used(*entry));
        let mut entries: Vec<Entry<A, T>> = used.map(|(_, entry)| entry.clone()).collect();
        for entry in &mut entries {
            entry.answers.sort_by_key(Turn::at);
        }
        entries.sort_by(|one, other| {
            let node = natural(&one.node).cmp(&natural(&other.node)).then_with(|| one.node.cmp(&other.node));
            node.then_with(|| one.asked.rank().cmp(&other.asked.rank())).then_with(|| one.key.cmp(&other.key))
        });
        entries
    }

    fn is_used(&self, entry: usize) -> bool {
        self.given.iter().any(|((given, _), turns)| *given == entry && !turns.is_empty())
    }

    fn find(&self, key: &str, asked: &A, node: &str) -> Option<usize> {
        let same = self.by_key.get(key).map(Vec::as_slice).unwrap_or_default();
        let own = same.iter().copied().find(|entry| self.entries[*entry].node == node);
        own.or_else(|| same.first().copied()).or_else(|| self.met(asked, node))
    }

    /// An entry that is the same but for its secrets: these may be known no more, or be others.
    fn met(&self, asked: &A, node: &str) -> Option<usize> {
        let met: Vec<usize> = (0..self.entries.len()).filter(|entry| self.entries[*entry].asked.is_met_by(asked)).collect();
        met.iter().copied().find(|entry| self.entries[*entry].node == node).or_else(|| met.first().copied())
    }

    fn insert(&mut self, entry: Entry<A, T>) {
        self.by_key.entry(entry.key.clone()).or_default().push(self.entries.len());
        self.entries.push(entry);
    }
}

/// A path as people order paths: `review[2]` before `review[10]`.
fn natural(path: &str) -> Vec<(&str, u64)> {
    let is_digit = |c: char| c.is_ascii_digit();
    let mut parts = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        let (word, after) = rest.split_at(rest.find(is_digit).unwrap_or(rest.len()));
        let (number, after) = after.split_at(after.find(|c| !is_digit(c)).unwrap_or(after.len()));
        parts.push((word, number.parse().unwrap_or(u64::MAX)));
        rest = after;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::cassette::entry::{Called, Outcome};

    fn entry(key: &str, node: &str, answers: &[(u32, &str)]) -> Entry<Called, Outcome> {
        let answers = answers.iter().map(|(turn, output)| outcome(*turn, output)).collect();
        Entry { key: key.to_owned(), node: node.to_owned(), asked: asked(key), answers }
    }

    fn asked(key: &str) -> Called {
        Called { tool: "t".to_owned(), arguments: key.into() }
    }

    fn outcome(turn: u32, output: &str) -> Outcome {
        let step = format!("{turn}.0");
        Outcome { step, output: output.into(), notes: Vec::new(), untrusted: false, told: None, error: None }
    }

    fn take(deck: &mut Deck<Called, Outcome>, key: &str, node: &str, turn: u32) -> String {
        match deck.take(key, &asked(key), node, (turn + 1, 0)) {
            Found::Answer(outcome) => outcome.output.as_str().unwrap().to_owned(),
            Found::UsedUp(count) => format!("used up {count}"),
            Found::Nothing => "nothing".to_owned(),
        }
    }

    #[test]
    fn answers_are_given_in_turn_to_each_node_for_itself() {
        let mut deck = Deck::new(vec![entry("k", "a", &[(0, "1"), (1, "2")]), entry("k", "b", &[(0, "3")])]);
        assert_eq!(take(&mut deck, "k", "a", 0), "1");
        assert_eq!(take(&mut deck, "k", "b", 0), "3");
        assert_eq!(take(&mut deck, "k", "a", 1), "2");
        assert_eq!(take(&mut deck, "k", "a", 2), "used up 2");
        assert_eq!((take(&mut deck, "k", "new", 0), take(&mut deck, "k", "newer", 0)), ("1".to_owned(), "1".to_owned()));
        assert_eq!(take(&mut deck, "other", "a", 0), "nothing");
    }

    #[test]
    fn who_comes_back_after_a_crash_gets_what_was_recorded_there() {
        let mut deck = Deck::new(vec![entry("k", "a", &[(0, "1"), (3, "2"), (5, "3")])]);
        assert_eq!(take(&mut deck, "k", "a", 2), "2");
        assert_eq!(take(&mut deck, "k", "a", 6), "1", "what is left, when nothing comes later");
    }

    #[test]
    fn what_is_kept_is_not_given_again_and_counts_as_used() {
        let mut deck = Deck::new(vec![entry("k", "a", &[])]);
        deck.keep("k".to_owned(), "a", asked("k"), outcome(0, "1"));
        deck.keep("l".to_owned(), "a", asked("l"), outcome(1, "2"));
        assert_eq!(
            (take(&mut deck, "k", "a", 0), take(&mut deck, "l", "a", 0)),
            ("used up 1".to_owned(), "used up 1".to_owned())
        );
        assert_eq!((deck.unused().count(), deck.sorted(true).len()), (0, 2));
    }

    #[test]
    fn of_two_answers_at_the_same_time_the_first_counts() {
        let deck = Deck::new(vec![entry("k", "a", &[(0, "1")]), entry("k", "a", &[(0, "2"), (1, "3")])]);
        assert_eq!(deck.sorted(false), [entry("k", "a", &[(0, "1"), (1, "3")])]);
    }

    #[test]
    fn nodes_stand_in_the_order_in_which_people_count() {
        let deck =
            Deck::new(vec![entry("k", "r[10]", &[]), entry("k", "r[2]", &[]), entry("k", "r", &[]), entry("k", "a.b", &[])]);
        let nodes: Vec<_> = deck.sorted(false).into_iter().map(|entry| entry.node).collect();
        assert_eq!(nodes, ["a.b", "r", "r[2]", "r[10]"]);
    }
}
