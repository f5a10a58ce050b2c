//! `agentflow runs`: what the store knows of runs.

use std::{sync::Arc, time::Duration};

use crate::{
    app::{
        self, Settings,
        form::blanks,
        inputs::type_of,
        runs::{self, NodeSummary, QuestionReport, RunDetail, RunSummary},
    },
    cli::{
        args::{RunsCommand, RunsListArgs, ShowFormat},
        clean, exit,
        json::{self, EventReport},
        numbers,
        page::Page,
        problem, report,
        table::table,
        terminal::{BOLD, CYAN, GREEN, RED, Terminal, YELLOW},
        verify, watch,
    },
    crash::crash_point,
    engine::read_run,
    error::{Error, ErrorKind, Result},
    model::{Event, EventBody, Origin, OriginKind, Recipient, RunId, Spend, ToolOutcome},
    store::{Store, StreamId},
};

/// How many columns are shown of the arguments and of the result of a call.
const SHORT: usize = 100;
/// Where calls of tools are told in the table of nodes: behind the cost.
const TOOLS_AT: usize = 6;

/// Does what the sub-command says with the store of the folder.
pub(super) async fn runs(command: &RunsCommand, settings: &Settings, terminal: &Terminal) -> Result<u8> {
    let store = app::open_existing_store(settings).await?;
    match command {
        RunsCommand::List(args) => list(store.as_ref(), args, terminal).await?,
        RunsCommand::Show(args) => {
            let store = store.ok_or_else(no_store)?;
            let run = runs::find(&store, &args.run).await?;
            let recorded = read_run(&store, run).await?;
            let detail = runs::detail(run, &recorded.events).ok_or_else(|| {
                Error::new(ErrorKind::Corrupt, format!("the log of run `{run}` does not begin with its creation"))
            })?;
            show(&detail, args.format, terminal)?;
        }
        RunsCommand::Events(args) => {
            let store = store.ok_or_else(no_store)?;
            let run = runs::find(&store, &args.run).await?;
            let recorded = read_run(&store, run).await?;
            events(recorded.run, &recorded.events, args.format, terminal)?;
        }
        RunsCommand::Report(args) => {
            let store = store.ok_or_else(no_store)?;
            report::print(&read_run(&store, runs::find(&store, &args.run).await?).await?, args.format, terminal)?;
        }
        RunsCommand::Watch(args) => return watch::watch(args, &store.ok_or_else(no_store)?, settings, terminal).await,
        RunsCommand::Verify(args) => return verify::verify(store.as_ref(), args, terminal).await,
        RunsCommand::Repair(args) => verify::repair(&store.ok_or_else(no_store)?, &args.run, terminal).await?,
        RunsCommand::Rm(args) => {
            let store = store.ok_or_else(no_store)?;
            // All names are looked up before anything is removed.
            let mut found = Vec::new();
            for name in &args.runs {
                found.push(runs::find(&store, name).await?);
            }
            found.sort_unstable();
            found.dedup();
            for run in found {
                store.remove_stream(&StreamId::run(run)).await?;
                runs::forget(&store, run).await?;
                crash_point!("remove.done");
                terminal.note(&format!("removed {run}"));
            }
        }
    }
    Ok(exit::SUCCEEDED)
}

fn no_store() -> Error {
    Error::new(ErrorKind::NotFound, "there is no run yet").hint("`--store URL` names another store")
}

async fn list(store: Option<&Arc<dyn Store>>, args: &RunsListArgs, terminal: &Terminal) -> Result<()> {
    let runs = match store {
        Some(store) => runs::list(store, args.limit, args.all).await?,
        None => Vec::new(),
    };
    if args.format == ShowFormat::Json {
        return terminal.print(&json::document(&runs)?);
    }
    if runs.is_empty() {
        terminal.note("there is no run yet");
        return Ok(());
    }
    let rows = runs.iter().map(|run| {
        vec![
            run.id.to_string(),
            run.workflow.clone(),
            run.status.to_owned(),
            numbers::moment(run.started_at),
            numbers::duration(Duration::from_millis(run.duration_ms)),
            run.spend.calls.to_string(),
            Spend::from(run.spend).to_string(),
        ]
    });
    terminal.print(&table(terminal, &["RUN", "WORKFLOW", "STATUS", "STARTED", "TIME", "CALLS", "COST"], rows.collect()))
}

fn show(detail: &RunDetail, format: ShowFormat, terminal: &Terminal) -> Result<()> {
    if format == ShowFormat::Json {
        return terminal.print(&json::document(detail)?);
    }
    let RunSummary { id, workflow, status, started_at, duration_ms, spend, error, .. } = &detail.summary;
    let mut page = Page::default();
    let rows = [
        ("run", id.to_string()),
        ("workflow", clean::one_line(workflow)),
        ("status", painted(terminal, status)),
        ("started", numbers::moment(*started_at)),
        ("time", numbers::duration(Duration::from_millis(*duration_ms))),
        ("spend", numbers::spend(&Spend::from(*spend))),
        ("run by", detail.owner.to_string()),
    ];
    let tools = spend.tool_calls.map(|calls| ("tools", numbers::plural(calls, "call")));
    let origin = detail.origin.as_ref().map(|origin| ("from", come_from(origin)));
    let parent = detail.parent.as_ref();
    let parent = parent.map(|parent| ("for", format!("run {}, `{}` of node {}", parent.run, parent.tool, parent.node)));
    let called =
        detail.called.iter().map(|called| ("called", format!("run {}, `{}` by node {}", called.run, called.tool, called.node)));
    for (name, value) in rows.into_iter().chain(tools).chain(origin).chain(parent).chain(called) {
        page.line(&format!("{name:<10}{value}"));
    }
    if !detail.nodes.is_empty() {
        page.gap();
        page.block(&nodes(&detail.nodes, terminal));
    }
    let choices = choices(&detail.nodes);
    if !choices.is_empty() {
        page.gap();
    }
    for (agent, why) in choices {
        page.line(&format!("{} {}", terminal.paint_out(BOLD, &format!("{agent}:")), clean::one_line(why)));
    }
    let noted: Vec<_> = detail.nodes.iter().flat_map(|node| node.notes.iter().map(move |note| (&node.node, note))).collect();
    if !noted.is_empty() {
        page.gap();
    }
    for (node, note) in noted {
        page.line(&format!("{} {}", terminal.paint_out(YELLOW, &format!("{node}:")), clean::one_line(note)));
    }
    for node in &detail.nodes {
        if let Some(until) = node.until.filter(|_| !detail.questions.iter().any(|question| question.node == node.node)) {
            page.line(&format!("{} until {until}", terminal.paint_out(YELLOW, &format!("{} waits", node.node))));
        }
    }
    for question in &detail.questions {
        page.gap();
        ask(question, &mut page, terminal)?;
    }
    for (name, values) in [("inputs", Some(&detail.inputs)), ("outputs", detail.outputs.as_ref())] {
        if let Some(values) = values.filter(|values| values.as_object().is_some_and(|values| !values.is_empty())) {
            page.gap();
            page.line(&terminal.paint_out(BOLD, name));
            page.block(&clean::block(&json::document(values)?));
        }
    }
    for node in detail.nodes.iter().filter(|node| node.status == "failed") {
        let reason = clean::block(node.reason.as_deref().unwrap_or_default());
        page.gap();
        page.line(&format!("{} {reason}", terminal.paint_out(RED, &format!("{}:", node.node))));
    }
    if let Some(error) = error {
        page.gap();
        page.line(&problem::record_text(terminal.out.color, error));
    }
    terminal.print(&page.into_text())
}

/// What a run has of an earlier one.
fn come_from(origin: &Origin) -> String {
    let what = match (origin.kind, &origin.from) {
        (OriginKind::Reuse, _) => "whose answers it took".to_owned(),
        (OriginKind::Fork, from) => format!("forked from `{}` on", clean::one_line(from.as_deref().unwrap_or_default())),
        (OriginKind::Repair, _) => "repaired".to_owned(),
    };
    format!("run {}, {what}", origin.run)
}

/// A table of nodes; it has a column for calls of tools if there are any.
fn nodes(nodes: &[NodeSummary], terminal: &Terminal) -> String {
    let with_tools = nodes.iter().any(|node| node.spend.tool_calls.is_some());
    let mut headings = vec!["NODE", "STATUS", "ATTEMPTS", "TIME", "TOKENS", "COST", "AGENT", "MODEL"];
    if with_tools {
        headings.insert(TOOLS_AT, "TOOLS");
    }
    let rows = nodes.iter().map(|node| {
        let mut row = node_row(node);
        if with_tools {
            row.insert(TOOLS_AT, node.spend.tool_calls.map_or_else(|| "-".to_owned(), |calls| calls.to_string()));
        }
        row
    });
    table(terminal, &headings, rows.collect())
}

/// Agents that were chosen by what they can do, and why; each once, however many instances a node has.
fn choices(nodes: &[NodeSummary]) -> Vec<(&str, &str)> {
    let mut choices = Vec::new();
    for choice in nodes.iter().filter_map(|node| node.agent.as_deref().zip(node.chosen.as_deref())) {
        if !choices.contains(&choice) {
            choices.push(choice);
        }
    }
    choices
}

/// A question that is open, with all that is to be known to answer it.
fn ask(question: &QuestionReport, page: &mut Page, terminal: &Terminal) -> Result<()> {
    let QuestionReport { node, request, .. } = question;
    let asked = &request.question;
    if let Some(gate) = &asked.gate {
        page.line(&format!("{} {}", terminal.paint_out(YELLOW, &format!("{node} asks:")), clean::one_line(&asked.reason)));
        page.line(&format!("  options {}", clean::one_line(&gate.options.join(", "))));
        for blank in gate.form.iter().flat_map(blanks) {
            page.line(&format!(
                "  form    {} ({})",
                clean::one_line(&blank.name),
                clean::one_line(&type_of(&blank.input.schema))
            ));
        }
        if let Some(until) = gate.until {
            page.line(&format!("  until   {until}; after that {}", clean::one_line(&gate.default_in_words())));
        }
        return Ok(());
    }
    let heading = terminal.paint_out(YELLOW, &format!("{node}, call {}:", request.step));
    page.line(&format!("{heading} {}", clean::one_line(&asked.in_words())));
    for access in &asked.accesses {
        page.line(&format!("  touches {}", clean::one_line(&access.to_string())));
    }
    page.block(&clean::json(&json::document(&asked.arguments)?));
    Ok(())
}

fn node_row(node: &NodeSummary) -> Vec<String> {
    let spend = Spend::from(node.spend);
    let dash = |text: Option<&str>| text.unwrap_or("-").to_owned();
    vec![
        node.node.to_string(),
        if node.reused_from.is_some() { "reused".to_owned() } else { node.status.to_owned() },
        if node.attempts == 0 { "-".to_owned() } else { node.attempts.to_string() },
        numbers::duration(Duration::from_millis(node.duration_ms)),
        if spend.calls == 0 { "-".to_owned() } else { numbers::count(spend.tokens()) },
        if spend.calls + spend.lost_calls == 0 { "-".to_owned() } else { spend.to_string() },
        dash(node.agent.as_deref()),
        dash(node.model.as_deref()),
    ]
}

fn painted(terminal: &Terminal, status: &str) -> String {
    let style = match status {
        "succeeded" => GREEN,
        "failed" => RED,
        "running" => CYAN,
        _ => YELLOW,
    };
    terminal.paint_out(style, status)
}

fn events(run: RunId, events: &[Event], format: ShowFormat, terminal: &Terminal) -> Result<()> {
    if format == ShowFormat::Json {
        let events: Vec<EventReport> = events.iter().map(|event| EventReport::of(run, event)).collect();
        return terminal.print(&json::document(&events)?);
    }
    let rows = events.iter().map(|event| {
        vec![
            event.seq.to_string(),
            numbers::moment(event.at),
            event.body.kind().to_owned(),
            event.body.node().map_or_else(|| "-".to_owned(), ToString::to_string),
            clean::short(&told(&event.body), 200),
        ]
    });
    terminal.print(&table(terminal, &["SEQ", "AT", "EVENT", "NODE", "WHAT"], rows.collect()))
}

/// What an event about messages tells, in a few words.
fn told_of_mail(body: &EventBody) -> String {
    match body {
        EventBody::MessageSent { message, deliveries, .. } => {
            let to = match (&message.to, deliveries.as_slice()) {
                (Recipient::Subscribers, all) => {
                    let names: Vec<_> = all.iter().map(|delivery| delivery.mailbox.as_str()).collect();
                    format!("all ({})", if names.is_empty() { "nobody".to_owned() } else { names.join(", ") })
                }
                (to, [delivery]) => format!("{to}, {}", delivery.number),
                (to, _) => to.to_string(),
            };
            format!("{} to {to}: {}", message.kind, clean::short(&message.body.to_string(), SHORT))
        }
        EventBody::MessagesTaken { mailbox, messages, .. } => {
            let numbers: Vec<_> = messages.iter().map(|taken| taken.number.to_string()).collect();
            format!(
                "{} of {mailbox}: {}",
                numbers::plural(messages.len() as u64, "message"),
                clean::short(&numbers.join(", "), SHORT)
            )
        }
        EventBody::MessagesCame { mailbox, messages, .. } => {
            let numbers: Vec<_> = messages.iter().map(|came| came.number.to_string()).collect();
            format!(
                "{} of project:{mailbox}: {}",
                numbers::plural(messages.len() as u64, "message"),
                clean::short(&numbers.join(", "), SHORT)
            )
        }
        EventBody::MessageDead { mailbox, number, reason, .. } => format!("{number} of {mailbox}: {}", reason.in_words()),
        EventBody::SubscriptionChanged { mailbox, kind, subscribed, .. } => {
            format!("{mailbox} gets {}{kind}", if *subscribed { "" } else { "no more " })
        }
        other => other.kind().to_owned(),
    }
}

/// What an event tells, in a few words.
fn told(body: &EventBody) -> String {
    match body {
        EventBody::RunCreated { workflow, owner, .. } => format!("{workflow}, by {owner}"),
        EventBody::RunResumed { owner, revised } => {
            let files = if revised.is_some() { ", with other files" } else { "" };
            format!("by {owner}{files}")
        }
        EventBody::NodeSkipped { reason, .. } => reason.clone(),
        EventBody::AttemptStarted { attempt, agent, chosen, model, elements, .. } => {
            let agent = agent.as_ref().map(|agent| format!(", {agent}")).unwrap_or_default();
            let chosen = chosen.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
            let model = model.as_ref().map(|model| format!(" · {model}")).unwrap_or_default();
            let elements =
                elements.map(|elements| format!(", {}", numbers::plural(elements as u64, "element"))).unwrap_or_default();
            format!("attempt {attempt}{agent}{model}{elements}{chosen}")
        }
        EventBody::ModelResponded { model, response, cost, duration_ms, ordinal, .. } => {
            let spend = Spend::of_call(response.usage, *cost);
            format!(
                "call {ordinal}, {model}, {} tokens, {spend}, {}",
                numbers::count(spend.tokens()),
                numbers::duration(Duration::from_millis(*duration_ms))
            )
        }
        EventBody::ToolCalled { call, .. } => {
            let approved = if call.approved { ", approved" } else { "" };
            let arguments = clean::short(&call.arguments.to_string(), SHORT);
            format!("call {}, {} ({}{approved}): {arguments}", call.step, call.tool, call.effect.as_str())
        }
        EventBody::ToolReturned { result, .. } => {
            let how = if result.cached {
                "from the cache".to_owned()
            } else {
                numbers::duration(Duration::from_millis(result.duration_ms))
            };
            let outcome = match &result.outcome {
                ToolOutcome::Output(value) => clean::short(&value.to_string(), SHORT),
                ToolOutcome::Failed { error, .. } => format!("failed: {}", error.message),
            };
            format!("call {}, {}, {how}: {outcome}", result.step, result.tool)
        }
        EventBody::ToolDenied { denial, .. } => format!("call {}, {}: {}", denial.step, denial.tool, denial.error.message),
        EventBody::ApprovalRequested { request, .. } => match &request.question.gate {
            Some(gate) => format!("{}: {}", gate.options.join(" | "), request.question.reason),
            None => format!("call {}, {}", request.step, request.question.in_words()),
        },
        EventBody::AttemptPaused { attempt, held: true, .. } => format!("attempt {attempt} is held"),
        EventBody::AttemptPaused { attempt, until: Some(until), .. } => format!("attempt {attempt} waits until {until}"),
        EventBody::AttemptPaused { attempt, until: None, .. } => format!("attempt {attempt} waits for a person"),
        EventBody::ApprovalGiven { approval, .. } => {
            let comment = approval.comment.as_ref().map(|comment| format!(": {comment}")).unwrap_or_default();
            match &approval.option {
                Some(option) => format!("{option}, by {}{comment}", approval.by),
                None => format!("call {}, {}, by {}{comment}", approval.step, approval.decision.as_str(), approval.by),
            }
        }
        EventBody::IterationStarted { iteration, .. } => format!("iteration {iteration}"),
        EventBody::AttemptFailed { attempt, error, .. } => format!("attempt {attempt}, tried again: {}", error.message),
        EventBody::FallbackTaken { attempt, from, to, error, .. } => {
            format!("attempt {attempt}, from {from} to {to}: {}", error.message)
        }
        EventBody::CallWaited { ordinal, model, reason, duration_ms, .. } => {
            format!("call {ordinal}, {model}, {} for {reason}", numbers::duration(Duration::from_millis(*duration_ms)))
        }
        EventBody::BreakerChanged { model, from, to, reason, .. } => format!("{model}, from {from} to {to}: {reason}"),
        EventBody::MessageSent { .. }
        | EventBody::MessagesTaken { .. }
        | EventBody::MessagesCame { .. }
        | EventBody::MessageDead { .. }
        | EventBody::SubscriptionChanged { .. } => told_of_mail(body),
        EventBody::NodeSucceeded { output, routed_to, reused, .. } => {
            let from = reused.as_ref().map(|reused| format!("reused from run {}: ", reused.run)).unwrap_or_default();
            match routed_to {
                Some(chosen) => format!("{from}→ {}: {output}", chosen.join(", ")),
                None => format!("{from}{output}"),
            }
        }
        EventBody::NodeFailed { error, handled, .. } => {
            let handled = if handled.is_some() { "the run goes on: " } else { "" };
            format!("{handled}{}", error.message)
        }
        EventBody::NodeCancelled { .. } => String::new(),
        EventBody::RunPaused { by } | EventBody::RunContinued { by } | EventBody::RunCancelRequested { by } => format!("by {by}"),
        EventBody::AgentPaused { agent, by }
        | EventBody::AgentResumed { agent, by }
        | EventBody::AgentDraining { agent, by }
        | EventBody::AgentTerminated { agent, by } => format!("{agent}, by {by}"),
        EventBody::AgentChanged { agent, overrides, refused, by } => {
            let set = if overrides.is_empty() { "as written".to_owned() } else { overrides.to_string() };
            let refused = refused.as_ref().map(|why| format!("; not taken over: {why}")).unwrap_or_default();
            format!("{agent}: {set}, by {by}{refused}")
        }
        EventBody::RunFinished { status, spend, .. } => format!("{}, {}", status.as_str(), numbers::spend(spend)),
    }
}
