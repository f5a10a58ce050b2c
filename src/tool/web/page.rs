//! From a web page to text that can be read, and to what is in it.
//!
//! Pages are hostile: made to take a parser hours or gigabytes. What is read has a size, a time and a depth.

use std::{
    io::{self, Read},
    time::{Duration, Instant},
};

use html2text::{Element, Handle, RcDom, config, render::TrivialDecorator};
use reqwest::Url;

use crate::error::{Error, ErrorKind, Result};

/// How long the parser may take.
const MAX_TIME: Duration = Duration::from_secs(3);
/// How deep elements are looked into. Pages of people have a tenth of it.
const MAX_DEPTH: usize = 200;
/// How many columns of text are on a line. Wide, as lines are for models and have no screen to fit into.
const WIDTH: usize = 160;
/// What is no part of what a page says.
const LEFT_OUT: &[&str] = &[
    "script", "style", "noscript", "template", "nav", "iframe", "object", "embed", "svg", "canvas", "form", "button", "input",
    "select", "textarea", "dialog", "audio", "video",
];

/// A parsed page.
pub(super) struct Page {
    dom: RcDom,
}

impl Page {
    /// Parses a page, and keeps of it what is within bounds.
    ///
    /// # Errors
    /// `Malformed` when it takes too long to parse.
    pub(super) fn parse(html: &str) -> Result<Self> {
        Self::parse_within(html, MAX_TIME)
    }

    fn parse_within(html: &str, time: Duration) -> Result<Self> {
        let input = InTime { rest: html.as_bytes(), until: Instant::now() + time };
        let dom = config::plain().parse_html(input).map_err(|err| Error::new(ErrorKind::Malformed, TOO_LONG).source(err))?;
        for (node, depth) in nodes(&dom.document) {
            if depth >= MAX_DEPTH {
                node.children.borrow_mut().clear();
            }
        }
        Ok(Self { dom })
    }

    /// Its title on one line; empty when it has none.
    pub(super) fn title(&self) -> String {
        let title = self.elements().find(|node| name(node).as_deref() == Some("title"));
        title.map(|node| text_of(&node)).unwrap_or_default()
    }

    /// What it says, its links as numbers with their targets at the end; these are relative to `base`.
    ///
    /// # Errors
    /// `Malformed` when it cannot be shown.
    pub(super) fn text(&self, base: &Url) -> Result<String> {
        for (node, _) in nodes(&self.dom.document) {
            node.children.borrow_mut().retain(|child| !is_left_out(child));
            keep_attributes(&node, base);
        }
        let config = config::plain_no_decorate().allow_width_overflow().no_table_borders().link_footnotes(true);
        let text = config.dom_to_render_tree(&self.dom).and_then(|tree| config.render_to_string(tree, WIDTH));
        text.map_err(|err| Error::new(ErrorKind::Malformed, "the page cannot be shown as text").source(err))
    }

    /// All its elements, in order.
    pub(super) fn elements(&self) -> impl Iterator<Item = Handle> {
        nodes(&self.dom.document).map(|(node, _)| node).filter(|node| matches!(node.data, Element { .. }))
    }
}

const TOO_LONG: &str = "the page takes too long to read";

/// What is in an element, on one line.
pub(super) fn text_of(element: &Handle) -> String {
    let dom = RcDom { document: element.clone(), ..RcDom::default() };
    let config = config::with_decorator(TrivialDecorator::new()).raw_mode(true).allow_width_overflow();
    let text = config.dom_to_render_tree(&dom).and_then(|tree| config.render_to_string(tree, usize::from(u16::MAX)));
    text.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a piece of HTML says, on one line.
pub(super) fn plain(html: &str) -> String {
    Page::parse(html).map(|page| text_of(&page.dom.document)).unwrap_or_default()
}

/// The elements below `element`, in order.
pub(super) fn below(element: &Handle) -> impl Iterator<Item = Handle> + use<> {
    nodes(element).skip(1).map(|(node, _)| node).filter(|node| matches!(node.data, Element { .. }))
}

/// An attribute of an element.
pub(super) fn attribute(element: &Handle, wanted: &str) -> Option<String> {
    let Element { attrs, .. } = &element.data else { return None };
    attrs.borrow().iter().find(|attribute| &*attribute.name.local == wanted).map(|attribute| attribute.value.to_string())
}

/// Whether an element is of a class.
pub(super) fn has_class(element: &Handle, wanted: &str) -> bool {
    attribute(element, "class").is_some_and(|classes| classes.split_ascii_whitespace().any(|class| class == wanted))
}

fn name(element: &Handle) -> Option<String> {
    element.element_name()
}

fn is_left_out(node: &Handle) -> bool {
    let is_named = name(node).is_some_and(|name| LEFT_OUT.contains(&name.as_str()));
    let is_hidden = || attribute(node, "hidden").is_some() || attribute(node, "aria-hidden").is_some_and(|value| value == "true");
    is_named || is_hidden()
}

/// Makes the target of a link one that can be fetched, and drops it if there is none; drops numbers that are no numbers of people.
fn keep_attributes(element: &Handle, base: &Url) {
    let Element { attrs, .. } = &element.data else { return };
    attrs.borrow_mut().retain_mut(|attribute| match &*attribute.name.local {
        "href" => {
            let written = attribute.value.trim();
            let target = base.join(written).ok();
            let target = target.filter(|url| !written.starts_with('#') && matches!(url.scheme(), "http" | "https"));
            target.is_some_and(|url| {
                attribute.value = url.as_str().into();
                true
            })
        }
        "colspan" | "rowspan" | "start" => attribute.value.len() <= 3,
        _ => true,
    });
}

/// A node and all below it, in order, each with its depth. Does not recurse, however deep they are.
fn nodes(root: &Handle) -> impl Iterator<Item = (Handle, usize)> + use<> {
    let mut left = vec![(root.clone(), 0)];
    std::iter::from_fn(move || {
        let (node, depth) = left.pop()?;
        left.extend(node.children.borrow().iter().rev().map(|child| (child.clone(), depth + 1)));
        Some((node, depth))
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
mod tests;
