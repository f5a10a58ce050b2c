//! `agentflow approve`: shows what a run asks, and answers it.

use serde::Serialize;

use crate::{
    app::{
        self, Settings,
        approve::{Answer, asking_children, give, questions},
        runs,
    },
    cli::{
        args::{ApproveArgs, ShowFormat},
        exit, json, questions as shown,
        terminal::Terminal,
    },
    engine::OpenQuestion,
    error::{Error, ErrorKind, Result},
    model::{Decision, NodePattern, Question, QuestionKind, RunId, StepId},
};

/// A question in JSON.
#[derive(Serialize)]
struct QuestionReport<'a> {
    run: RunId,
    node: &'a str,
    attempt: u32,
    step: StepId,
    #[serde(flatten)]
    question: &'a Question,
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
    let chosen = choose(run, open, args)?;
    let answers = answers(chosen, args)?;
    give(&store, run, &answers).await?;
    for Answer { question, decision, .. } in &answers {
        let done = match decision {
            Decision::Approve => "approved",
            Decision::Reject => "rejected",
            Decision::Rerun => "to be made again",
            Decision::AssumeDone => "counts as made",
        };
        let asked = &question.request;
        terminal.note(&format!("{done}: `{}`, call {} of node {}", asked.question.tool, asked.step, question.node));
    }
    let left = questions(&store, run).await?;
    if !left.is_empty() {
        terminal.note(&format!("the run still asks {}; see: agentflow approve {run}", left.len()));
    } else if !args.resume {
        terminal.note(&format!("go on with: agentflow resume {run} (with the same `--allow` options, if it had any)"));
    }
    Ok((exit::SUCCEEDED, (args.resume && left.is_empty()).then_some(run)))
}

/// The questions of a run in JSON.
fn reports((run, open): (RunId, &[OpenQuestion])) -> impl Iterator<Item = QuestionReport<'_>> {
    open.iter().map(move |OpenQuestion { node, attempt, request }| QuestionReport {
        run,
        node: node.as_str(),
        attempt: *attempt,
        step: request.step,
        question: &request.question,
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
        };
        terminal.note(&format!("answer with: agentflow approve {run} '{}' ({how})", question.node));
    }
}

/// The questions that the arguments name.
fn choose(run: RunId, open: Vec<OpenQuestion>, args: &ApproveArgs) -> Result<Vec<OpenQuestion>> {
    let patterns: Vec<_> = args.nodes.iter().map(NodePattern::new).collect();
    let is_asked = |pattern: &NodePattern| open.iter().any(|question| pattern.covers(&question.node));
    if let Some(pattern) = patterns.iter().find(|pattern| !is_asked(pattern)) {
        return Err(Error::new(ErrorKind::Invalid, format!("node `{pattern}` of run `{run}` asks nothing"))
            .hint(format!("`agentflow approve {run}` shows what is asked")));
    }
    let named = |question: &OpenQuestion| args.all || patterns.iter().any(|pattern| pattern.covers(&question.node));
    let chosen: Vec<_> = open.into_iter().filter(named).collect();
    if chosen.is_empty() {
        return Err(Error::new(ErrorKind::Invalid, format!("run `{run}` asks nothing")));
    }
    Ok(chosen)
}

/// The answers to the questions that the decision is one to. A node may ask more than one thing at once; what the decision does not fit
/// is left for another one.
fn answers(chosen: Vec<OpenQuestion>, args: &ApproveArgs) -> Result<Vec<Answer>> {
    let decision = match (args.reject, args.rerun, args.assume_done) {
        (true, ..) => Decision::Reject,
        (_, true, _) => Decision::Rerun,
        (.., true) => Decision::AssumeDone,
        _ => Decision::Approve,
    };
    let (fits, others): (Vec<_>, Vec<_>) = chosen.into_iter().partition(|question| decision.fits(question.request.question.kind));
    if let Some(other) = others.first().filter(|_| fits.is_empty()) {
        let (what, hint) = match other.request.question.kind {
            QuestionKind::Permission => ("whether the call may be made", "approve it, or give `--reject`"),
            QuestionKind::Ambiguous => {
                ("what became of a call", "give `--rerun` to make it again, `--assume-done` if it was made, or `--reject`")
            }
        };
        return Err(Error::new(ErrorKind::Invalid, format!("node `{}` asks {what}", other.node)).hint(hint));
    }
    let answer = |question| Answer { question, decision, comment: args.comment.clone() };
    Ok(fits.into_iter().map(answer).collect())
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::*;
    use crate::model::{ApprovalRequest, Effect, NodePath};

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
