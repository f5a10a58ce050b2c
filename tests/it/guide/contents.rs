//! The table of contents: every page of docs/ is in SUMMARY.md once, and nothing else is.

use std::collections::BTreeMap;

use super::{
    markdown::{headings, links},
    pages, text_of,
};

#[test]
fn every_page_is_in_the_table_of_contents_once() {
    let mut listed: BTreeMap<String, usize> = BTreeMap::new();
    for link in links(&text_of("docs/SUMMARY.md")) {
        *listed.entry(format!("docs/{}", link.target)).or_default() += 1;
    }
    let pages = pages();
    let mut problems: Vec<String> = Vec::new();
    problems.extend(pages.iter().filter(|page| !listed.contains_key(*page)).map(|page| format!("{page} is not listed")));
    for (page, times) in &listed {
        if !pages.contains(page) {
            problems.push(format!("{page} is listed and not there"));
        }
        if *times > 1 {
            problems.push(format!("{page} is listed {times} times"));
        }
    }
    assert!(problems.is_empty(), "docs/SUMMARY.md:\n{}", problems.join("\n"));
}

#[test]
fn every_page_has_one_title() {
    for page in pages() {
        let text = text_of(&page);
        let titles = headings(&text).into_iter().filter(|(level, _)| *level == 1).count();
        assert_eq!(titles, 1, "{page}");
        assert!(text.starts_with("# ") || text.starts_with("<!-- "), "{page} begins with something else than its title");
    }
}
