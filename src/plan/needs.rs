//! Tools that could never do anything: what they touch is asked for by no level, or left out by one. Found out before a run is.

use crate::{
    diagnostic::{Code, Diagnostic, Span, Spanned},
    model::{AccessClass, ToolPattern},
    plan::{scope::listed, tools::KnownTools},
    tool::{BuiltIn, Grants},
};

/// What some tools of a node lack.
struct Lack {
    /// How permissions begin that would do: `net:`, `mcp:github`.
    kind: String,
    /// One of them: `net:HOST`.
    example: String,
    /// Who does not ask for it.
    why: String,
    tools: Vec<String>,
    /// Where the first of the tools is named.
    span: Span,
}

/// What is wrong with the tools of the node `id`, which are held to `grants`: one problem for each kind of things.
pub(super) fn check(known: &KnownTools, id: &str, at: Span, tools: &[Spanned<ToolPattern>], grants: &Grants) -> Vec<Diagnostic> {
    let mut lacks: Vec<Lack> = Vec::new();
    for Spanned { value: pattern, span } in tools {
        if let Some(server) = pattern.server() {
            if let Some(why) = grants.refusal_of_server(server) {
                let (kind, example) = (format!("mcp:{server}"), format!("mcp:{server}/*"));
                add(&mut lacks, Lack { kind, example, why, tools: vec![pattern.to_string()], span: *span });
            }
            continue;
        }
        for tool in BuiltIn::covered_by(pattern).filter(|tool| !known.is_own(tool.name)) {
            for class in tool.reach {
                let Some(why) = grants.refusal_of_all(*class) else { continue };
                let (kind, example) = (class.prefix().to_owned(), example(*class).to_owned());
                add(&mut lacks, Lack { kind, example, why, tools: vec![tool.name.to_owned()], span: *span });
            }
        }
    }
    let told = |lack: Lack| {
        let tools = listed(lack.tools.iter().map(String::as_str));
        let message = format!("in `{id}`, {tools} cannot do anything with `{}`: {}", lack.kind, lack.why);
        let problem = Diagnostic::error(Code::TOOL_WITHOUT_PERMISSION, at, message);
        let problem = if lack.span == at { problem } else { problem.related(lack.span, "the tool is named here") };
        problem.hint(format!("every `permissions` that there is must have it, such as `permissions: [\"{}\"]`", lack.example))
    };
    lacks.into_iter().map(told).collect()
}

fn add(lacks: &mut Vec<Lack>, new: Lack) {
    match lacks.iter_mut().find(|lack| lack.kind == new.kind) {
        Some(lack) if lack.tools.contains(&new.tools[0]) => {}
        Some(lack) => lack.tools.extend(new.tools),
        None => lacks.push(new),
    }
}

fn example(class: AccessClass) -> &'static str {
    match class {
        AccessClass::Net => "net:HOST",
        AccessClass::Read => "fs:read:GLOB",
        AccessClass::Write => "fs:write:GLOB",
        AccessClass::Run => "run:PROGRAM WORD",
        AccessClass::Mcp => "mcp:SERVER/TOOL",
        AccessClass::Recall => "memory:read:COLLECTION",
        AccessClass::Remember => "memory:write:COLLECTION",
        AccessClass::Send => "mailbox:send:NAME",
        AccessClass::Receive => "mailbox:read:NAME",
        AccessClass::Secret => "secret:NAME",
    }
}
