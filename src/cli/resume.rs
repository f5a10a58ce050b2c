//! `agentflow resume`: goes on with a run where its log ends, with the workflow and the settings it began with, or other files.

use crate::{
    app::{self, Found, Purpose, Settings, WorkflowSource, inputs::StandardInput},
    cli::{
        args::ResumeArgs,
        cassette, diagnostics, exit,
        report::Reports,
        run::{Begin, Showing, block_on, drive},
        steer,
        terminal::Terminal,
    },
    error::Result,
    model::EventBody,
};

/// Goes on with the run. One that has ended gives its outputs again.
pub(super) fn resume(args: &ResumeArgs, settings: &Settings, verbose: bool, terminal: &Terminal) -> Result<u8> {
    let reports = Reports::wanted(&args.report, args.run.as_str())?;
    let mut stdin = StandardInput::default();
    let files = args.workflow.as_deref().map(|path| WorkflowSource::read(path, &mut stdin)).transpose()?;
    block_on(async {
        if let Some(code) = steer::go_on(&args.run, settings, terminal).await? {
            return Ok(code);
        }
        let found = match app::find_resumable(&args.run, Purpose::Resume, files.as_ref(), settings).await? {
            Found::Resumable(found) => found,
            other => return Ok(tell_unusable(&other, terminal)),
        };
        let ended = matches!(found.events.last().map(|event| &event.body), Some(EventBody::RunFinished { .. }));
        if ended && files.is_none() {
            terminal.note(&format!("run {} has ended already; this is what came of it", found.run));
        }
        let showing = Showing { output: args.output, verbose, past: &found.events };
        let driven = drive(&found.prepared, &found.engine, found.resume()?, Begin::Again, &showing, settings, terminal).await;
        let driven = cassette::finish(&found.prepared, false, driven, terminal);
        reports.after(driven, found.engine.store(), found.run, terminal).await
    })
}

/// Tells why a recorded run cannot be used; returns the exit code.
pub(super) fn tell_unusable(found: &Found, terminal: &Terminal) -> u8 {
    match found {
        Found::Resumable(_) => exit::SUCCEEDED,
        Found::Broken(compiled) => {
            terminal.talk("the workflow that is stored with the run cannot be used by this version of agentflow");
            diagnostics::tell(terminal, &compiled.diagnostics, &compiled.sources);
            exit::CORRUPT
        }
        Found::Invalid(compiled) => {
            diagnostics::tell(terminal, &compiled.diagnostics, &compiled.sources);
            exit::USAGE
        }
    }
}
