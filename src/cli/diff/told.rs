//! What is told of a comparison of workflows, in words: the same in text and in Markdown.

use indexmap::IndexMap;

use crate::{
    app::{
        line_diff::{DiffLine, line_diff},
        review::{Review, Roster, Totals},
    },
    cli::dry_run,
    model::Value,
    plan::{AspectDifference, ChangeKind, NodeDifference},
};

/// The longest value that is told on the line of its change, in characters.
const SHORT: usize = 60;
/// What is shown whole of a node that is new: what is said to models and tools.
const SHOWN_WHOLE: [&str; 6] = ["system", "prompt", "args", "value", "message", "body"];

/// Something that is other and takes several lines; of all nodes of which the same is other.
pub(super) struct Long<'a> {
    /// What of them.
    pub(super) aspect: &'a str,
    /// The nodes; none for the workflow as a whole.
    pub(super) nodes: Vec<&'a str>,
    /// What is other.
    pub(super) lines: Vec<DiffLine>,
}

impl Long<'_> {
    /// ``prompt of `draft`, `review` ``, each name written by `name`.
    pub(super) fn title(&self, name: impl Fn(&str) -> String) -> String {
        let nodes: Vec<String> = self.nodes.iter().map(|node| name(node)).collect();
        if nodes.is_empty() { name(self.aspect) } else { format!("{} of {}", self.aspect, nodes.join(", ")) }
    }
}

/// All that takes several lines, each once.
pub(super) fn long(review: &Review) -> Vec<Long<'_>> {
    let mut found: IndexMap<String, Long<'_>> = IndexMap::new();
    let of_workflow =
        review.difference.workflow.iter().filter(|_| review.change == Some(ChangeKind::Changed)).map(|said| (None, said));
    let of_nodes = review.difference.nodes.iter().flat_map(|node| node.aspects.iter().map(move |said| (Some(node), said)));
    for (node, said) in of_workflow.chain(of_nodes).filter(|(node, said)| is_long(*node, said)) {
        let key = format!("{} {:?} {:?}", said.aspect, said.one, said.other);
        let long = found.entry(key).or_insert_with(|| {
            let [one, other] = [&said.one, &said.other].map(|side| side.as_ref().map(whole).unwrap_or_default());
            Long { aspect: &said.aspect, nodes: Vec::new(), lines: line_diff(&one, &other) }
        });
        long.nodes.extend(node.map(|node| node.node.as_str()));
    }
    found.into_values().filter(|long| !long.lines.is_empty()).collect()
}

fn is_long(node: Option<&NodeDifference>, said: &AspectDifference) -> bool {
    match node.map(|node| node.change) {
        Some(ChangeKind::Removed) => false,
        Some(ChangeKind::Added) => SHOWN_WHOLE.contains(&said.aspect.as_str()),
        Some(ChangeKind::Changed) | None => short(said).is_none(),
    }
}

/// What is other about a node, on a line. `name` writes a name, `value` a value.
pub(super) fn about(node: &NodeDifference, name: impl Fn(&str) -> String, value: impl Fn(&str) -> String) -> String {
    if node.change == ChangeKind::Changed {
        let words = node.aspects.iter().map(|said| line(said, &name, &value));
        return words.collect::<Vec<_>>().join("; ");
    }
    let said = |aspect: &str| {
        let said = node.aspects.iter().find(|said| said.aspect == aspect)?;
        said.other.as_ref().or(said.one.as_ref())?.as_str().map(&value)
    };
    let words: Vec<String> = ["agent", "model", "tool", "workflow"].iter().filter_map(|aspect| said(aspect)).collect();
    if words.is_empty() { node.kind.to_owned() } else { format!("{} {}", node.kind, words.join(" · ")) }
}

/// A change on a line: both values, where they are short.
pub(super) fn line(said: &AspectDifference, name: impl Fn(&str) -> String, value: impl Fn(&str) -> String) -> String {
    match short(said) {
        Some((one, other)) => format!("{}: {} → {}", name(&said.aspect), value(&one), value(&other)),
        None => name(&said.aspect),
    }
}

/// Both values, when both are short.
fn short(said: &AspectDifference) -> Option<(String, String)> {
    let short = |side: &Option<Value>| match side {
        None => Some("nothing".to_owned()),
        Some(value) => {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            (text.chars().count() <= SHORT && !text.contains('\n')).then_some(text)
        }
    };
    // What is said to models and tools is read better one below the other.
    if SHOWN_WHOLE.contains(&said.aspect.as_str()) { None } else { short(&said.one).zip(short(&said.other)) }
}

/// A text as it is, anything else as JSON over several lines.
fn whole(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => serde_json::to_string_pretty(value).unwrap_or_default(),
    }
}

/// Agents, models and tools that are new or gone: what they are, and both lists.
pub(super) fn rosters(review: &Review) -> impl Iterator<Item = (&'static str, &Roster)> {
    let all = [("agents", &review.agents), ("models", &review.models), ("tools", &review.tools)];
    all.into_iter().filter(|(_, roster)| !roster.is_same())
}

/// What may be spent, before and after, by what it is.
pub(super) fn spending(review: &Review) -> Vec<[String; 3]> {
    let row = |what: &str, of: fn(&Totals) -> String| {
        let side = |side: &Option<Totals>| side.as_ref().map_or_else(|| "–".to_owned(), of);
        [what.to_owned(), side(&review.before), side(&review.after)]
    };
    vec![
        row("model calls (least / expected / most)", |totals| dry_run::range(&totals.calls)),
        row("expected cost", expected),
        row("worst-case cost", |totals| match totals.cost_usd.most {
            Some(most) => format!("${most:.2}, its budget"),
            None => "not bounded".to_owned(),
        }),
    ]
}

fn expected(totals: &Totals) -> String {
    let known = format!("${:.4}", totals.cost_usd.expected);
    match (totals.unpriced.as_slice(), totals.cost_usd.expected > 0.0) {
        ([], _) => known,
        (unpriced, true) => format!("{known}, without {}", unpriced.join(", ")),
        (unpriced, false) => format!("not known: {} has no price", unpriced.join(", ")),
    }
}

/// Whether anything that is told about what may be spent is other.
pub(super) fn spends_otherwise(review: &Review) -> bool {
    spending(review).iter().any(|[_, before, after]| before != after)
}
