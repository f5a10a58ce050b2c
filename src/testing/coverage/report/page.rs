//! The page around the report: its head and its style. Light and dark, wide and narrow, on screen and on paper.

use std::fmt::Write as _;

/// A whole page.
pub(super) fn page(title: &str, body: &str) -> String {
    let mut out = String::new();
    let title = escape(title);
    write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body>\n{body}</body>\n</html>\n"
    )
    .expect("writing to a string cannot fail");
    out
}

/// Text for HTML, without control characters.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' => escaped.push(c),
            c if c.is_control() => escaped.push('\u{FFFD}'),
            // What turns the direction of text could show a line as something else than it is.
            '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FFFE}' | '\u{FFFF}' => escaped.push('\u{FFFD}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// What is covered is told by words and signs as well as by colours.
const STYLE: &str = "\
:root { color-scheme: light dark; --ground: #ffffff; --text: #1f2328; --quiet: #57606a; --line: #d0d7de; --raised: #f6f8fa;
  --good: #116329; --good-ground: #dafbe1; --part: #7d4e00; --part-ground: #fff8c5; --bad: #a40e26; --bad-ground: #ffebe9; --link: #0550ae }
@media (prefers-color-scheme: dark) {
  :root { --ground: #0d1117; --text: #e6edf3; --quiet: #9198a1; --line: #3d444d; --raised: #161b22;
    --good: #56d364; --good-ground: #12261e; --part: #e3b341; --part-ground: #2e2a1f; --bad: #ff7b72; --bad-ground: #301b1e; --link: #79c0ff }
}
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 90rem; padding: 1.5rem; background: var(--ground); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif }
h1 { margin: 0 0 .25rem; font-size: 1.6rem }
h2 { margin: 3rem 0 .25rem; padding-top: 1rem; border-top: 1px solid var(--line); font-size: 1.3rem }
h3 { margin: 1.5rem 0 .5rem; font-size: 1.05rem }
p { margin: .25rem 0 1rem; color: var(--quiet) }
a { color: var(--link) }
code, .source { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace; font-size: 13px }
.scrolls { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
.figures th, .figures td { padding: .3rem .75rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap }
.figures th:first-child, .figures td:first-child { text-align: left }
.figures thead th { color: var(--quiet); font-weight: 600 }
.figures tfoot th, .figures tfoot td { font-weight: 600 }
.good { color: var(--good) } .part { color: var(--part) } .bad { color: var(--bad) }
figure { margin: 1rem 0; padding: 1rem; border: 1px solid var(--line); border-radius: 6px; background: #ffffff }
figure svg { display: block; height: auto }
figcaption { margin-top: .75rem; color: #57606a; font-size: 13px }
.missing { margin: 0; padding-left: 1.25rem }
.missing li { margin: .35rem 0 }
.missing .how { display: block; color: var(--quiet) }
.source { width: 100%; border: 1px solid var(--line); border-radius: 6px; line-height: 1.45 }
.source td, .source th { padding: 0 .6rem; vertical-align: top; font-weight: normal }
.source .number { width: 1%; color: var(--quiet); text-align: right; user-select: none }
.source .mark { width: 1%; white-space: nowrap; text-align: right }
.source .code { white-space: pre }
tr.good { background: var(--good-ground) } tr.part { background: var(--part-ground) } tr.bad { background: var(--bad-ground) }
tr.good .code, tr.part .code, tr.bad .code { color: var(--text) }
tr:target { outline: 2px solid var(--link) }
@media print { body { max-width: none } h2 { break-before: page } .scrolls { overflow: visible } .source .code { white-space: pre-wrap } }
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_authors_is_text_on_the_page() {
        assert_eq!(escape("<b a=\"1\">&\u{1b}[1m\u{202e}x"), "&lt;b a=&quot;1&quot;&gt;&amp;\u{FFFD}[1m\u{FFFD}x");
        let page = page("a < b", "");
        assert!(page.contains("<title>a &lt; b</title>") && page.ends_with("</html>\n"), "{page}");
    }
}
