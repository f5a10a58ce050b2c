//! Links: each leads to a file that is there, and to a heading in it. What is on the web is not visited.

use std::{
    collections::HashMap,
    path::{Component, Path, PathBuf},
};

use super::{
    markdown::{Link, anchors, links},
    pages, root, text_of,
};

const OTHERS: [&str; 5] = ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "CHANGELOG.md", "docs/SUMMARY.md"];

#[test]
fn every_link_leads_to_a_page_and_a_heading_that_are_there() {
    let mut anchors_of: HashMap<String, Vec<String>> = HashMap::new();
    let mut problems = Vec::new();
    let mut checked = 0;
    for page in pages().into_iter().chain(OTHERS.map(str::to_owned)) {
        for Link { target, line } in links(&text_of(&page)) {
            if ["https://", "http://", "mailto:"].iter().any(|start| target.starts_with(start)) {
                continue;
            }
            checked += 1;
            let mut problem = |what: String| problems.push(format!("{page}:{line}: {target}: {what}"));
            let (path, anchor) = target.split_once('#').map_or((target.as_str(), None), |(path, anchor)| (path, Some(anchor)));
            let file = if path.is_empty() { page.clone() } else { beside(&page, path) };
            if !root().join(&file).exists() {
                problem(format!("{file} is not there"));
                continue;
            }
            let is_markdown = Path::new(&file).extension().is_some_and(|extension| extension == "md");
            // mdBook makes `.html` of every `.md`, also where there is no such page.
            if page.starts_with("docs/") && is_markdown && !file.starts_with("docs/") {
                problem("the book has no such page; name the file without a link".to_owned());
            }
            if let Some(anchor) = anchor.filter(|_| is_markdown) {
                let known = anchors_of.entry(file.clone()).or_insert_with(|| anchors(&text_of(&file)));
                if !known.iter().any(|known| known == anchor) {
                    problem(format!("{file} has no such heading; it has {known:?}"));
                }
            }
        }
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
    assert!(checked > 200, "only {checked} links were found");
}

/// A path that is written in `page`, from the root.
fn beside(page: &str, path: &str) -> String {
    let mut found = PathBuf::new();
    for part in Path::new(page).parent().unwrap().join(path).components() {
        match part {
            Component::ParentDir => assert!(found.pop(), "{page}: {path} leads out of the repository"),
            Component::CurDir => {}
            other => found.push(other),
        }
    }
    found.to_str().unwrap().replace('\\', "/")
}
