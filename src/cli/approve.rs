//! `agentflow approve`: shows what a run asks, and answers it.

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    app::{
        self, Settings,
        approve::{Answer, asking_children, give, questions, why_it_asks_nothing},
        form,
        inputs::StandardInput,
        runs,
    },
    cli::{
        args::{ApproveArgs, ShowFormat},
        exit, json, questions as shown,
        terminal::Terminal,
    },
    engine::{OpenQuestion, Taken},
    error::{Error, ErrorKind, Result},
    model::{Access, Decision, Effect, Gate, NodePattern, QuestionKind, RunId, StepId, Value},
};

/// A question in JSON.
#[derive(Serialize)]
struct QuestionReport<'a> {
    run: RunId,
    node: &'a str,
    attempt: u32,
    kind: QuestionKind,
    #[serde(flatten)]
    asked: Asked<'a>,
}

/// What is asked, as JSON shows it.
#[derive(Serialize)]
#[serde(untagged)]
enum Asked<'a> {
    Call {
        step: StepId,
        tool: &'a str,
        arguments: &'a Value,
        effect: Effect,
        accesses: &'a [Access],
        reason: &'a str,
    },
    Choice {
        message: &'a str,
        #[serde(flatten)]
        gate: &'a Gate,
    },
}

/// Shows the open questions, or answers those that were named. Returns the run when it may go on now and is to.
pub(super) async fn approve(args: &ApproveArgs, settings: &Settings, terminal: &Terminal) -> Result<(u8, Option<RunId>)> {
    let unknown = || Error::new(ErrorKind::NotFound, format!("there is no run `{}`", args.run.escape_default()));
    let store = app::open_existing_store(settings).await?.ok_or_else(unknown)?;
    let run = runs::find(&store, &args.run).await?;
    let open = questions(&store, run).await?;
    if args.nodes.is_empty() && !args.all {
        let children = asking_children(&store, run).await?;
        if args.format == ShowFormat::Json {
            let others = children.iter().map(|(child, open)| (child.run, open.as_slice()));
            let all: Vec<_> = [(run, open.as_slice())].into_iter().chain(others).flat_map(reports).collect();
            terminal.print(&json::document(&all)?)?;
            return Ok((exit::SUCCEEDED, None));
        }
        show(run, &open, terminal);
        for (child, open) in children {
            terminal.note(&format!("node {} waits for run {} of `{}`, which asks:", child.node, child.run, child.tool));
            show(child.run, &open, terminal);
        }
        return Ok((exit::SUCCEEDED, None));
    }
    let patterns: Vec<_> = args.nodes.iter().map(|name| named(name, &open)).collect();
    if let Some(pattern) = patterns.iter().find(|pattern| !open.iter().any(|question| pattern.covers(&question.node))) {
        return Err(why_it_asks_nothing(&store, run, pattern).await?);
    }
    let mut chosen = choose(run, open, &patterns)?;
    if args.all {
        // What is over has its default.
        chosen.retain(|question| !question.request.question.gate.as_ref().is_some_and(|gate| gate.is_over(Timestamp::now())));
    }
    let answers = answers(chosen, args)?;
    let taken = give(&store, run, &answers).await?;
    for answer in &answers {
        terminal.note(&done(answer));
    }
    let left = questions(&store, run).await?;
    if !left.is_empty() {
        terminal.note(&format!("the run still asks {}; see: agentflow approve {run}", left.len()));
    } else if taken == Taken::ByHolder {
        terminal.note("the process that runs it goes on with it");
        return Ok((exit::SUCCEEDED, None));
    } else if !args.resume {
        terminal.note(&format!("go on with: agentflow resume {run} (with the same `--allow` options, if it had any)"));
    }
    Ok((exit::SUCCEEDED, (args.resume && left.is_empty()).then_some(run)))
}

/// The questions of a run in JSON.
fn reports((run, open): (RunId, &[OpenQuestion])) -> impl Iterator<Item = QuestionReport<'_>> {
    open.iter().map(move |OpenQuestion { node, attempt, request }| {
        let question = &request.question;
        let asked = match &question.gate {
            Some(gate) => Asked::Choice { message: &question.reason, gate },
            None => Asked::Call {
                step: request.step,
                tool: &question.tool,
                arguments: &question.arguments,
                effect: question.effect,
                accesses: &question.accesses,
                reason: &question.reason,
            },
        };
        QuestionReport { run, node: node.as_str(), attempt: *attempt, kind: question.kind, asked }
    })
}

fn show(run: RunId, open: &[OpenQuestion], terminal: &Terminal) {
    if open.is_empty() {
        terminal.note(&format!("run {run} asks nothing"));
    }
    for question in open {
        shown::tell(terminal, question);
        let how = match question.request.question.kind {
            QuestionKind::Permission => "--reject",
            QuestionKind::Ambiguous => "--rerun, --assume-done or --reject",
            QuestionKind::Choice if has_form(question) => "--option NAME, --comment TEXT, --form KEY=VALUE",
            QuestionKind::Choice => "--option NAME, --comment TEXT",
        };
        terminal.note(&format!("answer with: agentflow approve {run} '{}' ({how})", question.node));
    }
}

fn has_form(question: &OpenQuestion) -> bool {
    question.request.question.gate.as_ref().is_some_and(|gate| gate.form.is_some())
}

/// What an answer did, in words.
fn done(answer: &Answer) -> String {
    let OpenQuestion { node, request, .. } = &answer.question;
    let done = match answer.decision {
        Decision::Approve => "approved",
        Decision::Reject => "rejected",
        Decision::Rerun => "to be made again",
        Decision::AssumeDone => "counts as made",
        Decision::Choose => return format!("node {node}: {}", answer.option.as_deref().unwrap_or_default()),
    };
    format!("{done}: `{}`, call {} of node {node}", request.question.tool, request.step)
}

/// The nodes that a person means by `name`: those that it covers, or the one that asks and is called so inside of something.
fn named(name: &str, open: &[OpenQuestion]) -> NodePattern {
    let pattern = NodePattern::new(name);
    if open.iter().any(|question| pattern.covers(&question.node)) {
        return pattern;
    }
    let is_called_so = |question: &&OpenQuestion| question.node.without_instances().rsplit('.').next() == Some(name);
    let mut inner = open.iter().filter(is_called_so);
    match (inner.next(), inner.next()) {
        (Some(only), None) => NodePattern::new(only.node.as_str()),
        _ => pattern,
    }
}

/// The questions that are meant: all without a pattern.
fn choose(run: RunId, open: Vec<OpenQuestion>, patterns: &[NodePattern]) -> Result<Vec<OpenQuestion>> {
    let named = |question: &OpenQuestion| patterns.is_empty() || patterns.iter().any(|pattern| pattern.covers(&question.node));
    let chosen: Vec<_> = open.into_iter().filter(named).collect();
    if chosen.is_empty() {
        return Err(Error::new(ErrorKind::Invalid, format!("run `{run}` asks nothing")));
    }
    Ok(chosen)
}

/// The answers to the questions that the decision is one to. A node may ask more than one thing at once; what the decision does not fit
/// is left for another one.
fn answers(chosen: Vec<OpenQuestion>, args: &ApproveArgs) -> Result<Vec<Answer>> {
    let decision = match (args.reject, args.rerun, args.assume_done, args.option.is_some() || !args.form.is_empty()) {
        (true, ..) => Decision::Reject,
        (_, true, ..) => Decision::Rerun,
        (_, _, true, _) => Decision::AssumeDone,
        (.., true) => Decision::Choose,
        _ => Decision::Approve,
    };
    // Approving and rejecting are options of a node that asks.
    let option = match (decision, &args.option) {
        (Decision::Choose, Some(option)) => Some(option.as_str()),
        (Decision::Choose | Decision::Approve, _) => Some(Gate::APPROVE),
        (Decision::Reject, _) => Some(Gate::REJECT),
        (Decision::Rerun | Decision::AssumeDone, _) => None,
    };
    let fits = |question: &OpenQuestion| match question.request.question.kind {
        QuestionKind::Choice => option.is_some(),
        kind => decision.fits(kind),
    };
    let (fits, others): (Vec<_>, Vec<_>) = chosen.into_iter().partition(fits);
    if let Some(other) = others.first().filter(|_| fits.is_empty()) {
        let (what, hint) = match other.request.question.kind {
            QuestionKind::Permission => ("whether the call may be made", "approve it, or give `--reject`"),
            QuestionKind::Ambiguous => {
                ("what became of a call", "give `--rerun` to make it again, `--assume-done` if it was made, or `--reject`")
            }
            QuestionKind::Choice => ("which option it is", "name one with `--option`"),
        };
        return Err(Error::new(ErrorKind::Invalid, format!("node `{}` asks {what}", other.node)).hint(hint));
    }
    let mut stdin = StandardInput::default();
    let answer = |question: OpenQuestion| match (question.request.question.kind, option) {
        (QuestionKind::Choice, Some(option)) => choice(question, option, args, &mut stdin),
        _ => Ok(Answer::about_call(question, decision, args.comment.clone())),
    };
    fits.into_iter().map(answer).collect()
}

/// The answer to a node that asks.
fn choice(question: OpenQuestion, option: &str, args: &ApproveArgs, stdin: &mut StandardInput) -> Result<Answer> {
    let gate = question.request.question.gate.as_ref();
    if let Some(gate) = gate.filter(|gate| args.option.is_none() && !gate.has(option)) {
        let message = format!("node `{}` has no option `{option}`", question.node);
        return Err(Error::new(ErrorKind::Invalid, message)
            .hint(format!("name one with `--option`: there are {}", gate.options_in_words())));
    }
    let schema = gate.and_then(|gate| gate.form.as_ref());
    let form = match (schema, args.form.as_slice()) {
        (_, []) => None,
        (Some(schema), given) => Some(form::fill(schema, given, stdin)?),
        // It is refused when it is answered with.
        (None, _) => Some(Value::Null),
    };
    Ok(Answer::choosing(question, option, form, args.comment.clone()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::*;
    use crate::model::{ApprovalRequest, Effect, NodePath, Question};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: ApproveArgs,
    }

    fn question(index: u32, kind: QuestionKind) -> OpenQuestion {
        let question = Question {
            kind,
            tool: "http_post".to_owned(),
            arguments: json!({}),
            effect: Effect::Write,
            accesses: Vec::new(),
            reason: "it is asked about".to_owned(),
            gate: None,
        };
        let request = ApprovalRequest { step: StepId { turn: 0, index }, fingerprint: "f".to_owned(), question };
        OpenQuestion { node: NodePath::new("work"), attempt: 1, request }
    }

    /// The steps that are answered, or what is wrong.
    fn answered(kinds: &[QuestionKind], words: &[&str]) -> std::result::Result<Vec<u32>, String> {
        let line = Line::try_parse_from(["approve", "last", "work"].iter().chain(words)).unwrap();
        let open = (0..).zip(kinds).map(|(index, kind)| question(index, *kind)).collect();
        let answers = answers(open, &line.args).map_err(|error| error.message().to_owned())?;
        Ok(answers.iter().map(|answer| answer.question.request.step.index).collect())
    }

    #[test]
    fn of_a_node_that_asks_two_things_the_one_is_answered_that_the_decision_fits() {
        use QuestionKind::{Ambiguous, Permission};
        let both = [Permission, Ambiguous];
        assert_eq!(answered(&both, &[]), Ok(vec![0]));
        assert_eq!(answered(&both, &["--rerun"]), Ok(vec![1]));
        assert_eq!(answered(&both, &["--assume-done"]), Ok(vec![1]));
        assert_eq!(answered(&both, &["--reject"]), Ok(vec![0, 1]));
        assert_eq!(answered(&[Ambiguous], &[]), Err("node `work` asks what became of a call".to_owned()));
        assert_eq!(answered(&[Permission], &["--rerun"]), Err("node `work` asks whether the call may be made".to_owned()));
    }
}
