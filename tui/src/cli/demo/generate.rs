//! Writes the demo's input: CSV files of orders as they really arrive, with dates and amounts in several spellings,
//! missing fields, impossible dates, bytes that are no text and line breaks inside of quotes.
//!
//! Deterministic: the same seed and number of rows give the same bytes.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// What a file has in it, as its writer knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Written {
    /// Rows, the header not counted.
    pub(crate) rows: u64,
    /// Rows that no careful reader may let through.
    pub(crate) broken: u64,
    /// Rows whose e-mail address is none: only the last pipeline minds.
    pub(crate) addressless: u64,
    /// Bytes.
    pub(crate) bytes: u64,
}

const HEADER: &str =
    "Order ID,Order Date,Customer,Email,Country,Product,Quantity,Unit Price,Amount,Note";
const FIRST: [&str; 12] = [
    "Ada", "Björn", "Chiara", "Dmitri", "Élodie", "Fatma", "Goran", "Hana", "İpek", "José",
    "Kenji", "Łucja",
];
const LAST: [&str; 10] = [
    "Andersson",
    "Brown",
    "Castillo",
    "Dubois",
    "Eriksen",
    "Fischer",
    "García",
    "Hughes",
    "Ito",
    "Jovanović",
];
const COUNTRIES: [&str; 8] = ["DE", "fr", "US", " es", "JP", "pl ", "SE", "TR"];
const PRODUCTS: [&str; 8] = [
    "Desk lamp",
    "Filing cabinet, grey",
    "Paper A4",
    "Chair \"Berlin\"",
    "Monitor arm",
    "USB hub",
    "Whiteboard",
    "Shelf",
];

/// Rows between two looks at whether it is still wanted.
const STRIDE: u64 = 8_192;

/// Writes `rows` orders to `path`, as long as it is wanted.
pub(crate) fn orders(
    path: &Path,
    rows: u64,
    seed: u64,
    wanted: impl Fn() -> bool,
) -> io::Result<Written> {
    let mut out = BufWriter::with_capacity(1 << 18, File::create(path)?);
    let mut chance = Chance(seed);
    let mut written = Written::default();
    let mut line = Vec::with_capacity(256);
    // Spreadsheets put a byte order mark in front and end lines in two characters.
    let end: &[u8] = if seed.is_multiple_of(2) {
        b"\r\n"
    } else {
        b"\n"
    };
    line.extend_from_slice("\u{feff}".as_bytes());
    line.extend_from_slice(HEADER.as_bytes());
    for row in 0..rows {
        if row.is_multiple_of(STRIDE) && !wanted() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        line.extend_from_slice(end);
        written.bytes += line.len() as u64;
        out.write_all(&line)?;
        line.clear();
        order(&mut line, row, &mut chance, &mut written)?;
    }
    line.extend_from_slice(end);
    written.bytes += line.len() as u64;
    out.write_all(&line)?;
    out.flush()?;
    Ok(written)
}

/// What is wrong with a row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dirt {
    None,
    Date,
    Amount,
    NoId,
    Short,
    Long,
    Quantity,
    Bytes,
    Address,
}

impl Dirt {
    /// Of a thousand rows 36 are broken, and 4 have a bad address.
    fn pick(chance: &mut Chance) -> Self {
        match chance.below(1_000) {
            0..9 => Self::Date,
            9..18 => Self::Amount,
            18..22 => Self::NoId,
            22..26 => Self::Short,
            26..28 => Self::Long,
            28..33 => Self::Quantity,
            33..36 => Self::Bytes,
            36..40 => Self::Address,
            _ => Self::None,
        }
    }
}

fn order(
    line: &mut Vec<u8>,
    row: u64,
    chance: &mut Chance,
    written: &mut Written,
) -> io::Result<()> {
    let dirt = Dirt::pick(chance);
    written.rows += 1;
    match dirt {
        Dirt::None => {}
        Dirt::Address => written.addressless += 1,
        _ => written.broken += 1,
    }

    if dirt != Dirt::NoId {
        write!(line, "ORD-{:07}", row + 1)?;
    }
    line.push(b',');
    if dirt == Dirt::Date {
        line.extend_from_slice(
            chance
                .of(&["2026-02-30", "31/31/2026", "yesterday", "n/a", "2026-13-01"])
                .as_bytes(),
        );
    } else {
        date(line, chance)?;
    }
    line.push(b',');
    let first = chance.of(&FIRST);
    let last = chance.of(&LAST);
    write!(
        line,
        "{}{first} {last}",
        chance.of(&["", "", "", " ", "  "])
    )?;
    if dirt == Dirt::Bytes {
        line.extend_from_slice(b"\xff\xfe");
    }
    line.push(b',');
    let at = if dirt == Dirt::Address { " at " } else { "@" };
    write!(line, "customer{}{at}example.org,", chance.below(90_000))?;
    line.extend_from_slice(chance.of(&COUNTRIES).as_bytes());
    line.push(b',');
    quoted(line, chance.of(&PRODUCTS));
    if dirt == Dirt::Short {
        return Ok(());
    }

    let quantity = 1 + chance.below(40);
    let unit_cents = 99 + chance.below(180_000);
    if dirt == Dirt::Quantity {
        write!(line, ",{},", chance.of(&["a dozen", "2x", "?", "1.5"]))?;
    } else {
        write!(line, ",{quantity},")?;
    }
    write!(line, "{}.{:02},", unit_cents / 100, unit_cents % 100)?;
    if dirt == Dirt::Amount {
        line.extend_from_slice(
            chance
                .of(&["twelve", "12.3.4", "--", "1,23,45", "€"])
                .as_bytes(),
        );
    } else {
        amount(line, quantity * unit_cents, chance)?;
    }
    line.push(b',');
    note(line, chance);
    if dirt == Dirt::Long {
        line.extend_from_slice(b",left over");
    }
    Ok(())
}

fn date(line: &mut Vec<u8>, chance: &mut Chance) -> io::Result<()> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (year, month, day) = (2026, 1 + chance.below(12), 1 + chance.below(28));
    match chance.below(10) {
        0..6 => write!(line, "{year}-{month:02}-{day:02}"),
        6..8 => write!(line, "{day:02}.{month:02}.{year}"),
        8 => write!(line, "{month}/{day}/{year}"),
        _ => write!(line, "{day} {} {year}", MONTHS[month as usize - 1]),
    }
}

fn amount(line: &mut Vec<u8>, cents: u64, chance: &mut Chance) -> io::Result<()> {
    let (whole, part) = (cents / 100, cents % 100);
    match chance.below(10) {
        0..5 => write!(line, "{whole}.{part:02}"),
        5..7 => write!(line, "\"{}.{part:02}\"", grouped(whole, ',')),
        7..9 => write!(line, "\"{},{part:02} €\"", grouped(whole, '.')),
        _ => write!(line, "\"${}.{part:02}\"", grouped(whole, ',')),
    }
}

fn note(line: &mut Vec<u8>, chance: &mut Chance) {
    match chance.below(20) {
        0 => line.extend_from_slice(b"\"leave at the door,\nring twice\""),
        1 => line.extend_from_slice(b"\"customer said \"\"soon\"\"\""),
        2..5 => line.extend_from_slice(b"gift"),
        _ => {}
    }
}

fn quoted(line: &mut Vec<u8>, text: &str) {
    if text.contains([',', '"']) {
        line.push(b'"');
        line.extend_from_slice(text.replace('"', "\"\"").as_bytes());
        line.push(b'"');
    } else {
        line.extend_from_slice(text.as_bytes());
    }
}

/// `1234567` as `1,234,567`, with the separator of one's country.
pub(crate) fn grouped(number: u64, separator: char) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(separator);
        }
        text.push(digit);
    }
    text
}

/// Numbers that look random and never differ from run to run (`SplitMix64`).
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    /// A number from 0 to `limit` - 1.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit.max(1)
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len() as u64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_file() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (dir.path().join("1"), dir.path().join("2"));
        let first = orders(&one, 2_000, 11, || true).unwrap();
        assert_eq!(orders(&two, 2_000, 11, || true).unwrap(), first);
        assert_eq!(std::fs::read(&one).unwrap(), std::fs::read(&two).unwrap());
        assert_eq!(first.bytes, std::fs::metadata(&one).unwrap().len());
        assert_eq!(first.rows, 2_000);
        assert!((40..110).contains(&first.broken), "{first:?}");
        assert!((1..20).contains(&first.addressless), "{first:?}");
        let unwanted = orders(&one, 2_000, 11, || false).unwrap_err();
        assert_eq!(unwanted.kind(), io::ErrorKind::Interrupted);
    }

    #[test]
    fn thousands_are_grouped() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(number, ','), text);
        }
    }
}
