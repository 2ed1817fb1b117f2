//! The help: the keys of the screen it was opened on, from the table of keys.
//!
//! ```text
//! ╭ Keys ─────────────────────────────────╮
//! │ Act on the job                        │
//! │   p            pause the job, …       │
//! │   x            cancel the job …       │
//! ╰ j k scroll · Esc closes ──────────────╯
//! ```

use ratatui::Frame;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Padding, Paragraph};

use super::dialog::centred;
use super::theme::Theme;
use super::{cell, format};
use crate::app::{App, Screen};
use crate::keymap::{Binding, Group};

const KEYS: usize = 16;
const FILTERS: &str = "Filters: words, \"two words\", status: type: user: tag: host: queue: health: name: error: id:, \
progress>50 rate<100 errors>=1 duration>10m, since:7d until:2026-11-01, -type:x is not x, a,b is either";

/// Draws the help; returns how many lines it has and how many were seen.
pub(super) fn draw(
    app: &App,
    scroll: usize,
    frame: &mut Frame<'_>,
    theme: Theme,
) -> (usize, usize) {
    let area = frame.area();
    let width = 84.min(area.width);
    let lines = lines(app, usize::from(width).saturating_sub(4), theme);
    let height = (lines.len() as u16 + 2).min(area.height);
    let at = centred(area, width, height);
    let seen = usize::from(height).saturating_sub(2);
    let scroll = scroll.min(lines.len().saturating_sub(seen));
    let total = lines.len();
    let more = if total > seen {
        format!(
            " {}-{} of {}, j and k scroll, Esc closes ",
            scroll + 1,
            scroll + seen,
            format::count(total as u64)
        )
    } else {
        " Esc closes ".to_owned()
    };
    let title = match app.screen {
        Screen::List => " Keys of the list ",
        Screen::Detail(_) => " Keys of a job's detail ",
        Screen::Log => " Keys of a log ",
        Screen::Past => " Keys of the history ",
        Screen::Figures(_) => " Keys of the figures ",
        Screen::Daemon(_) => " Keys of the daemon's page ",
        Screen::Alerts => " Keys of the alerts ",
    };
    let block = Block::bordered()
        .border_set(theme.border())
        .title(title)
        .title_style(theme.title())
        .title_bottom(more)
        .padding(Padding::horizontal(1));
    frame.render_widget(Clear, at);
    let shown: Vec<_> = lines.into_iter().skip(scroll).take(seen).collect();
    frame.render_widget(Paragraph::new(shown).block(block), at);
    (total, seen)
}

fn lines(app: &App, width: usize, theme: Theme) -> Vec<Line<'static>> {
    let context = app.ground_context();
    let mut lines = Vec::new();
    for group in Group::ALL {
        let rows: Vec<_> = app
            .settings
            .keys
            .of(context)
            .filter(|row| row.group == group && !row.help.is_empty())
            .collect();
        if rows.is_empty() {
            continue;
        }
        if !lines.is_empty() {
            lines.push(Line::raw(""));
        }
        lines.push(Line::styled(group.title(), theme.title()));
        for row in rows {
            let room = width.saturating_sub(KEYS + 2);
            for (nth, text) in cell::wrap(&theme.text(row.help), room)
                .into_iter()
                .enumerate()
            {
                let keys = if nth == 0 { keys(row) } else { String::new() };
                lines.push(Line::from(vec![
                    Span::styled(format!("  {keys:<KEYS$}"), theme.key()),
                    Span::raw(text),
                ]));
            }
        }
    }
    lines.push(Line::raw(""));
    for text in cell::wrap(FILTERS, width) {
        lines.push(Line::styled(text, theme.faint()));
    }
    lines
}

/// The keys of a row, a long run of them by its ends.
fn keys(row: &Binding) -> String {
    let names: Vec<_> = row.chords.iter().map(ToString::to_string).collect();
    match names.as_slice() {
        [first, .., last] if names.len() > 4 => format!("{first} to {last}"),
        _ => {
            let mut text = String::new();
            for name in names {
                if !text.is_empty() && text.len() + name.len() + 1 > KEYS - 1 {
                    break;
                }
                if !text.is_empty() {
                    text.push(' ');
                }
                text.push_str(&name);
            }
            text
        }
    }
}
