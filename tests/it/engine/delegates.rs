//! Agents and workflows that are called as tools: runs of their own, paid once, whose costs, questions and failures are the caller's.

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use agentflow::{
    Error, ErrorKind, Result,
    diagnostic::{Code, StoredFiles},
    engine::{Child, answer, children_of, open_questions, read_run},
    model::{
        Access, AccessClass, Approval, ChatRequest, ChatResponse, Decision, Effect, Event, EventBody, FinishReason, Parent,
        Price, Role, RunId, RunStatus, StepId, StoredSource, ToolName, ToolRequest, ToolSpec, Usage, Value,
    },
    plan::{CompileOptions, Compiled, ManifestChoice, Plan, compile},
    provider::{OnText, Provider},
    store::{Store, this_process},
    tool::{Authorized, CallContext, Rules, Secrets, Tool, ToolCall, ToolOutput, Toolbox},
};
use async_trait::async_trait;
use serde_json::json;

use super::{
    flow::{Flow, Ran},
    recovery::store_of_runs,
};

/// A writer that has a critic.
const PAIR: &str = "
agents:
  writer: { model: mock/m, tools: ['agent:critic'] }
  critic: { model: mock/m, description: Judges texts. }
nodes: { write: { agent: writer, prompt: Write. } }
";

/// Answers by what it is asked, however often a process has died: who has a tool and no result yet asks for it.
#[derive(Debug, Default)]
struct Lab {
    arguments: Mutex<Option<String>>,
    /// The agent whose calls fail.
    fails: Option<&'static str>,
    /// The calls of each agent, in order.
    asked: Mutex<Vec<ChatRequest>>,
}

impl Lab {
    fn calls_of(&self, agent: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|request| request.origin.agent.as_str() == agent).count()
    }

    /// What an agent was told by its tools last.
    fn told(&self, agent: &str) -> String {
        let asked = self.asked.lock().unwrap();
        let last = asked.iter().rfind(|request| request.origin.agent.as_str() == agent).unwrap();
        last.messages.iter().rfind(|message| message.role == Role::Tool).unwrap().content.clone()
    }
}

#[async_trait]
impl Provider for Lab {
    async fn chat(&self, request: &ChatRequest, _on_text: &OnText<'_>) -> Result<ChatResponse> {
        self.asked.lock().unwrap().push(request.clone());
        let agent = request.origin.agent.as_str();
        if self.fails == Some(agent) {
            return Err(Error::new(ErrorKind::Request, "the prompt is refused"));
        }
        let told = request.messages.iter().rfind(|message| message.role == Role::Tool);
        let (content, tool_requests) = match (told, request.tools.first()) {
            (None, Some(tool)) => {
                let given = self.arguments.lock().unwrap().clone();
                let arguments = given.unwrap_or_else(|| json!({"task": "Judge it."}).to_string());
                (String::new(), vec![ToolRequest { id: "call_0".to_owned(), name: tool.name.wire(), arguments }])
            }
            (Some(told), _) => (format!("{agent} heard: {}", told.content), Vec::new()),
            (None, None) => (format!("{agent} says: fine"), Vec::new()),
        };
        let finish = if tool_requests.is_empty() { FinishReason::Stop } else { FinishReason::ToolRequests };
        let usage = Some(Usage { input_tokens: 100, cached_tokens: 0, output_tokens: 0 });
        Ok(ChatResponse { content, tool_requests, finish, usage, model: request.model.clone() })
    }

    fn price(&self, _model: &str) -> Option<Price> {
        None
    }
}

/// Reads nothing, and counts how often.
#[derive(Debug)]
struct Reader {
    spec: ToolSpec,
    calls: AtomicUsize,
}

impl Reader {
    fn new() -> Arc<Self> {
        let spec = ToolSpec {
            name: ToolName::new("read_file").unwrap(),
            description: "Reads.".to_owned(),
            parameters: json!({"type": "object"}),
            effect: Effect::Read,
        };
        Arc::new(Self { spec, calls: AtomicUsize::new(0) })
    }
}

#[async_trait]
impl Tool for Reader {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn reach(&self) -> &[AccessClass] {
        &[AccessClass::Read]
    }

    fn accesses(&self, _arguments: &Value) -> Result<Vec<Access>> {
        Ok(vec![Access::Read { path: "docs/a.md".to_owned() }])
    }

    async fn call(&self, _call: Authorized<ToolCall>, _context: &CallContext<'_>) -> Result<ToolOutput> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        Ok(ToolOutput::new("the text"))
    }
}

/// Compiles the first file with all of them.
fn compiled(files: &[(&str, &str)]) -> Compiled {
    let stored = files.iter().map(|(path, text)| StoredSource { path: (*path).to_owned(), text: (*text).to_owned() });
    let files_there = StoredFiles::new(stored.collect());
    let manifest = files.iter().find(|(path, _)| *path == "agents.toml");
    let choice = manifest.map_or(ManifestChoice::None, |(path, _)| ManifestChoice::At(Path::new(path).to_owned()));
    compile(Path::new(files[0].0), choice, &files_there, &CompileOptions::default())
}

#[track_caller]
fn plan_of(files: &[(&str, &str)]) -> Arc<Plan> {
    let compiled = compiled(files);
    Arc::new(compiled.plan.unwrap_or_else(|| panic!("{:#?}", compiled.diagnostics)))
}

fn child(ran: &Ran) -> Child {
    let mut children = children_of(ran.result.run, &ran.events);
    assert_eq!(children.len(), 1, "{children:?}");
    children.remove(0)
}

async fn events(store: &Arc<dyn Store>, run: RunId) -> Vec<Event> {
    read_run(store, run).await.unwrap().events
}

#[tokio::test(start_paused = true)]
async fn an_agent_called_as_a_tool_answers_in_a_run_of_its_own() {
    let lab = Arc::new(Lab::default());
    let flow = Flow::new(PAIR).provider(lab.clone());
    let ran = flow.run().await.succeeded().output("write", "writer heard: critic says: fine");
    let child = child(&ran);
    assert!(child.has_returned && child.tool.as_str() == "agent:critic");
    let EventBody::RunCreated { run, workflow, parent, inputs, sources, .. } =
        events(&flow.store, child.run).await.remove(0).body
    else {
        panic!("a run begins with its creation")
    };
    assert_eq!((run, workflow.as_str(), &inputs["task"]), (child.run, "agent:critic", &json!("Judge it.")));
    let step = StepId { turn: 0, index: 0 };
    assert_eq!(parent, Some(Parent { run: flow.run, node: child.node.clone(), step, tool: child.tool.clone() }));
    assert_eq!(sources, flow.plan.stored_sources, "it can be compiled again from what its caller was made of");

    let offered = lab.asked.lock().unwrap()[0].tools[0].clone();
    assert!(offered.description.starts_with("Judges texts. "), "{}", offered.description);
    assert_eq!(offered.parameters["required"], json!(["task"]));
    // Two calls of the writer and one of the critic, a hundred tokens each, and the call of the tool.
    let spend = ran.result.spend;
    assert_eq!((spend.calls, spend.tool_calls, spend.tokens()), (3, 1, 300));
}

#[tokio::test(start_paused = true)]
async fn wherever_the_process_dies_the_called_run_is_found_and_nothing_is_paid_twice() {
    let lab = Arc::new(Lab::default());
    let flow = Flow::new(PAIR).provider(lab.clone());
    let whole = flow.run().await.succeeded();
    let child = child(&whole);
    let child_events = events(&flow.store, child.run).await;
    let called = whole.events.iter().position(|event| matches!(event.body, EventBody::ToolCalled { .. })).unwrap();
    let returned = whole.events.iter().position(|event| matches!(event.body, EventBody::ToolReturned { .. })).unwrap();
    let responded =
        |events: &[Event]| events.iter().filter(|event| matches!(event.body, EventBody::ModelResponded { .. })).count();
    for cut in called + 1..=returned {
        for child_cut in 0..=child_events.len() {
            let lab = Arc::new(Lab::default());
            let (parent, inner) = (&whole.events[..cut], &child_events[..child_cut]);
            let runs = [(flow.run, parent), (child.run, inner)];
            let store = store_of_runs(if inner.is_empty() { &runs[..1] } else { &runs }).await;
            let mut rest = Flow::new(PAIR).provider(lab.clone()).store(store);
            rest.run = flow.run;
            let resumed = rest.resume().await.succeeded().output("write", "writer heard: critic says: fine");
            assert_eq!(lab.calls_of("critic"), 1 - responded(inner), "cut after {cut} and {child_cut} events");
            assert_eq!(lab.calls_of("writer"), 1, "cut after {cut} and {child_cut} events");
            assert_eq!(
                (resumed.result.spend.calls, resumed.result.spend.tokens()),
                (3, 300),
                "cut after {cut} and {child_cut} events"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_calls_a_run_that_waits_for_a_person_waits_with_it() {
    let yaml = "
agents:
  writer: { model: mock/m, tools: ['agent:critic'] }
  critic: { model: mock/m, tools: [read_file], permissions: ['fs:read:**'] }
nodes: { write: { agent: writer, prompt: Write. } }
";
    let (lab, reader) = (Arc::new(Lab::default()), Reader::new());
    let mut toolbox = Toolbox::default();
    toolbox.add(reader.clone());
    let rules = Rules { ask: vec!["fs:read:docs/**".parse().unwrap()], ..Rules::default() };
    let flow = Flow::new(yaml).provider(lab.clone()).toolbox(toolbox, rules);
    let ran = flow.run().await;
    assert_eq!(ran.result.status, RunStatus::Waiting);
    assert!(open_questions(&ran.events).is_empty(), "the caller asks nothing itself");
    let child = child(&ran);
    assert!(!child.has_returned);
    let mut asked = open_questions(&events(&flow.store, child.run).await);
    assert_eq!(flow.resume().await.result.status, RunStatus::Waiting, "nobody has answered yet");

    let question = asked.remove(0);
    let (step, fingerprint) = (question.request.step, question.request.fingerprint);
    let approval = Approval {
        step,
        fingerprint,
        decision: Decision::Approve,
        option: None,
        form: None,
        by: "ada".to_owned(),
        comment: None,
    };
    let given = [(question.node, question.attempt, approval)];
    answer(&flow.store, child.run, &this_process(), Duration::from_secs(30), &given).await.unwrap();
    let ran = flow.resume().await.succeeded();
    assert!(ran.result.outputs["write"].as_str().unwrap().contains("the text"), "{:?}", ran.result.outputs);
    assert_eq!((reader.calls.load(Ordering::SeqCst), lab.calls_of("critic"), lab.calls_of("writer")), (1, 2, 2));
    assert_eq!(ran.result.spend.calls, 4);
}

#[tokio::test(start_paused = true)]
async fn a_called_run_that_fails_is_told_to_the_model_and_not_made_again() {
    let lab = Arc::new(Lab { fails: Some("critic"), ..Lab::default() });
    let flow = Flow::new(PAIR).provider(lab.clone());
    let ran = flow.run().await.succeeded();
    let told = lab.told("writer");
    assert!(told.starts_with("The call failed: `agent:critic` failed: ") && told.contains("the prompt is refused"), "{told}");
    assert_eq!(lab.calls_of("critic"), 1);
    let run = child(&ran).run;
    let hint = ran.events.iter().find_map(|event| match &event.body {
        EventBody::ToolReturned { result, .. } => Some(serde_json::to_string(&result.outcome).unwrap()),
        _ => None,
    });
    assert!(hint.unwrap().contains(&format!("agentflow runs show {run}")));
}

#[tokio::test(start_paused = true)]
async fn what_a_called_run_costs_counts_for_the_budget_of_the_caller() {
    let yaml = format!("limits: {{ max_tokens: 200 }}{PAIR}");
    let lab = Arc::new(Lab::default());
    let flow = Flow::new(&yaml).provider(lab.clone());
    let ran = flow.run().await;
    assert_eq!(ran.result.error.unwrap().kind, ErrorKind::Budget);
    assert_eq!((lab.calls_of("writer"), lab.calls_of("critic"), ran.result.spend.tokens()), (1, 1, 200));
}

#[tokio::test(start_paused = true)]
async fn a_workflow_called_as_a_tool_takes_its_inputs_and_gives_its_outputs() {
    let flow = "
inputs: { topic: { type: string, default: bridges } }
nodes: { look: { tool: 'workflow:parts/inner.yaml', args: { topic: '{{ inputs.topic }}' } } }
outputs: { told: '{{ look.text }}', count: '{{ look.count }}' }
";
    let inner = "
inputs: { topic: string, count: { type: integer, default: 3 } }
nodes: { say: { value: 'On {{ inputs.topic }}' } }
outputs: { text: '{{ say }}', count: '{{ inputs.count }}' }
";
    let files = [("flows/flow.yaml", flow), ("flows/parts/inner.yaml", inner)];
    let flow = Flow::of(plan_of(&files));
    let stored: Vec<_> = flow.plan.stored_sources.iter().map(|source| source.path.as_str()).collect();
    assert_eq!(stored, ["flows/flow.yaml", "flows/parts/inner.yaml"]);
    flow.run().await.succeeded().output("told", "On bridges").output("count", 3);
}

#[tokio::test(start_paused = true)]
async fn arguments_that_do_not_fit_and_secrets_reach_no_other_agent() {
    let secret = Secrets::placeholder(b"key", "TOKEN");
    for (arguments, told) in [
        (json!({"job": "x"}), "do not fit `agent:critic`"),
        (json!({"task": format!("Use {secret}")}), "the secret `TOKEN` cannot be handed to `agent:critic`"),
    ] {
        let lab = Arc::new(Lab { arguments: Mutex::new(Some(arguments.to_string())), ..Lab::default() });
        Flow::new(PAIR).provider(lab.clone()).run().await.succeeded();
        assert!(lab.told("writer").contains(told), "{}", lab.told("writer"));
        assert_eq!(lab.calls_of("critic"), 0);
    }
}

#[test]
fn what_comes_to_call_itself_is_told_before_anything_runs() {
    let agents = "
agents:
  writer: { model: mock/m, tools: ['agent:critic'] }
  critic: { model: mock/m, tools: ['agent:judge'] }
  judge: { model: mock/m, tools: ['agent:critic'] }
nodes: { write: { agent: writer, prompt: Write. } }
";
    let itself = "
agents: { writer: { model: mock/m, tools: ['workflow:flow.yaml'] } }
nodes: { write: { agent: writer, prompt: Write. } }
";
    for (text, way) in
        [(agents, "`agent:critic` → `agent:judge` → `agent:critic`"), (itself, "`workflow:flow.yaml` → `workflow:flow.yaml`")]
    {
        let compiled = compiled(&[("flow.yaml", text)]);
        assert!(compiled.plan.is_none());
        let problem = &compiled.diagnostics[0];
        assert!(problem.code == Code::SELF_CALL && problem.message.contains(way), "{problem:?}");
    }
}

#[test]
fn a_chain_of_calls_has_a_bound() {
    let chain = |length: usize| {
        let agents: String = (0..length)
            .map(|at| format!("  a{at}: {{ model: mock/m, tools: ['agent:a{}'] }}", at + 1))
            .collect::<Vec<_>>()
            .join("\n")
            + "\n";
        format!("agents:\n{agents}  a{length}: {{ model: mock/m }}\nnodes: {{ go: {{ agent: a0, prompt: Go. }} }}\n")
    };
    assert!(compiled(&[("flow.yaml", &chain(8))]).plan.is_some());
    let refused = compiled(&[("flow.yaml", &chain(9))]);
    assert_eq!(refused.diagnostics[0].code, Code::TOO_COMPLEX);
    assert!(refused.diagnostics[0].message.contains("from `agent:a1` on, 9"), "{}", refused.diagnostics[0].message);
}

#[test]
fn a_tool_that_is_no_file_or_not_only_one_thing_is_told_where_it_is_written() {
    let flow = |tool: &str| {
        format!("agents: {{ a: {{ model: mock/m, tools: ['{tool}'] }} }}\nnodes: {{ go: {{ agent: a, prompt: Go. }} }}\n")
    };
    let missing = compiled(&[("flow.yaml", &flow("workflow:none.yaml"))]).diagnostics.remove(0);
    assert_eq!((missing.code, missing.message.as_str()), (Code::INNER_WORKFLOW, "workflow file `none.yaml` does not exist"));
    let several = compiled(&[("flow.yaml", &flow("workflow:*.yaml"))]).diagnostics.remove(0);
    assert_eq!((several.code, several.message.as_str()), (Code::UNKNOWN_TOOL, "tool `workflow:*.yaml`: a workflow is one file"));

    let inner =
        "agents: { a: { model: mock/m, tools: ['agent:b'] }, b: { model: mock/n } }\nnodes: { go: { agent: a, prompt: Go. } }\n";
    let outer = "
agents: { a: { model: mock/m, tools: ['agent:b'] }, b: { model: mock/m } }
nodes: { go: { agent: a, prompt: Go. }, inside: { workflow: inner.yaml } }
";
    let two = compiled(&[("flow.yaml", outer), ("inner.yaml", inner)]).diagnostics.remove(0);
    assert!(two.code == Code::UNKNOWN_TOOL && two.message.starts_with("`agent:b` means something else here"), "{two:?}");
}

#[test]
fn what_is_called_is_held_to_what_every_workflow_asks_for_that_calls_it() {
    let outer = "
permissions: ['fs:read:docs/**']
nodes: { inside: { workflow: inner.yaml } }
";
    let inner = "
permissions: ['fs:read:docs/a/**']
nodes: { go: { agent: writer, prompt: Go. } }
";
    let manifest = "
[agents.writer]
model = 'mock/m'
tools = ['agent:reader']
[agents.reader]
model = 'mock/m'
tools = ['read_file']
permissions = ['fs:read:**']
";
    let plan = plan_of(&[("flow.yaml", outer), ("agents.toml", manifest), ("inner.yaml", inner)]);
    let reader = &plan.delegates[&ToolName::new("agent:reader").unwrap()];
    let agentflow::plan::NodeKind::Agent(node) = &reader.graph.nodes[0].kind else { panic!("it asks an agent") };
    let owners: Vec<_> = node.grants.levels.iter().map(|level| level.owner.as_str()).collect();
    assert_eq!(owners, ["workflow `flow`", "workflow `inner`", "agent `reader`"]);
    assert!(plan.agents.contains_key("reader"), "its model can be set on the command line");
}
