//! Draws the state: one panel a file.
