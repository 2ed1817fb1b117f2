//! Which columns the list has at a width, and how wide each is. Pure.
//!
//! Every column has a least width; those that matter least go first when there is no room. What is left over goes to
//! those that can use it.

/// A column of the list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Column {
    /// Glyph and word.
    Status,
    /// The glyph alone.
    Glyph,
    Name,
    Owner,
    Step,
    Bar,
    Percent,
    Rate,
    Eta,
    Age,
}

/// What a column needs and can use.
struct Need {
    column: Column,
    least: u16,
    most: u16,
    /// Its share of what is left over.
    share: u16,
}

const fn need(column: Column, least: u16, most: u16, share: u16) -> Need {
    Need {
        column,
        least,
        most,
        share,
    }
}

/// In the order on the screen.
const NEEDS: [Need; 9] = [
    need(Column::Status, 13, 13, 0),
    need(Column::Name, 16, 48, 4),
    need(Column::Owner, 8, 14, 1),
    need(Column::Step, 13, 26, 2),
    need(Column::Bar, 6, 30, 3),
    need(Column::Percent, 5, 5, 0),
    need(Column::Rate, 8, 8, 0),
    need(Column::Eta, 15, 15, 0),
    need(Column::Age, 6, 6, 0),
];

/// What matters most comes first.
const RANKS: [Column; 9] = [
    Column::Name,
    Column::Percent,
    Column::Bar,
    Column::Status,
    Column::Eta,
    Column::Step,
    Column::Rate,
    Column::Owner,
    Column::Age,
];

/// The columns at a width with their widths, in order; one blank lies between two, two where there is plenty.
pub(super) fn columns(width: u16) -> Vec<(Column, u16)> {
    let mut chosen: Vec<Column> = Vec::new();
    let mut taken = 0;
    for column in RANKS {
        let least = NEEDS
            .iter()
            .find(|need| need.column == column)
            .map_or(0, |need| need.least);
        let with_gap = least + u16::from(!chosen.is_empty());
        if taken + with_gap <= width {
            taken += with_gap;
            chosen.push(column);
        } else if column == Column::Status && taken + 2 <= width {
            // No room for the word: the glyph says it too.
            taken += 2;
            chosen.push(Column::Glyph);
            break;
        } else if chosen.is_empty() {
            return vec![(Column::Name, width)];
        } else {
            break;
        }
    }
    let mut laid: Vec<(Column, u16)> = NEEDS
        .iter()
        .filter_map(|need| {
            let is_glyph = need.column == Column::Status && chosen.contains(&Column::Glyph);
            match (chosen.contains(&need.column), is_glyph) {
                (true, _) => Some((need.column, need.least)),
                (false, true) => Some((Column::Glyph, 1)),
                (false, false) => None,
            }
        })
        .collect();
    spread(&mut laid, width - taken);
    laid
}

/// Gives what is left over to those that can use it, by their shares.
fn spread(laid: &mut [(Column, u16)], mut left: u16) {
    while left > 0 {
        let mut given = false;
        for (column, width) in &mut *laid {
            let Some(need) = NEEDS.iter().find(|need| need.column == *column) else {
                continue;
            };
            let more = need.share.min(left).min(need.most - *width);
            *width += more;
            left -= more;
            given |= more > 0;
        }
        if !given {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_drop_one_by_one_and_fit() {
        let mut before = usize::MAX;
        for width in (1..=240).rev() {
            let laid = columns(width);
            let gaps = laid.len() as u16 - 1;
            let sum: u16 = laid.iter().map(|(_, w)| w).sum();
            assert!(sum + gaps <= width, "{width}: {laid:?}");
            assert!(laid.iter().any(|(c, _)| *c == Column::Name));
            assert!(laid.len() <= before, "{width}");
            assert!(laid.len() + 1 >= before.min(9), "{width} drops several");
            before = laid.len();
        }
    }

    #[test]
    fn what_stays_at_which_width() {
        use Column::{Age, Bar, Eta, Glyph, Name, Owner, Percent, Rate, Status, Step};
        for (width, expected) in [
            (
                200,
                vec![Status, Name, Owner, Step, Bar, Percent, Rate, Eta, Age],
            ),
            (80, vec![Status, Name, Step, Bar, Percent, Eta]),
            (60, vec![Status, Name, Bar, Percent, Eta]),
            (40, vec![Glyph, Name, Bar, Percent]),
        ] {
            let names: Vec<_> = columns(width).into_iter().map(|(c, _)| c).collect();
            assert_eq!(names, expected, "{width}");
        }
    }
}
