use std::fmt::Write as _;

use lopdf::{Document, EncryptionState, EncryptionVersion, Object, Permissions, Stream, dictionary};
use proptest::prelude::*;

use super::*;

/// A PDF with pages of these contents, whose font `F` is Helvetica.
fn document(contents: &[&str]) -> Document {
    let mut document = Document::with_version("1.5");
    let tree = document.new_object_id();
    let font = document.add_object(dictionary! {
        "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Helvetica", "Encoding" => "WinAnsiEncoding",
    });
    let resources = document.add_object(dictionary! { "Font" => dictionary! { "F" => font } });
    let kids: Vec<Object> = contents
        .iter()
        .map(|content| {
            let content = document.add_object(Stream::new(dictionary! {}, content.as_bytes().to_vec()));
            document.add_object(dictionary! { "Type" => "Page", "Parent" => tree, "Contents" => content }).into()
        })
        .collect();
    let count = i64::try_from(kids.len()).unwrap();
    let pages = dictionary! {
        "Type" => "Pages", "Kids" => kids, "Count" => count, "Resources" => resources,
        "MediaBox" => vec![0.into(), 0.into(), 595.into(), 842.into()],
    };
    document.objects.insert(tree, Object::Dictionary(pages));
    let catalog = document.add_object(dictionary! { "Type" => "Catalog", "Pages" => tree });
    document.trailer.set("Root", catalog);
    document
}

fn written(mut document: Document) -> Vec<u8> {
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).unwrap();
    bytes
}

fn texts(contents: &[&str]) -> Vec<String> {
    pages(&written(document(contents)), 1 << 20).unwrap().texts
}

#[test]
fn the_text_of_each_page_has_its_words_and_lines() {
    let one = "BT /F 12 Tf 50 700 Td (First line) Tj 0 -14 Td (second) Tj 60 0 Td (line) Tj 0 -40 Td (Paragraph) Tj ET";
    let two = "BT /F 10 Tf 14 TL 1 0 0 1 50 700 Tm [(Wo) -20 (rd) -400 (two)] TJ (next) ' 0 0 (last) \" ET";
    let three = "q 1 0 0 1 50 500 cm BT /F 12 Tf (Caf\\351) Tj ET Q BT /F 12 Tf 50 480 Td (below) Tj ET";
    assert_eq!(
        texts(&[one, two, three, ""]),
        ["First line\nsecond line\n\nParagraph", "Word two\nnext\nlast", "Café\nbelow", ""]
    );
}

#[test]
fn a_table_of_meanings_is_taken_before_the_names_of_shapes() {
    let mut document = document(&["BT /G 12 Tf <00010002> Tj ET"]);
    let table = "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n2 beginbfchar\n<0001> <0048>\n<0002> <0069>\nendbfchar\nendcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n";
    let table = document.add_object(Stream::new(dictionary! {}, table.as_bytes().to_vec()));
    let descendant = document.add_object(dictionary! { "Type" => "Font", "Subtype" => "CIDFontType2", "DW" => 500 });
    let font = document.add_object(dictionary! {
        "Type" => "Font", "Subtype" => "Type0", "Encoding" => "Identity-H", "ToUnicode" => table,
        "DescendantFonts" => vec![descendant.into()],
    });
    let resources = document.add_object(dictionary! { "Font" => dictionary! { "G" => font } });
    let page = document.page_iter().next().unwrap();
    document.get_dictionary_mut(page).unwrap().set("Resources", resources);
    assert_eq!(pages(&written(document), 1 << 20).unwrap().texts, ["Hi"]);
}

#[test]
fn forms_are_drawn_and_a_form_in_itself_ends() {
    let mut document = document(&["/X Do"]);
    let form = document.new_object_id();
    let resources = document.get_page_resources(document.page_iter().next().unwrap()).unwrap().1[0];
    document.get_dictionary_mut(resources).unwrap().set("XObject", dictionary! { "X" => form });
    let content = b"BT /F 12 Tf 50 50 Td (form) Tj ET /X Do".to_vec();
    document.objects.insert(form, Stream::new(dictionary! { "Type" => "XObject", "Subtype" => "Form" }, content).into());
    let text = pages(&written(document), 1 << 20).unwrap().texts.remove(0);
    assert!(text.starts_with("form") && text.matches("form").count() <= 10, "{text}");
}

#[test]
fn a_password_is_told() {
    let mut document = document(&["BT /F 12 Tf (secret) Tj ET"]);
    document.trailer.set("ID", vec![Object::string_literal("0123456789abcdef"), Object::string_literal("0123456789abcdef")]);
    let version = EncryptionVersion::V2 {
        document: &document,
        owner_password: "owner",
        user_password: "user",
        key_length: 128,
        permissions: Permissions::all(),
    };
    let state = EncryptionState::try_from(version).unwrap();
    document.encrypt(&state).unwrap();
    let err = pages(&written(document), 1 << 20).unwrap_err();
    assert_eq!((err.kind(), err.to_string().as_str()), (ErrorKind::Invalid, "it is a PDF with a password"));
}

#[test]
fn a_stream_that_unpacks_without_end_is_not_read() {
    let mut document = document(&["BT /F 12 Tf (good) Tj ET", ""]);
    let page = document.page_iter().nth(1).unwrap();
    let mut bomb = Stream::new(dictionary! {}, vec![b' '; MAX_STREAM + 1_000]);
    bomb.compress().unwrap();
    assert!(bomb.content.len() < MAX_STREAM / 100);
    let bomb = document.add_object(bomb);
    document.get_dictionary_mut(page).unwrap().set("Contents", bomb);
    let read = pages(&written(document), 1 << 20).unwrap();
    assert_eq!(
        (read.texts, read.notes),
        (vec!["good".to_owned(), String::new()], vec!["these pages could not be read: 2".to_owned()])
    );
}

#[test]
fn pages_in_themselves_and_nesting_end() {
    let mut document = document(&["BT /F 12 Tf (a) Tj ET"]);
    let tree = document.catalog().unwrap().get(b"Pages").unwrap().as_reference().unwrap();
    let page: Object = document.page_iter().next().unwrap().into();
    document.get_dictionary_mut(tree).unwrap().set("Kids", vec![page, tree.into()]);
    document.get_dictionary_mut(tree).unwrap().set("Parent", tree);
    assert!(pages(&written(document), 1 << 20).is_ok());

    let nested = format!("{}{} BT", "[".repeat(100_000), "]".repeat(100_000));
    let mut many = String::new();
    for _ in 0..100_000 {
        write!(many, "<</A ").unwrap();
    }
    assert_eq!(texts(&[&nested, &many, &"q ".repeat(100_000), &"BT ".repeat(1_000)]).len(), 4);
}

#[test]
fn what_is_no_pdf_but_says_so_is_refused() {
    for bytes in [&b"%PDF-1.7\nnothing"[..], b"%PDF-", b"%PDF-1.4\ntrailer<</Root 1 0 R>>startxref 0 %%EOF"] {
        let err = pages(bytes, 1 << 20).unwrap_err();
        assert_eq!(err.kind(), ErrorKind::Malformed);
        assert!(err.to_string().starts_with("it is a PDF that cannot be read: "), "{err}");
    }
}

#[test]
fn more_text_than_wanted_ends_the_reading() {
    let page = format!("BT /F 12 Tf {} ET", "(word ) Tj ".repeat(1_000));
    let bytes = written(document(&[&page, &page, &page]));
    let read = pages(&bytes, 6_000).unwrap();
    assert_eq!(read.texts.len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn a_damaged_file_does_not_panic(damage in prop::collection::vec((0_usize..2_000, any::<u8>()), 1..12), cut in 0_usize..2_000) {
        let mut bytes = written(document(&["BT /F 12 Tf 50 700 Td [(a) -300 (b)] TJ ET", "q 1 0 0 1 0 0 cm BT /F 9 Tf (x) ' ET Q"]));
        for (at, byte) in damage {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        bytes.truncate(bytes.len().max(cut) - cut / 4);
        drop(pages(&bytes, 1 << 20));
    }
}
