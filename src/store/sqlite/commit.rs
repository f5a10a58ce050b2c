//! Several changes in one step.

use rusqlite::Connection;

use crate::{
    error::Result,
    model::Seq,
    store::{
        record::{Epoch, Key, Record, StreamId, Version},
        rules,
        sqlite::{documents, failure::Failure, streams},
        write::{Write, check_targets},
    },
};

/// A write as it goes into the file.
pub(super) enum Ready {
    Append { stream: StreamId, epoch: Epoch, expected: Seq, records: Vec<Record> },
    Put { key: Key, expected: Version, text: String },
    Delete { key: Key, expected: Version },
}

/// All that can be done without the file.
pub(super) fn prepare(writes: &[Write]) -> Result<Vec<Ready>> {
    check_targets(writes)?;
    let ready = writes.iter().map(|write| {
        Ok(match write {
            Write::Append { stream, epoch, expected, records } => {
                rules::check_records(stream, *expected, records)?;
                Ready::Append { stream: stream.clone(), epoch: *epoch, expected: *expected, records: records.clone() }
            }
            Write::Put { key, expected, value } => {
                Ready::Put { key: key.clone(), expected: *expected, text: rules::document_text(key, value)? }
            }
            Write::Delete { key, expected } => Ready::Delete { key: key.clone(), expected: *expected },
        })
    });
    ready.collect()
}

/// Makes all of `writes`, or refuses before any is made: the transaction holds the work of others, too.
pub(super) fn commit(connection: &Connection, writes: &[Ready]) -> Result<(), Failure> {
    for write in writes {
        match write {
            Ready::Append { stream, epoch, expected, records } => {
                streams::check_append(connection, stream, *epoch, *expected, records)?;
            }
            Ready::Put { key, expected, .. } => {
                documents::check_put(connection, key, *expected)?;
            }
            Ready::Delete { key, expected } => {
                documents::check_delete(connection, key, *expected)?;
            }
        }
    }
    for write in writes {
        match write {
            Ready::Append { stream, epoch, expected, records } => {
                streams::append(connection, stream, *epoch, *expected, records)?;
            }
            Ready::Put { key, expected, text } => {
                documents::put(connection, key, *expected, text)?;
            }
            Ready::Delete { key, expected } => documents::delete(connection, key, *expected)?,
        }
    }
    Ok(())
}
