//! What a template of the reference reads.

use agentflow::model::Value;

use super::spec::{Read, Take, What};

/// What the names in a template mean.
pub(crate) struct Scope<'a> {
    pub(crate) outer: Option<&'a Scope<'a>>,
    pub(crate) outputs: &'a [Value],
    pub(crate) item: Option<(usize, &'a Value)>,
    pub(crate) round: Option<&'a Round>,
}

/// An iteration.
pub(crate) struct Round {
    pub(crate) number: u32,
    pub(crate) previous: Vec<Value>,
}

/// The number that `read` finds; 0 for what is not there.
pub(crate) fn number_of(read: &Read, scope: &Scope<'_>) -> i64 {
    let around = || std::iter::successors(Some(scope), |scope| scope.outer);
    let number = |value: &Value| value.as_i64().unwrap_or(0);
    match &read.what {
        What::Item => around().find_map(|scope| scope.item).map_or(0, |(_, item)| number(item)),
        What::Index => around().find_map(|scope| scope.item).map_or(0, |(index, _)| i64::try_from(index).unwrap()),
        What::Iteration => around().find_map(|scope| scope.round).map_or(0, |round| i64::from(round.number)),
        What::Previous { at } => {
            let round = around().find_map(|scope| scope.round).unwrap();
            round.previous.get(*at).map_or(0, number)
        }
        What::Node { up, at, take } => {
            let output = &around().nth(*up).unwrap().outputs[*at];
            match take {
                Take::Whole => number(output),
                Take::SumOfList => output.as_array().into_iter().flatten().map(number).sum(),
                Take::LengthOfList => i64::try_from(output.as_array().map_or(0, Vec::len)).unwrap(),
                Take::Field(id) => output.get(id).map_or(0, number),
            }
        }
    }
}
