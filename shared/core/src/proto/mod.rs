//! Every message of the wire, once. What the words mean stands in `jobtop-protocol(7)`.
//!
//! [`view`] is a job as it is said; [`body`] the HTTP bodies; [`request`] what clients send over a WebSocket;
//! [`message`] what the daemon sends; [`history`] what is asked and answered about finished jobs; [`channel`] what can be subscribed; [`stored`] a job as it is kept; [`status`] and [`alerts`] what the daemon tells of itself; [`token`] what is said about credentials; [`hook`] what is said about hooks; [`read`] turns
//! text into any of these and names what is wrong with it.

pub mod alerts;
pub mod body;
pub mod channel;
pub mod history;
pub mod hook;
pub mod message;
pub mod read;
pub mod request;
pub mod status;
pub mod stored;
pub mod token;
pub mod view;

/// The version of the protocol, said in `welcome`.
pub const PROTOCOL: u32 = 1;
/// The path of the WebSocket.
pub const FEED_PATH: &str = "/progress";
/// The header of a part of a log that says where one goes on reading: `offset` of the next call.
pub const LOG_NEXT: &str = "jobtop-log-next";
/// A part of a log that is shorter than this many bytes reaches to its end, as of then.
pub const LOG_PART: usize = 256 * 1024;
/// The header that says whether nothing will come any more: `true` or `false`.
pub const LOG_END: &str = "jobtop-log-ended";
