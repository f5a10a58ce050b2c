//! The calls of tools that an answer asks for, as they arrive in pieces.

use std::collections::HashSet;

use crate::model::{ChatMessage, ToolRequest};

/// The most calls of one answer.
const MAX_CALLS: usize = 128;

/// A call as far as it has come.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Call {
    /// The number that its pieces carry, where the server tells one.
    pub(super) index: Option<u64>,
    /// Empty where the server gives none.
    pub(super) id: String,
    pub(super) name: String,
    /// JSON, as far as it has come.
    pub(super) arguments: String,
}

/// The calls of one answer, in the order in which they began.
#[derive(Debug, Default)]
pub(super) struct Calls(Vec<Call>);

impl Calls {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Begins a call; returns its place.
    ///
    /// # Errors
    /// When there are too many, in words for a `Malformed`.
    pub(super) fn begin(&mut self, call: Call) -> Result<usize, &'static str> {
        if self.0.len() == MAX_CALLS {
            return Err("asked for more than 128 calls of tools at once");
        }
        self.0.push(call);
        Ok(self.0.len() - 1)
    }

    /// The place of the latest call that `fits`.
    pub(super) fn latest(&self, fits: impl FnMut(&Call) -> bool) -> Option<usize> {
        self.0.iter().rposition(fits)
    }

    pub(super) fn at(&mut self, place: usize) -> Option<&mut Call> {
        self.0.get_mut(place)
    }

    /// Takes all calls of `name` out; returns the arguments of the last one.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        let last = self.0.extract_if(.., |call| call.name == name).last();
        last.map(|call| call.arguments)
    }

    /// What is asked for, in an answer to `conversation`. Every request gets an id that no other one has there. Of an answer that
    /// was `cut`, the last call may have lost its end.
    ///
    /// # Errors
    /// When a call has no name, in words for a `Malformed`.
    pub(super) fn into_requests(mut self, conversation: &[ChatMessage], cut: bool) -> Result<Vec<ToolRequest>, &'static str> {
        if cut {
            self.0.retain(|call| !call.name.is_empty());
        }
        let earlier = conversation.iter().flat_map(|message| &message.tool_requests);
        let mut taken: HashSet<String> = earlier.map(|request| request.id.clone()).collect();
        let mut number = taken.len();
        let mut requests = Vec::with_capacity(self.0.len());
        for Call { mut id, name, mut arguments, .. } in self.0 {
            if name.is_empty() {
                return Err("asked for a call of a tool without its name");
            }
            while id.is_empty() || taken.contains(&id) {
                id = format!("call_{number}");
                number += 1;
            }
            if arguments.trim().is_empty() && !cut {
                // How some servers write that there are none.
                "{}".clone_into(&mut arguments);
            }
            taken.insert(id.clone());
            requests.push(ToolRequest { id, name, arguments });
        }
        Ok(requests)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(parts: &[(&str, &str, &str)]) -> Calls {
        let mut calls = Calls::default();
        for (id, name, arguments) in parts {
            let call = Call { index: None, id: (*id).into(), name: (*name).into(), arguments: (*arguments).into() };
            calls.begin(call).unwrap();
        }
        calls
    }

    #[test]
    fn every_request_gets_an_id_of_its_own() {
        let ids = |conversation: &[ChatMessage]| {
            let calls = calls(&[("", "a", "{}"), ("x", "b", "{}"), ("x", "b", "{}"), ("call_2", "c", "{}")]);
            let requests = calls.into_requests(conversation, false).unwrap();
            requests.into_iter().map(|request| request.id).collect::<Vec<_>>()
        };
        assert_eq!(ids(&[]), ["call_0", "x", "call_1", "call_2"]);
        let earlier = ["call_0", "x"].map(|id| ToolRequest { id: id.into(), name: "a".into(), arguments: "{}".into() });
        assert_eq!(ids(&[ChatMessage::requests("", earlier.into())]), ["call_2", "call_3", "call_4", "call_5"]);
    }

    #[test]
    fn no_arguments_are_an_empty_object_unless_they_were_cut() {
        let arguments = |cut| calls(&[("a", "now", " ")]).into_requests(&[], cut).unwrap().remove(0).arguments;
        assert_eq!((arguments(false).as_str(), arguments(true).as_str()), ("{}", " "));
    }

    #[test]
    fn a_call_without_a_name_is_no_call() {
        assert!(calls(&[("a", "", "{}")]).into_requests(&[], false).is_err());
        assert_eq!(calls(&[("a", "", "")]).into_requests(&[], true), Ok(Vec::new()));
    }

    #[test]
    fn there_is_a_most_of_calls() {
        let mut calls = Calls::default();
        for _ in 0..MAX_CALLS {
            calls.begin(Call::default()).unwrap();
        }
        assert!(calls.begin(Call::default()).is_err());
    }
}
