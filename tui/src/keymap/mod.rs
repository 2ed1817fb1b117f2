//! Keys as data: action, name, help, default keys.
