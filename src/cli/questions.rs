//! Shows people what a run asks, with every argument in full, and takes their answers at the terminal.

use std::io::{self, BufRead as _, Write as _};

use crate::{
    app::{
        approve::Answer,
        form::{blanks, filled},
        inputs::{parse_typed, type_of},
    },
    cli::{
        clean,
        terminal::{BOLD, CYAN, DIM, Terminal, YELLOW},
    },
    engine::OpenQuestion,
    model::{Decision, Gate, QuestionKind, Value},
};

/// A question with all that is needed to decide it, for standard error.
pub(super) fn tell(terminal: &Terminal, question: &OpenQuestion) {
    let asked = &question.request.question;
    let node = clean::one_line(question.node.as_str());
    if let Some(gate) = &asked.gate {
        return tell_choice(terminal, &node, &asked.reason, gate);
    }
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

/// What a node asks, what there is to choose and to fill in, and until when.
fn tell_choice(terminal: &Terminal, node: &str, message: &str, gate: &Gate) {
    let mark = terminal.paint_err(YELLOW, "?");
    terminal.talk(&format!("{mark} node {} asks:", terminal.paint_err(CYAN, node)));
    for line in message.lines() {
        terminal.talk(&format!("    {}", clean::printable(line)));
    }
    let say = |name: &str, text: &str| terminal.talk(&format!("    {} {}", terminal.paint_err(DIM, name), clean::one_line(text)));
    say("options", &gate.options.join(", "));
    for blank in gate.form.iter().flat_map(blanks) {
        let may = if blank.required { "" } else { ", may be left out" };
        say("form", &format!("{} ({}{may})", blank.name, type_of(&blank.input.schema)));
    }
    if let Some(until) = gate.until {
        say("until", &format!("{until}; after that {}", gate.default_in_words()));
    }
}

/// Asks a person about each question; what they leave for later is left out.
pub(super) fn ask(terminal: &Terminal, questions: Vec<OpenQuestion>) -> Vec<Answer> {
    let mut answers = Vec::new();
    for question in questions {
        tell(terminal, &question);
        match ask_one(terminal, question) {
            Some(answer) => answers.push(answer),
            None => terminal.talk("left for later"),
        }
    }
    answers
}

fn ask_one(terminal: &Terminal, question: OpenQuestion) -> Option<Answer> {
    match (question.request.question.kind, question.request.question.gate.clone()) {
        (QuestionKind::Choice, Some(gate)) => {
            let names: Vec<_> = gate.options.iter().map(|option| format!("{} [WHY]", clean::one_line(option))).collect();
            let asked = format!("{}, or Enter to decide later", names.join(", "));
            let (option, comment) = ask_until(terminal, &asked, |line| chosen(&gate, line))?;
            let schema = gate.form.as_ref().filter(|_| option != Gate::REJECT);
            let form = match schema {
                Some(schema) => Some(ask_form(terminal, schema)?),
                None => None,
            };
            Some(Answer::choosing(question, &option, form, comment))
        }
        (QuestionKind::Choice, None) => None,
        (kind @ (QuestionKind::Permission | QuestionKind::Ambiguous), _) => {
            let asked = match kind {
                QuestionKind::Ambiguous => "rerun, done (it was made), reject [WHY], or Enter to decide later",
                _ => "approve, reject [WHY], or Enter to decide later",
            };
            let (decision, comment) = ask_until(terminal, asked, |line| understood(kind, line))?;
            Some(Answer::about_call(question, decision, comment))
        }
    }
}

/// Asks until the answer is understood. `None` when it is left for later.
fn ask_until<T>(terminal: &Terminal, asked: &str, understood: impl Fn(&str) -> Option<T>) -> Option<T> {
    loop {
        let line = read_line(terminal, &format!("{}: ", terminal.paint_err(BOLD, asked)))?;
        if line.trim().is_empty() {
            return None;
        }
        if let Some(answer) = understood(&line) {
            return Some(answer);
        }
        terminal.talk(&terminal.paint_err(YELLOW, "that is none of the answers"));
    }
}

/// Has a form filled in, field by field. `None` when the input ends before.
fn ask_form(terminal: &Terminal, schema: &Value) -> Option<Value> {
    let mut fields = Vec::new();
    for blank in blanks(schema) {
        if let Some(description) = &blank.input.description {
            terminal.talk(&clean::one_line(description));
        }
        let may = if blank.required { "" } else { ", Enter to leave it out" };
        let kind = format!("({}{may})", clean::one_line(&type_of(&blank.input.schema)));
        let prompt = format!("{} {}: ", terminal.paint_err(BOLD, &clean::one_line(&blank.name)), terminal.paint_err(DIM, &kind));
        let value = loop {
            let line = read_line(terminal, &prompt)?;
            let text = line.trim_end_matches(['\n', '\r']);
            if text.is_empty() && !blank.required {
                break None;
            }
            match parse_typed(&blank.input, text) {
                Ok(value) => break Some(value),
                Err(error) => terminal.talk(&terminal.paint_err(YELLOW, &clean::one_line(error.message()))),
            }
        };
        fields.extend(value.map(|value| (blank, value)));
    }
    Some(filled(fields))
}

/// What is typed behind `prompt`; `None` when the input has ended.
fn read_line(terminal: &Terminal, prompt: &str) -> Option<String> {
    drop(io::stderr().write_all(prompt.as_bytes()));
    let mut line = String::new();
    if matches!(io::stdin().lock().read_line(&mut line), Ok(1..)) {
        return Some(line);
    }
    terminal.talk("");
    None
}

/// The option that a line names, with what is said besides.
fn chosen(gate: &Gate, line: &str) -> Option<(String, Option<String>)> {
    let (word, comment) = divided(line);
    let named = gate.options.iter().find(|option| option.eq_ignore_ascii_case(word));
    named.map(|option| (option.clone(), comment))
}

/// The first word of a line, and what stands behind it.
fn divided(line: &str) -> (&str, Option<String>) {
    let line = line.trim();
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    (word, Some(rest.trim().to_owned()).filter(|rest| !rest.is_empty()))
}

/// The decision that a line says, with what is said besides.
fn understood(kind: QuestionKind, line: &str) -> Option<(Decision, Option<String>)> {
    let (word, comment) = divided(line);
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

    #[test]
    fn an_option_is_named_in_full_and_may_have_a_comment() {
        let options = ["approve", "push_back", "reject"].map(str::to_owned).to_vec();
        let gate = Gate { options, form: None, until: None, on_timeout: None };
        assert_eq!(
            chosen(&gate, "push_back shorter, please\n"),
            Some(("push_back".to_owned(), Some("shorter, please".to_owned())))
        );
        assert_eq!(chosen(&gate, "Approve"), Some(("approve".to_owned(), None)));
        for unclear in ["a", "yes", "push", "later"] {
            assert_eq!(chosen(&gate, unclear), None, "{unclear}");
        }
    }
}
