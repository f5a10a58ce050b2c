//! Layered layout, second half: where the items of each row stand, close to what they are linked with and never on each other.

use crate::plan::draw::layers::{Item, Layers, neighbours};

/// What `place` needs to know of each item, by index.
pub(super) struct Extents<'a> {
    pub(super) widths: &'a [usize],
    /// Room kept free to the right of each item.
    pub(super) labels: &'a [usize],
    pub(super) gap: usize,
    /// The width of the widest row allowed.
    pub(super) limit: usize,
}

/// Fixed-point units in one unit of width: positions in between are rounded only at the end.
const UNIT: i64 = 64;

/// The left edge of each item, from 0; no item and its label reach beyond `limit` if the rows are no wider than that.
///
/// Each row is moved in turn as close as possible (least squares) to where its neighbours in the rows above and below want it.
pub(super) fn place(layers: &Layers, extents: &Extents<'_>) -> Vec<usize> {
    const SWEEPS: usize = 14;
    let (above, below) = neighbours(layers);
    let width = |item: usize| units(extents.widths[item]);
    let offsets: Vec<Vec<i64>> = layers.rows.iter().map(|row| row_offsets(row, extents)).collect();
    let slack: Vec<i64> =
        layers.rows.iter().zip(&offsets).map(|(row, offsets)| units(extents.limit) - row_end(row, offsets, extents)).collect();
    let widest = units(extents.limit) - slack.iter().copied().min().unwrap_or(0);
    let mut left = vec![0_i64; layers.items.len()];
    for ((row, offsets), slack) in layers.rows.iter().zip(&offsets).zip(&slack) {
        let margin = (widest - (units(extents.limit) - slack)) / 2;
        row.iter().zip(offsets).for_each(|(&item, offset)| left[item] = margin + offset);
    }
    for sweep in 0..SWEEPS {
        let down = sweep % 2 == 0;
        for step in 0..layers.rows.len() {
            let at = if down { step } else { layers.rows.len() - 1 - step };
            let row = &layers.rows[at];
            let wanted: Vec<(i64, i64)> = row
                .iter()
                .zip(&offsets[at])
                .map(|(&item, offset)| {
                    let both: Vec<usize> = above[item].iter().chain(&below[item]).copied().collect();
                    let near = if sweep + 2 >= SWEEPS {
                        &both
                    } else if down {
                        &above[item]
                    } else {
                        &below[item]
                    };
                    let straight =
                        layers.items[item] == Item::Trunk && near.iter().any(|&other| layers.items[other] == Item::Trunk);
                    let near: Vec<usize> =
                        near.iter().copied().filter(|&other| !straight || layers.items[other] == Item::Trunk).collect();
                    let weight = if straight { 8 } else { 1 };
                    let centre = match i64::try_from(near.len()) {
                        Ok(count) if count > 0 => near.iter().map(|&other| left[other] + width(other) / 2).sum::<i64>() / count,
                        _ => left[item] + width(item) / 2,
                    };
                    (centre - width(item) / 2 - offset, weight)
                })
                .collect();
            for ((&item, offset), moved) in row.iter().zip(&offsets[at]).zip(isotonic(&wanted)) {
                left[item] = moved.clamp(0, slack[at].max(0)) + offset;
            }
        }
    }
    let first = left.iter().copied().min().unwrap_or(0);
    // INVARIANT: offsets are whole units, and rounding keeps the order of what is added to them, so nothing comes to overlap.
    let mut left: Vec<usize> = left.iter().map(|&left| usize::try_from((left - first) / UNIT).unwrap_or(0)).collect();
    align_trunks(layers, extents, &above, &mut left);
    left
}

/// Moves trunks below the trunk above them where there is room: rounding has left long lines with small steps.
fn align_trunks(layers: &Layers, extents: &Extents<'_>, above: &[Vec<usize>], left: &mut [usize]) {
    let right = |item: usize, left: &[usize]| left[item] + extents.widths[item] + extents.labels[item] + extents.gap;
    for row in &layers.rows {
        for (at, &item) in row.iter().enumerate() {
            let [upper] = above[item].iter().filter(|&&upper| layers.items[upper] == Item::Trunk).collect::<Vec<_>>()[..] else {
                continue;
            };
            if layers.items[item] != Item::Trunk || extents.widths[*upper] != extents.widths[item] {
                continue;
            }
            let wanted = left[*upper];
            let after_previous = at == 0 || right(row[at - 1], left) <= wanted;
            let before_next = match row.get(at + 1) {
                Some(&next) => wanted + extents.widths[item] + extents.labels[item] + extents.gap <= left[next],
                None => wanted < left[item] || wanted + extents.widths[item] + extents.labels[item] <= extents.limit,
            };
            if after_previous && before_next {
                left[item] = wanted;
            }
        }
    }
}

fn units(width: usize) -> i64 {
    i64::try_from(width).unwrap_or(i64::from(u32::MAX)).min(i64::from(u32::MAX)) * UNIT
}

/// Where each item of a row stands when all are pushed to the left.
fn row_offsets(row: &[usize], extents: &Extents<'_>) -> Vec<i64> {
    row.iter()
        .scan(0, |next, &item| {
            let offset = *next;
            *next += units(extents.widths[item] + extents.labels[item] + extents.gap);
            Some(offset)
        })
        .collect()
}

fn row_end(row: &[usize], offsets: &[i64], extents: &Extents<'_>) -> i64 {
    match (row.last(), offsets.last()) {
        (Some(&item), Some(offset)) => offset + units(extents.widths[item] + extents.labels[item]),
        _ => 0,
    }
}

/// The non-decreasing numbers nearest to the wanted ones (value, weight) by weighted least squares: pool adjacent violators.
fn isotonic(wanted: &[(i64, i64)]) -> Vec<i64> {
    let mut blocks: Vec<(i64, i64, usize)> = Vec::with_capacity(wanted.len());
    for &(value, weight) in wanted {
        blocks.push((value * weight, weight, 1));
        while let [.., (a_sum, a_weight, a_len), (b_sum, b_weight, b_len)] = blocks[..]
            && a_sum / a_weight > b_sum / b_weight
        {
            blocks.truncate(blocks.len() - 2);
            blocks.push((a_sum + b_sum, a_weight + b_weight, a_len + b_len));
        }
    }
    blocks.into_iter().flat_map(|(sum, weight, len)| std::iter::repeat_n(sum / weight, len)).collect()
}
