//! Whether faults can happen where they are.

use super::names::{Names, listed};
use crate::{
    diagnostic::{Code, Diagnostic, Spanned, nearest},
    manifest::FaultManifest,
    model::NodePattern,
    plan::NodeKind,
};

/// Faults after which a server may ask to try again later.
const ASKING: [&str; 3] = ["rate_limit", "overloaded", "unavailable"];

/// What a fault is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    AskingNode,
    ToolNode,
    OtherNode,
    Agent,
    Model,
    Tool,
}

pub(super) fn check(faults: &[FaultManifest], names: &Names<'_>, problems: &mut Vec<Diagnostic>) {
    for fault in faults {
        keys(fault, problems);
        match &fault.at {
            Some(at) => place(fault, at, names, problems),
            None if fault.kind.value == "crash" => problems.push(
                Diagnostic::error(Code::IMPOSSIBLE_FAULT, fault.kind.span, "a crash is at a node").hint("say which: `at: NODE`"),
            ),
            None => {}
        }
    }
}

fn keys(fault: &FaultManifest, problems: &mut Vec<Diagnostic>) {
    let kind = fault.kind.value.as_str();
    let mut add = |span, message: String, hint: &str| {
        problems.push(Diagnostic::error(Code::KEY_COMBINATION, span, message).hint(hint));
    };
    if kind == "slow" && fault.delay.is_none() {
        add(fault.span, "a slow answer needs `delay`".to_owned(), "say how much longer it takes: `delay: 30s`");
    }
    if let Some(delay) = fault.delay.as_ref().filter(|_| kind != "slow") {
        add(delay.span, format!("`delay` belongs to the kind `slow`, not to `{kind}`"), "leave it out");
    }
    if let Some(delay) = fault.retry_after.as_ref().filter(|_| !ASKING.contains(&kind)) {
        add(
            delay.span,
            format!("after `{kind}`, no server asks to try again"),
            "leave `retry_after` out, or take `kind: rate_limit`",
        );
    }
    if let Some(times) = fault.times.as_ref().filter(|times| times.value > 1 && kind == "crash") {
        add(times.span, "a process dies once".to_owned(), "write a fault for each crash, with `after`");
    }
}

fn place(fault: &FaultManifest, at: &Spanned<String>, names: &Names<'_>, problems: &mut Vec<Diagnostic>) {
    let Some(found) = found(&at.value, names) else {
        let message = format!("workflow `{}` has no node, agent, model or tool `{}`", names.plan.name, at.value.escape_default());
        let problem = Diagnostic::error(Code::UNKNOWN_IN_TEST, at.span, message).label("nothing of this name");
        let near = nearest(&at.value, names.nodes().chain(names.agents()).chain(names.models()).chain(names.tools()));
        problems.push(problem.hint(near.map_or_else(|| listed("node", names.nodes()), |near| format!("did you mean `{near}`?"))));
        return;
    };
    let kind = fault.kind.value.as_str();
    let mut refuse = |message: String, hint: &str| {
        problems.push(Diagnostic::error(Code::IMPOSSIBLE_FAULT, at.span, message).hint(hint));
    };
    let asks = matches!(found, At::AskingNode | At::Agent | At::Model);
    match kind {
        "crash" if !matches!(found, At::AskingNode | At::ToolNode | At::OtherNode) => {
            refuse(
                format!("a crash is at a node, and `{}` is none", at.value),
                "name the node after whose result the process dies",
            );
        }
        "crash" => {}
        "denied" if matches!(found, At::Model | At::OtherNode) => {
            refuse(
                format!("`{}` calls no tool that could be denied", at.value),
                "name a tool, or a node or an agent that calls some",
            );
        }
        "refused" | "quota" | "malformed" | "truncated" if !asks && found != At::OtherNode => {
            refuse(
                format!("`{kind}` happens to answers of models, and `{}` asks none", at.value),
                "name an agent, a model, or a node that asks one",
            );
        }
        _ if found == At::OtherNode => {
            refuse(
                format!("nothing is asked or called at node `{}`", at.value),
                "name a node that runs an agent or calls a tool",
            );
        }
        _ => {}
    }
}

fn found(name: &str, names: &Names<'_>) -> Option<At> {
    if let Some((_, kind)) = names.node(&NodePattern::new(name).in_plan()) {
        return Some(match kind {
            NodeKind::Agent(_) => At::AskingNode,
            NodeKind::Tool(_) => At::ToolNode,
            NodeKind::Value(_)
            | NodeKind::Workflow { .. }
            | NodeKind::Graph(_)
            | NodeKind::Approval(_)
            | NodeKind::Wait(_)
            | NodeKind::Send(_)
            | NodeKind::Receive(_)
            | NodeKind::StandIn { .. } => At::OtherNode,
        });
    }
    if names.has_agent(name) {
        Some(At::Agent)
    } else if names.has_model(name) {
        Some(At::Model)
    } else {
        names.has_tool(name).then_some(At::Tool)
    }
}
