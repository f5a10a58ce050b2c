//! A stream that is cut after each of its bytes: what is taken for an answer is the whole answer, and never one that was pieced
//! together.

use std::{ops::Range, sync::Arc};

use agentflow::{
    agent::{Models, ModelsSettings},
    engine::{Engine, EngineSettings, RunOptions, Stop, read_run},
    model::{Event, EventBody},
    store::{InMemoryStore, Store},
};
use indexmap::IndexMap;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::{
    scenarios::{Fault, Protocol},
    trial::{CHAIN, providers},
};
use crate::{
    engine::flow::{Watcher, plan},
    fault_server::FaultServer,
};

/// Where streams are cut: at more places than any of them has bytes.
pub(super) const PLACES: Range<usize> = 0..900;

/// What was counted of one kind of stream.
#[derive(Default)]
pub(super) struct Cuts {
    pub(super) violations: Vec<String>,
    /// Where a cut makes the answer void.
    pub(super) void: usize,
    /// Where all of the answer had come.
    pub(super) whole: usize,
}

/// Cuts the answer to a question after each of `places`; what is asked a second time is answered whole.
pub(super) fn run(protocol: Protocol, framing: &str, places: &[usize], real_time: &Handle) -> Cuts {
    let text = CHAIN[0].1;
    let cut = |place: &usize| {
        let reply = json!({"cut": {"after_bytes": place, "framing": framing}});
        json!({"match": format!("cut after {place}."), "times": 1, "text": text, "reply": reply})
    };
    let rules: Vec<Value> = places.iter().map(cut).chain([json!({"text": text, "reply": "ok"})]).collect();
    let server = FaultServer::start_with(&json!(rules), &["--no-sync"]);
    let fault = Fault::cut(protocol);
    let plan = plan(&format!(
        "
inputs: {{ place: integer }}
agents: {{ a: {{ model: {}/m }} }}
nodes: {{ ask: {{ agent: a, prompt: 'cut after {{{{ inputs.place }}}}.' }} }}
",
        CHAIN[0].0
    ));
    let mut cuts = Cuts::default();
    let (mut asked, mut whole_from) = (0, None);
    for place in places {
        let store: Arc<dyn Store> = Arc::new(InMemoryStore::default());
        let paused = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let events = paused.block_on(async {
            let models = Arc::new(Models::new(providers(&fault, &server, real_time), ModelsSettings::default()));
            let engine = Engine::new(Arc::clone(&store), models, EngineSettings::default());
            let options = RunOptions::new(IndexMap::from([("place".to_owned(), json!(place))]));
            let run = options.run;
            engine.run(Arc::clone(&plan), options, Arc::new(Watcher::default()), Stop::default()).await.unwrap();
            read_run(&store, run).await.unwrap().events
        });
        let mut wrong = |what: String| cuts.violations.push(format!("{protocol:?}, {framing}, cut after {place}: {what}"));
        let told: Vec<String> = events.iter().filter_map(|event| outcome(event, text)).collect();
        let told: Vec<&str> = told.iter().map(String::as_str).collect();
        match told.as_slice() {
            ["answered", "succeeded"] => {
                cuts.whole += 1;
                asked += 1;
                whole_from.get_or_insert(place);
            }
            ["truncated", "answered", "succeeded"] => {
                cuts.void += 1;
                asked += 2;
                if whole_from.is_some() {
                    wrong(format!("void, where a cut after {whole_from:?} was whole"));
                }
            }
            other => wrong(format!("{other:?}")),
        }
    }
    let told = server.asked().len();
    if told != asked {
        cuts.violations.push(format!("{protocol:?}, {framing}: the server was asked {told} times instead of {asked}"));
    }
    cuts
}

/// What an event says of the answer: its failure, or that it is all of `text`.
fn outcome(event: &Event, text: &str) -> Option<String> {
    Some(match &event.body {
        EventBody::AttemptFailed { error, .. } => json!(error.kind).as_str().unwrap_or_default().to_owned(),
        EventBody::ModelResponded { response, .. } if response.content == text => "answered".to_owned(),
        EventBody::ModelResponded { response, .. } => format!("answered {:?}", response.content),
        EventBody::NodeSucceeded { output, .. } if output == text => "succeeded".to_owned(),
        EventBody::NodeSucceeded { output, .. } => format!("succeeded with {output}"),
        EventBody::NodeFailed { error, .. } => format!("failed: {}", error.message),
        _ => return None,
    })
}
