//! The daemon: where it is, what its store has and takes, and whether it is well.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::theme::Theme;
use super::{cell, format};
use crate::app::App;

const LABEL: usize = 10;

/// The lines of the page.
pub(super) fn lines(app: &App, width: usize, theme: Theme) -> Vec<Line<'static>> {
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
    say("history", &format::finished_jobs(store), plain);
    let taken = format::taken(store, app.clock(), &app.settings.zone);
    say("store", &taken, plain);
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
