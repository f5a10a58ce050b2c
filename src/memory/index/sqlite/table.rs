//! The codes of a collection in memory: read once, then kept up with what this process and others add and remove.

use std::{num::NonZero, ops::Range, sync::Arc, thread};

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::memory::index::sqlite::{
    best::Best,
    chunks::each_vector,
    codes::{Code, Codes},
    collections::Stored,
    failure::{Failure, damaged},
    filter::Chosen,
    fold,
    spans::Spans,
};

/// How many codes are kept together.
const ROWS: usize = 2_048;
/// How many rows of chunks that are gone are kept before all is read anew.
const MOST_DEAD: usize = 10_000;

/// The codes of the visible chunks of a collection, and of some that are gone. Never changes: what comes after a change is another one, which
/// shares most of it.
#[derive(Debug)]
pub(super) struct CodeTable {
    /// As of which change of the collection this is.
    pub(super) change: i64,
    /// The chunks that are visible.
    pub(super) live: Spans,
    dimension: usize,
    blocks: Vec<Arc<Block>>,
}

/// Codes with the numbers of their chunks, which grow.
#[derive(Debug, Clone)]
struct Block {
    numbers: Vec<u32>,
    codes: Codes,
}

impl CodeTable {
    /// Reads the codes of all visible chunks.
    pub(super) fn load(connection: &Connection, collection: &Stored) -> Result<Self, Failure> {
        let live = Chosen::by(&crate::memory::Filter::default())?.spans(connection, collection.id)?;
        let dimension = collection.shown.dimension;
        let mut table = Self { change: collection.change, live: Spans::default(), dimension, blocks: Vec::new() };
        let mut select = connection.prepare_cached("SELECT codes FROM memory_codes WHERE id = ?1")?;
        for block in 0..collection.folded / fold::BLOCK {
            let numbers = block * fold::BLOCK..(block + 1) * fold::BLOCK;
            if live.within(numbers.clone()).next().is_none() {
                continue;
            }
            let row = select.query_row([fold::row_of(collection.id, block)], |row| {
                Ok(match row.get_ref(0)?.as_blob() {
                    Ok(bytes) => table.add_folded(bytes, &live, &numbers),
                    Err(_) => Err(damaged("the codes of a collection in memory")),
                })
            });
            row.optional()?.unwrap_or_else(|| Err(damaged("the codes of a collection in memory")))?;
        }
        for stretch in live.within(collection.folded..u32::MAX) {
            table.add_vectors(connection, collection, &stretch)?;
        }
        table.live = live;
        Ok(table)
    }

    /// This, with what has changed since.
    pub(super) fn renew(&self, connection: &Connection, collection: &Stored) -> Result<Self, Failure> {
        if self.change < collection.forgotten {
            return Self::load(connection, collection);
        }
        let since = |table: &str| -> Result<Spans, Failure> {
            let mut select =
                connection.prepare_cached(&format!("SELECT first, chunks FROM {table} WHERE collection = ?1 AND change > ?2"))?;
            let rows = select.query_map(params![collection.id, self.change], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let stretches: Vec<(u32, u32)> = rows.collect::<rusqlite::Result<_>>()?;
            Ok(Spans::of(stretches.into_iter().map(|(first, chunks)| first..first.saturating_add(chunks)).collect()))
        };
        let (removed, added) = (since("memory_removed")?, since("memory_documents")?);
        let live = self.live.without(&removed).with(&added);
        let blocks = self.blocks.iter().filter(|block| live.within(block.window()).next().is_some()).cloned().collect();
        let mut table = Self { change: collection.change, live, dimension: self.dimension, blocks };
        for stretch in added.iter() {
            table.add_vectors(connection, collection, &stretch)?;
        }
        let rows: usize = table.blocks.iter().map(|block| block.numbers.len()).sum();
        if rows > 2 * table.live.len() + MOST_DEAD || table.blocks.len() > 2 * (rows / ROWS) + 8 {
            return Self::load(connection, collection);
        }
        Ok(table)
    }

    /// How many bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        self.blocks.len() * ROWS * (self.dimension + 8)
    }

    /// The chunks out of `allowed` that seem nearest to `query`.
    pub(super) fn scan(&self, allowed: &Spans, query: &Code, keep: usize) -> Vec<u32> {
        let threads = thread::available_parallelism().map_or(1, NonZero::get).min(self.blocks.len() / 8 + 1);
        let share = self.blocks.len().div_ceil(threads).max(1);
        let nearest = thread::scope(|scope| {
            let parts: Vec<_> = self.blocks.chunks(share).collect();
            let (mine, others) = parts.split_first().map_or((&[][..], &[][..]), |(first, others)| (*first, others));
            let running: Vec<_> = others.iter().map(|blocks| scope.spawn(|| scan_blocks(blocks, allowed, query, keep))).collect();
            let mut nearest = scan_blocks(mine, allowed, query, keep);
            for part in running {
                match part.join() {
                    Ok(found) => nearest.extend(found),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            nearest
        });
        let mut best = Best::of(keep);
        nearest.into_iter().for_each(|(number, score)| best.offer(number, score));
        best.into_ordered().into_iter().map(|(number, _)| number).collect()
    }

    /// Adds those of a block of the tables that are `live`.
    fn add_folded(&mut self, bytes: &[u8], live: &Spans, numbers: &Range<u32>) -> Result<(), Failure> {
        let folded = fold::Folded::read(bytes, self.dimension).ok_or_else(|| damaged("the codes of a collection in memory"))?;
        for number in live.within(numbers.clone()).flatten() {
            let (scale, code) = folded.code((number - numbers.start) as usize);
            self.add(number, scale, code);
        }
        Ok(())
    }

    fn add_vectors(&mut self, connection: &Connection, collection: &Stored, stretch: &Range<u32>) -> Result<(), Failure> {
        let before = self.rows();
        each_vector(connection, collection.id, self.dimension, stretch, |number, vector| {
            let code = Code::of(vector);
            self.add(number, code.scale, &code.numbers);
        })?;
        if self.rows() - before == stretch.len() { Ok(()) } else { Err(damaged("a vector in memory")) }
    }

    fn rows(&self) -> usize {
        self.blocks.iter().map(|block| block.numbers.len()).sum()
    }

    fn add(&mut self, number: u32, scale: f32, code: &[i8]) {
        let fits = |block: &Arc<Block>| block.numbers.len() < ROWS && block.numbers.last().is_none_or(|last| *last < number);
        if !self.blocks.last().is_some_and(fits) {
            let numbers = Vec::with_capacity(ROWS);
            self.blocks.push(Arc::new(Block { numbers, codes: Codes::with_room(self.dimension, ROWS) }));
        }
        if let Some(block) = self.blocks.last_mut() {
            // A copy, if an older table has it, too.
            let block = Arc::make_mut(block);
            block.numbers.push(number);
            block.codes.push(scale, code);
        }
    }
}

impl Block {
    /// From its lowest number to its highest.
    fn window(&self) -> Range<u32> {
        let (first, last) = (self.numbers.first().copied(), self.numbers.last().copied());
        first.unwrap_or(0)..last.map_or(0, |last| last + 1)
    }
}

fn scan_blocks(blocks: &[Arc<Block>], allowed: &Spans, query: &Code, keep: usize) -> Vec<(u32, f64)> {
    let mut best = Best::of(keep);
    let mut products = Vec::new();
    for block in blocks {
        for stretch in allowed.within(block.window()) {
            let from = block.numbers.partition_point(|number| *number < stretch.start);
            let to = from + block.numbers[from..].partition_point(|number| *number < stretch.end);
            block.codes.products(from..to, query, &mut products);
            for (number, product) in block.numbers[from..to].iter().zip(&products) {
                best.offer(*number, f64::from(*product));
            }
        }
    }
    best.into_ordered()
}
