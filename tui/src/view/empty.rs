//! What stands where the list would be, when there is nothing to list: why, and what to do.
//!
//! ```text
//!   No jobs yet. Three ways to get one:
//!
//!   jobtop run -- CMD        run a command and watch it here
//!   jobtop demo              real pipelines on made-up files
//!   curl …/api/jobs …        let a pipeline of yours report
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::cell;
use super::theme::Theme;
use crate::app::App;
use crate::app::link::State;

pub(super) fn draw(app: &App, buffer: &mut Buffer, area: Rect, theme: Theme) {
    let width = usize::from(area.width).saturating_sub(4);
    let lines = lines(app, width, theme);
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

type Line = (String, Style);

fn lines(app: &App, width: usize, theme: Theme) -> Vec<Line> {
    if !app.mirror.is_empty() {
        return vec![
            ("No job passes the filter.".to_owned(), theme.title()),
            (
                "Esc clears it, / changes it, 1 shows every status.".to_owned(),
                Style::new(),
            ),
        ];
    }
    match &app.link.state {
        State::Connected if app.mirror.position().is_none() => {
            vec![(format!("Loading{}", theme.ellipsis()), theme.faint())]
        }
        State::Connected => ways(app, width, theme),
        State::Connecting => vec![(
            format!(
                "Connecting to {}{}",
                app.settings.endpoint,
                theme.ellipsis()
            ),
            theme.faint(),
        )],
        State::Waiting { reason, .. } => {
            let mut lines = vec![("Not connected.".to_owned(), theme.title())];
            let reason = theme.text(reason);
            lines.extend(
                cell::wrap(&reason, width)
                    .into_iter()
                    .map(|line| (line, theme.bad())),
            );
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
fn ways(app: &App, width: usize, theme: Theme) -> Vec<Line> {
    let plain = Style::new();
    let curl = format!("curl {}/api/jobs", app.settings.curl);
    let header = "-H 'Content-Type: application/json'";
    let body = r#"-d '{"type":"csv_processing","name":"orders.csv"}'"#;
    let mut lines = vec![
        (
            "No jobs yet. Three ways to get one:".to_owned(),
            theme.title(),
        ),
        (String::new(), plain),
        ("jobtop run -- CMD".to_owned(), theme.key()),
        ("    runs a command, and shows it here".to_owned(), plain),
        ("jobtop demo".to_owned(), theme.key()),
        (
            "    real pipelines on files it makes, in a place of its own".to_owned(),
            plain,
        ),
        ("a pipeline of yours that reports:".to_owned(), theme.key()),
    ];
    let one = format!("    {curl} {header} {body}");
    if cell::width(&one) <= width {
        lines.push((one, plain));
    } else {
        // Broken so that it can still be copied into a shell.
        for (part, more) in [(curl.as_str(), true), (header, true), (body, false)] {
            let end = if more { " \\" } else { "" };
            lines.push((format!("    {part}{end}"), plain));
        }
    }
    lines
}
