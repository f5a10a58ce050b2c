//! `agentflow fork`: begins a new run from a recorded one, which takes over all answers but those of a node and of what comes after.

use crate::{
    app::{
        self, Found, Purpose, Settings, WorkflowSource,
        inputs::{GivenInput, GivenValue, StandardInput, gather},
    },
    cli::{
        args::ForkArgs,
        cassette,
        resume::tell_unusable,
        run::{Begin, Showing, block_on, drive},
        terminal::Terminal,
    },
    error::Result,
};

/// Begins the new run and runs it to its end, as `run` does.
pub(super) fn fork(args: &ForkArgs, settings: &Settings, verbose: bool, terminal: &Terminal) -> Result<u8> {
    let mut stdin = StandardInput::default();
    let files = args.workflow.as_deref().map(|path| WorkflowSource::read(path, &mut stdin)).transpose()?;
    block_on(async {
        let found = match app::find_resumable(&args.run, Purpose::Fork, files.as_ref(), settings).await? {
            Found::Resumable(found) => found,
            other => return Ok(tell_unusable(&other, terminal)),
        };
        let given: Vec<GivenInput> = args
            .input
            .iter()
            .map(|input| GivenInput { name: input.name.clone(), value: GivenValue::parse(&input.value) })
            .collect();
        let given = gather(&found.prepared.plan, &given, None, &mut stdin)?.values;
        let options = found.fork(&args.from, given)?;
        terminal.note(&format!("run {} takes over what comes before `{}` in run {}", options.run, args.from, found.run));
        let showing = Showing { output: args.output, verbose, past: &[] };
        let driven = drive(&found.prepared, &found.engine, options, Begin::New, &showing, settings, terminal).await;
        cassette::finish(&found.prepared, false, driven, terminal)
    })
}
