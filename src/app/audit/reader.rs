//! Reads the records of many runs, one page of one run at a time.

use std::{collections::VecDeque, sync::Arc};

use super::{filter::AuditFilter, record::AuditRecord, trail::Trail};
use crate::{
    app::runs,
    engine::EventPages,
    error::{Error, ErrorKind, Result},
    model::RunId,
    store::Store,
};

/// The records that fit a filter, oldest run first.
#[derive(Debug)]
pub struct AuditReader {
    store: Arc<dyn Store>,
    filter: AuditFilter,
    runs: VecDeque<RunId>,
    current: Option<RunReader>,
    /// How many records that fit are passed over.
    skip: usize,
    damage: Vec<Damage>,
}

/// A run whose records are given only up to the first bad one.
#[derive(Debug)]
pub struct Damage {
    /// The run.
    pub run: RunId,
    /// What is wrong.
    pub error: Error,
}

impl AuditReader {
    /// Looks at the runs that the filter names, or at all. With a limit, only the newest so many records are given; 0 gives all.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn open(store: &Arc<dyn Store>, filter: AuditFilter, limit: usize) -> Result<Self> {
        let mut wanted = if filter.runs.is_empty() { runs::all(store).await? } else { filter.runs.clone() };
        // Ids sort by the time of creation.
        wanted.sort_unstable();
        wanted.dedup();
        let (mut chosen, mut found) = (VecDeque::from(wanted), 0);
        if limit > 0 {
            let mut newest = VecDeque::new();
            while found < limit
                && let Some(run) = chosen.pop_back()
            {
                found += count(store, run, &filter).await?;
                newest.push_front(run);
            }
            chosen = newest;
        }
        let skip = if limit > 0 { found.saturating_sub(limit) } else { 0 };
        Ok(Self { store: Arc::clone(store), filter, runs: chosen, current: None, skip, damage: Vec::new() })
    }

    /// The next records; none at the end. What is damaged is noted, and the next run is looked at.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn next(&mut self) -> Result<Vec<AuditRecord>> {
        loop {
            let reader = match &mut self.current {
                Some(reader) => reader,
                None => match self.runs.pop_front() {
                    Some(run) => self.current.insert(RunReader::new(&self.store, run)),
                    None => return Ok(Vec::new()),
                },
            };
            match reader.next().await {
                Ok(Some(mut records)) => {
                    records.retain(|record| self.filter.fits(record));
                    let passed = self.skip.min(records.len());
                    self.skip -= passed;
                    records.drain(..passed);
                    if !records.is_empty() {
                        return Ok(records);
                    }
                }
                Ok(None) => self.current = None,
                Err(error) if error.kind() == ErrorKind::Corrupt => {
                    self.damage.push(Damage { run: reader.run, error });
                    self.current = None;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The runs that turned out to be damaged so far.
    #[must_use]
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }
}

/// How many records of a run fit, up to its first bad one.
async fn count(store: &Arc<dyn Store>, run: RunId, filter: &AuditFilter) -> Result<usize> {
    let (mut reader, mut found) = (RunReader::new(store, run), 0);
    loop {
        match reader.next().await {
            Ok(Some(records)) => found += records.iter().filter(|record| filter.fits(record)).count(),
            Ok(None) => return Ok(found),
            Err(error) if error.kind() == ErrorKind::Corrupt => return Ok(found),
            Err(error) => return Err(error),
        }
    }
}

/// The records of one run.
#[derive(Debug)]
pub(super) struct RunReader {
    run: RunId,
    pages: EventPages,
    trail: Trail,
}

impl RunReader {
    pub(super) fn new(store: &Arc<dyn Store>, run: RunId) -> Self {
        Self { run, pages: EventPages::new(store, run), trail: Trail::new(run) }
    }

    /// The records of the next page of events, which may be none; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<AuditRecord>>> {
        let page = self.pages.next().await?;
        if page.is_empty() {
            return Ok(None);
        }
        Ok(Some(page.iter().filter_map(|(event, hash)| self.trail.take(event, *hash)).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        app::audit::{
            AuditDecision,
            script::{called, created, intent, keep, node, started},
        },
        model::{EventBody, ToolPattern},
        store::InMemoryStore,
    };

    async fn store_with(calls: &[usize]) -> (Arc<dyn Store>, Vec<RunId>) {
        let store: Arc<dyn Store> = Arc::new(InMemoryStore::default());
        let mut runs = Vec::new();
        for calls in calls {
            let run = RunId::generate();
            let bodies = [vec![created(run), started()], vec![called(intent("web_fetch")); *calls]].concat();
            keep(&store, run, bodies).await;
            runs.push(run);
        }
        runs.sort_unstable();
        (store, runs)
    }

    async fn read(store: &Arc<dyn Store>, filter: AuditFilter, limit: usize) -> (Vec<AuditRecord>, Vec<RunId>) {
        let mut reader = AuditReader::open(store, filter, limit).await.unwrap();
        let mut all = Vec::new();
        loop {
            let page = reader.next().await.unwrap();
            if page.is_empty() {
                return (all, reader.damage().iter().map(|damage| damage.run).collect());
            }
            all.extend(page);
        }
    }

    #[tokio::test]
    async fn records_come_run_by_run_over_all_pages() {
        let (store, _) = store_with(&[600, 0, 3]).await;
        let (all, damage) = read(&store, AuditFilter::default(), 0).await;
        assert_eq!((all.len(), damage.len()), (603, 0));
        assert!(all.windows(2).all(|pair| pair[0].id < pair[1].id), "in order");
    }

    #[tokio::test]
    async fn a_limit_keeps_the_newest() {
        let (store, runs) = store_with(&[5, 600, 3]).await;
        for limit in [1, 3, 4, 500, 602, 603, 608, 10_000] {
            let (all, _) = read(&store, AuditFilter::default(), limit).await;
            let (every, _) = read(&store, AuditFilter::default(), 0).await;
            assert_eq!(all[..], every[608_usize.saturating_sub(limit)..], "{limit}");
        }
        let filter = AuditFilter { runs: vec![runs[0]], ..AuditFilter::default() };
        assert_eq!(read(&store, filter, 2).await.0.len(), 2);
    }

    #[tokio::test]
    async fn what_is_before_a_bad_record_is_given_and_the_next_run_too() {
        let (store, _) = store_with(&[2]).await;
        // A second creation in the middle of a run: the chain is whole, the record is not right.
        let bad = RunId::generate();
        keep(&store, bad, vec![created(bad), started(), called(intent("a")), created(bad), called(intent("a"))]).await;
        let later = RunId::generate();
        keep(&store, later, vec![created(later), EventBody::NodeCancelled { node: node() }]).await;
        let (all, damage) = read(&store, AuditFilter::default(), 0).await;
        assert_eq!(damage, [bad]);
        assert_eq!(all.iter().map(|record| record.id.seq).collect::<Vec<_>>(), [2, 3, 2]);
    }

    #[tokio::test]
    async fn every_part_of_a_filter_must_fit() {
        let (store, _) = store_with(&[2]).await;
        let count = async |filter: AuditFilter| read(&store, filter, 0).await.0.len();
        let tools = |pattern: &str| AuditFilter { tools: vec![ToolPattern::new(pattern).unwrap()], ..AuditFilter::default() };
        assert_eq!((count(tools("web_*")).await, count(tools("http_*")).await), (2, 0));
        let agent = |name: &str| AuditFilter { agent: Some(name.to_owned()), ..AuditFilter::default() };
        assert_eq!((count(agent("writer")).await, count(agent("critic")).await), (2, 0));
        let decision = |decision| AuditFilter { decisions: vec![decision], ..AuditFilter::default() };
        let (allowed, denied) = (AuditDecision::Allowed, AuditDecision::Denied);
        assert_eq!((count(decision(allowed)).await, count(decision(denied)).await), (2, 0));
        let since = |at: &str| AuditFilter { since: Some(at.parse().unwrap()), ..AuditFilter::default() };
        assert_eq!((count(since("2026-11-22T12:00:03Z")).await, count(since("2026-11-22T12:00:04Z")).await), (1, 0));
    }
}
