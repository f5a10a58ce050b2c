//! The tree of an eval file → [`EvalManifest`].

use super::values::{count, entries, expression, number, text};
use crate::{
    diagnostic::{FileId, Spanned},
    manifest::{EvalManifest, ScorerKindManifest, ScorerManifest, Tree, VariantManifest, check::Schemas, schema_shorthand},
};

/// `schemas` are those that the check of the same tree has made.
pub(super) fn eval_file(tree: &Tree, file: FileId, mut schemas: Schemas) -> EvalManifest {
    let whole = |key| u32::try_from(tree.get(key)?.as_whole()?).ok();
    EvalManifest {
        file,
        description: tree.get("description").and_then(text),
        workflow: tree.get("workflow").and_then(text),
        data: tree.get("data").and_then(text),
        inputs: entries(tree.get("inputs"), |_, value| Some(value.clone())),
        scorers: entries(tree.get("scorers"), |_, value| scorer(value, &mut schemas)),
        variants: entries(tree.get("variants"), |_, value| Some(variant(value))),
        repeats: whole("repeats"),
        concurrency: whole("concurrency"),
        limit: tree.get("limit").and_then(count).map(|limit| limit.value),
        filter: tree.get("filter").and_then(expression),
        seed: tree.get("seed").and_then(Tree::as_whole).and_then(|seed| u64::try_from(seed).ok()),
        max_cost_usd: tree.get("max_cost_usd").and_then(Tree::as_number),
        fail_under: tree.get("fail_under").and_then(Tree::as_number),
    }
}

fn scorer(tree: &Tree, schemas: &mut Schemas) -> Option<ScorerManifest> {
    let kinds = ["exact", "contains", "regex", "schema", "number", "judge"];
    let (name, value) = kinds.into_iter().find_map(|name| Some((name, tree.get(name)?)))?;
    let distance = |key| tree.get(key).and_then(number).map_or(0.0, |distance| distance.value);
    let kind = match name {
        "exact" => ScorerKindManifest::Exact,
        "contains" => ScorerKindManifest::Contains,
        "regex" => ScorerKindManifest::Regex(tree.get("pattern").and_then(text)),
        "schema" => ScorerKindManifest::Schema(tree.get("is").and_then(|schema| {
            let made = schemas.remove(&schema.span).or_else(|| schema_shorthand::to_json_schema(schema, &mut Vec::new()))?;
            Some(Spanned::new(made, schema.span))
        })),
        "number" => ScorerKindManifest::Number { abs: distance("abs"), rel: distance("rel") },
        _ => ScorerKindManifest::Judge {
            agent: text(value)?,
            rubric: tree.get("rubric").and_then(text),
            rubric_file: tree.get("rubric_file").and_then(text),
        },
    };
    let of = if name == "judge" { tree.get("of") } else { Some(value) };
    Some(ScorerManifest {
        kind,
        of: of.and_then(expression),
        expected: tree.get("expected").and_then(expression),
        pass: tree.get("pass").and_then(Tree::as_number),
        fail_under: tree.get("fail_under").and_then(Tree::as_number),
    })
}

fn variant(tree: &Tree) -> VariantManifest {
    VariantManifest {
        workflow: tree.get("workflow").and_then(text),
        models: entries(tree.get("models"), |_, value| text(value)),
        files: entries(tree.get("files"), |_, value| text(value)),
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        diagnostic::Sources,
        manifest::{EvalManifest, ScorerKindManifest, read_eval_text},
    };

    /// The eval and its problems, as `LINE:COLUMN MESSAGE`.
    fn read(name: &str, text: &str) -> (Option<EvalManifest>, Vec<String>) {
        let (mut sources, mut problems) = (Sources::default(), Vec::new());
        let eval = read_eval_text(name.as_ref(), text.to_owned(), &mut sources, &mut problems);
        let told = problems.iter().map(|problem| {
            let place = sources.position(problem.span);
            format!("{}:{} {}", place.line, place.column, problem.message)
        });
        (eval, told.collect())
    }

    #[test]
    fn every_kind_of_scorer_is_read_with_what_belongs_to_it() {
        let (eval, problems) = read(
            "a.eval.yaml",
            "
workflow: w.yaml
data: rows.jsonl
limit: 2k
scorers:
  kind: { exact: kind }
  words: { contains: reply | lower, expected: expected.words }
  form: { regex: reply, pattern: '^Dear' }
  shape: { schema: outputs, is: { kind: string } }
  amount: { number: total, abs: 0.5, rel: 0.01, pass: 1 }
  tone: { judge: evaluator, of: reply, rubric: Is it polite?, pass: 0.7, fail_under: 0.8 }
variants:
  small: {}
  large: { models: { writer: openai/gpt-5 }, files: { a.md: b.md } }
",
        );
        assert_eq!(problems, [""; 0]);
        let eval = eval.unwrap();
        assert_eq!(eval.limit, Some(2_000));
        let kinds: Vec<_> = eval.scorers.iter().map(|(name, scorer)| (name.value.as_str(), &scorer.kind)).collect();
        assert!(matches!(kinds[0], ("kind", ScorerKindManifest::Exact)));
        assert!(matches!(kinds[2].1, ScorerKindManifest::Regex(Some(pattern)) if pattern.value == "^Dear"));
        assert!(matches!(kinds[3].1, ScorerKindManifest::Schema(Some(schema)) if schema.value["type"] == "object"));
        assert!(matches!(kinds[4].1, ScorerKindManifest::Number { abs, rel } if (*abs, *rel) == (0.5, 0.01)));
        assert!(matches!(kinds[5].1, ScorerKindManifest::Judge { agent, .. } if agent.value == "evaluator"));
        assert_eq!(eval.scorers[1].1.of.as_ref().unwrap().value, "reply | lower");
        assert_eq!(eval.scorers[5].1.of.as_ref().unwrap().value, "reply");
        assert_eq!(eval.variants[1].1.models[0].1.value, "openai/gpt-5");
    }

    #[test]
    fn what_is_no_part_of_an_eval_is_told_with_its_place() {
        let (_, problems) = read(
            "a.eval.yaml",
            "data: rows.jsonl\nscorers:\n  a: { exacd: kind }\n  b: { exact: kind, pattern: x }\n  c: { judge: e }\nrepeats: 0\n",
        );
        assert_eq!(
            problems,
            [
                "3:8 a scorer has no key `exacd`",
                "4:21 `pattern` belongs to `regex`, and this is a scorer with `exact`",
                "5:3 `c` needs `rubric` or `rubric_file`",
                "6:10 `repeats` must be at least 1",
                "1:1 an eval file needs `workflow`",
            ]
        );
    }
}
