//! What well-known models cost: public list prices as of October 2025, in USD per million tokens. A model that is not listed
//! is unpriced, never free; the manifest can price any model.

use crate::model::Price;

/// Model, price of tokens read, of cached tokens read, of tokens written. An absent cached price is the price of tokens read.
type Row = (&'static str, f64, Option<f64>, f64);

const OPENAI: &[Row] = &[
    ("gpt-5", 1.25, Some(0.125), 10.0),
    ("gpt-5-chat-latest", 1.25, Some(0.125), 10.0),
    ("gpt-5-codex", 1.25, Some(0.125), 10.0),
    ("gpt-5-mini", 0.25, Some(0.025), 2.0),
    ("gpt-5-nano", 0.05, Some(0.005), 0.4),
    ("gpt-5-pro", 15.0, None, 120.0),
    ("gpt-4.1", 2.0, Some(0.5), 8.0),
    ("gpt-4.1-mini", 0.4, Some(0.1), 1.6),
    ("gpt-4.1-nano", 0.1, Some(0.025), 0.4),
    // The first of its name cost more than those that followed.
    ("gpt-4o-2024-05-13", 5.0, None, 15.0),
    ("gpt-4o", 2.5, Some(1.25), 10.0),
    ("gpt-4o-mini", 0.15, Some(0.075), 0.6),
    ("o1", 15.0, Some(7.5), 60.0),
    ("o3", 2.0, Some(0.5), 8.0),
    ("o3-mini", 1.1, Some(0.55), 4.4),
    ("o3-pro", 20.0, None, 80.0),
    ("o4-mini", 1.1, Some(0.275), 4.4),
    ("gpt-4-turbo", 10.0, None, 30.0),
    ("gpt-3.5-turbo", 0.5, None, 1.5),
];

const ANTHROPIC: &[Row] = &[
    ("claude-opus-4-1", 15.0, Some(1.5), 75.0),
    ("claude-opus-4-0", 15.0, Some(1.5), 75.0),
    ("claude-opus-4", 15.0, Some(1.5), 75.0),
    ("claude-sonnet-4-5", 3.0, Some(0.3), 15.0),
    ("claude-sonnet-4-0", 3.0, Some(0.3), 15.0),
    ("claude-sonnet-4", 3.0, Some(0.3), 15.0),
    ("claude-haiku-4-5", 1.0, Some(0.1), 5.0),
    ("claude-3-7-sonnet", 3.0, Some(0.3), 15.0),
    ("claude-3-5-sonnet", 3.0, Some(0.3), 15.0),
    ("claude-3-5-haiku", 0.8, Some(0.08), 4.0),
    ("claude-3-opus", 15.0, Some(1.5), 75.0),
    ("claude-3-haiku", 0.25, Some(0.03), 1.25),
];

/// Prices for prompts of up to 200,000 tokens; longer ones cost more.
const GEMINI: &[Row] = &[
    ("gemini-2.5-pro", 1.25, None, 10.0),
    ("gemini-2.5-flash", 0.3, None, 2.5),
    ("gemini-2.5-flash-lite", 0.1, None, 0.4),
    ("gemini-2.0-flash", 0.1, None, 0.4),
    ("gemini-2.0-flash-lite", 0.075, None, 0.3),
];

/// Only dated names: what `-latest` means changes, and the price with it.
const MISTRAL: &[Row] = &[
    ("mistral-large-2411", 2.0, None, 6.0),
    ("mistral-medium-2505", 0.4, None, 2.0),
    ("mistral-medium-2508", 0.4, None, 2.0),
    ("mistral-small-2503", 0.1, None, 0.3),
    ("mistral-small-2506", 0.1, None, 0.3),
];

const DEEPSEEK: &[Row] = &[("deepseek-chat", 0.28, Some(0.028), 0.42), ("deepseek-reasoner", 0.28, Some(0.028), 0.42)];

const GROQ: &[Row] = &[("llama-3.3-70b-versatile", 0.59, None, 0.79), ("llama-3.1-8b-instant", 0.05, None, 0.08)];

/// What `model` costs at the server `host`; `None` when that is not known for sure.
///
/// `gpt-5-mini-2025-08-07` is looked up as `gpt-5-mini`, `claude-haiku-4-5-20251001` as `claude-haiku-4-5`: a date is taken off,
/// any other ending is another model.
pub(super) fn price(host: &str, model: &str) -> Option<Price> {
    let (rows, model) = match host {
        "api.openai.com" => (OPENAI, model),
        // Anthropic's `-latest` names the newest of one family and generation, at the same price.
        "api.anthropic.com" => (ANTHROPIC, model.strip_suffix("-latest").unwrap_or(model)),
        "generativelanguage.googleapis.com" => (GEMINI, model.strip_prefix("models/").unwrap_or(model)),
        "api.mistral.ai" => (MISTRAL, model),
        "api.deepseek.com" => (DEEPSEEK, model),
        "api.groq.com" => (GROQ, model),
        _ => return None,
    };
    let find = |name: &str| rows.iter().find(|row| row.0 == name);
    let (_, input, cached_input, output) = *find(model).or_else(|| find(without_date(model)?))?;
    Some(Price { input, cached_input, output })
}

/// `name` without `-2025-08-07` or `-20250807` at its end; `None` when it has no such ending.
pub(super) fn without_date(name: &str) -> Option<&str> {
    let is_date =
        |digits: &str| digits.len() == 8 && digits.starts_with("20") && digits.bytes().all(|byte| byte.is_ascii_digit());
    let (rest, last) = name.rsplit_once('-')?;
    if is_date(last) {
        return Some(rest);
    }
    let (rest, month) = rest.rsplit_once('-')?;
    let (rest, year) = rest.rsplit_once('-')?;
    (year.len() == 4 && month.len() == 2 && last.len() == 2 && is_date(&format!("{year}{month}{last}"))).then_some(rest)
}

/// The models at `host` that have a price.
#[cfg(test)]
pub(super) fn models(host: &str) -> impl Iterator<Item = &'static str> {
    let rows = match host {
        "api.openai.com" => OPENAI,
        "api.anthropic.com" => ANTHROPIC,
        "generativelanguage.googleapis.com" => GEMINI,
        "api.mistral.ai" => MISTRAL,
        "api.deepseek.com" => DEEPSEEK,
        "api.groq.com" => GROQ,
        _ => panic!("nothing at `{host}` has a price"),
    };
    rows.iter().map(|row| row.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(host: &str, model: &str, expected: Option<(f64, f64)>) {
        assert_eq!(price(host, model).map(|price| (price.input, price.output)), expected, "{model}");
    }

    #[test]
    fn dated_names_are_known_and_other_endings_are_not() {
        check("api.openai.com", "gpt-5-mini", Some((0.25, 2.0)));
        check("api.openai.com", "gpt-5-mini-2025-08-07", Some((0.25, 2.0)));
        check("api.openai.com", "gpt-4o-2024-08-06", Some((2.5, 10.0)));
        check("api.openai.com", "gpt-4o-2024-05-13", Some((5.0, 15.0)));
        check("api.anthropic.com", "claude-haiku-4-5-20251001", Some((1.0, 5.0)));
        check("api.anthropic.com", "claude-3-5-haiku-latest", Some((0.8, 4.0)));
        check("generativelanguage.googleapis.com", "models/gemini-2.5-flash", Some((0.3, 2.5)));
        for unknown in
            ["gpt-5-mini-high", "gpt-5.1", "gpt-4o-audio-preview", "gpt-4o-mini-tts", "gpt-5-20", "gpt-5-2025-8-7", "", "-"]
        {
            check("api.openai.com", unknown, None);
        }
        check("api.groq.com", "gpt-5-mini", None);
        check("127.0.0.1", "gpt-5-mini", None);
    }

    #[test]
    fn every_row_is_sane() {
        for rows in [OPENAI, ANTHROPIC, GEMINI, MISTRAL, DEEPSEEK, GROQ] {
            for (index, (name, input, cached, output)) in rows.iter().enumerate() {
                assert!(*input > 0.0 && output >= input && cached.is_none_or(|cached| cached < *input), "{name}");
                assert!(!rows[..index].iter().any(|row| row.0 == *name), "{name} twice");
            }
        }
    }
}
