//! From text to the pieces of each term, with the bytes they came from. Knows blanks, quotes, commas and signs, and
//! nothing about fields.

use std::borrow::Cow;
use std::ops::Range;

use super::mistake::Mistake;

/// The pieces of one term.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pieces<'a> {
    /// All of it, the negation included.
    pub(super) span: Range<usize>,
    /// Whether `-` or `!` stands before it.
    pub(super) negated: bool,
    /// The word before the sign, and the sign, as in `status` `:`; none of both for a bare or quoted word.
    pub(super) head: Option<Head<'a>>,
    /// What stands after the sign, between commas; one piece without a sign.
    pub(super) values: Vec<Piece<'a>>,
}

/// A word and a sign.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head<'a> {
    pub(super) word: &'a str,
    pub(super) span: Range<usize>,
    pub(super) sign: &'a str,
}

/// A text, and where it stood.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) quoted: bool,
    pub(super) span: Range<usize>,
}

/// Takes a filter apart.
pub(super) fn terms(text: &str) -> Result<Vec<Pieces<'_>>, Mistake> {
    let mut lexer = Lexer { text, at: 0 };
    let mut terms = Vec::new();
    while let Some(term) = lexer.term()? {
        terms.push(term);
    }
    Ok(terms)
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn term(&mut self) -> Result<Option<Pieces<'a>>, Mistake> {
        self.at = self.text.len() - self.rest().trim_start().len();
        if self.rest().is_empty() {
            return Ok(None);
        }
        let start = self.at;
        let negated = self.rest().starts_with(['-', '!']);
        self.at += usize::from(negated);
        if self.rest().is_empty() || self.rest().starts_with(char::is_whitespace) {
            let sign = &self.text[start..self.at];
            return Err(Mistake::new(
                start..self.at,
                format!("{sign} has nothing to negate; quote it to search for it"),
            )
            .suggest(format!("\"{sign}\"")));
        }
        let head = self.head();
        let values = if head.is_some() {
            self.values()?
        } else {
            vec![self.piece(char::is_whitespace)?]
        };
        if !self.rest().is_empty() && !self.rest().starts_with(char::is_whitespace) {
            return Err(Mistake::new(
                self.at..self.at,
                "a blank is missing after the quoted text",
            ));
        }
        Ok(Some(Pieces {
            span: start..self.at,
            negated,
            head,
            values,
        }))
    }

    /// A word of letters and the sign that follows it at once.
    fn head(&mut self) -> Option<Head<'a>> {
        let rest = self.rest();
        let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
        let length = rest.find(|c| !letter(c))?;
        let signs = [":", ">=", "<=", "==", "!=", "=>", "=<", "<>", ">", "<", "="];
        let sign = signs
            .into_iter()
            .find(|sign| rest[length..].starts_with(sign))?;
        if length == 0 {
            return None;
        }
        let span = self.at..self.at + length;
        self.at += length + sign.len();
        Some(Head {
            word: &rest[..length],
            span,
            sign,
        })
    }

    fn values(&mut self) -> Result<Vec<Piece<'a>>, Mistake> {
        let mut values = Vec::new();
        loop {
            values.push(self.piece(|c| c == ',' || c.is_whitespace())?);
            if !self.rest().starts_with(',') {
                return Ok(values);
            }
            self.at += 1;
        }
    }

    /// A quoted text, or everything up to where `ends` says so.
    fn piece(&mut self, ends: fn(char) -> bool) -> Result<Piece<'a>, Mistake> {
        if self.rest().starts_with('"') {
            return self.quoted();
        }
        let rest = self.rest();
        let length = rest.find(ends).unwrap_or(rest.len());
        let span = self.at..self.at + length;
        self.at += length;
        Ok(Piece {
            text: Cow::Borrowed(&rest[..length]),
            quoted: false,
            span,
        })
    }

    fn quoted(&mut self) -> Result<Piece<'a>, Mistake> {
        let start = self.at;
        let mut text = String::new();
        let mut chars = self.text[start + 1..].char_indices();
        while let Some((i, c)) = chars.next() {
            match c {
                '"' => {
                    self.at = start + 1 + i + 1;
                    return Ok(Piece {
                        text: Cow::Owned(text),
                        quoted: true,
                        span: start..self.at,
                    });
                }
                // A backslash keeps the special sense off a quote and off itself; before anything else it is itself.
                '\\' => match chars.clone().next() {
                    Some((_, next @ ('"' | '\\'))) => {
                        chars.next();
                        text.push(next);
                    }
                    _ => text.push('\\'),
                },
                _ => text.push(c),
            }
        }
        Err(Mistake::new(
            start..self.text.len(),
            "the closing quote is missing",
        ))
    }
}
