//! Markdown as GitHub and GitLab show it. What others wrote (names, prompts, messages of models) stands in code only, where nothing
//! in it is a link, a picture, a mention or HTML.

use crate::cli::clean;

/// The most text of one block of code, in bytes; the rest is left out and told.
const LONGEST_BLOCK: usize = 20_000;

/// Puts `more` behind `text`.
pub(in crate::cli) fn add(text: &mut String, more: &str) {
    text.push_str(more);
}

/// `text` on one line, as code.
pub(in crate::cli) fn code(text: &str) -> String {
    let line = clean::one_line(text);
    if line.is_empty() {
        return "–".to_owned();
    }
    let fence = "`".repeat(longest_run(&line) + 1);
    let pad = if line.starts_with('`') || line.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{line}{pad}{fence}")
}

/// What stands in a cell of a table.
pub(in crate::cli) fn cell(markdown: &str) -> String {
    markdown.replace('|', "\\|").replace('\n', "<br>")
}

/// A table.
pub(in crate::cli) fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.iter().map(|text| cell(text)).collect::<Vec<_>>().join(" | "));
    let headings: Vec<String> = headings.iter().map(|&heading| heading.to_owned()).collect();
    let below = vec!["---".to_owned(); headings.len()];
    [headings, below].iter().chain(rows).map(|row| line(row)).collect()
}

/// A block of code in `language`.
pub(in crate::cli) fn block(language: &str, text: &str) -> String {
    let text = clean::block(text);
    let mut shown = text.trim_end();
    let mut cut = "";
    if shown.len() > LONGEST_BLOCK {
        let end = (0..=LONGEST_BLOCK).rev().find(|at| shown.is_char_boundary(*at)).unwrap_or_default();
        (shown, cut) = (&shown[..end], "\n… the rest is left out");
    }
    let fence = "`".repeat(longest_run(shown).max(2) + 1);
    format!("{fence}{language}\n{shown}{cut}\n{fence}\n")
}

/// What is seen when somebody opens it. `summary` is HTML.
pub(in crate::cli) fn details(summary: &str, body: &str) -> String {
    format!("<details><summary>{summary}</summary>\n\n{body}\n</details>\n")
}

/// `text` on one line, as code in HTML.
pub(in crate::cli) fn html_code(text: &str) -> String {
    let line = clean::one_line(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!("<code>{line}</code>")
}

fn longest_run(text: &str) -> usize {
    let runs = text.split(|c| c != '`').map(str::len);
    runs.max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_holds_whatever_is_in_it() {
        assert_eq!(code("a"), "`a`");
        assert_eq!(code("a\n b\u{1b}[31m"), "`a b`");
        assert_eq!(code("``x"), "``` ``x ```");
        assert_eq!(code(""), "–");
        assert_eq!(html_code("<img src=x>&"), "<code>&lt;img src=x&gt;&amp;</code>");
    }

    #[test]
    fn a_table_is_not_broken_by_its_cells() {
        let row = vec![code("a | b"), "x\ny".to_owned()];
        assert_eq!(table(&["ONE", "TWO"], &[row]), "| ONE | TWO |\n| --- | --- |\n| `a \\| b` | x<br>y |\n");
    }

    #[test]
    fn a_block_has_a_longer_fence_than_any_in_it_and_is_cut_where_it_is_too_long() {
        assert_eq!(block("diff", "a\n````\nb\n"), "`````diff\na\n````\nb\n`````\n");
        let long = block("", &"é".repeat(LONGEST_BLOCK));
        assert!(long.len() < LONGEST_BLOCK + 60 && long.ends_with("é\n… the rest is left out\n```\n"));
    }
}
