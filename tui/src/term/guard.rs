//! Takes the terminal and gives it back, once, on every way out.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::{cursor, execute, queue, terminal};

/// Whether the terminal is ours. One process has one terminal.
static TAKEN: AtomicBool = AtomicBool::new(false);
/// Whether the mouse is ours, too.
static MOUSE: AtomicBool = AtomicBool::new(false);

/// The terminal is ours as long as this lives.
pub(super) struct Guard(());

impl Guard {
    /// Raw mode, the alternate screen, no cursor, pasted text marked as such; the mouse only where it is asked for, because
    /// then the terminal's own selection needs another key.
    pub(super) fn take(mouse: bool) -> io::Result<Self> {
        terminal::enable_raw_mode()?;
        TAKEN.store(true, Ordering::SeqCst);
        let guard = Self(());
        execute!(
            io::stdout(),
            EnterAlternateScreen,
            EnableBracketedPaste,
            cursor::Hide
        )?;
        if mouse {
            MOUSE.store(true, Ordering::SeqCst);
            execute!(io::stdout(), EnableMouseCapture)?;
        }
        Ok(guard)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        restore();
    }
}

/// Whether the terminal is still ours.
pub(super) fn is_taken() -> bool {
    TAKEN.load(Ordering::SeqCst)
}

/// Undoes what [`Guard::take`] did, in reverse, if it is still to be undone.
pub(super) fn restore() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut out = io::stdout();
    if MOUSE.swap(false, Ordering::SeqCst) {
        let _ = queue!(out, DisableMouseCapture);
    }
    // Nothing can be done about a terminal that can't be written to, and there is nobody to tell.
    let _ = queue!(
        out,
        terminal::EndSynchronizedUpdate,
        cursor::Show,
        DisableBracketedPaste,
        LeaveAlternateScreen
    );
    let _ = out.flush();
    let _ = terminal::disable_raw_mode();
}
