//! Every action by its name.
//!
//! ```text
//! ╭ Do ─────────────────────────────────────╮
//! │ :pau                                    │
//! │ p   pause the job, or resume a paused … │
//! ╰─────────────────────────────────────────╯
//! ```

use ratatui::Frame;
use ratatui::layout::Position;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Padding, Paragraph};

use super::cell;
use super::dialog::centred;
use super::theme::Theme;
use crate::app::App;
use crate::app::palette::Palette;

const KEY: usize = 7;

pub(super) fn draw(app: &App, palette: &Palette, frame: &mut Frame<'_>, theme: Theme) {
    let area = frame.area();
    let width = 76.min(area.width);
    let inner = usize::from(width).saturating_sub(4);
    let found = palette.found(app);
    let height = 16.min(area.height);
    let seen = usize::from(height).saturating_sub(3);
    let first = (palette.at + 1).saturating_sub(seen);
    let typed = theme.text(palette.input.text()).into_owned();
    let mut lines = vec![Line::styled(format!(":{typed}"), theme.title())];
    if found.is_empty() {
        lines.push(Line::styled("nothing is called so", theme.faint()));
    }
    for (nth, row) in found.iter().enumerate().skip(first).take(seen) {
        let key = row
            .chords
            .first()
            .map(ToString::to_string)
            .unwrap_or_default();
        let text = cell::fit(row.help, inner.saturating_sub(KEY), theme);
        let pad = inner.saturating_sub(KEY + cell::width(&text));
        let (key_style, style) = if nth == palette.at {
            (theme.chosen(), theme.chosen())
        } else {
            (theme.key(), Style::new())
        };
        lines.push(Line::from(vec![
            Span::styled(format!("{key:<KEY$}"), key_style),
            Span::styled(format!("{text}{:pad$}", ""), style),
        ]));
    }
    let place = centred(area, width, height);
    let block = Block::bordered()
        .border_set(theme.border())
        .title(" Do ")
        .title_style(theme.title())
        .padding(Padding::horizontal(1));
    let text = block.inner(place);
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(lines).block(block), place);
    if !text.is_empty() {
        let before = cell::width(&theme.text(palette.input.before())) as u16 + 1;
        frame.set_cursor_position(Position {
            x: text.x + before.min(text.width.saturating_sub(1)),
            y: text.y,
        });
    }
}
