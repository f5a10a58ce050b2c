//! A conversation as it is kept: the last turns word by word, and a summary of those before.
//!
//! Plain data into fixed types, with a version; bounded, so that no conversation outgrows a document of the store.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, ErrorKind, Result},
    model::{AgentName, NodePath, RunId, Scope, Value},
    store::{Key, Versioned},
};

/// The version of the documents that are written.
const VERSION: u16 = 1;
/// The beginning of all keys.
pub(super) const PREFIX: &str = "conversation/";
/// The longest name of a conversation, in bytes.
const MAX_NAME: usize = 200;
/// How much of one prompt or answer is kept, in bytes.
const MAX_TEXT: usize = 64 * 1024;
/// How much of turns is kept in all, in bytes as they are written: less than what a result of a tool may have.
const MAX_TURNS: usize = 512 * 1024;
/// How many ids are remembered of turns that are not kept any more.
const MAX_GONE: usize = 1_000;

/// What a conversation is called, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConversationId {
    /// Whose it is.
    pub scope: Scope,
    /// Its name, of its own in the scope.
    pub name: String,
}

impl ConversationId {
    /// The conversation called `name`.
    ///
    /// # Errors
    /// `Invalid` for a name that is empty or longer than 200 bytes, or that has control characters.
    pub fn new(scope: Scope, name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        let problem = if name.trim().is_empty() {
            "is empty".to_owned()
        } else if name.len() > MAX_NAME {
            format!("has {} bytes, and {MAX_NAME} are possible", name.len())
        } else if name.chars().any(char::is_control) {
            format!("`{}` has control characters", name.escape_debug())
        } else {
            return Ok(Self { scope, name });
        };
        Err(Error::new(ErrorKind::Invalid, format!("the name of a conversation {problem}"))
            .hint("name it by what it is about, such as a ticket or a person: `conversation: \"ticket-{{ inputs.ticket }}\"`"))
    }

    /// The key of its document.
    pub(super) fn key(&self) -> Key {
        let part = |text: &str| text.replace('%', "%25").replace('/', "%2F");
        Key::new(format!("{PREFIX}{}/{}", part(&self.scope.to_string()), part(&self.name)))
    }
}

impl std::fmt::Display for ConversationId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.scope, self.name)
    }
}

/// A conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conversation {
    version: u16,
    /// What it is called.
    pub id: ConversationId,
    /// What was said before the turns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Summary>,
    /// The last turns, the oldest first.
    #[serde(default)]
    pub turns: VecDeque<KeptTurn>,
    /// How many turns are neither kept nor summarized.
    #[serde(default)]
    pub dropped: u64,
    /// The ids of the last turns that are not kept any more: so that none of them is added once more.
    #[serde(default)]
    gone: VecDeque<String>,
}

/// Something that was said and answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptTurn {
    /// The key of the step that added it.
    pub id: String,
    /// What was said.
    pub prompt: String,
    /// What was answered; JSON where it was no text.
    pub answer: String,
    /// When it was added.
    pub at: Timestamp,
    /// In which run.
    pub run: RunId,
    /// By which node.
    pub node: NodePath,
    /// Its tokens, as they were counted for the model that answered.
    pub tokens: usize,
}

/// What was said before, in short.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// The text.
    pub text: String,
    /// How many turns it stands for.
    pub turns: u64,
    /// Who wrote it.
    pub by: AgentName,
}

/// A summary that takes the place of the oldest turns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::agent) struct Compaction {
    pub(super) text: String,
    pub(super) by: AgentName,
    /// How many turns the summary before it stood for: what it was made from.
    pub(super) after: u64,
    /// The turns that it stands for besides.
    pub(super) covers: Vec<String>,
}

/// What an addition did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Added {
    /// Whether the turn is new.
    pub(super) is_new: bool,
    /// How many turns the summary took the place of.
    pub(super) summarized: usize,
    /// How many of the oldest turns were dropped because the conversation became too long to be kept.
    pub(super) dropped: usize,
}

impl Conversation {
    /// One in which nothing was said.
    pub(super) fn empty(id: ConversationId) -> Self {
        Self { version: VERSION, id, summary: None, turns: VecDeque::new(), dropped: 0, gone: VecDeque::new() }
    }

    /// Reads a document.
    ///
    /// # Errors
    /// `Corrupt` when it is none of ours, or of a newer version.
    pub(super) fn read(key: &Key, document: Versioned<Value>) -> Result<Self> {
        let damaged = |why: String| {
            Error::new(ErrorKind::Corrupt, format!("the document `{key}` is no conversation: {why}"))
                .hint("if it is of a newer version, use that; `agentflow conversations rm` removes it")
        };
        let version = document.value["version"].as_u64();
        if version != Some(VERSION.into()) {
            let named = version.map_or_else(|| "none".to_owned(), |version| version.to_string());
            return Err(damaged(format!("its version is {named}, and {VERSION} is known")));
        }
        serde_json::from_value(document.value).map_err(|error| damaged(error.to_string()))
    }

    /// How many turns there were, those included that are not kept any more.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.dropped + self.summary.as_ref().map_or(0, |summary| summary.turns) + self.turns.len() as u64
    }

    /// Adds a turn at the end, and has a summary take the place of the oldest ones. What was done before changes nothing: a turn that
    /// is known, and a summary of turns that are not the oldest any more, because another run has summarized them meanwhile.
    pub(super) fn add(&mut self, mut turn: KeptTurn, compaction: Option<Compaction>) -> Added {
        let mut done = Added::default();
        if self.gone.contains(&turn.id) || self.turns.iter().any(|known| known.id == turn.id) {
            return done;
        }
        if let Some(compaction) = compaction {
            done.summarized = self.compact(compaction);
        }
        cut(&mut turn.prompt);
        cut(&mut turn.answer);
        self.turns.push_back(turn);
        done.is_new = true;
        let mut length: usize = self.turns.iter().map(KeptTurn::length).sum();
        while length > MAX_TURNS && self.turns.len() > 1 {
            let Some(oldest) = self.turns.pop_front() else { break };
            length -= oldest.length();
            self.forget(oldest.id);
            self.dropped += 1;
            done.dropped += 1;
        }
        done
    }

    fn compact(&mut self, compaction: Compaction) -> usize {
        let Compaction { mut text, by, after, covers } = compaction;
        let before = self.summary.as_ref().map_or(0, |summary| summary.turns);
        let are_oldest =
            covers.len() <= self.turns.len() && self.turns.iter().zip(&covers).all(|(turn, covered)| turn.id == *covered);
        if before != after || !are_oldest || covers.is_empty() {
            return 0;
        }
        self.turns.drain(..covers.len());
        cut(&mut text);
        self.summary = Some(Summary { text, turns: before + covers.len() as u64, by });
        let count = covers.len();
        for id in covers {
            self.forget(id);
        }
        count
    }

    fn forget(&mut self, id: String) {
        self.gone.push_back(id);
        if self.gone.len() > MAX_GONE {
            self.gone.pop_front();
        }
    }
}

impl KeptTurn {
    /// In bytes, as it is written.
    fn length(&self) -> usize {
        serde_json::to_string(self).map_or(usize::MAX / 2, |text| text.len())
    }
}

/// Leaves the middle of a text out that is too long to be kept.
fn cut(text: &mut String) {
    if text.len() > MAX_TEXT {
        *text = without_middle(text, MAX_TEXT);
    }
}

/// `text` in at most `most` bytes: its beginning and its end, with a mark between them.
pub(super) fn without_middle(text: &str, most: usize) -> String {
    const MARK: &str = "\n[…]\n";
    if text.len() <= most {
        return text.to_owned();
    }
    let half = most.saturating_sub(MARK.len()) / 2;
    let end = (0..=half).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let start = (text.len() - half..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    format!("{}{MARK}{}", &text[..end], &text[start..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> ConversationId {
        ConversationId::new(Scope::Project, "help").unwrap()
    }

    fn turn(id: &str) -> KeptTurn {
        KeptTurn {
            id: id.to_owned(),
            prompt: format!("What is {id}?"),
            answer: format!("It is {id}."),
            at: Timestamp::UNIX_EPOCH,
            run: "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap(),
            node: NodePath::new("answer"),
            tokens: 10,
        }
    }

    fn summary(after: u64, covers: &[&str]) -> Compaction {
        let covers = covers.iter().map(|id| (*id).to_owned()).collect();
        Compaction { text: "in short".to_owned(), by: AgentName::new("clerk").unwrap(), after, covers }
    }

    fn ids(conversation: &Conversation) -> Vec<&str> {
        conversation.turns.iter().map(|turn| turn.id.as_str()).collect()
    }

    #[test]
    fn names_are_kept_apart_in_keys() {
        let key = |scope, name: &str| ConversationId::new(scope, name).unwrap().key().to_string();
        assert_eq!(key(Scope::Project, "a b"), "conversation/project/a b");
        assert_eq!(key(Scope::Workflow("x/y".to_owned()), "a/b%"), "conversation/workflow:x%2Fy/a%2Fb%25");
        for bad in ["", "  ", "a\nb", &"x".repeat(201)] {
            assert_eq!(ConversationId::new(Scope::Project, bad).unwrap_err().kind(), ErrorKind::Invalid, "{bad:?}");
        }
    }

    #[test]
    fn a_document_is_read_as_it_was_written_and_none_of_a_newer_version() {
        let mut conversation = Conversation::empty(id());
        conversation.add(turn("a"), None);
        conversation.add(turn("b"), Some(summary(0, &["a"])));
        let mut value = serde_json::to_value(&conversation).unwrap();
        let read = |value: &Value| {
            let document = Versioned { version: crate::store::Version(1), value: value.clone() };
            Conversation::read(&id().key(), document)
        };
        assert_eq!(read(&value).unwrap(), conversation);
        value["version"] = 2.into();
        let error = read(&value).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.message().contains("its version is 2"), "{error}");
    }

    #[test]
    fn a_turn_that_is_known_is_not_added_again_not_even_when_it_was_summarized() {
        let mut conversation = Conversation::empty(id());
        assert!(conversation.add(turn("a"), None).is_new);
        assert_eq!(conversation.add(turn("a"), None), Added::default());
        conversation.add(turn("b"), Some(summary(0, &["a"])));
        assert_eq!((ids(&conversation), conversation.total()), (vec!["b"], 2));
        assert_eq!(conversation.add(turn("a"), None), Added::default());
        assert_eq!((ids(&conversation), conversation.total()), (vec!["b"], 2));
    }

    #[test]
    fn of_two_summaries_of_the_same_turns_the_first_stays() {
        let mut conversation = Conversation::empty(id());
        for id in ["a", "b", "c"] {
            conversation.add(turn(id), None);
        }
        assert_eq!(conversation.add(turn("d"), Some(summary(0, &["a", "b"]))).summarized, 2);
        // Made at the same time from the same turns, and added later.
        let done = conversation.add(turn("e"), Some(summary(0, &["a", "b"])));
        assert_eq!((done.is_new, done.summarized), (true, 0));
        assert_eq!(ids(&conversation), ["c", "d", "e"]);
        assert_eq!(conversation.summary.as_ref().unwrap().turns, 2);
        // One that covers a turn in the middle would lose those before it.
        assert_eq!(conversation.add(turn("f"), Some(summary(2, &["d"]))).summarized, 0);
        assert_eq!(conversation.add(turn("g"), Some(summary(2, &["c"]))).summarized, 1);
        assert_eq!(conversation.total(), 7);
    }

    #[test]
    fn what_is_too_long_to_be_kept_loses_its_oldest_turns_and_counts_them() {
        let mut conversation = Conversation::empty(id());
        let long = |id: &str| KeptTurn { answer: "ä".repeat(MAX_TEXT), ..turn(id) };
        for at in 0..20 {
            conversation.add(long(&at.to_string()), None);
        }
        let kept: usize = conversation.turns.iter().map(KeptTurn::length).sum();
        assert!(kept <= MAX_TURNS && conversation.turns.len() >= 7, "{kept}");
        assert_eq!((conversation.total(), conversation.turns.back().unwrap().id.as_str()), (20, "19"));
        assert_eq!(conversation.dropped, 20 - conversation.turns.len() as u64);
        assert!(conversation.turns.iter().all(|turn| turn.answer.len() <= MAX_TEXT && turn.answer.contains("[…]")));
    }
}
