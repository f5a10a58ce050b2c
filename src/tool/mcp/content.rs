//! Results of servers as values: text and JSON; of anything else, that it is there.

use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};

use crate::{
    error::{Error, ErrorKind, Result},
    model::Value,
    tool::{ToolOutput, mcp::failure::cut},
};

/// The most notes of one result.
const MAX_NOTES: usize = 20;

/// Text that is gathered up to a length, and notes about the rest.
#[derive(Debug)]
pub(super) struct Gathered {
    text: String,
    /// How long it would be.
    whole: usize,
    max: usize,
    notes: Vec<String>,
    left_out: usize,
}

impl Gathered {
    pub(super) fn new(max: usize) -> Self {
        Self { text: String::new(), whole: 0, max, notes: Vec::new(), left_out: 0 }
    }

    /// Adds a piece, on a line of its own.
    pub(super) fn text(&mut self, piece: &str) {
        for part in [if self.whole == 0 { "" } else { "\n" }, piece] {
            // Once something was cut, nothing is added behind the gap.
            if self.text.len() == self.whole {
                let room = (self.max - self.text.len()).min(part.len());
                let end = (0..=room).rev().find(|end| part.is_char_boundary(*end)).unwrap_or(0);
                self.text.push_str(&part[..end]);
            }
            self.whole += part.len();
        }
    }

    fn note(&mut self, note: String) {
        if self.notes.len() < MAX_NOTES { self.notes.push(note) } else { self.left_out += 1 }
    }

    /// Tells of data that is not shown; `data` is in base64.
    fn data(&mut self, mime_type: Option<&str>, data: &str) {
        let kind = mime_type.map_or_else(|| "data".to_owned(), cut);
        self.note(format!("{kind}, {} bytes, not shown", grouped(decoded_length(data))));
    }

    /// Adds what a resource holds.
    pub(super) fn resource(&mut self, contents: &ResourceContents) {
        match contents {
            ResourceContents::TextResourceContents { text, .. } => self.text(text),
            ResourceContents::BlobResourceContents { mime_type, blob, .. } => self.data(mime_type.as_deref(), blob),
            _ => self.note("a resource of an unknown kind, not shown".to_owned()),
        }
    }

    /// Adds a piece of a result or of a prompt.
    pub(super) fn block(&mut self, block: &ContentBlock) {
        match block {
            ContentBlock::Text(text) => self.text(&text.text),
            ContentBlock::Image(image) => self.data(Some(&image.mime_type), &image.data),
            ContentBlock::Audio(audio) => self.data(Some(&audio.mime_type), &audio.data),
            ContentBlock::Resource(embedded) => self.resource(&embedded.resource),
            ContentBlock::ResourceLink(link) => {
                let description = link.description.as_deref().map_or(String::new(), |text| format!(": {text}"));
                self.text(&format!("resource {} ({}){description}", link.uri, link.name));
            }
            _ => self.note("content of an unknown kind, not shown".to_owned()),
        }
    }

    /// Ends it with a text.
    pub(super) fn finish(mut self) -> ToolOutput {
        if self.left_out > 0 {
            self.notes.push(format!("and {} more notes", grouped(self.left_out)));
        }
        if self.whole > self.text.len() {
            let (whole, shown) = (grouped(self.whole), grouped(self.text.len()));
            self.notes.push(format!("the text is cut: {shown} of {whole} bytes are shown"));
        }
        ToolOutput { value: Value::String(self.text), notes: self.notes }
    }
}

/// The result of a call.
///
/// # Errors
/// `Request` when it is one that says the call failed.
pub(super) fn result(tool: &str, result: CallToolResult, max_output: usize) -> Result<ToolOutput> {
    let mut gathered = Gathered::new(max_output);
    for block in &result.content {
        gathered.block(block);
    }
    if result.is_error == Some(true) {
        let said = match &result.structured_content {
            Some(value) if gathered.text.is_empty() => value.to_string(),
            _ => gathered.text,
        };
        return Err(Error::new(ErrorKind::Request, format!("tool `{tool}` failed: {}", cut(said.trim()))));
    }
    let Some(value) = result.structured_content.filter(|value| !value.is_null()) else { return Ok(gathered.finish()) };
    let length = value.to_string().len();
    if length > max_output {
        // As text it can be cut.
        let mut text = Gathered::new(max_output);
        text.text(&value.to_string());
        text.notes = gathered.notes;
        return Ok(text.finish());
    }
    // The protocol wants the same said as text; what is something else must not be lost without a word.
    let is_same = gathered.whole == 0 || serde_json::from_str::<Value>(&gathered.text).is_ok_and(|said| said == value);
    if !is_same {
        let said = grouped(gathered.whole);
        gathered.note(format!("beside this there were {said} bytes of text, not shown: {}", cut(&gathered.text)));
    }
    Ok(ToolOutput { value, notes: gathered.notes })
}

/// How many bytes base64 stands for.
fn decoded_length(base64: &str) -> usize {
    let digits = base64.bytes().filter(|byte| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte)).count();
    digits * 3 / 4
}

/// `1234567` as `1,234,567`.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn output(value: &Value, max_output: usize) -> Result<ToolOutput> {
        result("mcp:s/t", serde_json::from_value(value.clone()).unwrap(), max_output)
    }

    #[test]
    fn texts_are_joined_and_data_is_told_of() {
        let data = data_encoding::BASE64.encode(&[7; 12_345]);
        let content = json!({ "content": [
            { "type": "text", "text": "one" },
            { "type": "image", "data": data, "mimeType": "image/png" },
            { "type": "audio", "data": "AAE=", "mimeType": "audio/wav" },
            { "type": "resource", "resource": { "uri": "a://b", "text": "two" } },
            { "type": "resource", "resource": { "uri": "a://c", "blob": "AAEC" } },
            { "type": "resource_link", "uri": "a://d", "name": "d", "description": "three" },
        ] });
        let output = output(&content, 1_000).unwrap();
        assert_eq!(output.value, "one\ntwo\nresource a://d (d): three");
        assert_eq!(
            output.notes,
            ["image/png, 12,345 bytes, not shown", "audio/wav, 2 bytes, not shown", "data, 3 bytes, not shown"]
        );
    }

    #[test]
    fn json_is_preferred_to_the_text_that_says_the_same() {
        let same = json!({ "content": [{ "type": "text", "text": "{\"n\": 1}" }], "structuredContent": { "n": 1 } });
        assert_eq!(output(&same, 1_000).unwrap(), ToolOutput { value: json!({ "n": 1 }), notes: Vec::new() });
        let none = json!({ "content": [{ "type": "text", "text": "said" }], "structuredContent": null });
        assert_eq!(output(&none, 1_000).unwrap(), ToolOutput::new("said"));
        let other = json!({ "content": [{ "type": "text", "text": "beware" }], "structuredContent": { "n": 1 } });
        assert_eq!(output(&other, 1_000).unwrap().notes, ["beside this there were 6 bytes of text, not shown: beware"]);
    }

    #[test]
    fn what_is_too_long_is_cut_between_characters_and_said_to_be() {
        let long = json!({ "content": [{ "type": "text", "text": "ääää" }, { "type": "text", "text": "b" }] });
        let output_of_text = output(&long, 5).unwrap();
        assert_eq!(output_of_text.value, "ää");
        assert_eq!(output_of_text.notes, ["the text is cut: 4 of 10 bytes are shown"]);
        let structured = output(&json!({ "structuredContent": { "key": "value" } }), 6).unwrap();
        assert_eq!(structured.value, "{\"key\"");
        assert_eq!(structured.notes, ["the text is cut: 6 of 15 bytes are shown"]);
    }

    #[test]
    fn a_failed_call_is_an_error_that_says_what_the_server_said() {
        let error = output(&json!({ "isError": true, "content": [{ "type": "text", "text": "no such\u{1b}[2J file" }] }), 99);
        let error = error.unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::Request, "tool `mcp:s/t` failed: no such [2J file"));
    }

    #[test]
    fn notes_are_bounded() {
        let image = json!({ "type": "image", "data": "AAAA", "mimeType": "image/png" });
        let notes = output(&json!({ "content": vec![image; 1_050] }), 99).unwrap().notes;
        assert_eq!((notes.len(), notes.last().unwrap().as_str()), (21, "and 1,030 more notes"));
    }
}
