//! Lists as aligned columns, without lines, so that they can be read and cut.

use comfy_table::{Cell, ColumnConstraint, ContentArrangement, Table, Width, presets};

use crate::cli::{
    clean,
    terminal::{BOLD, Terminal},
};

/// The narrowest a column becomes before the table is wider than the terminal.
const NARROWEST: u16 = 8;

/// `rows` below `headings`. At a terminal, long texts are broken to fit its width; elsewhere each row is one line.
pub(super) fn table(terminal: &Terminal, headings: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(headings.iter().map(Cell::new));
    for row in rows {
        table.add_row(row.iter().map(|text| Cell::new(clean::one_line(text))));
    }
    if terminal.out.is_terminal {
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(u16::try_from(terminal.width_out()).unwrap_or(u16::MAX));
    } else {
        table.set_content_arrangement(ContentArrangement::Disabled);
    }
    let last = headings.len().saturating_sub(1);
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, if index == last { 0 } else { 2 }));
        // Ids, numbers and times stay whole; the last column is the one that tells a story.
        column.set_constraint(if index == last {
            ColumnConstraint::LowerBoundary(Width::Fixed(NARROWEST))
        } else {
            ColumnConstraint::ContentWidth
        });
    }
    let mut lines = table.lines().map(|line| line.trim_end().to_owned());
    // Painted here, so that colours do not count as columns.
    let heading = lines.next().map(|line| terminal.paint_out(BOLD, &line)).unwrap_or_default();
    std::iter::once(heading).chain(lines).map(|line| line + "\n").collect()
}
