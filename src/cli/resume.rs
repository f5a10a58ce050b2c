//! `agentflow resume`: goes on with a run where its log ends, with the workflow and the settings it began with.

use indexmap::IndexMap;

use crate::{
    app::{self, Found, Settings},
    cli::{
        args::ResumeArgs,
        diagnostics, exit,
        run::{Begin, Showing, block_on, drive},
        terminal::Terminal,
    },
    error::Result,
    model::{EventBody, Value},
};

/// Goes on with the run. One that has ended gives its outputs again.
pub(super) fn resume(args: &ResumeArgs, settings: &Settings, verbose: bool, terminal: &Terminal) -> Result<u8> {
    block_on(async {
        let found = match app::find_resumable(&args.run, settings).await? {
            Found::Resumable(found) => found,
            Found::Broken(compiled) => {
                terminal.talk("the workflow that is stored with the run cannot be used by this version of agentflow");
                diagnostics::tell(terminal, &compiled.diagnostics, &compiled.sources);
                return Ok(exit::CORRUPT);
            }
        };
        let ended = matches!(found.events.last().map(|event| &event.body), Some(EventBody::RunFinished { .. }));
        let inputs: IndexMap<String, Value> = match found.events.first().map(|event| &event.body) {
            Some(EventBody::RunCreated { inputs, .. }) => inputs.clone(),
            _ => IndexMap::new(),
        };
        if ended {
            terminal.note(&format!("run {} has ended already; this is what came of it", found.run));
        }
        let options = found.prepared.options(found.run, inputs)?;
        let showing = Showing { output: args.output, verbose, past: &found.events };
        drive(&found.prepared, &found.engine, options, Begin::Again, &showing, settings, terminal).await
    })
}
