//! What a page draws, as lines of text.

use std::rc::Rc;

use lopdf::{Dictionary, Document, Object, ObjectId, content::Content};

use super::{
    MAX_STREAM,
    font::{Font, Fonts, resources_of},
    matrix::{Matrix, number},
};

/// How deep forms may be drawn in forms.
const MAX_FORMS: usize = 8;
/// How many states may be saved.
const MAX_SAVED: usize = 64;
/// How many instructions a page may have, with those of its forms.
const MAX_INSTRUCTIONS: usize = 2_000_000;
/// From which gap on two words are two, in sizes of the font.
const WORD_GAP: f32 = 0.17;
/// From which distance on two lines are two, in sizes of the font.
const LINE_GAP: f32 = 0.5;
/// From which distance on a paragraph ends, in sizes of the font.
const PARAGRAPH_GAP: f32 = 1.8;

/// The letters of a page, in the order in which they are drawn.
pub(super) struct Letters {
    text: String,
    max_text: usize,
    instructions: usize,
    /// Where the last letter ended, and how large it was.
    end: Option<(f32, f32, f32)>,
}

/// What instructions change, and `q` saves.
#[derive(Clone)]
struct State<'a> {
    place: Matrix,
    text: Matrix,
    line: Matrix,
    font: Option<Rc<Font<'a>>>,
    size: f32,
    leading: f32,
    letter_space: f32,
    word_space: f32,
    stretch: f32,
}

impl Letters {
    pub(super) fn new(max_text: usize) -> Self {
        Self { text: String::new(), max_text, instructions: 0, end: None }
    }

    /// Draws the contents of a page.
    pub(super) fn draw<'a>(&mut self, document: &'a Document, fonts: &mut Fonts<'a>, page: ObjectId, content: &[u8]) {
        let state = State {
            place: Matrix::IDENTITY,
            text: Matrix::IDENTITY,
            line: Matrix::IDENTITY,
            font: None,
            size: 1.0,
            leading: 0.0,
            letter_space: 0.0,
            word_space: 0.0,
            stretch: 1.0,
        };
        self.draw_in(document, fonts, &resources_of(document, page), content, state, MAX_FORMS);
    }

    /// The text, without spaces at the ends of lines.
    pub(super) fn text(self) -> String {
        self.text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim().to_owned()
    }

    fn draw_in<'a>(
        &mut self,
        document: &'a Document,
        fonts: &mut Fonts<'a>,
        resources: &[&'a Dictionary],
        content: &[u8],
        mut state: State<'a>,
        forms: usize,
    ) {
        let mut saved = Vec::new();
        for instruction in Content::decode_iter(content) {
            let Ok(instruction) = instruction else { return };
            self.instructions += 1;
            if self.instructions > MAX_INSTRUCTIONS || self.text.len() > self.max_text {
                return;
            }
            let operands = &instruction.operands;
            let at = |index: usize| operands.get(index).map_or(0.0, number);
            match instruction.operator.as_str() {
                "q" if saved.len() < MAX_SAVED => saved.push(state.clone()),
                "Q" => state = saved.pop().unwrap_or(state),
                "cm" => state.place = Matrix::of(operands).then(state.place),
                "BT" => (state.text, state.line) = (Matrix::IDENTITY, Matrix::IDENTITY),
                "Tf" => {
                    let name = operands.first().and_then(|name| name.as_name().ok());
                    state.font = name.and_then(|name| fonts.named(resources, name));
                    state.size = at(1);
                }
                "TL" => state.leading = at(0),
                "Tc" => state.letter_space = at(0),
                "Tw" => state.word_space = at(0),
                "Tz" => state.stretch = at(0) / 100.0,
                "Td" => state.next_line(at(0), at(1)),
                "TD" => {
                    state.leading = -at(1);
                    state.next_line(at(0), at(1));
                }
                "Tm" => (state.text, state.line) = (Matrix::of(operands), Matrix::of(operands)),
                "T*" => state.next_line(0.0, -state.leading),
                "Tj" => self.show_all(&mut state, operands),
                "'" => {
                    state.next_line(0.0, -state.leading);
                    self.show_all(&mut state, operands);
                }
                "\"" => {
                    (state.word_space, state.letter_space) = (at(0), at(1));
                    state.next_line(0.0, -state.leading);
                    self.show_all(&mut state, operands.get(2..).unwrap_or_default());
                }
                "TJ" => {
                    if let Some(parts) = operands.first().and_then(|parts| parts.as_array().ok()) {
                        self.show_all(&mut state, parts);
                    }
                }
                "Do" if forms > 0 => self.draw_form(document, fonts, resources, operands, &state, forms - 1),
                _ => {}
            }
        }
    }

    /// Draws what a page draws in several places, or in one: a form.
    fn draw_form<'a>(
        &mut self,
        document: &'a Document,
        fonts: &mut Fonts<'a>,
        resources: &[&'a Dictionary],
        operands: &[Object],
        state: &State<'a>,
        forms: usize,
    ) {
        let name = operands.first().and_then(|name| name.as_name().ok()).unwrap_or_default();
        let form = resources.iter().find_map(|resources| {
            let named = resources.get_deref(b"XObject", document).ok()?.as_dict().ok()?;
            named.get_deref(name, document).ok()?.as_stream().ok()
        });
        let Some(form) =
            form.filter(|form| form.dict.get(b"Subtype").and_then(Object::as_name).is_ok_and(|kind| kind == b"Form"))
        else {
            return;
        };
        let Ok(content) = form.get_plain_content_with_limit(MAX_STREAM) else { return };
        let mut state = state.clone();
        if let Ok(matrix) = form.dict.get_deref(b"Matrix", document).and_then(Object::as_array) {
            state.place = Matrix::of(matrix).then(state.place);
        }
        let own = form.dict.get_deref(b"Resources", document).and_then(Object::as_dict).ok();
        let resources: Vec<_> = own.into_iter().chain(resources.iter().copied()).collect();
        // What forms unpack to counts as instructions, so that a form drawn a thousand times ends as well.
        self.instructions += content.len() / 64;
        self.draw_in(document, fonts, &resources, &content, state, forms);
    }

    /// Shows strings, and moves by the numbers among them.
    fn show_all(&mut self, state: &mut State<'_>, parts: &[Object]) {
        for part in parts {
            match part {
                Object::String(bytes, _) => self.show(state, bytes),
                part => state.advance(-number(part) / 1_000.0 * state.size * state.stretch),
            }
        }
    }

    fn show(&mut self, state: &mut State<'_>, bytes: &[u8]) {
        let Some(font) = state.font.clone() else { return };
        let text = font.decode(bytes);
        let matrix = state.text.then(state.place);
        let ((x, y), size) = (matrix.origin(), (state.size * matrix.height()).abs().max(0.1));
        if !text.is_empty() {
            self.divide_from_last(x, y, size, &text);
            self.text.push_str(&text);
        }
        let (letters, spaces) = font.count(bytes);
        #[expect(clippy::cast_precision_loss, reason = "no string has so many letters")]
        let spaces = state.letter_space * letters as f32 + state.word_space * spaces as f32;
        state.advance((font.width(bytes) * state.size + spaces) * state.stretch);
        if !text.is_empty() {
            let (x, y) = state.text.then(state.place).origin();
            self.end = Some((x, y, size));
        }
    }

    /// Ends a word, a line or a paragraph where the distance to the last letter does.
    fn divide_from_last(&mut self, x: f32, y: f32, size: f32, text: &str) {
        let Some((last_x, last_y, last_size)) = self.end else { return };
        let larger = size.max(last_size);
        let distance = (y - last_y).abs() / larger;
        if distance > PARAGRAPH_GAP {
            self.text.push_str("\n\n");
        } else if distance > LINE_GAP {
            self.text.push('\n');
        } else if (x - last_x).abs() / larger > WORD_GAP && !self.text.ends_with([' ', '\n']) && !text.starts_with(' ') {
            self.text.push(' ');
        }
    }
}

impl State<'_> {
    fn next_line(&mut self, x: f32, y: f32) {
        self.line = Matrix::shift(x, y).then(self.line);
        self.text = self.line;
    }

    fn advance(&mut self, by: f32) {
        self.text = Matrix::shift(by, 0.0).then(self.text);
    }
}
