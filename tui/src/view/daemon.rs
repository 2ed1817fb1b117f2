//! The daemon: where it is, what its store has and takes, and whether it is well.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::theme::Theme;
use super::{cell, format};
use crate::app::App;

const LABEL: usize = 10;

/// Draws it; returns how many lines there are and how many were seen.
pub(super) fn draw(
    app: &App,
    scroll: usize,
    buffer: &mut Buffer,
    area: Rect,
    theme: Theme,
) -> (usize, usize) {
    super::page(&lines(app, area.width.into(), theme), scroll, buffer, area)
}

fn lines(app: &App, width: usize, theme: Theme) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let mut say = |label: &str, text: &str, style: Style| {
        for (nth, part) in cell::wrap(&theme.text(text), width.saturating_sub(LABEL))
            .into_iter()
            .enumerate()
        {
            let label = if nth == 0 { label } else { "" };
            lines.push(Line::from(vec![
                Span::styled(format!("{label:<LABEL$}"), theme.faint()),
                Span::styled(part, style),
            ]));
        }
    };
    let plain = Style::new();
    say("daemon", &app.settings.endpoint, plain);
    say(
        "jobs",
        &format!(
            "{} here, {} of them not ended",
            app.mirror.len(),
            app.live()
        ),
        plain,
    );
    let Some(store) = &app.keeper.store else {
        let text = app.keeper.refused.as_deref().unwrap_or("not told yet");
        say("store", text, plain);
        return lines;
    };
    let about = if store.indexed { "" } else { "about " };
    let periods = if store.periods == 1 {
        "period"
    } else {
        "periods"
    };
    let history = format!(
        "{about}{} finished jobs in {} {periods}",
        format::count(store.records),
        store.periods
    );
    say("history", &history, plain);
    let compacted = store.last_compaction.map_or_else(
        || "not compacted yet".to_owned(),
        |at| {
            format!(
                "compacted {}",
                format::moment(at, app.clock(), &app.settings.zone)
            )
        },
    );
    let size = format!(
        "{} of jobs, {} on the disk, {compacted}",
        format::bytes(store.live_bytes),
        format::bytes(store.disk_bytes)
    );
    say("store", &size, plain);
    match &store.reason {
        Some(reason) => {
            let text = format!("{}: {reason}", store.state.replace('_', " "));
            say("state", &text, theme.bad());
        }
        None => say("state", "good", theme.good()),
    }
    for sentence in &store.damage {
        say("damage", sentence, theme.warning());
    }
    if !store.damage.is_empty() {
        say(
            "",
            "`jobtop daemon check` verifies all of it once the daemon is stopped, and --rebuild makes it anew.",
            theme.faint(),
        );
    }
    if let Some(words) = &app.keeper.refused {
        say(
            "",
            &format!("as it was told last: {words}"),
            theme.warning(),
        );
    }
    lines
}
