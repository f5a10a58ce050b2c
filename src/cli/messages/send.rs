//! `agentflow messages send`.

use std::{fs, io::Read as _, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep};

use super::args::MessageSendArgs;
use crate::{
    app::{self, Settings},
    cli::terminal::Terminal,
    error::{Error, ErrorKind, Result},
    mailbox::{Letter, Mark, ProjectMailbox},
    model::{Mailbox, MailboxName, Message, MessageId, Recipient, RunId, Sender, Value},
    store::{self, Store},
};

/// The time between two tries when a mailbox is full.
const PAUSE: Duration = Duration::from_millis(200);

/// Sends one message, and prints its id.
pub(super) async fn send(
    store: Option<Arc<dyn Store>>,
    args: &MessageSendArgs,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<()> {
    let letter = letter(args)?;
    let store = if let Some(store) = store {
        store
    } else {
        let place = app::store_here(settings)?;
        store::open(&place.url, place.synchronous).await?
    };
    let mailbox = ProjectMailbox::new(store, args.mailbox.clone());
    let begun = Instant::now();
    loop {
        let sent = mailbox.send(std::slice::from_ref(&letter)).await?;
        if sent.accepted == 1 {
            if sent.fresh == 0 {
                terminal.note("a message with this id was sent before");
            }
            return terminal.print(&format!("{}\n", letter.message.id));
        }
        if args.wait.is_none_or(|wait| begun.elapsed() >= wait) {
            return Err(full(&args.mailbox));
        }
        sleep(PAUSE).await;
    }
}

fn full(mailbox: &MailboxName) -> Error {
    Error::new(ErrorKind::Waiting, format!("mailbox `{mailbox}` is full: nobody reads what is in it"))
        .hint(format!("`agentflow messages list {mailbox}` shows what waits; `--wait 1m` waits for room"))
}

fn letter(args: &MessageSendArgs) -> Result<Letter> {
    let now = Timestamp::now();
    let key = match &args.id {
        Some(id) => format!("{}/{id}", args.mailbox),
        None => RunId::generate().to_string(),
    };
    let message = Message {
        id: MessageId::of(&key),
        from: Sender { person: Some(app::user()), ..Sender::default() },
        to: Recipient::Mailbox(Mailbox::Project(args.mailbox.clone())),
        kind: args.kind.clone(),
        body: body(&args.body)?,
        at: now,
        expires_at: args.ttl.map(|ttl| end(now, ttl)),
    };
    // A line of its own, of which there is one message.
    let mark = args.id.is_some().then(|| Mark { line: format!("id/{}", message.id), number: 0 });
    Ok(Letter { message, mark })
}

fn end(now: Timestamp, ttl: Duration) -> Timestamp {
    let ttl = SignedDuration::try_from(ttl).unwrap_or(SignedDuration::MAX);
    now.checked_add(ttl).unwrap_or(Timestamp::MAX)
}

/// JSON, the file that is named, or standard input; what is no JSON is text.
fn body(text: &str) -> Result<Value> {
    let read = match text.strip_prefix('@') {
        Some(path) => fs::read_to_string(path).map_err(|error| {
            Error::new(ErrorKind::Invalid, format!("`{path}` cannot be read"))
                .hint("a text that begins with `@` is sent from a file, or from standard input with `--body -`")
                .source(error)
        })?,
        None if text == "-" => {
            let mut read = String::new();
            std::io::stdin()
                .read_to_string(&mut read)
                .map_err(|error| Error::new(ErrorKind::Invalid, "standard input cannot be read").source(error))?;
            read
        }
        None => text.to_owned(),
    };
    Ok(serde_json::from_str(&read).unwrap_or(Value::String(read)))
}
