//! Glyphs, words and colours: everything that depends on what the terminal can show.
//!
//! The terminal's own sixteen colours, default foreground and background, reverse for the chosen row: it looks right on
//! dark and light alike, and nothing is said by colour alone.

use std::borrow::Cow;

use jobtop_core::Status;
use jobtop_core::calc::health::Health;
use jobtop_core::text;
use ratatui::style::{Color, Modifier, Style};

use super::{format, plot};
use crate::app::toast::Tone;
use crate::app::{App, Colours};

/// Of the 256 colours, for those who can't tell green from red: blue and orange differ for every kind of colour vision
/// (M. Okabe and K. Ito, Color Universal Design, 2008, <https://jfly.uni-koeln.de/color/>).
const BLUE: Color = Color::Indexed(33);
const ORANGE: Color = Color::Indexed(208);

/// What the terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Theme {
    color: bool,
    ascii: bool,
    colours: Colours,
}

impl Theme {
    pub(super) fn of(app: &App) -> Self {
        Self {
            color: app.settings.color,
            ascii: app.settings.ascii,
            colours: app.settings.colours,
        }
    }

    /// One of two forms: with Unicode, and with ASCII alone.
    pub(super) fn pick<'a>(self, unicode: &'a str, ascii: &'a str) -> &'a str {
        if self.ascii { ascii } else { unicode }
    }

    /// Text of whatever origin, fit to be drawn.
    pub(super) fn text(self, raw: &str) -> Cow<'_, str> {
        let cleaned = text::clean(raw);
        // Whether a variation selector makes a character wider differs between terminals: without it none does.
        let selects = |c: char| ('\u{fe00}'..='\u{fe0f}').contains(&c);
        if self.ascii && !cleaned.is_ascii() {
            let plain = |c: char| match c {
                '…' => '~',
                '·' | '–' | '—' => '-',
                c if c.is_ascii() => c,
                _ => '?',
            };
            let shown = cleaned.chars().filter(|c| !selects(*c)).map(plain);
            Cow::Owned(shown.collect())
        } else if cleaned.chars().any(selects) {
            Cow::Owned(cleaned.chars().filter(|c| !selects(*c)).collect())
        } else {
            cleaned
        }
    }

    /// Whether only ASCII may be drawn.
    pub(super) const fn is_ascii(self) -> bool {
        self.ascii
    }

    /// The signs of a sparkline.
    pub(super) const fn sparks(self) -> &'static [char; 8] {
        if self.ascii {
            &plot::ASCII
        } else {
            &plot::BLOCKS
        }
    }

    /// What a cut text ends in.
    pub(super) fn ellipsis(self) -> &'static str {
        self.pick("…", "~")
    }

    /// Between short facts in one line.
    pub(super) fn dot(self) -> &'static str {
        self.pick(" · ", " - ")
    }

    pub(super) fn glyph(self, status: Status) -> &'static str {
        let ascii = match status {
            Status::Pending => ".",
            Status::Running => ">",
            Status::Paused => "=",
            Status::Completed => "+",
            Status::Failed => "!",
            Status::Cancelled => "x",
        };
        self.pick(format::glyph(status), ascii)
    }

    pub(super) fn status(self, status: Status) -> Style {
        match status {
            Status::Pending => Style::new(),
            Status::Running => self.colored(Color::Cyan),
            Status::Paused => self.warning(),
            Status::Completed => self.good(),
            Status::Failed => self.bad(),
            Status::Cancelled => self.faint(),
        }
    }

    pub(super) fn health(self, health: Health) -> Style {
        match health {
            Health::Poor => self.bad(),
            Health::Fair => self.warning(),
            Health::Good | Health::Excellent => self.good(),
        }
    }

    pub(super) fn tone(self, tone: Tone) -> Style {
        match tone {
            Tone::Done => self.good(),
            Tone::Hint => self.warning(),
            Tone::Refusal => self.bad().add_modifier(Modifier::BOLD),
        }
    }

    /// Something that needs attention.
    pub(super) fn warning(self) -> Style {
        self.colored(Color::Yellow)
    }

    /// Something that went wrong.
    pub(super) fn bad(self) -> Style {
        match self.colours {
            Colours::Terminal => self.colored(Color::Red),
            Colours::Safe => self.colored(ORANGE).add_modifier(Modifier::BOLD),
        }
    }

    /// Something that stands well.
    pub(super) fn good(self) -> Style {
        match self.colours {
            Colours::Terminal => self.colored(Color::Green),
            Colours::Safe => self.colored(BLUE),
        }
    }

    /// Titles and labels.
    pub(super) fn title(self) -> Style {
        let _ = self;
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// What matters less.
    pub(super) fn faint(self) -> Style {
        let _ = self;
        Style::new().add_modifier(Modifier::DIM)
    }

    /// A key in a hint.
    pub(super) fn key(self) -> Style {
        self.colored(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    /// The chosen one.
    pub(super) fn chosen(self) -> Style {
        let _ = self;
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// The border symbols of a box.
    pub(super) fn border(self) -> ratatui::symbols::border::Set<'static> {
        if self.ascii {
            ratatui::symbols::border::Set {
                top_left: "+",
                top_right: "+",
                bottom_left: "+",
                bottom_right: "+",
                vertical_left: "|",
                vertical_right: "|",
                horizontal_top: "-",
                horizontal_bottom: "-",
            }
        } else {
            ratatui::symbols::border::ROUNDED
        }
    }

    fn colored(self, color: Color) -> Style {
        if self.color {
            Style::new().fg(color)
        } else {
            Style::new()
        }
    }
}

#[cfg(test)]
impl Theme {
    pub(super) fn for_tests(ascii: bool) -> Self {
        Self {
            color: true,
            ascii,
            colours: Colours::Terminal,
        }
    }
}
