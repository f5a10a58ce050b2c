//! What was read of a mailbox, and by whom. Pure: the same calls give the same cursor.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::mailbox::numbers::Numbers;

/// How far the readers of a mailbox have come: one document, changed by compare-and-set. What is neither done nor taken waits.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cursor {
    /// Confirmed, or among the dead letters.
    pub(super) done: Numbers,
    /// How long the messages are that are done, in bytes.
    pub(super) bytes: u64,
    /// What readers have now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    taken: Vec<Taken>,
    /// What readers had and did not confirm.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    back: Vec<Back>,
    /// How many dead letters there are.
    #[serde(default)]
    pub(super) dead: u64,
}

/// What one reader took at one time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Taken {
    reader: String,
    until: Timestamp,
    messages: Vec<Held>,
}

/// A message that was given to a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u64, u64, u32)", into = "(u64, u64, u32)")]
pub(super) struct Held {
    pub(super) number: u64,
    pub(super) bytes: u64,
    /// How often it was given to a reader, this time included.
    pub(super) deliveries: u32,
}

/// A message that came back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Back {
    pub(super) message: Held,
    /// Who had it last.
    pub(super) reader: String,
}

impl Cursor {
    /// How many messages readers have now.
    pub(super) fn taken(&self) -> u64 {
        self.taken.iter().map(|taken| taken.messages.len() as u64).sum()
    }

    /// The numbers that are done or that a reader has: all others wait.
    pub(super) fn not_waiting(&self) -> Numbers {
        let mut numbers = self.done.clone();
        for message in self.taken.iter().flat_map(|taken| &taken.messages) {
            numbers.insert(message.number);
        }
        numbers
    }

    /// What came back, by number.
    pub(super) fn back(&self) -> &[Back] {
        &self.back
    }

    /// What is known of an earlier delivery of message `number`, which waits.
    pub(super) fn earlier(&self, number: u64) -> Option<&Back> {
        self.back.iter().find(|back| back.message.number == number)
    }

    /// The readers whose time was over before `now`.
    pub(super) fn late_readers(&self, now: Timestamp) -> Vec<&str> {
        let mut readers: Vec<_> =
            self.taken.iter().filter(|taken| taken.until <= now).map(|taken| taken.reader.as_str()).collect();
        readers.sort_unstable();
        readers.dedup();
        readers
    }

    /// What the readers have whose time was over before `now` waits again.
    pub(super) fn lapse(&mut self, now: Timestamp) {
        self.take_back(|taken| taken.until <= now);
    }

    /// Gives `messages` to `reader`, who has until then to confirm them.
    pub(super) fn take(&mut self, reader: &str, until: Timestamp, messages: Vec<Held>) {
        self.back.retain(|back| !messages.iter().any(|message| message.number == back.message.number));
        self.taken.push(Taken { reader: reader.to_owned(), until, messages });
    }

    /// The numbers of what `reader` has now.
    pub(super) fn taken_by(&self, reader: &str) -> Vec<u64> {
        let mine = self.taken.iter().filter(|taken| taken.reader == reader);
        mine.flat_map(|taken| taken.messages.iter().map(|message| message.number)).collect()
    }

    /// `reader` has kept message `number`: nobody else gets it. False when somebody else has it by now.
    pub(super) fn confirm(&mut self, reader: &str, number: u64) -> bool {
        if self.done.contains(number) {
            return true;
        }
        let Some(message) = self.release(reader, number) else { return false };
        self.done.insert(number);
        self.bytes += message.bytes;
        true
    }

    /// What `reader` has waits again: it did not keep it.
    pub(super) fn give_back(&mut self, reader: &str) {
        self.take_back(|taken| taken.reader == reader);
    }

    /// Of what `reader` has, the messages with these numbers wait again.
    pub(super) fn give_back_some(&mut self, reader: &str, numbers: &[u64]) {
        for number in self.taken_by(reader).into_iter().filter(|number| numbers.contains(number)) {
            let message = self.release(reader, number);
            self.back.extend(message.map(|message| Back { message, reader: reader.to_owned() }));
        }
        self.back.sort_by_key(|back| back.message.number);
    }

    /// Message `number`, which waits, goes to the dead letters.
    pub(super) fn bury(&mut self, number: u64, bytes: u64) {
        self.back.retain(|back| back.message.number != number);
        if self.done.insert(number) {
            self.bytes += bytes;
            self.dead += 1;
        }
    }

    /// Takes message `number` out of what `reader` has, or had and nobody else took since.
    fn release(&mut self, reader: &str, number: u64) -> Option<Held> {
        if let Some(at) = self.back.iter().position(|back| back.message.number == number && back.reader == reader) {
            return Some(self.back.remove(at).message);
        }
        let mine = self.taken.iter_mut().filter(|taken| taken.reader == reader);
        let message = mine.into_iter().find_map(|taken| {
            let at = taken.messages.iter().position(|message| message.number == number)?;
            Some(taken.messages.remove(at))
        });
        self.taken.retain(|taken| !taken.messages.is_empty());
        message
    }

    fn take_back(&mut self, is_over: impl Fn(&Taken) -> bool) {
        let (over, rest) = std::mem::take(&mut self.taken).into_iter().partition::<Vec<_>, _>(is_over);
        self.taken = rest;
        for Taken { reader, messages, .. } in over {
            self.back.extend(messages.into_iter().map(|message| Back { message, reader: reader.clone() }));
        }
        self.back.sort_by_key(|back| back.message.number);
    }
}

impl From<(u64, u64, u32)> for Held {
    fn from((number, bytes, deliveries): (u64, u64, u32)) -> Self {
        Self { number, bytes, deliveries }
    }
}

impl From<Held> for (u64, u64, u32) {
    fn from(Held { number, bytes, deliveries }: Held) -> Self {
        (number, bytes, deliveries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn held(number: u64, deliveries: u32) -> Held {
        Held { number, bytes: 10, deliveries }
    }

    fn waiting(cursor: &Cursor) -> Vec<u64> {
        cursor.not_waiting().gaps(0..4).flatten().collect()
    }

    #[test]
    fn what_is_taken_does_not_wait_and_what_lapsed_does_again() {
        let mut cursor = Cursor::default();
        cursor.take("a", at(10), vec![held(0, 1), held(2, 1)]);
        assert_eq!((waiting(&cursor), cursor.taken()), (vec![1, 3], 2));
        cursor.lapse(at(9));
        assert_eq!(waiting(&cursor), [1, 3]);
        assert_eq!(cursor.late_readers(at(10)), ["a"]);
        cursor.lapse(at(10));
        assert_eq!((waiting(&cursor), cursor.taken()), (vec![0, 1, 2, 3], 0));
        assert_eq!(cursor.earlier(2).map(|back| (back.message.deliveries, back.reader.as_str())), Some((1, "a")));
    }

    #[test]
    fn who_comes_late_may_confirm_until_somebody_else_has_it() {
        let mut cursor = Cursor::default();
        cursor.take("a", at(10), vec![held(0, 1), held(1, 1)]);
        cursor.lapse(at(10));
        assert!(cursor.confirm("a", 0));
        cursor.take("b", at(20), vec![held(1, 2)]);
        assert!(!cursor.confirm("a", 1));
        assert!(cursor.confirm("b", 1));
        assert_eq!((waiting(&cursor), cursor.bytes, cursor.back().len()), (vec![2, 3], 20, 0));
    }

    #[test]
    fn confirming_again_changes_nothing() {
        let mut cursor = Cursor::default();
        cursor.take("a", at(10), vec![held(0, 1)]);
        assert!(cursor.confirm("a", 0));
        let once = cursor.clone();
        assert!(cursor.confirm("a", 0));
        assert_eq!(cursor, once);
    }

    #[test]
    fn a_reader_gives_back_only_what_it_has() {
        let mut cursor = Cursor::default();
        cursor.take("a", at(10), vec![held(0, 1)]);
        cursor.take("b", at(10), vec![held(1, 1)]);
        cursor.give_back("a");
        assert_eq!((waiting(&cursor), cursor.taken_by("b")), (vec![0, 2, 3], vec![1]));
    }

    #[test]
    fn a_reader_may_give_back_a_part() {
        let mut cursor = Cursor::default();
        cursor.take("a", at(10), vec![held(0, 1), held(1, 1), held(2, 1)]);
        cursor.give_back_some("b", &[0]);
        cursor.give_back_some("a", &[1, 3]);
        assert_eq!((waiting(&cursor), cursor.taken_by("a")), (vec![1, 3], vec![0, 2]));
        assert!(cursor.confirm("a", 0) && cursor.confirm("a", 1));
    }

    #[test]
    fn a_dead_letter_is_done_and_counted_once() {
        let mut cursor = Cursor::default();
        cursor.bury(1, 10);
        cursor.bury(1, 10);
        assert_eq!((waiting(&cursor), cursor.dead, cursor.bytes), (vec![0, 2, 3], 1, 10));
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let mut cursor = Cursor::default();
        cursor.take("a", at(10), vec![held(0, 1), held(1, 3)]);
        cursor.take("b", at(5), vec![held(2, 1)]);
        cursor.lapse(at(5));
        let text = serde_json::to_string(&cursor).unwrap();
        assert!(text.contains("[1,10,3]"), "{text}");
        assert_eq!(serde_json::from_str::<Cursor>(&text).unwrap(), cursor);
    }
}
