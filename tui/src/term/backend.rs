//! Writes frames to the terminal, and nothing at all when nothing changed.
//!
//! ratatui hides the cursor and resets the colours with every frame, changed or not; here what would say nothing new is
//! left out, and each frame that does is wrapped as one update, so that terminals that know this never show half of it.

use std::io::{self, BufWriter, Stdout, Write};

use crossterm::clipboard::CopyToClipboard;
use crossterm::queue;
use crossterm::terminal::{BeginSynchronizedUpdate, EndSynchronizedUpdate};
use ratatui::backend::{Backend, ClearType, CrosstermBackend, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};

use super::notice::Notices;
use super::taskbar::Progress;

/// The terminal's output.
pub(super) struct Quiet {
    inner: CrosstermBackend<BufWriter<Stdout>>,
    /// Where the cursor is shown: `None` while it is hidden.
    cursor: Option<Position>,
    shown: bool,
    /// Whether a frame may be wrapped as one update.
    wraps: bool,
    /// What stands beside the window's title.
    progress: Progress,
}

impl Quiet {
    /// Standard output, with the cursor hidden already.
    pub(super) fn new(wraps: bool) -> Self {
        let out = BufWriter::with_capacity(64 * 1024, io::stdout());
        Self {
            inner: CrosstermBackend::new(out),
            cursor: None,
            shown: false,
            wraps,
            progress: Progress::default(),
        }
    }

    /// Asks the terminal to put that into the clipboard (OSC 52).
    pub(super) fn copy(&mut self, text: &str) -> io::Result<()> {
        queue!(self.inner, CopyToClipboard::to_clipboard_from(text))?;
        Write::flush(&mut self.inner)
    }

    /// Rings the bell, and tells it as a notice where the terminal shows such.
    pub(super) fn notify(&mut self, text: &str) -> io::Result<()> {
        write!(self.inner, "{}", Notices::here().said(text))?;
        Write::flush(&mut self.inner)
    }

    /// Shows progress beside the window's title (OSC 9;4), if it is other than what is shown.
    pub(super) fn progress(&mut self, progress: Progress) -> io::Result<()> {
        if progress == self.progress {
            return Ok(());
        }
        self.progress = progress;
        let Progress { state, percent } = progress;
        write!(self.inner, "\x1b]9;4;{state};{percent}\x07")?;
        Write::flush(&mut self.inner)
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let _ = self.progress(Progress::default());
    }
}

impl Backend for Quiet {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let mut content = content.peekable();
        if content.peek().is_none() {
            return Ok(());
        }
        self.cursor = None;
        if self.wraps {
            queue!(self.inner, BeginSynchronizedUpdate)?;
        }
        self.inner.draw(content)?;
        if self.wraps {
            queue!(self.inner, EndSynchronizedUpdate)?;
        }
        Ok(())
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        if self.shown {
            self.shown = false;
            self.inner.hide_cursor()?;
        }
        Ok(())
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        if !self.shown {
            self.shown = true;
            self.inner.show_cursor()?;
        }
        Ok(())
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        // ratatui wants it back after clearing. Asking the terminal would mean waiting for its answer among the keys.
        Ok(self.cursor.unwrap_or(Position::ORIGIN))
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        let position = position.into();
        if self.cursor != Some(position) {
            self.cursor = Some(position);
            self.inner.set_cursor_position(position)?;
        }
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.cursor = None;
        self.inner.clear()
    }

    fn clear_region(&mut self, kind: ClearType) -> io::Result<()> {
        self.cursor = None;
        self.inner.clear_region(kind)
    }

    fn size(&self) -> io::Result<Size> {
        self.inner.size()
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        self.inner.window_size()
    }

    fn flush(&mut self) -> io::Result<()> {
        Write::flush(&mut self.inner)
    }
}
