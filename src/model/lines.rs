//! What leads from one list of lines to another.

/// A step from one list of lines to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineStep<'a> {
    /// A line that both have.
    Both(&'a str),
    /// A line that only the first has.
    Removed(&'a str),
    /// A line that only the second has.
    Added(&'a str),
}

/// The shortest way from `one` to `other`, lines that are removed before those that are added. Of lists that make more than `most_pairs` pairs
/// of lines, all of the first is removed and all of the second is added.
///
/// # Source
/// The longest common subsequence by dynamic programming (Wagner and Fischer, "The String-to-String Correction Problem", 1974).
#[must_use]
pub fn line_steps<'a>(one: &[&'a str], other: &[&'a str], most_pairs: usize) -> Vec<LineStep<'a>> {
    let removed = |line: &&'a str| LineStep::Removed(line);
    let added = |line: &&'a str| LineStep::Added(line);
    if one.len().saturating_mul(other.len()) > most_pairs {
        return one.iter().map(removed).chain(other.iter().map(added)).collect();
    }
    // `common[at(i, j)]` is how many lines the rests from `i` and from `j` on have in common.
    let width = other.len() + 1;
    let at = |i: usize, j: usize| i * width + j;
    let mut common = vec![0_u32; (one.len() + 1) * width];
    for i in (0..one.len()).rev() {
        for j in (0..other.len()).rev() {
            common[at(i, j)] =
                if one[i] == other[j] { common[at(i + 1, j + 1)] + 1 } else { common[at(i + 1, j)].max(common[at(i, j + 1)]) };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut steps = Vec::with_capacity(one.len().max(other.len()));
    while i < one.len() && j < other.len() {
        if one[i] == other[j] {
            steps.push(LineStep::Both(one[i]));
            (i, j) = (i + 1, j + 1);
        } else if common[at(i + 1, j)] >= common[at(i, j + 1)] {
            steps.push(LineStep::Removed(one[i]));
            i += 1;
        } else {
            steps.push(LineStep::Added(other[j]));
            j += 1;
        }
    }
    steps.extend(one[i..].iter().map(removed));
    steps.extend(other[j..].iter().map(added));
    steps
}
