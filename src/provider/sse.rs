//! A parser of server-sent events that takes bytes in any pieces. Work and memory are linear in the bytes it is given; the
//! caller caps those.

use std::borrow::Cow;

use memchr::memchr2;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SseEvent {
    /// Its type; empty when the server gave none.
    pub(super) name: String,
    /// Its data, the lines joined by line feeds.
    pub(super) data: String,
}

/// Turns bytes into events.
///
/// # Source
/// WHATWG HTML, section "Server-sent events", "Parsing an event stream". The fields `id` and `retry` are left out: nobody
/// reconnects here.
#[derive(Debug, Default)]
pub(super) struct SseParser {
    /// The line under way, as far as it has come with earlier pieces.
    line: Vec<u8>,
    /// The last byte was a carriage return, so a line feed that follows belongs to it.
    after_return: bool,
    begun: bool,
    name: String,
    data: String,
    has_data: bool,
}

impl SseParser {
    /// Takes the next bytes and returns the events they complete.
    ///
    /// # Errors
    /// When a line is not UTF-8.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<SseEvent>, std::str::Utf8Error> {
        let mut events = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            if std::mem::take(&mut self.after_return) && rest[0] == b'\n' {
                rest = &rest[1..];
                continue;
            }
            let Some(end) = memchr2(b'\n', b'\r', rest) else {
                self.line.extend_from_slice(rest);
                break;
            };
            let begun = std::mem::take(&mut self.line);
            let line = if begun.is_empty() { Cow::Borrowed(&rest[..end]) } else { Cow::Owned([&begun, &rest[..end]].concat()) };
            self.after_return = rest[end] == b'\r';
            rest = &rest[end + 1..];
            events.extend(self.end_line(&line)?);
        }
        Ok(events)
    }

    /// The event under way when the stream ends, for servers that leave out the last empty line.
    pub(super) fn finish(mut self) -> Option<SseEvent> {
        let line = std::mem::take(&mut self.line);
        let completed = if line.is_empty() { None } else { self.end_line(&line).ok()? };
        completed.or_else(|| self.dispatch())
    }

    fn end_line(&mut self, line: &[u8]) -> Result<Option<SseEvent>, std::str::Utf8Error> {
        let mut line = str::from_utf8(line)?;
        if !std::mem::replace(&mut self.begun, true) {
            line = line.strip_prefix('\u{feff}').unwrap_or(line);
        }
        if line.is_empty() {
            return Ok(self.dispatch());
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => {
                if self.has_data {
                    self.data.push('\n');
                }
                self.data.push_str(value);
                self.has_data = true;
            }
            // A comment has an empty field name; others are not for us.
            _ => {}
        }
        Ok(None)
    }

    fn dispatch(&mut self) -> Option<SseEvent> {
        let name = std::mem::take(&mut self.name);
        let data = std::mem::take(&mut self.data);
        std::mem::take(&mut self.has_data).then_some(SseEvent { name, data })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, prop_assert_eq, proptest};

    use super::*;

    fn parse(pieces: &[&[u8]]) -> Vec<(String, String)> {
        let mut parser = SseParser::default();
        let mut events: Vec<_> = pieces.iter().flat_map(|piece| parser.push(piece).unwrap()).collect();
        events.extend(parser.finish());
        events.into_iter().map(|event| (event.name, event.data)).collect()
    }

    fn owned(events: &[(&str, &str)]) -> Vec<(String, String)> {
        events.iter().map(|(name, data)| ((*name).to_owned(), (*data).to_owned())).collect()
    }

    const STREAM: &str = "\u{feff}: hello\r\n\r\ndata: grün €𝄞\r\n\r\nevent: ping\rdata\r\rid: 7\ndata:one\ndata:  two\nretry: 5\n\nevent: lost\n\ndata: {\"a\":1}\n\n";
    const EVENTS: [(&str, &str); 4] = [("", "grün €𝄞"), ("ping", ""), ("", "one\n two"), ("", "{\"a\":1}")];

    #[test]
    fn it_does_not_matter_where_the_bytes_are_cut() {
        let bytes = STREAM.as_bytes();
        assert_eq!(parse(&[bytes]), owned(&EVENTS));
        for cut in 0..=bytes.len() {
            assert_eq!(parse(&[&bytes[..cut], &bytes[cut..]]), owned(&EVENTS), "cut at {cut}");
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(parse(&single), owned(&EVENTS));
    }

    #[test]
    fn the_last_event_counts_without_its_empty_line() {
        assert_eq!(parse(&[b"data: a\n\ndata: [DONE]"]), owned(&[("", "a"), ("", "[DONE]")]));
        assert_eq!(parse(&[b"data: a\n"]), owned(&[("", "a")]));
        assert_eq!(parse(&[b"event: x\n"]), owned(&[]));
    }

    #[test]
    fn what_is_no_text_is_refused() {
        assert!(SseParser::default().push(b"data: \xff\xfe\n\n").is_err());
    }

    #[test]
    fn a_long_line_in_small_pieces_is_not_slow() {
        let mut parser = SseParser::default();
        parser.push(b"data: ").unwrap();
        for _ in 0..400_000 {
            assert!(parser.push(b"0123456789").unwrap().is_empty());
        }
        assert_eq!(parser.finish().unwrap().data.len(), 4_000_000);
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_give_the_same(bytes in prop::collection::vec(any::<u8>(), 0..200), cuts in prop::collection::vec(0usize..200, 0..6)) {
            let whole = SseParser::default().push(&bytes).ok();
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(bytes.len())).chain([0, bytes.len()]).collect();
            cuts.sort_unstable();
            let mut parser = SseParser::default();
            let pieces: Option<Vec<_>> = cuts.windows(2).map(|pair| parser.push(&bytes[pair[0]..pair[1]]).ok()).collect();
            prop_assert_eq!(pieces.map(|pieces| pieces.concat()), whole);
        }
    }
}
