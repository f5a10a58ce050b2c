//! Reading what a server sends, no more of it than is of use, and making text of it.

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use reqwest::header::{CONTENT_TYPE, HeaderMap};

use crate::{
    error::Result,
    tool::web::{client::Reply, failure::broken_off},
};

/// How far into a page its own word about its encoding is looked for.
const DECLARED_WITHIN: usize = 1_024;

/// The beginning of a body, or all of it.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    /// Whether there was more.
    pub(super) is_cut: bool,
    pub(super) kind: MediaType,
}

/// What a server says a body is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MediaType {
    /// In lower case, without parameters; empty when the server does not say.
    pub(super) name: String,
    charset: Option<String>,
}

impl Body {
    /// Reads at most `limit` bytes, unpacked. What follows is not read: the connection is closed.
    ///
    /// # Errors
    /// `Truncated` when the connection breaks before that, `Malformed` when the body cannot be unpacked.
    pub(super) async fn read(reply: &mut Reply, limit: usize) -> Result<Self> {
        let kind = MediaType::of(reply.response.headers());
        let (mut bytes, mut is_cut) = (Vec::new(), false);
        while let Some(chunk) = reply.response.chunk().await.map_err(|err| broken_off(&err, &reply.target))? {
            let left = limit - bytes.len();
            bytes.extend_from_slice(&chunk[..chunk.len().min(left)]);
            if chunk.len() > left {
                is_cut = true;
                break;
            }
        }
        Ok(Self { bytes, is_cut, kind })
    }

    /// The text, when it is text: as the server, its byte order mark or the page itself says it is encoded.
    pub(super) fn text(&self) -> Option<String> {
        if !self.is_text() {
            return None;
        }
        let label = self.kind.charset.as_deref().and_then(|label| Encoding::for_label(label.as_bytes()));
        let encoding = label.or_else(|| self.declared()).unwrap_or_else(|| {
            let valid_up_to = std::str::from_utf8(&self.bytes).map_or_else(|err| err.valid_up_to(), str::len);
            let is_utf_8 = valid_up_to == self.bytes.len() || self.is_cut && self.bytes.len() - valid_up_to < 4;
            if is_utf_8 { UTF_8 } else { WINDOWS_1252 }
        });
        let (text, _, has_errors) = encoding.decode(&self.bytes);
        let mut text = text.into_owned();
        if self.is_cut && has_errors && text.ends_with('\u{fffd}') {
            text.pop();
        }
        Some(text)
    }

    /// What a page says of itself, `<meta charset=…>`.
    fn declared(&self) -> Option<&'static Encoding> {
        if !self.kind.is_html() {
            return None;
        }
        let start = &self.bytes[..self.bytes.len().min(DECLARED_WITHIN)];
        let start = String::from_utf8_lossy(start).to_ascii_lowercase();
        let label = start.split("charset=").nth(1)?.trim_start_matches(['"', '\'', ' ']);
        let end = label.find(|c: char| !c.is_ascii_alphanumeric() && !"-_:".contains(c)).unwrap_or(label.len());
        let encoding = Encoding::for_label(&label.as_bytes()[..end])?;
        // A page that can be read as far as this is not in UTF-16, whatever it says.
        Some(if encoding.is_ascii_compatible() { encoding } else { UTF_8 })
    }

    fn is_text(&self) -> bool {
        let name = self.kind.name.as_str();
        let named = name.starts_with("text/")
            || self.kind.is_json()
            || name.ends_with("+xml")
            || name.ends_with("+yaml")
            || matches!(
                name,
                "application/xml"
                    | "application/javascript"
                    | "application/ecmascript"
                    | "application/x-www-form-urlencoded"
                    | "application/yaml"
                    | "application/x-yaml"
                    | "application/toml"
                    | "application/x-ndjson"
                    | "application/jsonl"
                    | "application/graphql"
                    | "application/sql"
            );
        let is_wide = self.kind.charset.as_deref().is_some_and(|charset| charset.starts_with("utf-16"))
            || self.bytes.starts_with(b"\xff\xfe")
            || self.bytes.starts_with(b"\xfe\xff");
        let has_null = self.bytes.contains(&0) && !is_wide;
        match name {
            "" => !has_null && std::str::from_utf8(&self.bytes).is_ok_and(|text| !text.is_empty()),
            _ => named && !has_null,
        }
    }
}

impl MediaType {
    fn of(headers: &HeaderMap) -> Self {
        let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
        let mut parts = value.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_owned();
        let charset = parts.find_map(|part| Some(part.strip_prefix("charset=")?.trim_matches('"').to_owned()));
        Self { name, charset }
    }

    /// Whether it is JSON, of one kind or another.
    pub(super) fn is_json(&self) -> bool {
        matches!(self.name.as_str(), "application/json" | "text/json") || self.name.ends_with("+json")
    }

    /// Whether it is a web page.
    pub(super) fn is_html(&self) -> bool {
        matches!(self.name.as_str(), "text/html" | "application/xhtml+xml")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(content_type: &str, bytes: &[u8], is_cut: bool) -> Body {
        let headers = if content_type.is_empty() {
            HeaderMap::new()
        } else {
            HeaderMap::from_iter([(CONTENT_TYPE, content_type.parse().unwrap())])
        };
        Body { bytes: bytes.to_vec(), is_cut, kind: MediaType::of(&headers) }
    }

    #[track_caller]
    fn check(content_type: &str, bytes: &[u8], expected: Option<&str>) {
        assert_eq!(body(content_type, bytes, false).text().as_deref(), expected, "{content_type}");
    }

    #[test]
    fn text_is_read_as_it_is_encoded() {
        check("text/plain; charset=ISO-8859-1", b"Gr\xfc\xdfe", Some("Grüße"));
        check("text/plain; charset=\"utf-8\"", "Grüße".as_bytes(), Some("Grüße"));
        check("text/plain", "Grüße".as_bytes(), Some("Grüße"));
        check("text/plain", b"Gr\xfc\xdfe", Some("Grüße"));
        check("text/html; charset=shift_jis", b"\x83n\x83\x8d\x81[", Some("ハロー"));
        check("text/html", b"<meta charset=\"windows-1251\">\xcf\xf0", Some("<meta charset=\"windows-1251\">Пр"));
        check(
            "text/html",
            b"<meta http-equiv=x content='text/html; charset=koi8-r'>\xf0",
            Some("<meta http-equiv=x content='text/html; charset=koi8-r'>П"),
        );
        check("text/plain", b"\xff\xfeh\0i\0", Some("hi"));
        check("text/plain; charset=nonsense", b"hi", Some("hi"));
        check("text/plain", b"\xef\xbb\xbfhi", Some("hi"));
    }

    #[test]
    fn what_is_no_text_is_not_shown_as_text() {
        for content_type in ["application/pdf", "image/png", "application/octet-stream", "application/zip"] {
            check(content_type, b"hi", None);
        }
        check("text/plain", b"a\0b", None);
        check("", b"\x89PNG\x0d\x0a\x1a\x0a\0", None);
        check("", b"plain", Some("plain"));
        check("application/problem+json", b"{}", Some("{}"));
        check("image/svg+xml", b"<svg/>", Some("<svg/>"));
    }

    #[test]
    fn a_letter_that_was_cut_is_left_out() {
        assert_eq!(body("text/plain", &"aé".as_bytes()[..2], true).text().unwrap(), "a");
        assert_eq!(body("text/plain; charset=utf-8", &"a€".as_bytes()[..3], true).text().unwrap(), "a");
    }
}
