//! From a web page to what it says, with its headings.
//!
//! Pages are hostile: made to take a parser hours or gigabytes. What is read has a size, a time and a depth.

use std::{
    io::{self, Read},
    time::{Duration, Instant},
};

use html2text::{Element, Handle, RcDom, config};

use super::Heading;
use crate::error::{Error, ErrorKind, Result};

/// How long the parser may take. A page of 16 MB of people's HTML takes a tenth of it.
const MAX_TIME: Duration = Duration::from_secs(20);
/// How deep elements are looked into. Pages of people have a tenth of it.
const MAX_DEPTH: usize = 200;
/// How many columns of text are on a line.
const WIDTH: usize = 120;
/// Stands before the words of each heading while a page is written as text; of no meaning elsewhere.
const MARK: char = '\u{e0ff}';
/// What is no part of what a page says.
const LEFT_OUT: &[&str] = &[
    "script", "style", "noscript", "template", "nav", "iframe", "object", "embed", "svg", "canvas", "form", "button", "input",
    "select", "textarea", "dialog", "audio", "video",
];
const TOO_LONG: &str = "the page takes too long to read";

/// What a page says, each heading as a line of Markdown with a mark that [`headings`] takes away.
///
/// # Errors
/// `Malformed` when it takes too long to read, or cannot be shown.
pub(super) fn text(html: &str) -> Result<String> {
    let html = html.replace(MARK, " ");
    let mark = parse(&MARK.to_string(), MAX_TIME)?;
    let mark = nodes(&mark.document).find(|(node, _)| node.children.borrow().is_empty() && !is_element(node));
    let dom = parse(&html, MAX_TIME)?;
    for (node, depth) in nodes(&dom.document) {
        if depth >= MAX_DEPTH {
            node.children.borrow_mut().clear();
            continue;
        }
        node.children.borrow_mut().retain(|child| !is_left_out(child));
        keep_attributes(&node);
        if let Some((mark, _)) = mark.as_ref().filter(|_| level(&node).is_some()) {
            node.children.borrow_mut().insert(0, mark.clone());
        }
    }
    let config = config::plain_no_decorate().allow_width_overflow().no_table_borders();
    let text = config.dom_to_render_tree(&dom).and_then(|tree| config.render_to_string(tree, WIDTH));
    text.map_err(|err| Error::new(ErrorKind::Malformed, "the page cannot be shown as text").source(err))
}

/// The headings of what [`text`] wrote, whose marks are taken away.
pub(super) fn headings(text: &mut String) -> Vec<Heading> {
    let (mut kept, mut headings) = (String::with_capacity(text.len()), Vec::new());
    for line in text.split_inclusive('\n') {
        let level = line.bytes().take_while(|byte| *byte == b'#').count();
        let words = line[level..].strip_prefix(' ').and_then(|rest| rest.strip_prefix(MARK));
        if let (Some(_), Ok(level @ 1..=6)) = (words, u8::try_from(level)) {
            headings.push(Heading { at: kept.len(), level });
        }
        kept.extend(line.chars().filter(|c| *c != MARK));
    }
    *text = kept;
    headings
}

fn parse(html: &str, time: Duration) -> Result<RcDom> {
    let input = InTime { rest: html.as_bytes(), until: Instant::now() + time };
    config::plain().parse_html(input).map_err(|err| Error::new(ErrorKind::Malformed, TOO_LONG).source(err))
}

fn is_element(node: &Handle) -> bool {
    matches!(node.data, Element { .. } | html2text::Document)
}

/// `h2` is of level 2.
fn level(node: &Handle) -> Option<u8> {
    let name = node.element_name()?;
    name.strip_prefix('h')?.parse().ok().filter(|level| (1..=6).contains(level))
}

fn is_left_out(node: &Handle) -> bool {
    let Element { attrs, .. } = &node.data else { return false };
    let is_named = node.element_name().is_some_and(|name| LEFT_OUT.contains(&name.as_str()));
    is_named
        || attrs.borrow().iter().any(|attribute| match &*attribute.name.local {
            "hidden" => true,
            "aria-hidden" => &*attribute.value == "true",
            _ => false,
        })
}

/// Drops numbers that are no numbers of people, a column that spans a billion others; and targets of links, which are no text.
fn keep_attributes(element: &Handle) {
    let Element { attrs, .. } = &element.data else { return };
    attrs.borrow_mut().retain(|attribute| match &*attribute.name.local {
        "colspan" | "rowspan" | "start" => attribute.value.len() <= 3,
        "href" => false,
        _ => true,
    });
}

/// A node and all below it, in order, each with its depth; what is taken from a node before the next is asked for is not visited.
/// Does not recurse, however deep they are.
fn nodes(root: &Handle) -> impl Iterator<Item = (Handle, usize)> + use<> {
    let (mut left, mut last) = (vec![(root.clone(), 0)], None::<(Handle, usize)>);
    std::iter::from_fn(move || {
        if let Some((node, depth)) = last.take() {
            left.extend(node.children.borrow().iter().rev().map(|child| (child.clone(), depth + 1)));
        }
        last = left.pop();
        last.clone()
    })
}

/// Gives the parser the page in small pieces, and none after its time is up.
struct InTime<'a> {
    rest: &'a [u8],
    until: Instant,
}

impl Read for InTime<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if Instant::now() > self.until {
            return Err(io::Error::new(io::ErrorKind::TimedOut, TOO_LONG));
        }
        let most = into.len().min(1_024);
        self.rest.read(&mut into[..most])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(html: &str) -> (String, Vec<Heading>) {
        let mut text = text(html).unwrap();
        let headings = headings(&mut text);
        (text, headings)
    }

    #[test]
    fn what_a_page_says_is_kept_with_its_headings() {
        let (text, headings) = read(
            "<title>T</title><nav>Menu</nav><h1>One <a href=/>link</a></h1><p>a<pre># no heading\n</pre><h3>Two</h3>b<script>x</script>",
        );
        assert_eq!(text, "# One link\n\na\n\n# no heading\n\n### Two\n\nb\n");
        let found: Vec<_> = headings.iter().map(|heading| (heading.level, &text[heading.at..][..5])).collect();
        assert_eq!(found, [(1, "# One"), (3, "### T")]);
    }

    #[test]
    fn a_page_that_is_nested_too_deeply_is_read_as_far_as_that() {
        let (text, _) = read(&format!("<p>before</p>{}deep", "<div>".repeat(1_500)));
        assert!(text.contains("before") && !text.contains("deep"));
        let (text, _) = read(&format!("{}x", "<table><tr><td>".repeat(500)));
        assert!(text.len() < 1_000_000);
    }

    #[test]
    fn a_page_that_takes_too_long_is_refused() {
        let err = parse("<p>hi", Duration::ZERO).err().unwrap();
        assert!(err.kind() == ErrorKind::Malformed && err.to_string().contains(TOO_LONG), "{err}");
    }

    #[test]
    fn numbers_without_bounds_take_nothing() {
        let (text, _) = read("<table><tr><td colspan=999999999>x</table><ol start=99999999999><li>y</ol>");
        assert!(text.contains('x') && text.contains('y'));
    }
}
