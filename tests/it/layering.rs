//! The rooms of `src/`, held to their order: which room may name which, which crate may be named where.
//!
//! The text of every file is searched, without comments, strings and character literals. What is found wrong is printed with
//! file and line.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Each room with the rooms it may import. A room that is not here fails the test until it has been given its place.
const ROOMS: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("crash", &["error"]),
    ("model", &["error"]),
    ("http_client", &[]),
    ("schema", &["error", "model"]),
    ("template", &["error", "model"]),
    ("resilience", &["error", "model"]),
    ("store", &["crash", "error", "model"]),
    ("mailbox", &["crash", "error", "model", "schema", "store"]),
    ("provider", &["crash", "error", "http_client", "model", "schema"]),
    ("memory", &["crash", "error", "http_client", "model", "provider"]),
    ("tool", &["crash", "error", "http_client", "memory", "model", "schema", "template"]),
    ("diagnostic", &["error", "model", "schema", "template"]),
    ("manifest", &["diagnostic", "error", "model", "resilience", "schema", "template", "tool"]),
    ("plan", &["diagnostic", "error", "manifest", "memory", "model", "resilience", "schema", "template", "tool"]),
    ("agent", &["crash", "error", "memory", "model", "provider", "resilience", "schema", "store", "tool"]),
    ("engine", ALL_BEFORE),
    ("app", ALL_BEFORE),
    ("eval", ALL_BEFORE),
    ("testing", ALL_BEFORE),
    ("cli", ALL_BEFORE),
];

/// Stands for all rooms that stand earlier in the table.
const ALL_BEFORE: &[&str] = &["*"];

/// Crates that are known in some places only: those whose paths in `src/` begin so.
const CRATES: &[(&str, &[&str])] = &[
    ("aho_corasick", &["tool/"]),
    ("annotate_snippets", &["diagnostic/render"]),
    ("anstyle", &["cli/", "diagnostic/render"]),
    ("async_openai", &["provider/openai"]),
    ("backon", &["resilience/"]),
    ("candle_core", &["memory/embed/local"]),
    ("candle_nn", &["memory/embed/local"]),
    ("cap_std", &["tool/files/"]),
    ("clap", &["cli/"]),
    ("clap_complete", &["cli/"]),
    ("clap_mangen", &["cli/"]),
    ("comfy_table", &["cli/"]),
    ("console", &["cli/"]),
    ("csv", &["cli/audit/", "eval/"]),
    ("encoding_rs", &["memory/extract/", "tool/web/body.rs"]),
    ("html2text", &["memory/extract/", "tool/web/"]),
    ("hyper", &["provider/http.rs", "tool/web/failure.rs"]),
    ("ignore", &["memory/sources/", "testing/discover.rs"]),
    ("indicatif", &["cli/"]),
    ("jsonschema", &["schema.rs"]),
    ("lopdf", &["memory/extract/pdf"]),
    ("minijinja", &["template/"]),
    ("notify", &["cli/"]),
    ("petgraph", &["plan/graph.rs"]),
    ("pulldown_cmark", &["memory/divide/"]),
    ("quick_junit", &["cli/"]),
    ("regex", &["eval/scorers/", "testing/", "tool/files/"]),
    ("reqwest", &["http_client.rs", "memory/models/", "provider/", "tool/"]),
    ("rmcp", &["tool/mcp/"]),
    ("rusqlite", &["memory/index/sqlite/", "store/sqlite/"]),
    ("safetensors", &["memory/embed/local"]),
    ("serde_json_borrow", &["provider/stream.rs"]),
    ("serde_saphyr", &["manifest/", "provider/cassette/"]),
    ("similar", &["model/lines.rs"]),
    ("sqlite_vec", &["memory/index/sqlite/"]),
    ("text_splitter", &["memory/divide/"]),
    ("tiktoken_rs", &["model/tokens", "provider/"]),
    ("tokenizers", &["memory/embed/local"]),
    ("toml", &["manifest/"]),
    ("tree_sitter", &["memory/divide/"]),
];

/// What only some places may do: the words that do it, where, and what to do elsewhere.
const DEEDS: &[(&[&str], &[&str], &str)] = &[
    (
        &["println!", "print!", "eprintln!", "eprint!", "process::exit"],
        &["cli/", "main.rs"],
        "only `cli` prints and ends the process: return a value or an error",
    ),
    (
        &["std::env", "env::var", "env::vars", "env::args"],
        &["app/", "cli/", "main.rs"],
        "below `app` nothing reads the environment: pass the value in",
    ),
    (&["super::super"], &[], "import from `crate::room`"),
];

#[test]
fn every_file_keeps_to_the_order_of_the_rooms() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = rust_files(&root);
    assert!(files.len() > 50, "only {} files were found below `src/`", files.len());
    let problems: Vec<String> = files
        .iter()
        .flat_map(|file| {
            let path = file.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
            check(&path, &fs::read_to_string(file).unwrap())
        })
        .collect();
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn the_order_has_no_way_around() {
    for (at, (room, below)) in ROOMS.iter().enumerate() {
        let earlier: Vec<_> = ROOMS[..at].iter().map(|(name, _)| *name).collect();
        for name in below.iter().filter(|_| *below != ALL_BEFORE) {
            assert!(earlier.contains(name), "`{room}` may import `{name}`, which does not stand before it");
        }
    }
}

#[test]
fn an_import_from_above_is_found() {
    let problems = check("store/mod.rs", "//! A room.\n\nuse crate::engine::Engine;\n");
    assert_eq!(problems, ["src/store/mod.rs:3: `store` may not use `engine`; it may use `crash`, `error`, `model`"]);
}

#[test]
fn an_import_from_a_sibling_is_found() {
    let problems =
        check("provider/mock.rs", "use crate::{\n    error::Result,\n    resilience::{Rate, Retry},\n    store,\n};\n");
    assert_eq!(
        problems,
        [
            "src/provider/mock.rs:3: `provider` may not use `resilience`; it may use `crash`, `error`, `http_client`, `model`, `schema`",
            "src/provider/mock.rs:4: `provider` may not use `store`; it may use `crash`, `error`, `http_client`, `model`, `schema`",
        ]
    );
}

#[test]
fn a_path_in_the_middle_of_an_expression_is_found() {
    let problems = check("model/run.rs", "fn f() {\n    let x = crate::plan::Plan::of(&crate::error::Error);\n}\n");
    assert_eq!(problems, ["src/model/run.rs:2: `model` may not use `plan`; it may use `error`"]);
}

#[test]
fn what_the_root_gives_out_counts_as_its_room() {
    assert_eq!(check("model/run.rs", "use crate::{Error, ErrorKind, Result};"), [""; 0]);
    assert_eq!(
        check("error.rs", "use crate::model::Value;"),
        ["src/error.rs:1: `error` may not use `model`; it may use nothing"]
    );
}

#[test]
fn a_room_without_a_place_is_found() {
    assert_eq!(check("telemetry/mod.rs", ""), ["src/telemetry/mod.rs:1: room `telemetry` has no place in the order"]);
    assert_eq!(
        check("cli/mod.rs", "use crate::telemetry::Span;"),
        ["src/cli/mod.rs:1: room `telemetry` has no place in the order"]
    );
}

#[test]
fn a_crate_in_the_wrong_place_is_found() {
    assert_eq!(check("plan/graph.rs", "use petgraph::graph::DiGraph;"), [""; 0]);
    assert_eq!(
        check("plan/rules/cycles.rs", "use std::fmt;\nuse petgraph::graph::DiGraph;"),
        ["src/plan/rules/cycles.rs:2: crate `petgraph` is known in `src/plan/graph.rs` only"]
    );
    assert_eq!(
        check("engine/log.rs", "fn f(error: &rusqlite::Error) {}\nfn g(error: &::rusqlite::Error) {}"),
        [
            "src/engine/log.rs:1: crate `rusqlite` is known in `src/memory/index/sqlite/`, `src/store/sqlite/` only",
            "src/engine/log.rs:2: crate `rusqlite` is known in `src/memory/index/sqlite/`, `src/store/sqlite/` only",
        ]
    );
    assert_eq!(check("engine/log.rs", "use rusqlite;").len(), 1);
    assert_eq!(check("engine/log.rs", "use {std::fmt, toml};").len(), 1);
    assert_eq!(check("engine/log.rs", "use std::fmt;\n#[cfg(test)]\nmod tests {\n    use toml::Value;\n}"), [""; 0]);
    // A name of ours that reads the same is none.
    assert_eq!(check("engine/log.rs", "let toml = 1; use crate::model::toml::x; let y = my_toml::z;"), [""; 0]);
}

#[test]
fn printing_and_reading_the_environment_below_are_found() {
    assert_eq!(
        check("agent/drive.rs", "fn f() {\n    println!(\"x\");\n    std::process::exit(1);\n}"),
        [
            "src/agent/drive.rs:2: `println!`: only `cli` prints and ends the process: return a value or an error",
            "src/agent/drive.rs:3: `process::exit`: only `cli` prints and ends the process: return a value or an error",
        ]
    );
    assert_eq!(check("cli/run.rs", "println!(); std::process::exit(std::env::args().len())"), [""; 0]);
    let problems = check("provider/http.rs", "use std::{env, fmt};\nlet key = env::var(\"KEY\");");
    assert_eq!(
        problems,
        [
            "src/provider/http.rs:1: `std::env`: below `app` nothing reads the environment: pass the value in",
            "src/provider/http.rs:2: `env::var`: below `app` nothing reads the environment: pass the value in",
        ]
    );
    assert_eq!(check("provider/http.rs", "let version = env!(\"CARGO_PKG_VERSION\"); writeln!(f)"), [""; 0]);
}

#[test]
fn globs_are_found() {
    assert_eq!(check("plan/types.rs", "use crate::model::*;"), ["src/plan/types.rs:1: `model::*`: name what you import"]);
    assert_eq!(check("plan/types.rs", "use crate::model::{Value, run::*};").len(), 1);
    assert_eq!(check("plan/types.rs", "#[cfg(test)]\nmod tests {\n    use super::*;\n}\nlet x = a * b;"), [""; 0]);
}

#[test]
fn comments_and_strings_are_not_searched() {
    let text = r##"
//! Called by `crate::engine`, never prints with println!.
/* use crate::engine; /* nested */ use rusqlite::X; */
let a = "use crate::engine::Engine; // \" println!";
let b = r#"crate::cli "quoted" std::env"#;
let c = ['"', '\'', 'x']; let d: &'static str = "crate::app";
use crate::engine::Late;
"##;
    assert_eq!(
        check("store/mod.rs", text),
        ["src/store/mod.rs:7: `store` may not use `engine`; it may use `crash`, `error`, `model`"]
    );
}

/// What is wrong in the file at `path` (below `src/`): one line each.
fn check(path: &str, text: &str) -> Vec<String> {
    let code = only_code(text);
    let room = path.split('/').next().unwrap_or(path).trim_end_matches(".rs");
    let mut problems = Vec::new();
    let mut tell = |at: usize, what: String| {
        let line = code[..at].matches('\n').count() + 1;
        problems.push((line, format!("src/{path}:{line}: {what}")));
    };
    if !["lib", "main"].contains(&room) {
        let below = rooms_below(room);
        if below.is_none() {
            tell(0, format!("room `{room}` has no place in the order"));
        }
        for (at, name) in own_names(&code) {
            let other = if ["Error", "ErrorKind", "Result"].contains(&name) { "error" } else { name };
            if other == room {
                continue;
            }
            if !ROOMS.iter().any(|(name, _)| *name == other) {
                tell(at, format!("room `{other}` has no place in the order"));
            } else if let Some(below) = below.as_ref().filter(|below| !below.contains(&other)) {
                let below: Vec<_> = below.iter().map(|name| format!("`{name}`")).collect();
                let may = if below.is_empty() { "nothing".to_owned() } else { below.join(", ") };
                tell(at, format!("`{room}` may not use `{other}`; it may use {may}"));
            }
        }
    }
    // Tests may look at things from the other side.
    let tests_begin = if path.ends_with("/tests.rs") { Some(0) } else { code.find("#[cfg(test)]\nmod") };
    let production = &code[..tests_begin.unwrap_or(code.len())];
    for (name, places) in CRATES {
        if !is_at(path, places) {
            for at in crate_uses(production, name) {
                let places: Vec<_> = places.iter().map(|place| format!("`src/{place}`")).collect();
                tell(at, format!("crate `{name}` is known in {} only", places.join(", ")));
            }
        }
    }
    for (words, places, instead) in DEEDS {
        if !is_at(path, places) {
            for word in *words {
                // `std::env::var` is told once, by its longer beginning.
                let whole = |at: &usize| !(word.starts_with("env::") && code[..*at].ends_with("std::"));
                for at in found(&code, word).into_iter().filter(whole) {
                    tell(at, format!("`{word}`: {instead}"));
                }
            }
            if words.contains(&"std::env") {
                for (at, _) in group_names(&code, "std::{").into_iter().filter(|(_, name)| *name == "env") {
                    tell(at, format!("`std::env`: {instead}"));
                }
            }
        }
    }
    for (at, _) in production.match_indices("::*") {
        let from = code[..at].rfind(|c: char| !is_word(c)).map_or(0, |before| before + 1);
        tell(at, format!("`{}::*`: name what you import", &code[from..at]));
    }
    problems.sort();
    problems.into_iter().map(|(_, problem)| problem).collect()
}

/// The rooms that `room` may import; none for a room that is not in the table.
fn rooms_below(room: &str) -> Option<Vec<&'static str>> {
    let at = ROOMS.iter().position(|(name, _)| *name == room)?;
    let below = ROOMS[at].1;
    Some(if below == ALL_BEFORE { ROOMS[..at].iter().map(|(name, _)| *name).collect() } else { below.to_vec() })
}

fn is_at(path: &str, places: &[&str]) -> bool {
    places.iter().any(|place| path.starts_with(place))
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Where `word` stands in `code`, not as a part of a longer word.
fn found(code: &str, word: &str) -> Vec<usize> {
    let starts = |at: usize| !code[..at].ends_with(is_word);
    let ends = |at: usize| !word.ends_with(is_word) || !code[at + word.len()..].starts_with(is_word);
    code.match_indices(word).map(|(at, _)| at).filter(|at| starts(*at) && ends(*at)).collect()
}

/// The names that follow `crate::`, each with its place.
fn own_names(code: &str) -> Vec<(usize, &str)> {
    let single = found(code, "crate::").into_iter().filter_map(|at| {
        let start = at + "crate::".len();
        let length = code[start..].find(|c: char| !is_word(c)).unwrap_or(code.len() - start);
        (length > 0).then(|| (start, &code[start..start + length]))
    });
    single.chain(group_names(code, "crate::{")).collect()
}

/// The first names of the entries of each group that begins with `opening`, each with its place.
fn group_names<'a>(code: &'a str, opening: &str) -> Vec<(usize, &'a str)> {
    let mut names = Vec::new();
    for start in found(code, opening).into_iter().map(|at| at + opening.len()) {
        let (mut depth, mut first) = (1, true);
        let mut at = start;
        while depth > 0 && at < code.len() {
            let c = code[at..].chars().next().unwrap_or(' ');
            if is_word(c) {
                let length = code[at..].find(|c: char| !is_word(c)).unwrap_or(code.len() - at);
                if depth == 1 && first {
                    names.push((at, &code[at..at + length]));
                    first = false;
                }
                at += length;
                continue;
            }
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 1 => first = true,
                _ => {}
            }
            at += c.len_utf8();
        }
    }
    names
}

/// Where crate `name` is named: at the beginning of a path, or imported whole.
fn crate_uses(code: &str, name: &str) -> Vec<usize> {
    let begins_a_path = |at: &usize| {
        let before = code[..*at].trim_end();
        let after = code[at + name.len()..].trim_start();
        let root = before.strip_suffix("::").is_some_and(|before| !before.ends_with(is_word) && !before.ends_with('>'));
        let is_first = root || !before.ends_with("::") && !before.ends_with('.');
        let is_path = after.starts_with("::");
        let is_import = before.ends_with("use")
            || (before.ends_with("use {") || before.ends_with(','))
                && (after.starts_with("};") || after.starts_with(','))
                && code[..*at].rfind("use {").is_some_and(|open| !code[open..*at].contains(';'));
        is_first && (is_path || is_import)
    };
    found(code, name).into_iter().filter(begins_a_path).collect()
}

/// `text` with everything in comments, strings and character literals made blank; lines stay where they are.
fn only_code(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after_word = code.ends_with(is_word);
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if c == '"' {
            1 + string_end(&rest[1..])
        } else if !after_word && (c == 'r' || rest.starts_with("br")) {
            raw_string(rest).unwrap_or(0)
        } else if c == '\'' {
            character(rest).unwrap_or(0)
        } else {
            0
        };
        if length == 0 {
            code.push(c);
            rest = &rest[c.len_utf8()..];
        } else {
            code.extend(rest[..length].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = &rest[length..];
        }
    }
    code
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// Where a string ends whose text begins here, its closing quote included.
fn string_end(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn raw_string(text: &str) -> Option<usize> {
    let marks = text.strip_prefix("br").or_else(|| text.strip_prefix('r'))?;
    let hashes = marks.len() - marks.trim_start_matches('#').len();
    let inside = marks[hashes..].strip_prefix('"')?;
    let closing = format!("\"{}", "#".repeat(hashes));
    let end = inside.find(&closing)?;
    Some(text.len() - inside.len() + end + closing.len())
}

/// The length of the character literal at the start of `text`; none when it is a lifetime.
fn character(text: &str) -> Option<usize> {
    let inside = &text[1..];
    if let Some(escaped) = inside.strip_prefix('\\') {
        let skipped = escaped.chars().next()?.len_utf8();
        return escaped[skipped..].find('\'').map(|end| 2 + skipped + end + 1);
    }
    let first = inside.chars().next()?;
    inside[first.len_utf8()..].starts_with('\'').then(|| 2 + first.len_utf8())
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}
