//! A table for people: columns as wide as what is in them, by the width that a terminal gives each character. Where the
//! width is limited the columns that can be spared go, and the widest that may shrink give way; elsewhere nothing is cut.

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
    /// How easily it can be spared: the highest goes first, 0 never.
    pub(crate) spare: u8,
}

impl Column {
    /// The same, to be left out where there is no room; the highest rank goes first.
    pub(crate) const fn spared(mut self, rank: u8) -> Self {
        self.spare = rank;
        self
    }
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
        spare: 0,
    }
}

/// A column of words that may be cut to `width`.
pub(crate) const fn shrinking(title: &'static str, width: usize) -> Column {
    Column {
        title,
        side: Side::Left,
        shrinks_to: Some(width),
        spare: 0,
    }
}

/// A column of figures.
pub(crate) const fn figures(title: &'static str) -> Column {
    Column {
        title,
        side: Side::Right,
        shrinks_to: None,
        spare: 0,
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
    let mut widths = wanted(columns, rows);
    let mut shown: Vec<usize> = (0..columns.len()).collect();
    if let Some(limit) = width {
        spare(columns, &widths, &mut shown, limit);
        shrink(columns, &mut widths, &shown, limit);
    }
    let mut out = String::new();
    let titles: Vec<_> = columns
        .iter()
        .map(|column| Cell::from(column.title))
        .collect();
    let places: Vec<_> = shown
        .into_iter()
        .map(|at| (at, columns[at].side, widths[at]))
        .collect();
    out.push_str(&line(&places, &titles, |_, text| paint.heading(text)));
    for row in rows {
        out.push_str(&line(&places, row, |cell, text| match cell.status {
            Some(status) => paint.status(status, text),
            None => text.to_owned(),
        }));
    }
    out
}

/// Which cell of a row stands in a place, on which side of it, and how wide the place is.
type Place = (usize, Side, usize);

fn line(places: &[Place], row: &[Cell], paint: impl Fn(&Cell, &str) -> String) -> String {
    let mut line = String::new();
    let mut owed = 0;
    for (at, side, width) in places {
        let cell = &row[*at];
        let text = cut(&cell.text, *width);
        let room = width.saturating_sub(text.width());
        let (before, after) = match side {
            Side::Left => (owed, room),
            Side::Right => (owed + room, 0),
        };
        // Blanks are written only when something follows them, so that no line ends in blanks.
        if text.is_empty() {
            owed = before;
        } else {
            line.extend(std::iter::repeat_n(' ', before));
            line.push_str(&paint(cell, &text));
            owed = 0;
        }
        owed += 2 + after;
    }
    line.push('\n');
    line
}

/// As wide as each column would be where nothing limits it.
fn wanted(columns: &[Column], rows: &[Vec<Cell>]) -> Vec<usize> {
    columns
        .iter()
        .enumerate()
        .map(|(at, column)| {
            let cells = rows.iter().map(|row| row[at].text.width());
            cells.max().unwrap_or(0).max(column.title.width())
        })
        .collect()
}

/// Leaves columns out until the rest would fit if all that may shrink did.
fn spare(columns: &[Column], widths: &[usize], shown: &mut Vec<usize>, limit: usize) {
    let least = |at: &usize| {
        columns[*at]
            .shrinks_to
            .map_or(widths[*at], |to| to.min(widths[*at]))
    };
    while total(shown.iter().map(least)) > limit {
        let easiest = shown
            .iter()
            .enumerate()
            .filter(|(_, at)| columns[**at].spare > 0)
            .max_by_key(|(_, at)| columns[**at].spare);
        match easiest {
            Some((place, _)) => shown.remove(place),
            None => return,
        };
    }
}

/// Takes from the widest of the columns that may shrink, until all fit or none can any more.
fn shrink(columns: &[Column], widths: &mut [usize], shown: &[usize], limit: usize) {
    while total(shown.iter().map(|at| widths[*at])) > limit {
        let can = |at: &&usize| columns[**at].shrinks_to.is_some_and(|to| widths[**at] > to);
        match shown.iter().filter(can).max_by_key(|at| widths[**at]) {
            Some(at) => widths[*at] -= 1,
            None => return,
        }
    }
}

/// The width of columns of these widths, two blanks between them.
fn total(widths: impl ExactSizeIterator<Item = usize>) -> usize {
    2 * widths.len().saturating_sub(1) + widths.sum::<usize>()
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
    fn what_can_be_spared_goes_first() {
        let columns = [
            words("ID"),
            shrinking("NAME", 4),
            words("TYPE").spared(2),
            words("STEP").spared(1),
        ];
        let row = vec!["1".into(), "orders".into(), "csv".into(), "data".into()];
        for (width, expected) in [
            (99, "ID  NAME    TYPE  STEP\n1   orders  csv   data\n"),
            (21, "ID  NAME   TYPE  STEP\n1   orde…  csv   data\n"),
            (18, "ID  NAME    STEP\n1   orders  data\n"),
            (10, "ID  NAME\n1   orders\n"),
            (1, "ID  NAME\n1   ord…\n"),
        ] {
            let rows = std::slice::from_ref(&row);
            assert_eq!(
                render(&columns, rows, Some(width), Paint::Plain),
                expected,
                "{width}"
            );
        }
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
