//! A panic anywhere ends the screen in order: what it said is kept until the terminal is restored.

use std::panic::{self, PanicHookInfo};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, ThreadId};

use tokio::sync::Notify;

use super::guard;

type Hook = Box<dyn Fn(&PanicHookInfo<'_>) + Sync + Send + 'static>;

/// Listens for panics while it lives.
pub(super) struct Watch {
    heard: Arc<Heard>,
    before: Mutex<Option<Hook>>,
}

#[derive(Default)]
struct Heard {
    first: Mutex<Option<String>>,
    news: Notify,
}

impl Watch {
    /// Takes the place of the usual report, which would be written across the screen.
    pub(super) fn install() -> Self {
        let before = panic::take_hook();
        let heard = Arc::new(Heard::default());
        let (ears, screen) = (heard.clone(), thread::current().id());
        panic::set_hook(Box::new(move |info| hear(&ears, screen, info)));
        Self {
            heard,
            before: Mutex::new(Some(before)),
        }
    }

    /// Waits for a panic.
    pub(super) async fn heard(&self) {
        self.heard.news.notified().await;
    }

    /// Puts the usual report back; returns what the first panic said.
    pub(super) fn finish(self) -> Option<String> {
        let before = self
            .before
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(before) = before {
            panic::set_hook(before);
        }
        self.heard
            .first
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

/// In a build for tests the next key panics where `JOBTOP_PANIC` says: on the `screen`, or on another `thread`. There is
/// no other way to see what a mistake of ours does to a real terminal.
#[cfg(debug_assertions)]
pub(super) fn provoke() {
    let wanted = std::env::var_os("JOBTOP_PANIC").unwrap_or_default();
    assert!(wanted != "screen", "provoked on the screen");
    if wanted == "thread" {
        thread::spawn(move || assert!(wanted != "thread", "provoked on a thread"));
    }
}

/// Nothing provokes a panic in what people use.
#[cfg(not(debug_assertions))]
pub(super) const fn provoke() {}

fn hear(heard: &Heard, screen: ThreadId, info: &PanicHookInfo<'_>) {
    let payload = info.payload();
    let said = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no reason given");
    let place = info.location().map_or(String::new(), |at| {
        format!(" ({}:{})", at.file(), at.line())
    });
    heard
        .first
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .get_or_insert_with(|| format!("{said}{place}"));
    // On the screen's own thread nothing else draws now; from another one the loop is asked to end, so that the screen
    // is not torn while it is drawn.
    if thread::current().id() == screen {
        guard::restore();
    }
    heard.news.notify_one();
}
