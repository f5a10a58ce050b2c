//! How well memory finds what people ask for, over real documents and questions whose answers are known. `scripts/retrieval` prints the
//! table; the figures that are demanded here are a bit below those of docs/memory.md, because documents change.

#![expect(clippy::print_stderr, reason = "a measurement says what it found, and one that is skipped says so")]

mod corpus;
mod figures;
mod lab;
mod questions;

use agentflow::memory::{CollectionSettings, SearchBy};

use self::{corpus::Corpus, figures::Figures, lab::Lab};
use crate::embed::minilm;

/// What is less similar than this hardly belongs to the question: the `min_score` that docs/memory.md recommends.
const UNLIKE: f64 = 0.2;

/// Questions to which the documentation of this project has no answer.
const BESIDE: [&str; 12] = [
    "What is the capital of France?",
    "How long do I boil an egg?",
    "Who won the world cup in 1998?",
    "Which medication helps against hay fever?",
    "How do I change the tyre of a bicycle?",
    "What does the treaty of Westphalia say?",
    "When is the next total eclipse of the sun?",
    "How do I train a puppy not to bite?",
    "Which wine goes with grilled fish?",
    "What is the boiling point of ethanol?",
    "Why did the Roman empire fall?",
    "Which planet has the most moons?",
];

/// Asks all corpora, tells what was found, and gives the figures of all together.
async fn measure(lab: &Lab, corpora: &[Corpus], by: SearchBy, named: &str) -> Figures {
    let questions = questions::read();
    let mut all = Figures::default();
    for corpus in corpora {
        let figures = lab.ask(corpus, &questions, by).await;
        eprintln!("| {named} | {} | {} | {figures} |", corpus.name, figures.searches());
        all.add(&figures);
    }
    eprintln!("| {named} | all | {} | {all} |", all.searches());
    all
}

#[tokio::test]
async fn by_words_alone_more_than_half_is_found() {
    let (lab, corpora) = (Lab::lexical(), [Corpus::docs(), Corpus::petgraph()]);
    for corpus in &corpora {
        let chunks = lab.fill(corpus).await;
        eprintln!("{}: {chunks} chunks", corpus.name);
    }
    let words = measure(&lab, &corpora, SearchBy::Words, "by words, without a model").await;
    assert!(words.hit_at(5) >= 0.5, "{words}");
}

#[tokio::test]
async fn with_a_model_most_is_found_and_what_is_not_there_is_not_similar() {
    let Some(folder) = minilm::folder() else { return };
    let lab = Lab::local(&folder, &settings()).await;
    // Vectors of the library's source take an unoptimized build some minutes: `scripts/retrieval` has them made.
    let corpora =
        if is_asked("AGENTFLOW_RETRIEVAL_ALL") { vec![Corpus::docs(), Corpus::petgraph()] } else { vec![Corpus::docs()] };
    for corpus in &corpora {
        let chunks = lab.fill(corpus).await;
        eprintln!("{}: {chunks} chunks", corpus.name);
    }
    let words = measure(&lab, &corpora, SearchBy::Words, "by words").await;
    let meaning = measure(&lab, &corpora, SearchBy::Meaning, "by meaning").await;
    let both = measure(&lab, &corpora, SearchBy::Both, "by both").await;
    assert!(both.hit_at(5) >= 0.65 && both.reciprocal_rank() >= 0.45, "{both}");
    assert!(both.hit_at(5) > words.hit_at(5) + 0.05 && both.hit_at(5) > meaning.hit_at(5) + 0.05, "{words}, {meaning}, {both}");
    let mut similar = Vec::new();
    for question in BESIDE {
        let similarity = lab.nearest(&Corpus::docs(), question).await;
        if similarity >= UNLIKE {
            similar.push((question, similarity));
        }
    }
    assert!(similar.len() <= 2, "{similar:?}");
}

fn is_asked(name: &str) -> bool {
    std::env::var_os(name).is_some()
}

/// How the corpora are divided: as collections are unless their manifest says otherwise, or as the environment says, to compare.
#[expect(clippy::disallowed_methods, reason = "the environment says what is to be compared")]
fn settings() -> CollectionSettings {
    let mut settings = CollectionSettings::default();
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse().ok());
    settings.chunk_tokens = number("AGENTFLOW_RETRIEVAL_CHUNK").unwrap_or(settings.chunk_tokens);
    settings.overlap_tokens = number("AGENTFLOW_RETRIEVAL_OVERLAP").unwrap_or(settings.overlap_tokens);
    settings
}
