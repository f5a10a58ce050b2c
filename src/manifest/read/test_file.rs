//! The tree of a test file → [`TestFileManifest`].

use super::values::{count, count32, duration, entries, number, text, texts};
use crate::{
    diagnostic::{FileId, Spanned},
    manifest::{
        CaseManifest, ErrorExpectManifest, ExpectManifest, FailureManifest, FaultManifest, MockManifest, StepManifest,
        TestBodyManifest, TestCassetteManifest, TestFileManifest, TestManifest, Tree,
    },
};

/// `None` when it has no workflow, which has been reported.
pub(super) fn test_file(tree: &Tree, file: FileId) -> Option<TestFileManifest> {
    Some(TestFileManifest {
        file,
        workflow: tree.get("workflow").and_then(text)?,
        manifest: tree.get("manifest").and_then(text),
        defaults: tree.get("defaults").map(body).unwrap_or_default(),
        tests: list(tree.get("tests")).iter().filter_map(test).collect(),
    })
}

fn list(tree: Option<&Tree>) -> &[Tree] {
    tree.and_then(Tree::as_list).unwrap_or_default()
}

fn test(tree: &Tree) -> Option<TestManifest> {
    Some(TestManifest {
        span: tree.span,
        name: tree.get("name").and_then(text)?,
        description: tree.get("description").and_then(text),
        skip: tree.get("skip").and_then(text),
        body: body(tree),
        cases: list(tree.get("cases")).iter().map(case).collect(),
    })
}

fn case(tree: &Tree) -> CaseManifest {
    CaseManifest { span: tree.span, name: tree.get("name").and_then(text), body: body(tree) }
}

fn body(tree: &Tree) -> TestBodyManifest {
    TestBodyManifest {
        inputs: trees(tree.get("inputs")),
        env: entries(tree.get("env"), |_, value| text(value)),
        mocks: entries(tree.get("mocks"), |_, value| Some(mock(value))),
        agents: entries(tree.get("agents"), |_, value| Some(value.as_list()?.to_vec())),
        tools: entries(tree.get("tools"), |_, value| Some(step(value))),
        faults: list(tree.get("faults")).iter().filter_map(fault).collect(),
        cassette: tree.get("cassette").and_then(cassette),
        seed: tree.get("seed").and_then(whole),
        priced: tree.get("priced").and_then(boolean),
        expect: tree.get("expect").map(expect).unwrap_or_default(),
        snapshot: tree.get("snapshot").map(texts).unwrap_or_default(),
    }
}

fn trees(tree: Option<&Tree>) -> Vec<(Spanned<String>, Tree)> {
    entries(tree, |_, value| Some(value.clone()))
}

fn boolean(tree: &Tree) -> Option<Spanned<bool>> {
    Some(Spanned::new(tree.as_bool()?, tree.span))
}

/// A whole number that fits.
fn whole<T: TryFrom<i64>>(tree: &Tree) -> Option<Spanned<T>> {
    Some(Spanned::new(T::try_from(tree.as_whole()?).ok()?, tree.span))
}

fn step(tree: &Tree) -> StepManifest {
    let one = tree.get("output").cloned();
    StepManifest {
        outputs: one.map_or_else(|| list(tree.get("outputs")).to_vec(), |output| vec![output]),
        fail: tree.get("fail").map(failure),
    }
}

fn mock(tree: &Tree) -> MockManifest {
    MockManifest {
        span: tree.span,
        step: step(tree),
        each: tree.get("each").map(step),
        approve: tree.get("approve").and_then(boolean),
        option: tree.get("option").and_then(text),
        unanswered: tree.get("unanswered").and_then(boolean),
        comment: tree.get("comment").and_then(text),
        form: tree.get("form").cloned(),
    }
}

fn failure(tree: &Tree) -> FailureManifest {
    FailureManifest {
        span: tree.span,
        kind: tree.get("kind").and_then(text),
        status: tree.get("status").and_then(whole),
        message: tree.get("message").and_then(text),
        retry_after: tree.get("retry_after").and_then(duration),
        times: tree.get("times").and_then(count32),
    }
}

fn fault(tree: &Tree) -> Option<FaultManifest> {
    Some(FaultManifest {
        span: tree.span,
        kind: tree.get("kind").and_then(text)?,
        at: tree.get("at").and_then(text),
        after: tree.get("after").and_then(whole),
        times: tree.get("times").and_then(whole),
        retry_after: tree.get("retry_after").and_then(duration),
        delay: tree.get("delay").and_then(duration),
    })
}

fn cassette(tree: &Tree) -> Option<TestCassetteManifest> {
    match text(tree) {
        Some(file) => Some(TestCassetteManifest { file, mode: None }),
        None => Some(TestCassetteManifest { file: tree.get("file").and_then(text)?, mode: tree.get("mode").and_then(text) }),
    }
}

fn expect(tree: &Tree) -> ExpectManifest {
    let times = |key| entries(tree.get(key), |_, value| whole(value));
    let names = |key| tree.get(key).map(texts).unwrap_or_default();
    ExpectManifest {
        status: tree.get("status").and_then(text),
        exit_code: tree.get("exit_code").and_then(whole),
        error: tree.get("error").map(error),
        executed: times("executed"),
        not_executed: names("not_executed"),
        skipped: names("skipped"),
        order: names("order"),
        attempts: times("attempts"),
        routes: entries(tree.get("routes"), |_, value| Some(texts(value))),
        outputs: trees(tree.get("outputs")),
        nodes: trees(tree.get("nodes")),
        prompts: trees(tree.get("prompts")),
        calls: times("calls"),
        messages: tree.get("messages").and_then(|messages| Some(Spanned::new(messages.as_list()?.to_vec(), messages.span))),
        events: list(tree.get("events")).to_vec(),
        max_cost_usd: tree.get("max_cost_usd").and_then(number),
        max_tokens: tree.get("max_tokens").and_then(count),
        max_duration: tree.get("max_duration").and_then(duration),
    }
}

fn error(tree: &Tree) -> ErrorExpectManifest {
    ErrorExpectManifest {
        span: tree.span,
        kind: tree.get("kind").and_then(text),
        node: tree.get("node").and_then(text),
        message: tree.get("message").cloned(),
    }
}
