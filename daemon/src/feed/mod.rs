//! The feed: the live set in the order of its revisions ([`hub`]), and one task pair a WebSocket ([`session`]).

pub mod hub;
pub mod session;
