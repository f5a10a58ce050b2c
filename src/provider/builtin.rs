//! The providers every project has without naming them in its manifest.

/// Which protocol a built-in provider speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuiltInKind {
    /// OpenAI's chat completions.
    OpenAi,
    /// Anthropic's messages.
    Anthropic,
    /// None: answers are simulated.
    Mock,
}

/// What is known of a provider by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuiltIn {
    /// Its protocol.
    pub kind: BuiltInKind,
    /// Where its interface begins; `None` when that differs from account to account, so that the manifest must say it.
    pub base_url: Option<&'static str>,
    /// The environment variable its key is usually in; `None` when it needs no key.
    pub key_env: Option<&'static str>,
}

/// What is known of the provider called `name`.
#[must_use]
pub fn builtin(name: &str) -> Option<BuiltIn> {
    let openai = |base_url, key_env| BuiltIn { kind: BuiltInKind::OpenAi, base_url, key_env };
    Some(match name {
        "anthropic" => BuiltIn {
            kind: BuiltInKind::Anthropic,
            base_url: Some("https://api.anthropic.com"),
            key_env: Some("ANTHROPIC_API_KEY"),
        },
        // https://RESOURCE.openai.azure.com/openai/v1
        "azure" => openai(None, Some("AZURE_OPENAI_API_KEY")),
        "deepseek" => openai(Some("https://api.deepseek.com"), Some("DEEPSEEK_API_KEY")),
        "gemini" => openai(Some("https://generativelanguage.googleapis.com/v1beta/openai"), Some("GEMINI_API_KEY")),
        "groq" => openai(Some("https://api.groq.com/openai/v1"), Some("GROQ_API_KEY")),
        "llamacpp" => openai(Some("http://127.0.0.1:8080/v1"), None),
        "lmstudio" => openai(Some("http://127.0.0.1:1234/v1"), None),
        "mistral" => openai(Some("https://api.mistral.ai/v1"), Some("MISTRAL_API_KEY")),
        "mock" => BuiltIn { kind: BuiltInKind::Mock, base_url: None, key_env: None },
        "ollama" => openai(Some("http://127.0.0.1:11434/v1"), None),
        "openai" => openai(Some("https://api.openai.com/v1"), Some("OPENAI_API_KEY")),
        "openrouter" => openai(Some("https://openrouter.ai/api/v1"), Some("OPENROUTER_API_KEY")),
        "together" => openai(Some("https://api.together.xyz/v1"), Some("TOGETHER_API_KEY")),
        "vllm" => openai(Some("http://127.0.0.1:8000/v1"), None),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::BUILT_IN_PROVIDERS;

    #[test]
    fn every_name_that_plans_accept_is_known_here() {
        assert!(BUILT_IN_PROVIDERS.is_sorted());
        for name in BUILT_IN_PROVIDERS {
            let found = builtin(name).unwrap();
            // What is on this host needs no key, what is not does.
            assert_eq!(
                found.key_env.is_none(),
                found.base_url.is_none_or(|url| url.contains("127.0.0.1")) && *name != "azure",
                "{name}"
            );
        }
        assert_eq!(builtin("lab"), None);
    }
}
