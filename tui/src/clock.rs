//! The only reader of the clock in the client.
