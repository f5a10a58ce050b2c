//! What every backend checks before it writes: holder, epoch, sequence number, version, size. Pure; all refusals and their
//! texts are made here, so that backends cannot differ in them.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    error::{Error, ErrorKind, Result},
    model::{Owner, Seq, Value},
    store::{
        owner::is_gone,
        record::{Epoch, Key, MAX_BODY, Record, StreamId, Version},
    },
};

/// Who took a stream over last, and until when nobody else may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) owner: Owner,
    pub(super) until: Timestamp,
}

/// Where a stream stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) epoch: Epoch,
    /// The sequence number of the record to come.
    pub(super) next: Seq,
}

/// The most levels of nesting that `serde_json` reads.
const MAX_DEPTH: usize = 127;

/// The last time that can be made of microseconds.
const END_OF_TIME: Timestamp = Timestamp::constant(253_402_207_200, 0);

/// The end of a lease that begins at `now`; the end of time when it is too long.
pub(super) fn lease_end(now: Timestamp, lease: Duration) -> Timestamp {
    let end = i64::try_from(lease.as_micros()).ok().and_then(|lease| now.as_microsecond().checked_add(lease));
    end.and_then(|end| Timestamp::from_microsecond(end).ok()).unwrap_or(END_OF_TIME)
}

/// `Locked` while a live process other than `claimant` holds the stream.
pub(super) fn check_holder(stream: &StreamId, holder: Option<&Holder>, claimant: Option<&Owner>, now: Timestamp) -> Result<()> {
    let Some(Holder { owner, until }) = holder else { return Ok(()) };
    if *until <= now || claimant == Some(owner) || is_gone(owner) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Locked,
        format!("`{stream}` is held by process {} on host {}, lease until {until:.0}", owner.process, owner.host),
    )
    .hint("wait until that process ends or its lease runs out, or stop it"))
}

/// `NotFound` for a stream nobody ever claimed.
pub(super) fn unclaimed(stream: &StreamId) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no stream `{stream}`")).hint("claim it first")
}

/// `Fenced` unless `epoch` is the stream's newest.
pub(super) fn check_epoch(stream: &StreamId, newest: Epoch, epoch: Epoch) -> Result<()> {
    if epoch == newest {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Fenced,
        format!("`{stream}` was taken over by another process (epoch {newest}; this one has {epoch})"),
    )
    .hint("this process may write nothing more to it; the other one goes on"))
}

/// All that must hold before `records` are appended.
pub(super) fn check_append(stream: &StreamId, head: Head, epoch: Epoch, expected: Seq) -> Result<()> {
    check_epoch(stream, head.epoch, epoch)?;
    if head.next == expected {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Conflict,
        format!("the next record of `{stream}` is number {}, not {expected}: something else has written to it", head.next),
    ))
}

/// What can be said of `records` without looking at the stream: numbered from `expected` on, each below the cap.
pub(super) fn check_records(stream: &StreamId, expected: Seq, records: &[Record]) -> Result<()> {
    for (seq, record) in (expected..).zip(records) {
        if record.seq != seq {
            let text = format!("record {seq} of `{stream}` carries the number {}", record.seq);
            return Err(Error::new(ErrorKind::Internal, text));
        }
        check_size(&format!("record {seq} of `{stream}`"), record.body.len())?;
    }
    Ok(())
}

/// The JSON text of a document.
pub(super) fn document_text(key: &Key, value: &Value) -> Result<String> {
    // A value made in code can be nested deeper than the parser takes.
    if !is_within(value, MAX_DEPTH) {
        return Err(Error::new(ErrorKind::Invalid, format!("document `{key}` is nested more than {MAX_DEPTH} levels deep")));
    }
    let text = value.to_string();
    check_size(&format!("document `{key}`"), text.len())?;
    Ok(text)
}

/// Whether `value` is nested at most `levels` deep; a plain value is nested 0 deep.
fn is_within(value: &Value, levels: usize) -> bool {
    let inside = |inner: &Value| levels > 0 && is_within(inner, levels - 1);
    match value {
        Value::Array(items) => levels > 0 && items.iter().all(inside),
        Value::Object(entries) => levels > 0 && entries.values().all(inside),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

fn check_size(what: &str, bytes: usize) -> Result<()> {
    if bytes <= MAX_BODY {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Invalid, format!("{what} is {bytes} bytes long; the most is {MAX_BODY}"))
        .hint("keep large data in files, and pass their paths"))
}

/// `Conflict` unless the version in the store is `expected` ([`Version::ABSENT`]: not there).
pub(super) fn check_version(key: &Key, stored: Version, expected: Version) -> Result<()> {
    if stored == expected {
        return Ok(());
    }
    let text = match (stored, expected) {
        (Version::ABSENT, _) => format!("document `{key}` is not there"),
        (_, Version::ABSENT) => format!("document `{key}` is there already"),
        (Version(stored), Version(expected)) => format!("document `{key}` has version {stored}, not {expected}"),
    };
    Err(Error::new(ErrorKind::Conflict, text))
}

/// `Conflict` unless the document is there and has the version `expected`.
pub(super) fn check_deletion(key: &Key, stored: Version, expected: Version) -> Result<()> {
    if stored == Version::ABSENT {
        return Err(Error::new(ErrorKind::Conflict, format!("document `{key}` is not there")));
    }
    check_version(key, stored, expected)
}
