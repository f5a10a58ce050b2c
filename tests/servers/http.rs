//! The little of HTTP/1.1 a server on loopback needs: reads requests, writes heads.

use std::io::{self, BufRead, Read as _, Write};

/// The most bytes of a head and of a body.
const MAX_HEAD: u64 = 64 * 1024;
const MAX_BODY: usize = 64 * 1024 * 1024;

/// A request, read to its end.
pub(crate) struct Request {
    pub(crate) method: String,
    /// With its query.
    pub(crate) path: String,
    /// Names in lower case.
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// The next request of a connection; `None` when the client has no more.
    ///
    /// `continued` is told when the client waits for a word before it sends the body.
    pub(crate) fn read(stream: &mut impl BufRead, continued: &mut impl Write) -> io::Result<Option<Self>> {
        let mut lines = Vec::new();
        let mut head = stream.by_ref().take(MAX_HEAD);
        loop {
            let mut line = String::new();
            if head.read_line(&mut line)? == 0 {
                return if lines.is_empty() { Ok(None) } else { Err(wrong("the head has no end")) };
            }
            let line = line.trim_end_matches(['\r', '\n']);
            if line.is_empty() {
                break;
            }
            lines.push(line.to_owned());
        }
        let mut words = lines.first().map_or("", String::as_str).split(' ');
        let (Some(method), Some(path)) = (words.next(), words.next()) else { return Err(wrong("no request line")) };
        let header =
            |line: &String| line.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
        let mut request = Self {
            method: method.to_owned(),
            path: path.to_owned(),
            headers: lines[1..].iter().filter_map(header).collect(),
            body: Vec::new(),
        };
        if request.header("transfer-encoding").is_some() {
            return Err(wrong("a body must come with its length"));
        }
        let length = match request.header("content-length") {
            Some(length) => {
                length.parse().ok().filter(|length| *length <= MAX_BODY).ok_or_else(|| wrong("the body is too long"))?
            }
            None => 0,
        };
        if request.header("expect").is_some() {
            continued.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        request.body.resize(length, 0);
        stream.read_exact(&mut request.body)?;
        Ok(Some(request))
    }

    /// The value of a header, whose name is in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The path without its query.
    pub(crate) fn route(&self) -> &str {
        self.path.split('?').next().unwrap_or_default()
    }
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// How the end of a body is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Framing {
    /// By the end of the connection: a cut looks like an end.
    #[default]
    Close,
    /// By its length, told before.
    Length,
    /// In chunks, with a last one.
    Chunked,
}

/// A head up to its empty line.
pub(crate) fn head(status: u16, media_type: &str, headers: &[(String, String)], framing: Framing, length: u64) -> String {
    let mut lines = vec![format!("HTTP/1.1 {status} {}", reason(status))];
    if !media_type.is_empty() {
        lines.push(format!("content-type: {media_type}"));
    }
    lines.extend(headers.iter().map(|(name, value)| format!("{name}: {value}")));
    lines.push(match framing {
        Framing::Close => "connection: close".to_owned(),
        Framing::Length => format!("content-length: {length}"),
        Framing::Chunked => "transfer-encoding: chunked".to_owned(),
    });
    lines.join("\r\n") + "\r\n\r\n"
}

/// A head and a whole body, ready for one write; the connection may be used again.
pub(crate) fn whole(status: u16, media_type: &str, headers: &[(String, String)], body: &str) -> Vec<u8> {
    (head(status, media_type, headers, Framing::Length, body.len() as u64) + body).into_bytes()
}

/// The usual word for a status.
fn reason(status: u16) -> &'static str {
    match status {
        200..300 => "OK",
        300..400 => "Elsewhere",
        400..500 => "Refused",
        _ => "Failed",
    }
}
