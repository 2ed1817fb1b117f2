//! Text put into a place of a given width: cut at characters, aligned, cleaned; and text wrapped into lines.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::theme::Theme;

/// Columns that a text takes.
pub(super) fn width(text: &str) -> usize {
    if text.is_ascii() {
        text.len()
    } else {
        text.width()
    }
}

/// The text cut to so many columns; a cut text ends in an ellipsis.
pub(super) fn fit(text: &str, columns: usize, theme: Theme) -> String {
    let text = theme.text(text);
    if width(&text) <= columns {
        return text.into_owned();
    }
    let room = columns.saturating_sub(1);
    let mut cut = String::new();
    let mut taken = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if taken + wide > room {
            break;
        }
        taken += wide;
        cut.push(c);
    }
    if columns > 0 {
        cut.push_str(theme.ellipsis());
    }
    cut
}

/// Draws a text at the left of a place one line high; returns the columns it took.
pub(super) fn put(buffer: &mut Buffer, at: Rect, text: &str, style: Style, theme: Theme) -> u16 {
    let text = fit(text, at.width.into(), theme);
    draw(buffer, at, at.x, &text, style)
}

/// Draws a text at the right of a place one line high.
pub(super) fn put_right(
    buffer: &mut Buffer,
    at: Rect,
    text: &str,
    style: Style,
    theme: Theme,
) -> u16 {
    let text = fit(text, at.width.into(), theme);
    let x = at.right().saturating_sub(width(&text) as u16);
    draw(buffer, at, x, &text, style)
}

fn draw(buffer: &mut Buffer, at: Rect, x: u16, text: &str, style: Style) -> u16 {
    let at = at.intersection(buffer.area);
    if at.is_empty() {
        return 0;
    }
    let room = at.right().saturating_sub(x);
    let (end, _) = buffer.set_stringn(x, at.y, text, room.into(), style);
    end.saturating_sub(x)
}

/// The text in lines of at most so many columns, broken at blanks where there are some.
pub(super) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = vec![String::new()];
    let mut taken = 0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let wide = width(word);
        if taken > 0 && taken + 1 + wide > columns {
            lines.push(String::new());
            taken = 0;
        }
        if taken > 0 {
            push(&mut lines, " ");
            taken += 1;
        }
        for c in word.chars() {
            let wide = c.width().unwrap_or(0);
            if taken + wide > columns {
                lines.push(String::new());
                taken = 0;
            }
            push(&mut lines, c.encode_utf8(&mut [0; 4]));
            taken += wide;
        }
    }
    lines
}

fn push(lines: &mut [String], text: &str) {
    if let Some(line) = lines.last_mut() {
        line.push_str(text);
    }
}

/// One line of a place.
pub(super) fn line(area: Rect, nth: u16) -> Rect {
    Rect {
        y: area.y + nth,
        height: u16::from(nth < area.height),
        ..area
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_are_cut_whole() {
        let theme = Theme::for_tests(false);
        for (text, columns, cut) in [
            ("orders.csv", 10, "orders.csv"),
            ("orders.csv", 6, "order…"),
            ("日本語データ", 12, "日本語データ"),
            ("日本語データ", 6, "日本…"),
            ("日本語データ", 5, "日本…"),
            ("e\u{301}e\u{301}e\u{301}", 2, "e\u{301}…"),
            ("abc", 0, ""),
            ("\x1b[2J", 9, "\u{fffd}[2J"),
            ("❤\u{fe0f}x", 9, "❤x"),
        ] {
            let got = fit(text, columns, theme);
            assert_eq!(got, cut, "{text} {columns}");
            assert!(width(&got) <= columns);
        }
    }

    #[test]
    fn ascii_terminals_are_sent_ascii() {
        assert_eq!(fit("naïve 表…", 20, Theme::for_tests(true)), "na?ve ?~");
        assert_eq!(fit("orders.csv", 6, Theme::for_tests(true)), "order~");
    }

    #[test]
    fn lines_break_at_blanks_or_where_they_must() {
        for (text, columns, lines) in [
            ("", 5, vec![""]),
            ("one two", 7, vec!["one two"]),
            ("one two", 6, vec!["one", "two"]),
            ("abcdefgh", 3, vec!["abc", "def", "gh"]),
            ("a bcdefgh", 3, vec!["a", "bcd", "efg", "h"]),
            ("表表表", 4, vec!["表表", "表"]),
        ] {
            assert_eq!(wrap(text, columns), lines, "{text} {columns}");
        }
    }
}
