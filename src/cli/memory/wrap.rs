//! Text broken into lines of a width.

/// The lines of `text`, none wider than `width` columns where there is a blank to break at; indentation is kept.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    text.trim_end().lines().flat_map(|line| wrap_line(line.trim_end(), width.max(10))).collect()
}

fn wrap_line(line: &str, width: usize) -> Vec<String> {
    if console::measure_text_width(line) <= width {
        return vec![line.to_owned()];
    }
    let indent = &line[..line.len() - line.trim_start().len()];
    let (mut lines, mut current) = (Vec::new(), indent.to_owned());
    let mut is_empty = true;
    for word in line.split_whitespace() {
        let wide = console::measure_text_width(&current) + 1 + console::measure_text_width(word);
        if !is_empty && wide > width {
            lines.push(std::mem::replace(&mut current, indent.to_owned()));
            is_empty = true;
        }
        if !is_empty {
            current.push(' ');
        }
        current.push_str(word);
        is_empty = false;
    }
    lines.push(current);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_broken_at_blanks_and_short_ones_stay() {
        assert_eq!(wrap("one two three four\n\n  five six seven\n", 12), ["one two", "three four", "", "  five six", "  seven"]);
        assert_eq!(wrap("averyveryverylongword x", 10), ["averyveryverylongword", "x"]);
        assert_eq!(wrap("日本語 テキスト", 10), ["日本語", "テキスト"]);
    }
}
