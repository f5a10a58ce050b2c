//! What is no text, and what it seems to be.

use crate::error::{Error, ErrorKind, Result};

/// How files begin that are no text, and what they then are.
const MAGIC: &[(&[u8], &str)] = &[
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF87a", "a GIF image"),
    (b"GIF89a", "a GIF image"),
    (b"RIFF", "a RIFF file (sound, video or a WebP image)"),
    (b"II*\0", "a TIFF image"),
    (b"MM\0*", "a TIFF image"),
    (b"PK\x03\x04", "a ZIP archive (also the form of office documents, JARs and e-books)"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\0", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\x7fELF", "a program (ELF)"),
    (b"MZ", "a program (Windows)"),
    (b"\xfe\xed\xfa", "a program (macOS)"),
    (b"\xcf\xfa\xed\xfe", "a program (macOS)"),
    (b"\xca\xfe\xba\xbe", "a program (Java or macOS)"),
    (b"\0asm", "a program (WebAssembly)"),
    (b"SQLite format 3\0", "a SQLite database"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old office document"),
    (b"OggS", "sound or video (Ogg)"),
    (b"ID3", "sound (MP3)"),
    (b"fLaC", "sound (FLAC)"),
    (b"wOFF", "a font"),
    (b"wOF2", "a font"),
];
/// Those of them that may be words of a text.
const WORDS: &[&[u8]] = &[b"RIFF", b"BZh", b"MZ", b"OggS", b"ID3", b"fLaC", b"wOFF", b"wOF2"];

/// Refuses what is no text.
///
/// # Errors
/// `Invalid`, saying what it seems to be.
pub(super) fn refuse_binary(bytes: &[u8]) -> Result<()> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Ok(());
    }
    let null = bytes.iter().position(|byte| *byte == 0);
    for (magic, what) in MAGIC.iter().filter(|(magic, _)| bytes.starts_with(magic)) {
        // `MZ` and its like are words as well: they mean a format only where there is more that is no text.
        let is_word = WORDS.contains(magic);
        if !is_word || null.is_some() || std::str::from_utf8(bytes).is_err() {
            return Err(no_text(&format!("it is no text: it seems to be {what}")));
        }
    }
    match null {
        Some(at) if is_wide(bytes) => {
            let text = format!("it seems to be UTF-16 without a byte order mark (NUL at byte {at})");
            Err(Error::new(ErrorKind::Invalid, text).hint("save it as UTF-8"))
        }
        Some(at) => Err(no_text(&format!("it is no text: there is a NUL at byte {at}"))),
        None => Ok(()),
    }
}

fn no_text(message: &str) -> Error {
    Error::new(ErrorKind::Invalid, message).hint("text, Markdown, HTML, PDF and source code can be added; make text of it first")
}

/// Whether every second byte of the beginning is NUL, or nearly.
fn is_wide(bytes: &[u8]) -> bool {
    let start = &bytes[..bytes.len().min(512) & !1];
    let nulls = |odd: usize| start.iter().skip(odd).step_by(2).filter(|byte| **byte == 0).count();
    let half = start.len() / 2;
    half > 0 && [(nulls(0), nulls(1)), (nulls(1), nulls(0))].iter().any(|(many, none)| many * 10 >= half * 9 && *none == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expected: Option<&str>) {
        let told = refuse_binary(bytes).map_err(|err| err.to_string());
        match expected {
            Some(words) => assert!(told.as_ref().is_err_and(|told| told.contains(words)), "{told:?} says {words}"),
            None => assert_eq!(told, Ok(())),
        }
    }

    #[test]
    fn what_is_no_text_is_named() {
        check(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", Some("PNG image"));
        check(b"PK\x03\x04\x14\0", Some("ZIP archive"));
        check(b"\x7fELF\x02\x01\x01", Some("program (ELF)"));
        check(b"MZ\x90\0", Some("program (Windows)"));
        check(b"some\0thing", Some("NUL at byte 4"));
        check(b"h\0e\0l\0l\0o\0", Some("UTF-16 without a byte order mark"));
    }

    #[test]
    fn text_that_begins_like_a_format_is_text() {
        check(b"MZ was the mark of Mark Zbikowski", None);
        check(b"RIFF and RAFF", None);
        check(b"\xff\xfeh\0i\0", None);
        check(b"", None);
    }
}
