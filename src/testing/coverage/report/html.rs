//! Coverage as a page: the figures, then for each workflow its graph, what is missing, and its file with the lines marked.

use std::{collections::BTreeMap, fmt::Write as _};

use super::page::{escape, page};
use crate::{
    plan::draw_shares,
    testing::coverage::{
        Coverage, FileCoverage, Tally,
        point::{Point, Sort},
        shares::shares,
        threshold::percent,
    },
};

/// The page.
pub(super) fn render(coverage: &Coverage) -> String {
    let mut body = String::new();
    write!(
        body,
        "<header>\n<h1>Coverage of workflows: {} %</h1>\n<p>{}. A point is something that a test can take: a node, an edge, a condition \
         that is true or false, a case of a route, what follows from a failure.</p>\n</header>\n<main>\n",
        percent(coverage.tally(None).percent()),
        escape(&coverage.in_short()),
    ).expect("writing to a string cannot fail");
    figures(&mut body, coverage);
    for (number, file) in coverage.files().enumerate() {
        section(&mut body, number, file);
    }
    body.push_str("</main>\n");
    page("Coverage of workflows", &body)
}

/// Good when nothing is missing, bad when all of it is.
fn class(tally: Tally) -> &'static str {
    match tally {
        Tally { covered, all } if covered == all => "good",
        Tally { covered: 0, .. } => "bad",
        Tally { .. } => "part",
    }
}

fn figures(out: &mut String, coverage: &Coverage) {
    let sorts: Vec<Sort> = Sort::ALL.into_iter().filter(|sort| coverage.tally(Some(*sort)).all > 0).collect();
    out.push_str("<div class=\"scrolls\">\n<table class=\"figures\">\n<thead><tr><th scope=\"col\">workflow</th><th scope=\"col\">runs</th>");
    for sort in &sorts {
        write!(out, "<th scope=\"col\">{sort}</th>").expect("writing to a string cannot fail");
    }
    out.push_str("<th scope=\"col\">all</th></tr></thead>\n<tbody>\n");
    for (number, file) in coverage.files().enumerate() {
        let path = escape(&file.path.display().to_string());
        write!(out, "<tr><th scope=\"row\"><a href=\"#w{number}\">{path}</a></th><td>{}</td>", file.runs)
            .expect("writing to a string cannot fail");
        cells(out, &sorts, |sort| file.tally(sort));
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n<tfoot><tr><th scope=\"row\">all</th><td></td>");
    cells(out, &sorts, |sort| coverage.tally(sort));
    out.push_str("</tr></tfoot>\n</table>\n</div>\n");
}

fn cells(out: &mut String, sorts: &[Sort], tally: impl Fn(Option<Sort>) -> Tally) {
    for tally in sorts.iter().map(|sort| tally(Some(*sort))).chain([tally(None)]) {
        let written = match tally.all {
            0 => write!(out, "<td>–</td>"),
            all => {
                let (class, covered) = (class(tally), tally.covered);
                write!(out, "<td class=\"{class}\" title=\"{covered} of {all}\">{} %</td>", percent(tally.percent()))
            }
        };
        written.expect("writing to a string cannot fail");
    }
}

fn section(out: &mut String, number: usize, file: &FileCoverage) {
    let tally = file.tally(None);
    let runs = match file.runs {
        0 => "no test runs it".to_owned(),
        1 => "one run".to_owned(),
        runs => format!("{runs} runs"),
    };
    write!(
        out,
        "<section aria-labelledby=\"w{number}\">\n<h2 id=\"w{number}\">{} <span class=\"{}\">{} %</span></h2>\n\
         <p><code>{}</code> · {} of {} points · {runs}</p>\n",
        escape(&file.name),
        class(tally),
        percent(tally.percent()),
        escape(&file.path.display().to_string()),
        tally.covered,
        tally.all,
    )
    .expect("writing to a string cannot fail");
    write!(
        out,
        "<figure>\n<div class=\"scrolls\">\n{}</div>\n<figcaption>Full line: taken. Long dashes at a node: it ran, and points of it are \
         missing. Short dashes: no test took it.</figcaption>\n</figure>\n",
        draw_shares(&file.plan, &shares(file)),
    ).expect("writing to a string cannot fail");
    missing(out, number, file);
    source(out, number, file);
    out.push_str("</section>\n");
}

fn missing(out: &mut String, number: usize, file: &FileCoverage) {
    let missing = file.missing();
    if missing.is_empty() {
        out.push_str("<p class=\"good\">✓ Nothing is missing.</p>\n");
        return;
    }
    writeln!(out, "<h3>What is missing ({})</h3>\n<ul class=\"missing\">", missing.len())
        .expect("writing to a string cannot fail");
    for point in missing {
        let line = point.spot.line;
        writeln!(
            out,
            "<li><a href=\"#w{number}-{line}\">line {line}</a> <code>{}</code>: {}<span class=\"how\">{}</span></li>",
            escape(&point.node),
            escape(&point.in_words()),
            escape(&file.hint(point)),
        )
        .expect("writing to a string cannot fail");
    }
    out.push_str("</ul>\n");
}

fn source(out: &mut String, number: usize, file: &FileCoverage) {
    let mut lines: BTreeMap<usize, Vec<&Point>> = BTreeMap::new();
    file.points.iter().for_each(|point| lines.entry(point.spot.line).or_default().push(point));
    write!(
        out,
        "<h3>The file</h3>\n<div class=\"scrolls\">\n<table class=\"source\" aria-label=\"Lines of the file, with how many of their points \
         were taken\">\n<tbody>\n"
    ).expect("writing to a string cannot fail");
    for (line, text) in (1..).zip(file.text.lines()) {
        let points = lines.get(&line).map(Vec::as_slice).unwrap_or_default();
        let id = format!("w{number}-{line}");
        if points.is_empty() {
            write!(out, "<tr id=\"{id}\"><th scope=\"row\" class=\"number\">{line}</th><td class=\"mark\"></td>")
                .expect("writing to a string cannot fail");
        } else {
            let tally = Tally::count(points.iter().copied());
            let sign = if tally.covered == tally.all { "✓" } else { "✗" };
            let missing: Vec<String> = points.iter().filter(|point| !point.is_covered()).map(|point| point.in_words()).collect();
            let said = if missing.is_empty() { "all taken".to_owned() } else { format!("missing: {}", missing.join("; ")) };
            let class = class(tally);
            write!(
                out,
                "<tr id=\"{id}\" class=\"{class}\"><th scope=\"row\" class=\"number\">{line}</th>\
                 <td class=\"mark {class}\" title=\"{}\">{sign} {}/{}</td>",
                escape(&said),
                tally.covered,
                tally.all,
            )
            .expect("writing to a string cannot fail");
        }
        writeln!(out, "<td class=\"code\">{}</td></tr>", escape(text)).expect("writing to a string cannot fail");
    }
    out.push_str("</tbody>\n</table>\n</div>\n");
}
