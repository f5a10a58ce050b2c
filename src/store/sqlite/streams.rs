//! The statements for streams and their records.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{CachedStatement, Connection, OptionalExtension as _, Row, params, types::Type};

use crate::{
    crash::crash_point,
    error::{Error, ErrorKind, Result},
    model::{Owner, Seq},
    store::{
        record::{Digest, Epoch, Record, SHARED, StreamId, damaged},
        rules::{self, Head, Holder},
        sqlite::failure::Failure,
    },
};

/// The highest number of a record in its stream; see the comment at the table `records`.
const MAX_SEQ: Seq = 0xffff_ffff;

/// A stream as the table has it.
struct Stream {
    number: i64,
    epoch: Epoch,
    /// Of a stream that nobody has claimed: nobody, until 1970.
    holder: Holder,
}

pub(super) fn claim(connection: &Connection, stream: &StreamId, owner: &Owner, lease: Duration) -> Result<Epoch, Failure> {
    let now = Timestamp::now();
    let until = rules::lease_end(now, lease).as_microsecond();
    let (epoch, mut statement) = if let Some(known) = find(connection, stream)? {
        rules::check_holder(stream, Some(&known.holder), Some(owner), now)?;
        let newest = if known.epoch == SHARED { highest_removed_epoch(connection)? } else { known.epoch };
        let sql = "UPDATE streams SET epoch = ?2, host = ?3, process = ?4, started = ?5, lease_until = ?6 WHERE id = ?1";
        (newest + 1, connection.prepare_cached(sql)?)
    } else {
        let sql = "INSERT INTO streams (id, epoch, host, process, started, lease_until) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        (highest_removed_epoch(connection)? + 1, connection.prepare_cached(sql)?)
    };
    let started = owner.started.cast_signed();
    statement.execute(params![stream.as_str(), epoch.cast_signed(), owner.host, owner.process, started, until])?;
    crash_point!("commit.claim-written");
    Ok(epoch)
}

pub(super) fn renew(connection: &Connection, stream: &StreamId, epoch: Epoch, lease: Duration) -> Result<(), Failure> {
    let known = find(connection, stream)?.ok_or_else(|| rules::unclaimed(stream))?;
    rules::check_epoch(stream, known.epoch, epoch)?;
    let until = rules::lease_end(Timestamp::now(), lease).as_microsecond();
    connection.prepare_cached("UPDATE streams SET lease_until = ?2 WHERE number = ?1")?.execute(params![known.number, until])?;
    crash_point!("commit.lease-written");
    Ok(())
}

/// Checks what `append` checks, and returns the stream's number; none for one that the append is to make.
pub(super) fn check_append(
    connection: &Connection,
    stream: &StreamId,
    epoch: Epoch,
    expected: Seq,
    records: &[Record],
) -> Result<Option<i64>, Failure> {
    let mut find = connection.prepare_cached(
        "SELECT number, epoch, (SELECT max(id) FROM records WHERE id BETWEEN number << 32 AND (number << 32) + 4294967295) \
         FROM streams WHERE id = ?1",
    )?;
    let found = find.query_row([stream.as_str()], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?, row.get::<_, Option<i64>>(2)?)));
    let (number, newest, last) = match found.optional()? {
        Some((number, newest, last)) => (Some(number), newest.cast_unsigned(), last),
        None if epoch == SHARED => (None, SHARED, None),
        None => return Err(rules::unclaimed(stream).into()),
    };
    let next = last.map_or(0, |last| (last.cast_unsigned() & MAX_SEQ) + 1);
    rules::check_append(stream, Head { epoch: newest, next }, epoch, expected)?;
    if next + records.len() as u64 > MAX_SEQ {
        return Err(Error::new(ErrorKind::Invalid, format!("`{stream}` cannot hold more than {MAX_SEQ} records")).into());
    }
    Ok(number)
}

pub(super) fn append(
    connection: &Connection,
    stream: &StreamId,
    epoch: Epoch,
    expected: Seq,
    records: &[Record],
) -> Result<(), Failure> {
    let number = match check_append(connection, stream, epoch, expected, records)? {
        Some(number) => number,
        None => make_shared(connection, stream)?,
    };
    let mut insert =
        connection.prepare_cached("INSERT INTO records (id, at, kind, version, body, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    for record in records {
        let at = record.at.as_microsecond();
        insert.execute(params![row_id(number, record.seq), at, record.kind, record.version, record.body, record.hash.0])?;
        crash_point!("commit.record-inserted");
    }
    Ok(())
}

pub(super) fn read(connection: &Connection, stream: &StreamId, from: Seq, limit: usize) -> Result<Vec<Record>, Failure> {
    let mut find = connection.prepare_cached("SELECT number FROM streams WHERE id = ?1")?;
    let number: Option<i64> = find.query_row([stream.as_str()], |row| row.get(0)).optional()?;
    let (Some(number), true) = (number, from <= MAX_SEQ) else { return Ok(Vec::new()) };
    let mut select = connection.prepare_cached(
        "SELECT id, at, kind, version, body, hash FROM records WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT ?3",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = select.query(params![row_id(number, from), row_id(number, MAX_SEQ), limit])?;
    let mut records = Vec::new();
    for seq in from.. {
        let Some(row) = rows.next()? else { break };
        records.push(decode(row).map_err(|error| damaged(stream, seq).source(error))?);
    }
    Ok(records)
}

pub(super) fn list(connection: &Connection, prefix: &str) -> Result<Vec<StreamId>, Failure> {
    let mut select = connection.prepare_cached("SELECT id FROM streams WHERE id >= ?1 ORDER BY id")?;
    let mut rows = select.query([prefix])?;
    let mut streams = Vec::new();
    while let Some(row) = rows.next()? {
        let id: String = row.get(0)?;
        if !id.starts_with(prefix) {
            break;
        }
        streams.push(StreamId::new(id));
    }
    Ok(streams)
}

pub(super) fn remove(connection: &Connection, stream: &StreamId) -> Result<(), Failure> {
    let Some(known) = find(connection, stream)? else { return Ok(()) };
    rules::check_holder(stream, Some(&known.holder), None, Timestamp::now())?;
    let mut floor = connection.prepare_cached("UPDATE removed SET highest = max(highest, ?1) WHERE what = 'epoch'")?;
    floor.execute([known.epoch.cast_signed()])?;
    let all = [row_id(known.number, 0), row_id(known.number, MAX_SEQ)];
    connection.prepare_cached("DELETE FROM records WHERE id BETWEEN ?1 AND ?2")?.execute(all)?;
    crash_point!("remove.records-gone");
    connection.prepare_cached("DELETE FROM streams WHERE number = ?1")?.execute([known.number])?;
    Ok(())
}

/// Makes a stream that nobody has claimed, and returns its number.
fn make_shared(connection: &Connection, stream: &StreamId) -> rusqlite::Result<i64> {
    let sql = "INSERT INTO streams (id, epoch, host, process, started, lease_until) VALUES (?1, ?2, '', 0, 0, 0)";
    connection.prepare_cached(sql)?.insert(params![stream.as_str(), SHARED.cast_signed()])
}

fn row_id(number: i64, seq: Seq) -> i64 {
    number << 32 | seq.cast_signed()
}

fn find(connection: &Connection, stream: &StreamId) -> rusqlite::Result<Option<Stream>> {
    let sql = "SELECT number, epoch, host, process, started, lease_until FROM streams WHERE id = ?1";
    let mut select: CachedStatement<'_> = connection.prepare_cached(sql)?;
    let found = select.query_row([stream.as_str()], |row| {
        let owner = Owner { host: row.get(2)?, process: row.get(3)?, started: row.get::<_, i64>(4)?.cast_unsigned() };
        let holder = Holder { owner, until: timestamp(row, 5)? };
        Ok(Stream { number: row.get(0)?, epoch: row.get::<_, i64>(1)?.cast_unsigned(), holder })
    });
    found.optional()
}

fn highest_removed_epoch(connection: &Connection) -> rusqlite::Result<Epoch> {
    let mut select = connection.prepare_cached("SELECT highest FROM removed WHERE what = 'epoch'")?;
    select.query_row([], |row| row.get::<_, i64>(0)).map(i64::cast_unsigned)
}

fn decode(row: &Row<'_>) -> rusqlite::Result<Record> {
    Ok(Record {
        seq: row.get::<_, i64>(0)?.cast_unsigned() & MAX_SEQ,
        at: timestamp(row, 1)?,
        kind: row.get(2)?,
        version: row.get(3)?,
        body: row.get(4)?,
        hash: Digest(row.get(5)?),
    })
}

fn timestamp(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    Timestamp::from_microsecond(row.get(column)?)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Integer, error.into()))
}
