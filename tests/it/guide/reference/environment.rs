//! The variables of the environment: what each does is written here, which there are is looked up in the source.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use agentflow::{model::BUILT_IN_PROVIDERS, provider::builtin};
use clap::CommandFactory as _;

use super::{cell, holds, sources};

/// Variables that are read under their own names, and what they do.
const READ: [(&str, &str); 13] = [
    ("AGENTFLOW_MODELS", "the folder of local models; without it, `agentflow/models` in the user's cache"),
    ("AGENTFLOW_OFFLINE", "when set to anything but `0`, `false` and `no`, no model is downloaded"),
    ("AGENTFLOW_POLICY", "the policy file; `--policy` wins, and is the only way to name one inside of the project"),
    (
        "CI",
        "when set to anything but `0` and `false`, `agentflow test` writes no snapshots that are not there, and fails instead",
    ),
    ("HF_ENDPOINT", "the hub from which local models are downloaded, such as a mirror"),
    ("HOME", "where settings (`.config`) and the cache (`.cache`) are when the next two do not say so"),
    ("LOGNAME", "the name of the person, when `USER` is not set"),
    ("NO_COLOR", "when set to anything, no colours are used unless `--color always` is given"),
    ("TERM", "`dumb`: no colours and no moving progress"),
    ("USER", "the name of the person, for the log: who answered a question, who paused an agent"),
    ("XDG_CACHE_HOME", "where local models are kept, in `agentflow/models`"),
    ("XDG_CONFIG_HOME", "where the policy file is, `agentflow/policy.toml`"),
    ("AGENTFLOW_IDEMPOTENCY_KEY", "not read but set: programs that the tool `command` runs find the key of their call in it"),
];

/// Variables that only a debug build reads, for tests.
const OF_TESTS: [(&str, &str); 5] = [
    ("AGENTFLOW_CRASH", "the name of a crash point, and at which of its hits the process kills itself"),
    ("AGENTFLOW_CRASH_TRACE", "a file to which the crash points that are passed are appended"),
    ("AGENTFLOW_HOLD_MS", "how long a process holds a run that only waits"),
    ("AGENTFLOW_LEASE_MS", "how long a claim on a run holds"),
    ("AGENTFLOW_STORE_PATIENCE_MS", "how long a run waits for a store that is down"),
];

/// Variables that stand for options of every command, with the option and what it says.
fn of_options() -> BTreeMap<String, (String, String)> {
    let command = agentflow::cli::args::Cli::command();
    let told = |argument: &clap::Arg| {
        let variable = argument.get_env()?.to_str()?.to_owned();
        Some((variable, (format!("--{}", argument.get_long()?), argument.get_help()?.to_string())))
    };
    command.get_arguments().filter_map(told).collect()
}

#[test]
fn the_page_of_variables_has_every_variable() {
    let options = of_options();
    let mut text =
        "# Environment variables\n\n## Options\n\nA variable stands for an option of every command; the option wins.\n\n\
                    | variable | option | does |\n|---|---|---|\n"
            .to_owned();
    for (variable, (option, help)) in &options {
        writeln!(text, "| `{variable}` | `{option}` | {} |", cell(help)).unwrap();
    }
    text.push_str("\n## Others\n\n| variable | does |\n|---|---|\n");
    for (variable, does) in READ {
        writeln!(text, "| `{variable}` | {} |", cell(does)).unwrap();
    }
    text.push_str(
        "\n## Keys\n\nThe key of a built-in provider is read from its variable when a run starts that uses it, and stored nowhere. \
         `api_key = { env = \"NAME\" }` of a provider names another one.\n\n| variable | provider |\n|---|---|\n",
    );
    for name in BUILT_IN_PROVIDERS {
        if let Some(variable) = builtin(name).and_then(|known| known.key_env) {
            writeln!(text, "| `{variable}` | `{name}` |").unwrap();
        }
    }
    text.push_str(
        "\nA workflow reads a variable by `env.NAME` when it has the name under `env`; secrets of tools are named in the policy.\n\n\
         ## Of debug builds\n\nOnly a debug build reads these, for tests. A release does not know them.\n\n| variable | is |\n|---|---|\n",
    );
    for (variable, is) in OF_TESTS {
        writeln!(text, "| `{variable}` | {} |", cell(is)).unwrap();
    }
    holds("docs/reference/environment.md", &text);

    let known: BTreeSet<String> =
        options.into_keys().chain(READ.iter().chain(&OF_TESTS).map(|(name, _)| (*name).to_owned())).collect();
    let named = named_in_the_source();
    assert_eq!(named.difference(&known).collect::<Vec<_>>(), Vec::<&String>::new(), "read, and not told");
    assert_eq!(known.difference(&named).collect::<Vec<_>>(), Vec::<&String>::new(), "told, and not read");
}

/// The variables that the source names: what begins with `AGENTFLOW_`, and what is given to the functions that read some.
fn named_in_the_source() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (_, text) in sources() {
        let text = text.split("#[cfg(test)]").next().unwrap();
        for begin in ["\"AGENTFLOW_", "variable(\"", "absolute(\"", "var_os(\""] {
            for (at, _) in text.match_indices(begin) {
                let at = at + begin.find('"').unwrap() + 1;
                let name: String =
                    text[at..].chars().take_while(|c| c.is_ascii_uppercase() || *c == '_' || c.is_ascii_digit()).collect();
                if text[at + name.len()..].starts_with('"') {
                    found.insert(name);
                }
            }
        }
    }
    found
}
