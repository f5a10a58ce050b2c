//! Which chunks a search looks at.

use rusqlite::{Connection, params};

use crate::{
    error::{Error, ErrorKind},
    memory::{
        Document, Filter,
        index::sqlite::{
            failure::{Failure, damaged},
            glob,
            spans::Spans,
        },
    },
    model::Value,
};

/// The longest glob, in bytes: each document is compared with it.
const MAX_GLOB: usize = 1_024;
/// The most globs.
const MAX_GLOBS: usize = 64;

/// A filter that has been looked at.
#[derive(Debug)]
pub(super) struct Chosen<'a> {
    filter: &'a Filter,
    /// As JSON; absent when all are meant.
    scopes: Option<String>,
}

impl<'a> Chosen<'a> {
    /// # Errors
    /// `Invalid` for globs that are too long, or too many.
    pub(super) fn by(filter: &'a Filter) -> Result<Self, Failure> {
        if filter.sources.len() > MAX_GLOBS || filter.sources.iter().any(|glob| glob.len() > MAX_GLOB) {
            let text = format!("a filter has at most {MAX_GLOBS} globs of {MAX_GLOB} bytes for sources");
            return Err(Error::new(ErrorKind::Invalid, text).hint("say it with fewer or shorter globs").into());
        }
        let scopes: Vec<_> = filter.scopes.iter().map(ToString::to_string).collect();
        let scopes = (!scopes.is_empty()).then(|| Value::from(scopes).to_string());
        Ok(Self { filter, scopes })
    }

    /// Whether every document is let through.
    pub(super) fn is_all(&self) -> bool {
        self.scopes.is_none() && !self.filter.trusted_only && !self.looks_into_documents()
    }

    pub(super) fn lets_through(&self, document: &Document) -> bool {
        (self.filter.scopes.is_empty() || self.filter.scopes.contains(&document.scope))
            && !(self.filter.trusted_only && document.untrusted)
            && self.fits_source(&document.source)
            && self.fits_metadata(&document.metadata)
    }

    /// The chunks of the documents that are let through.
    pub(super) fn spans(&self, connection: &Connection, collection: i64) -> Result<Spans, Failure> {
        const WHERE: &str = "FROM memory_documents WHERE collection = ?1 AND chunks > 0 \
                             AND (?2 IS NULL OR scope IN (SELECT value FROM json_each(?2))) AND (NOT ?3 OR NOT untrusted) \
                             ORDER BY first";
        let looks = self.looks_into_documents();
        // All that is wanted otherwise is in one index.
        let more = if looks { ", source, metadata" } else { "" };
        let mut select = connection.prepare_cached(&format!("SELECT first, chunks{more} {WHERE}"))?;
        let mut rows = select.query(params![collection, self.scopes, self.filter.trusted_only])?;
        let mut spans = Spans::default();
        while let Some(row) = rows.next()? {
            let bad = || damaged("a document in memory");
            if looks {
                let source = row.get_ref(2)?.as_str().map_err(|_| bad())?;
                let metadata = row.get_ref(3)?.as_str().map_err(|_| bad())?;
                let fits = self.fits_source(source)
                    && (self.filter.metadata.is_empty()
                        || self.fits_metadata(&serde_json::from_str(metadata).map_err(|_| bad())?));
                if !fits {
                    continue;
                }
            }
            let (first, chunks): (u32, u32) = (row.get(0)?, row.get(1)?);
            spans.push(first..first.checked_add(chunks).ok_or_else(bad)?);
        }
        Ok(spans)
    }

    fn looks_into_documents(&self) -> bool {
        !self.filter.metadata.is_empty() || !self.filter.sources.is_empty()
    }

    fn fits_source(&self, source: &str) -> bool {
        self.filter.sources.is_empty() || self.filter.sources.iter().any(|glob| glob::fits(glob, source))
    }

    fn fits_metadata(&self, metadata: &serde_json::Map<String, Value>) -> bool {
        self.filter.metadata.iter().all(|(key, wanted)| metadata.get(key).is_some_and(|found| is_one_of(wanted, found)))
    }
}

/// Whether both are the same; a list stands for each of its elements.
fn is_one_of(wanted: &Value, found: &Value) -> bool {
    match (wanted, found) {
        _ if wanted == found => true,
        (Value::Array(any), _) => any.iter().any(|wanted| is_one_of(wanted, found)),
        (_, Value::Array(all)) => all.iter().any(|found| is_one_of(wanted, found)),
        // 1 and 1.0.
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::is_one_of;

    #[test]
    fn a_list_stands_for_one_of_its_elements() {
        for (wanted, found, fits) in [
            (json!("a"), json!("a"), true),
            (json!("a"), json!("b"), false),
            (json!(["a", "b"]), json!("b"), true),
            (json!("b"), json!(["a", "b"]), true),
            (json!(["c", "d"]), json!(["a", "b"]), false),
            (json!([]), json!("a"), false),
            (json!(1), json!(1.0), true),
            (json!(1), json!("1"), false),
            (json!(null), json!(null), true),
            (json!({"x": 1}), json!({"x": 1}), true),
        ] {
            assert_eq!(is_one_of(&wanted, &found), fits, "{wanted} {found}");
        }
    }
}
