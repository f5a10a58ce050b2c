//! What tests need to know of a Markdown file: its fenced blocks, its headings, its links.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// A fenced block.
#[derive(Debug, Clone)]
pub(crate) struct Fence {
    pub(crate) language: String,
    attributes: Vec<String>,
    pub(crate) text: String,
    /// The line of the opening fence, from 1.
    pub(crate) line: usize,
}

impl Fence {
    /// The value of the attribute `name=…`.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find_map(|attribute| attribute.strip_prefix(name)?.strip_prefix('='))
    }

    /// The file that the block is, by `file=NAME`.
    pub(crate) fn file(&self) -> Option<&str> {
        self.value("file")
    }

    /// Whether it has the attribute `name`.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.attributes.iter().any(|found| found == name)
    }
}

/// The fenced blocks of a page, in order.
pub(crate) fn fences(page: &str) -> Vec<Fence> {
    fences_in(page, &super::text_of(page))
}

fn fences_in(page: &str, text: &str) -> Vec<Fence> {
    let mut found = Vec::new();
    let mut open: Option<(Fence, &str)> = None;
    for (number, line) in text.lines().enumerate() {
        let ticks = &line[..line.len() - line.trim_start_matches('`').len()];
        match &mut open {
            None if ticks.len() >= 3 => {
                let mut words = line[ticks.len()..].split_whitespace().map(str::to_owned);
                let language = words.next().unwrap_or_default();
                let fence = Fence { language, attributes: words.collect(), text: String::new(), line: number + 1 };
                open = Some((fence, ticks));
            }
            Some((_, begin)) if ticks == *begin && line == ticks => found.extend(open.take().map(|(fence, _)| fence)),
            Some((fence, _)) => {
                fence.text.push_str(line);
                fence.text.push('\n');
            }
            None => {}
        }
    }
    assert!(open.is_none(), "{page}: a fence is not closed");
    found
}

/// A link or a picture.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) target: String,
    /// From 1.
    pub(crate) line: usize,
}

/// The links of a text; those in code are none.
pub(crate) fn links(text: &str) -> Vec<Link> {
    Parser::new_ext(text, Options::ENABLE_TABLES)
        .into_offset_iter()
        .filter_map(|(event, range)| match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                Some(Link { target: dest_url.to_string(), line: text[..range.start].matches('\n').count() + 1 })
            }
            _ => None,
        })
        .collect()
}

/// The headings of a text with their levels.
pub(crate) fn headings(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut open: Option<String> = None;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match (event, &mut open) {
            (Event::Start(Tag::Heading { .. }), _) => open = Some(String::new()),
            (Event::End(TagEnd::Heading(level)), _) => found.extend(open.take().map(|text| (level as usize, text))),
            (Event::Text(text) | Event::Code(text), Some(heading)) => heading.push_str(&text),
            _ => {}
        }
    }
    found
}

/// Where the headings of a text are found, as mdBook and GitHub name them.
pub(crate) fn anchors(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (_, heading) in headings(text) {
        let kept = heading.chars().filter(|character| character.is_alphanumeric() || matches!(character, ' ' | '-' | '_'));
        let plain: String = kept.map(|character| if character == ' ' { '-' } else { character.to_ascii_lowercase() }).collect();
        let mut anchor = plain.clone();
        for number in 1.. {
            if !found.contains(&anchor) {
                break;
            }
            anchor = format!("{plain}-{number}");
        }
        found.push(anchor);
    }
    found
}

#[test]
fn blocks_links_and_headings_are_found() {
    let text = "# A `b`, c\n\n[one](x.md#y) and `[none](z.md)`\n\n```sh run exit=3\nls\n```\n\n````text\n```\n[no](link)\n````\n## C d\n## C d\n";
    assert_eq!(links(text), [Link { target: "x.md#y".to_owned(), line: 3 }]);
    assert_eq!(anchors(text), ["a-b-c", "c-d", "c-d-1"]);
    let fences = fences_in("page", text);
    assert_eq!(fences.len(), 2);
    assert!(fences[0].language == "sh" && fences[0].is("run") && fences[0].value("exit") == Some("3") && fences[0].line == 5);
    assert_eq!(fences[1].text, "```\n[no](link)\n");
}
