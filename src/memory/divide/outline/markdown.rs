//! The headings of Markdown.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::{MAX_PARTS, labelled};
use crate::memory::Heading;

/// The headings of a text, in order, with their words; of very many, some. What stands in code, lists or quotations is none.
pub(super) fn headings(text: &str) -> Vec<(Heading, String)> {
    let mut headings: Vec<(Heading, String)> = Vec::new();
    let (mut words, mut is_in_heading, mut quotations) = (String::new(), false, 0_usize);
    for (event, range) in Parser::new_ext(text, Options::ENABLE_YAML_STYLE_METADATA_BLOCKS).into_offset_iter() {
        match event {
            Event::Start(Tag::BlockQuote(_) | Tag::List(_)) => quotations += 1,
            Event::End(TagEnd::BlockQuote(_) | TagEnd::List(_)) => quotations = quotations.saturating_sub(1),
            _ if headings.len() > MAX_PARTS => break,
            Event::Start(Tag::Heading { level, .. }) if quotations == 0 => {
                is_in_heading = true;
                words.clear();
                // The line as a whole: up to three spaces may stand before it.
                let at = text[..range.start].rfind('\n').map_or(0, |end| end + 1);
                headings.push((Heading { at, level: level as u8 }, String::new()));
            }
            Event::End(TagEnd::Heading(_)) if is_in_heading => {
                is_in_heading = false;
                if let Some((_, label)) = headings.last_mut() {
                    *label = labelled(&words);
                }
            }
            Event::Text(part) | Event::Code(part) if is_in_heading => words.push_str(&part),
            Event::SoftBreak | Event::HardBreak if is_in_heading => words.push(' '),
            _ => {}
        }
    }
    headings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_are_found_as_people_write_them() {
        let text = "---\ntitle: x\n---\n# One `a`\n\n```sh\n# none\n```\n\nTwo\nlines\n===\n\n> # none\n\n  ## Three ##\n";
        let found: Vec<_> =
            headings(text).into_iter().map(|(heading, label)| (heading.level, &text[heading.at..][..3], label)).collect();
        assert_eq!(found, [(1, "# O", "One a".to_owned()), (1, "Two", "Two lines".to_owned()), (2, "  #", "Three".to_owned())]);
    }
}
