//! How it starts, and the sentences with which it does not.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::process::Stdio;

use rustix::process::Signal;

use crate::daemon::{Daemon, Home, tree};
use crate::wire::{exchange, request};

#[test]
fn ready_names_what_is_served_and_nothing_is_open_to_others() {
    let daemon = Daemon::open();
    let socket = daemon.home.socket();
    let expected = format!("ready unix:{} http://{}", socket.display(), daemon.addr());
    assert_eq!(daemon.ready, expected);
    assert_ne!(daemon.addr().port(), 0);
    assert_eq!(fs::metadata(&socket).unwrap().mode() & 0o777, 0o600);
    closed(&daemon.home);
    // At its end it writes files of another library's.
    daemon.job("ann");
    daemon.signal(Signal::TERM);
    let (_, _, home) = daemon.wait();
    closed(&home);
}

fn closed(home: &Home) {
    for path in tree(&home.path("data")) {
        let mode = fs::symlink_metadata(&path).unwrap().mode();
        assert_eq!(mode & 0o077, 0, "{}: {mode:o}", path.display());
    }
}

#[test]
fn without_listen_there_is_no_port() {
    let home = Home::new();
    let socket = home.socket();
    let daemon = home.start(&[]);
    assert_eq!(daemon.ready, format!("ready unix:{}", socket.display()));
}

#[test]
fn several_ports() {
    let daemon = Home::new().start(&[
        "--listen",
        "127.0.0.1:0",
        "--listen=localhost:0",
        "--auth",
        "none",
    ]);
    assert_eq!(daemon.ready.matches(" http://127.0.0.1:").count(), 2);
}

#[test]
fn refusals_say_what_and_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let home = Home::new();
    let config = home.path("jobtopd.toml");
    let config = config.to_str().unwrap();
    fs::write(config, "\nretenton = \"3d\"\n").unwrap();
    for (args, code, what, hint) in [
        (
            &["--listen", "http://0.0.0.0:0"][..],
            2,
            "everybody on the way could read along on http://0.0.0.0:0",
            "--listen https://0.0.0.0:0",
        ),
        (
            &["--listen", "0.0.0.0:0", "--auth", "none"],
            2,
            "loopback addresses only, not on 0.0.0.0:0",
            "--listen 127.0.0.1:0",
        ),
        (
            &["--listen", "nowhere", "--auth", "none"],
            2,
            "--listen: \"nowhere\" is no address",
            "127.0.0.1:7411",
        ),
        (
            &[
                "--listen",
                "--tls-cert",
                "/nowhere.pem",
                "--tls-key",
                "/nowhere.key",
            ],
            2,
            "cannot use the certificate or key in /nowhere.pem",
            "in PEM",
        ),
        (
            &["--config", config],
            2,
            "jobtopd.toml, line 2, column 1: there is no setting retenton",
            "Did you mean retention?",
        ),
        (
            &["--config", "/nowhere.toml"],
            2,
            "cannot read the configuration /nowhere.toml",
            "--config",
        ),
        (
            &["--retention", "soon"],
            2,
            "--retention: \"soon\" is no length of time",
            "30d",
        ),
        (
            &["--nonsense"],
            2,
            "unexpected argument '--nonsense'",
            "--help",
        ),
        (
            &["--listen", &taken, "--auth", "none"],
            1,
            "another program already listens on 127.0.0.1:",
            "port 0",
        ),
    ] {
        let (got, said) = home.refusal(args);
        assert_eq!(got, code, "{args:?}: {said}");
        assert!(said.contains(what), "{args:?}: {said}");
        assert!(said.contains(hint), "{args:?}: {said}");
    }
    assert!(!home.socket().exists());
}

#[test]
fn folders_that_are_not_safe_are_refused() {
    let check = |prepare: &dyn Fn(&Home), what: &str| {
        let home = Home::new();
        prepare(&home);
        let (code, said) = home.refusal(&[]);
        assert_eq!(code, 1, "{said}");
        assert!(said.contains(what), "{what}: {said}");
        assert_eq!(said.trim_end().lines().count(), 2, "{said}");
    };
    let folder = |home: &Home, name: &str, mode: u32| {
        fs::create_dir(home.path(name)).unwrap();
        fs::set_permissions(home.path(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    check(
        &|home| folder(home, "run", 0o755),
        "others may use it (mode 0755)",
    );
    check(
        &|home| folder(home, "data", 0o770),
        "others may use it (mode 0770)",
    );
    check(
        &|home| {
            folder(home, "elsewhere", 0o700);
            symlink(home.path("elsewhere"), home.path("run")).unwrap();
        },
        "it is a symbolic link",
    );
    check(
        &|home| {
            folder(home, "elsewhere", 0o700);
            symlink(home.path("elsewhere"), home.path("data")).unwrap();
        },
        "it is a symbolic link",
    );
    check(
        &|home| fs::write(home.path("data"), "").unwrap(),
        "could not make it",
    );
    check(
        &|home| {
            folder(home, "run", 0o700);
            fs::write(home.socket(), "precious").unwrap();
        },
        "exists and is not a socket",
    );
    check(
        &|home| {
            folder(home, "run", 0o700);
            symlink(home.path("target"), home.socket()).unwrap();
        },
        "exists and is not a socket",
    );
    check(
        &|home| {
            folder(home, "run", 0o700);
            // Held open by nobody would be stale; this one answers.
            std::mem::forget(UnixListener::bind(home.socket()).unwrap());
        },
        "another daemon already answers on",
    );
}

#[test]
fn of_several_at_once_exactly_one_serves() {
    let home = Home::new();
    let mut all: Vec<_> = (0..4)
        .map(|_| home.command(&[]).stdout(Stdio::null()).spawn().unwrap())
        .collect();
    // Those that refused are gone; the one that serves is not.
    let ended = |child: &mut std::process::Child| child.try_wait().unwrap().is_some();
    let start = std::time::Instant::now();
    loop {
        let alive = all
            .iter_mut()
            .filter_map(|c| (!ended(c)).then_some(()))
            .count();
        assert!(alive >= 1, "nobody serves: {}", home.stderr());
        if alive == 1 && home.socket().exists() {
            break;
        }
        assert!(
            start.elapsed() < crate::daemon::DEADLINE,
            "{}",
            home.stderr()
        );
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    for mut child in all {
        let _ = child.kill();
        let _ = child.wait();
    }
}

#[test]
fn a_socket_left_by_a_killed_daemon_is_no_hindrance() {
    let daemon = Daemon::open();
    daemon.signal(Signal::KILL);
    let (_, _, home) = daemon.wait();
    assert!(home.socket().exists());
    let again = home.start(&[]);
    let reply = exchange(again.unix(), &request("GET", "/healthz", &[], b""));
    assert_eq!(reply.status, 200);
}

#[test]
fn the_default_places_are_those_of_xdg() {
    let home = Home::new();
    fs::create_dir(home.path("rt")).unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_jobtopd"));
    command
        .env_clear()
        .env("HOME", home.path("home"))
        .env("XDG_RUNTIME_DIR", home.path("rt"))
        .env("XDG_STATE_HOME", "relative/is/ignored")
        .env("XDG_CONFIG_HOME", home.path("cfg"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    // The file is found there, and a flag wins over it.
    fs::create_dir_all(home.path("cfg/jobtop")).unwrap();
    fs::write(
        home.path("cfg/jobtop/jobtopd.toml"),
        "listen = [\"127.0.0.1:0\"]\nauth = \"none\"\n",
    )
    .unwrap();
    let socket = home.path("rt/jobtop/jobtopd.sock");
    let data = home.path("home/.local/state/jobtop/data");
    let daemon = home.launch(command);
    let expected = format!("ready unix:{} http://127.0.0.1:", socket.display());
    assert!(daemon.ready.starts_with(&expected), "{}", daemon.ready);
    assert!(data.is_dir());
}

#[test]
fn the_service_manager_is_told() {
    let home = Home::new();
    let path = home.path("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager
        .set_read_timeout(Some(crate::daemon::DEADLINE))
        .unwrap();
    let mut command = home.command(&[]);
    command.env("NOTIFY_SOCKET", &path);
    let daemon = home.launch(command);
    let mut buffer = [0; 512];
    let mut heard = || {
        let n = manager.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..n]).into_owned()
    };
    assert!(heard().starts_with("READY=1\nSTATUS=serving unix:"));
    daemon.signal(Signal::TERM);
    assert_eq!(heard(), "STOPPING=1\n");
    assert!(daemon.wait().0.success());
}

#[test]
fn help_and_version_are_answers() {
    for (arg, says) in [("--help", "--listen [<ADDR>]"), ("--version", "jobtopd 0.")] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_jobtopd"))
            .arg(arg)
            .output()
            .unwrap();
        assert!(output.status.success());
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.contains(says), "{said}");
    }
}
