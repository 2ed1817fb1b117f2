//! A table for people: columns as wide as what is in them, by the width that a terminal gives each character. Where the
//! width is limited the widest columns that may shrink give way; elsewhere nothing is cut.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::colour::Paint;

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Column {
    /// What stands above it.
    pub(crate) title: &'static str,
    /// Where its cells stand.
    pub(crate) side: Side,
    /// The width it may be cut to; `None` if it stays whole.
    pub(crate) shrinks_to: Option<usize>,
}

/// On which side of a column its cells stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Words.
    Left,
    /// Figures.
    Right,
}

/// A column of words.
pub(crate) const fn words(title: &'static str) -> Column {
    Column {
        title,
        side: Side::Left,
        shrinks_to: None,
    }
}

/// A column of words that may be cut to `width`.
pub(crate) const fn shrinking(title: &'static str, width: usize) -> Column {
    Column {
        title,
        side: Side::Left,
        shrinks_to: Some(width),
    }
}

/// A column of figures.
pub(crate) const fn figures(title: &'static str) -> Column {
    Column {
        title,
        side: Side::Right,
        shrinks_to: None,
    }
}

/// A cell: its text, and the text as it is painted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cell {
    text: String,
    status: Option<jobtop_core::Status>,
}

impl Cell {
    /// A cell in the colour of a status.
    pub(crate) fn of_status(status: jobtop_core::Status, text: String) -> Self {
        Self {
            text,
            status: Some(status),
        }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self {
            text: text.into(),
            status: None,
        }
    }
}

/// The lines of a table, header first. `width` is what a line may have at most.
pub(crate) fn render(
    columns: &[Column],
    rows: &[Vec<Cell>],
    width: Option<usize>,
    paint: Paint,
) -> String {
    let widths = widths(columns, rows, width);
    let mut out = String::new();
    let titles: Vec<_> = columns
        .iter()
        .map(|column| Cell::from(column.title))
        .collect();
    out.push_str(&line(columns, &titles, &widths, |_, text| {
        paint.heading(text)
    }));
    for row in rows {
        out.push_str(&line(columns, row, &widths, |cell, text| {
            match cell.status {
                Some(status) => paint.status(status, text),
                None => text.to_owned(),
            }
        }));
    }
    out
}

fn line(
    columns: &[Column],
    row: &[Cell],
    widths: &[usize],
    paint: impl Fn(&Cell, &str) -> String,
) -> String {
    let mut line = String::new();
    let mut owed = 0;
    for ((column, cell), width) in columns.iter().zip(row).zip(widths) {
        let text = cut(&cell.text, *width);
        let room = width.saturating_sub(text.width());
        // Blanks are written only when something follows them, so that no line ends in blanks.
        let before = owed + if column.side == Side::Right { room } else { 0 };
        if text.is_empty() {
            owed = before;
        } else {
            line.extend(std::iter::repeat_n(' ', before));
            line.push_str(&paint(cell, &text));
            owed = 0;
        }
        owed += 2 + if column.side == Side::Left { room } else { 0 };
    }
    line.push('\n');
    line
}

fn widths(columns: &[Column], rows: &[Vec<Cell>], limit: Option<usize>) -> Vec<usize> {
    let mut widths: Vec<_> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| {
            let cells = rows.iter().filter_map(|row| row.get(at));
            let widest = cells.map(|cell| cell.text.width()).max().unwrap_or(0);
            widest.max(column.title.width())
        })
        .collect();
    let Some(limit) = limit else { return widths };
    let between = 2 * columns.len().saturating_sub(1);
    loop {
        let over = (widths.iter().sum::<usize>() + between).saturating_sub(limit);
        let shrinkable = |at: &usize| {
            columns[*at]
                .shrinks_to
                .is_some_and(|least| widths[*at] > least)
        };
        let widest = (0..columns.len())
            .filter(shrinkable)
            .max_by_key(|at| widths[*at]);
        match widest {
            Some(at) if over > 0 => widths[at] -= 1,
            _ => return widths,
        }
    }
}

/// The text within `width` columns; a cut one ends in `…`.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > width {
            break;
        }
        kept.push(c);
    }
    if width > 0 {
        kept.push('…');
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] = [words("STATUS"), shrinking("NAME", 6), figures("DONE")];

    fn check(rows: &[[&str; 3]], width: Option<usize>, expected: &str) {
        let rows: Vec<Vec<Cell>> = rows
            .iter()
            .map(|row| row.iter().map(|text| Cell::from(*text)).collect())
            .collect();
        assert_eq!(render(&COLUMNS, &rows, width, Paint::Plain), expected);
    }

    #[test]
    fn columns_are_aligned_by_width_not_by_bytes() {
        check(
            &[["running", "表.csv", "7%"], ["failed", "äöü", ""]],
            None,
            "STATUS   NAME    DONE\nrunning  表.csv    7%\nfailed   äöü\n",
        );
    }

    #[test]
    fn only_what_may_shrink_is_cut_and_only_where_the_width_is_limited() {
        let rows = [["running", "a-very-long-name.csv", "7%"]];
        check(
            &rows,
            None,
            "STATUS   NAME                  DONE\nrunning  a-very-long-name.csv    7%\n",
        );
        check(
            &rows,
            Some(24),
            "STATUS   NAME       DONE\nrunning  a-very-l…    7%\n",
        );
        check(
            &rows,
            Some(5),
            "STATUS   NAME    DONE\nrunning  a-ver…    7%\n",
        );
    }

    #[test]
    fn colour_does_not_move_the_columns() {
        let status = jobtop_core::Status::Failed;
        let rows = vec![vec![
            Cell::of_status(status, "failed".into()),
            "x".into(),
            "1%".into(),
        ]];
        let text = render(&COLUMNS, &rows, None, Paint::Ansi);
        assert!(
            text.ends_with("\x1b[1;31mfailed\x1b[0m  x       1%\n"),
            "{text:?}"
        );
    }
}
