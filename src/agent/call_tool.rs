//! One attempt of a `tool` node: a single step, with the same promises as a call that a model asks for.

use std::sync::Arc;

use crate::{
    agent::{
        Answered, Journal, Recorded, Tools,
        tools::{Around, Performed, ToolStep},
    },
    error::{Error, ErrorKind, Result},
    model::{NodePath, OnAmbiguous, RunId, StepId, ToolName, ToolOutcome, ToolPattern, Value},
    schema::Validator,
    tool::Grants,
};

/// What a `tool` node is to do in one attempt.
#[derive(Debug, Clone)]
pub struct ToolTask<'a> {
    /// The run.
    pub run: RunId,
    /// The node instance.
    pub node: &'a NodePath,
    /// The tool.
    pub tool: &'a ToolName,
    /// The arguments, rendered.
    pub arguments: Value,
    /// JSON Schema that the result must follow; any result will do when absent.
    pub output: Option<&'a Value>,
    /// What the call is held to.
    pub grants: &'a Arc<Grants>,
    /// What is done when nobody knows whether the call was made; `None` leaves it to the tool's settings.
    pub on_ambiguous: Option<OnAmbiguous>,
    /// By what the placeholders of secrets in the arguments were made.
    pub secret_key: &'a str,
}

/// Makes the call, or takes its result from the log.
///
/// # Errors
/// In `outcome`: why the call failed; `Waiting` when a person has to decide first; `Invalid` when the result is not as the node wants
/// it; `Divergent` and those of the journal.
pub async fn call_tool(task: ToolTask<'_>, tools: &Tools, recorded: &Recorded, journal: &dyn Journal) -> Answered {
    match make(task, tools, recorded, journal).await {
        Ok((value, notes)) => Answered { outcome: Ok(value), last_call: None, notes },
        Err(error) => Answered { outcome: Err(error), last_call: None, notes: Vec::new() },
    }
}

async fn make(task: ToolTask<'_>, tools: &Tools, recorded: &Recorded, journal: &dyn Journal) -> Result<(Value, Vec<String>)> {
    let pattern = ToolPattern::new(task.tool.as_str())?;
    let found = tools.select(std::slice::from_ref(&pattern)).await?.pop();
    let tool = found.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no tool `{}`", task.tool)))?;
    let step = ToolStep { id: StepId { turn: 0, index: 0 }, tool: Ok(tool), arguments: Ok(task.arguments) };
    let around = Around {
        run: task.run,
        node: task.node,
        grants: task.grants,
        on_ambiguous: task.on_ambiguous,
        secret_key: task.secret_key,
    };
    let result = match tools.perform(step, around, recorded, journal).await? {
        Performed::Result(result) => *result,
        Performed::Waits => return Err(Error::new(ErrorKind::Waiting, "a person has to decide about the call first")),
    };
    match result.outcome {
        ToolOutcome::Output(value) => {
            if let Some(schema) = task.output {
                let problems = Validator::new(schema)?.problems(&value);
                if !problems.is_empty() {
                    let message = format!("the result of `{}` is not what `output` wants: {}", task.tool, problems.join("; "));
                    // The call was made, and is not made again for this.
                    return Err(Error::new(ErrorKind::Invalid, message).raw_text(value.to_string()));
                }
            }
            Ok((value, result.notes))
        }
        ToolOutcome::Failed { error, .. } => Err(error.into()),
    }
}
