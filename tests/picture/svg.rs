//! A screen as SVG: a run of cells that look the same is one text, stretched to its columns whatever font there is.

use std::fmt::Write;

use vt100::{Cell, Color, Screen};

const WIDE: f32 = 8.4;
const HIGH: f32 = 18.0;
const EDGE: f32 = 12.0;
const PAPER: &str = "#16181d";
const INK: &str = "#d6d9e0";
/// The sixteen colours of a terminal, as this picture has them.
const SIXTEEN: [&str; 16] = [
    "#2b2f38", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#d6d9e0",
    "#7f848e", "#ff7b86", "#b5e890", "#ffd68a", "#7cc4ff", "#dd9bf0", "#7fd6e0", "#ffffff",
];

/// How a cell looks.
#[derive(Clone, PartialEq)]
struct Look {
    ink: String,
    paper: Option<String>,
    bold: bool,
    dim: bool,
    underline: bool,
}

/// The picture.
pub(crate) fn drawn(screen: &Screen) -> String {
    let (rows, columns) = screen.size();
    let width = f32::from(columns.get()) * WIDE + 2.0 * EDGE;
    let height = f32::from(rows.get()) * HIGH + 2.0 * EDGE;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" \
         role=\"img\" aria-label=\"The screen of jobtop: jobs with status, step, progress, rate and time left\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{PAPER}\"/>\n\
         <g font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\" font-size=\"14\">\n"
    );
    for row in 0..rows.get() {
        let mut column = 0;
        while column < columns.get() {
            let look = look_of(screen.cell(row, column));
            let begin = column;
            let mut text = String::new();
            while column < columns.get() && look_of(screen.cell(row, column)) == look {
                match screen.cell(row, column) {
                    Some(cell) if cell.is_wide_continuation() => {}
                    Some(cell) if cell.has_contents() => text.push_str(cell.contents()),
                    _ => text.push(' '),
                }
                column += 1;
            }
            draw(&mut svg, row, (begin, column), &look, &text);
        }
    }
    svg.push_str("</g>\n</svg>\n");
    svg
}

fn draw(svg: &mut String, row: u16, (begin, end): (u16, u16), look: &Look, text: &str) {
    let (x, y) = (EDGE + f32::from(begin) * WIDE, EDGE + f32::from(row) * HIGH);
    let width = f32::from(end - begin) * WIDE;
    if let Some(paper) = &look.paper {
        let _ = writeln!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{HIGH}\" fill=\"{paper}\"/>"
        );
    }
    // Words far from each other are texts of their own: not every program that draws SVG keeps several blanks.
    let mut column = 0;
    for piece in text.split("  ") {
        let before = piece.chars().take_while(|c| *c == ' ').count();
        let x = x + (column + before) as f32 * WIDE;
        write(svg, (x, y), look, piece.trim());
        column += piece.chars().count() + 2;
    }
}

fn write(svg: &mut String, (x, y): (f32, f32), look: &Look, text: &str) {
    if text.is_empty() {
        return;
    }
    let width = text.chars().count() as f32 * WIDE;
    let mut marks = String::new();
    for (is_so, mark) in [
        (look.bold, " font-weight=\"bold\""),
        (look.dim, " opacity=\"0.6\""),
        (look.underline, " text-decoration=\"underline\""),
    ] {
        if is_so {
            marks.push_str(mark);
        }
    }
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{:.1}\" textLength=\"{width:.1}\" lengthAdjust=\"spacingAndGlyphs\" fill=\"{}\"{marks}>{}</text>",
        y + 13.5,
        look.ink,
        escaped(text)
    );
}

fn look_of(cell: Option<&Cell>) -> Look {
    let Some(cell) = cell else {
        return Look {
            ink: INK.to_owned(),
            paper: None,
            bold: false,
            dim: false,
            underline: false,
        };
    };
    let (mut ink, mut paper) = (colour(cell.fgcolor()), colour(cell.bgcolor()));
    if cell.inverse() {
        (ink, paper) = (
            Some(paper.unwrap_or_else(|| PAPER.to_owned())),
            Some(ink.unwrap_or_else(|| INK.to_owned())),
        );
    }
    Look {
        ink: ink.unwrap_or_else(|| INK.to_owned()),
        paper,
        bold: cell.bold(),
        dim: cell.dim(),
        underline: cell.underline(),
    }
}

fn colour(colour: Color) -> Option<String> {
    match colour {
        Color::Default => None,
        Color::Idx(at @ 0..16) => Some(SIXTEEN[usize::from(at)].to_owned()),
        // A cube of six steps a colour, then greys.
        Color::Idx(at @ 16..232) => {
            let step = |of: u8| match (at - 16) / of % 6 {
                0 => 0,
                n => 55 + 40 * n,
            };
            Some(format!("#{:02x}{:02x}{:02x}", step(36), step(6), step(1)))
        }
        Color::Idx(at) => {
            let grey = 8 + 10 * (at - 232);
            Some(format!("#{grey:02x}{grey:02x}{grey:02x}"))
        }
        Color::Rgb(red, green, blue) => Some(format!("#{red:02x}{green:02x}{blue:02x}")),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
