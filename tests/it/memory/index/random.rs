//! Random collections, changed and searched at random, beside a plain list that is searched by looking at all of it.

#![expect(clippy::cast_precision_loss, reason = "small counts")]

use std::sync::Arc;

use agentflow::{
    memory::{Filter, Index, NewDocument, Search},
    model::{CollectionName, Passage, Scope},
};
use proptest::{prelude::*, sample::select};
use serde_json::json;

use super::{Backend, Fixture, document, unit};

/// Words that no rule changes, so that what the index counts is what stands there.
const WORDS: [&str; 6] = ["mumu", "kiki", "zorro", "bobo", "tatu", "gogo"];
/// The most that is compared of either order when both are fused.
const DEPTH: usize = 100;

#[derive(Debug, Clone)]
enum Step {
    Put(Vec<Draft>),
    Remove(u8, bool),
    Ask(Question),
}

#[derive(Debug, Clone)]
struct Draft {
    source: u8,
    of_agent: bool,
    untrusted: bool,
    kind: u8,
    /// The words and the direction of each chunk.
    chunks: Vec<(Vec<&'static str>, [i8; 3])>,
}

#[derive(Debug, Clone)]
struct Question {
    direction: [i8; 3],
    words: Vec<&'static str>,
    k: usize,
    min_score: Option<f64>,
    of_agent: bool,
    trusted_only: bool,
    kind: Option<u8>,
    sources: Option<&'static str>,
}

fn direction() -> impl Strategy<Value = [i8; 3]> {
    // Few, so that many are the same.
    [-2_i8..3, -2_i8..3, 1_i8..3]
}

fn words() -> impl Strategy<Value = Vec<&'static str>> {
    proptest::collection::vec(select(&WORDS[..]), 1..6)
}

fn draft() -> impl Strategy<Value = Draft> {
    let chunks = proptest::collection::vec((words(), direction()), 0..24);
    (0_u8..6, any::<bool>(), any::<bool>(), 0_u8..3, chunks).prop_map(|(source, of_agent, untrusted, kind, chunks)| Draft {
        source,
        of_agent,
        untrusted,
        kind,
        chunks,
    })
}

fn question() -> impl Strategy<Value = Question> {
    let filter = (
        any::<bool>(),
        any::<bool>(),
        proptest::option::of(0_u8..3),
        proptest::option::of(select(&["d/*", "d/1", "**/[0", "x"][..])),
    );
    let least = proptest::option::of(-0.5_f64..1.0);
    (direction(), words(), 0_usize..30, least, filter).prop_map(
        |(direction, words, k, min_score, (of_agent, trusted_only, kind, sources))| Question {
            direction,
            words,
            k,
            min_score,
            of_agent,
            trusted_only,
            kind,
            sources,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => proptest::collection::vec(draft(), 1..4).prop_map(Step::Put),
        1 => (0_u8..6, any::<bool>()).prop_map(|(source, of_agent)| Step::Remove(source, of_agent)),
        3 => question().prop_map(Step::Ask),
    ]
}

fn scope(of_agent: bool) -> Scope {
    if of_agent { "agent:a".parse().unwrap() } else { Scope::Project }
}

fn to_unit(direction: [i8; 3]) -> Vec<f32> {
    unit(&direction.map(f32::from))
}

impl Draft {
    fn document(&self) -> NewDocument {
        let texts: Vec<_> = self.chunks.iter().map(|(words, _)| words.join(" ")).collect();
        let chunks: Vec<_> =
            texts.iter().zip(&self.chunks).map(|(text, (_, direction))| (text.as_str(), Some(to_unit(*direction)))).collect();
        NewDocument {
            scope: scope(self.of_agent),
            untrusted: self.untrusted,
            metadata: json!({"kind": self.kind}).as_object().unwrap().clone(),
            ..document(&format!("d/{}", self.source), &chunks)
        }
    }
}

impl Question {
    fn filter(&self) -> Filter {
        Filter {
            scopes: if self.of_agent { vec![scope(true)] } else { Vec::new() },
            metadata: self.kind.map(|kind| json!({"kind": kind}).as_object().unwrap().clone()).unwrap_or_default(),
            sources: self.sources.iter().map(|glob| (*glob).to_owned()).collect(),
            trusted_only: self.trusted_only,
        }
    }

    fn lets_through(&self, draft: &Draft) -> bool {
        let fits = match self.sources {
            None | Some("d/*") => true,
            Some("d/1") => draft.source == 1,
            Some(_) => false,
        };
        fits && (draft.of_agent || !self.of_agent)
            && !(self.trusted_only && draft.untrusted)
            && self.kind.is_none_or(|kind| kind == draft.kind)
    }
}

/// All that is there, in the order in which it was added.
#[derive(Default)]
struct List(Vec<Draft>);

/// A passage, as both tell it: the document, the chunk, the score, the similarity.
type Told = (String, Scope, u32, f64, Option<f64>);

impl List {
    fn remove(&mut self, source: u8, of_agent: bool) {
        self.0.retain(|draft| (draft.source, draft.of_agent) != (source, of_agent));
    }

    /// The chunks that are looked at, each with its cosine and its BM25.
    fn scored(&self, question: &Question) -> Vec<(String, Scope, u32, f64, f64)> {
        let query = to_unit(question.direction);
        let all: Vec<_> = self.0.iter().flat_map(|draft| draft.chunks.iter().map(|(words, _)| words)).collect();
        let count = all.len() as f64;
        // One more than its words: the hash.
        let mean = all.iter().map(|words| words.len() as f64 + 1.0).sum::<f64>() / count;
        let mut asked: Vec<&str> = question.words.clone();
        asked.sort_unstable();
        asked.dedup();
        let bm25 = |words: &[&str]| -> f64 {
            let length = words.len() as f64 + 1.0;
            let one = |word: &&str| {
                let having = all.iter().filter(|words| words.contains(word)).count() as f64;
                let times = words.iter().filter(|one| *one == word).count() as f64;
                let rarity = ((count - having + 0.5) / (having + 0.5)).ln();
                let rarity = if rarity <= 0.0 { 1e-6 } else { rarity };
                rarity * times * 2.2 / (times + 1.2 * (0.25 + 0.75 * length / mean))
            };
            asked.iter().map(one).sum()
        };
        let mut scored = Vec::new();
        for draft in self.0.iter().filter(|draft| question.lets_through(draft)) {
            for (line, (words, direction)) in (1..).zip(&draft.chunks) {
                let cosine = to_unit(*direction).iter().zip(&query).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                if question.min_score.is_none_or(|least| cosine >= least) {
                    scored.push((format!("d/{}", draft.source), scope(draft.of_agent), line, cosine, bm25(words)));
                }
            }
        }
        scored
    }
}

fn tell(found: Vec<Passage>) -> Vec<Told> {
    found.into_iter().map(|one| (one.source, one.scope, one.position.first_line, one.score, one.similarity)).collect()
}

async fn ask(index: &Arc<dyn Index>, docs: &CollectionName, list: &List, question: &Question) {
    let (query, words) = (to_unit(question.direction), question.words.join(" "));
    let base = Search { vector: None, words: None, k: 1_000, min_score: question.min_score, filter: question.filter() };
    let scored = list.scored(question);

    let near = tell(index.search(docs, &Search { vector: Some(&query), k: question.k, ..base.clone() }).await.unwrap());
    let mut wanted: Vec<_> = scored
        .iter()
        .map(|(source, scope, line, cosine, _)| (source.clone(), scope.clone(), *line, *cosine, Some(*cosine)))
        .collect();
    // Stable: equals stay in the order in which they were added.
    wanted.sort_by(|a, b| b.3.total_cmp(&a.3));
    wanted.truncate(question.k);
    assert_eq!(near, wanted, "by meaning");

    if question.min_score.is_none() {
        let said = tell(index.search(docs, &Search { words: Some(&words), ..base.clone() }).await.unwrap());
        let having = scored.iter().filter(|one| one.4 > 0.0).count();
        assert_eq!(said.len(), having.min(1_000), "by words");
        assert!(said.windows(2).all(|pair| pair[0].3 >= pair[1].3), "by words: {said:?}");
        for (source, scope, line, score, similarity) in &said {
            let wanted = scored.iter().find(|one| (&one.0, &one.1, one.2) == (source, scope, *line)).unwrap();
            assert!((score - wanted.4).abs() < 1e-9 && similarity.is_none(), "by words: {score} instead of {}", wanted.4);
        }
        let near = tell(index.search(docs, &Search { vector: Some(&query), k: DEPTH, ..base.clone() }).await.unwrap());
        let mut fused: Vec<Told> = Vec::new();
        for order in [near, said.into_iter().take(DEPTH).collect()] {
            for (rank, one) in (1_u32..).zip(order) {
                let share = 11.0 / (10.0 + f64::from(rank)) / 2.0;
                match fused.iter_mut().find(|two| (&two.0, &two.1, two.2) == (&one.0, &one.1, one.2)) {
                    Some(two) => two.3 += share,
                    None => fused.push((one.0, one.1, one.2, share, None)),
                }
            }
        }
        fused.sort_by(|a, b| b.3.total_cmp(&a.3));
        let both = Search { vector: Some(&query), words: Some(&words), k: question.k, ..base };
        let both = tell(index.search(docs, &both).await.unwrap());
        assert_eq!(both.len(), fused.len().min(question.k), "by both");
        for (found, wanted) in both.iter().zip(&fused) {
            assert!((found.3 - wanted.3).abs() < 1e-12, "by both: {found:?} instead of {wanted:?}");
            let itself = scored.iter().find(|one| (&one.0, &one.1, one.2) == (&found.0, &found.1, found.2)).unwrap();
            assert_eq!(found.4, Some(itself.3), "by both");
        }
    }
}

async fn compare(backend: Backend, steps: Vec<Step>) {
    let fixture = Fixture::new(backend).await;
    let docs = fixture.collection("docs").await;
    let reader = fixture.open_again().await;
    let mut list = List::default();
    for step in steps {
        match step {
            Step::Put(drafts) => {
                for draft in &drafts {
                    list.remove(draft.source, draft.of_agent);
                    list.0.push(draft.clone());
                }
                fixture.index.put(&docs, drafts.iter().map(Draft::document).collect()).await.unwrap();
            }
            Step::Remove(source, of_agent) => {
                let before = list.0.len();
                list.remove(source, of_agent);
                let gone = [(format!("d/{source}"), scope(of_agent))];
                assert_eq!(fixture.index.remove(&docs, &gone).await.unwrap(), before - list.0.len());
            }
            Step::Ask(question) => ask(&reader, &docs, &list, &question).await,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_search_finds_what_looking_at_all_finds(
        steps in proptest::collection::vec(step(), 1..14),
        backend in select(&[Backend::InMemory, Backend::Sqlite, Backend::SqliteCodes][..]),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(compare(backend, steps));
    }
}
