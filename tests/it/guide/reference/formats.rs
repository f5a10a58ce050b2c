//! The keys of the file formats: from the grammar.

use agentflow::manifest::{SchemaOf, reference};

use super::holds;

fn page(title: &str, of: SchemaOf, name: &str, before: &str) -> String {
    format!(
        "# {title}\n\n{before}\n\n`agentflow schema {name}` prints the same rules as JSON Schema for an editor, `agentflow schema {name} --format \
         markdown` prints this page. Files may be YAML, TOML or JSON. A key that is not here is refused.\n\n{}",
        reference(of)
    )
}

#[test]
fn the_pages_of_the_formats_are_what_the_grammar_says() {
    holds(
        "docs/reference/workflow.md",
        &page(
            "Keys of workflow files",
            SchemaOf::Workflow,
            "workflow",
            "What happens, and in which order: `workflows/*.yaml`. How the keys work together is told in [the format](../format.md).",
        ),
    );
    holds(
        "docs/reference/manifest.md",
        &page(
            "Keys of the manifest",
            SchemaOf::Agents,
            "agents",
            "Who does the work, with which model: `agents.toml`. How the keys work together is told in \
             [the format](../format.md#manifest).",
        ),
    );
    holds(
        "docs/reference/policy.md",
        &page(
            "Keys of the policy",
            SchemaOf::Policy,
            "policy",
            "What the operator lets tools touch: `policy.toml`. Where it is looked for, and what its rules mean, is told in \
             [tools](../tools.md#the-policy-file).",
        ),
    );
    holds(
        "docs/reference/test-file.md",
        &page(
            "Keys of test files",
            SchemaOf::Test,
            "test",
            "What a workflow must do, without a model: `*.test.yaml`, beside the workflow.",
        ),
    );
    holds(
        "docs/reference/eval-file.md",
        &page(
            "Keys of eval files",
            SchemaOf::Eval,
            "eval",
            "How well a workflow does over a data set: `*.eval.yaml`, beside the workflow.",
        ),
    );
}
