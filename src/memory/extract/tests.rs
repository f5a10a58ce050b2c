use proptest::prelude::*;

use super::*;

fn source(name: &str, bytes: &[u8]) -> Source {
    Source { name: name.to_owned(), bytes: bytes.to_vec(), media_type: None }
}

fn read(name: &str, bytes: &[u8]) -> Result<Text> {
    extract(&source(name, bytes), &ExtractLimits::default())
}

#[track_caller]
fn check(name: &str, bytes: &[u8], text: &str, notes: &[&str]) {
    let read = read(name, bytes).unwrap();
    assert_eq!((read.text.as_str(), read.notes.iter().map(String::as_str).collect::<Vec<_>>()), (text, notes.to_vec()));
}

#[test]
fn what_has_no_text_is_a_text_with_a_note() {
    check("a.md", b"", "", &["it is empty"]);
    check("a.md", b" \n\t\n", "", &["it has no text but white space"]);
    check("a.html", b"<script>1</script>", "", &["it has no text but white space"]);
}

#[test]
fn what_was_changed_is_noted() {
    check("a.txt", b"Gr\xfc\xdfe, Welt\r\n", "Grüße, Welt\n", &["byte 2 is no UTF-8: it was read as Windows-1252"]);
    check("a.txt", "a\u{202e}b".as_bytes(), "ab", &["1 control or direction character was left out"]);
    check("a.txt", b"\xef\xbb\xbfa", "a", &[]);
}

#[test]
fn what_is_no_text_is_refused_with_its_name() {
    let err = read("logo.md", b"\x89PNG\r\n\x1a\n\0").unwrap_err();
    assert_eq!(err.to_string(), "`logo.md`: it is no text: it seems to be a PNG image");
    assert_eq!(err.kind(), ErrorKind::Invalid);
}

#[test]
fn what_is_too_large_is_refused() {
    let limits = ExtractLimits { source_bytes: 100, text_bytes: 10 };
    let err = extract(&source("a.txt", &[b'a'; 101]), &limits).unwrap_err();
    assert!(err.to_string().contains("it has 101 bytes; 100 are the most"), "{err}");
    let err = extract(&source("a.txt", &[b'a'; 11]), &limits).unwrap_err();
    assert!(err.to_string().contains("its text has more than 10 bytes"), "{err}");
    assert!(extract(&source("a.txt", &[b'a'; 10]), &limits).is_ok());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..600), name in prop::sample::select(vec!["a.md", "a.html", "a.pdf", "a.rs", "a"])) {
        drop(read(name, &bytes));
    }

    #[test]
    fn no_page_makes_it_panic(html in r#"(<(/?(h[1-6]|p|table|tr|td|ol|li|pre|b|a|div|svg|template|ul)|!--|li value="9"|td rowspan=0)>|[a-z &#;\n]){0,60}"#) {
        let text = read("a.html", html.as_bytes()).unwrap();
        prop_assert!(text.headings.iter().all(|heading| text.text[heading.at..].starts_with('#')));
    }
}
