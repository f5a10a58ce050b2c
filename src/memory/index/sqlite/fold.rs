//! The codes of a large collection as they are kept: in blocks of chunks whose numbers follow each other, each written once.

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::memory::index::sqlite::{chunks::each_vector, codes::Code, failure::Failure};

/// How many chunks are in a block.
pub(super) const BLOCK: u32 = 256;

/// The row of a block.
pub(super) fn row_of(collection: i64, block: u32) -> i64 {
    collection << 32 | i64::from(block)
}

/// The codes of a block, as they were read: the scales of all its chunks, then their numbers. Those of chunks that were not there are 0.
pub(super) struct Folded<'b> {
    scales: &'b [[u8; 4]],
    numbers: &'b [i8],
    dimension: usize,
}

impl<'b> Folded<'b> {
    /// None for bytes that are no block.
    pub(super) fn read(bytes: &'b [u8], dimension: usize) -> Option<Self> {
        let (scales, numbers) = bytes.split_at_checked(4 * BLOCK as usize)?;
        let (scales, _) = scales.as_chunks::<4>();
        let whole = numbers.len() == BLOCK as usize * dimension;
        let finite = scales.iter().all(|scale| f32::from_le_bytes(*scale).is_finite());
        (whole && finite).then(|| Self { scales, numbers: bytemuck::cast_slice(numbers), dimension })
    }

    /// The scale and the numbers of the chunk that is `at` there, from 0.
    pub(super) fn code(&self, at: usize) -> (f32, &'b [i8]) {
        (f32::from_le_bytes(self.scales[at]), &self.numbers[at * self.dimension..][..self.dimension])
    }
}

/// Whether there is a block to make of a collection that has at least `from` chunks.
pub(super) fn is_due(connection: &Connection, collection: i64, from: u64) -> Result<bool, Failure> {
    Ok(due(connection, collection, from)?.is_some())
}

/// Makes the next block, if one is due.
pub(super) fn next(connection: &Connection, collection: i64, from: u64) -> Result<(), Failure> {
    let Some((dimension, folded)) = due(connection, collection, from)? else { return Ok(()) };
    let numbers = folded..folded + BLOCK;
    let mut scales = vec![0_u8; 4 * BLOCK as usize];
    let mut codes = vec![0_i8; BLOCK as usize * dimension];
    each_vector(connection, collection, dimension, &numbers, |number, vector| {
        let (at, code) = ((number - folded) as usize, Code::of(vector));
        scales[4 * at..][..4].copy_from_slice(&code.scale.to_le_bytes());
        codes[at * dimension..][..dimension].copy_from_slice(&code.numbers);
    })?;
    scales.extend_from_slice(bytemuck::cast_slice(&codes));
    connection
        .prepare_cached("INSERT OR REPLACE INTO memory_codes (id, codes) VALUES (?1, ?2)")?
        .execute(params![row_of(collection, folded / BLOCK), scales])?;
    connection
        .prepare_cached("UPDATE memory_collections SET folded = ?2 WHERE id = ?1")?
        .execute(params![collection, numbers.end])?;
    Ok(())
}

/// The dimension of the collection and the first number of the next block, if that is complete.
fn due(connection: &Connection, collection: i64, from: u64) -> Result<Option<(usize, u32)>, Failure> {
    // Chunks of documents that are not complete may still come.
    let mut select = connection.prepare_cached(
        "SELECT dimension, folded, min(next, ifnull((SELECT min(first) FROM memory_staged WHERE collection = ?1), next)) \
         FROM memory_collections WHERE id = ?1 AND dimension > 0 AND chunks >= ?2",
    )?;
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let from = i64::try_from(from).unwrap_or(i64::MAX);
    let found: Option<(u32, u32, u32)> = select.query_row([collection, from], read).optional()?;
    let complete = found.filter(|(_, folded, complete)| complete.saturating_sub(*folded) >= BLOCK);
    Ok(complete.map(|(dimension, folded, _)| (dimension as usize, folded)))
}
