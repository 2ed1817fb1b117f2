//! What an attacker would try on the real daemon and the real client, a table each: what is too much, broken frames, HTTP that is none,
//! other users of the machine, and text that would steer a terminal. Crowds are in `floods`, names and pages in `guard`.

mod frames;
mod limits;
mod neighbours;
mod requests;
mod strings;

use jobtop_e2e::daemon::Daemon;
use jobtop_e2e::{http, wait};
use serde_json::Value;

/// What the daemon tells of itself, asked where a crowd at its port is no hindrance.
pub(crate) fn status(daemon: &Daemon) -> Value {
    wait::until("the daemon's status", || {
        let answer = http::request(&daemon.unix(), "GET", "/api/status", &[], b"");
        (answer.status == 200).then(|| answer.json())
    })
}

/// Waits until `refused` or `cut` has counted that word so often: a connection may end a moment before it is counted.
fn counted(daemon: &Daemon, kind: &str, word: &str, times: u64) {
    let count = || status(daemon)[kind][word].as_u64().unwrap_or(0);
    wait::within(wait::DEADLINE, || (count() >= times).then_some(()));
    assert_eq!(count(), times, "{kind} {word} in {}", status(daemon));
}

/// A client's frame: its first byte says what it is; the mask is zero, which is one too.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..126 => frame.push(0x80 + length as u8),
        length @ 126..0x1_0000 => {
            frame.push(0x80 + 126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 + 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}
