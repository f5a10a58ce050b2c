//! Coverage for programs. docs/coverage.md describes it; what is added later leaves the version as it is.

use serde_json::{Map, Value, json};

use crate::testing::coverage::{
    Coverage, FileCoverage, Tally,
    point::{Count, Point, Sort, What},
};

/// The version of the JSON report.
pub const FORMAT_VERSION: u32 = 1;

/// The report, indented.
pub(super) fn render(coverage: &Coverage) -> String {
    let mut report = Map::new();
    report.insert("version".to_owned(), json!(FORMAT_VERSION));
    tallies(&mut report, |sort| coverage.tally(sort));
    report.insert("workflows".to_owned(), coverage.files().map(file).collect());
    let mut text = serde_json::to_string_pretty(&Value::Object(report)).expect("a JSON value can be written");
    text.push('\n');
    text
}

fn tallies(into: &mut Map<String, Value>, tally: impl Fn(Option<Sort>) -> Tally) {
    let all = tally(None);
    into.insert("covered".to_owned(), json!(all.covered));
    into.insert("all".to_owned(), json!(all.all));
    into.insert("percent".to_owned(), json!(all.percent()));
    let sorts = Sort::ALL.into_iter().map(|sort| (sort, tally(Some(sort)))).filter(|(_, tally)| tally.all > 0);
    let of = |tally: Tally| json!({"covered": tally.covered, "all": tally.all, "percent": tally.percent()});
    let sorts: Map<String, Value> = sorts.map(|(sort, tally)| (sort.to_string(), of(tally))).collect();
    into.insert("sorts".to_owned(), Value::Object(sorts));
}

fn file(file: &FileCoverage) -> Value {
    let mut object = Map::new();
    object.insert("workflow".to_owned(), json!(file.name));
    object.insert("file".to_owned(), json!(file.path.display().to_string()));
    object.insert("runs".to_owned(), json!(file.runs));
    tallies(&mut object, |sort| file.tally(sort));
    object.insert("points".to_owned(), file.points.iter().map(|point| self::point(file, point)).collect());
    Value::Object(object)
}

fn point(file: &FileCoverage, point: &Point) -> Value {
    let mut object = Map::new();
    let mut add = |key: &str, value: Value| {
        object.insert(key.to_owned(), value);
    };
    add("sort", json!(point.sort().as_str()));
    add("node", json!(point.node));
    let (what, detail) = tag(&point.what);
    add("what", json!(what));
    if let Some((key, value)) = detail {
        add(key, value);
    }
    if let What::EdgeCondition(_, value) = &point.what {
        add("value", json!(value));
    }
    if !point.subject.is_empty() {
        add("expression", json!(point.subject));
    }
    add("line", json!(point.spot.line));
    add("column", json!(point.spot.column));
    add("hits", json!(point.hits));
    if point.what == What::Ran {
        add("skips", json!(point.skips));
    }
    if !point.is_covered() {
        add("hint", json!(file.hint(point)));
    }
    Value::Object(object)
}

/// What the report calls it, and what belongs to it.
fn tag(what: &What) -> (&'static str, Option<(&'static str, Value)>) {
    match what {
        What::Ran => ("ran", None),
        What::EdgeFrom(from) => ("edge", Some(("from", json!(from)))),
        What::When(value) => ("when", Some(("value", json!(value)))),
        What::EdgeCondition(from, _) => ("edge_condition", Some(("from", json!(from)))),
        What::Until(value) => ("until", Some(("value", json!(value)))),
        What::Case(case) => ("case", Some(("case", json!(case)))),
        What::Default => ("default", None),
        What::Continued => ("continue", None),
        What::Replaced => ("use", None),
        What::WentTo(target) => ("goto", Some(("to", json!(target)))),
        What::Retried => ("retry", None),
        What::CameShort => ("timeout", None),
        What::FellBackTo(model) => ("fallback", Some(("model", json!(model)))),
        What::WentRound => ("second_iteration", None),
        What::ReachedBound => ("bound", None),
        What::Mapped(Count::None) => ("elements", Some(("elements", json!("none")))),
        What::Mapped(Count::One) => ("elements", Some(("elements", json!("one")))),
        What::Mapped(Count::Many) => ("elements", Some(("elements", json!("many")))),
        What::FirstFrom(from) => ("first", Some(("from", json!(from)))),
        What::Chose(option) => ("option", Some(("option", json!(option)))),
        What::Unanswered => ("unanswered", None),
    }
}
