//! Asks a person at the terminal for inputs that are required and were not given.

use std::io::{self, BufRead as _, Write as _};

use indexmap::IndexMap;

use crate::{
    app::inputs::{missing_error, parse_typed, type_of},
    cli::{
        clean,
        terminal::{BOLD, DIM, Terminal, YELLOW},
    },
    error::Result,
    model::Value,
    plan::Plan,
};

/// Asks for each of `missing` until the answer fits; what is typed is one line.
///
/// # Errors
/// That of missing inputs, when the person ends the input instead.
pub(super) fn ask(terminal: &Terminal, plan: &Plan, missing: &[String]) -> Result<IndexMap<String, Value>> {
    let mut values = IndexMap::new();
    for (nth, name) in missing.iter().enumerate() {
        let Some(input) = plan.inputs.get(name) else { continue };
        if let Some(description) = &input.description {
            terminal.talk(&clean::one_line(description));
        }
        loop {
            let kind = terminal.paint_err(DIM, &format!("({})", clean::one_line(&type_of(&input.schema))));
            drop(io::stderr().write_all(format!("{} {kind}: ", terminal.paint_err(BOLD, name)).as_bytes()));
            let mut line = String::new();
            let read = io::stdin().lock().read_line(&mut line);
            if !matches!(read, Ok(1..)) {
                terminal.talk("");
                return Err(missing_error(plan, &missing[nth..]));
            }
            match parse_typed(input, line.trim_end_matches(['\n', '\r'])) {
                Ok(value) => {
                    values.insert(name.clone(), value);
                    break;
                }
                Err(err) => terminal.talk(&terminal.paint_err(YELLOW, &clean::one_line(err.message()))),
            }
        }
    }
    Ok(values)
}
