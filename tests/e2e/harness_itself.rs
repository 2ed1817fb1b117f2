//! The harness, tested where a fault in it would look like a fault of the product's.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use jobtop_e2e::home::Home;
use jobtop_e2e::pipeline::{Pipeline, csv};
use jobtop_e2e::process;
use jobtop_e2e::proxy::{Proxy, Weather};
use jobtop_e2e::pty::Pty;
use jobtop_e2e::wait;
use jobtop_e2e::wire::Endpoint;

/// A server that sends back what it gets, each connection in a thread of its own.
fn echo() -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let endpoint = Endpoint::Tcp(listener.local_addr().expect("its address"));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let (mut from, mut to) = (stream.try_clone().expect("a second handle"), stream);
                let _ = std::io::copy(&mut from, &mut to);
            });
        }
    });
    endpoint
}

#[test]
fn proxy_passes_cuts_loses_and_refuses() {
    let proxy = Proxy::tcp(echo());
    let say = |text: &[u8]| {
        let mut wire = proxy.endpoint().connect().expect("the proxy listens");
        wire.set_read_timeout(Some(Duration::from_secs(5)))
            .expect("a timeout can be set");
        wire.write_all(text).expect("it takes bytes");
        wire
    };
    let mut buf = [0_u8; 5];

    let mut wire = say(b"hello");
    wire.read_exact(&mut buf).expect("an echo");
    assert_eq!(&buf, b"hello");
    proxy.cut();
    assert_eq!(
        wire.read(&mut buf).ok(),
        Some(0),
        "a cut connection is at its end"
    );

    let mut wire = say(b"hello");
    wire.read_exact(&mut buf).expect("an echo");
    proxy.half_close();
    assert_eq!(
        wire.read(&mut buf).ok(),
        Some(0),
        "a half-closed connection is at its end"
    );
    assert!(wire.write_all(b"more").is_ok(), "and still takes bytes");

    proxy.weather(Weather::Trickle(Duration::from_millis(1)));
    say(b"hello")
        .read_exact(&mut buf)
        .expect("an echo, a byte at a time");

    proxy.weather(Weather::Lost);
    let mut wire = say(b"hello");
    wire.set_read_timeout(Some(Duration::from_millis(50)))
        .expect("a timeout can be set");
    assert!(
        wire.read(&mut buf).is_err(),
        "nothing comes back and nobody says so"
    );

    proxy.weather(Weather::Fair);
    proxy.refuse(true);
    assert_eq!(
        say(b"").read(&mut buf).ok(),
        Some(0),
        "a refused connection is at its end"
    );
    assert_eq!(proxy.accepted(), 5);
}

#[test]
fn pty_shows_takes_keys_and_tells_how_it_was_left() {
    let home = Home::new();
    let mut pty = Pty::start(
        &home,
        (10, 40),
        &[
            "sh",
            "-c",
            "stty -echo; printf '\\033[?1049hhi %s' $TERM; read x; exit $x",
        ],
    );
    pty.wait_text("hi xterm-256color");
    pty.press("7\n");
    let left = pty.left();
    assert_eq!(left.code, 7);
    assert!(!left.settings_restored, "stty -echo is still in force");
    assert!(!left.modes_restored, "the alternate screen is still shown");

    let pty = Pty::start(&home, (10, 40), &["sh", "-c", "echo fine"]);
    let left = pty.left();
    assert_eq!(
        (left.code, left.settings_restored, left.modes_restored),
        (0, true, true)
    );
    assert_eq!(left.raw, b"fine\r\n");
}

#[test]
fn a_home_ends_what_was_started_in_it() {
    let home = Home::new();
    let mut child = home
        .command("sleep")
        .arg("1000")
        .spawn()
        .expect("sleep can be started");
    let pid = i32::try_from(child.id()).expect("a pid is small");
    // Its environment can be read a moment after it has begun.
    wait::until("it to be found", || (home.running() == [pid]).then_some(()));
    assert!(process::alive(pid));
    drop(home);
    assert!(!child.wait().expect("it can be waited for").success());
}

#[test]
fn the_pipeline_does_what_it_says() {
    let home = Home::new();
    let rows = 1000;
    let pipeline = Pipeline::new(&home.work(), rows);
    let out = String::from_utf8(pipeline.expected()).expect("text");
    let dropped = (0..rows).filter(|row| row % 17 == 0).count();
    assert_eq!(out.lines().count(), 1 + rows - dropped);
    assert_eq!(
        csv(3).lines().nth(1),
        Some("0,  customer 0 ,, \"note, 0\" ")
    );
}
