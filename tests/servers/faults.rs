//! How an answer is sent, and how it goes wrong: one place that writes to the socket.

use std::{
    io::{self, Read as _, Write as _},
    net::TcpStream,
    thread,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp, fmt::rfc2822::DateTimePrinter};
use serde_json::{Value, json};

use crate::{
    bomb,
    chat::{Answer, Chat},
    connection::After,
    http::{self, Framing},
    scenario::{HugeForm, Kind, ToolCall},
};

/// How much of something huge is written at once.
const LUMP: usize = 64 * 1024;

/// Sends one answer.
pub(crate) struct Sender<'a> {
    pub(crate) stream: &'a mut TcpStream,
    /// The question; `None` for an effect, whose answer is one document.
    pub(crate) chat: Option<&'a Chat>,
    pub(crate) text: &'a str,
    /// What it asks for.
    pub(crate) tool_calls: &'a [ToolCall],
    pub(crate) latency: Duration,
}

impl<'a> Sender<'a> {
    /// Sends it as `kind` says.
    ///
    /// # Errors
    /// When the client leaves before the end.
    pub(crate) fn send(mut self, kind: &'a Kind) -> io::Result<After> {
        match kind {
            Kind::Ok { text, tool_calls, delay_ms, finish_reason } => {
                wait(delay_ms.map_or(self.latency, Duration::from_millis));
                self.text = text.as_deref().unwrap_or(self.text);
                if !tool_calls.is_empty() {
                    self.tool_calls = tool_calls;
                }
                let (media_type, body) = self.body(finish_reason.as_deref().unwrap_or("stop"));
                self.stream.write_all(&http::whole(200, media_type, &[], &body))?;
                return Ok(After::Open);
            }
            Kind::Status { status, headers, body, retry_in_date } => {
                let mut headers: Vec<_> = headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
                headers.extend(retry_in_date.map(|seconds| ("retry-after".to_owned(), date_in(seconds))));
                let named = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
                let media_type = if named { "" } else { "application/json" };
                let body = match body {
                    None => json!({ "error": { "message": "as the scenario says" } }).to_string(),
                    Some(Value::String(text)) => text.clone(),
                    Some(value) => value.to_string(),
                };
                self.stream.write_all(&http::whole(*status, media_type, &headers, &body))?;
                return Ok(After::Open);
            }
            Kind::Reset {} => rustix::net::sockopt::set_socket_linger(&*self.stream, Some(Duration::ZERO))?,
            Kind::Close {} => {}
            Kind::Hang {} => return self.silence(),
            Kind::Stall { after_bytes } => {
                self.cut(*after_bytes, Framing::Close)?;
                return self.silence();
            }
            Kind::Cut { after_bytes, framing } => self.cut(*after_bytes, *framing)?,
            Kind::Slowloris { interval_ms } => {
                let (media_type, body) = self.body("stop");
                for byte in http::whole(200, media_type, &[], &body) {
                    self.stream.write_all(&[byte])?;
                    wait(Duration::from_millis(*interval_ms));
                }
                return Ok(After::Open);
            }
            Kind::EndlessHeaders {} => {
                self.stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
                for number in 0_u64.. {
                    self.stream.write_all(format!("x-{number}: {}\r\n", "h".repeat(1_000)).as_bytes())?;
                }
            }
            Kind::WrongType {} => {
                let page = "<!DOCTYPE html><html><body>Welcome to this router</body></html>";
                self.stream.write_all(&http::whole(200, "text/html; charset=utf-8", &[], page))?;
                return Ok(After::Open);
            }
            Kind::Huge { bytes, form, status } => self.huge(*bytes, *form, *status)?,
            Kind::ZipBomb { bytes } => self.zip_bomb(*bytes)?,
            Kind::ErrorEvent { .. }
            | Kind::MalformedJson {}
            | Kind::DuplicateEvents {}
            | Kind::ReorderedEvents { .. }
            | Kind::NoFinish {} => {
                self.stream.write_all(&http::whole(200, "text/event-stream", &[], &self.disturbed(kind).concat()))?;
                return Ok(After::Open);
            }
            Kind::Raw { bytes } => self.stream.write_all(bytes.as_bytes())?,
            Kind::Flapping { .. } | Kind::Sequence(_) | Kind::Conversation(_) => {
                unreachable!("a scenario says what they come to")
            }
        }
        Ok(After::Closed)
    }

    /// The media type and the body of the answer.
    fn body(&self, finish: &str) -> (&'static str, String) {
        match self.chat {
            Some(chat) => chat.body(&Answer { text: self.text, tool_calls: self.tool_calls, finish }),
            None => ("application/json", self.text.to_owned()),
        }
    }

    fn events(&self) -> Vec<String> {
        match self.chat {
            Some(chat) => chat.events(&Answer { text: self.text, tool_calls: self.tool_calls, finish: "stop" }),
            None => vec![format!("data: {}\n\n", self.text)],
        }
    }

    /// The events of the answer as `kind` disturbs them.
    fn disturbed(&self, kind: &Kind) -> Vec<String> {
        let mut events = self.events();
        let after_text = events.len().saturating_sub(self.chat.map_or(0, |chat| chat.around_text().1));
        match kind {
            Kind::ErrorEvent { after_events, error } => {
                events.truncate(*after_events);
                events.extend(self.chat.map(|chat| chat.error_event(error.as_ref())));
            }
            Kind::MalformedJson {} => events.insert(1, "data: {\"choices\": [{\"delta\": nothing}]}\n\n".to_owned()),
            Kind::DuplicateEvents {} => events.iter_mut().for_each(|event| *event = event.repeat(2)),
            Kind::ReorderedEvents { order: Some(order) } => {
                events = order.iter().filter_map(|number| events.get(*number).cloned()).collect();
            }
            Kind::ReorderedEvents { order: None } => {
                let last_text = events.remove(after_text.saturating_sub(1));
                // What ends the stream stays its end.
                events.insert(events.len().saturating_sub(1), last_text);
            }
            Kind::NoFinish {} => events.truncate(after_text),
            _ => {}
        }
        events
    }

    /// The head of the answer and the first bytes of its body.
    fn cut(&mut self, after_bytes: usize, framing: Framing) -> io::Result<()> {
        let (media_type, body) = self.body("stop");
        let sent = &body.as_bytes()[..after_bytes.min(body.len())];
        let mut bytes = http::head(200, media_type, &[], framing, body.len() as u64).into_bytes();
        match framing {
            Framing::Chunked if !sent.is_empty() => {
                bytes.extend(format!("{:x}\r\n", sent.len()).bytes());
                bytes.extend(sent);
                bytes.extend(b"\r\n");
            }
            Framing::Chunked => {}
            Framing::Close | Framing::Length => bytes.extend(sent),
        }
        self.stream.write_all(&bytes)
    }

    /// Says nothing until the client leaves.
    fn silence(&mut self) -> io::Result<After> {
        while self.stream.read(&mut [0; 64])? > 0 {}
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn huge(&mut self, bytes: u64, form: HugeForm, status: u16) -> io::Result<()> {
        let event = |text: &str| self.chat.map_or_else(|| format!("data: {text}\n\n"), |chat| chat.piece(text));
        let (media_type, begin, lump) = match form {
            HugeForm::Line => ("text/event-stream", "data: ", "x".repeat(LUMP)),
            HugeForm::Events => ("text/event-stream", "", event(&"x".repeat(LUMP))),
            HugeForm::Comments => ("text/event-stream", "", ": still here\n".repeat(LUMP / 13)),
            HugeForm::Json => ("application/json", r#"{"choices": [{"message": {"content": ""#, "x".repeat(LUMP)),
        };
        self.stream.write_all(http::head(status, media_type, &[], Framing::Length, bytes).as_bytes())?;
        self.stream.write_all(begin.as_bytes())?;
        let mut left = usize::try_from(bytes).unwrap_or(usize::MAX).saturating_sub(begin.len());
        while left > 0 {
            let part = left.min(lump.len());
            self.stream.write_all(&lump.as_bytes()[..part])?;
            left -= part;
        }
        Ok(())
    }

    fn zip_bomb(&mut self, bytes: u64) -> io::Result<()> {
        let encoding = [("content-encoding".to_owned(), "gzip".to_owned())];
        self.stream.write_all(http::head(200, "text/event-stream", &encoding, Framing::Close, 0).as_bytes())?;
        let member = bomb::member();
        for _ in 0..bytes.div_ceil(bomb::UNFOLDED) {
            self.stream.write_all(&member)?;
        }
        Ok(())
    }
}

/// The date in so many seconds, as HTTP writes it.
fn date_in(seconds: i64) -> String {
    let at = Timestamp::now().saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX);
    DateTimePrinter::new().timestamp_to_rfc9110_string(&at).unwrap_or_default()
}

#[expect(clippy::disallowed_methods, reason = "a thread of its own, without a runtime")]
pub(crate) fn wait(time: Duration) {
    if !time.is_zero() {
        thread::sleep(time);
    }
}
