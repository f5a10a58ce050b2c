//! A search: which chunks, in which order.

use std::{collections::HashMap, sync::Arc};

use rusqlite::{Connection, params};

use crate::{
    error::{Error, ErrorKind},
    memory::{
        Search,
        index::sqlite::{
            best::Best,
            chunks::{self, Vectors, number_of, rows_of},
            codes::Code,
            collections::Stored,
            documents,
            failure::{Failure, damaged},
            filter::Chosen,
            spans::Spans,
            table::CodeTable,
            tables::Tables,
            vector, words,
        },
    },
    model::Passage,
};

/// The most chunks that a search finds.
const MAX_K: usize = 1_000;
/// How many chunks, at least, are compared exactly after the codes have told which are near.
const CANDIDATES: usize = 64;
/// How many chunks are all compared exactly, even where codes are at hand.
const FEW: usize = 1_000;
/// How many chunks of either order, at least, are fused.
const DEPTH: usize = 100;
/// What a rank is added to before its reciprocal is taken: the smaller it is, the more the first places of one order outweigh what stands
/// in the middle of both. The usual 60 is for orders of many systems over long texts; with two orders of short chunks, 10 finds more
/// (`scripts/retrieval`).
///
/// # Source
/// Cormack, Clarke, Büttcher: "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods" (2009).
const FUSION: f64 = 10.0;

/// Searches one state of a collection.
pub(super) struct Searching<'s> {
    pub(super) connection: &'s Connection,
    pub(super) collection: &'s Stored,
    pub(super) tables: &'s Tables,
    /// Up to how many chunks are all compared exactly.
    pub(super) exact_up_to: u64,
}

/// Which chunks are looked at.
enum Where {
    /// All that are visible, by words only: each is asked for when it is found.
    Visible,
    /// These.
    Few(Spans),
    /// These, or all that are in the table.
    Many(Arc<CodeTable>, Option<Spans>),
}

/// A chunk that was found: its number, its score, its similarity.
type Hit = (u32, f64, Option<f64>);

impl Searching<'_> {
    /// The best passages, the best first; none when the state is not the newest any more, and has to be left for that one.
    pub(super) fn find(&self, search: &Search<'_>) -> Result<Option<Vec<Passage>>, Failure> {
        let dimension = self.collection.shown.dimension;
        if let Some(query) = search.vector {
            if dimension == 0 {
                let text =
                    format!("collection `{}` has no vectors: it can be searched by words only", self.collection.shown.name);
                return Err(Error::new(ErrorKind::Invalid, text).into());
            }
            vector::check(query, dimension)?;
        }
        if let Some(least) = search.min_score {
            if search.vector.is_none() {
                let text = "the least score is that of vectors, and the search has none";
                return Err(Error::new(ErrorKind::Invalid, text).hint("leave `min_score` out").into());
            }
            if least.is_nan() {
                return Err(Error::new(ErrorKind::Invalid, "the least score is no number").into());
            }
        }
        let k = search.k.min(MAX_K);
        let chosen = Chosen::by(&search.filter)?;
        if k == 0 || self.collection.shown.chunks == 0 {
            return Ok(Some(Vec::new()));
        }
        let Some(scope) = self.look_where(&chosen, search.vector.is_some())? else { return Ok(None) };
        let depth = if search.vector.is_some() && search.words.is_some() { DEPTH.max(2 * k) } else { k };
        let near = search.vector.map(|query| self.by_meaning(&scope, query, search.min_score, depth)).transpose()?;
        let said = search.words.map(|words| self.by_words(&scope, words, search, depth)).transpose()?;
        let mut hits = match (near, said) {
            (Some(near), Some(said)) => fuse(&near, &said),
            (Some(hits), None) | (None, Some(hits)) => hits,
            (None, None) => Vec::new(),
        };
        hits.truncate(k);
        hits.into_iter().map(|hit| self.passage(hit)).collect::<Result<_, _>>().map(Some)
    }

    /// What has to be known of the chunks that are looked at; none when the state is not the newest any more.
    fn look_where(&self, chosen: &Chosen<'_>, by_meaning: bool) -> Result<Option<Where>, Failure> {
        let is_large = self.collection.shown.chunks > self.exact_up_to;
        if chosen.is_all() && !by_meaning {
            return Ok(Some(Where::Visible));
        }
        if !chosen.is_all() || !is_large {
            let spans = chosen.spans(self.connection, self.collection.id)?;
            // Codes that are in memory already are faster where there are more than a few.
            let is_few = spans.len() as u64 <= self.exact_up_to
                && (!is_large || spans.len() <= FEW || !self.tables.has(self.collection.id));
            if !by_meaning || is_few {
                return Ok(Some(Where::Few(spans)));
            }
            let table = self.tables.current(self.connection, self.collection)?;
            return Ok(table.map(|table| Where::Many(table, Some(spans))));
        }
        let table = self.tables.current(self.connection, self.collection)?;
        Ok(table.map(|table| Where::Many(table, None)))
    }

    /// The nearest chunks, in their exact order.
    fn by_meaning(&self, scope: &Where, query: &[f32], min_score: Option<f64>, depth: usize) -> Result<Vec<Hit>, Failure> {
        let candidates = match scope {
            Where::Many(table, spans) => {
                table.scan(spans.as_ref().unwrap_or(&table.live), &Code::of(query), CANDIDATES.max(3 * depth))
            }
            Where::Few(spans) => self.nearest(spans, query, CANDIDATES.max(depth + depth / 2))?,
            Where::Visible => Vec::new(),
        };
        let mut vectors = self.vectors()?;
        let mut best = Best::of(depth);
        for number in candidates {
            let similarity = vectors.similarity(number, query)?;
            if min_score.is_none_or(|least| similarity >= least) {
                best.offer(number, similarity);
            }
        }
        Ok(best.into_ordered().into_iter().map(|(number, score)| (number, score, Some(score))).collect())
    }

    /// The chunks nearest to `query`, by looking at each of them.
    fn nearest(&self, spans: &Spans, query: &[f32], keep: usize) -> Result<Vec<u32>, Failure> {
        // A vector of another length is an error to the function, one that is none gives no distance.
        let bad = || damaged("a vector in memory");
        let mut select = self
            .connection
            .prepare_cached("SELECT id, vec_distance_l2(vector, ?3) FROM memory_vectors WHERE id BETWEEN ?1 AND ?2")?;
        let query = vector::to_bytes(query);
        let (mut best, mut seen) = (Best::of(keep), 0);
        for stretch in spans.iter() {
            let (first, last) = rows_of(self.collection.id, &stretch);
            let mut rows = select.query(params![first, last, query])?;
            let next = |error: rusqlite::Error| match error.sqlite_error_code() {
                Some(rusqlite::ErrorCode::Unknown) => bad(),
                _ => error.into(),
            };
            while let Some(row) = rows.next().map_err(next)? {
                let distance: Option<f64> = row.get(1)?;
                best.offer(number_of(row.get(0)?), -distance.ok_or_else(bad)?);
                seen += 1;
            }
        }
        if seen < spans.len() {
            return Err(bad());
        }
        Ok(best.into_ordered().into_iter().map(|(number, _)| number).collect())
    }

    /// The first chunks by BM25 that are similar enough.
    fn by_words(&self, scope: &Where, text: &str, search: &Search<'_>, depth: usize) -> Result<Vec<Hit>, Failure> {
        let mut hits = words::hits(self.connection, self.collection.id, text)?;
        hits.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let mut found = Vec::new();
        let mut vectors = self.vectors()?;
        for (number, score) in hits {
            if found.len() == depth {
                break;
            }
            let is_meant = match scope {
                Where::Visible => documents::is_visible(self.connection, self.collection.id, number)?,
                Where::Few(spans) | Where::Many(_, Some(spans)) => spans.contains(number),
                Where::Many(table, None) => table.live.contains(number),
            };
            if !is_meant {
                continue;
            }
            let similarity = search.vector.map(|query| vectors.similarity(number, query)).transpose()?;
            if search.min_score.is_none_or(|least| similarity.is_some_and(|similarity| similarity >= least)) {
                found.push((number, score, similarity));
            }
        }
        Ok(found)
    }

    fn vectors(&self) -> Result<Vectors<'_>, Failure> {
        Ok(Vectors::of(self.connection, self.collection.id, self.collection.shown.dimension)?)
    }

    fn passage(&self, (number, score, similarity): Hit) -> Result<Passage, Failure> {
        let chunk = chunks::get(self.connection, self.collection.id, number)?;
        let document = documents::of_chunk(self.connection, self.collection.id, number)?.shown;
        Ok(Passage {
            citation: Passage::cite(&document.source, &chunk.position),
            source: document.source,
            position: chunk.position,
            text: chunk.text,
            tokens: chunk.tokens,
            score,
            similarity,
            untrusted: document.untrusted,
            scope: document.scope,
            metadata: document.metadata,
        })
    }
}

/// One order out of two: by the sum of the reciprocal ranks, 1 for what is first in both.
fn fuse(near: &[Hit], said: &[Hit]) -> Vec<Hit> {
    let mut fused: HashMap<u32, (f64, Option<f64>)> = HashMap::new();
    for hits in [near, said] {
        for (rank, (number, _, similarity)) in (1_u32..).zip(hits) {
            let share = (FUSION + 1.0) / (FUSION + f64::from(rank)) / 2.0;
            fused.entry(*number).or_insert((0.0, *similarity)).0 += share;
        }
    }
    let mut best = Best::of(fused.len());
    fused.iter().for_each(|(number, (score, _))| best.offer(*number, *score));
    best.into_ordered().into_iter().map(|(number, score)| (number, score, fused[&number].1)).collect()
}
