//! The chooser of columns.
//!
//! ```text
//! ╭ Columns ────────────────────╮
//! │ [x] status                  │
//! │ [x] name          sorted by │
//! │ [ ] queue                   │
//! ╰─────────────────────────────╯
//! ```

use ratatui::Frame;
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::{Block, Clear, Padding, Paragraph};

use super::dialog::centred;
use super::theme::Theme;
use crate::app::App;

pub(super) fn draw(app: &App, at: usize, frame: &mut Frame<'_>, theme: Theme) {
    const INNER: usize = 34;
    let columns = app.arrangement.columns();
    let lines: Vec<Line<'_>> = columns
        .iter()
        .enumerate()
        .map(|(nth, column)| {
            let shown = if app.arrangement.shows(*column) {
                'x'
            } else {
                ' '
            };
            let sorted = match (
                app.arrangement.is_sorted_by(*column),
                app.arrangement.reversed,
            ) {
                (true, false) => "sorted by it",
                (true, true) => "sorted by it, turned",
                (false, _) => "",
            };
            let text = format!("[{shown}] {:<8}  {sorted}", column.word());
            let style = if nth == at {
                theme.chosen()
            } else {
                Style::new()
            };
            Line::styled(format!("{text:<INNER$}"), style)
        })
        .collect();
    let area = frame.area();
    let height = (lines.len() as u16 + 2).min(area.height);
    let place = centred(area, INNER as u16 + 4, height);
    let seen = usize::from(height).saturating_sub(2);
    let first = (at + 1).saturating_sub(seen);
    let shown: Vec<_> = lines.into_iter().skip(first).take(seen).collect();
    let block = Block::bordered()
        .border_set(theme.border())
        .title(" Columns ")
        .title_style(theme.title())
        .padding(Padding::horizontal(1));
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(shown).block(block), place);
}
