//! The engine, asked as the front doors ask it.
