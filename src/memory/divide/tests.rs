use std::cell::Cell;

use proptest::prelude::*;

use super::*;
use crate::memory::{ExtractLimits, Language, Source, extract};

/// A token for each run of letters and for each other character but white space.
fn count(text: &str) -> usize {
    let mut tokens = 0;
    let mut is_in_word = false;
    for c in text.chars() {
        tokens += usize::from(!(c.is_whitespace() || is_in_word && c.is_alphanumeric()));
        is_in_word = c.is_alphanumeric();
    }
    tokens
}

fn text(name: &str, content: &str) -> Text {
    let source = Source { name: name.to_owned(), bytes: content.as_bytes().to_vec(), media_type: None };
    extract(&source, &ExtractLimits::default()).unwrap()
}

fn pieces(name: &str, content: &str, chunk_tokens: usize, overlap_tokens: usize) -> Vec<Piece> {
    divide(&text(name, content), &DivideLimits { chunk_tokens, overlap_tokens }, &count)
}

/// The heading, the lines and the beginning of each piece.
fn shown(pieces: &[Piece]) -> Vec<(Option<&str>, u32, u32, &str)> {
    let shown = pieces.iter().map(|piece| {
        let Position { first_line, last_line, heading, .. } = &piece.position;
        (heading.as_deref(), *first_line, *last_line, piece.text.lines().next().unwrap())
    });
    shown.collect()
}

#[test]
fn markdown_is_divided_by_its_headings() {
    let content = "# Guide\n\nIntro of five words.\n\n## Setup\n\nInstall it with one command.\nThen run it.\n\n## Use\n\nAsk a question. Read the answer.\n";
    assert_eq!(
        shown(&pieces("guide.md", content, 20, 0)),
        [(Some("Guide"), 1, 3, "# Guide"), (Some("Guide > Setup"), 5, 8, "## Setup"), (Some("Guide > Use"), 10, 12, "## Use"),]
    );
    let whole = pieces("guide.md", content, 100, 0);
    assert_eq!(shown(&whole), [(Some("Guide"), 1, 12, "# Guide")]);
    assert!(whole[0].embedded.starts_with("guide.md > Guide\n\n# Guide"));
}

#[test]
fn code_is_divided_by_its_items() {
    let content = "use std::fmt;\n\n/// A foo.\nstruct Foo;\n\nimpl Foo {\n    /// Bars.\n    fn bar(&self) -> u32 {\n        let a = 1;\n        a + 2\n    }\n\n    fn baz(&self) -> u32 {\n        let b = 3;\n        b * 4\n    }\n}\n";
    assert_eq!(
        shown(&pieces("src/foo.rs", content, 50, 0)),
        [
            (None, 1, 4, "use std::fmt;"),
            (Some("impl Foo"), 6, 11, "impl Foo {"),
            (Some("impl Foo > fn baz"), 13, 17, "fn baz(&self) -> u32 {"),
        ]
    );
}

#[test]
fn a_page_has_headings_and_no_lines() {
    let found = pieces("a.html", "<h1>One</h1><p>First.<h2>Two</h2><p>Second.", 6, 0);
    assert_eq!(shown(&found), [(Some("One"), 0, 0, "# One"), (Some("One > Two"), 0, 0, "## Two")]);
}

#[test]
fn pages_are_divided_one_by_one() {
    let pages = Text {
        source: "p.pdf".to_owned(),
        kind: TextKind::Pdf,
        text: "one\nline two\n\nthree\n".to_owned(),
        pages: vec![0, 13, 14],
        headings: Vec::new(),
        notes: Vec::new(),
    };
    let found = divide(&pages, &DivideLimits { chunk_tokens: 50, overlap_tokens: 0 }, &count);
    let places: Vec<_> =
        found.iter().map(|piece| (piece.position.page, piece.position.first_line, piece.position.last_line)).collect();
    assert_eq!(places, [(Some(1), 1, 2), (Some(3), 1, 1)]);
}

#[test]
fn chunks_overlap_as_far_as_they_may() {
    let content: String = (0..60).map(|at| format!("Sentence number {at} is here.\n")).collect::<Vec<_>>().concat();
    let apart = pieces("a.txt", &content, 40, 0);
    let over = pieces("a.txt", &content, 40, 8);
    assert!(over.len() > apart.len());
    for pair in over.windows(2) {
        assert!(pair[1].position.first_line <= pair[0].position.last_line, "{pair:?}");
        assert!(pair[1].position.first_line > pair[0].position.first_line);
    }
    for pair in apart.windows(2) {
        assert!(pair[1].position.first_line > pair[0].position.last_line);
    }
}

#[test]
fn the_hash_is_that_of_what_is_embedded() {
    let one = pieces("a.txt", "the same text", 50, 0);
    let two = pieces("b.txt", "the same text", 50, 0);
    assert_eq!(one[0].text, two[0].text);
    assert_ne!(one[0].hash, two[0].hash);
    assert_eq!(one[0].hash, pieces("a.txt", "the same text", 50, 10)[0].hash);
    assert_eq!(one[0].hash, HEXLOWER.encode(&Sha256::digest(b"a.txt\n\nthe same text")));
}

#[test]
fn what_has_no_text_has_no_chunks() {
    for content in ["", "  \n\t\n", "\u{feff}"] {
        let text = text("a.md", content);
        assert_eq!(divide(&text, &DivideLimits { chunk_tokens: 10, overlap_tokens: 2 }, &count), []);
        assert_eq!(text.notes.len(), 1, "{content:?}: {:?}", text.notes);
    }
}

#[test]
fn tokens_are_asked_for_about_once_for_each_word() {
    let sentence = |at: usize| format!("Word{} is followed by some usual words, number {at}.\n\n", at % 200);
    let content: String = (0..4_000).map(sentence).collect();
    let asked = Cell::new(0_usize);
    let counting = |text: &str| {
        asked.set(asked.get() + text.len());
        count(text)
    };
    let found = divide(&text("a.md", &content), &DivideLimits { chunk_tokens: 256, overlap_tokens: 32 }, &counting);
    assert!(found.len() > 100);
    assert!(asked.get() < 3 * content.len(), "{} bytes were counted for {}", asked.get(), content.len());
}

#[test]
fn a_line_without_end_is_divided_as_well() {
    for content in ["x".repeat(1 << 14), "word ".repeat(1 << 14), "é".repeat(1 << 13), "😀".repeat(1 << 12)] {
        let found = pieces("a.txt", &content, 64, 8);
        assert!(found.iter().all(|piece| piece.tokens <= 64 && piece.text.len() <= 64 * 16 + 16), "{}", &content[..4]);
        assert!(found.iter().all(|piece| (piece.position.first_line, piece.position.last_line) == (1, 1)));
    }
}

#[test]
fn what_is_nested_without_end_is_divided_by_lines() {
    for (name, part) in [
        ("a.md", "> "),
        ("a.md", "- "),
        ("a.md", "["),
        ("a.md", "*a "),
        ("a.rs", "("),
        ("a.js", "[{"),
        ("a.py", "(("),
        ("a.go", "{"),
    ] {
        let found = pieces(name, &part.repeat(2_000), 64, 8);
        assert!(!found.is_empty(), "{name} {part}");
    }
}

/// Everything that a division promises.
fn check(name: &str, content: &str, chunk_tokens: usize, overlap_tokens: usize) {
    let text = text(name, content);
    let found = divide(&text, &DivideLimits { chunk_tokens, overlap_tokens }, &count);
    let lines: Vec<&str> = text.text.split('\n').collect();
    let mut covered = 0;
    for piece in &found {
        assert!(!piece.text.trim().is_empty());
        assert!(piece.tokens <= chunk_tokens.max(1) || piece.text.chars().count() == 1, "{piece:?}");
        assert!(piece.embedded.ends_with(&piece.text));
        assert_eq!(piece.tokens, count(&piece.embedded));
        if text.kind != TextKind::Html {
            let (first, last) = (piece.position.first_line as usize, piece.position.last_line as usize);
            let of_lines = lines[first - 1..last].join("\n");
            assert!(
                of_lines.contains(&piece.text) || of_lines == piece.text.trim_end_matches('\n'),
                "{piece:?} is not in {of_lines:?}"
            );
            let starts = lines[first - 1].contains(piece.text.split('\n').next().unwrap());
            assert!(starts, "{piece:?} does not begin on its line");
        }
        covered += piece.text.chars().filter(|c| !c.is_whitespace()).count();
    }
    let letters = text.text.chars().filter(|c| !c.is_whitespace()).count();
    if overlap_tokens == 0 {
        assert_eq!(covered, letters, "all is in one chunk");
    } else {
        assert!(covered >= letters);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_text_of_a_chunk_is_on_the_lines_it_says(
        content in r"([#>\-]{0,3} ?[a-zé😀.(){}]{0,12}[ \n]{0,3}){0,80}",
        chunk in 1_usize..40,
        overlap in 0_usize..10,
        name in prop::sample::select(vec!["a.md", "a.txt", "a.rs", "a.py", "a.tsx", "a.go", "a.html"]),
    ) {
        check(name, &content, chunk, overlap);
    }

    #[test]
    fn any_text_can_be_divided(content in "\\PC{0,400}", chunk in 1_usize..40) {
        for name in ["a.md", "a.js", "a.ts"] {
            check(name, &content, chunk, 0);
        }
    }
}

#[test]
fn every_language_is_divided() {
    for (language, name) in [
        (Language::Rust, "a.rs"),
        (Language::Python, "a.py"),
        (Language::JavaScript, "a.js"),
        (Language::TypeScript, "a.ts"),
        (Language::Tsx, "a.tsx"),
        (Language::Go, "a.go"),
    ] {
        assert_eq!(text(name, "x").kind, TextKind::Code(language));
        check(name, "function f() { return 1 }\nfunction g() { return 2 }\n", 10, 0);
    }
}
