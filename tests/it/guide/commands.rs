//! Pages as their readers follow them: from top to bottom in a folder of their own, files are written, commands are run.
//!
//! In Markdown,
//! - a fence `yaml file=NAME` (or toml, json, markdown, …) is a file. Workflows are checked before the next command; not those that are
//!   `wrong`;
//! - each line of a fence `sh run` is run by a shell, with `exit=N` if it ends with something else than 0; `\` at its end continues it;
//!   `script` has all lines run by one shell;
//! - a fence `text output` is what the commands before it have told, on both streams. A line `…` stands for any lines, `…` in a line
//!   for anything;
//! - a comment `<!-- in the project -->` on the first line begins the page in a copy of this project, with a history, and
//!   `<!-- after PAGE -->` in the folder that another page has left.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Output, Stdio},
    sync::Mutex,
    thread,
};

use tempfile::TempDir;

use super::{
    markdown::{Fence, fences},
    pages, text_of,
};
use crate::readme::{command, project, succeeds};

/// Pages that follow each other in one folder.
type Walk = Vec<String>;

#[test]
fn the_commands_of_every_page_do_what_they_say() {
    let walks = Mutex::new(walks());
    let problems = Mutex::new(Vec::new());
    let count = Mutex::new(0);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(walk) = next(&walks) {
                    let mut reader = Reader::new(is_in_project(&walk[0]));
                    for page in &walk {
                        if let Err(problem) = reader.follow(page) {
                            problems.lock().unwrap().push(problem);
                            break;
                        }
                    }
                    *count.lock().unwrap() += reader.commands;
                }
            });
        }
    });
    let problems = problems.into_inner().unwrap();
    assert!(problems.is_empty(), "\n{}", problems.join("\n\n"));
    let count = count.into_inner().unwrap();
    assert!(count >= 100, "only {count} commands were run");
}

fn next(walks: &Mutex<Vec<Walk>>) -> Option<Walk> {
    walks.lock().unwrap().pop()
}

/// All pages with something to do, those that follow another one behind it; the longest walks are begun first.
fn walks() -> Vec<Walk> {
    let mut after: BTreeMap<String, String> = BTreeMap::new();
    let mut first = vec!["README.md".to_owned()];
    for page in pages().into_iter().filter(|page| !page.starts_with("docs/diagnostics/")) {
        if fences(&page).iter().any(|fence| fence.is("run") || fence.file().is_some()) {
            match comment(&page).and_then(|comment| comment.strip_prefix("after ").map(str::to_owned)) {
                Some(other) => assert!(after.insert(format!("docs/{other}"), page).is_none(), "two pages come after {other}"),
                None => first.push(page),
            }
        }
    }
    let mut walks: Vec<Walk> = Vec::new();
    for page in first {
        let mut walk = vec![page];
        while let Some(next) = after.remove(walk.last().unwrap()) {
            walk.push(next);
        }
        walks.push(walk);
    }
    assert!(after.is_empty(), "what these come after is not run: {after:?}");
    walks.sort_by_key(|walk| (walk.len(), walk[0] == "README.md"));
    walks
}

/// The comment on the first line of a page.
fn comment(page: &str) -> Option<String> {
    let text = text_of(page);
    let line = text.lines().next()?;
    Some(line.strip_prefix("<!-- ")?.strip_suffix(" -->")?.to_owned())
}

fn is_in_project(page: &str) -> bool {
    page == "README.md" || comment(page).as_deref() == Some("in the project")
}

/// Somebody who does what a page says.
struct Reader {
    folder: TempDir,
    /// The person's own folder: settings, models.
    home: TempDir,
    /// Workflows that were written and not checked yet.
    written: Vec<String>,
    /// What the last commands have told.
    told: String,
    commands: usize,
}

impl Reader {
    fn new(is_in_project: bool) -> Self {
        let reader = Self {
            folder: if is_in_project { project() } else { TempDir::new().unwrap() },
            home: TempDir::new().unwrap(),
            written: Vec::new(),
            told: String::new(),
            commands: 0,
        };
        let bin = reader.home.path().join("bin");
        fs::create_dir(&bin).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_agentflow"), bin.join("agentflow")).unwrap();
        if is_in_project {
            // It is read in a clone, where there is an earlier commit to compare with.
            let setup = "git init -q . && git config user.name t && git config user.email t@example.com && git add -A && \
                         git commit -qm one && echo 'a change' >> README.md && git commit -qam two";
            succeeds(&reader.shell(setup), "setup");
        }
        reader
    }

    fn follow(&mut self, page: &str) -> Result<(), String> {
        for fence in fences(page) {
            let place = format!("{page}:{}", fence.line);
            if let Some(name) = fence.file() {
                self.write(name, &fence);
            } else if fence.is("run") {
                self.check_what_was_written(&place)?;
                self.run(&fence, &place)?;
            } else if fence.is("output") {
                matches(&fence.text, &self.told).map_err(|problem| format!("{place}: {problem}\n{}", self.told))?;
            }
        }
        self.check_what_was_written(page)
    }

    fn write(&mut self, name: &str, fence: &Fence) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &fence.text).unwrap();
        self.written.retain(|other| other != name);
        if is_workflow(name) && !fence.is("wrong") && !fence.is("data") {
            self.written.push(name.to_owned());
        }
    }

    /// Complete workflows are valid, without a warning.
    fn check_what_was_written(&mut self, place: &str) -> Result<(), String> {
        if self.written.is_empty() {
            return Ok(());
        }
        let files = std::mem::take(&mut self.written);
        let output = self.shell(&format!("agentflow validate --strict {}", files.join(" ")));
        let told = told(&output);
        if output.status.success() { Ok(()) } else { Err(format!("{place}: {files:?} before it are not valid\n{told}")) }
    }

    fn run(&mut self, fence: &Fence, place: &str) -> Result<(), String> {
        let expected = fence.value("exit").unwrap_or("0");
        self.told.clear();
        let text = fence.text.replace("\\\n", "");
        let is_command = |line: &&str| !line.trim().is_empty() && !line.starts_with('#');
        let scripts: Vec<&str> = if fence.is("script") { vec![&text] } else { text.lines().filter(is_command).collect() };
        for line in scripts {
            let output = self.shell(&line.replace("cargo run -- ", "agentflow "));
            self.commands += 1;
            self.told.push_str(&told(&output));
            let code = output.status.code().map(|code| code.to_string());
            if code.as_deref() != Some(expected) {
                return Err(format!("{place}: `{line}` ends with {code:?} instead of {expected}\n{}", self.told));
            }
        }
        Ok(())
    }

    /// Runs a line; both streams come back as one, as at a terminal.
    fn shell(&self, script: &str) -> Output {
        let path = format!("{}/bin:{}", self.home.path().display(), std::env::var_os("PATH").unwrap().display());
        self.command("sh")
            .args(["-c", &format!("exec 2>&1\n{script}")])
            .env("PATH", path)
            .env("HOME", self.home.path())
            .env("XDG_CONFIG_HOME", self.home.path().join("settings"))
            .env("AGENTFLOW_MODELS", self.home.path().join("models"))
            .env("AGENTFLOW_OFFLINE", "1")
            .env("TZ", "UTC")
            .env("USER", "ada")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    fn command(&self, program: &str) -> Command {
        command(program, self.folder.path())
    }
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Whether a file that a page writes is a workflow, by its name.
fn is_workflow(name: &str) -> bool {
    let path = Path::new(name);
    let is_format = path.extension().is_some_and(|extension| ["yaml", "toml", "json"].iter().any(|known| extension == *known));
    let stem = path.file_stem().unwrap().to_str().unwrap();
    is_format
        && !["agents", "policy"].contains(&stem)
        && ![".test", ".eval"].iter().any(|end| stem.ends_with(end))
        && !name.starts_with('.')
}

/// Holds what was told to what a page shows of it.
fn matches(shown: &str, told: &str) -> Result<(), String> {
    let told: Vec<&str> = told.lines().map(str::trim_end).collect();
    let mut at = 0;
    let mut may_skip = false;
    for line in shown.lines().map(str::trim_end) {
        if line == "…" {
            may_skip = true;
            continue;
        }
        let found = told[at..].iter().position(|told| fits(line, told));
        match found {
            Some(skipped) if skipped == 0 || may_skip => at += skipped + 1,
            _ => return Err(format!("`{line}` was not told after {at} lines of it")),
        }
        may_skip = false;
    }
    if may_skip || told[at..].iter().all(|line| line.is_empty()) { Ok(()) } else { Err(format!("`{}` was told, too", told[at])) }
}

/// Whether a line is as shown, where `…` stands for anything.
fn fits(shown: &str, told: &str) -> bool {
    let mut parts = shown.split('…');
    let Some(mut rest) = told.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[test]
fn what_is_shown_may_leave_out_what_changes() {
    assert!(fits("run … waits", "run 0193 waits") && fits("a …", "a b c") && fits("a", "a"));
    assert!(!fits("a", "a b") && !fits("run … waits", "run 0193 fails") && !fits("… b …", "a"));
    assert_eq!(matches("a\n…\nd", "a\nb\nc\nd\n"), Ok(()));
    assert_eq!(matches("…\nd", "a\nd\n\n"), Ok(()));
    assert_eq!(matches("a\n…", "a\nb\n"), Ok(()));
    assert!(matches("a\nd", "a\nb\nd\n").is_err());
    assert!(matches("a", "a\nb\n").is_err());
    assert!(matches("a\nb", "a\n").is_err());
}
