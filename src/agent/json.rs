//! Finds the JSON in what a model wrote: the whole text, a fenced block, or a value in the middle of prose. Never repairs JSON.

use crate::model::Value;

/// The most places where a value is looked for in a text.
const MAX_PLACES: usize = 64;

/// A value, and whether it took more than reading the text as JSON to find it.
#[derive(Debug, PartialEq)]
pub(super) struct Found {
    pub(super) value: Value,
    /// It stood between other text, a fence for instance.
    pub(super) surrounded: bool,
}

/// Reads `text` as JSON; failing that, looks in it for values, and takes the first that `accepts` likes, else the longest.
///
/// # Errors
/// Why the text is no JSON.
pub(super) fn find(text: &str, accepts: impl Fn(&Value) -> bool) -> Result<Found, String> {
    let text = text.trim_start_matches('\u{feff}').trim();
    let problem = match serde_json::from_str(text) {
        Ok(value) => return Ok(Found { value, surrounded: false }),
        Err(_) if text.is_empty() => "the answer is empty".to_owned(),
        Err(err) => format!("the answer is no JSON: {err}"),
    };
    // What a model thinks aloud is not its answer, even if it contains JSON.
    let text = text.split_once("</think>").map_or(text, |(_, answer)| answer);
    let mut longest: Option<(usize, Value)> = None;
    let mut from = 0;
    for _ in 0..MAX_PLACES {
        let Some(begin) = text[from..].find(['{', '[']).map(|at| from + at) else { break };
        let mut values = serde_json::Deserializer::from_str(&text[begin..]).into_iter::<Value>();
        match values.next() {
            Some(Ok(value)) => {
                if accepts(&value) {
                    return Ok(Found { value, surrounded: true });
                }
                let length = values.byte_offset();
                from = begin + length;
                if longest.as_ref().is_none_or(|(known, _)| length > *known) {
                    longest = Some((length, value));
                }
            }
            _ => from = begin + 1,
        }
    }
    longest.map(|(_, value)| Found { value, surrounded: true }).ok_or(problem)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: impl Into<Option<(Value, bool)>>) {
        let found = find(text, |value| value.get("a").is_some()).ok().map(|found| (found.value, found.surrounded));
        assert_eq!(found, expected.into(), "{text}");
    }

    #[test]
    fn json_is_found_where_models_put_it() {
        check("{\"a\": 1}", Some((json!({"a": 1}), false)));
        check("\u{feff} 5 \n", Some((json!(5), false)));
        check("```json\n{\"a\": 1}\n```", Some((json!({"a": 1}), true)));
        check("Here you are: {\"a\": 1}. Anything else?", Some((json!({"a": 1}), true)));
        check("First [1, 2], but then {\"a\": [1]} as asked", Some((json!({"a": [1]}), true)));
        check("<think>maybe {\"a\": 0}</think>\n{\"a\": 1}", Some((json!({"a": 1}), true)));
        check("{\"b\": 1} and {\"b\": [1, 2]}", Some((json!({"b": [1, 2]}), true)));
    }

    #[test]
    fn what_is_no_json_is_told() {
        check("", None);
        check("I cannot say.", None);
        check("{\"a\": 1", None);
        check(&"[".repeat(100_000), None);
        assert_eq!(find("  ", |_| true).unwrap_err(), "the answer is empty");
        assert!(find("no", |_| true).unwrap_err().starts_with("the answer is no JSON: expected"));
    }
}
