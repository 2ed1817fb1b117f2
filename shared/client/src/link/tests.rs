use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use jobtop_core::proto::message::Message;
use jobtop_core::proto::request::Subscribe;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::{Event, LinkState, Offline, Timing, connect_with};
use crate::endpoint::Endpoint;
use crate::fake::{Fake, Peer, brisk, soon};
use crate::requests;

const ID: &str = "job_01JD8ZAAAAAAAAAAAAAAAAAAAA";

fn jobs() -> Vec<Subscribe> {
    vec![Subscribe {
        channel: "jobs".to_owned(),
        snapshot: true,
        ..Subscribe::default()
    }]
}

async fn message(events: &mut mpsc::Receiver<Event>) -> Message {
    loop {
        if let Event::Message(message) = soon(events.recv()).await.expect("the link lives") {
            return message;
        }
    }
}

async fn connected(events: &mut mpsc::Receiver<Event>) {
    loop {
        let event = soon(events.recv()).await.expect("the link lives");
        if matches!(event, Event::State(LinkState::Connected { .. })) {
            return;
        }
    }
}

async fn reason(events: &mut mpsc::Receiver<Event>) -> String {
    waiting(events).await.0
}

/// Why there is no connection, and when it is tried again.
async fn waiting(events: &mut mpsc::Receiver<Event>) -> (String, Duration) {
    loop {
        let event = soon(events.recv()).await.expect("the link lives");
        if let Event::State(LinkState::Waiting {
            reason, retry_in, ..
        }) = event
        {
            return (reason, retry_in);
        }
    }
}

#[tokio::test]
async fn goes_on_after_a_cut_where_it_was_cut() {
    let fake = Fake::new();
    let (_link, mut events) = connect_with(fake.endpoint(), jobs(), brisk());

    let mut peer = fake.accept().await;
    assert_eq!(
        peer.hear("subscribe").await,
        json!({"type": "subscribe", "channel": "jobs", "snapshot": true})
    );
    peer.say(json!({"type": "subscribed", "channel": "jobs", "revision": 5, "epoch": 7}))
        .await;
    // Cut in the middle of the snapshot: it is asked for anew.
    drop(peer);

    let mut peer = fake.accept().await;
    assert_eq!(peer.hear("subscribe").await.get("after"), None);
    peer.say(json!({"type": "subscribed", "channel": "jobs", "revision": 5, "epoch": 7}))
        .await;
    peer.say(json!({"type": "snapshot_end", "channel": "jobs", "revision": 5, "epoch": 7}))
        .await;
    peer.say(json!({"type": "job_removed", "channel": "jobs", "jobId": ID, "revision": 9}))
        .await;
    loop {
        if let Message::JobRemoved { revision: 9, .. } = message(&mut events).await {
            break;
        }
    }
    drop(peer);

    let mut peer = fake.accept().await;
    assert_eq!(
        peer.hear("subscribe").await,
        json!({"type": "subscribe", "channel": "jobs", "snapshot": true, "after": 9, "epoch": 7})
    );
    connected(&mut events).await;
}

#[tokio::test]
async fn a_frame_is_refused_while_there_is_no_connection() {
    let fake = Fake::new();
    let (link, mut events) = connect_with(fake.endpoint(), Vec::new(), brisk());
    assert_eq!(
        link.try_send(requests::pause("1", ID)),
        Err(Offline::NotConnected)
    );

    let mut peer = fake.accept().await;
    connected(&mut events).await;
    link.try_send(requests::pause("2", ID)).unwrap();
    assert_eq!(
        peer.hear("pause_job").await,
        json!({"type": "pause_job", "requestId": "2", "jobId": ID})
    );
    drop(peer);
    reason(&mut events).await;
    assert_eq!(
        link.try_send(requests::pause("3", ID)),
        Err(Offline::NotConnected)
    );
    // What was refused is not sent later.
    let mut peer = fake.accept().await;
    connected(&mut events).await;
    link.try_send(requests::resume("4", ID)).unwrap();
    peer.hear("resume_job").await;
}

#[tokio::test]
async fn a_peer_that_says_nothing_any_more_is_left() {
    let fake = Fake::new();
    let timing = Timing {
        dead_after: Duration::from_millis(100),
        ..brisk()
    };
    let (_link, mut events) = connect_with(fake.endpoint(), Vec::new(), timing);
    let peer = fake.accept().await;
    connected(&mut events).await;
    // The peer is there, and its socket too, but it says nothing, as after a half-closed connection.
    assert_eq!(reason(&mut events).await, "nothing heard for 0.1 s");
    drop(peer);
}

#[tokio::test]
async fn a_peer_that_answers_pings_is_not_left() {
    let fake = Fake::new();
    let timing = Timing {
        ping_every: Duration::from_millis(15),
        dead_after: Duration::from_millis(500),
        ..brisk()
    };
    let (_link, mut events) = connect_with(fake.endpoint(), Vec::new(), timing);
    let mut peer = fake.accept().await;
    connected(&mut events).await;
    // So many pings take nearly twice the deadline.
    for _ in 0..60 {
        let frame = soon(peer.0.next()).await.unwrap().unwrap();
        assert!(frame.is_ping(), "{frame}");
    }
    peer.say(json!({"type": "pong", "revision": 3})).await;
    assert_eq!(message(&mut events).await, Message::Pong { revision: 3 });
}

#[tokio::test]
async fn the_daemons_pings_are_answered() {
    let fake = Fake::new();
    let (_link, _events) = connect_with(fake.endpoint(), Vec::new(), brisk());
    let mut peer = fake.accept().await;
    peer.say(json!({"type": "ping", "timestamp": "2026-11-24T03:04:17.120Z"}))
        .await;
    peer.hear("pong").await;
    soon(peer.0.send(Frame::Ping(vec![1].into())))
        .await
        .unwrap();
    let pong = soon(peer.0.next()).await.unwrap().unwrap();
    assert_eq!(pong, Frame::Pong(vec![1].into()));
}

/// An answer of a daemon that does not know a token.
fn not_let_in() -> String {
    let problem = r#"{"type":"about:blank","title":"Unauthorized","status":401,"code":"unauthorized","detail":"The token has expired"}"#;
    format!(
        "HTTP/1.1 401 Unauthorized\r\ncontent-length: {}\r\n\r\n{problem}",
        problem.len()
    )
}

#[tokio::test]
async fn a_daemon_that_does_not_let_us_in_is_left_alone_and_its_own_words_are_said() {
    let fake = Fake::new();
    let (link, mut events) = connect_with(fake.endpoint(), jobs(), brisk());
    let bad_gateway = "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n";
    for answers in [
        &[not_let_in()][..],
        // A proxy lets no WebSocket through, and behind it is the same daemon.
        &[bad_gateway.to_owned(), not_let_in()],
    ] {
        for answer in answers {
            fake.answer(answer).await;
        }
        let (reason, retry_in) = waiting(&mut events).await;
        assert!(reason.contains("oken has expired"), "{reason}");
        assert!(retry_in >= Duration::from_secs(10), "{retry_in:?}");
        link.retry_now();
    }
    // What is wrong with the feed is said where the daemon says nothing.
    fake.answer(bad_gateway).await;
    drop(fake.accept_raw().await);
    let (reason, retry_in) = waiting(&mut events).await;
    assert!(reason.contains("502 Bad Gateway"), "{reason}");
    assert!(retry_in < Duration::from_secs(10), "{retry_in:?}");
}

fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn what_is_asked_while_there_is_no_feed_is_answered_before_the_feed_is_taken() {
    let fake = Fake::new();
    let (link, mut events) = connect_with(fake.endpoint(), jobs(), brisk());
    let nothing = ok(r#"{"jobs":[],"removed":[],"nextCursor":null,"revision":1,"epoch":7}"#);
    fake.answer("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")
        .await;
    fake.answer(&nothing).await;
    connected(&mut events).await;
    link.try_send(requests::pause("r1", ID)).unwrap();
    let (mut feed, mut action) = (None, None);
    while feed.is_none() || action.is_none() {
        let (mut stream, head) = fake.asked().await;
        if head.starts_with("POST ") {
            action = Some(stream);
        } else if head.to_ascii_lowercase().contains("upgrade: websocket") {
            feed = Some((stream, head));
        } else {
            soon(stream.write_all(nothing.as_bytes())).await.unwrap();
        }
    }
    let _peer = Peer::upgrade(feed.unwrap()).await;
    // Were the feed taken at once, this would be dropped.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let refusal = r#"{"type":"about:blank","title":"Conflict","status":409,"code":"job_finished","detail":"It is over"}"#;
    let answer = format!(
        "HTTP/1.1 409 Conflict\r\ncontent-length: {}\r\n\r\n{refusal}",
        refusal.len()
    );
    let mut action = action.unwrap();
    soon(action.write_all(answer.as_bytes())).await.unwrap();
    let mut told = Vec::new();
    loop {
        match soon(events.recv()).await.expect("the link lives") {
            Event::Message(Message::Error(error)) => {
                assert_eq!(error.request_id, Some(json!("r1")));
                told.push("answer");
            }
            Event::State(LinkState::Connecting { .. }) => told.push("connecting"),
            Event::State(LinkState::Connected { polling: None, .. }) => break,
            _ => {}
        }
    }
    assert_eq!(told, ["answer", "connecting"]);
}

#[tokio::test]
async fn why_there_is_no_connection_is_said_in_words() {
    let fake = Fake::new();
    let (link, mut events) = connect_with(fake.endpoint(), Vec::new(), brisk());
    let at = fake.endpoint();

    let problem = r#"{"type":"about:blank","title":"Forbidden","status":403,"code":"bad_origin","detail":"No \u001b[2Jpage may"}"#;
    fake.answer(&format!(
        "HTTP/1.1 403 Forbidden\r\ncontent-length: {}\r\n\r\n{problem}",
        problem.len()
    ))
    .await;
    let said = reason(&mut events).await;
    assert!(
        said.starts_with(&format!("{at} refused the connection: 403 No "))
            && said.ends_with("page may"),
        "{said}"
    );
    assert!(!said.contains('\u{1b}'), "{said:?}");
    link.retry_now();

    fake.answer("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n")
        .await;
    assert_eq!(
        reason(&mut events).await,
        format!("{at} refused the connection: 503 Service Unavailable")
    );

    fake.answer("SSH-2.0-OpenSSH_9.9\r\n\r\n").await;
    let said = reason(&mut events).await;
    assert!(said.contains("does not speak our protocol"), "{said}");

    drop(fake.accept_raw().await);
    assert_eq!(
        reason(&mut events).await,
        format!("the connection to {at} broke off")
    );

    // In the middle of the handshake it is the same.
    fake.answer("").await;
    assert_eq!(
        reason(&mut events).await,
        format!("the connection to {at} broke off")
    );

    for (code, reason_sent, says) in [
        (
            CloseCode::Away,
            "",
            "the daemon closed the connection (going down)",
        ),
        (
            CloseCode::Policy,
            "nothing was heard",
            "the daemon closed the connection (nothing was heard)",
        ),
        (
            CloseCode::Size,
            "",
            "the daemon closed the connection (a message of ours was too large)",
        ),
    ] {
        let mut peer = fake.accept().await;
        let frame = CloseFrame {
            code,
            reason: reason_sent.into(),
        };
        soon(peer.0.close(Some(frame))).await.unwrap();
        assert_eq!(reason(&mut events).await, says);
    }
}

#[tokio::test]
async fn where_nobody_listens_it_says_so_and_keeps_trying() {
    // Bound, so that nobody else gets the port, but not listening yet.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    let endpoint: Endpoint = format!("ws://{address}").parse().unwrap();
    let (_link, mut events) = connect_with(endpoint, Vec::new(), brisk());
    for attempt in 1..=3 {
        let said = soon(events.recv()).await.unwrap();
        assert_eq!(said, Event::State(LinkState::Connecting { attempt }));
        let Event::State(LinkState::Waiting {
            reason,
            attempt: failed,
            retry_in,
        }) = soon(events.recv()).await.unwrap()
        else {
            panic!("it waits");
        };
        assert_eq!(
            reason,
            format!("connection refused: no daemon listens at ws://{address}")
        );
        assert_eq!(failed, attempt);
        assert!(retry_in <= brisk().backoff.max, "{retry_in:?}");
    }
    // Somebody does now.
    let listener = socket.listen(8).unwrap();
    let (stream, _) = soon(listener.accept()).await.unwrap();
    let mut socket = soon(tokio_tungstenite::accept_async(stream)).await.unwrap();
    soon(socket.send(Frame::text(r#"{"type":"welcome","clientId":"c"}"#)))
        .await
        .unwrap();
    connected(&mut events).await;
}

#[tokio::test]
async fn the_wait_can_be_cut_short() {
    let timing = Timing {
        backoff: crate::backoff::Backoff {
            min: Duration::from_secs(3600),
            max: Duration::from_secs(3600),
            ..brisk().backoff
        },
        ..brisk()
    };
    let fake = Fake::new();
    let (link, mut events) = connect_with(fake.endpoint(), Vec::new(), timing);
    drop(fake.accept_raw().await);
    reason(&mut events).await;
    link.retry_now();
    let _peer = fake.accept().await;
    connected(&mut events).await;
}

#[tokio::test]
async fn closing_says_goodbye_and_ends_the_events() {
    let fake = Fake::new();
    let (link, mut events) = connect_with(fake.endpoint(), Vec::new(), brisk());
    let mut peer = fake.accept().await;
    connected(&mut events).await;
    link.close();
    let said = soon(peer.0.next()).await.unwrap().unwrap();
    assert!(said.is_close(), "{said}");
    assert_eq!(soon(events.recv()).await, None);
}

#[tokio::test]
async fn the_link_ends_when_nobody_listens() {
    let fake = Fake::new();
    let (link, mut events) = connect_with(fake.endpoint(), Vec::new(), brisk());
    let mut peer = fake.accept().await;
    connected(&mut events).await;
    drop(events);
    assert_eq!(peer.hear_any().await, None);
    assert_eq!(
        link.try_send(requests::ping()),
        Err(Offline::NotConnected),
        "and so says the handle"
    );
}

#[tokio::test]
async fn a_slow_consumer_slows_the_daemon_and_loses_nothing() {
    let fake = Fake::new();
    let (_link, mut events) = connect_with(fake.endpoint(), Vec::new(), brisk());
    let mut peer = fake.accept().await;
    connected(&mut events).await;
    // Nobody reads: after the channel and the socket's buffers are full, a send waits.
    let padding = "x".repeat(1000);
    let mut sent = 0_u64;
    loop {
        assert!(sent < 100_000, "somebody keeps 100 MB for nobody");
        let frame = json!({"type": "pong", "revision": sent + 1, "padding": padding});
        let frame = Frame::text(frame.to_string());
        sent += 1;
        let flushed = timeout(Duration::from_millis(300), peer.0.send(frame)).await;
        match flushed {
            Ok(done) => done.unwrap(),
            Err(_) => break,
        }
    }
    let rest = tokio::spawn(async move {
        peer.0.flush().await.unwrap();
        peer
    });
    for revision in 1..=sent {
        assert_eq!(message(&mut events).await, Message::Pong { revision });
    }
    soon(rest).await.unwrap();
}

#[tokio::test]
async fn what_is_not_understood_is_left_out() {
    let fake = Fake::new();
    let (_link, mut events) = connect_with(fake.endpoint(), Vec::new(), brisk());
    let mut peer = fake.accept().await;
    for nonsense in ["", "{", "[]", r#"{"type":"job_update"}"#, r#"{"type":7}"#] {
        soon(peer.0.send(Frame::text(nonsense))).await.unwrap();
    }
    soon(peer.0.send(Frame::binary(vec![0, 255])))
        .await
        .unwrap();
    peer.say(json!({"type": "pong", "revision": 1})).await;
    assert_eq!(message(&mut events).await, Message::Pong { revision: 1 });
}

#[tokio::test]
async fn a_stranger_that_hangs_does_not_hang_us() {
    let fake = Fake::new();
    let timing = Timing {
        dial: Duration::from_millis(50),
        ..brisk()
    };
    let (_link, mut events) = connect_with(fake.endpoint(), Vec::new(), timing);
    let mut stream = fake.accept_raw().await;
    stream.write_all(b"HTTP/1.1 101 Swi").await.unwrap();
    assert_eq!(
        reason(&mut events).await,
        format!("no answer from {}", fake.endpoint())
    );
}

/// Times of somebody who looks on, in a hurry.
fn overtaking() -> Timing {
    Timing {
        ping_every: Duration::from_millis(20),
        overtake: Some(Duration::from_millis(40)),
        ..brisk()
    }
}

/// A daemon on a TCP port, and where it is.
async fn tcp() -> (TcpListener, Endpoint) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("ws://{}", listener.local_addr().unwrap());
    (listener, endpoint.parse().unwrap())
}

async fn raw(listener: &TcpListener) -> TcpStream {
    soon(listener.accept()).await.unwrap().0
}

async fn welcomed(stream: TcpStream) -> WebSocketStream<TcpStream> {
    let mut socket = soon(tokio_tungstenite::accept_async(stream)).await.unwrap();
    let welcome = json!({"type": "welcome", "clientId": "c1", "protocol": 1, "epoch": 7});
    soon(socket.send(Frame::text(welcome.to_string())))
        .await
        .unwrap();
    socket
}

#[tokio::test]
async fn an_attempt_that_hangs_is_overtaken_by_another() {
    let (listener, endpoint) = tcp().await;
    let timing = Timing {
        // No attempt would end by itself while this test waits.
        dial: Duration::from_secs(3_600),
        ..overtaking()
    };
    let (_link, mut events) = connect_with(endpoint, jobs(), timing);
    let (mut mute, other) = (raw(&listener).await, raw(&listener).await);
    let mut other = welcomed(other).await;
    connected(&mut events).await;
    let asked = soon(other.next()).await.unwrap().unwrap();
    assert!(asked.to_text().unwrap().contains("subscribe"), "{asked}");
    // The one that hung is given up, and nothing was asked on it.
    let mut said = Vec::new();
    soon(mute.read_to_end(&mut said)).await.unwrap();
    assert!(!String::from_utf8_lossy(&said).contains("subscribe"));
}

#[tokio::test]
async fn a_connection_that_answers_is_the_only_one() {
    let (listener, endpoint) = tcp().await;
    let (_link, mut events) = connect_with(endpoint, jobs(), overtaking());
    let mut peer = welcomed(raw(&listener).await).await;
    connected(&mut events).await;
    // Pings, and answers to them, for longer than any answer may take.
    for _ in 0..20 {
        soon(peer.next()).await.unwrap().unwrap();
    }
    assert!(
        timeout(Duration::from_millis(10), listener.accept())
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_connection_that_hangs_is_overtaken_and_what_was_asked_on_it_is_not_done_later() {
    let (listener, endpoint) = tcp().await;
    let (link, mut events) = connect_with(endpoint, jobs(), overtaking());
    let mut mute = welcomed(raw(&listener).await).await;
    connected(&mut events).await;
    link.try_send(requests::pause("1", ID)).unwrap();
    let mut other = welcomed(raw(&listener).await).await;
    let said = soon(events.recv()).await.unwrap();
    assert_eq!(said, Event::State(LinkState::Connecting { attempt: 1 }));
    connected(&mut events).await;
    let asked = soon(other.next()).await.unwrap().unwrap();
    assert!(asked.to_text().unwrap().contains("subscribe"), "{asked}");
    // What the network has not delivered by now it never will: the connection was not closed, but reset.
    let mut rest = Vec::new();
    let end = soon(mute.get_mut().read_to_end(&mut rest)).await;
    assert_eq!(
        end.map_err(|error| error.kind()),
        Err(std::io::ErrorKind::ConnectionReset)
    );
}

#[tokio::test]
async fn a_cut_in_the_middle_of_the_handshake_does_not_mean_that_there_is_no_feed() {
    let (listener, endpoint) = tcp().await;
    let (_link, mut events) = connect_with(endpoint, jobs(), brisk());
    let daemon = async {
        let mut upgrades = 0;
        loop {
            let mut stream = raw(&listener).await;
            let mut head = vec![0; 1024];
            let n = soon(stream.peek(&mut head)).await.unwrap();
            let head = String::from_utf8_lossy(&head[..n]).to_ascii_lowercase();
            if head.contains("upgrade: websocket") {
                upgrades += 1;
                if upgrades == 2 {
                    return welcomed(stream).await;
                }
            } else {
                stream.read_exact(&mut vec![0; n]).await.unwrap();
                let body = r#"{"jobs":[],"removed":[],"nextCursor":null,"revision":3,"epoch":7}"#;
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        }
    };
    let feed = async {
        loop {
            let event = events.recv().await.expect("the link lives");
            let Event::State(LinkState::Connected { polling, .. }) = event else {
                continue;
            };
            if polling.is_none() {
                return;
            }
        }
    };
    soon(Box::pin(async { tokio::join!(daemon, feed) })).await;
}

#[tokio::test]
async fn what_was_asked_of_a_silent_peer_is_not_done_later() {
    let (listener, endpoint) = tcp().await;
    let timing = Timing {
        dead_after: Duration::from_millis(100),
        ..brisk()
    };
    let (link, mut events) = connect_with(endpoint, jobs(), timing);
    let mut mute = welcomed(raw(&listener).await).await;
    connected(&mut events).await;
    link.try_send(requests::pause("1", ID)).unwrap();
    assert_eq!(reason(&mut events).await, "nothing heard for 0.1 s");
    let end = soon(mute.get_mut().read_to_end(&mut Vec::new())).await;
    assert_eq!(
        end.map_err(|error| error.kind()),
        Err(std::io::ErrorKind::ConnectionReset)
    );
}
