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
