//! What one rendering may use up. Everything that takes time or memory is paid for before it is done.

use minijinja::value::{Value as Data, ValueKind};

use crate::template::fault::{Fault, Outcome};

/// Evaluated nodes, visited values and the like: about a quarter of a second.
const STEPS: u64 = 2_000_000;
/// Bytes of all strings and lists made on the way, kept or not.
const BYTES: usize = 32 * 1024 * 1024;
/// The longest text a template may give, in bytes.
pub(super) const MAX_OUTPUT: usize = 4 * 1024 * 1024;
/// How deep a value may be nested.
pub(super) const MAX_DEPTH: usize = 256;
/// What an element of a list or a field of a map costs, in bytes.
const ELEMENT: usize = 48;
/// Bytes of text that cost one step when they are looked through.
const BYTES_PER_STEP: usize = 64;

/// What is left.
#[derive(Debug)]
pub(super) struct Budget {
    steps: u64,
    bytes: usize,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self { steps: STEPS, bytes: BYTES }
    }

    /// Pays for `count` small pieces of work.
    pub(super) fn steps(&mut self, count: u64) -> Outcome<()> {
        self.steps = self
            .steps
            .checked_sub(count)
            .ok_or_else(|| Fault::new("takes too many steps").hint("make the template, or the values it reads, smaller"))?;
        Ok(())
    }

    /// Pays for a string of `length` bytes that is about to be made.
    pub(super) fn bytes(&mut self, length: usize) -> Outcome<()> {
        if length > MAX_OUTPUT {
            return Err(Fault::new(format!("makes a text of more than {} MiB", MAX_OUTPUT >> 20)));
        }
        self.steps((length / BYTES_PER_STEP) as u64)?;
        self.bytes = self
            .bytes
            .checked_sub(length)
            .ok_or_else(|| Fault::new("uses too much memory").hint("make the template, or the values it reads, smaller"))?;
        Ok(())
    }

    /// Pays for a list or map of `length` elements that is about to be made.
    pub(super) fn elements(&mut self, length: usize) -> Outcome<()> {
        self.steps(length as u64)?;
        self.bytes = self
            .bytes
            .checked_sub(length.saturating_mul(ELEMENT))
            .ok_or_else(|| Fault::new("uses too much memory").hint("make the template, or the values it reads, smaller"))?;
        Ok(())
    }

    /// Pays for looking at every part of `value`, as comparing, printing and sorting do.
    ///
    /// Shared parts are paid as often as they occur: `[x, x]` of `[x, x]` of … has no end otherwise.
    pub(super) fn visit(&mut self, value: &Data) -> Outcome<()> {
        self.visit_at(value, 0)
    }

    fn visit_at(&mut self, value: &Data, depth: usize) -> Outcome<()> {
        if depth > MAX_DEPTH {
            return Err(Fault::new(format!("makes a value nested more than {MAX_DEPTH} deep")));
        }
        match value.kind() {
            ValueKind::Seq | ValueKind::Iterable | ValueKind::Map => {
                self.steps(1)?;
                let is_map = value.kind() == ValueKind::Map;
                for item in value.try_iter()? {
                    if is_map {
                        self.visit_at(&value.get_item(&item)?, depth + 1)?;
                    }
                    self.visit_at(&item, depth + 1)?;
                }
                Ok(())
            }
            ValueKind::String => self.steps(1 + (value.as_str().map_or(0, str::len) / BYTES_PER_STEP) as u64),
            _ => self.steps(1),
        }
    }
}
