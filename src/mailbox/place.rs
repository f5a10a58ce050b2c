//! Where the parts of a mailbox are in the store.

use std::ops::Range;

use crate::{
    model::MailboxName,
    store::{Key, StreamId},
};

/// How many messages stand in one stream. A mailbox is a row of streams, so that what was read can be removed.
pub(super) const SEGMENT: u64 = 1_024;
/// What the keys of the heads of all mailboxes begin with.
pub(super) const HEADS: &str = "mailbox/head/";

/// What was sent to a mailbox.
pub(super) fn head(name: &MailboxName) -> Key {
    Key::new(format!("{HEADS}{name}"))
}

/// What was read of it.
pub(super) fn cursor(name: &MailboxName) -> Key {
    Key::new(format!("mailbox/cursor/{name}"))
}

/// What the keys of its dead letters begin with.
pub(super) fn dead_letters(name: &MailboxName) -> String {
    format!("mailbox/dead/{name}/")
}

/// The dead letter that was message `number`.
pub(super) fn dead_letter(name: &MailboxName, number: u64) -> Key {
    Key::new(format!("{}{number:012}", dead_letters(name)))
}

/// What the keys of its lines begin with.
pub(super) fn lines(name: &MailboxName) -> String {
    format!("mailbox/line/{name}/")
}

/// How far one line of messages has come.
pub(super) fn line(name: &MailboxName, line: &str) -> Key {
    Key::new(format!("{}{line}", lines(name)))
}

/// What the ids of its streams begin with.
pub(super) fn segments(name: &MailboxName) -> String {
    format!("mailbox/{name}/")
}

/// The stream that message `number` stands in.
pub(super) fn segment(name: &MailboxName, number: u64) -> StreamId {
    StreamId::new(format!("{}{:010}", segments(name), number / SEGMENT))
}

/// The numbers of the messages in `segment`; none for a stream that is no segment.
pub(super) fn numbers_in(segment: &StreamId) -> Option<Range<u64>> {
    let index: u64 = segment.as_str().rsplit('/').next()?.parse().ok()?;
    Some(index * SEGMENT..(index + 1) * SEGMENT)
}

/// Divides `range` where segments end.
pub(super) fn by_segment(range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let mut from = range.start;
    std::iter::from_fn(move || {
        let to = range.end.min((from / SEGMENT + 1) * SEGMENT);
        let part = from..to;
        from = to;
        (!part.is_empty()).then_some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_divided_where_segments_end() {
        let parts = |range| by_segment(range).collect::<Vec<_>>();
        assert_eq!(parts(5..5), []);
        assert_eq!(parts(0..SEGMENT), vec![0..SEGMENT]);
        assert_eq!(parts(1_000..2_100), [1_000..1_024, 1_024..2_048, 2_048..2_100]);
    }

    #[test]
    fn a_segment_knows_its_numbers() {
        let name = MailboxName::new("reviews").unwrap();
        assert_eq!(segment(&name, 2_047).as_str(), "mailbox/reviews/0000000001");
        assert_eq!(numbers_in(&segment(&name, 2_047)), Some(1_024..2_048));
        assert_eq!(numbers_in(&StreamId::new("mailbox/reviews/x")), None);
    }
}
