//! The first line: who we are, and how we stand with the daemon. It is never left out.
//!
//! ```text
//! jobtop  ● connected unix:/run/user/1000/jobtop/jobtopd.sock
//! jobtop  ○ reconnecting: connection refused · data of 14s ago · next attempt in 3s · r now
//! jobtop  ◐ asking every second: the feed is refused · ws://etl1:7411
//! jobtop  ◐ 2 of 3 connected · web: connection refused · data of 14s ago · r now
//! ```

use jobtop_core::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::cell;
use super::format;
use super::theme::Theme;
use crate::app::hosts::Host;
use crate::app::link::{Link, State};
use crate::app::{App, alarms};

pub(super) fn draw(app: &App, buffer: &mut Buffer, area: Rect, theme: Theme) {
    let mut at = area;
    let said = said(app, theme);
    // What is wrong with the store is said before where it is.
    let sign = theme.pick("⚠", "!");
    let trouble = match alarms::disturbing(app) {
        0 => trouble(app).map(|trouble| format!("{sign} {trouble} (D)")),
        1 => Some(format!("{sign} 1 alert (!)")),
        count => Some(format!("{sign} {count} alerts (!)")),
    };
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

/// What is wrong with a store, and whose it is.
fn trouble(app: &App) -> Option<String> {
    app.hosts.all().iter().find_map(|host| {
        let trouble = host.keeper.trouble()?;
        Some(if app.hosts.are_several() {
            format!("{}: {trouble}", host.place.name)
        } else {
            trouble
        })
    })
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
    if app.hosts.are_several() {
        return said_of_several(app, theme);
    }
    let host = app.hosts.at(0);
    let link = &host.link;
    let endpoint = theme.text(&host.place.name);
    let dot = theme.dot();
    let off = theme.pick("○", "o");
    match &link.state {
        State::Polling { reason } => {
            let half = theme.pick("◐", "*");
            let reason = theme.text(reason);
            let short_reason = cell::fit(&reason, 48, theme);
            Said {
                forms: vec![
                    format!("{half} asking every second: {reason}{dot}{endpoint}"),
                    format!("{half} asking every second: {short_reason}"),
                    format!("{half} asking every second{dot}{endpoint}"),
                    format!("{half} asking every second"),
                ],
                style: theme.warning(),
            }
        }
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
            let doing = if link.ever {
                "reconnecting"
            } else {
                "connecting"
            };
            let dots = theme.ellipsis();
            let age =
                data_of(link, app.now.wall).map_or(String::new(), |age| format!("{dot}{age}"));
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
            let doing = if link.ever {
                "reconnecting"
            } else {
                "not connected"
            };
            let age =
                data_of(link, app.now.wall).map_or(String::new(), |age| format!("{dot}{age}"));
            let short_reason = cell::fit(&reason, 36, theme);
            let offline = link.lost_at().map_or(String::new(), |lost| {
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

/// How we stand with several daemons: how many are connected, and what is the matter with the first that is not.
fn said_of_several(app: &App, theme: Theme) -> Said {
    let (up, all) = (app.hosts.up(), app.hosts.all().len());
    let dot = theme.dot();
    let polls = |host: &&Host| matches!(host.link.state, State::Polling { .. });
    let names = |hosts: &mut dyn Iterator<Item = &Host>| {
        let names: Vec<String> = hosts
            .map(|host| theme.text(&host.place.name).into_owned())
            .collect();
        names.join(" ")
    };
    let Some(away) = app.hosts.all().iter().find(|host| !host.link.is_up()) else {
        let polling = app.hosts.all().iter().filter(polls).count();
        let on = theme.pick("●", "*");
        let aside = match polling {
            0 => String::new(),
            polling => format!("{dot}{polling} asked every second"),
        };
        return Said {
            forms: vec![
                format!(
                    "{on} {all} connected: {}{aside}",
                    names(&mut app.hosts.all().iter())
                ),
                format!("{on} {all} connected{aside}"),
            ],
            style: if polling == 0 {
                theme.good()
            } else {
                theme.warning()
            },
        };
    };
    let sign = if up == 0 {
        theme.pick("○", "o")
    } else {
        theme.pick("◐", "*")
    };
    let name = theme.text(&away.place.name);
    let age = data_of(&away.link, app.now.wall).map_or(String::new(), |age| format!("{dot}{age}"));
    let why = match &away.link.state {
        State::Waiting { reason, .. } => theme.text(reason).into_owned(),
        _ => "connecting".to_owned(),
    };
    let short = cell::fit(&why, 36, theme);
    let count = format!("{sign} {up} of {all} connected");
    Said {
        forms: vec![
            format!("{count}{dot}{name}: {why}{age}{dot}r now"),
            format!("{count}{dot}{name}: {short}{age}{dot}r now"),
            format!(
                "{count}{dot}without {}",
                names(&mut app.hosts.all().iter().filter(|host| !host.link.is_up()))
            ),
            count,
        ],
        style: if up == 0 {
            theme.bad()
        } else {
            theme.warning()
        },
    }
}

/// How old the picture is.
fn data_of(link: &Link, now: Timestamp) -> Option<String> {
    let lost = link.lost_at()?;
    let age = format::age(now.ms_since(lost));
    Some(format!("data of {age} ago"))
}
