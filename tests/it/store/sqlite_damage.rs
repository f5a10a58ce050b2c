//! No change of a record goes unseen: whichever column is touched, reading or the chain tells.

use std::path::Path;

use agentflow::{
    ErrorKind, Result,
    store::{self, Digest, Record, StreamId, Synchronous, verify_chain},
};
use rusqlite::Connection;

use crate::store::Log;

/// Reads and checks a whole stream, as a resume does.
async fn verified(path: &Path) -> Result<Vec<Record>> {
    let store = store::open(&format!("sqlite:{}", path.display()), Synchronous::Full).await?;
    let stream = StreamId::new("run/a");
    let records = store.read(&stream, 0, usize::MAX).await?;
    verify_chain(&stream, 0, Digest::ZERO, &records)?;
    Ok(records)
}

/// Makes a store with ten records, changes it by `sql`, and expects the damage to be told, for record `seq`.
async fn check(sql: &str, seq: u64) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agentflow.db");
    let store = store::open(&format!("sqlite:{}", path.display()), Synchronous::Full).await.unwrap();
    let mut log = Log::claim(&store, "run/a").await;
    log.append(&store, 10).await;
    drop(store);
    assert_eq!(verified(&path).await.unwrap().len(), 10);
    let changed = Connection::open(&path).unwrap().execute(sql, []).unwrap();
    assert_eq!(changed, 1, "{sql}");
    let error = verified(&path).await.expect_err(sql);
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{sql}: {error}");
    assert!(error.to_string().starts_with(&format!("record {seq} of `run/a` is damaged")), "{sql}: {error}");
    assert_eq!(error.hints().len(), 1);
}

#[tokio::test]
async fn a_changed_number_is_seen() {
    check("UPDATE records SET id = id + 100 WHERE seq = 4", 4).await;
    check("UPDATE records SET id = id + (1 << 33) WHERE seq = 4", 4).await;
}

#[tokio::test]
async fn a_changed_time_is_seen() {
    check("UPDATE records SET at = at + 1 WHERE seq = 4", 4).await;
    check("UPDATE records SET at = 9223372036854775807 WHERE seq = 4", 4).await;
}

#[tokio::test]
async fn a_changed_kind_is_seen() {
    check("UPDATE records SET kind = 'tesu' WHERE seq = 4", 4).await;
    check("UPDATE records SET kind = CAST(x'ff' AS TEXT) WHERE seq = 4", 4).await;
}

#[tokio::test]
async fn a_changed_version_is_seen() {
    check("UPDATE records SET version = version | 2 WHERE seq = 4", 4).await;
    check("UPDATE records SET version = 65537 WHERE seq = 4", 4).await;
    check("UPDATE records SET version = -1 WHERE seq = 4", 4).await;
}

#[tokio::test]
async fn a_changed_body_is_seen() {
    check("UPDATE records SET body = replace(body, '4', '5') WHERE seq = 4", 4).await;
    check("UPDATE records SET body = '' WHERE seq = 9", 9).await;
    check("UPDATE records SET body = CAST(x'7bff' AS TEXT) WHERE seq = 0", 0).await;
}

#[tokio::test]
async fn a_changed_hash_is_seen() {
    check("UPDATE records SET hash = zeroblob(32) WHERE seq = 4", 4).await;
    check("UPDATE records SET hash = zeroblob(31) WHERE seq = 4", 4).await;
    check("UPDATE records SET hash = (SELECT hash FROM records WHERE seq = 5) WHERE seq = 4", 4).await;
}

#[tokio::test]
async fn a_missing_record_is_seen() {
    check("DELETE FROM records WHERE seq = 4", 4).await;
    check("DELETE FROM records WHERE seq = 0", 0).await;
}

#[tokio::test]
async fn a_record_of_another_stream_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agentflow.db");
    let store = store::open(&format!("sqlite:{}", path.display()), Synchronous::Full).await.unwrap();
    for name in ["run/a", "run/b"] {
        Log::claim(&store, name).await.append(&store, 1).await;
    }
    drop(store);
    // By way of a third name, since two streams never have the same.
    let connection = Connection::open(&path).unwrap();
    for (from, to) in [("run/a", "run/c"), ("run/b", "run/a"), ("run/c", "run/b")] {
        assert_eq!(connection.execute("UPDATE streams SET id = ?2 WHERE id = ?1", [from, to]).unwrap(), 1);
    }
    drop(connection);
    assert_eq!(verified(&path).await.unwrap_err().to_string(), "record 0 of `run/a` is damaged");
}

#[tokio::test]
async fn every_flipped_bit_of_a_record_is_seen() {
    let stream = StreamId::new("run/a");
    let mut log = Log { stream: stream.clone(), epoch: 1, next: 0, last: Digest::ZERO };
    let records = log.records(3);
    let bad = |record: Record| {
        let changed = [records[0].clone(), record, records[2].clone()];
        let error = verify_chain(&stream, 0, Digest::ZERO, &changed).expect_err("a bit was flipped");
        assert_eq!(error.to_string(), "record 1 of `run/a` is damaged");
    };
    let right = &records[1];
    for bit in 0..64 {
        bad(Record { seq: right.seq ^ (1 << bit), ..right.clone() });
        if let Ok(at) = jiff::Timestamp::from_microsecond(right.at.as_microsecond() ^ (1 << bit)) {
            bad(Record { at, ..right.clone() });
        }
    }
    (0..16).for_each(|bit| bad(Record { version: right.version ^ (1 << bit), ..right.clone() }));
    for bit in 0..256 {
        let mut hash = right.hash;
        hash.0[bit / 8] ^= 1 << (bit % 8);
        bad(Record { hash, ..right.clone() });
    }
    let flipped = |text: &str, at: usize, bit: u32| {
        let mut bytes = text.as_bytes().to_vec();
        bytes[at] ^= 1 << bit;
        String::from_utf8(bytes).ok()
    };
    for bit in 0..8 {
        for at in 0..right.kind.len() {
            if let Some(kind) = flipped(&right.kind, at, bit) {
                bad(Record { kind, ..right.clone() });
            }
        }
        for at in 0..right.body.len() {
            if let Some(body) = flipped(&right.body, at, bit) {
                bad(Record { body, ..right.clone() });
            }
        }
    }
}
