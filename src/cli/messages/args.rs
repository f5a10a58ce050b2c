//! `messages` as clap reads it.

use std::time::Duration;

use clap::{Args, Subcommand};

use crate::{
    cli::{args::ShowFormat, values::parse_duration},
    model::{MailboxName, MessageType},
};

/// `messages`.
#[derive(Debug, Subcommand)]
pub enum MessagesCommand {
    /// List the mailboxes of the project, or what is unread in one
    List(MessagesListArgs),
    /// Show messages as they are sent to a mailbox
    Tail(MessagesTailArgs),
    /// Send a message to a mailbox
    Send(MessageSendArgs),
    /// List the messages that reached nobody, and why
    Dead(MessagesDeadArgs),
    /// Send messages again that reached nobody
    Replay(MessagesReplayArgs),
}

/// `messages list`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Looking takes nothing out of a mailbox: a message waits until a run has received it.

Examples:
  agentflow messages list
  agentflow messages list reviews --type finding --format json")]
pub struct MessagesListArgs {
    /// The mailbox, as NAME or project:NAME; without one, all mailboxes are listed
    #[arg(value_name = "MAILBOX", value_parser = parse_mailbox)]
    pub mailbox: Option<MailboxName>,
    /// Only messages of this type
    #[arg(long = "type", value_name = "TYPE", requires = "mailbox", value_parser = parse_type)]
    pub kind: Option<MessageType>,
    /// Also those that were read, as long as they are kept
    #[arg(long, requires = "mailbox")]
    pub all: bool,
    /// How many messages to list, 0 for all
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 20)]
    pub limit: usize,
    /// How it is shown
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: ShowFormat,
}

/// `messages tail`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Ends with Ctrl-C, or after --count messages. It takes nothing out of the mailbox.

Examples:
  agentflow messages tail reviews
  agentflow messages tail reviews -n 0 --count 1 --format json")]
pub struct MessagesTailArgs {
    /// The mailbox, as NAME or project:NAME
    #[arg(value_name = "MAILBOX", value_parser = parse_mailbox)]
    pub mailbox: MailboxName,
    /// Only messages of this type
    #[arg(long = "type", value_name = "TYPE", value_parser = parse_type)]
    pub kind: Option<MessageType>,
    /// How many of the last messages to show first
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 10)]
    pub last: u64,
    /// End after so many messages
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// How they are shown; as JSON, each is one line
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: ShowFormat,
}

/// `messages send`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
A mailbox is made by the first message that is sent to it. One that is full (10000 messages or 64 MiB unread) takes none: \
the exit code is 3.

Examples:
  agentflow messages send reviews --type finding --body '{\"file\": \"main.rs\", \"line\": 3}'
  agentflow messages send reviews --type note --body 'look at this'
  git diff | agentflow messages send reviews --type diff --body - --ttl 1h
  agentflow messages send deploys --type release --body @release.json --id release-42")]
pub struct MessageSendArgs {
    /// The mailbox, as NAME or project:NAME
    #[arg(value_name = "MAILBOX", value_parser = parse_mailbox)]
    pub mailbox: MailboxName,
    /// What sort of message it is
    #[arg(long = "type", value_name = "TYPE", value_parser = parse_type)]
    pub kind: MessageType,
    /// What it says: JSON, @FILE, or - for standard input; what is no JSON is text
    #[arg(long, value_name = "BODY")]
    pub body: String,
    /// How long it is of use; then it is a dead letter
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub ttl: Option<Duration>,
    /// Send nothing when a message was sent with this id before
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// How long to wait for room when the mailbox is full
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub wait: Option<Duration>,
}

/// `messages dead`.
#[derive(Debug, Args)]
pub struct MessagesDeadArgs {
    /// The mailbox, as NAME or project:NAME; without one, those of all mailboxes
    #[arg(value_name = "MAILBOX", value_parser = parse_mailbox)]
    pub mailbox: Option<MailboxName>,
    /// How many to list of each mailbox, 0 for all
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 20)]
    pub limit: usize,
    /// How it is shown
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: ShowFormat,
}

/// `messages replay`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
A message that is sent again has no end of its time any more.

Examples:
  agentflow messages replay reviews 17 18
  agentflow messages replay reviews --all")]
pub struct MessagesReplayArgs {
    /// The mailbox, as NAME or project:NAME
    #[arg(value_name = "MAILBOX", value_parser = parse_mailbox)]
    pub mailbox: MailboxName,
    /// The numbers of the messages, as `messages dead` shows them
    #[arg(value_name = "NUMBERS", required_unless_present = "all", conflicts_with = "all")]
    pub numbers: Vec<u64>,
    /// All of them
    #[arg(long)]
    pub all: bool,
}

/// Reads the name of a mailbox of the project, with or without what says so.
fn parse_mailbox(text: &str) -> Result<MailboxName, String> {
    let name = text.strip_prefix("project:").unwrap_or(text);
    MailboxName::new(name).map_err(|err| err.hints().first().cloned().unwrap_or_else(|| err.to_string()))
}

/// Reads the type of a message.
fn parse_type(text: &str) -> Result<MessageType, String> {
    MessageType::new(text).map_err(|err| err.hints().first().cloned().unwrap_or_else(|| err.to_string()))
}
