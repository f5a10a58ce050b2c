//! How much well-known models read and write in one call, in tokens: public facts as of October 2025. A model that is not listed has
//! no window that is known; the manifest can say that of any model.
//!
//! What runs on a server of one's own has the window that the server was started with, whatever the model could do: none is listed.

use crate::provider::pricing::without_date;

/// Model, tokens read and written together.
type Row = (&'static str, u32);

const OPENAI: &[Row] = &[
    ("gpt-5", 400_000),
    ("gpt-5-chat-latest", 128_000),
    ("gpt-5-codex", 400_000),
    ("gpt-5-mini", 400_000),
    ("gpt-5-nano", 400_000),
    ("gpt-5-pro", 400_000),
    ("gpt-4.1", 1_047_576),
    ("gpt-4.1-mini", 1_047_576),
    ("gpt-4.1-nano", 1_047_576),
    ("gpt-4o", 128_000),
    ("gpt-4o-mini", 128_000),
    ("o1", 200_000),
    ("o3", 200_000),
    ("o3-mini", 200_000),
    ("o3-pro", 200_000),
    ("o4-mini", 200_000),
    ("gpt-4-turbo", 128_000),
    ("gpt-4", 8_192),
    ("gpt-3.5-turbo", 16_385),
];

/// Without the header that asks for a window of a million tokens: who sends it says so in the manifest.
const ANTHROPIC: &[Row] = &[
    ("claude-opus-4-1", 200_000),
    ("claude-opus-4-0", 200_000),
    ("claude-opus-4", 200_000),
    ("claude-sonnet-4-5", 200_000),
    ("claude-sonnet-4-0", 200_000),
    ("claude-sonnet-4", 200_000),
    ("claude-haiku-4-5", 200_000),
    ("claude-3-7-sonnet", 200_000),
    ("claude-3-5-sonnet", 200_000),
    ("claude-3-5-haiku", 200_000),
    ("claude-3-opus", 200_000),
    ("claude-3-haiku", 200_000),
];

/// Tokens read: what is written does not count here.
const GEMINI: &[Row] = &[
    ("gemini-2.5-pro", 1_048_576),
    ("gemini-2.5-flash", 1_048_576),
    ("gemini-2.5-flash-lite", 1_048_576),
    ("gemini-2.0-flash", 1_048_576),
    ("gemini-2.0-flash-lite", 1_048_576),
];

const MISTRAL: &[Row] = &[
    ("mistral-large-2411", 128_000),
    ("mistral-medium-2505", 128_000),
    ("mistral-medium-2508", 128_000),
    ("mistral-small-2503", 128_000),
    ("mistral-small-2506", 128_000),
];

const DEEPSEEK: &[Row] = &[("deepseek-chat", 128_000), ("deepseek-reasoner", 128_000)];

const GROQ: &[Row] = &[
    ("llama-3.3-70b-versatile", 131_072),
    ("llama-3.1-8b-instant", 131_072),
    ("openai/gpt-oss-20b", 131_072),
    ("openai/gpt-oss-120b", 131_072),
];

const TOGETHER: &[Row] = &[
    ("meta-llama/Llama-3.3-70B-Instruct-Turbo", 131_072),
    ("Qwen/Qwen2.5-72B-Instruct-Turbo", 32_768),
    ("Qwen/Qwen2.5-7B-Instruct-Turbo", 32_768),
];

/// How many tokens `model` reads and writes in one call at the server `host`; `None` when that is not known for sure. Names are found
/// as those of prices are.
pub(super) fn window(host: &str, model: &str) -> Option<u32> {
    let (rows, model) = match host {
        "api.openai.com" => (OPENAI, model),
        "api.anthropic.com" => (ANTHROPIC, model.strip_suffix("-latest").unwrap_or(model)),
        "generativelanguage.googleapis.com" => (GEMINI, model.strip_prefix("models/").unwrap_or(model)),
        "api.mistral.ai" => (MISTRAL, model),
        "api.deepseek.com" => (DEEPSEEK, model),
        "api.groq.com" => (GROQ, model),
        "api.together.xyz" => (TOGETHER, model),
        "openrouter.ai" => (OPENAI, model.strip_prefix("openai/")?),
        _ => return None,
    };
    let find = |name: &str| rows.iter().find(|row| row.0 == name);
    find(model).or_else(|| find(without_date(model)?)).map(|row| row.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_found_by_host_and_name() {
        assert_eq!(window("api.openai.com", "gpt-5-mini-2025-08-07"), Some(400_000));
        assert_eq!(window("api.openai.com", "gpt-4.1"), Some(1_047_576));
        assert_eq!(window("api.anthropic.com", "claude-3-5-haiku-latest"), Some(200_000));
        assert_eq!(window("openrouter.ai", "openai/gpt-4o"), Some(128_000));
        assert_eq!(window("generativelanguage.googleapis.com", "models/gemini-2.5-pro"), Some(1_048_576));
        for (host, model) in [
            ("127.0.0.1", "gpt-4o"),
            ("api.openai.com", "gpt-5.1"),
            ("openrouter.ai", "gpt-4o"),
            ("api.groq.com", "gpt-4o"),
            ("api.openai.com", "gpt-4o-audio-preview"),
        ] {
            assert_eq!(window(host, model), None, "{host} {model}");
        }
    }

    #[test]
    fn every_model_with_a_price_has_a_window() {
        let hosts = [
            "api.openai.com",
            "api.anthropic.com",
            "generativelanguage.googleapis.com",
            "api.mistral.ai",
            "api.deepseek.com",
            "api.groq.com",
        ];
        for (host, model) in hosts.iter().flat_map(|host| crate::provider::pricing::models(host).map(move |model| (host, model)))
        {
            assert!(window(host, model).is_some_and(|window| window >= 8_192), "{host} {model}");
        }
    }

    #[test]
    fn no_model_is_listed_twice() {
        for rows in [OPENAI, ANTHROPIC, GEMINI, MISTRAL, DEEPSEEK, GROQ, TOGETHER] {
            for (index, (name, _)) in rows.iter().enumerate() {
                assert!(!rows[..index].iter().any(|row| row.0 == *name), "{name} twice");
            }
        }
    }
}
