//! The labelled set: questions, and phrases of the passages that answer them.

use std::collections::HashSet;

use agentflow::model::Passage;
use serde::Deserialize;

use super::corpus::Corpus;

/// A question whose answer is known to stand in the documents.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Question {
    /// As a user would ask it.
    #[serde(rename = "question")]
    pub(crate) text: String,
    /// Whether it names what it looks for.
    pub(crate) kind: Kind,
    #[serde(flatten)]
    answer: Answer,
    /// Other passages that answer it as well.
    #[serde(default)]
    or: Vec<Answer>,
}

/// How a question is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// In other words than those of the passage.
    Paraphrase,
    /// With the very name that stands in the passage: a code, a key, a function.
    Identifier,
}

/// A place where an answer stands.
#[derive(Debug, Deserialize)]
struct Answer {
    source: String,
    /// A phrase that the right chunk has: lines may move, the phrase stays.
    contains: String,
}

/// All questions.
pub(crate) fn read() -> Vec<Question> {
    include_str!("../../../fixtures/retrieval.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

impl Question {
    /// Whether it is about these documents.
    pub(crate) fn is_about(&self, corpus: &Corpus) -> bool {
        corpus.has(&self.answer.source)
    }

    /// Whether the passage holds an answer.
    pub(crate) fn is_answered_by(&self, passage: &Passage) -> bool {
        let text = in_one_line(&passage.text);
        self.answers().any(|answer| answer.source == passage.source && text.contains(&in_one_line(&answer.contains)))
    }

    fn answers(&self) -> impl Iterator<Item = &Answer> {
        std::iter::once(&self.answer).chain(&self.or)
    }
}

/// Chunks may break lines elsewhere than their documents.
fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn every_answer_stands_once_in_its_document() {
    let corpora = [Corpus::docs(), Corpus::petgraph()];
    let questions = read();
    for question in &questions {
        let corpus = corpora.iter().find(|corpus| question.is_about(corpus));
        let corpus = corpus.unwrap_or_else(|| panic!("{}: no document is called that", question.answer.source));
        for answer in question.answers() {
            let text = in_one_line(corpus.text(&answer.source));
            assert_eq!(text.matches(&in_one_line(&answer.contains)).count(), 1, "{}: {:?}", answer.source, answer.contains);
        }
    }
    let asked: HashSet<_> = questions.iter().map(|question| &question.text).collect();
    assert_eq!(asked.len(), questions.len(), "a question is asked twice");
}

#[test]
fn the_set_is_large_and_mostly_in_other_words() {
    let questions = read();
    let of = |corpus: &Corpus| questions.iter().filter(|question| question.is_about(corpus)).count();
    let (docs, petgraph) = (of(&Corpus::docs()), of(&Corpus::petgraph()));
    assert!(docs >= 90 && petgraph >= 40, "{docs} on the documentation, {petgraph} on petgraph");
    let named = questions.iter().filter(|question| question.kind == Kind::Identifier).count();
    assert!(named * 2 < questions.len() && named * 4 > questions.len(), "{named} of {} name what they look for", questions.len());
}
