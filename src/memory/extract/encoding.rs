//! From bytes to characters.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::TextKind;
use crate::error::{Error, ErrorKind, Result};

/// How far into a page its own word about its encoding is looked for.
const DECLARED_WITHIN: usize = 1_024;
/// Of how many characters at most one may be beyond ASCII in a text that is taken for Windows-1252.
const PLAUSIBLE: usize = 4;

/// A text, and what a reader should know of how it was encoded.
pub(super) struct Decoded {
    pub(super) text: String,
    pub(super) note: Option<String>,
}

/// Reads UTF-8, UTF-16 with a byte order mark, what the server or the page itself says it is, and Windows-1252 where that is plausible.
///
/// # Errors
/// `Invalid` for all else, naming the byte that fits nowhere.
pub(super) fn decode(bytes: &[u8], media_type: Option<&str>, kind: TextKind) -> Result<Decoded> {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        return marked(encoding, &bytes[mark..], mark);
    }
    let wrong = match std::str::from_utf8(bytes) {
        Ok(text) => return Ok(Decoded { text: text.to_owned(), note: None }),
        Err(err) => err,
    };
    let declared = media_type.and_then(charset).or_else(|| (kind == TextKind::Html).then(|| declared(bytes)).flatten());
    if let Some(encoding) = declared.filter(|encoding| *encoding != UTF_8) {
        return Ok(replaced(encoding, bytes));
    }
    let at = wrong.valid_up_to();
    if declared.is_none() && is_plausible(bytes) {
        let (text, _, _) = WINDOWS_1252.decode(bytes);
        let note = format!("byte {at} is no UTF-8: it was read as Windows-1252");
        return Ok(Decoded { text: text.into_owned(), note: Some(note) });
    }
    let text = format!("it is no text in UTF-8: byte {at} (0x{:02x}) does not fit", bytes[at]);
    Err(Error::new(ErrorKind::Invalid, text).hint("save it as UTF-8"))
}

/// What follows a byte order mark of `mark` bytes.
fn marked(encoding: &'static Encoding, bytes: &[u8], mark: usize) -> Result<Decoded> {
    if encoding == UTF_8 {
        return match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Decoded { text: text.to_owned(), note: None }),
            Err(err) => {
                let at = err.valid_up_to();
                let text = format!("it is marked as UTF-8, but byte {} (0x{:02x}) does not fit", mark + at, bytes[at]);
                Err(Error::new(ErrorKind::Invalid, text).hint("save it as UTF-8"))
            }
        };
    }
    debug_assert!(encoding == UTF_16LE || encoding == UTF_16BE);
    Ok(replaced(encoding, bytes))
}

/// What `bytes` mean in `encoding`, with a mark in place of what means nothing.
fn replaced(encoding: &'static Encoding, bytes: &[u8]) -> Decoded {
    let (text, has_errors) = encoding.decode_without_bom_handling(bytes);
    let note = has_errors.then(|| format!("what is no {} was replaced by `\u{fffd}`", encoding.name()));
    Decoded { text: text.into_owned(), note }
}

/// `text/html; charset=koi8-r`
fn charset(media_type: &str) -> Option<&'static Encoding> {
    let mut parts = media_type.split(';').skip(1).map(str::trim);
    let label = parts.find_map(|part| part.get(..8).filter(|key| key.eq_ignore_ascii_case("charset=")).map(|_| &part[8..]))?;
    Encoding::for_label(label.trim_matches('"').as_bytes())
}

/// What a page says of itself, `<meta charset=…>`.
fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(DECLARED_WITHIN)]).to_ascii_lowercase();
    let label = start.split("charset=").nth(1)?.trim_start_matches(['"', '\'', ' ']);
    let end = label.find(|c: char| !c.is_ascii_alphanumeric() && !"-_:".contains(c)).unwrap_or(label.len());
    let encoding = Encoding::for_label(&label.as_bytes()[..end])?;
    // A page that can be read as far as this is not in UTF-16, whatever it says.
    Some(if encoding.is_ascii_compatible() { encoding } else { UTF_8 })
}

/// Whether it reads as a text in Windows-1252: few letters beyond ASCII, none that this encoding has not, no control characters.
fn is_plausible(bytes: &[u8]) -> bool {
    let beyond = bytes.iter().filter(|byte| !byte.is_ascii()).count();
    let is_strange = |byte: u8| {
        matches!(byte, 0x81 | 0x8d | 0x8f | 0x90 | 0x9d) || byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0xc)
    };
    beyond * PLAUSIBLE <= bytes.len() && !bytes.iter().copied().any(is_strange)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], media_type: Option<&str>, kind: TextKind, expected: &str, note: Option<&str>) {
        let decoded = decode(bytes, media_type, kind).unwrap();
        assert_eq!((decoded.text.as_str(), decoded.note.as_deref()), (expected, note));
    }

    #[test]
    fn text_is_read_as_it_is_encoded() {
        let plain = TextKind::Plain;
        check("Grüße".as_bytes(), None, plain, "Grüße", None);
        check(b"\xef\xbb\xbfhi", None, plain, "hi", None);
        check(b"\xff\xfeh\0i\0", None, plain, "hi", None);
        check(b"\xfe\xff\0h\0i", None, plain, "hi", None);
        check(b"viele Gr\xfc\xdfe", None, plain, "viele Grüße", Some("byte 8 is no UTF-8: it was read as Windows-1252"));
        check(b"\xcf\xf0", Some("text/plain; Charset=windows-1251"), plain, "Пр", None);
        check(b"<meta charset='koi8-r'>\xf0", None, TextKind::Html, "<meta charset='koi8-r'>П", None);
        check(b"\xff\xfeh\0\0\xd8", None, plain, "h\u{fffd}", Some("what is no UTF-16LE was replaced by `\u{fffd}`"));
    }

    #[test]
    fn what_fits_no_encoding_is_refused_with_the_byte() {
        for (bytes, said) in [
            (&b"ab\xff\xfe\xfd\xfc"[..], "byte 2 (0xff)"),
            (b"\xef\xbb\xbfab\xff", "byte 5 (0xff)"),
            (b"a long line of text with \x81 in it", "byte 25 (0x81)"),
            (b"a long line of text\x01 with \xe4 in it", "byte 26 (0xe4)"),
        ] {
            let err = decode(bytes, None, TextKind::Plain).err().unwrap();
            assert!(err.to_string().contains(said), "{err}");
        }
        assert!(decode(b"all is said to be fine \xe4", Some("text/plain; charset=utf-8"), TextKind::Plain).is_err());
    }
}
