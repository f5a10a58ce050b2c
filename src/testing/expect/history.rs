//! Which messages were sent, and which events happened.

use serde_json::json;

use super::Look;
use crate::{
    manifest::{ExpectManifest, Tree},
    model::{Event, EventBody, Value},
    testing::matcher::{Matcher, Openness, shown},
};

pub(super) fn look(expect: &ExpectManifest, look: &mut Look<'_>) {
    messages(expect, look);
    events(&expect.events, look);
}

/// All messages, in order: as many as are expected, each with what is expected of it.
fn messages(expect: &ExpectManifest, look: &mut Look<'_>) {
    let Some(expected) = &expect.messages else { return };
    let sent: Vec<Value> = look.evidence.events.iter().filter_map(message).collect();
    for (at, (expected, sent)) in expected.value.iter().zip(&sent).enumerate() {
        look.matches(&format!("messages[{at}]"), expected, Openness::Open, sent);
    }
    if expected.value.len() != sent.len() {
        let further = sent.get(expected.value.len()).map(|message| format!("the first further one is {}", shown(message)));
        let (wanted, found) = (expected.value.len().to_string(), sent.len().to_string());
        look.fail("messages", expected.span, wanted, found).hint = further;
    }
}

/// A message as tests see it.
fn message(event: &Event) -> Option<Value> {
    let EventBody::MessageSent { node, message, .. } = &event.body else { return None };
    Some(json!({
        "from": node.as_str(), "agent": message.from.agent, "to": message.to, "type": message.kind, "body": message.body,
    }))
}

/// Events that happened one after the other; others may lie between them.
fn events(expected: &[Tree], look: &mut Look<'_>) {
    let happened: Vec<Value> = look.evidence.events.iter().map(event).collect();
    let mut from = 0;
    for (at, tree) in expected.iter().enumerate() {
        let Some(matcher) = Matcher::read(tree, Openness::Open, &mut Vec::new()) else { continue };
        if let Some(next) = happened[from..].iter().position(|event| matcher.fits(event)) {
            from += next + 1;
            continue;
        }
        // The one that is most like it tells what is different.
        let near = happened[from..].iter().min_by_key(|event| distance(tree, event, &matcher));
        let hint = near.map(|near| format!("the nearest one is {}", shown(near)));
        let earlier = happened[..from].iter().any(|event| matcher.fits(event));
        let found = if earlier { "it only before the one above it" } else { "no such event" };
        look.fail(format!("events[{at}]"), tree.span, shown(&tree.to_value()), found).hint = hint;
        return;
    }
}

/// An event as tests see it: with its number, without its time.
fn event(event: &Event) -> Value {
    let mut fields = serde_json::to_value(&event.body).unwrap_or_default();
    if let Some(fields) = fields.as_object_mut() {
        fields.insert("seq".to_owned(), Value::from(event.seq));
    }
    fields
}

/// How much an event is unlike one that is expected: another type first, then another node, then the rest.
fn distance(expected: &Tree, event: &Value, matcher: &Matcher) -> usize {
    let differs = |key: &str| expected.get(key).is_some_and(|expected| Some(&expected.to_value()) != event.get(key));
    usize::from(differs("type")) * 100 + usize::from(differs("node")) * 10 + matcher.mismatches(event).len()
}
