//! Globs over sources: `?` and `*` within a part of a path, `**` over parts.

/// Whether `source` fits `glob`. Takes no longer than the one times the other is long, whatever they are.
pub(super) fn fits(glob: &str, source: &str) -> bool {
    let glob = pieces(glob);
    let source: Vec<char> = source.chars().collect();
    // For each beginning of the glob, which beginnings of the source it fits.
    let mut fitting = vec![false; source.len() + 1];
    fitting[0] = true;
    for piece in glob {
        let mut next = vec![false; source.len() + 1];
        let mut any_before = false;
        for at in 0..=source.len() {
            next[at] = match piece {
                Piece::One(wanted) => at > 0 && fitting[at - 1] && source[at - 1] == wanted,
                Piece::AnyOne => at > 0 && fitting[at - 1] && source[at - 1] != '/',
                Piece::Within => fitting[at] || at > 0 && next[at - 1] && source[at - 1] != '/',
                Piece::Over => fitting[at] || at > 0 && next[at - 1],
                // Nothing, or whole parts.
                Piece::Parts => fitting[at] || at > 0 && source[at - 1] == '/' && any_before,
            };
            any_before |= fitting[at];
        }
        fitting = next;
    }
    fitting[source.len()]
}

#[derive(Debug, Clone, Copy)]
enum Piece {
    One(char),
    /// `?`
    AnyOne,
    /// `*`
    Within,
    /// `**`
    Over,
    /// `**/` at the beginning of a part: no part as well.
    Parts,
}

fn pieces(glob: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = glob;
    let mut begins_part = true;
    while let Some(c) = rest.chars().next() {
        let (piece, length) = if begins_part && rest.starts_with("**/") {
            (Piece::Parts, 3)
        } else if rest.starts_with("**") {
            (Piece::Over, 2)
        } else {
            let piece = match c {
                '*' => Piece::Within,
                '?' => Piece::AnyOne,
                _ => Piece::One(c),
            };
            (piece, c.len_utf8())
        };
        begins_part = rest[..length].ends_with('/');
        pieces.push(piece);
        rest = &rest[length..];
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn stars_stay_within_a_part_and_double_stars_do_not() {
        for (glob, source, wanted) in [
            ("docs/*.md", "docs/a.md", true),
            ("docs/*.md", "docs/x/a.md", false),
            ("docs/**/*.md", "docs/a.md", true),
            ("docs/**/*.md", "docs/x/y/a.md", true),
            ("docs/**/*.md", "docsx/a.md", false),
            ("docs/**", "docs/x/y", true),
            ("docs/**", "doc/x", false),
            ("**/a.md", "a.md", true),
            ("**/a.md", "x/a.md", true),
            ("**/a.md", "xa.md", false),
            ("**", "anything/at all", true),
            ("a?c", "abc", true),
            ("a?c", "a/c", false),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("[a-z]*", "[a-z]x", true),
            ("[a-z]*", "ax", false),
            ("ä*", "äö", true),
            ("https://x.org/**", "https://x.org/a/b?c=d", true),
        ] {
            assert_eq!(fits(glob, source), wanted, "{glob} {source}");
        }
    }

    #[test]
    fn a_glob_of_many_stars_is_answered_at_once() {
        assert!(!fits(&"*a".repeat(200), &"a".repeat(150)));
        assert!(!fits(&format!("{}b", "**/".repeat(100)), &"a/".repeat(300)));
    }
}
