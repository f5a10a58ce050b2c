//! The tools for files: what they do, and what nobody gets them to do.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use agentflow::{
    Error, ErrorKind,
    model::Value,
    tool::{Tool, ToolOutput, files::file_tools},
};
use rustix::fs::{CWD, FileType, RenameFlags, mknodat, renameat_with};
use serde_json::json;
use tempfile::TempDir;

use crate::tool::permitted::{MAX_OUTPUT, call};

/// A project in a folder, with a neighbour that is none of its business.
struct Project {
    folder: TempDir,
    tools: BTreeMap<String, Arc<dyn Tool>>,
}

const ALL: &[&str] = &["fs:read:**", "fs:write:**"];

impl Project {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("project")).unwrap();
        fs::create_dir(folder.path().join("project2")).unwrap();
        fs::write(folder.path().join("project2/secret.txt"), "secret").unwrap();
        let tools = file_tools(&folder.path().join("project"), &["crew.toml".to_owned()]).unwrap();
        let tools = tools.into_iter().map(|tool| (tool.spec().name.to_string(), tool)).collect();
        Self { folder, tools }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join("project").join(path)
    }

    fn outside(&self, path: &str) -> PathBuf {
        self.folder.path().join("project2").join(path)
    }

    fn file(self, path: &str, contents: impl AsRef<[u8]>) -> Self {
        fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        fs::write(self.path(path), contents).unwrap();
        self
    }

    fn link(self, path: &str, target: impl AsRef<Path>) -> Self {
        fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        symlink(target, self.path(path)).unwrap();
        self
    }

    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    async fn call(&self, tool: &str, permissions: &[&str], arguments: Value) -> Result<ToolOutput, Error> {
        call(self.tools[tool].as_ref(), permissions, arguments).await
    }

    #[track_caller]
    fn fails(&self, tool: &str, permissions: &[&str], arguments: Value) -> Fails<'_> {
        Fails {
            project: self,
            tool: tool.to_owned(),
            permissions: permissions.iter().map(|&one| one.to_owned()).collect(),
            arguments,
        }
    }
}

struct Fails<'a> {
    project: &'a Project,
    tool: String,
    permissions: Vec<String>,
    arguments: Value,
}

impl Fails<'_> {
    async fn with(self, kind: ErrorKind, part: &str) {
        let permissions: Vec<_> = self.permissions.iter().map(String::as_str).collect();
        let error = self.project.call(&self.tool, &permissions, self.arguments.clone()).await.unwrap_err();
        assert!(error.kind() == kind && error.message().contains(part), "{} {}: {error:?}", self.tool, self.arguments);
        let machine_path = self.project.folder.path().to_str().unwrap();
        assert!(!error.message().contains(machine_path) && !error.message().contains("secret\n"), "{error}");
    }
}

#[tokio::test]
async fn a_file_is_written_read_and_changed() {
    let project = Project::new();
    let written = project.call("write_file", ALL, json!({ "path": "a/b/c.txt", "content": "one\ntwo\n" })).await.unwrap();
    assert_eq!(written.value, json!({ "path": "a/b/c.txt", "bytes": 8 }));
    let edited = project.call("edit_file", ALL, json!({ "path": "a/b/c.txt", "old": "two", "new": "2" })).await.unwrap();
    assert_eq!(edited.value, json!({ "path": "a/b/c.txt", "replaced": 1 }));
    let read = project.call("read_file", ALL, json!({ "path": "./a/b/c.txt", "from_line": 2 })).await.unwrap();
    assert_eq!(read, ToolOutput::new("2\n"));
    // Nothing is left beside it.
    assert_eq!(fs::read_dir(project.path("a/b")).unwrap().count(), 1);
}

#[tokio::test]
async fn a_file_that_is_written_keeps_its_mode_but_not_who_it_runs_as() {
    let project = Project::new().file("run.sh", "old");
    fs::set_permissions(project.path("run.sh"), fs::Permissions::from_mode(0o4750)).unwrap();
    project.call("write_file", ALL, json!({ "path": "run.sh", "content": "new" })).await.unwrap();
    assert_eq!(project.text("run.sh"), "new");
    assert_eq!(fs::metadata(project.path("run.sh")).unwrap().permissions().mode() & 0o7777, 0o750);
    fs::set_permissions(project.path("run.sh"), fs::Permissions::from_mode(0o444)).unwrap();
    project.fails("write_file", ALL, json!({ "path": "run.sh", "content": "x" })).with(ErrorKind::Denied, "read-only").await;
}

#[tokio::test]
async fn a_long_file_is_read_in_pieces() {
    let text = (1..=20_000).map(|line| format!("line {line}")).collect::<Vec<_>>().join("\n") + "\n";
    let project = Project::new().file("long.txt", &text);
    let (mut read, mut from) = (String::new(), 1);
    loop {
        let piece = project.call("read_file", ALL, json!({ "path": "long.txt", "from_line": from })).await.unwrap();
        let piece_text = piece.value.as_str().unwrap();
        assert!(piece_text.len() <= MAX_OUTPUT);
        read.push_str(piece_text);
        let Some(note) = piece.notes.first() else { break };
        from = note.rsplit(' ').next().unwrap().parse().unwrap();
    }
    assert!(read == text && from > 1);
}

#[tokio::test]
async fn edits_at_once_are_all_made() {
    let lines: Vec<_> = (0..16).map(|number| format!("<{number}>")).collect();
    let project = Project::new().file("f.txt", lines.join("\n"));
    let edits = lines.iter().map(|line| project.call("edit_file", ALL, json!({ "path": "f.txt", "old": line, "new": "done" })));
    for edit in futures::future::join_all(edits).await {
        edit.unwrap();
    }
    assert_eq!(project.text("f.txt"), ["done"; 16].join("\n"));
}

#[tokio::test]
async fn folders_are_listed_as_far_as_they_may_be_read() {
    let project = Project::new()
        .file("README.md", "")
        .file("docs/a.md", "")
        .file("docs/deep/b.md", "")
        .file("src/main.rs", "")
        .file(".git/config", "")
        .file(".agentflow/runs.db", "")
        .link("docs/link", "../src");
    let list = async |permissions: &[&str], arguments| {
        let output = project.call("list_files", permissions, arguments).await.unwrap();
        output.value.as_array().unwrap().iter().map(|path| path.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(list(ALL, json!({})).await, ["README.md", "docs/", "src/"]);
    let all = ["README.md", "docs/", "docs/a.md", "docs/deep/", "docs/deep/b.md", "docs/link", "src/", "src/main.rs"];
    assert_eq!(list(ALL, json!({ "depth": 9 })).await, all);
    assert_eq!(list(ALL, json!({ "glob": "*.md" })).await, ["README.md", "docs/a.md", "docs/deep/b.md"]);
    assert_eq!(list(ALL, json!({ "path": "docs", "glob": "deep/*" })).await, ["docs/deep/b.md"]);
    assert_eq!(list(&["fs:read:.", "fs:read:src/*"], json!({ "depth": 9 })).await, ["src/main.rs"]);
    project.fails("list_files", &["fs:read:docs/**"], json!({})).with(ErrorKind::Denied, "fs:read:.").await;
    project.fails("list_files", ALL, json!({ "path": "README.md" })).with(ErrorKind::Invalid, "no folder").await;
}

#[tokio::test]
async fn more_files_than_can_be_listed_are_noted() {
    let mut project = Project::new();
    for number in 0..2_100 {
        project = project.file(&format!("many/{number:04}"), "");
    }
    let output = project.call("list_files", ALL, json!({ "path": "many" })).await.unwrap();
    assert_eq!(output.value.as_array().unwrap().len(), 2_000);
    assert!(output.notes[0].contains("there is more"), "{:?}", output.notes);
}

#[tokio::test]
async fn lines_are_found_where_they_may_be_read() {
    let project = Project::new()
        .file("a.rs", "fn main() {}\r\nlet x = a.b(1);\n")
        .file("docs/b.md", "Main matter\n\nend")
        .file("picture.png", b"main\0\x01")
        .file("latin.txt", b"main \xe4\n");
    let search = async |permissions: &[&str], arguments| {
        let output = project.call("search_files", permissions, arguments).await.unwrap();
        (output.value.as_str().unwrap().to_owned(), output.notes.join("; "))
    };
    let (found, notes) = search(ALL, json!({ "pattern": "^fn|main", "ignore_case": true })).await;
    assert_eq!(found, "a.rs:1: fn main() {}\ndocs/b.md:1: Main matter\nlatin.txt:1: main \u{fffd}\n");
    assert!(notes.contains("1 files are no text"), "{notes}");
    assert_eq!(search(ALL, json!({ "pattern": "a.b(", "plain": true })).await.0, "a.rs:2: let x = a.b(1);\n");
    assert_eq!(search(ALL, json!({ "pattern": "^$" })).await.0, "docs/b.md:2: \n");
    assert_eq!(
        search(ALL, json!({ "pattern": "e", "path": "docs/b.md" })).await.0,
        "docs/b.md:1: Main matter\ndocs/b.md:3: end\n"
    );
    assert_eq!(search(&["fs:read:.", "fs:read:docs/**"], json!({ "pattern": "ain" })).await.0, "docs/b.md:1: Main matter\n");
    let bad = json!({ "pattern": "a.b(" });
    project.fails("search_files", ALL, bad).with(ErrorKind::Invalid, "no regular expression: unclosed group").await;
    project.fails("search_files", ALL, json!({ "pattern": "(?=a)" })).with(ErrorKind::Invalid, "look-around").await;
    project.fails("search_files", ALL, json!({ "pattern": "(a{1000}){1000}" })).with(ErrorKind::Invalid, "size limit").await;
}

#[tokio::test]
async fn a_pattern_that_takes_others_forever_takes_a_moment() {
    let project = Project::new().file("a.txt", "a".repeat(200_000));
    let output = project.call("search_files", ALL, json!({ "pattern": "(a*)*(a*)*(a*)*b" })).await.unwrap();
    assert_eq!(output.notes, ["no line matches"]);
}

#[tokio::test]
async fn cve_2025_53109_symlink_escape() {
    let project = Project::new();
    let secret = project.outside("secret.txt");
    let project = project
        .link("absolute.txt", &secret)
        .link("relative.txt", "../project2/secret.txt")
        .link("docs/folder", "../../project2")
        .link("docs/chain", "folder/secret.txt")
        .link("docs/top", "/");
    for path in ["absolute.txt", "relative.txt", "docs/folder/secret.txt", "docs/chain", "docs/top/etc/passwd"] {
        for (tool, arguments) in [
            ("read_file", json!({ "path": path })),
            ("search_files", json!({ "path": path, "pattern": "secret" })),
            ("list_files", json!({ "path": path })),
            ("write_file", json!({ "path": path, "content": "x" })),
            ("edit_file", json!({ "path": path, "old": "secret", "new": "x" })),
        ] {
            project.fails(tool, ALL, arguments).with(ErrorKind::Denied, "leads out of the project").await;
        }
    }
    assert_eq!(fs::read_to_string(&secret).unwrap(), "secret");
    // Nor by walking: links are shown, and left alone.
    let found = project.call("search_files", ALL, json!({ "pattern": "secret" })).await.unwrap();
    assert_eq!(found.value, "");
}

#[tokio::test]
async fn a_link_within_the_project_is_held_to_where_it_leads() {
    let project = Project::new()
        .file("secret.txt", "secret")
        .file("docs/real/a.md", "text")
        .link("docs/link", "../secret.txt")
        .link("docs/nowhere", "../private/x")
        .link("docs/alias", "./real/../real")
        .link("docs/loop", "loop");
    let docs = &["fs:read:docs/**", "fs:write:docs/**"];
    project.fails("read_file", docs, json!({ "path": "docs/link" })).with(ErrorKind::Denied, "`fs:read:secret.txt`").await;
    project.fails("read_file", docs, json!({ "path": "docs/nowhere" })).with(ErrorKind::Denied, "`fs:read:private/x`").await;
    let write = json!({ "path": "docs/link", "content": "x" });
    project.fails("write_file", docs, write).with(ErrorKind::Denied, "`fs:write:secret.txt`").await;
    project.fails("read_file", docs, json!({ "path": "docs/loop" })).with(ErrorKind::Invalid, "too many links").await;
    assert_eq!(project.call("read_file", docs, json!({ "path": "docs/alias/a.md" })).await.unwrap().value, "text");
    // A link may give other rights than its target, and the target's count.
    project.call("write_file", docs, json!({ "path": "docs/alias/new/b.md", "content": "x" })).await.unwrap();
    assert_eq!(project.text("docs/real/new/b.md"), "x");
    assert_eq!(project.text("secret.txt"), "secret");
}

#[tokio::test]
async fn cve_2025_53110_prefix_match() {
    let project = Project::new();
    for path in ["../project2/secret.txt", "x/../../project2/secret.txt", "/../project2/secret.txt"] {
        project.fails("read_file", ALL, json!({ "path": path })).with(ErrorKind::Invalid, "path `").await;
    }
    let absolute = project.outside("secret.txt").to_str().unwrap().to_owned();
    let error = project.call("read_file", ALL, json!({ "path": absolute })).await.unwrap_err();
    assert!(error.message().contains("relative"), "{error}");
    // `docs` is no prefix of `docs2` either.
    let project = project.file("docs2/a.md", "x");
    project.fails("read_file", &["fs:read:docs/**"], json!({ "path": "docs2/a.md" })).with(ErrorKind::Denied, "docs2/a.md").await;
}

#[tokio::test]
async fn cve_2026_46703_symlink_and_write() {
    let project = Project::new().link("out", "../project2").link("new.txt", "../project2/new.txt");
    for path in ["out/new.txt", "out/deep/new.txt", "new.txt"] {
        let write = json!({ "path": path, "content": "x" });
        project.fails("write_file", ALL, write).with(ErrorKind::Denied, "leads out").await;
    }
    assert_eq!(fs::read_dir(project.outside("")).unwrap().count(), 1);
}

#[tokio::test]
async fn desktop_commander_420_a_file_not_yet_there() {
    // The check is made for what is not there, too: of the path, and of where links on the way to it lead.
    let project = Project::new().file("docs/a.md", "").link("docs/up", "..");
    let docs = &["fs:write:docs/**"];
    for (path, denied) in [
        ("new/file.txt", "fs:write:new/file.txt"),
        ("docs/up/new.txt", "fs:write:new.txt"),
        ("docs/up/new/file.txt", "fs:write:new/file.txt"),
    ] {
        project.fails("write_file", docs, json!({ "path": path, "content": "x" })).with(ErrorKind::Denied, denied).await;
    }
    assert!(!project.path("new").exists() && !project.path("new.txt").exists());
}

#[tokio::test]
async fn what_decides_or_runs_by_itself_is_not_written_by_any_permission() {
    let project = Project::new()
        .file(".git/config", "[core]")
        .file(".agentflow/runs.db", "x")
        .link("docs/git", "../.git")
        .link("hooks", ".git/hooks");
    for path in [
        "agents.toml",
        "flows/Agents.YAML",
        "agentflow.lock",
        "policy.toml",
        "crew.toml",
        ".git/hooks/pre-commit",
        ".GIT/config",
        "docs/git/config",
        "hooks/pre-commit",
        ".bashrc",
        ".agentflow/runs.db",
    ] {
        project
            .fails("write_file", ALL, json!({ "path": path, "content": "x" }))
            .with(ErrorKind::Denied, "is never written")
            .await;
    }
    let edit = json!({ "path": ".git/config", "old": "[core]", "new": "[alias]" });
    project.fails("edit_file", ALL, edit).with(ErrorKind::Denied, "is never written").await;
    project.fails("read_file", ALL, json!({ "path": ".AgentFlow/runs.db" })).with(ErrorKind::Denied, "is never read").await;
    assert_eq!(project.text(".git/config"), "[core]");
    assert!(!project.path("agents.toml").exists() && !project.path(".git/hooks").exists());
}

#[tokio::test]
async fn what_is_no_regular_file_blocks_nobody() {
    let project = Project::new();
    mknodat(CWD, project.path("pipe"), FileType::Fifo, 0o666.into(), 0).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(project.path("socket")).unwrap();
    for path in ["pipe", "socket"] {
        project.fails("read_file", ALL, json!({ "path": path })).with(ErrorKind::Invalid, "no regular file").await;
        project
            .fails("search_files", ALL, json!({ "path": path, "pattern": "x" }))
            .with(ErrorKind::Invalid, "no regular file")
            .await;
        project
            .fails("write_file", ALL, json!({ "path": path, "content": "x" }))
            .with(ErrorKind::Invalid, "no regular file")
            .await;
        let edit = json!({ "path": path, "old": "x", "new": "y" });
        project.fails("edit_file", ALL, edit).with(ErrorKind::Invalid, "no regular file").await;
    }
    let found = project.call("search_files", ALL, json!({ "pattern": "x" })).await.unwrap();
    assert_eq!(found.value, "");
}

#[tokio::test]
async fn names_that_cannot_be_read_or_are_not_there_are_told_apart() {
    let project = Project::new().file("a.bin", b"a\n\xff").file("folder/x", "");
    project.fails("read_file", ALL, json!({ "path": "b.txt" })).with(ErrorKind::NotFound, "there is no `b.txt`").await;
    project.fails("read_file", ALL, json!({ "path": "a.bin/x" })).with(ErrorKind::NotFound, "there is no").await;
    project.fails("read_file", ALL, json!({ "path": "folder" })).with(ErrorKind::Invalid, "is a folder").await;
    project.fails("read_file", ALL, json!({ "path": "a.bin" })).with(ErrorKind::Invalid, "line 2 is not UTF-8").await;
    project.fails("write_file", ALL, json!({ "path": "folder", "content": "" })).with(ErrorKind::Invalid, "is a folder").await;
    project.fails("write_file", ALL, json!({ "path": ".", "content": "" })).with(ErrorKind::Invalid, "name a file").await;
    project
        .fails("edit_file", ALL, json!({ "path": "a.bin", "old": "a", "new": "b" }))
        .with(ErrorKind::Invalid, "not UTF-8")
        .await;
    project.fails("read_file", ALL, json!({ "path": 1 })).with(ErrorKind::Invalid, "do not fit").await;
    project.fails("read_file", ALL, json!({ "path": "a", "mode": "w" })).with(ErrorKind::Invalid, "do not fit").await;
}

/// While one thread swaps a folder of the project for a link to its neighbour and back, nothing is written or read over there.
#[tokio::test]
async fn a_folder_that_is_swapped_for_a_link_leads_nowhere() {
    let project = Project::new().file("folder/secret.txt", "public").link("link", "../project2");
    let (folder, link) = (project.path("folder"), project.path("link"));
    let done = Arc::new(AtomicBool::new(false));
    let swapper = std::thread::spawn({
        let done = Arc::clone(&done);
        move || {
            while !done.load(Ordering::Relaxed) {
                renameat_with(CWD, &folder, CWD, &link, RenameFlags::EXCHANGE).unwrap();
            }
        }
    });
    let (mut written, mut refused) = (0, 0);
    while written < 50 || refused < 50 {
        match project.call("write_file", ALL, json!({ "path": "folder/secret.txt", "content": "public" })).await {
            Ok(_) => written += 1,
            Err(_) => refused += 1,
        }
        if let Ok(read) = project.call("read_file", ALL, json!({ "path": "folder/secret.txt" })).await {
            assert_eq!(read.value, "public");
        }
    }
    done.store(true, Ordering::Relaxed);
    swapper.join().unwrap();
    assert_eq!(fs::read_to_string(project.outside("secret.txt")).unwrap(), "secret");
    assert_eq!(fs::read_dir(project.outside("")).unwrap().count(), 1);
}
