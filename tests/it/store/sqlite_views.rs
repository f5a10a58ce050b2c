//! What a person with the `sqlite3` shell reads of a run.

use std::path::Path;

use agentflow::store::{self, Record, Synchronous};
use jiff::Timestamp;
use rusqlite::{Connection, types::Value};

use crate::store::Log;

const FINISHED: &str = "0193a000-0000-7000-8000-000000000001";
const RUNNING: &str = "0193a000-0000-7000-8000-000000000002";

/// A store with a run that failed and one under way.
async fn write_runs(path: &Path) {
    let store = store::open(&format!("sqlite:{}", path.display()), Synchronous::Full).await.unwrap();
    let created = |run: &str, workflow: &str| {
        format!(
            r#"{{"type":"run_created","run":"{run}","workflow":"{workflow}","plan_digest":"","sources":[],"inputs":{{}},"settings":null,"agentflow":"0.1.0","owner":{{"host":"h","process":1,"started":1}}}}"#
        )
    };
    let responded = |node: &str, ordinal: u32, cost: &str| {
        format!(
            r#"{{"type":"model_responded","node":"{node}","attempt":1,"ordinal":{ordinal},"model":"openai/small","fingerprint":"","response":{{"content":"hello","finish":"stop","usage":{{"input_tokens":100,"output_tokens":20}},"model":"small-2026"}},"cost":{cost},"duration_ms":250}}"#
        )
    };
    let sent = |id: &str, to: &str, deliveries: &str| {
        format!(
            r#"{{"type":"message_sent","node":"greet","attempt":1,"message":{{"id":"{id}","from":{{"node":"greet","agent":"host"}},"to":"{to}","type":"note","body":{{"n":1}},"at":"2026-11-22T12:00:00Z"}},"deliveries":{deliveries}}}"#
        )
    };
    let failed = [
        ("run_created", created(FINISHED, "decision")),
        ("attempt_started", r#"{"type":"attempt_started","node":"draft","attempt":1,"agent":"writer"}"#.to_owned()),
        ("attempt_failed", r#"{"type":"attempt_failed","node":"draft","attempt":1,"error":{"kind":"transient","message":"server answered 503"},"retry_at":"2026-11-22T12:00:05Z"}"#.to_owned()),
        ("attempt_started", r#"{"type":"attempt_started","node":"draft","attempt":2,"agent":"writer"}"#.to_owned()),
        ("model_responded", responded("draft", 0, r#"{"usd":0.25}"#)),
        ("node_succeeded", r#"{"type":"node_succeeded","node":"draft","attempt":2,"output":"hello"}"#.to_owned()),
        ("node_succeeded", r#"{"type":"node_succeeded","node":"plain","attempt":0,"output":1}"#.to_owned()),
        ("attempt_started", r#"{"type":"attempt_started","node":"judge[3]","attempt":1,"agent":"critic"}"#.to_owned()),
        ("model_responded", responded("judge[3]", 0, r#""unpriced""#)),
        ("run_finished", r#"{"type":"run_finished","status":"failed","outputs":{},"error":{"kind":"timeout","message":"took too long"},"spend":{"calls":2,"unpriced_calls":1,"simulated_calls":0,"input_tokens":200,"output_tokens":40,"usd":0.25}}"#.to_owned()),
    ];
    let running = [
        ("run_created", created(RUNNING, "hello")),
        ("attempt_started", r#"{"type":"attempt_started","node":"greet","attempt":1,"agent":"host"}"#.to_owned()),
        ("model_responded", responded("greet", 0, r#""simulated""#)),
        ("message_sent", sent("one", "all", r#"[{"mailbox":"a","number":1},{"mailbox":"b","number":1}]"#)),
        ("message_sent", sent("two", "a", r#"[{"mailbox":"a","number":2}]"#)),
        ("message_sent", sent("three", "project:c", "[]")),
        (
            "messages_taken",
            r#"{"type":"messages_taken","node":"take","attempt":1,"mailbox":"a","messages":[{"number":1,"id":"one"}]}"#
                .to_owned(),
        ),
        (
            "message_dead",
            r#"{"type":"message_dead","node":"greet","mailbox":"a","number":2,"id":"two","reason":"expired"}"#.to_owned(),
        ),
    ];
    for (run, events) in [(FINISHED, &failed[..]), (RUNNING, &running[..])] {
        let mut log = Log::claim(&store, &format!("run/{run}")).await;
        let mut records = Vec::new();
        for (kind, body) in events {
            let at =
                "2026-11-22T12:00:00.25Z".parse::<Timestamp>().unwrap() + jiff::SignedDuration::from_secs(log.next.cast_signed());
            let record = Record::seal(log.last, &log.stream, log.next, at, kind, 1, body.clone());
            log.next += 1;
            log.last = record.hash;
            records.push(record);
        }
        store.append(&log.stream, log.epoch, 0, &records).await.unwrap();
    }
    Log::claim(&store, "mailbox/writer").await.append(&store, 2).await;
}

/// The rows of a query, as the shell shows them.
fn rows(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(sql).unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| {
        let cells = (0..columns).map(|column| {
            Ok(match row.get(column)? {
                Value::Null => "-".to_owned(),
                Value::Integer(number) => number.to_string(),
                Value::Real(number) => number.to_string(),
                Value::Text(text) => text,
                Value::Blob(_) => "blob".to_owned(),
            })
        });
        Ok(cells.collect::<rusqlite::Result<Vec<_>>>()?.join("|"))
    });
    rows.unwrap().collect::<rusqlite::Result<_>>().unwrap()
}

#[tokio::test]
async fn the_views_tell_what_happened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agentflow.db");
    write_runs(&path).await;
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "trusted_schema", false).unwrap();
    assert_eq!(
        rows(
            &connection,
            "SELECT substr(run, -1), workflow, status, started, finished, calls, tokens, usd, error FROM runs ORDER BY run"
        ),
        [
            "1|decision|failed|2026-11-22T12:00:00.250Z|2026-11-22T12:00:09.250Z|2|240|0.25|took too long",
            "2|hello|running|2026-11-22T12:00:00.250Z|-|1|120|-|-",
        ]
    );
    assert_eq!(
        rows(
            &connection,
            "SELECT substr(run, -1), node, attempt, agent, status, error, substr(started, 18), substr(finished, 18) \
             FROM attempts ORDER BY run, started"
        ),
        [
            "1|draft|1|writer|failed|server answered 503|01.250Z|02.250Z",
            "1|draft|2|writer|succeeded|-|03.250Z|05.250Z",
            "1|judge[3]|1|critic|cancelled|-|07.250Z|-",
            "2|greet|1|host|running|-|01.250Z|-",
        ]
    );
    assert_eq!(
        rows(
            &connection,
            "SELECT substr(run, -1), node, attempt, ordinal, model, input_tokens, output_tokens, usd, pricing, duration_ms, \
             substr(finished, 18), answer FROM model_calls ORDER BY run, finished"
        ),
        [
            "1|draft|1|0|openai/small|100|20|0.25|priced|250|04.250Z|hello",
            "1|judge[3]|1|0|openai/small|100|20|-|unpriced|250|08.250Z|hello",
            "2|greet|1|0|openai/small|100|20|-|simulated|250|02.250Z|hello",
        ]
    );
    assert_eq!(
        rows(&connection, "SELECT substr(run, -1), seq, at, kind, node FROM events WHERE seq = 1"),
        ["1|1|2026-11-22T12:00:01.250Z|attempt_started|draft", "2|1|2026-11-22T12:00:01.250Z|attempt_started|greet"]
    );
    assert_eq!(rows(&connection, "SELECT * FROM tool_calls"), [""; 0]);
    assert_eq!(
        rows(
            &connection,
            "SELECT mailbox, number, type, sender, agent, body, status, taker, substr(sent, 18), substr(finished, 18) \
             FROM messages ORDER BY sent, mailbox"
        ),
        [
            r#"a|1|note|greet|host|{"n":1}|taken|take|03.250Z|06.250Z"#,
            r#"b|1|note|greet|host|{"n":1}|waiting|-|03.250Z|-"#,
            r#"a|2|note|greet|host|{"n":1}|expired|-|04.250Z|07.250Z"#,
            r#"project:c|-|note|greet|host|{"n":1}|sent on|-|05.250Z|-"#,
        ]
    );
}

#[tokio::test]
async fn records_are_found_by_their_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agentflow.db");
    write_runs(&path).await;
    let connection = Connection::open(&path).unwrap();
    // Each run's records are found by their place, not by going through all: no query scans the table for every run.
    let plan = rows(&connection, "EXPLAIN QUERY PLAN SELECT * FROM runs");
    assert!(!plan.iter().any(|step| step.contains("SCAN records")), "{plan:#?}");
}
