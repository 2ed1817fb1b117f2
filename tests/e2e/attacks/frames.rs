//! Frames that are none, never end or come in crumbs: each ends its own connection with the code for it, takes no memory,
//! and nobody else notices.

use std::time::{Duration, Instant};

use jobtop_e2e::daemon::{Daemon, Setup};
use jobtop_e2e::home::Home;
use jobtop_e2e::ws::{self, TOO_LARGE, Ws};
use jobtop_e2e::{process, wait};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::{counted, frame, status};
use crate::said::id;

/// Not a WebSocket's frame.
const PROTOCOL: u16 = 1002;
/// A text that is not UTF-8.
const NOT_TEXT: u16 = 1007;

const TEXT: u8 = 0x81;
const TEXT_BEGINS: u8 = 0x01;
const GOES_ON: u8 = 0x00;
const LAST: u8 = 0x80;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;

/// A frame that announces so much, and none of it.
fn announced(length: u64) -> Vec<u8> {
    let mut head = vec![TEXT, 0xff];
    head.extend(length.to_be_bytes());
    head.extend([0; 4]);
    head
}

/// What is sent, and the code that it ends with.
fn broken() -> Vec<(&'static str, Vec<u8>, u16)> {
    let mut table = vec![
        ("not masked", vec![TEXT, 2, b'{', b'}'], PROTOCOL),
        ("a ping, not masked", vec![PING, 0], PROTOCOL),
        (
            "compressed, which was not agreed",
            frame(0xc1, b"{}"),
            PROTOCOL,
        ),
        ("the second reserved bit", frame(0xa1, b"{}"), PROTOCOL),
        ("the third", frame(0x91, b"{}"), PROTOCOL),
        ("all of them on a ping", frame(0xf9, b""), PROTOCOL),
        (
            "HTTP",
            b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
            PROTOCOL,
        ),
        ("not UTF-8", frame(TEXT, b"\xff\xfe"), NOT_TEXT),
        ("too long a form of /", frame(TEXT, b"\xc0\xaf"), NOT_TEXT),
        (
            "half a surrogate",
            frame(TEXT, b"\"\xed\xa0\x80\""),
            NOT_TEXT,
        ),
        ("beyond Unicode", frame(TEXT, b"\xf4\x90\x80\x80"), NOT_TEXT),
        (
            "a character without its end",
            frame(TEXT, b"\"\xe2\x82"),
            NOT_TEXT,
        ),
        (
            "the same in pieces",
            [frame(TEXT_BEGINS, b"\"\xe2"), frame(LAST, b"\x82")].concat(),
            NOT_TEXT,
        ),
        ("a piece of nothing", frame(GOES_ON, b"{}"), PROTOCOL),
        ("the last piece of nothing", frame(LAST, b"{}"), PROTOCOL),
        (
            "a message within a message",
            [frame(TEXT_BEGINS, b"{"), frame(TEXT, b"}")].concat(),
            PROTOCOL,
        ),
        ("a ping in pieces", frame(0x09, b""), PROTOCOL),
        ("an end in pieces", frame(0x08, b""), PROTOCOL),
        ("a ping of 126 bytes", frame(PING, &[0; 126]), PROTOCOL),
        ("a pong of 70,000", frame(0x8a, &vec![0; 70_000]), PROTOCOL),
        ("an end of 126", frame(CLOSE, &[0; 126]), PROTOCOL),
        ("half a code of an end", frame(CLOSE, &[3]), PROTOCOL),
        ("a gigabyte announced", announced(1 << 30), TOO_LARGE),
        ("all there can be", announced((1 << 63) - 1), TOO_LARGE),
        ("more than there can be", announced(u64::MAX), TOO_LARGE),
    ];
    for first in [0x83, 0x84, 0x85, 0x86, 0x87, 0x8b, 0x8c, 0x8d, 0x8e, 0x8f] {
        table.push(("an opcode that nobody knows", frame(first, b""), PROTOCOL));
    }
    table
}

/// Somebody who reports, and somebody who looks on: what the one says reaches the other.
struct Others {
    producer: Ws,
    viewer: Ws,
    job: String,
    said: u32,
}

impl Others {
    fn of(daemon: &Daemon) -> Self {
        let job = id(&daemon.create(&json!({"type": "etl"})));
        let (producer, mut viewer) = (daemon.ws(), daemon.ws());
        viewer.subscribe("jobs", &json!({}));
        Self {
            producer,
            viewer,
            job,
            said: 0,
        }
    }

    fn notice_nothing(&mut self) {
        self.said += 1;
        let said = self.said;
        self.producer.send(&json!({
            "type": "update_progress", "jobId": self.job, "metrics": {"processedItems": said},
        }));
        self.viewer.job(&self.job, "as reported", |job| {
            job["metrics"]["processedItems"] == said
        });
    }
}

#[test]
fn each_broken_one_ends_its_own_connection_with_its_code() {
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    let mut others = Others::of(&daemon);
    let mut wrong = Vec::new();
    let (mut malformed, mut too_large) = (0, 0);
    let mut waited = Duration::ZERO;
    for (what, bytes, code) in broken() {
        let mut ws = daemon.ws();
        ws.send_bytes(&bytes);
        others.notice_nothing();
        let end = ws.end();
        if end != Some(code) {
            wrong.push(format!("{what} ({:x?}): {end:?}", &bytes[..1]));
        }
        // The connection is the daemon's to end, and it does not wait for the client to do it.
        let begun = Instant::now();
        ws.ended_by_the_other();
        waited += begun.elapsed();
        if code == TOO_LARGE {
            too_large += 1;
        } else {
            malformed += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(waited < Duration::from_secs(5), "{waited:?} for all");
    counted(&daemon, "cut", "malformed", malformed);
    counted(&daemon, "cut", "too_large", too_large);
}

#[test]
fn a_client_s_end_is_answered_by_the_same() {
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    for code in [1000, 1001, 1011, 3000, 4999] {
        let mut ws = daemon.ws();
        ws.subscribe("jobs", &json!({}));
        ws.send_frame(ws::close(code));
        assert_eq!(ws.end(), Some(code));
    }
    // Codes that are for no wire.
    for code in [0, 999, 1004, 1005, 1006, 1016, 2999, 5000, 65535_u16] {
        let mut ws = daemon.ws();
        ws.send_bytes(&frame(CLOSE, &code.to_be_bytes()));
        assert_eq!(ws.end(), Some(PROTOCOL), "{code}");
    }
    // No code is as good as one.
    let mut ws = daemon.ws();
    ws.send_bytes(&frame(CLOSE, b""));
    assert_eq!(ws.end(), None);
    assert_eq!(status(&daemon)["cut"], json!({}), "it was their wish");
}

#[test]
fn a_message_in_crumbs_is_a_message() {
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    let mut ws = daemon.ws();
    let text = json!({"type": "ping", "requestId": "€".repeat(30)}).to_string();
    let (last, before) = text.as_bytes().split_last().expect("not empty");
    let mut first = TEXT_BEGINS;
    let mut frames = Vec::new();
    for byte in before {
        frames.extend(frame(first, &[*byte]));
        frames.extend(frame(PING, b"between"));
        frames.extend(frame(GOES_ON, b""));
        first = GOES_ON;
    }
    frames.extend(frame(LAST, &[*last]));
    for crumb in frames {
        ws.send_bytes(&[crumb]);
    }
    assert_eq!(ws.expect("pong")["requestId"], "€".repeat(30));
    // The most that are taken, each of one byte.
    let text = format!("{:<1024}", r#"{"type":"ping"}"#);
    let mut frames = Vec::new();
    for (at, byte) in text.bytes().enumerate() {
        let last = if at == 1023 { LAST } else { GOES_ON };
        frames.extend(frame(last | u8::from(at == 0), &[byte]));
    }
    ws.send_bytes(&frames);
    ws.expect("pong");
    // A hundred thousand that say nothing.
    ws.send_bytes(&frame(TEXT_BEGINS, b""));
    let nothing = frame(GOES_ON, b"").repeat(100_000);
    ws.try_send_bytes(&nothing);
    assert_eq!(ws.end(), Some(TOO_LARGE));
    counted(&daemon, "cut", "fragments", 1);
}

#[test]
fn what_is_announced_and_does_not_come_takes_no_memory_and_holds_up_nobody() {
    const CLIENTS: u64 = 200;
    let home = Home::new();
    let daemon = home.daemon(Setup::tcp());
    let mut others = Others::of(&daemon);
    others.notice_nothing();
    let feeds = || status(&daemon)["connections"]["feeds"].as_u64();
    let before_feeds = feeds();
    // Connections take some memory of their own: what is compared is what their frames add.
    let mut clients: Vec<Ws> = (0..CLIENTS).map(|_| daemon.ws()).collect();
    let before = process::resident_kib(daemon.pid(), false);
    // As much as a message may have: 50 MiB of them all.
    for client in &mut clients {
        client.send_bytes(&announced(256 * 1024));
        client.send_bytes(b"{\"type\":");
    }
    others.notice_nothing();
    let grown = process::resident_kib(daemon.pid(), false).saturating_sub(before);
    assert!(grown < 10 * 1024, "the daemon grew by {grown} KiB");
    assert_eq!(feeds(), before_feeds.map(|feeds| feeds + CLIENTS));
    for client in clients {
        client.cut();
    }
    wait::until("all of them gone", || {
        (feeds() == before_feeds).then_some(())
    });

    let mut giants: Vec<Ws> = (0..50).map(|_| daemon.ws()).collect();
    let before = process::resident_kib(daemon.pid(), false);
    for giant in &mut giants {
        giant.send_bytes(&announced(1 << 30));
        assert_eq!(giant.end(), Some(TOO_LARGE));
    }
    let grown = process::resident_kib(daemon.pid(), false).saturating_sub(before);
    assert!(grown < 1024, "the daemon grew by {grown} KiB");
    others.notice_nothing();
}

#[test]
fn answers_that_are_not_read_are_not_asked_for_without_end() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let mut others = Others::of(&daemon);
    let mut ws = daemon.ws();
    ws.patience(Duration::from_millis(500));
    let before = process::resident_kib(daemon.pid(), false);
    // Each is answered by more than it is; after a while the daemon takes no more.
    let question =
        Message::text(json!({"type": "subscribe", "channel": "x".repeat(900)}).to_string());
    let taken = (0..200_000)
        .take_while(|_| ws.try_send_frame(question.clone()))
        .count();
    assert!(taken < 200_000, "it took all of them");
    let grown = process::resident_kib(daemon.pid(), false).saturating_sub(before);
    assert!(grown < 2 * 1024, "the daemon grew by {grown} KiB");
    others.notice_nothing();
    let _: Value = status(&daemon);
}
