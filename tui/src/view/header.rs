//! The first line: who we are, and how we stand with the daemon. It is never left out.
//!
//! ```text
//! jobtop  ● connected unix:/run/user/1000/jobtop/jobtopd.sock
//! jobtop  ○ reconnecting: connection refused · data of 14s ago · next attempt in 3s · r now
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::cell;
use super::format;
use super::theme::Theme;
use crate::app::App;
use crate::app::link::State;

pub(super) fn draw(app: &App, buffer: &mut Buffer, area: Rect, theme: Theme) {
    let mut at = area;
    let said = said(app, theme);
    // What is wrong with the store is said before where it is.
    let trouble =
        (app.keeper.trouble()).map(|trouble| format!("{} {trouble} (D)", theme.pick("⚠", "!")));
    let aside = trouble
        .as_deref()
        .map_or(0, |text| cell::width(text) as u16 + 2);
    if let Some(text) = said
        .forms
        .get(said.fitting(area.width.saturating_sub(aside)))
    {
        // The name of the program is the first thing to go.
        if area.width >= 48 {
            let name = Rect { width: 6, ..at };
            cell::put(buffer, name, "jobtop", theme.title(), theme);
            at.x += 8;
            at.width -= 8;
        }
        let taken = cell::put(buffer, at, text, said.style, theme);
        at.x += (taken + 2).min(at.width);
        at.width = at.width.saturating_sub(taken + 2);
        if app.settings.read_only && at.width > 12 {
            let taken = cell::put(buffer, at, "read-only", theme.warning(), theme);
            at.x += taken + 2;
            at.width = at.width.saturating_sub(taken + 2);
        }
        if let Some(text) = trouble {
            cell::put(buffer, at, &text, theme.bad(), theme);
        }
    }
}

/// Whether there is room to say why there is no connection.
pub(super) fn says_reason(app: &App, width: u16, theme: Theme) -> bool {
    said(app, theme).fitting(width) < WITH_REASON
}

/// The state of the connection in forms from long to short, and how it looks.
struct Said {
    forms: Vec<String>,
    style: Style,
}

/// So many forms of an offline header begin with the reason.
const WITH_REASON: usize = 2;

impl Said {
    /// Which form fits, else the shortest.
    fn fitting(&self, width: u16) -> usize {
        let room = usize::from(width).saturating_sub(9);
        self.forms
            .iter()
            .position(|form| cell::width(form) <= room)
            .unwrap_or(self.forms.len().saturating_sub(1))
    }
}

fn said(app: &App, theme: Theme) -> Said {
    let endpoint = theme.text(&app.settings.endpoint);
    let dot = theme.dot();
    let off = theme.pick("○", "o");
    match &app.link.state {
        State::Connected => {
            let on = theme.pick("●", "*");
            Said {
                forms: vec![
                    format!("{on} connected {endpoint}"),
                    format!("{on} {endpoint}"),
                    format!("{on} connected"),
                ],
                style: theme.good(),
            }
        }
        State::Connecting => {
            let doing = if app.link.ever {
                "reconnecting"
            } else {
                "connecting"
            };
            let dots = theme.ellipsis();
            let age = data_of(app).map_or(String::new(), |age| format!("{dot}{age}"));
            Said {
                forms: vec![
                    format!("{off} {doing} to {endpoint}{dots}{age}"),
                    format!("{off} {doing}{dots}{age}"),
                    format!("{off} {doing}{dots}"),
                ],
                style: theme.warning(),
            }
        }
        State::Waiting { reason, retry_at } => {
            let reason = theme.text(reason);
            let seconds = retry_at.saturating_sub(app.now.mono).div_ceil(1_000);
            let next = format!("next attempt in {seconds}s");
            let doing = if app.link.ever {
                "reconnecting"
            } else {
                "not connected"
            };
            let age = data_of(app).map_or(String::new(), |age| format!("{dot}{age}"));
            let short_reason = cell::fit(&reason, 36, theme);
            let offline = app.link.lost_at().map_or(String::new(), |lost| {
                format!(" {}", format::age(app.now.wall.ms_since(lost)))
            });
            Said {
                forms: vec![
                    format!("{off} {doing}: {reason}{age}{dot}{next}{dot}r now"),
                    format!("{off} {doing}: {short_reason}{age}{dot}{next}{dot}r now"),
                    format!("{off} {doing}{age}{dot}{next}{dot}r now"),
                    format!("{off} offline{offline}{dot}retry in {seconds}s{dot}r now"),
                    format!("{off} offline{offline}{dot}r: retry"),
                ],
                style: theme.bad(),
            }
        }
    }
}

/// How old the picture is.
fn data_of(app: &App) -> Option<String> {
    let lost = app.link.lost_at()?;
    let age = format::age(app.now.wall.ms_since(lost));
    Some(format!("data of {age} ago"))
}
