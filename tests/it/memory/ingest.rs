//! Folders as people have them: what is in them becomes chunks, and all that cannot is told.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use agentflow::memory::{DivideLimits, ExtractLimits, Found, Piece, Sources, divide, extract};
use lopdf::{Document, Object, Stream, dictionary};

/// What became of a file: its chunks with the notes, or why it has none.
type Outcome = Result<(Vec<Piece>, Vec<String>), String>;

fn ingest(folder: &Path, place: &str) -> Vec<(String, Outcome)> {
    let limits = ExtractLimits { source_bytes: 1 << 20, text_bytes: 1 << 19 };
    let divide_limits = DivideLimits { chunk_tokens: 64, overlap_tokens: 8 };
    let count = |text: &str| text.split_whitespace().count();
    let outcome = |found: Found| match found {
        Found::Skipped { name, why } => (name, Err(why)),
        Found::File(file) => {
            let text = file.read(limits.source_bytes).and_then(|read| extract(&read.source, &limits));
            let outcome = text.map(|text| (divide(&text, &divide_limits, &count), text.notes)).map_err(|err| err.to_string());
            (file.name, outcome)
        }
    };
    Sources::new(folder, &[]).unwrap().find(place).unwrap().map(outcome).collect()
}

/// A PDF with a page of each of these contents.
fn pdf(contents: &[&str]) -> Vec<u8> {
    let mut document = Document::with_version("1.5");
    let tree = document.new_object_id();
    let font = dictionary! { "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Helvetica", "Encoding" => "WinAnsiEncoding" };
    let font = document.add_object(font);
    let mut kids: Vec<Object> = Vec::new();
    for content in contents {
        let content = document.add_object(Stream::new(dictionary! {}, content.as_bytes().to_vec()));
        let resources = dictionary! { "Font" => dictionary! { "F" => font } };
        let page = dictionary! { "Type" => "Page", "Parent" => tree, "Contents" => content, "Resources" => resources };
        kids.push(document.add_object(page).into());
    }
    let count = i64::try_from(kids.len()).unwrap();
    let pages = dictionary! { "Type" => "Pages", "Kids" => kids, "Count" => count };
    document.objects.insert(tree, Object::Dictionary(pages));
    let catalog = document.add_object(dictionary! { "Type" => "Catalog", "Pages" => tree });
    document.trailer.set("Root", catalog);
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).unwrap();
    bytes
}

#[test]
fn a_folder_of_documents_becomes_chunks_that_say_where_they_stand() {
    let folder = tempfile::tempdir().unwrap();
    let utf_16: Vec<u8> = "\u{feff}Grüße aus Köln".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let files: &[(&str, &[u8])] = &[
        ("guide.md", b"# Guide\n\nRead this.\n\n## Setup\n\nThen that.\n"),
        ("lib.rs", b"/// Adds.\npub fn add(a: u32, b: u32) -> u32 {\n    a + b\n}\n"),
        ("page.html", b"<html><body><h1>Title</h1><p>What it says."),
        ("paper.pdf", &pdf(&["BT /F 12 Tf 50 700 Td (One.) Tj ET", "BT /F 12 Tf 50 700 Td (Two.) Tj ET"])),
        ("wide.txt", &utf_16),
    ];
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    let mut shown = Vec::new();
    for (name, outcome) in ingest(folder.path(), ".") {
        let (pieces, notes) = outcome.unwrap();
        assert_eq!(notes, [""; 0], "{name}");
        for piece in pieces {
            let at = &piece.position;
            let heading = at.heading.as_deref().unwrap_or("-");
            shown.push(format!(
                "{name} {}-{} page {:?} {heading}: {}",
                at.first_line,
                at.last_line,
                at.page,
                piece.text.lines().next().unwrap()
            ));
            assert!(piece.embedded.starts_with(&name) && piece.tokens <= 64);
        }
    }
    assert_eq!(
        shown,
        [
            "guide.md 1-7 page None Guide: # Guide",
            "lib.rs 1-4 page None fn add: /// Adds.",
            "page.html 0-0 page None Title: # Title",
            "paper.pdf 1-1 page Some(1) -: One.",
            "paper.pdf 1-1 page Some(2) -: Two.",
            "wide.txt 1-1 page None -: Grüße aus Köln",
        ]
    );
}

#[test]
fn what_cannot_become_text_is_told_and_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let own = fs::read(std::env::current_exe().unwrap()).unwrap();
    let large = vec![b'a'; (1 << 20) + 1];
    let files: &[(&str, &[u8])] = &[
        ("a-empty.md", b""),
        ("b-blank.txt", b" \n\n\t"),
        ("c-archive.zip", b"PK\x03\x04\x14\0\0\0\x08\0"),
        ("d-program", &own[..1_000]),
        ("e-image.md", b"\x89PNG\r\n\x1a\n\0\0"),
        ("f-bytes.txt", b"a line\xff\xfe\xfd\xfc\xfb"),
        ("g-large.txt", &large),
        ("h-scan.pdf", &pdf(&["q Q"])),
        ("i-broken.pdf", b"%PDF-1.7\n%%EOF"),
        ("j-secret.txt", b"nobody may read this"),
        ("z-good.md", b"# Good\n"),
    ];
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    fs::set_permissions(folder.path().join("j-secret.txt"), fs::Permissions::from_mode(0o0)).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, folder.path().join("k-pipe.md"), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let may_read_all = fs::read(folder.path().join("j-secret.txt")).is_ok();
    let expected = [
        ("a-empty.md", "it is empty"),
        ("b-blank.txt", "it has no text but white space"),
        ("c-archive.zip", "it seems to be a ZIP archive"),
        ("d-program", "it seems to be a program (ELF)"),
        ("e-image.md", "it seems to be a PNG image"),
        ("f-bytes.txt", "byte 6 (0xff) does not fit"),
        ("g-large.txt", "1048576 are the most"),
        ("h-scan.pdf", "it has no text: its pages may be images"),
        ("i-broken.pdf", "it is a PDF that cannot be read"),
        ("j-secret.txt", if may_read_all { "" } else { "it may not be read by this user" }),
        ("k-pipe.md", "it is no file, but a pipe"),
        ("z-good.md", ""),
    ];
    let outcomes = ingest(folder.path(), ".");
    assert_eq!(outcomes.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), expected.map(|(name, _)| name));
    for ((name, outcome), (_, words)) in outcomes.iter().zip(expected) {
        let told = match outcome {
            Ok((pieces, notes)) => {
                assert_eq!(pieces.is_empty(), !words.is_empty(), "{name}");
                notes.join("; ")
            }
            Err(told) => told.clone(),
        };
        assert!(told.contains(words), "{name}: `{told}` says `{words}`");
    }
}
