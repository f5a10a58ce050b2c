//! From a file's text to a plan: reading, references, rules.

use std::{fmt::Write as _, path::Path, time::Duration};

use agentflow::{
    diagnostic::DiskFiles,
    model::AgentMode,
    plan::{AgentStanding, CompileOptions, ManifestChoice, ModelStanding, Standings, compile_text},
};

use crate::{
    figure::{Figure, Unit},
    measure::{processor_share, processor_time, quantile, show, time},
    table::Table,
};

pub(crate) fn run(table: &mut Table) {
    for count in [10, 100, 1_000] {
        let text = workflow(count);
        let (before, rounds) = (processor_time(), (2_000 / count).clamp(10, 100));
        let mut times: Vec<_> = (0..rounds)
            .map(|_| {
                let text = text.clone();
                time(|| {
                    let options = CompileOptions::default();
                    let compiled = compile_text(Path::new("bench.yaml"), text, ManifestChoice::None, &DiskFiles, &options);
                    assert!(compiled.plan.is_some(), "{:?}", compiled.diagnostics);
                })
            })
            .collect();
        let p50 = quantile(&mut times, 0.5);
        let measured = format!("{}{}", show(p50), processor_share(before, rounds));
        table.keep(format!("validate-{count}"), Figure::of(Unit::Processor, &times));
        let what = format!("validate {count} nodes ({} KiB of YAML)", text.len() / 1024);
        if count == 1_000 {
            table.wanted(what, "< 50 ms", measured, p50.as_millis() < 50);
        } else {
            table.told(what, measured);
        }
    }
    refusal(table);
    discovery(table);
}

/// How long it takes to refuse a file that is large and wrong everywhere.
fn refusal(table: &mut Table) {
    const FIELDS: u32 = 25_000;
    let mut text = "nodes: { one: { value: 1 } }\ninputs:\n".to_owned();
    for n in 0..FIELDS {
        writeln!(text, "  k{n}: 1").unwrap();
    }
    let before = processor_time();
    let mut times: Vec<_> = (0..20)
        .map(|_| {
            let text = text.clone();
            time(|| {
                let options = CompileOptions::default();
                let compiled = compile_text(Path::new("bench.yaml"), text, ManifestChoice::None, &DiskFiles, &options);
                assert!(compiled.plan.is_none() && compiled.has_errors());
            })
        })
        .collect();
    let p50 = quantile(&mut times, 0.5);
    let measured = format!("{}{}", show(p50), processor_share(before, 20));
    table.keep("refuse-25000", Figure::of(Unit::Processor, &times));
    table.wanted(format!("refuse a file with {FIELDS} wrong fields"), "< 200 ms", measured, p50.as_millis() < 200);
}

/// How long it takes to choose one of many agents, all of which can do what is asked.
fn discovery(table: &mut Table) {
    const AGENTS: u32 = 1_000;
    let mut text = "nodes: { one: { value: 1 } }\nagents:\n".to_owned();
    let mut standings = Standings::default();
    for n in 0..AGENTS {
        writeln!(text, "  a{n}: {{ model: mock/m{n}, capabilities: [prose, review, rust] }}").unwrap();
        let latency = Some(Duration::from_millis(u64::from(n * 7 % 50)));
        standings.agents.insert(
            format!("a{n}"),
            AgentStanding { mode: if n % 3 == 0 { AgentMode::Paused } else { AgentMode::Active }, latency },
        );
        let model = ModelStanding { is_left_alone: n % 5 == 0, usd_per_1k: Some(f64::from(n % 11)) };
        standings.models.insert(format!("mock/m{n}").parse().unwrap(), model);
    }
    let options = CompileOptions { standings, ..CompileOptions::default() };
    let compiled = compile_text(Path::new("bench.yaml"), text, ManifestChoice::None, &DiskFiles, &options);
    let choose = || compiled.catalog.choose("bench.yaml", &["review", "rust"], &options);
    assert!(choose().is_some_and(|choice| choice.among.len() == AGENTS as usize));
    let before = processor_time();
    let mut times: Vec<_> = (0..200).map(|_| time(|| drop(choose()))).collect();
    let p50 = quantile(&mut times, 0.5);
    let measured = format!("{}{}", show(p50), processor_share(before, 200));
    table.keep("choose", Figure::of(Unit::Processor, &times));
    table.wanted(format!("choose one of {AGENTS} agents"), "< 1 ms", measured, p50.as_micros() < 1_000);
}

/// Agent nodes with prompts, schemas, conditions; each reads up to two before it.
fn workflow(count: usize) -> String {
    let mut text = "name: bench\nagents:\n  writer: { model: mock/small }\ninputs: { topic: string }\nnodes:\n".to_owned();
    for n in 0..count {
        let (one, two) = (n.saturating_sub(1), n.saturating_sub(7));
        let reads = if n == 0 { "inputs.topic".to_owned() } else { format!("n{one}.text }}}} and {{{{ n{two}.score") };
        write!(
            text,
            "  n{n}:\n    agent: writer\n    prompt: |\n      Say something of {{{{ {reads} }}}}, in a few sentences.\n    \
             output: {{ text: string, score: number, kind: a | b }}\n    timeout: 30s\n"
        )
        .unwrap();
    }
    text
}
