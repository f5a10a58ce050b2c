//! Shows people what a run asks, with every argument in full, and takes their answers at the terminal.

use std::io::{self, BufRead as _, Write as _};

use crate::{
    app::approve::Answer,
    cli::{
        clean,
        terminal::{BOLD, CYAN, DIM, Terminal, YELLOW},
    },
    engine::OpenQuestion,
    model::{Decision, QuestionKind},
};

/// A question with all that is needed to decide it, for standard error.
pub(super) fn tell(terminal: &Terminal, question: &OpenQuestion) {
    let asked = &question.request.question;
    let node = clean::one_line(question.node.as_str());
    terminal.talk(&format!(
        "{} {} ({}), call {} of node {}: {}",
        terminal.paint_err(YELLOW, "?"),
        terminal.paint_err(BOLD, &clean::one_line(&asked.tool)),
        asked.effect.as_str(),
        question.request.step,
        terminal.paint_err(CYAN, &node),
        clean::one_line(&asked.reason),
    ));
    let arguments = serde_json::to_string_pretty(&asked.arguments).unwrap_or_default();
    for line in arguments.lines() {
        terminal.talk(&format!("    {}", clean::json(line)));
    }
    for access in &asked.accesses {
        terminal.talk(&format!("    {} {}", terminal.paint_err(DIM, "touches"), clean::printable(&access.to_string())));
    }
}

/// Asks a person about each question; what they leave for later is left out.
pub(super) fn ask(terminal: &Terminal, questions: Vec<OpenQuestion>) -> Vec<Answer> {
    let mut answers = Vec::new();
    for question in questions {
        tell(terminal, &question);
        match ask_one(terminal, question.request.question.kind) {
            Some((decision, comment)) => answers.push(Answer { question, decision, comment }),
            None => terminal.talk("left for later"),
        }
    }
    answers
}

fn ask_one(terminal: &Terminal, kind: QuestionKind) -> Option<(Decision, Option<String>)> {
    let choice = match kind {
        QuestionKind::Permission => "approve, reject [WHY], or Enter to decide later",
        QuestionKind::Ambiguous => "rerun, done (it was made), reject [WHY], or Enter to decide later",
    };
    loop {
        drop(io::stderr().write_all(format!("{}: ", terminal.paint_err(BOLD, choice)).as_bytes()));
        let mut line = String::new();
        if !matches!(io::stdin().lock().read_line(&mut line), Ok(1..)) {
            terminal.talk("");
            return None;
        }
        if line.trim().is_empty() {
            return None;
        }
        if let Some(answer) = understood(kind, &line) {
            return Some(answer);
        }
        terminal.talk(&terminal.paint_err(YELLOW, "that is none of the answers"));
    }
}

/// The decision that a line says, with what is said besides.
fn understood(kind: QuestionKind, line: &str) -> Option<(Decision, Option<String>)> {
    let line = line.trim();
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let comment = Some(rest.trim().to_owned()).filter(|rest| !rest.is_empty());
    let decision = match (word.to_ascii_lowercase().as_str(), kind) {
        ("a" | "approve" | "y" | "yes", QuestionKind::Permission) => Decision::Approve,
        ("rerun", QuestionKind::Ambiguous) => Decision::Rerun,
        ("d" | "done", QuestionKind::Ambiguous) => Decision::AssumeDone,
        ("r" | "reject" | "n" | "no", QuestionKind::Permission) | ("reject", QuestionKind::Ambiguous) => Decision::Reject,
        _ => return None,
    };
    // Only a rejection is told to a model; a yes with something behind it may be a slip.
    (comment.is_none() || decision == Decision::Reject).then_some((decision, comment))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_words_approve() {
        let permission = |line| understood(QuestionKind::Permission, line);
        assert_eq!(permission("y\n"), Some((Decision::Approve, None)));
        assert_eq!(permission(" Approve "), Some((Decision::Approve, None)));
        assert_eq!(permission("reject wrong host"), Some((Decision::Reject, Some("wrong host".to_owned()))));
        for unclear in ["yes but not that", "ok", "rerun", "done", "approved"] {
            assert_eq!(permission(unclear), None, "{unclear}");
        }
        let ambiguous = |line| understood(QuestionKind::Ambiguous, line);
        assert_eq!(ambiguous("done"), Some((Decision::AssumeDone, None)));
        assert_eq!((ambiguous("rerun"), ambiguous("y"), ambiguous("r")), (Some((Decision::Rerun, None)), None, None));
    }
}
