//! Logs of runs: whatever stands in one, it is read as far as it is good, and replayed or refused.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use agentflow::{
    ErrorKind,
    diagnostic::StoredFiles,
    engine::{RunState, inspect, read_run},
    model::{Event, EventBody, RunId, StoredSource},
    plan::{CompileOptions, ManifestChoice, Plan, compile},
    store::{Digest, InMemoryStore, Record, Store, StreamId, this_process},
};
use jiff::Timestamp;

/// The most records of one log.
const MOST: usize = 200;

/// The bodies of records, one a line.
pub(super) fn log(bytes: &[u8]) {
    let Some(text) = super::text(bytes) else { return };
    let lines: Vec<&str> = text.lines().take(MOST).collect();
    let first = lines.first().and_then(|line| serde_json::from_str::<EventBody>(line).ok());
    let run: RunId = match first {
        Some(EventBody::RunCreated { run, .. }) => run,
        _ => "0190c5d3-0000-7000-8000-000000000000".parse().unwrap(),
    };
    let store: Arc<dyn Store> = Arc::new(InMemoryStore::default());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (inspected, read) = runtime.block_on(async {
        record(&store, run, &lines).await;
        (inspect(&store, run).await, read_run(&store, run).await)
    });
    let Ok(inspection) = inspected else {
        assert!(lines.is_empty() && read.is_err());
        return;
    };
    // Both readers agree on what is good.
    match read {
        Ok(recorded) if inspection.problem.is_none() => assert_eq!(recorded.events, inspection.good),
        Ok(_) => {}
        Err(error) => assert!(inspection.problem.is_some() && error.kind() == ErrorKind::Corrupt, "{error}"),
    }
    for event in &inspection.good {
        let again: EventBody = serde_json::from_str(&serde_json::to_string(&event.body).unwrap()).unwrap();
        assert_eq!(again, event.body, "what was read is written as it was");
    }
    if let Some(plan) = plan_of(&inspection.good) {
        replay(&plan, &inspection.good);
    }
}

async fn record(store: &Arc<dyn Store>, run: RunId, lines: &[&str]) {
    let stream = StreamId::run(run);
    let epoch = store.claim(&stream, &this_process(), Duration::ZERO).await.unwrap();
    let mut last = Digest::ZERO;
    let records: Vec<_> = (0..)
        .zip(lines)
        .map(|(seq, line)| {
            let at = Timestamp::UNIX_EPOCH + Duration::from_secs(seq);
            let sealed = Record::seal(last, &stream, seq, at, "fuzz", EventBody::VERSION, (*line).to_owned());
            last = sealed.hash;
            sealed
        })
        .collect();
    store.append(&stream, epoch, 0, &records).await.unwrap();
}

/// The plan that the log's own files make, as a resume compiles it.
fn plan_of(events: &[Event]) -> Option<Arc<Plan>> {
    let EventBody::RunCreated { sources, .. } = &events.first()?.body else { return None };
    let path = |source: &StoredSource| Path::new(&source.path).to_owned();
    let manifest = sources.get(1).map_or(ManifestChoice::None, |source| ManifestChoice::At(path(source)));
    let files = StoredFiles::new(sources.clone());
    compile(&path(sources.first()?), manifest, &files, &CompileOptions::default()).plan.map(Arc::new)
}

/// Taken one by one, events give the state that they give together; the first that does not fit is refused both ways.
fn replay(plan: &Arc<Plan>, events: &[Event]) {
    let env = BTreeMap::new();
    let mut state = RunState::new(Arc::clone(plan), &env);
    let fitting = events.iter().take_while(|event| state.apply(event).is_ok()).count();
    let together = RunState::replay(Arc::clone(plan), &env, &events[..fitting]);
    let together = together.unwrap_or_else(|error| panic!("{fitting} events fit one by one: {error}"));
    assert_eq!(together.next_seq(), fitting as u64);
    if fitting == events.len() {
        assert_eq!((state.summary(), state.spend()), (together.summary(), together.spend()));
    } else {
        assert!(RunState::replay(Arc::clone(plan), &env, events).is_err());
    }
}
