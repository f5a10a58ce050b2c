//! Puts calls of tools together, from servers that number them, name them by an id, do both or neither.

use crate::provider::{
    calls::{Call, Calls},
    stream::Json,
};

/// Takes the `tool_calls` of a message, in which each is a `whole` call, or of a delta.
///
/// # Source
/// OpenAI API reference, "The chat completion chunk object": pieces belong together by `index`; id and name come with the first.
/// Servers differ: some leave `index` out or give all calls the same, some repeat id and name, some have no ids, some send whole calls.
pub(super) fn take(list: &Json<'_>, whole: bool, calls: &mut Calls) -> Result<(), &'static str> {
    let pieces = match list {
        Json::Null => return Ok(()),
        Json::Array(pieces) => pieces,
        _ => return Err("sent `tool_calls` that are no list"),
    };
    let mut heard = Vec::with_capacity(pieces.len().min(8));
    for piece in pieces {
        let piece = Piece::read(piece)?;
        // Two pieces of one list that both have a name are two calls.
        let known = if whole { None } else { piece.place(calls) }.filter(|place| piece.name.is_empty() || !heard.contains(place));
        let place = match known {
            Some(place) => place,
            None => calls.begin(Call { index: piece.index, ..Call::default() })?,
        };
        heard.push(place);
        if let Some(call) = calls.at(place) {
            piece.add_to(call);
        }
    }
    Ok(())
}

/// A piece of a call, or a whole one.
struct Piece<'a> {
    index: Option<u64>,
    id: &'a str,
    name: &'a str,
    arguments: String,
}

impl<'a> Piece<'a> {
    fn read(value: &'a Json<'a>) -> Result<Self, &'static str> {
        let function @ (Json::Null | Json::Object(_)) = value.get("function") else {
            return Err("sent a call of a tool whose `function` is no object");
        };
        let text = |value: &'a Json<'a>| value.as_str().unwrap_or_default();
        let arguments = match function.get("arguments") {
            Json::Null => String::new(),
            Json::Str(text) => text.clone().into_owned(),
            // As a document instead of its text.
            document => document.to_string(),
        };
        Ok(Self { index: value.get("index").as_u64(), id: text(value.get("id")), name: text(function.get("name")), arguments })
    }

    /// The place of the call that it continues.
    fn place(&self, calls: &mut Calls) -> Option<usize> {
        let place = match self.index {
            Some(_) => calls.latest(|call| call.index == self.index),
            None if self.id.is_empty() || self.name.is_empty() => calls.latest(|_| true),
            None => calls.latest(|call| call.id == self.id),
        };
        place.filter(|place| calls.at(*place).is_some_and(|call| self.continues(call)))
    }

    fn continues(&self, call: &Call) -> bool {
        if self.name.is_empty() {
            return true;
        }
        // A name after arguments begins another call, unless the id says that it is a repeated one.
        if self.id.is_empty() || call.id.is_empty() { call.arguments.is_empty() } else { self.id == call.id }
    }

    fn add_to(&self, call: &mut Call) {
        if call.id.is_empty() {
            self.id.clone_into(&mut call.id);
        }
        if call.arguments.is_empty() && call.name != self.name {
            call.name.push_str(self.name);
        }
        let is_repeated = !self.name.is_empty() && self.arguments.starts_with('{') && self.arguments == call.arguments;
        if !is_repeated {
            call.arguments.push_str(&self.arguments);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Just, Strategy, any, prop, prop_assert_eq, prop_oneof, proptest};
    use serde_json::{Value, json};

    use super::*;

    /// Reads the lists of some deltas, and writes the calls as `id name arguments`.
    #[track_caller]
    fn check(deltas: &[Value], expected: &[&str]) {
        let mut calls = Calls::default();
        for delta in deltas {
            let text = delta.to_string();
            take(&serde_json::from_str(&text).unwrap(), false, &mut calls).unwrap();
        }
        let requests = calls.into_requests(&[], false).unwrap();
        let told: Vec<_> =
            requests.iter().map(|request| format!("{} {} {}", request.id, request.name, request.arguments)).collect();
        assert_eq!(told, expected);
    }

    fn begin(index: u64, id: &str, name: &str, arguments: &str) -> Value {
        json!({"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
    }

    fn more(index: u64, arguments: &str) -> Value {
        json!({"index": index, "function": {"arguments": arguments}})
    }

    #[test]
    fn pieces_belong_together_by_their_index() {
        check(
            &[
                json!([begin(0, "a", "add", "")]),
                json!([more(0, "{\"x\"")]),
                json!([more(0, ":1}")]),
                json!([begin(1, "b", "now", "")]),
                json!([more(1, "{"), more(0, " ")]),
                json!([more(1, "}")]),
            ],
            &["a add {\"x\":1} ", "b now {}"],
        );
    }

    #[test]
    fn without_an_index_pieces_follow_the_latest_call_or_their_id() {
        let piece = |id: Option<&str>, name: Option<&str>, arguments: &str| json!([{"id": id, "function": {"name": name, "arguments": arguments}}]);
        check(
            &[
                piece(Some("a"), Some("add"), ""),
                piece(None, None, "{\"x\":"),
                piece(Some("another"), None, "1}"),
                piece(Some("b"), Some("add"), "{}"),
            ],
            &["a add {\"x\":1}", "b add {}"],
        );
        check(&[piece(Some("a"), Some("add"), "{"), piece(Some("a"), Some("add"), "}")], &["a add {}"]);
        check(&[piece(None, Some("add"), "{}"), piece(None, Some("now"), "")], &["call_0 add {}", "call_1 now {}"]);
    }

    #[test]
    fn whole_calls_in_one_delta_stay_apart() {
        let call = |name: &str| json!({"function": {"name": name, "arguments": ""}});
        check(&[json!([call("now"), call("time")])], &["call_0 now {}", "call_1 time {}"]);
        // All with the same index.
        check(&[json!([begin(0, "", "now", "{}")]), json!([begin(0, "", "now", "{}")])], &["call_0 now {}", "call_1 now {}"]);
        check(&[json!([begin(0, "a", "now", ""), begin(0, "b", "now", "")])], &["a now {}", "b now {}"]);
        check(&[json!([begin(0, "a", "now", "")]), json!([begin(0, "b", "time", "")])], &["a now {}", "b time {}"]);
    }

    #[test]
    fn names_may_come_in_pieces_and_again() {
        check(
            &[
                json!([begin(0, "a", "ad", "")]),
                json!([begin(0, "a", "d", "")]),
                json!([begin(0, "a", "add", "{")]),
                json!([more(0, "}")]),
            ],
            &["a add {}"],
        );
        check(&[json!([begin(0, "a", "add", "{\"x\":1}")]), json!([begin(0, "a", "add", "{\"x\":1}")])], &["a add {\"x\":1}"]);
        check(&[json!([begin(0, "a", "add", "{\"x\"")]), json!([begin(0, "a", "add", ":1}")])], &["a add {\"x\":1}"]);
    }

    #[test]
    fn arguments_may_be_a_document() {
        check(&[json!([{"id": "a", "function": {"name": "add", "arguments": {"x": [1]}}}])], &["a add {\"x\":[1]}"]);
        check(&[json!([{"id": "a", "function": {"name": "add", "arguments": null}}]), json!(null), json!([])], &["a add {}"]);
    }

    #[test]
    fn wrong_types_are_refused() {
        for wrong in [json!("x"), json!({}), json!([{"function": "add"}])] {
            assert!(take(&(&wrong).into(), false, &mut Calls::default()).is_err(), "{wrong}");
        }
    }
    proptest! {
        #[test]
        fn any_division_into_pieces_gives_the_same_calls(
            calls in prop::collection::vec(("[a-z]{1,9}", "\\PC{0,12}"), 1..5),
            size in 1usize..7, mixed: bool, numbered: bool, with_ids: bool,
        ) {
            let mut pieces = Vec::new();
            for (number, (name, text)) in calls.iter().enumerate() {
                let id = if with_ids { format!("id-{number}") } else { String::new() };
                let arguments: Vec<char> = json!({ "x": text }).to_string().chars().collect();
                let index = if numbered { json!(number) } else { Value::Null };
                let first = json!({"index": index, "id": id, "function": {"name": name, "arguments": ""}});
                let more = arguments.chunks(size).map(|chunk| {
                    json!({"index": index, "function": {"arguments": chunk.iter().collect::<String>()}})
                });
                pieces.extend([first].into_iter().chain(more).enumerate());
            }
            if mixed && numbered {
                // One piece of each call after the other, in lists.
                pieces.sort_by_key(|(round, _)| *round);
            }
            let mut taken = Calls::default();
            for (_, piece) in &pieces {
                let text = json!([piece]).to_string();
                take(&serde_json::from_str(&text).unwrap(), false, &mut taken).unwrap();
            }
            let told: Vec<_> = taken.into_requests(&[], false).unwrap().into_iter().map(|request| (request.name, request.arguments)).collect();
            let expected: Vec<_> = calls.iter().map(|(name, text)| (name.clone(), json!({ "x": text }).to_string())).collect();
            prop_assert_eq!(told, expected);
        }

        #[test]
        fn anything_is_calls_or_refused(lists in prop::collection::vec(anything(), 0..8), whole: bool, cut: bool) {
            let mut taken = Calls::default();
            for list in &lists {
                let text = list.to_string();
                take(&serde_json::from_str(&text).unwrap(), whole, &mut taken).ok();
            }
            let requests = taken.into_requests(&[], cut).unwrap_or_default();
            let ids: std::collections::HashSet<_> = requests.iter().map(|request| &request.id).collect();
            prop_assert_eq!(ids.len(), requests.len());
        }
    }

    /// Lists of calls with whatever in them.
    fn anything() -> impl Strategy<Value = Value> {
        let text = || prop_oneof![Just(Value::Null), "[ab{}]{0,2}".prop_map(Value::from), Just(json!({"a": 1})), Just(json!(1))];
        let function = prop_oneof![
            Just(Value::Null),
            Just(json!("f")),
            (text(), text()).prop_map(|(name, arguments)| json!({"name": name, "arguments": arguments})),
        ];
        let index = prop_oneof![Just(Value::Null), (0u64..3).prop_map(Value::from), Just(json!(-1))];
        let call =
            (index, text(), function).prop_map(|(index, id, function)| json!({"index": index, "id": id, "function": function}));
        prop_oneof![
            prop::collection::vec(prop_oneof![call, any::<bool>().prop_map(Value::from)], 0..4).prop_map(Value::from),
            Just(Value::Null),
            Just(json!("x")),
        ]
    }
}
