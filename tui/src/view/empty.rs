//! What stands where the list would be, when there is nothing to list: why, and what to do.
//!
//! ```text
//!   No jobs yet. Three ways to get one:
//!
//!   jobtop run -- CMD   runs a command, and shows it here
//!   jobtop demo         real pipelines on files it makes
//!   a pipeline of yours that reports, beginning with
//!     curl --unix-socket … http://localhost/api/jobs …
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::cell;
use super::theme::Theme;
use crate::app::App;
use crate::app::hosts::Host;
use crate::app::link::State;

pub(super) fn draw(app: &App, buffer: &mut Buffer, area: Rect, theme: Theme) {
    let width = usize::from(area.width).saturating_sub(4);
    let mut lines = lines(app, width, theme);
    if lines.len() > usize::from(area.height) {
        lines.retain(|(text, _)| !text.is_empty());
    }
    // A little below the top where there is room; from the top where there is not.
    let spare = usize::from(area.height).saturating_sub(lines.len());
    let top = (spare / 3) as u16;
    for (nth, (text, style)) in lines.iter().enumerate() {
        let at = cell::line(area, top + nth as u16);
        let at = Rect {
            x: at.x + 2.min(at.width),
            width: at.width.saturating_sub(2),
            ..at
        };
        cell::put(buffer, at, text, *style, theme);
    }
}

/// How far a command is set in.
const INDENT: usize = 2;

type Line = (String, Style);

fn lines(app: &App, width: usize, theme: Theme) -> Vec<Line> {
    if !app.hosts.is_empty() {
        return vec![
            ("No job passes the filter.".to_owned(), theme.title()),
            (
                "Esc clears it, / changes it, 1 shows every status.".to_owned(),
                Style::new(),
            ),
        ];
    }
    let up = |host: &&Host| host.link.is_up();
    let first = app.hosts.all().iter().find(up);
    let host = first.unwrap_or(app.hosts.at(0));
    match &host.link.state {
        State::Connected | State::Polling { .. } if !app.hosts.is_whole() => {
            vec![(format!("Loading{}", theme.ellipsis()), theme.faint())]
        }
        State::Connected | State::Polling { .. } => ways(host, width, theme),
        State::Connecting => vec![(
            format!("Connecting to {}{}", host.place.name, theme.ellipsis()),
            theme.faint(),
        )],
        State::Waiting { .. } => {
            let mut lines = vec![("Not connected.".to_owned(), theme.title())];
            for host in app.hosts.all() {
                let State::Waiting { reason, .. } = &host.link.state else {
                    continue;
                };
                let reason = theme.text(reason);
                lines.extend(
                    cell::wrap(&reason, width)
                        .into_iter()
                        .map(|line| (line, theme.bad())),
                );
            }
            lines.push((String::new(), Style::new()));
            lines.push((
                "r tries again now; jobtop daemon status says how the daemon is.".to_owned(),
                Style::new(),
            ));
            lines
        }
    }
}

/// The three ways to get a job.
fn ways(host: &Host, width: usize, theme: Theme) -> Vec<Line> {
    let plain = Style::new();
    let mut lines = vec![
        (
            "No jobs yet. Three ways to get one:".to_owned(),
            theme.title(),
        ),
        (String::new(), plain),
        (
            "jobtop run -- CMD   runs a command, and shows it here".to_owned(),
            plain,
        ),
        (
            "jobtop demo         real pipelines on files it makes".to_owned(),
            plain,
        ),
        (
            "a pipeline of yours that reports, beginning with".to_owned(),
            plain,
        ),
    ];
    let url = format!("{}/api/jobs", host.place.curl);
    let parts = [
        format!("curl {url}"),
        "-H 'Content-Type: application/json'".to_owned(),
        r#"-d '{"type":"csv_processing","name":"orders.csv"}'"#.to_owned(),
    ];
    // Broken so that it can still be copied into a shell: first between its parts, then before the address.
    let one = parts.join(" ");
    let broken = match url.rsplit_once(' ') {
        _ if cell::width(&one) + INDENT <= width => vec![one],
        Some((socket, address)) if cell::width(&parts[0]) + INDENT + 2 > width => {
            let [_, header, body] = parts;
            vec![format!("curl {socket}"), address.to_owned(), header, body]
        }
        _ => parts.to_vec(),
    };
    let last = broken.len() - 1;
    for (nth, part) in broken.into_iter().enumerate() {
        let end = if nth < last { " \\" } else { "" };
        lines.push((format!("{:INDENT$}{part}{end}", ""), theme.key()));
    }
    lines
}
