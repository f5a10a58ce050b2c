//! The tables of codes that this process has read.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use crate::memory::index::sqlite::{collections::Stored, failure::Failure, table::CodeTable};

/// How many bytes all tables together take at most, unless the newest alone takes more.
const MAX_BYTES: usize = 450 << 20;

/// Keeps tables of codes, those used last for longest.
#[derive(Debug, Default)]
pub(super) struct Tables {
    /// By the id of their collection; the one used last at the end.
    kept: Mutex<Vec<(i64, Slot)>>,
}

/// Held while a table is read, so that nobody reads the same one.
type Slot = Arc<Mutex<Option<Arc<CodeTable>>>>;

impl Tables {
    /// The table of `collection` as `connection` sees it now; none when that is not the newest state any more.
    pub(super) fn current(&self, connection: &Connection, collection: &Stored) -> Result<Option<Arc<CodeTable>>, Failure> {
        let slot = self.slot(collection.id);
        let mut kept = lock(&slot);
        let table = match kept.as_ref() {
            Some(table) if table.change == collection.change => return Ok(Some(Arc::clone(table))),
            Some(table) if table.change > collection.change => return Ok(None),
            Some(table) => Arc::new(table.renew(connection, collection)?),
            None => Arc::new(CodeTable::load(connection, collection)?),
        };
        *kept = Some(Arc::clone(&table));
        drop(kept);
        self.forget_others(collection.id, table.bytes());
        Ok(Some(table))
    }

    /// Whether a table of this collection has been read, of whatever change.
    pub(super) fn has(&self, collection: i64) -> bool {
        lock(&self.kept).iter().any(|(id, slot)| *id == collection && slot.try_lock().is_ok_and(|table| table.is_some()))
    }

    fn slot(&self, collection: i64) -> Slot {
        let mut kept = lock(&self.kept);
        let found = kept.iter().position(|(id, _)| *id == collection).map(|at| kept.remove(at));
        let slot = found.map(|(_, slot)| slot).unwrap_or_default();
        kept.push((collection, Arc::clone(&slot)));
        slot
    }

    fn forget_others(&self, collection: i64, mut sum: usize) {
        let mut kept = lock(&self.kept);
        for at in (0..kept.len()).rev() {
            let (id, slot) = &kept[at];
            // One that is being read is used.
            let bytes = slot.try_lock().map_or(0, |table| table.as_ref().map_or(0, |table| table.bytes()));
            if *id != collection && bytes > 0 {
                sum += bytes;
                if sum > MAX_BYTES {
                    kept.remove(at);
                }
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
