//! What a program did to the files of a folder, and what it wrote to standard output, as strace told it.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    process::Command,
};

/// The calls to be told. A program that writes to files by another one of strace's calls is not understood.
const CALLS: &str = "trace=openat,creat,pwrite64,write,pwritev,writev,fsync,fdatasync,sync_file_range,ftruncate,fallocate,rename,renameat,\
                     renameat2,unlink,unlinkat,link,linkat,mkdir,mkdirat";

/// Something that was done.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Deed {
    /// A file came into being, empty.
    Create(PathBuf),
    /// A folder did.
    MakeFolder(PathBuf),
    Write {
        path: PathBuf,
        at: usize,
        bytes: Vec<u8>,
    },
    Truncate {
        path: PathBuf,
        length: usize,
    },
    /// All that was written to a file, or all names in a folder.
    Flush(PathBuf),
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Unlink(PathBuf),
    /// Written to standard output.
    Show(Vec<u8>),
}

/// A deed with its place in the trace.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    pub(super) deed: Deed,
    pub(super) began: usize,
    pub(super) ended: usize,
}

/// `program` under strace, which writes to `trace` and has the program die at its n-th flush.
pub(super) fn traced(program: &Path, trace: &Path, dies_at: Option<u32>) -> Command {
    let mut command = Command::new("strace");
    if let Some(nth) = dies_at {
        command.args(["-e", &format!("inject=fsync:signal=SIGKILL:when={nth}")]);
    }
    command.args(["-f", "-qq", "-y", "-xx", "-s", "100000000", "-e", CALLS, "-o"]).arg(trace).arg(program);
    command
}

/// The steps in `text`, in the order in which they ended. Of files, only those below `folder` count.
pub(super) fn read(text: &str, folder: &Path) -> Vec<Step> {
    let mut open: HashMap<&str, (usize, &str)> = HashMap::new();
    let mut steps = Vec::new();
    for (nth, line) in text.lines().enumerate() {
        let (process, rest) = line.split_once(' ').unwrap();
        let rest = rest.trim_start();
        if let Some(call) = rest.strip_suffix(" <unfinished ...>") {
            open.insert(process, (nth, call));
        } else if let Some((_, end)) = rest.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>")) {
            let (began, call) = open.remove(process).unwrap();
            steps.extend(step(&format!("{call}{end}"), folder).map(|deed| Step { deed, began, ended: nth }));
        } else {
            steps.extend(step(rest, folder).map(|deed| Step { deed, began: nth, ended: nth }));
        }
    }
    steps
}

/// What a call did, if it did something that counts.
fn step(call: &str, folder: &Path) -> Option<Deed> {
    let (name, rest) = call.split_once('(')?;
    let (arguments, result) = rest.rsplit_once(") ")?;
    let result = result.trim_start().strip_prefix("= ")?;
    if result.starts_with(['-', '?']) {
        return None;
    }
    let arguments: Vec<&str> = arguments.split(", ").collect();
    let ours = |path: &PathBuf| path.starts_with(folder) && path.extension().is_none_or(|end| end != "db-shm");
    let on_file = |nth: usize| opened(arguments[nth]).filter(ours);
    let named = |nth: usize| Some(PathBuf::from(text(arguments[nth]))).filter(ours);
    let number = |nth: usize| arguments[nth].parse::<usize>().unwrap();
    match name {
        "openat" | "creat" => {
            let path = opened(result).filter(ours)?;
            if arguments.iter().any(|argument| argument.contains("O_TRUNC")) || name == "creat" {
                return Some(Deed::Truncate { path, length: 0 });
            }
            arguments.iter().any(|argument| argument.contains("O_CREAT")).then_some(Deed::Create(path))
        }
        "pwrite64" => {
            let (path, bytes) = (on_file(0)?, bytes(arguments[1]));
            assert_eq!(result.parse(), Ok(bytes.len()), "a write that was cut short: {name}");
            Some(Deed::Write { path, at: number(3), bytes })
        }
        "write" if arguments[0].starts_with("1<") => Some(Deed::Show(bytes(arguments[1]))),
        "fsync" | "fdatasync" => Some(Deed::Flush(on_file(0)?)),
        "ftruncate" => Some(Deed::Truncate { path: on_file(0)?, length: number(1) }),
        "rename" => Some(Deed::Rename { from: named(0)?, to: named(1)? }),
        "renameat" | "renameat2" => Some(Deed::Rename { from: named(1)?, to: named(3)? }),
        "unlink" => Some(Deed::Unlink(named(0)?)),
        "unlinkat" => Some(Deed::Unlink(named(1)?)),
        "mkdir" => Some(Deed::MakeFolder(named(0)?)),
        "mkdirat" => Some(Deed::MakeFolder(named(1)?)),
        _ => {
            let touches = arguments
                .iter()
                .any(|argument| opened(argument).or_else(|| Some(PathBuf::from(text(argument)))).is_some_and(|path| ours(&path)));
            assert!(!touches, "`{name}` is not understood");
            None
        }
    }
}

/// The path of an open file: `7<\x2f…>`.
fn opened(argument: &str) -> Option<PathBuf> {
    let (_, path) = argument.strip_suffix('>')?.split_once('<')?;
    Some(PathBuf::from(String::from_utf8(unescaped(path)).unwrap()))
}

/// A quoted text.
fn text(argument: &str) -> String {
    String::from_utf8(bytes(argument)).unwrap_or_default()
}

fn bytes(argument: &str) -> Vec<u8> {
    argument.strip_prefix('"').and_then(|text| text.strip_suffix('"')).map(unescaped).unwrap_or_default()
}

/// `\x2f\x74` as bytes.
fn unescaped(text: &str) -> Vec<u8> {
    text.split("\\x").skip(1).map(|digits| u8::from_str_radix(digits, 16).unwrap()).collect()
}

#[test]
fn calls_are_read_also_when_another_thread_comes_in_between() {
    let text = r#"1 openat(AT_FDCWD<\x2f>, "\x2f\x73\x2f\x61", O_RDWR|O_CREAT|O_CLOEXEC, 0644) = 7<\x2f\x73\x2f\x61>
1 pwrite64(7<\x2f\x73\x2f\x61>, "\x2c\x20\x29", 3, 4096 <unfinished ...>
2 write(1<\x70\x69\x70\x65\x3a\x5b\x31\x5d>, "\x7b\x7d", 2) = 2
1 <... pwrite64 resumed>)           = 3
1 pwrite64(8<\x2f\x73\x2f\x61\x2e\x64\x62\x2d\x73\x68\x6d>, "\x00", 1, 4095) = 1
1 fsync(7<\x2f\x73\x2f\x61>) = -1 EIO (Input/output error)
1 fsync(9<\x2f\x74\x6d\x70>) = 0
1 fsync(7<\x2f\x73\x2f\x61> <unfinished ...>
1 <... fsync resumed>) = 0
"#;
    let path = PathBuf::from("/s/a");
    let step = |deed, began, ended| Step { deed, began, ended };
    assert_eq!(
        read(text, Path::new("/s")),
        [
            step(Deed::Create(path.clone()), 0, 0),
            step(Deed::Show(b"{}".to_vec()), 2, 2),
            step(Deed::Write { path: path.clone(), at: 4096, bytes: b", )".to_vec() }, 1, 3),
            step(Deed::Flush(path), 7, 8),
        ]
    );
}
