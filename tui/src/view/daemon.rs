//! The daemons: where each is, how we stand with it, what its store has and takes, and whether it is well.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::theme::Theme;
use super::{cell, format};
use crate::app::App;
use crate::app::hosts::Host;
use crate::app::link::State;

const LABEL: usize = 10;

/// The lines of the page.
pub(super) fn lines(app: &App, width: usize, theme: Theme) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for host in app.hosts.all() {
        if !lines.is_empty() {
            lines.push(Line::default());
        }
        one(app, host, width, theme, &mut lines);
    }
    lines
}

fn one(app: &App, host: &Host, width: usize, theme: Theme, lines: &mut Vec<Line<'static>>) {
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
    say("daemon", &host.place.name, plain);
    match &host.link.state {
        State::Connected => {}
        State::Polling { reason } => say(
            "feed",
            &format!("asked every second instead: {reason}"),
            theme.warning(),
        ),
        State::Connecting => say("feed", "connecting", theme.warning()),
        State::Waiting { reason, .. } => {
            say("feed", &format!("not connected: {reason}"), theme.bad());
        }
    }
    let jobs = host.mirror.len();
    let live = host
        .mirror
        .iter()
        .filter(|job| !job.status.is_final())
        .count();
    say(
        "jobs",
        &format!("{jobs} here, {live} of them not ended"),
        plain,
    );
    let keeper = &host.keeper;
    let Some(store) = &keeper.store else {
        let text = keeper.refused.as_deref().unwrap_or("not told yet");
        say("store", text, plain);
        return;
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
    if let Some(words) = &keeper.refused {
        say(
            "",
            &format!("as it was told last: {words}"),
            theme.warning(),
        );
    }
}
