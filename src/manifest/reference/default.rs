//! What the description of a key says of its default: the words before `when absent`.

const ABSENT: &str = " when absent";

/// A description without what it says of the default, and the default.
///
/// `How long it is open; for ever when absent.` becomes `How long it is open.` and `for ever`.
pub(super) fn divide(doc: &str) -> (String, Option<String>) {
    let Some((before, after)) = doc.split_once(ABSENT) else { return (doc.to_owned(), None) };
    let Some(at) = begin_of_last_clause(before) else { return (doc.to_owned(), None) };
    let default = lower_first(before[at..].trim_start());
    let meaning = before[..at].trim_end().trim_end_matches([';', ',', '.']);
    (format!("{meaning}{}", if after.is_empty() { "." } else { after }), Some(default))
}

/// Where the last clause begins: after a `;`, `,` or `.` that a space follows, outside of code.
fn begin_of_last_clause(text: &str) -> Option<usize> {
    let mut is_code = false;
    let mut found = None;
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '`' => is_code = !is_code,
            ';' | ',' | '.' if !is_code && characters.peek().is_some_and(|(_, next)| *next == ' ') => found = Some(at + 1),
            _ => {}
        }
    }
    found
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_lowercase().chain(characters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(doc: &str, meaning: &str, default: Option<&str>) {
        assert_eq!(divide(doc), (meaning.to_owned(), default.map(str::to_owned)));
    }

    #[test]
    fn the_default_is_the_clause_before_when_absent() {
        check("How long; `30s` when absent.", "How long.", Some("`30s`"));
        check("Attempts in all, the first included; 4 when absent.", "Attempts in all, the first included.", Some("4"));
        check("Node instances, in all; 2,000 when absent.", "Node instances, in all.", Some("2,000"));
        check("A sender waits for room. For ever when absent.", "A sender waits for room.", Some("for ever"));
        check(
            "What they can choose; `[approve, reject]` when absent. `reject` fails.",
            "What they can choose. `reject` fails.",
            Some("`[approve, reject]`"),
        );
        check("Some; `[]` for none, all when absent.", "Some; `[]` for none.", Some("all"));
        check("What the node is for.", "What the node is for.", None);
    }
}
