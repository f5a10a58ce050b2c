//! A graph in words, for those too large to draw: its nodes layer by layer, each group with what follows it.

use crate::plan::draw::{
    layers::longest_paths,
    text::{Glyphs, width},
    view::GraphView,
};

/// No more successors of one group are named.
const MOST_SUCCESSORS: usize = 12;

/// The list, in lines of at most `columns`.
///
/// Neighbours in a layer that do the same and lead to the same nodes are one entry.
pub(super) fn lines(graph: &GraphView, columns: usize, glyphs: Glyphs) -> Vec<String> {
    if graph.nodes.is_empty() {
        return vec!["(no nodes)".to_owned()];
    }
    let ranks = longest_paths(graph);
    let mut rows: Vec<Vec<usize>> = vec![Vec::new(); ranks.iter().max().map_or(0, |last| last + 1)];
    ranks.iter().enumerate().for_each(|(node, &rank)| rows[rank].push(node));
    let mut successors: Vec<Vec<String>> = vec![Vec::new(); graph.nodes.len()];
    for edge in &graph.edges {
        let id = short(&graph.nodes[edge.to].id, columns, glyphs);
        let label = edge.label().map(|label| format!(" [{}]", glyphs.shorten(&glyphs.clean(&label), 24.min(columns / 3))));
        successors[edge.from].push(id + label.as_deref().unwrap_or(""));
    }
    let mut lines = Vec::new();
    for (rank, nodes) in rows.iter().enumerate() {
        let counted = if nodes.len() > 1 { format!(" ({} nodes)", nodes.len()) } else { String::new() };
        lines.push(format!("layer {}{counted}", rank + 1));
        let does = |node: usize| glyphs.clean(&graph.nodes[node].lines(glyphs.at_most()).join(", "));
        let mut groups: Vec<(String, &[String], Vec<String>)> = Vec::new();
        for &node in nodes {
            let (what, leads_to) = (does(node), successors[node].as_slice());
            let id = short(&graph.nodes[node].id, columns, glyphs);
            match groups.last_mut() {
                Some(group) if group.0 == what && group.1 == leads_to => group.2.push(id),
                _ => groups.push((what, leads_to, vec![id])),
            }
        }
        for (what, leads_to, ids) in groups {
            let last = ids.len() - 1;
            let mut words: Vec<String> =
                ids.into_iter().enumerate().map(|(at, id)| if at < last { id + "," } else { id + ":" }).collect();
            words.extend(what.split(' ').map(str::to_owned));
            flow(&words, 2, columns, glyphs, &mut lines);
            if !leads_to.is_empty() {
                flow(&successor_words(leads_to, glyphs), 4, columns, glyphs, &mut lines);
            }
        }
    }
    lines
}

fn successor_words(leads_to: &[String], glyphs: Glyphs) -> Vec<String> {
    let shown = if leads_to.len() > MOST_SUCCESSORS + 1 { MOST_SUCCESSORS } else { leads_to.len() };
    let mut words = vec![glyphs.arrow().to_owned()];
    let more = leads_to.len() - shown;
    for (at, id) in leads_to[..shown].iter().enumerate() {
        words.push(if at + 1 < shown || more > 0 { format!("{id},") } else { id.clone() });
    }
    if more > 0 {
        words.push(format!("and {more} more"));
    }
    words
}

fn short(id: &str, columns: usize, glyphs: Glyphs) -> String {
    glyphs.shorten(&glyphs.clean(id), 40.min(columns.saturating_sub(8)))
}

/// Adds the words in lines that start with `indent` spaces, two more from the second on.
fn flow(words: &[String], indent: usize, columns: usize, glyphs: Glyphs, lines: &mut Vec<String>) {
    let mut line = " ".repeat(indent);
    let mut is_empty = true;
    for word in words {
        if !is_empty && width(&line) + 1 + width(word) > columns {
            lines.push(std::mem::replace(&mut line, " ".repeat(indent + 2)));
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        let room = columns.saturating_sub(width(&line));
        line.push_str(&glyphs.shorten(word, room));
        is_empty = false;
    }
    lines.push(line);
}
