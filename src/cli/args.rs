//! The command line as clap reads it: one struct per command. Nothing here acts.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint, builder::FalseyValueParser};

use crate::{
    app::form::Filling,
    cli::{
        agents::args::AgentsCommand,
        audit::args::AuditCommand,
        cassette::CassetteArgs,
        conversations::args::ConversationsCommand,
        diff::args::DiffArgs,
        eval::args::EvalArgs,
        memory::args::MemoryCommand,
        messages::args::MessagesCommand,
        models::args::ModelsCommand,
        policy::args::{PolicyArgs, PolicyCommand},
        report::args::{ReportArgs, RunReportArgs},
        test::args::TestArgs,
        tools::args::ToolsCommand,
        values::{InputArg, ModelArg, parse_duration},
    },
    model::RunId,
};

/// agentflow: workflows of LLM agents, declared in YAML or TOML.
#[derive(Debug, Parser)]
#[command(
    name = "agentflow",
    version,
    about = "Runs workflows of LLM agents that are declared in YAML or TOML",
    long_about = "Runs workflows of LLM agents that are declared in YAML or TOML.\n\n\
                  A workflow is checked before a token is spent, every result is on disk before it is shown, and a run that was \
                  interrupted goes on where it stopped.",
    after_long_help = "Exit codes: 0 succeeded, 1 run failed, 2 wrong usage, workflow or manifest, 3 waiting, 4 corrupt or divergent \
                       state, 5 locked by another process, 6 denied by policy, 7 budget exceeded, 75 store unavailable, \
                       130/143 interrupted.",
    disable_help_subcommand = true,
    max_term_width = 100
)]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub global: GlobalOptions,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options that every command takes, after its name or before.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalOptions {
    /// The manifest, instead of the agents.toml found beside the workflow or above it
    #[arg(long, global = true, env = "AGENTFLOW_MANIFEST", hide_env_values = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub manifest: Option<PathBuf>,
    /// Where runs are kept, e.g. sqlite:runs.db or memory: [default: sqlite:.agentflow/agentflow.db beside the manifest]
    #[arg(long, global = true, env = "AGENTFLOW_STORE", hide_env_values = true, value_name = "URL")]
    pub store: Option<String>,
    /// Show no progress, only errors
    #[arg(short, long, global = true, env = "AGENTFLOW_QUIET", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub quiet: bool,
    /// Write a log to standard error (-vv: more, -vvv: everything)
    #[arg(short, long, global = true, env = "AGENTFLOW_VERBOSE", hide_env_values = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// When to use colours
    #[arg(long, global = true, env = "AGENTFLOW_COLOR", hide_env_values = true, value_name = "WHEN", default_value = "auto")]
    pub color: ColorWhen,
}

/// When to use colours. `auto`: at a terminal, unless `NO_COLOR` is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// At a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a workflow
    Run(RunArgs),
    /// Go on with a run that was interrupted or paused
    Resume(ResumeArgs),
    /// Ask a run that goes on to pause; `resume` goes on with it
    Pause(SteerRunArgs),
    /// End a run for good, with what it has in flight
    Cancel(SteerRunArgs),
    /// Show what a run asks a person, and answer it
    #[command(visible_alias = "answer")]
    Approve(ApproveArgs),
    /// Run again from a node on, and take over all that comes before it
    Fork(ForkArgs),
    /// Tell why the agents of a node were asked, or were not
    Why(WhyArgs),
    /// Compare two runs, or two versions of workflows: nodes, permissions, cost
    Diff(DiffArgs),
    /// Score a workflow over the rows of a data set, and compare models, prompts and workflows
    Eval(Box<EvalArgs>),
    /// Check workflows and tell every problem; needs no key and no network
    Validate(ValidateArgs),
    /// Run the tests of workflows, with mocked steps; nothing is paid
    Test(TestArgs),
    /// Write down what workflows use and may touch; `validate --locked` holds them to it
    Lock(LockArgs),
    /// Draw the graph of a workflow
    Graph(GraphArgs),
    /// Look at the agents, and steer them: what they can do, what they cost, how they did, whether they may be asked
    #[command(subcommand)]
    Agents(AgentsCommand),
    /// Look at the runs in the store
    #[command(subcommand)]
    Runs(RunsCommand),
    /// List the runs that have not ended: running, waiting for a person, paused, or interrupted
    Ps(PsArgs),
    /// Look at the mailboxes of the project, and send messages
    #[command(subcommand)]
    Messages(MessagesCommand),
    /// Look at the tools, and try one
    #[command(subcommand)]
    Tools(ToolsCommand),
    /// What the project remembers: add to it, search it, look after it
    #[command(subcommand)]
    Memory(MemoryCommand),
    /// Look at the conversations that agents go on with
    #[command(subcommand)]
    Conversations(ConversationsCommand),
    /// Look at the local models that make vectors, and get them
    #[command(subcommand)]
    Models(ModelsCommand),
    /// Look at what the operator permits tools to touch
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Look at what agents did with tools, and who permitted it
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Print the JSON Schema of a file format for editors, or its reference to read
    Schema(SchemaArgs),
    /// Explain the code of a problem
    Explain(ExplainArgs),
    /// Make a small project to begin with
    Init(InitArgs),
    /// Look at what agentflow finds here: store, providers, versions
    Doctor(DoctorArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Print the manual page, or write one for every command into a folder
    Man(ManArgs),
}

/// `run`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  agentflow run workflows/hello.yaml --mock
  agentflow run workflows/decision.yaml -i question='Which database?' --output json
  git diff | agentflow run workflows/review-change.yaml -i diff=-
  agentflow run flow.yaml --inputs inputs.json --model writer=ollama/qwen3:8b")]
pub struct RunArgs {
    /// The workflow file; `-` reads standard input
    #[arg(value_name = "WORKFLOW", value_hint = ValueHint::FilePath)]
    pub workflow: PathBuf,
    /// An input: KEY=VALUE, KEY=@FILE, or KEY=- for standard input
    ///
    /// A value for an input that is no string is read as JSON where it is JSON.
    #[arg(short, long = "input", value_name = "KEY=VALUE")]
    pub input: Vec<InputArg>,
    /// A JSON, YAML or TOML file of inputs; `-` reads standard input. `-i` goes first
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub inputs: Option<PathBuf>,
    /// Let a simulated model answer every call: no key, no network, no cost
    #[arg(long)]
    pub mock: bool,
    /// How long a simulated answer takes, e.g. 50ms
    #[arg(long, value_name = "DURATION", requires = "mock", value_parser = parse_duration)]
    pub mock_latency: Option<Duration>,
    /// What the simulated answers are derived from; the same seed gives the same answers
    #[arg(long, value_name = "NUMBER", requires = "mock")]
    pub mock_seed: Option<u64>,
    /// Use another model for an agent, e.g. writer=ollama/qwen3:8b
    #[arg(long, value_name = "AGENT=PROVIDER/MODEL")]
    pub model: Vec<ModelArg>,
    /// Take over the answers of an earlier run that rest on the same: of RUN, or of the newest run of this workflow
    #[arg(long, value_name = "RUN", num_args = 0..=1, conflicts_with = "dry_run")]
    pub reuse: Option<Option<String>>,
    /// Ask this node anew, with all that is inside it, e.g. review or improve@2.draft; may be given several times
    #[arg(long, value_name = "NODE", requires = "reuse")]
    pub invalidate: Vec<String>,
    /// Print what would be run and what it may cost, and run nothing
    #[arg(long)]
    pub dry_run: bool,
    /// What standard output carries
    #[arg(long, value_name = "FORM", default_value = "text")]
    pub output: OutputForm,
    /// What is written for CI.
    #[command(flatten)]
    pub report: ReportArgs,
    /// What is recorded, or played.
    #[command(flatten)]
    pub cassette: CassetteArgs,
    /// What tools may touch.
    #[command(flatten)]
    pub policy: PolicyArgs,
}

/// `resume`.
#[derive(Debug, Args)]
pub struct ResumeArgs {
    /// The run: its id, the beginning of it, or `last`
    #[arg(value_name = "RUN")]
    pub run: String,
    /// Go on with this workflow file as it is now; what has begun may not be different in it
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub workflow: Option<PathBuf>,
    /// What standard output carries
    #[arg(long, value_name = "FORM", default_value = "text")]
    pub output: OutputForm,
    /// What is written for CI.
    #[command(flatten)]
    pub report: ReportArgs,
    /// What tools may touch.
    #[command(flatten)]
    pub policy: PolicyArgs,
}

impl ResumeArgs {
    /// Those that go on with `run` as it is.
    #[must_use]
    pub fn of(run: RunId, policy: PolicyArgs) -> Self {
        Self { run: run.to_string(), workflow: None, output: OutputForm::Text, report: ReportArgs::default(), policy }
    }
}

/// `pause` and `cancel`.
#[derive(Debug, Args)]
pub struct SteerRunArgs {
    /// The run: its id, the beginning of it, or `last`
    #[arg(value_name = "RUN")]
    pub run: String,
}

/// `approve`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  agentflow approve last
  agentflow approve last publish --resume
  agentflow approve 0193 publish --reject --comment 'not on a Friday'
  agentflow answer last gate --option push_back --comment 'shorter, please' --resume
  agentflow answer last gate --form reason='checked by hand' --form days=3
  agentflow answer last gate --form @form.json")]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct ApproveArgs {
    /// The run: its id, the beginning of it, or `last`
    #[arg(value_name = "RUN")]
    pub run: String,
    /// The nodes whose questions are answered; without any, the questions are shown
    #[arg(value_name = "NODE")]
    pub nodes: Vec<String>,
    /// Answer all questions of the run
    #[arg(long, conflicts_with = "nodes")]
    pub all: bool,
    /// The option that is taken, of a node that asks; `approve` when absent
    #[arg(long, value_name = "NAME", group = "decision")]
    pub option: Option<String>,
    /// The call may not be made; of a node that asks, the option `reject`
    #[arg(long, group = "decision")]
    pub reject: bool,
    /// A call during which the process died is made again
    #[arg(long, group = "decision")]
    pub rerun: bool,
    /// A call during which the process died counts as made
    #[arg(long, group = "decision")]
    pub assume_done: bool,
    /// What there is to say; a model whose call is rejected is told
    #[arg(long, value_name = "TEXT")]
    pub comment: Option<String>,
    /// What is filled in: KEY=VALUE, KEY=@FILE, or @FILE for the whole form; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    pub form: Vec<Filling>,
    /// Go on with the run when nothing more is asked
    #[arg(long)]
    pub resume: bool,
    /// How the questions are shown
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: ShowFormat,
    /// What tools may touch when the run goes on.
    #[command(flatten)]
    pub policy: PolicyArgs,
}

/// `fork`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  agentflow fork last --from improve
  agentflow fork 0193 --from review[3] --workflow workflows/review-change.yaml")]
pub struct ForkArgs {
    /// The run: its id, the beginning of it, or `last`
    #[arg(value_name = "RUN")]
    pub run: String,
    /// The node to begin at, e.g. improve or improve@2.draft
    #[arg(long, value_name = "NODE")]
    pub from: String,
    /// The workflow file as it is now, instead of the one that is stored with the run
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub workflow: Option<PathBuf>,
    /// An input that is not that of the run: KEY=VALUE, KEY=@FILE, or KEY=- for standard input
    #[arg(short, long = "input", value_name = "KEY=VALUE")]
    pub input: Vec<InputArg>,
    /// What standard output carries
    #[arg(long, value_name = "FORM", default_value = "text")]
    pub output: OutputForm,
    /// What tools may touch.
    #[command(flatten)]
    pub policy: PolicyArgs,
}

/// `why`.
#[derive(Debug, Args)]
pub struct WhyArgs {
    /// The run: its id, the beginning of it, or `last`
    #[arg(value_name = "RUN")]
    pub run: String,
    /// The node, e.g. review or improve@2.draft
    #[arg(value_name = "NODE")]
    pub node: String,
    /// Compare with this run, instead of the one it took answers of or the one before it
    #[arg(long, value_name = "RUN")]
    pub against: Option<String>,
    /// How it is shown
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: ShowFormat,
}

/// What standard output carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputForm {
    /// The outputs, to read
    Text,
    /// The outputs as one JSON document
    Json,
    /// Every event as a line of JSON
    Jsonl,
}

/// `validate`.
#[derive(Debug, Args)]
pub struct ValidateArgs {
    /// Workflow files, test files or folders; `-` reads standard input [default: workflows]
    #[arg(value_name = "FILES", value_hint = ValueHint::AnyPath)]
    pub files: Vec<PathBuf>,
    /// How problems are told
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: ValidateFormat,
    /// Let warnings fail, too
    #[arg(long)]
    pub strict: bool,
    /// Fail when a workflow uses or may touch more than `agentflow.lock` says, or other models, prompts or servers
    #[arg(long)]
    pub locked: bool,
    /// What tools may touch.
    #[command(flatten)]
    pub policy: PolicyArgs,
}

/// `lock`.
#[derive(Debug, Args)]
pub struct LockArgs {
    /// Workflow files or folders [default: workflows]
    #[arg(value_name = "FILES", value_hint = ValueHint::AnyPath)]
    pub files: Vec<PathBuf>,
    /// Start the MCP servers that the workflows use, and write down what they offer; runs hold them to it
    #[arg(long)]
    pub mcp: bool,
    /// What tools may touch.
    #[command(flatten)]
    pub policy: PolicyArgs,
}

/// How problems are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ValidateFormat {
    /// To read
    Text,
    /// As a JSON document
    Json,
    /// As SARIF 2.1.0
    Sarif,
    /// As annotations of GitHub Actions
    Github,
}

/// `graph`.
#[derive(Debug, Args)]
pub struct GraphArgs {
    /// The workflow file; `-` reads standard input
    #[arg(value_name = "WORKFLOW", value_hint = ValueHint::FilePath)]
    pub workflow: PathBuf,
    /// How it is drawn
    #[arg(long, value_name = "FORMAT", default_value = "ascii")]
    pub format: GraphFormat,
    /// Write into this file instead of standard output
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
}

/// How a graph is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GraphFormat {
    /// For a terminal
    Ascii,
    /// As a Mermaid flowchart
    Mermaid,
    /// For Graphviz
    Dot,
    /// As a picture
    Svg,
    /// As the interchange form
    Json,
}

/// How a list or a thing is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ShowFormat {
    /// To read
    Text,
    /// As JSON
    Json,
}

/// `runs`.
#[derive(Debug, Subcommand)]
pub enum RunsCommand {
    /// List the runs, newest first
    List(RunsListArgs),
    /// Show a run: its nodes, outputs, cost and error
    Show(RunShowArgs),
    /// Print everything that happened in a run
    Events(RunEventsArgs),
    /// Tell of a run as CI shows it: a summary in Markdown, or JUnit XML
    Report(RunReportArgs),
    /// Watch a run that another process makes, to its end
    Watch(RunWatchArgs),
    /// Remove runs for good
    Rm(RunsRemoveArgs),
    /// Read all records of runs and tell whether they are whole
    Verify(RunsVerifyArgs),
    /// Save what is good of a damaged run, as a new run that can be resumed
    Repair(RunRepairArgs),
}

/// `runs list`.
#[derive(Debug, Args)]
pub struct RunsListArgs {
    /// How many to list, 0 for all
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 20)]
    pub limit: usize,
    /// Also those that other runs called as tools
    #[arg(long)]
    pub all: bool,
    /// How it is shown
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: ShowFormat,
}

/// `runs show`.
#[derive(Debug, Args)]
pub struct RunShowArgs {
    /// The run: its id, the beginning of it, or `last`
    #[arg(value_name = "RUN")]
    pub run: String,
    /// How it is shown
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: ShowFormat,
}

/// `runs events`.
#[derive(Debug, Args)]
pub struct RunEventsArgs {
    /// The run: its id, the beginning of it, or `last`
    #[arg(value_name = "RUN")]
    pub run: String,
    /// How it is shown
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: ShowFormat,
}

/// `runs watch`.
#[derive(Debug, Args)]
pub struct RunWatchArgs {
    /// The run: its id, the beginning of it, or `last`
    #[arg(value_name = "RUN")]
    pub run: String,
    /// What standard output carries
    #[arg(long, value_name = "FORM", default_value = "text")]
    pub output: OutputForm,
}

/// `ps`.
#[derive(Debug, Args)]
pub struct PsArgs {
    /// Also those that other runs called as tools
    #[arg(long)]
    pub all: bool,
    /// How it is shown
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: ShowFormat,
}

/// `runs rm`.
#[derive(Debug, Args)]
pub struct RunsRemoveArgs {
    /// The runs: their ids, the beginnings of them, or `last`
    #[arg(value_name = "RUNS", required = true)]
    pub runs: Vec<String>,
}

/// `runs verify`.
#[derive(Debug, Args)]
pub struct RunsVerifyArgs {
    /// The runs: their ids, the beginnings of them, or `last`
    #[arg(value_name = "RUNS", required_unless_present = "all", conflicts_with = "all")]
    pub runs: Vec<String>,
    /// All runs of the store
    #[arg(long)]
    pub all: bool,
    /// How it is shown
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: ShowFormat,
}

/// `runs repair`.
#[derive(Debug, Args)]
pub struct RunRepairArgs {
    /// The run: its id, the beginning of it, or `last`
    #[arg(value_name = "RUN")]
    pub run: String,
}

/// `schema`.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// Of which file
    #[arg(value_name = "FILE")]
    pub of: SchemaName,
    /// As what it is printed
    #[arg(long, value_name = "FORMAT", default_value = "json")]
    pub format: SchemaFormat,
}

/// As what a format is described.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaFormat {
    /// As JSON Schema, for editors
    Json,
    /// As tables of all keys in Markdown, to read
    Markdown,
}

/// The formats that have a JSON Schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaName {
    /// A workflow
    Workflow,
    /// A manifest, agents.toml
    Agents,
    /// A test file, *.test.yaml
    Test,
    /// An eval file, *.eval.yaml
    Eval,
    /// A policy, policy.toml
    Policy,
}

/// `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The code, e.g. AF022; without one, all codes are listed
    #[arg(value_name = "CODE")]
    pub code: Option<String>,
}

/// `init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The folder; made if it is not there
    #[arg(value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    pub folder: PathBuf,
}

/// `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Also try whether local servers answer
    #[arg(long)]
    pub online: bool,
    /// Ask models again at once that are left alone because they failed
    #[arg(long)]
    pub reset_breakers: bool,
    /// How it is shown
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: ShowFormat,
}

/// `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// For which shell
    #[arg(value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

/// `man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Write a page for every command into this folder
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub folder: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
