//! The one way in which the state changes.

use jobtop_core::{Now, Status};

use super::rows::Make;
use super::toast::{Toast, Tone};
use super::{
    App, Counts, Effect, Event, Mode, act, browse, columns, confirm, feed, figures, help, keeper,
    log, palette, past, pointing, typing,
};
use crate::keymap::Chord;

/// Takes an event over and returns what the world is to do.
pub(crate) fn update(app: &mut App, event: Event, now: Now) -> Vec<Effect> {
    app.now = now;
    match event {
        Event::Key(chord) => return key(app, chord),
        Event::Mouse(pointed) => return pointing::at(app, pointed),
        Event::Paste(text) => match app.mode.clone() {
            Mode::Typing(typing) => return typing::paste(app, typing, &text),
            Mode::Palette(palette) => palette::paste(app, palette, &text),
            _ => {}
        },
        Event::Message(host, message) => return feed::take(app, host, message),
        Event::Link(host, state) => return feed::link(app, host, state),
        Event::Found(number, result) => past::found(app, number, result),
        Event::Analysed(number, result) => figures::analysed(app, number, result),
        Event::Store(host, result) => keeper::told(app, host, result),
        Event::Answer(answer) => act::answered(app, &answer),
        Event::Log(piece) => log::take(app, piece),
        Event::Refused(words) => {
            app.toast = Some(Toast::new(Tone::Refusal, words, now.mono));
        }
        Event::Tick => app.settle(),
        Event::Shown(shown) => app.shown = shown,
    }
    Vec::new()
}

fn key(app: &mut App, chord: Chord) -> Vec<Effect> {
    app.rows.hold(app.now.mono);
    let action = app.settings.keys.action(app.context(), chord);
    match app.mode.clone() {
        Mode::Typing(typing) => typing::key(app, typing, action, chord),
        Mode::Confirm(question) => confirm::key(app, question, action),
        Mode::Help(scroll) => help::key(app, scroll, action),
        Mode::Columns(at) => columns::key(app, at, action),
        Mode::Palette(palette) => palette::key(app, palette, action, chord),
        Mode::Browse => match action {
            Some(action) => browse::key(app, action, chord),
            None => Vec::new(),
        },
    }
}

impl App {
    /// Puts in order what the events since the last frame have changed.
    fn settle(&mut self) {
        if self
            .toast
            .as_ref()
            .is_some_and(|t| t.until <= self.now.mono)
        {
            self.toast = None;
        }
        confirm::review(self);
        if self.rows.due().is_some() {
            self.count();
            let was = self.rows.cursor();
            let still = self.is_still() || !self.rows.is_due(self.now.mono);
            // A list that shows nothing yet has nothing that could move.
            if still && !self.rows.order().is_empty() {
                self.rows.drop_absent(|id| self.hosts.get(id).is_some());
            } else {
                self.make(Make::Gently);
            }
            self.marks.keep(|id| self.hosts.get(id).is_some());
            feed::leave_absent(self, was);
        }
    }

    /// Lists what the filters let through, everything where it belongs.
    pub(super) fn make_afresh(&mut self) {
        self.make(Make::Afresh);
    }

    /// Whether nothing in the list may move.
    pub(super) fn is_still(&self) -> bool {
        self.frozen.is_some() || matches!(self.mode, Mode::Confirm(_))
    }

    fn make(&mut self, how: Make) {
        let (mirror, filters, now) = (&self.hosts, &self.filters, self.present());
        self.rows.make(
            mirror.iter(),
            |job| filters.lets(job, now),
            &self.arrangement,
            self.shown.rows,
            how,
            self.now.mono,
        );
    }

    fn count(&mut self) {
        let mut counts = Counts::default();
        for job in self.hosts.iter() {
            for (status, count) in Status::ALL.iter().zip(&mut counts.by_status) {
                *count += usize::from(*status == job.status);
            }
            if let Some(count) = counts.by_type.get_mut(&job.job_type) {
                *count += 1;
            } else {
                counts.by_type.insert(job.job_type.clone(), 1);
            }
        }
        self.counts = counts;
    }
}
