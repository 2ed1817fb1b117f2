//! TLS: whose certificate is believed, what becomes of a changed one, and what a slow or foolish client at the door costs others.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use jobtop_e2e::bins;
use jobtop_e2e::daemon::{Daemon, Setup};
use jobtop_e2e::home::Home;
use jobtop_e2e::process::Signal;
use jobtop_e2e::pty::Pty;
use jobtop_e2e::wait::{self, DEADLINE};
use serde_json::json;

fn run(home: &Home, token: &str, args: &[&str]) -> (Option<i32>, String) {
    let child = home
        .jobtop(args)
        .env("JOBTOP_TOKEN", token)
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("jobtop can be started");
    let output = wait::output(child);
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

fn addr(daemon: &Daemon) -> SocketAddr {
    daemon.tcp().host().parse().expect("an address")
}

#[test]
fn a_certificate_nobody_vouches_for_is_believed_by_its_fingerprint_alone() {
    let home = Home::new();
    let daemon = home.daemon(Setup::with_tls());
    daemon.create(&json!({"type": "csv_processing", "name": "nightly"}));
    let token = daemon.token("ann", "admin");
    let shown = daemon.fingerprint();
    let target = daemon.target();

    // Where nobody can be asked nothing is believed, and the sentence says what to do.
    let (code, said) = run(&home, &token, &["ls", "--target", &target]);
    assert_eq!(code, Some(6), "{said}");
    assert!(
        said.contains(&shown) && said.contains("--fingerprint"),
        "{said}"
    );

    let (code, said) = run(
        &home,
        &token,
        &["ls", "--target", &target, "--fingerprint", &shown],
    );
    assert_eq!((code, said.contains("nightly")), (Some(0), true), "{said}");

    let other = shown.replace(&shown[60..], &"0".repeat(shown.len() - 60));
    let (code, said) = run(
        &home,
        &token,
        &["ls", "--target", &target, "--fingerprint", &other],
    );
    assert_eq!(code, Some(6), "{said}");
    assert!(
        said.contains("IS NOT THE ONE") && said.contains(&shown),
        "{said}"
    );
    assert!(said.contains("JOBTOP_FINGERPRINT"), "{said}");

    let (code, said) = run(
        &home,
        &token,
        &["ls", "--target", &target, "--fingerprint", "x"],
    );
    assert_eq!(code, Some(2), "{said}");

    // The status says what is shown, for whoever compares.
    let (_, said) = run(&home, "", &["daemon", "status"]);
    assert!(
        said.contains(&shown) && said.contains("https://127.0.0.1"),
        "{said}"
    );
}

#[test]
fn a_person_is_asked_once_and_a_changed_certificate_is_refused_loudly() {
    let home = Home::new();
    let mut daemon = home.daemon(Setup::with_tls());
    let token = daemon.token("ann", "admin");
    let shown = daemon.fingerprint();
    let target = daemon.target();
    let file = home.work().join("token");
    std::fs::write(&file, &token).expect("a file");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .expect("a mode");
    let file = file.to_str().expect("a plain path");
    let jobtop = bins::jobtop();
    let jobtop = jobtop.to_str().expect("a plain path");
    let ls = [jobtop, "ls", "--target", &target, "--token-file", file];

    let mut no = Pty::start(&home, (24, 100), &ls);
    no.wait_text("[y/N]");
    no.press("n\r");
    assert_eq!(no.left().code, 6);

    let mut yes = Pty::start(&home, (24, 100), &ls);
    let screen = yes.wait_text("[y/N]");
    assert!(screen.contains(&shown[..40]), "{screen}");
    yes.press("y\r");
    assert_eq!(yes.left().code, 0);
    let known = home.path().join("config/jobtop/known_hosts");
    let kept = std::fs::read_to_string(&known).expect("the known daemons");
    assert_eq!(kept.trim_end(), format!("{} {shown}", daemon.tcp().host()));

    let (code, said) = run(&home, &token, &["ls", "--target", &target]);
    assert_eq!(code, Some(0), "{said}");
    // The line is right where another fingerprint was given.
    let other = format!("sha256:{}", "0".repeat(64));
    let (code, said) = run(
        &home,
        &token,
        &["ls", "--target", &target, "--fingerprint", &other],
    );
    assert_eq!(code, Some(6), "{said}");
    assert!(
        said.contains("JOBTOP_FINGERPRINT") && !said.contains("known_hosts"),
        "{said}"
    );

    daemon.terminate();
    std::fs::remove_dir_all(home.data().join("tls")).expect("its certificate");
    daemon.start_again();
    let (code, said) = run(&home, &token, &["ls", "--target", &target]);
    assert_eq!(code, Some(6), "{said}");
    assert!(said.contains("IS NOT THE ONE THAT IS KNOWN"), "{said}");
    assert!(
        said.contains("remove line 1 of") && said.contains("known_hosts"),
        "{said}"
    );
    // On a terminal too: nobody is asked about a changed one.
    let changed = Pty::start(&home, (24, 100), &ls);
    let left = changed.left();
    let raw = String::from_utf8_lossy(&left.raw).into_owned();
    assert_eq!(left.code, 6, "{raw}");
    assert!(!raw.contains("[y/N]"), "{raw}");
}

#[test]
fn names_of_the_configuration_bring_their_token_and_their_fingerprint() {
    let home = Home::new();
    let daemon = home.daemon(Setup::with_tls());
    daemon.create(&json!({"type": "csv_processing", "name": "nightly"}));
    let token = daemon.token("ann", "viewer");
    let file = home.path().join("etl.token");
    std::fs::write(&file, &token).expect("a file");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .expect("a mode");
    let config = format!(
        "[targets.etl]\nurl = {:?}\ntoken_file = \"~/etl.token\"\nfingerprint = {:?}\n",
        daemon.target(),
        daemon.fingerprint(),
    );
    std::fs::write(home.path().join("config/jobtop/config.toml"), config).expect("a configuration");
    for args in [&["ls", "--target", "etl"][..], &["attach", "etl"]] {
        let (code, said) = run(&home, "", args);
        assert_eq!(
            (code, said.contains("nightly")),
            (Some(0), true),
            "{args:?}: {said}"
        );
    }
    // What is given for another is none of its business.
    let other = format!("sha256:{}", "0".repeat(64));
    let local = home.target();
    let args = ["attach", "etl", &local, "--fingerprint", &other];
    let (code, said) = run(&home, "", &args);
    assert_eq!((code, said.contains("nightly")), (Some(0), true), "{said}");
    let (code, said) = run(&home, "", &["ls", "--target", "elt"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("no target called elt") && said.contains("Did you mean etl?"),
        "{said}"
    );
}

#[test]
fn tls_is_not_talked_down_and_not_talked_up() {
    let home = Home::new();
    let tls = home.daemon(Setup::with_tls());
    let (code, said) = run(
        &home,
        "",
        &["ls", "--target", &tls.target().replace("wss", "ws")],
    );
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("does not speak HTTP") && said.contains("wss://"),
        "{said}"
    );
    let other = Home::new();
    let plain = other.daemon(Setup::with_tokens());
    let (code, said) = run(
        &home,
        "",
        &["ls", "--target", &plain.target().replace("ws", "wss")],
    );
    assert_eq!(code, Some(6), "{said}");
    assert!(
        said.contains("does not speak TLS") && said.contains("say ws://"),
        "{said}"
    );
    // The daemon says nothing in the clear.
    let mut wire = TcpStream::connect(addr(&tls)).expect("a connection");
    wire.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    wire.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .expect("a request");
    let mut answer = Vec::new();
    let _ = wire.read_to_end(&mut answer);
    assert!(
        !String::from_utf8_lossy(&answer).contains("HTTP"),
        "{answer:?}"
    );
}

#[test]
fn handshakes_that_hang_hold_up_nobody_and_end() {
    let home = Home::new();
    home.configure("[limits]\nhandshake_time = \"1s\"\n");
    let daemon = home.daemon(Setup::with_tls());
    let token = daemon.token("ann", "admin");
    let shown = daemon.fingerprint();
    let mut hanging: Vec<TcpStream> = (0..50)
        .map(|n| {
            let mut wire = TcpStream::connect(addr(&daemon)).expect("a connection");
            wire.set_read_timeout(Some(DEADLINE)).expect("a timeout");
            if n % 2 == 0 {
                // The beginning of a handshake, and no more of it.
                wire.write_all(&[0x16, 3, 1, 2, 0, 1]).expect("bytes");
            }
            wire
        })
        .collect();
    let begun = Instant::now();
    let (code, said) = run(
        &home,
        &token,
        &["ls", "--target", &daemon.target(), "--fingerprint", &shown],
    );
    assert_eq!(code, Some(0), "{said}");
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    for wire in &mut hanging {
        // It ends, with an alert before it or without.
        let _ = wire.read_to_end(&mut Vec::new());
    }
    let (_, said) = run(&home, "", &["daemon", "status"]);
    assert!(said.contains("50 handshake"), "{said}");
}

#[test]
fn a_given_certificate_is_read_anew_on_sighup() {
    let (one, two, home) = (Home::new(), Home::new(), Home::new());
    let made: Vec<String> = [&one, &two]
        .map(|home| {
            let mut daemon = home.daemon(Setup::with_tls());
            let shown = daemon.fingerprint();
            daemon.terminate();
            shown
        })
        .to_vec();
    let at = |name: &str| home.path().join(name);
    let give = |from: &Home| {
        for name in ["cert.pem", "key.pem"] {
            std::fs::copy(from.data().join("tls").join(name), at(name)).expect("a copy");
        }
    };
    give(&one);
    let path = |name: &str| at(name).to_str().expect("a plain path").to_owned();
    let setup = Setup::with_tls()
        // Away from any terminal, as a service is.
        .within(&["setsid"])
        .arg("--tls-cert")
        .arg(path("cert.pem"))
        .arg("--tls-key")
        .arg(path("key.pem"));
    let daemon = home.daemon(setup);
    let token = daemon.token("ann", "admin");
    let works_with = |shown: &str| {
        run(
            &home,
            &token,
            &["ls", "--target", &daemon.target(), "--fingerprint", shown],
        )
        .0 == Some(0)
    };
    assert!(works_with(&made[0]));
    give(&two);
    daemon.signal(Signal::HUP);
    wait::until("the new certificate", || works_with(&made[1]).then_some(()));
    // One that can't be used changes nothing.
    std::fs::write(at("cert.pem"), "nonsense").expect("a file");
    daemon.signal(Signal::HUP);
    wait::until("a word about it", || {
        daemon
            .stderr()
            .contains("the one before is shown on")
            .then_some(())
    });
    assert!(works_with(&made[1]));
}
