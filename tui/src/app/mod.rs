//! The state of the screen and how it changes: no I/O, no ratatui, no clock.
