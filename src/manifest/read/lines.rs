//! JSON Lines → one [`Tree`] for each line, with its place in the file.

use std::path::Path;

use super::{MAX_PROBLEMS, Syntax, load, too_many_problems};
use crate::{
    diagnostic::{Diagnostic, FileId, Sources, Span},
    manifest::{Tree, TreeKind},
};

/// Reads `text` as JSON Lines: a value on each line that is not empty. A line that cannot be read is reported, and left out.
pub fn read_data_lines(path: &Path, text: String, sources: &mut Sources, problems: &mut Vec<Diagnostic>) -> (FileId, Vec<Tree>) {
    let file = sources.add(path.to_owned(), text);
    let (mut trees, mut found) = (Vec::new(), Vec::new());
    let mut start = 0;
    for line in sources.get(file).text.split_inclusive('\n') {
        let before = found.len();
        let tree = load(line.trim_end_matches(['\n', '\r']), Syntax::Json, file, &mut found);
        trees.extend(tree.map(|tree| moved(tree, start)));
        for problem in &mut found[before..] {
            problem.span = later(problem.span, start);
            problem.message = problem.message.replace("the end of the file", "the end of the line");
            for related in &mut problem.related {
                related.span = later(related.span, start);
            }
        }
        if found.len() > MAX_PROBLEMS {
            found.truncate(MAX_PROBLEMS);
            found.push(too_many_problems(Span::new(file, 0..0)));
            break;
        }
        start += line.len();
    }
    problems.append(&mut found);
    (file, trees)
}

/// A span of a line, in the file.
fn later(span: Span, by: usize) -> Span {
    Span::new(span.file, span.start as usize + by..span.end as usize + by)
}

fn moved(tree: Tree, by: usize) -> Tree {
    let kind = match tree.kind {
        TreeKind::List(items) => TreeKind::List(items.into_iter().map(|item| moved(item, by)).collect()),
        TreeKind::Map(entries) => {
            let entry = |(mut key, value): (crate::diagnostic::Spanned<String>, Tree)| {
                key.span = later(key.span, by);
                (key, moved(value, by))
            };
            TreeKind::Map(entries.into_iter().map(entry).collect())
        }
        scalar => scalar,
    };
    Tree { span: later(tree.span, by), kind }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<String>, Vec<String>) {
        let (mut sources, mut problems) = (Sources::default(), Vec::new());
        let (_, trees) = read_data_lines(Path::new("rows.jsonl"), text.to_owned(), &mut sources, &mut problems);
        let place = |span| {
            let place = sources.position(span);
            format!("{}:{}", place.line, place.column)
        };
        let trees = trees.iter().map(|tree| format!("{} {}", place(tree.get("a").unwrap().span), tree.to_value()));
        let told = problems.iter().map(|problem| format!("{} {}", place(problem.span), problem.message));
        (trees.collect(), told.collect())
    }

    #[test]
    fn each_line_is_a_value_with_its_place_in_the_file() {
        let (trees, problems) = read("{\"a\": 1}\r\n\n  {\"ä\": 0, \"a\": [2]}\n{\"a\": 3}");
        assert_eq!(problems, [""; 0]);
        assert_eq!(trees, [r#"1:7 {"a":1}"#, r#"3:17 {"ä":0,"a":[2]}"#, r#"4:7 {"a":3}"#]);
    }

    #[test]
    fn a_line_that_is_broken_is_told_and_the_others_are_read() {
        let (trees, problems) = read("{\"a\": 1}\n{\"a\": \n{\"a\": 1, \"a\": 2}\n{\"a\": 4}\n");
        assert_eq!(trees, [r#"1:7 {"a":1}"#, r#"3:7 {"a":1}"#, r#"4:7 {"a":4}"#]);
        assert_eq!(
            problems,
            ["2:7 no valid JSON: expected a value, found the end of the line", "3:10 the key `a` is given twice"]
        );
    }
}
