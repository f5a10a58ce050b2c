//! A grid of character cells with text, boxes, and lines that know where they join and where they only cross.

use unicode_width::UnicodeWidthChar as _;

use crate::plan::draw::text::Glyphs;

/// Who drew a line; lines of one owner join where they meet.
pub(super) type Owner = usize;

/// Borders of boxes: every line joins them.
pub(super) const BORDER: Owner = usize::MAX;

const NORTH: u8 = 1;
const EAST: u8 = 2;
const SOUTH: u8 = 4;
const WEST: u8 = 8;

#[derive(Debug, Clone, Copy)]
enum Cell {
    Blank,
    Char(char),
    /// The right half of a wide character.
    Half,
    Line {
        arms: u8,
        dashed: bool,
        owner: Owner,
    },
}

/// The grid; it grows as it is drawn on. Columns and rows count from 0.
#[derive(Debug, Default)]
pub(super) struct Canvas {
    rows: Vec<Vec<Cell>>,
}

impl Canvas {
    /// Writes `text` on one row.
    pub(super) fn text(&mut self, column: usize, row: usize, text: &str) {
        let mut at = column;
        for c in text.chars() {
            match c.width().unwrap_or(0) {
                0 => continue,
                1 => *self.cell(at, row) = Cell::Char(c),
                _ => {
                    *self.cell(at, row) = Cell::Char(c);
                    *self.cell(at + 1, row) = Cell::Half;
                }
            }
            at += c.width().unwrap_or(0);
        }
    }

    /// Whether nothing is drawn in `columns` cells from here.
    pub(super) fn is_free(&self, column: usize, row: usize, columns: usize) -> bool {
        self.rows.get(row).is_none_or(|cells| cells.iter().skip(column).take(columns).all(|cell| matches!(cell, Cell::Blank)))
    }

    /// Draws the border of a box; at least two columns and two rows.
    pub(super) fn border(&mut self, column: usize, row: usize, columns: usize, rows: usize) {
        let (right, bottom) = (column + columns - 1, row + rows - 1);
        self.horizontal(BORDER, row, column, right, false);
        self.horizontal(BORDER, bottom, column, right, false);
        self.vertical(BORDER, column, row, bottom, false);
        self.vertical(BORDER, right, row, bottom, false);
    }

    /// Draws a line from row `top` to row `bottom`. It passes over horizontal lines of others.
    pub(super) fn vertical(&mut self, owner: Owner, column: usize, top: usize, bottom: usize, dashed: bool) {
        for row in top..bottom {
            self.arm(column, row, SOUTH, owner, dashed);
            self.arm(column, row + 1, NORTH, owner, dashed);
        }
    }

    /// Draws a line from column `left` to column `right`. It passes under vertical lines of others.
    pub(super) fn horizontal(&mut self, owner: Owner, row: usize, left: usize, right: usize, dashed: bool) {
        for column in left..right {
            self.arm(column, row, EAST, owner, dashed);
            self.arm(column + 1, row, WEST, owner, dashed);
        }
    }

    fn arm(&mut self, column: usize, row: usize, arm: u8, owner: Owner, dashed: bool) {
        let cell = self.cell(column, row);
        *cell = match *cell {
            Cell::Line { arms, dashed: before, owner: first } if first == owner || first == BORDER => {
                Cell::Line { arms: arms | arm, dashed: before && dashed, owner: first }
            }
            Cell::Line { arms, dashed: before, owner: first } => {
                let (is_upright, was_upright) = (arm & (NORTH | SOUTH) != 0, arms & (EAST | WEST) == 0);
                match (is_upright, was_upright) {
                    (true, true) => Cell::Line { arms: arms | arm, dashed: before && dashed, owner: first },
                    (true, false) => Cell::Line { arms: arm, dashed, owner },
                    (false, _) => *cell,
                }
            }
            Cell::Blank | Cell::Char(_) | Cell::Half => Cell::Line { arms: arm, dashed, owner },
        };
    }

    fn cell(&mut self, column: usize, row: usize) -> &mut Cell {
        while self.rows.len() <= row {
            self.rows.push(Vec::new());
        }
        let cells = &mut self.rows[row];
        while cells.len() <= column {
            cells.push(Cell::Blank);
        }
        &mut cells[column]
    }

    /// The rows as text, without trailing spaces.
    pub(super) fn lines(&self, glyphs: Glyphs) -> Vec<String> {
        let show = |cell: &Cell| match *cell {
            Cell::Blank => Some(' '),
            Cell::Char(c) => Some(c),
            Cell::Half => None,
            Cell::Line { arms, dashed, .. } => Some(glyphs.line(arms, dashed)),
        };
        self.rows
            .iter()
            .map(|cells| {
                let mut line: String = cells.iter().filter_map(show).collect();
                line.truncate(line.trim_end().len());
                line
            })
            .collect()
    }
}
