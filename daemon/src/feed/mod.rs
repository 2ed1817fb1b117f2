//! The feed: the live set in the order of its revisions ([`hub`]), what is to be read of it ([`listing`]), and one
//! [`session`] a WebSocket, made of a reader and a writer.

#[cfg(debug_assertions)]
mod echo;
mod following;
pub mod hub;
mod interest;
pub mod listing;
pub mod pace;
mod reader;
pub mod session;
mod writer;

#[cfg(test)]
mod tests;
