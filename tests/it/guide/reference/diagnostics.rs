//! The index of the codes of problems: from the codes and their titles.

use std::fmt::Write as _;

use agentflow::diagnostic::{ALL_CODES, Code};

use super::holds;

/// What the codes of a range are about.
const GROUPS: [(u16, &str); 6] = [
    (0, "The file as it is written"),
    (20, "Templates and expressions"),
    (30, "Names of other things"),
    (40, "The graph, and what meets in it"),
    (60, "Warnings"),
    (70, "Test files"),
];

fn number(code: Code) -> u16 {
    code.to_string().trim_start_matches("AF").parse().unwrap()
}

#[test]
fn the_index_names_every_code() {
    let mut text = "# Codes of problems\n\nEvery problem that `agentflow validate` tells has a code, which keeps its meaning for ever. \
                    `agentflow explain AF026` prints the page of a code. Each page has an example that gives the code, and one that does not.\n"
        .to_owned();
    let mut groups = GROUPS.into_iter().peekable();
    for code in ALL_CODES {
        while let Some((_, title)) = groups.next_if(|(first, _)| *first <= number(*code)) {
            write!(text, "\n## {title}\n\n| code | means |\n|---|---|\n").unwrap();
        }
        writeln!(text, "| [{code}](../diagnostics/{code}.md) | {} |", code.title()).unwrap();
    }
    holds("docs/reference/diagnostics.md", &text);
}

/// The entries of the codes in the table of contents.
pub(super) fn entries() -> Vec<(String, String)> {
    ALL_CODES.iter().map(|code| (format!("{code}: {}", code.title()), format!("diagnostics/{code}.md"))).collect()
}
