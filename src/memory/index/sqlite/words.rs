//! The search by words: from what a person wrote to a query that FTS5 takes, and from that to hits.

use std::collections::BTreeSet;

use rusqlite::Connection;

use crate::memory::index::sqlite::{failure::Failure, schema};

/// The most different words of a query that are looked for.
const MAX_WORDS: usize = 64;
/// The longest word, in bytes; no text is looked for by a longer one.
const MAX_WORD: usize = 256;
/// How many chunks of a collection are ranked at most for words that many of its chunks have.
const MAX_RANKED: u64 = 20_000;

/// The chunks that have one of the words of `query`, with their BM25 (greater than 0), in the order of their numbers.
///
/// Words that so many chunks have that ranking them would take long are left out as long as there are rarer ones: they tell little.
pub(super) fn hits(connection: &Connection, collection: i64, query: &str) -> Result<Vec<(u32, f64)>, Failure> {
    let terms = few_enough(connection, collection, terms(query))?;
    let Some(expression) = expression(&terms) else { return Ok(Vec::new()) };
    let words = schema::words_table(collection);
    let mut select = connection.prepare_cached(&format!("SELECT rowid, rank FROM {words} WHERE {words} MATCH ?1"))?;
    let mut rows = select.query([expression])?;
    let mut hits = Vec::new();
    while let Some(row) = rows.next()? {
        hits.push((row.get(0)?, -row.get::<_, f64>(1)?));
    }
    Ok(hits)
}

/// The words of a query, each a term of FTS5. One that consists of parts (`crash_point`, `std::fmt`) is looked for as a whole, and so are its
/// parts.
fn terms(query: &str) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut terms = Vec::new();
    for word in query.split(|c: char| c.is_whitespace() || c == '\0').filter(|word| word.len() <= MAX_WORD) {
        let parts = word.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty());
        let whole = std::iter::once(word).filter(|word| word.contains(char::is_alphanumeric));
        for term in whole.chain(parts) {
            // Inside quotes only a quote means something.
            let term = format!("\"{}\"", term.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase().replace('"', " "));
            if terms.len() < MAX_WORDS && seen.insert(term.clone()) {
                terms.push(term);
            }
        }
    }
    terms
}

fn expression(terms: &[String]) -> Option<String> {
    (!terms.is_empty()).then(|| format!("text : ({})", terms.join(" OR ")))
}

/// The rarest terms, as many as can be ranked in time; at least one.
fn few_enough(connection: &Connection, collection: i64, terms: Vec<String>) -> Result<Vec<String>, Failure> {
    let chunks: i64 = connection
        .prepare_cached("SELECT next FROM memory_collections WHERE id = ?1")?
        .query_row([collection], |row| row.get(0))?;
    if chunks.cast_unsigned() <= MAX_RANKED || terms.len() <= 1 {
        return Ok(terms);
    }
    let words = schema::words_table(collection);
    let mut count =
        connection.prepare_cached(&format!("SELECT count(*) FROM (SELECT 1 FROM {words} WHERE {words} MATCH ?1 LIMIT ?2)"))?;
    let mut counted = Vec::new();
    for term in terms {
        let found: i64 = count.query_row((format!("text : {term}"), MAX_RANKED.cast_signed() + 1), |row| row.get(0))?;
        counted.push((found.cast_unsigned(), term));
    }
    counted.retain(|(found, _)| *found > 0);
    counted.sort_by_key(|(found, _)| *found);
    let mut sum = 0;
    let kept = counted.into_iter().enumerate().take_while(|(at, (found, _))| {
        sum += found;
        *at == 0 || sum <= MAX_RANKED
    });
    Ok(kept.map(|(_, (_, term))| term).collect())
}

#[cfg(test)]
mod tests {
    use super::{MAX_WORDS, expression, terms};

    #[track_caller]
    fn check(query: &str, wanted: &[&str]) {
        assert_eq!(terms(query), wanted.iter().map(|term| format!("\"{term}\"")).collect::<Vec<_>>(), "{query}");
    }

    #[test]
    fn words_are_looked_for_whole_and_in_parts() {
        check("How does it work?", &["how", "does", "it", "work"]);
        check("crash_point! std::fmt", &["crash_point", "crash", "point", "std::fmt", "std", "fmt"]);
        check("file.rs, file", &["file.rs", "file", "rs"]);
    }

    #[test]
    fn what_means_something_to_fts5_is_a_word_or_nothing() {
        check("a AND (b OR NOT c*) NEAR/2 ^d -e", &["a", "and", "b", "or", "not", "c", "near/2", "near", "2", "d", "e"]);
        check("hash : \"x\"\"y\" \0z", &["hash", "x  y", "x", "y", "z"]);
        assert_eq!(expression(&terms(" \"' -- ;;; \0 ")), None);
    }

    #[test]
    fn a_query_of_a_megabyte_is_cut() {
        let long: String = (0..200_000).map(|n| format!("w{n} ")).collect::<Vec<_>>().concat();
        assert_eq!(terms(&long).len(), MAX_WORDS);
        assert_eq!(terms(&"x".repeat(1 << 20)), [""; 0]);
    }
}
