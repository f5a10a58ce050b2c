//! What was embedded for a chunk, found again: it is not kept beside the text, of which it is the greater part.

use crate::memory::{StoredChunk, prepare::text_hash};

/// What was embedded for a chunk of `source`: the text below its headings and its source, as much of them as there was room for.
/// `None` when none of it has the chunk's hash.
pub(super) fn embedded(source: &str, chunk: &StoredChunk) -> Option<String> {
    let text = &chunk.text;
    let under = chunk.position.heading.as_ref().map(|heading| format!("{source} > {heading}\n\n{text}"));
    let candidates = under.into_iter().chain([format!("{source}\n\n{text}"), text.clone()]);
    candidates.into_iter().find(|candidate| text_hash(candidate) == chunk.hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Position;

    #[test]
    fn what_was_embedded_is_told_by_its_hash() {
        let chunk = |of: &str, heading: Option<&str>| StoredChunk {
            position: Position { heading: heading.map(str::to_owned), ..Position::default() },
            text: "text".to_owned(),
            hash: text_hash(of),
            tokens: 1,
            vector: None,
        };
        for (of, heading) in [("a.md > One\n\ntext", Some("One")), ("a.md\n\ntext", Some("One")), ("text", None)] {
            assert_eq!(embedded("a.md", &chunk(of, heading)).as_deref(), Some(of));
        }
        assert_eq!(embedded("a.md", &chunk("another", None)), None);
    }
}
