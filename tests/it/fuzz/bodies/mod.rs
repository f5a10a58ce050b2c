//! What is given arbitrary bytes, each a plain function that panics when something is wrong. Called by the tests beside, over a corpus
//! and over seeded changes of it, and by libFuzzer (`fuzz/`, `scripts/fuzz`).

mod answers;
mod files;
mod logs;
mod permissions;
mod schemas;
mod servers;
mod templates;
mod tools;
mod urls;

/// Takes bytes that anybody may have made.
pub(crate) type Body = fn(&[u8]);

/// Every target, by the name of its folder in `tests/fixtures/fuzz`.
pub(crate) const TARGETS: [(&str, Body); 17] = [
    ("yaml", files::yaml),
    ("toml", files::toml),
    ("json", files::json),
    ("template", templates::template),
    ("expression", templates::expression),
    ("schema", schemas::schema),
    ("shorthand", schemas::shorthand),
    ("events", servers::events),
    ("answer", servers::answer),
    ("delay", servers::delay),
    ("refusal", servers::refusal),
    ("cassette", servers::cassette),
    ("json_in_text", answers::json_in_text),
    ("log", logs::log),
    ("url", urls::url),
    ("permission", permissions::permission),
    ("calculator", tools::calculator),
];

/// The text in `bytes`, which most targets take.
fn text(bytes: &[u8]) -> Option<&str> {
    str::from_utf8(bytes).ok()
}
