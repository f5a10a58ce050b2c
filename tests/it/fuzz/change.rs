//! Seeded changes of inputs, of the kinds that find what readers forget.

use fastrand::Rng;

/// What is put in: what syntaxes are made of, numbers at their ends, characters that are long, invisible or no characters.
const PIECES: [&str; 40] = [
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    ":",
    ",",
    "#",
    "-",
    "|",
    "&a",
    "*a",
    "!",
    "%",
    "{{",
    "}}",
    "{%",
    "%}",
    "\\",
    "\n",
    "\r\n",
    "\t",
    "\0",
    "\u{feff}",
    "\u{202e}",
    "é",
    "𝄞",
    "0",
    "-1",
    "1e999",
    "18446744073709551616",
    "0.1",
    "null",
    "true",
    "..",
    "/",
    "://",
    "@",
    "=",
];
/// The longest input.
const LONGEST: usize = 16 * 1024;

/// One of `inputs` with one to eight changes.
pub(super) fn changed(inputs: &[Vec<u8>], random: &mut Rng) -> Vec<u8> {
    let mut bytes = inputs[random.usize(..inputs.len())].clone();
    bytes.truncate(LONGEST);
    for _ in 0..random.usize(1..9) {
        let at = random.usize(..=bytes.len());
        let end = (at + random.usize(..32)).min(bytes.len());
        match random.u8(..8) {
            0 => bytes.truncate(at.max(1)),
            1 => drop(bytes.drain(at..end)),
            2 => drop(bytes.splice(at..at, PIECES[random.usize(..PIECES.len())].bytes())),
            3 => drop(bytes.splice(at..end, PIECES[random.usize(..PIECES.len())].bytes())),
            4 if at < bytes.len() => bytes[at] = random.u8(..),
            5 => {
                // A part many times over.
                let part = bytes[at..end].repeat(random.usize(2..40));
                drop(bytes.splice(at..at, part));
            }
            6 => {
                // A part of another one.
                let other = &inputs[random.usize(..inputs.len())];
                let from = random.usize(..=other.len());
                let part = &other[from..(from + random.usize(..200)).min(other.len())];
                drop(bytes.splice(at..end, part.iter().copied()));
            }
            _ => bytes[at..end].reverse(),
        }
        bytes.truncate(LONGEST);
    }
    bytes
}
