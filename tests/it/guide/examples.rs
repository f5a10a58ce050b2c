//! Examples: a block of a file format says whether it is a file of its own, and a shell block whether it is run.

use super::{markdown::fences, pages, text_of};

/// Rust that stands in a page is a part of a file that is compiled and run: an example, a test, or the documentation of a module.
#[test]
fn code_that_is_shown_is_the_code_that_is_tested() {
    let mut shown = 0;
    for page in pages() {
        for fence in fences(&page).into_iter().filter(|fence| fence.language == "rust") {
            let from = fence.value("from").unwrap_or_else(|| panic!("{page}:{}: `from=` is missing", fence.line));
            let text = text_of(from);
            let documented: Vec<&str> = text.lines().map(|line| line.trim_start_matches("//!")).collect();
            let documented = documented.join("\n").replace("\n ", "\n");
            let has = |text: &str| text.contains(fence.text.trim_end());
            assert!(has(&text) || has(&documented), "{page}:{}: {from} has no such text", fence.line);
            shown += 1;
        }
    }
    assert!(shown >= 2, "only {shown} pages show Rust");
}

#[test]
fn every_example_says_whether_it_is_complete_and_every_command_whether_it_is_run() {
    let mut problems = Vec::new();
    // What codes mean has examples of its own: tests/it/diagnostics.rs.
    for page in pages().into_iter().filter(|page| !page.starts_with("docs/diagnostics/")).chain(["README.md".to_owned()]) {
        for fence in fences(&page) {
            let is_told = match fence.language.as_str() {
                "yaml" | "toml" | "json" | "jsonl" | "csv" => {
                    fence.file().is_some() || fence.is("fragment") || fence.is("output")
                }
                "sh" => fence.file().is_some() || fence.is("run") || fence.value("needs").is_some(),
                "" => false,
                _ => true,
            };
            if !is_told {
                problems.push(format!("{page}:{}: `{}` says too little of itself", fence.line, fence.language));
            }
        }
    }
    let rule = "a file is `file=NAME` or `fragment`, a shell block `run` or `needs=WHAT`, anything else has a language";
    assert!(problems.is_empty(), "{rule}\n{}", problems.join("\n"));
}

/// What a block is called is in its fence, which no reader sees: the paragraph before it names the file.
#[test]
fn a_reader_is_told_what_each_file_is_called() {
    for page in pages().into_iter().filter(|page| page.matches('/').count() > 1) {
        let text = text_of(&page);
        let lines: Vec<&str> = text.lines().collect();
        for fence in fences(&page) {
            let Some(name) = fence.file() else { continue };
            let before = lines[..fence.line - 1].iter().rev().skip_while(|line| line.is_empty());
            let is_named = before.take_while(|line| !line.is_empty()).any(|line| line.contains(&format!("`{name}`")));
            assert!(is_named, "{page}:{}: the paragraph before it does not name `{name}`", fence.line);
        }
    }
}
