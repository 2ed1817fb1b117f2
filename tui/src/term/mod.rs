//! The terminal: guard, input, the loop.
