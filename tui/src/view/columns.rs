//! Which columns the list has at a width, and how wide each is. Pure.
//!
//! Every column has a least width and one at which it reads well; those that matter least go first when there is no
//! room. The last few come only when the others read well. What is left over goes to those that can use it. A person hides
//! and moves them ([`Arrangement`]).

use crate::app::arrange::{self, Arrangement};

/// A column of the list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Column {
    /// Glyph and word.
    Status,
    /// The glyph alone.
    Glyph,
    Name,
    Owner,
    Queue,
    Host,
    /// The current step by its name.
    Step,
    /// The current step by its number: `3/5`.
    StepNumber,
    Bar,
    Percent,
    Rate,
    Errors,
    Eta,
    Age,
}

impl Column {
    /// What a person calls it.
    pub(super) const fn of(self) -> arrange::Column {
        match self {
            Self::Status | Self::Glyph => arrange::Column::Status,
            Self::Name => arrange::Column::Name,
            Self::Owner => arrange::Column::Owner,
            Self::Queue => arrange::Column::Queue,
            Self::Host => arrange::Column::Host,
            Self::Step | Self::StepNumber => arrange::Column::Step,
            Self::Bar | Self::Percent => arrange::Column::Progress,
            Self::Rate => arrange::Column::Rate,
            Self::Errors => arrange::Column::Errors,
            Self::Eta => arrange::Column::Eta,
            Self::Age => arrange::Column::Age,
        }
    }
}

/// What a column needs and can use.
struct Need {
    column: Column,
    least: u16,
    good: u16,
    most: u16,
    /// Its share of what is left over.
    share: u16,
}

const fn need(column: Column, widths: [u16; 3], share: u16) -> Need {
    let [least, good, most] = widths;
    Need {
        column,
        least,
        good,
        most,
        share,
    }
}

const fn fixed(column: Column, width: u16) -> Need {
    need(column, [width; 3], 0)
}

/// In the order on the screen.
const NEEDS: [Need; 13] = [
    fixed(Column::Status, 13),
    need(Column::Name, [17, 24, 44], 3),
    need(Column::Owner, [8, 10, 14], 1),
    need(Column::Queue, [7, 10, 14], 1),
    need(Column::Host, [6, 10, 16], 1),
    need(Column::Step, [13, 17, 24], 1),
    fixed(Column::StepNumber, 4),
    need(Column::Bar, [6, 10, 30], 2),
    fixed(Column::Percent, 5),
    fixed(Column::Rate, 8),
    fixed(Column::Errors, 7),
    need(Column::Eta, [12, 14, 14], 1),
    fixed(Column::Age, 6),
];

/// What matters most comes first; from [`EXTRAS`] on they come only when the others read well.
const RANKS: [Column; 12] = [
    Column::Name,
    Column::Percent,
    Column::Bar,
    Column::Status,
    Column::Eta,
    Column::Step,
    Column::Rate,
    Column::Errors,
    Column::Owner,
    Column::Queue,
    Column::Host,
    Column::Age,
];
const EXTRAS: usize = 7;

/// From this width on two blanks lie between columns.
const APART_FROM: u16 = 124;

/// Columns that lie between one column and the next at a width of the whole list. The percent belongs to its bar.
pub(super) fn gap(column: Column, width: u16) -> u16 {
    if width >= APART_FROM && column != Column::Bar {
        2
    } else {
        1
    }
}

/// The columns at a width with their widths, in the order on the screen. Where jobs of several daemons are listed, it matters
/// nearly as much as the name which of them a job lives on.
pub(super) fn columns(width: u16, wanted: &Arrangement, several: bool) -> Vec<(Column, u16)> {
    let mut chosen: Vec<Column> = vec![Column::Name];
    if several && fits(&chosen, Column::Host, 1, width) {
        chosen.push(Column::Host);
    }
    for (rank, column) in RANKS.into_iter().enumerate().skip(1) {
        if !wanted.shows(column.of()) || chosen.contains(&column) {
            continue;
        }
        if fits(&chosen, column, rank, width) {
            chosen.push(column);
            continue;
        }
        // Where there is no room for the long form there is none for more columns either.
        if let Some(short) = short(column).filter(|short| fits(&chosen, *short, rank, width)) {
            chosen.push(short);
        }
        break;
    }
    let mut laid: Vec<(Column, u16)> = NEEDS
        .iter()
        .filter_map(|need| {
            if chosen.contains(&need.column) {
                Some((need.column, need.least))
            } else if need.column == Column::Status && chosen.contains(&Column::Glyph) {
                Some((Column::Glyph, 1))
            } else {
                None
            }
        })
        .collect();
    let order = wanted.columns();
    laid.sort_by_key(|(column, _)| order.iter().position(|one| *one == column.of()));
    if let [(_, name)] = laid.as_mut_slice() {
        *name = width;
        return laid;
    }
    let taken = total(laid.iter().copied(), width);
    spread(&mut laid, width.saturating_sub(taken));
    laid
}

/// What says the same in less room.
const fn short(column: Column) -> Option<Column> {
    match column {
        Column::Status => Some(Column::Glyph),
        Column::Step => Some(Column::StepNumber),
        _ => None,
    }
}

/// Whether one more column finds room beside those chosen.
fn fits(chosen: &[Column], column: Column, rank: usize, width: u16) -> bool {
    let sizes = chosen.iter().map(|one| {
        let (least, good) = sizes(*one);
        (*one, if rank >= EXTRAS { good } else { least })
    });
    let all = sizes.chain([(column, sizes_least(column))]);
    total(all, width) <= width
}

fn sizes(column: Column) -> (u16, u16) {
    NEEDS
        .iter()
        .find(|need| need.column == column)
        .map_or((1, 1), |need| (need.least, need.good))
}

fn sizes_least(column: Column) -> u16 {
    sizes(column).0
}

/// The width of columns with what lies between them.
fn total(laid: impl Iterator<Item = (Column, u16)>, width: u16) -> u16 {
    let (sum, last) = laid.fold((0, 0), |(sum, _), (column, wide)| {
        let gap = gap(column, width);
        (sum + wide + gap, gap)
    });
    sum - last
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
            let laid = columns(width, &Arrangement::default(), false);
            let all = total(laid.iter().copied(), width);
            assert!(all <= width, "{width}: {laid:?}");
            assert!(laid.iter().any(|(c, _)| *c == Column::Name));
            assert!(laid.len() <= before, "{width}");
            assert!(laid.len() + 1 >= before.min(9), "{width} drops several");
            before = laid.len();
        }
    }

    #[test]
    fn what_stays_at_which_width() {
        use Column::{Age, Bar, Eta, Glyph, Name, Owner, Percent, Rate, Status, Step, StepNumber};
        for (width, expected) in [
            (
                120,
                vec![Status, Name, Owner, Step, Bar, Percent, Rate, Eta, Age],
            ),
            (100, vec![Status, Name, Step, Bar, Percent, Rate, Eta]),
            (80, vec![Status, Name, Step, Bar, Percent, Rate, Eta]),
            (79, vec![Status, Name, Step, Bar, Percent, Eta]),
            (65, vec![Status, Name, StepNumber, Bar, Percent, Eta]),
            (60, vec![Status, Name, Bar, Percent, Eta]),
            (40, vec![Glyph, Name, Bar, Percent]),
        ] {
            let laid = columns(width, &Arrangement::default(), false);
            let names: Vec<_> = laid.into_iter().map(|(c, _)| c).collect();
            assert_eq!(names, expected, "{width}");
        }
    }
}
