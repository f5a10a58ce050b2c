//! `command`: programs that the operator permits, given their arguments one by one. There is no shell anywhere.
//!
//! What a program may be is for the policy to say (`run:PROGRAM WORD…`); this tool sees to it that a call is no more than that: a bare
//! name looked up in fixed folders (`programs`), options only as a permission spells them (`options`), an environment of a few
//! variables, bounds on what it uses (`limits`), and nothing of it left when the call ends, however that ends (`child`). A program
//! is not walled in beyond that: it can read and write what the user can.

mod capture;
mod child;
mod limits;
mod options;
mod programs;
mod text;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
    process::Stdio,
};

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;

pub use limits::Limits;

use crate::{
    crash::crash_point,
    error::{Error, ErrorKind, Result},
    model::{Access, AccessClass, Effect, ToolName, ToolSpec, Value},
    tool::{
        Authorized, CallContext, Tool, ToolCall, ToolOutput,
        arguments::read_arguments,
        command::{
            child::{Child, Ended},
            programs::Programs,
        },
        files::Folders,
    },
};

/// How long all arguments may be together, in bytes.
const MAX_ARGUMENTS: usize = 128 * 1024;
/// How much a program that died has to say in the message about it, in characters.
const LAST_WORDS: usize = 500;
/// The variable that holds the idempotency key of the call.
const KEY_VARIABLE: &str = "AGENTFLOW_IDEMPOTENCY_KEY";

/// How programs are run.
#[derive(Clone)]
pub struct CommandSettings {
    /// The project's folder, in which they run.
    pub root: PathBuf,
    /// The folder they are told is their home; a scratch one that is there.
    pub home: PathBuf,
    /// The folders that programs are looked up in, absolute. [`CommandSettings::USUAL_PATH`] suits most.
    pub path: Vec<PathBuf>,
    /// Programs that run what they are given (shells, `python3`, `env`, `xargs`, …) and may be run nevertheless.
    pub interpreters: BTreeSet<String>,
    /// Programs to which models may give options that no permission spells; those that would run or write something stay closed.
    pub free_options: BTreeSet<String>,
    /// Variables they are given besides `PATH`, `HOME`, `LANG` and `TZ`; of these, only `PATH` cannot be replaced.
    pub environment: BTreeMap<String, String>,
    /// What each process may use.
    pub limits: Limits,
}

impl CommandSettings {
    /// Where programs are on most machines.
    pub const USUAL_PATH: [&str; 3] = ["/usr/local/bin", "/usr/bin", "/bin"];
}

impl fmt::Debug for CommandSettings {
    /// Without values of variables: they may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandSettings")
            .field("root", &self.root)
            .field("path", &self.path)
            .field("interpreters", &self.interpreters)
            .field("free_options", &self.free_options)
            .field("environment", &self.environment.keys().collect::<Vec<_>>())
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Runs programs.
#[derive(Debug)]
pub struct Command {
    spec: ToolSpec,
    settings: CommandSettings,
    programs: Programs,
    folders: Folders,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    program: String,
    #[serde(default)]
    arguments: Vec<String>,
    stdin: Option<String>,
    #[serde(default)]
    folder: String,
}

impl Asked {
    fn access(&self) -> Access {
        Access::Run { program: self.program.clone(), arguments: self.arguments.clone() }
    }

    /// # Errors
    /// `Invalid` for what no program is called, and what none can be given.
    fn check(&self) -> Result<()> {
        let refuse = |message: String| Err(Error::new(ErrorKind::Invalid, message));
        let program = &self.program;
        if program.contains('/') {
            let message = format!("`{}` is a path: give the bare name of the program, such as `git`", program.escape_debug());
            return refuse(message);
        }
        let is_name = |c: char| c.is_ascii_alphanumeric() || "._+-[".contains(c);
        if program.is_empty() || program.starts_with(['-', '.']) || !program.chars().all(is_name) {
            let message = format!(
                "`{}` is no name of a program: there is no shell, so give each argument for itself in `arguments`",
                program.escape_debug()
            );
            return refuse(message);
        }
        if self.arguments.iter().any(|argument| argument.contains('\0')) {
            return refuse("an argument holds a zero byte, which no program can be given".to_owned());
        }
        if self.arguments.iter().map(|argument| argument.len() + 1).sum::<usize>() > MAX_ARGUMENTS {
            return refuse(format!("the arguments are longer than {} KiB: use `stdin`", MAX_ARGUMENTS >> 10));
        }
        Ok(())
    }
}

impl Command {
    /// Makes the tool.
    ///
    /// # Errors
    /// `Invalid` when the project's folder cannot be opened, or a folder of the path is not absolute.
    pub fn new(settings: CommandSettings) -> Result<Self> {
        let programs = Programs::new(settings.path.clone(), settings.interpreters.clone())?;
        let folders = Folders::open(&settings.root)?;
        Ok(Self { spec: Self::described(), settings, programs, folders })
    }

    /// What it is.
    pub(super) fn described() -> ToolSpec {
        let description = "Runs a program in the project's folder and gives its exit code and what it wrote. There is no shell: no pipes, \
            redirections, wildcards or variables; each argument is handed over as it is. Only permitted programs run, and options \
            (arguments that begin with `-`) only where the permission names them. Use the tools for files to read and write files.";
        let parameters = json!({
            "type": "object",
            "properties": {
                "program": { "type": "string", "description": "The bare name of the program: `git`." },
                "arguments": {
                    "type": "array",
                    "items": { "type": "string" },
                    "description": "Its arguments, each for itself: [\"log\", \"--oneline\"]."
                },
                "stdin": { "type": "string", "description": "What it reads from standard input; nothing if not given." },
                "folder": { "type": "string", "description": "The folder of the project to run it in; the project's folder if not given." }
            },
            "required": ["program"],
            "additionalProperties": false
        });
        let name = ToolName::new("command").expect("a name of ours is one");
        ToolSpec { name, description: description.to_owned(), parameters, effect: Effect::Write }
    }

    fn prepare(&self, asked: &Asked, program: PathBuf, folder: &str, key: &str) -> Result<tokio::process::Command> {
        let mut command = tokio::process::Command::new(program);
        let stdin = if asked.stdin.is_some() { Stdio::piped() } else { Stdio::null() };
        command.args(&asked.arguments).stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.current_dir(self.settings.root.join(folder));
        command.env_clear().env("LANG", "C.UTF-8").env("TZ", "UTC").env("HOME", &self.settings.home);
        command.envs(&self.settings.environment).env("PATH", self.programs.path_variable()?).env(KEY_VARIABLE, key);
        Ok(command)
    }
}

#[async_trait]
impl Tool for Command {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn reach(&self) -> &[AccessClass] {
        &[AccessClass::Run]
    }

    /// Programs print what others wrote: logs, pages, names of files.
    fn is_untrusted(&self) -> bool {
        true
    }

    fn sample(&self) -> Option<Value> {
        Some(json!({ "exit_code": 0, "stdout": "simulated output of a program\n", "stderr": "" }))
    }

    fn accesses(&self, arguments: &Value) -> Result<Vec<Access>> {
        let asked: Asked = read_arguments(arguments)?;
        asked.check()?;
        Ok(vec![asked.access()])
    }

    async fn call(&self, call: Authorized<ToolCall>, context: &CallContext<'_>) -> Result<ToolOutput> {
        let mut asked: Asked = read_arguments(&call.arguments)?;
        let access = asked.access();
        call.check(&access)?;
        let program = self.programs.find(&asked.program)?;
        let is_free = self.settings.free_options.contains(&asked.program);
        options::check(&asked.program, &asked.arguments, call.rules_for(&access), is_free)?;
        let folder = self.folders.find(&asked.folder)?;
        let command = self.prepare(&asked, program, &folder, context.idempotency_key)?;
        let child = Child::start(command, &self.settings.limits)
            .map_err(|err| Error::new(ErrorKind::Request, format!("`{}` could not be started", asked.program)).source(err))?;
        crash_point!("tool.program-begun");
        let ended = child
            .run(asked.stdin.take(), context.max_output)
            .await
            .map_err(|err| Error::new(ErrorKind::Request, format!("`{}` could not be waited for", asked.program)).source(err))?;
        report(&asked.program, &ended, context.max_output)
    }
}

/// What is told of a program that has ended: any exit code is a result.
fn report(program: &str, ended: &Ended, max_output: usize) -> Result<ToolOutput> {
    let (stdout, is_text) = text::clean(&ended.stdout);
    let (stderr, is_all_text) = text::clean(&ended.stderr);
    let mut notes = Vec::new();
    if ended.was_flooding {
        notes.push(format!("it wrote more than {max_output} bytes and was ended; this is the beginning"));
    } else if let Some(signal) = ended.signal {
        let said: Vec<char> = stderr.trim().chars().rev().take(LAST_WORDS).collect();
        let said: String = said.into_iter().rev().collect();
        let last_words = if said.is_empty() { String::new() } else { format!("; the last it wrote to standard error: {said}") };
        let message = format!("`{program}` was ended by signal {signal}{}{last_words}", limits::meaning(signal));
        return Err(Error::new(ErrorKind::Request, message));
    }
    if ended.is_held_open {
        notes.push("a process that it left behind went on writing; that is not here".to_owned());
    }
    if !is_text || !is_all_text {
        notes.push("not all it wrote is text: some bytes were replaced".to_owned());
    }
    Ok(ToolOutput { value: json!({ "exit_code": ended.exit_code, "stdout": stdout, "stderr": stderr }), notes })
}
