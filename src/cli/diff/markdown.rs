//! A comparison of workflows as a comment on a change: what needs a decision first, the rest to be opened.

use crate::{
    app::review::{Review, Reviews},
    cli::{
        clean,
        diff::told::{about, line, long, rosters, spending, spends_otherwise},
        numbers::plural,
        report::markdown::{add, block, code, details, html_code, table},
    },
    plan::{ChangeKind, EdgeDifference, Mark, Marks, draw_marked},
};

/// By this a script finds the comment that it wrote before.
const MARKER: &str = "<!-- agentflow diff -->";
/// The most text of a comment, in bytes; GitHub takes 65,536 characters.
const LONGEST: usize = 60_000;
/// The most text of a graph: GitHub draws no very large ones, and a block of code is not cut.
const LONGEST_GRAPH: usize = 19_000;

/// How much is told, where there is too much.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Depth {
    /// Only what is other, by name.
    Names,
    /// Also the lines that are other.
    Lines,
    /// Also the graphs.
    Graphs,
}

/// The comment; `since` is the revision that was compared with.
pub(super) fn comment(reviews: &Reviews, since: Option<&str>) -> String {
    let whole = write(reviews, since, Depth::Graphs);
    if whole.len() <= LONGEST {
        return whole;
    }
    let without_graphs = write(reviews, since, Depth::Lines);
    if without_graphs.len() <= LONGEST {
        return without_graphs + "\nThe graphs are left out: there is too much to tell.\n";
    }
    let mut names = write(reviews, since, Depth::Names);
    let rest = "\n\nThe rest is left out: there is too much to tell. `agentflow diff` tells all of it.\n";
    if names.len() > LONGEST {
        // Nothing is open at the end of a line.
        let end = names[..=LONGEST.min(names.len() - 1)].rfind('\n').unwrap_or_default();
        names.truncate(end);
    }
    names + rest
}

fn write(reviews: &Reviews, since: Option<&str>, depth: Depth) -> String {
    let since = since.map(|revision| format!(" since {}", code(revision))).unwrap_or_default();
    let mut text = format!("{MARKER}\n## Workflows{since}\n\n");
    if reviews.same {
        return text + "No workflow is other.\n";
    }
    let widened: Vec<String> =
        reviews.workflows.iter().filter(|review| review.widened).map(|review| code(&review.file)).collect();
    if !widened.is_empty() {
        add(&mut text, &format!("> [!WARNING]\n> **Permissions are widened** in {}\n\n", widened.join(", ")));
    }
    for review in &reviews.workflows {
        one(review, depth, &mut text);
    }
    text
}

fn one(review: &Review, depth: Depth, text: &mut String) {
    let change = review.change.map_or("the same", ChangeKind::as_str);
    let from = review.before_file.as_ref().map(|file| format!("{} → ", code(file))).unwrap_or_default();
    add(text, &format!("### {from}{}: {change}\n\n", code(&review.file)));
    if let Some(note) = &review.note {
        add(text, &format!("{}\n\n", clean::one_line(note)));
    }
    if review.change.is_none() {
        return;
    }
    permissions(review, text);
    nodes(review, text);
    edges(review, text);
    workflow(review, text);
    for (what, roster) in rosters(review) {
        let names = |names: &[String]| names.iter().map(|name| code(name)).collect::<Vec<_>>().join(", ");
        let sides = [("new", &roster.added), ("gone", &roster.removed)];
        let told = sides.iter().filter(|(_, all)| !all.is_empty()).map(|(word, all)| format!("{word} {}", names(all)));
        add(text, &format!("**{}**: {}\n\n", capital(what), told.collect::<Vec<_>>().join("; ")));
    }
    if spends_otherwise(review) {
        let rows: Vec<Vec<String>> = spending(review).into_iter().map(|row| row.to_vec()).collect();
        text.push_str(&table(&["", "before", "after"], &rows));
        text.push('\n');
    }
    if depth >= Depth::Lines {
        for long in long(review) {
            let lines: String = long.lines.iter().map(|line| line.marked() + "\n").collect();
            text.push_str(&details(&long.title(html_code), &block("diff", &lines)));
            text.push('\n');
        }
    }
    if depth >= Depth::Graphs {
        graph(review, text);
    }
}

fn permissions(review: &Review, text: &mut String) {
    if review.permissions.is_empty() {
        return;
    }
    text.push_str("**Permissions**\n\n");
    for change in &review.permissions {
        let word = if change.is_wider { "⚠️ wider" } else { "narrower" };
        add(text, &format!("- {word}: {}: {}\n", code(&change.place.replace('`', "")), code(&change.what.replace('`', ""))));
    }
    text.push('\n');
}

fn nodes(review: &Review, text: &mut String) {
    let row = |node: &crate::plan::NodeDifference| {
        vec![code(&node.node), node.change.as_str().to_owned(), about(node, ToOwned::to_owned, code)]
    };
    let rows: Vec<Vec<String>> = review.difference.nodes.iter().map(row).collect();
    if !rows.is_empty() {
        text.push_str(&table(&["node", "change", "what"], &rows));
        text.push('\n');
    }
}

fn edges(review: &Review, text: &mut String) {
    let row = |edge: &EdgeDifference| {
        let side = |taken: &Option<String>| taken.as_ref().map_or_else(|| "–".to_owned(), |taken| code(&taken.replace('`', "")));
        let ends = format!("{} → {}", code(&edge.from), code(&edge.to));
        vec![ends, edge.change.as_str().to_owned(), side(&edge.one), side(&edge.other)]
    };
    let rows: Vec<Vec<String>> = review.difference.edges.iter().map(row).collect();
    if rows.is_empty() {
        return;
    }
    let title = plural(rows.len() as u64, "edge");
    text.push_str(&details(&title, &table(&["edge", "change", "taken before", "taken now"], &rows)));
    text.push('\n');
}

fn workflow(review: &Review, text: &mut String) {
    if review.change != Some(ChangeKind::Changed) || review.difference.workflow.is_empty() {
        return;
    }
    text.push_str("**Of the workflow**\n\n");
    for said in &review.difference.workflow {
        add(text, &format!("- {}\n", line(said, code, code)));
    }
    text.push('\n');
}

/// The second version, what changed being marked.
fn graph(review: &Review, text: &mut String) {
    let Some(plan) = &review.plan else { return };
    let mut marks = Marks::default();
    for node in &review.difference.nodes {
        match node.change {
            ChangeKind::Added => marks.set(&node.node, Mark::Added, "new"),
            ChangeKind::Changed => marks.set(&node.node, Mark::Changed, "changed"),
            ChangeKind::Removed => {}
        }
    }
    for wider in review.permissions.iter().filter(|change| change.is_wider) {
        if let Some(node) = wider.place.strip_prefix("node `").and_then(|rest| rest.strip_suffix('`')) {
            marks.set(node, Mark::Widened, "may touch more");
        }
    }
    let graph = draw_marked(plan, &marks);
    if graph.len() <= LONGEST_GRAPH {
        text.push_str(&details("The graph, changes marked", &block("mermaid", &graph)));
        text.push('\n');
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().collect::<String>() + letters.as_str()).unwrap_or_default()
}
