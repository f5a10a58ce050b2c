//! Where the parts of an eval are written, so that what is wrong with them is told there.

use std::collections::HashMap;

use crate::{
    diagnostic::{Span, Spanned},
    eval::scorers::Part,
    manifest::{EvalManifest, ScorerKindManifest, ScorerManifest},
};

/// The places of an eval file; nothing is known of an eval that came from options.
#[derive(Debug, Clone, Default)]
pub struct Places {
    scorers: HashMap<(String, Part), Spanned<String>>,
    filter: Option<Spanned<String>>,
    data: Option<Span>,
}

impl Places {
    /// Those of an eval file.
    #[must_use]
    pub fn of(written: &EvalManifest) -> Self {
        let scorers = written.scorers.iter().flat_map(|(name, scorer)| {
            parts(scorer).into_iter().filter_map(|(part, text)| Some(((name.value.clone(), part), text?)))
        });
        Self { scorers: scorers.collect(), filter: written.filter.clone(), data: written.data.as_ref().map(|data| data.span) }
    }

    /// Where a part of a scorer stands, as it is written.
    #[must_use]
    pub fn scorer(&self, name: &str, part: Part) -> Option<&Spanned<String>> {
        self.scorers.get(&(name.to_owned(), part))
    }

    /// Where the filter stands.
    #[must_use]
    pub fn filter(&self) -> Option<&Spanned<String>> {
        self.filter.as_ref()
    }

    /// Where the data set is named.
    #[must_use]
    pub fn data(&self) -> Option<Span> {
        self.data
    }
}

fn parts(scorer: &ScorerManifest) -> [(Part, Option<Spanned<String>>); 3] {
    let rule = match &scorer.kind {
        ScorerKindManifest::Regex(pattern) => pattern.clone(),
        ScorerKindManifest::Schema(schema) => schema.as_ref().map(|schema| Spanned::new(String::new(), schema.span)),
        ScorerKindManifest::Judge { agent, .. } => Some(agent.clone()),
        ScorerKindManifest::Exact | ScorerKindManifest::Contains | ScorerKindManifest::Number { .. } => None,
    };
    [(Part::Of, scorer.of.clone()), (Part::Expected, scorer.expected.clone()), (Part::Rule, rule)]
}
