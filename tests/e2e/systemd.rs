//! The daemon as a service: what it tells a service manager, the sockets and folders it is given, and the units.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use jobtop_e2e::bins::{self, workspace};
use jobtop_e2e::daemon::Setup;
use jobtop_e2e::home::Home;
use jobtop_e2e::http;
use jobtop_e2e::manager::Manager;
use jobtop_e2e::process::{self, Signal};
use jobtop_e2e::wait;
use jobtop_e2e::wire::Endpoint;
use serde_json::json;

/// A process of a test's, ended with it.
struct Service(Child);

impl Service {
    fn start(command: &mut Command) -> Self {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it can be started");
        Self(child)
    }

    fn pid(&self) -> i32 {
        i32::try_from(self.0.id()).expect("a pid is small")
    }

    /// Its exit code, and what it said on stdout and stderr.
    fn ended(mut self) -> (Option<i32>, String, String) {
        let status = wait::ended(&mut self.0);
        let read = |from: Option<&mut dyn std::io::Read>| {
            let mut text = String::new();
            let _ = from.map(|from| from.read_to_string(&mut text));
            text
        };
        let out = read(self.0.stdout.as_mut().map(|out| out as _));
        let err = read(self.0.stderr.as_mut().map(|err| err as _));
        (status.code(), out, err)
    }

    fn terminated(self) -> (Option<i32>, String, String) {
        process::signal(self.pid(), Signal::TERM);
        self.ended()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn skipped(why: &str) {
    use std::io::Write;
    // Not through `eprintln!`, which is only shown of tests that fail.
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

/// Whether there is that program of systemd's; the reason is shown where there is none.
fn has(program: &str) -> bool {
    let there = Command::new(program)
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success());
    if !there {
        skipped(&format!("{program} is not there"));
    }
    there
}

/// A port that nobody listens on: `systemd-socket-activate` takes no port 0.
fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|free| free.local_addr())
        .expect("a free port")
}

fn answers(endpoint: &Endpoint) -> u16 {
    http::request(endpoint, "GET", "/readyz", &[], b"").status
}

#[test]
fn a_service_manager_hears_how_far_it_is() {
    let home = Home::new();
    let manager = Manager::new(&home);
    // In a session of its own, as a service is: at a terminal SIGHUP is its end.
    let service = Service::start(
        home.command("setsid")
            .arg(bins::jobtopd())
            .env("NOTIFY_SOCKET", manager.path()),
    );
    let ready = manager.hears();
    assert_eq!(
        ready,
        format!("READY=1\nSTATUS=serving unix:{}\n", home.socket().display())
    );
    assert_eq!(answers(&Endpoint::Unix(home.socket())), 200);

    process::signal(service.pid(), Signal::HUP);
    let reloading = manager.hears();
    let usec = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=");
    assert!(
        usec.is_some_and(|usec| usec.trim_end().parse::<u64>().is_ok()),
        "{reloading}"
    );
    assert_eq!(manager.hears(), "READY=1\n");

    process::signal(service.pid(), Signal::TERM);
    assert_eq!(manager.hears(), "STOPPING=1\n");
    let (code, _, said) = service.ended();
    assert_eq!(code, Some(0), "{said}");
    assert!(
        manager.rest().is_empty(),
        "nobody asked for signs of life, and it serves no more"
    );
}

#[test]
fn what_never_serves_is_never_ready() {
    let home = Home::new();
    let manager = Manager::new(&home);
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = taken.local_addr().expect("its address").to_string();
    let service = Service::start(
        home.command(bins::jobtopd())
            .args(["--auth", "none", "--listen", &addr])
            .env("NOTIFY_SOCKET", manager.path()),
    );
    let (code, out, _) = service.ended();
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(manager.rest().is_empty());
}

#[test]
fn signs_of_life_come_by_way_of_the_store_and_stop_when_it_hangs() {
    let home = Home::new();
    let manager = Manager::new(&home);
    let data = home.data();
    let path = home.path().to_owned();
    let setup = Setup::unix().within(&[
        "env",
        &format!("NOTIFY_SOCKET={}", manager.path().display()),
        "WATCHDOG_USEC=100000",
    ]);
    let daemon = home.daemon(setup);
    assert!(manager.hears().starts_with("READY=1\n"));
    for _ in 0..3 {
        assert_eq!(manager.hears(), "WATCHDOG=1\n");
    }

    // The store writes down who had a command run before it runs. Now that file is one that nobody reads, so writing hangs.
    let audit = data.join("audit.jsonl");
    let made = Command::new("mkfifo").arg(&audit).status();
    assert!(made.is_ok_and(|status| status.success()), "mkfifo");
    let endpoint = daemon.unix();
    let asked = std::thread::spawn(move || {
        let command = json!({"argv": ["true"], "cwd": path, "env": {}});
        http::post(
            &endpoint,
            "/api/jobs",
            &json!({"type": "etl", "command": command}),
        )
        .status
    });
    // Twenty times as long as between two of them.
    let patience = Duration::from_secs(1);
    wait::until("silence", || {
        manager.within(patience).is_none().then_some(())
    });
    assert_eq!(
        daemon.get("/healthz").status,
        200,
        "the doors do not know of it"
    );

    // Somebody reads it, so the store goes on.
    let reader = fs::File::open(audit).expect("it is opened");
    assert_eq!(manager.hears(), "WATCHDOG=1\n");
    assert_ne!(asked.join().expect("a thread"), 0, "it is answered");
    drop(reader);
}

#[test]
fn the_first_to_connect_starts_it_and_is_served() {
    if !has("systemd-socket-activate") {
        return;
    }
    let port = free_port();
    for first in ["unix", "tcp"] {
        let home = Home::new();
        let socket = home.path().join("run/passed.sock");
        let service = Service::start(
            home.command("systemd-socket-activate")
                .arg("--listen")
                .arg(&socket)
                .args(["--listen", &port.to_string()])
                .arg(bins::jobtopd())
                .args(["--auth", "none"]),
        );
        let (unix, tcp) = (Endpoint::Unix(socket.clone()), Endpoint::Tcp(port));
        let order = match first {
            "unix" => [&unix, &tcp],
            _ => [&tcp, &unix],
        };
        wait::until("somebody to listen", || {
            (socket.exists() && TcpStream::connect(port).is_ok()).then_some(())
        });
        for endpoint in order {
            assert_eq!(answers(endpoint), 200, "{endpoint}");
        }
        let target = format!("unix:{}", socket.display());
        let status = home.run(&["--target", &target, "daemon", "status", "--json"]);
        let status: serde_json::Value =
            serde_json::from_slice(&status.stdout).expect("a status in JSON");
        assert_eq!(status["pid"], service.pid(), "who listens is the daemon");
        assert!(!home.socket().exists(), "it makes no other one");
        let (code, out, said) = service.terminated();
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(
            out,
            format!("ready unix:{} http://{port}\n", socket.display())
        );
        assert!(
            socket.exists(),
            "what was passed is not the daemon's to remove"
        );
    }
}

#[test]
fn what_is_passed_is_judged_like_what_is_asked_for() {
    if !has("systemd-socket-activate") {
        return;
    }
    let home = Home::new();
    let activate = |kind: &[&str], listen: &[&Path]| {
        let mut command = home.command("systemd-socket-activate");
        command.args(kind);
        for listen in listen {
            command.arg("--listen").arg(listen);
        }
        command.arg(bins::jobtopd()).args(["--auth", "none"]);
        Service::start(&mut command)
    };
    let refused = |service: Service, says: &str| {
        let (code, out, said) = service.ended();
        assert_eq!((code, out.as_str()), (Some(2), ""), "{said}");
        assert!(said.contains(says), "{said}");
    };

    let knock = home.path().join("run/knock.sock");
    let everywhere = PathBuf::from(format!("0.0.0.0:{}", free_port().port()));
    let service = activate(&[], &[&knock, &everywhere]);
    wait::until("somebody to knock at", || UnixStream::connect(&knock).ok());
    refused(service, "loopback");

    let datagrams = home.path().join("run/datagrams.sock");
    let service = activate(&["--datagram"], &[&datagrams]);
    let sender = UnixDatagram::unbound().expect("a socket");
    wait::until("somebody to write to", || {
        sender.send_to(b"x", &datagrams).ok()
    });
    refused(service, "socket 1 of those that were passed");
}

#[test]
fn the_folders_of_a_service_take_the_place_of_the_account_s() {
    let home = Home::new();
    let at = |name: &str| home.work().join(name);
    for name in ["state", "runtime", "etc"] {
        fs::create_dir(at(name)).expect("a folder");
        fs::set_permissions(at(name), fs::Permissions::from_mode(0o755)).expect("its mode");
    }
    fs::write(at("etc").join("jobtopd.toml"), "socket_mode = \"0666\"\n").expect("a file");
    // What would be read and used otherwise.
    home.configure("no such setting");
    let start = |exec_pid: &str| {
        let manager = Manager::new(&home);
        let line = format!("SYSTEMD_EXEC_PID={exec_pid} exec \"$0\"");
        let service = Service::start(
            home.command("sh")
                .args(["-c", &line])
                .arg(bins::jobtopd())
                .env("STATE_DIRECTORY", at("state"))
                .env("RUNTIME_DIRECTORY", at("runtime"))
                .env("CONFIGURATION_DIRECTORY", at("etc"))
                .env("NOTIFY_SOCKET", manager.path()),
        );
        (manager, service)
    };
    let (manager, service) = start("$$");
    assert!(manager.hears().starts_with("READY=1\n"));
    let socket = at("runtime").join("jobtopd.sock");
    assert_eq!(answers(&Endpoint::Unix(socket.clone())), 200);
    assert!(at("state").join("data/FORMAT").exists());
    let mode = |path: &Path| {
        let found = fs::metadata(path).expect("it is there");
        found.permissions().mode() & 0o777
    };
    assert_eq!(mode(&socket), 0o666);
    assert_eq!(mode(&at("runtime")), 0o755, "others may pass");
    assert_eq!(mode(&at("state").join("data")), 0o700);
    assert!(!home.socket().exists() && !home.data().exists());
    let (code, _, said) = service.terminated();
    assert_eq!(code, Some(0), "{said}");
    fs::remove_file(manager.path()).expect("its socket");
    drop(manager);

    // They are somebody else's who only started us.
    let (_manager, service) = start("1");
    let (code, _, said) = service.ended();
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("config/jobtop/jobtopd.toml"), "{said}");
}

#[test]
fn who_may_connect_is_a_setting() {
    let mode = |path: &Path| {
        let found = fs::metadata(path).expect("it is there");
        found.permissions().mode() & 0o777
    };
    for (setting, socket, folder) in [
        ("", 0o600, 0o700),
        ("socket_mode = \"0660\"\n", 0o660, 0o711),
        ("socket_mode = \"0666\"\n", 0o666, 0o711),
    ] {
        let home = Home::new();
        home.configure(setting);
        let daemon = home.daemon(Setup::unix());
        assert_eq!(mode(&home.socket()), socket, "{setting}");
        let parent = home.socket();
        assert_eq!(
            mode(parent.parent().expect("a folder")),
            folder,
            "{setting}"
        );
        assert_eq!(daemon.get("/readyz").status, 200);
    }
}

/// The units of one kind (`system` or `user`), with the program that was built in place of the installed one.
fn units(home: &Home, kind: &str) -> Vec<PathBuf> {
    let program = format!("ExecStart={}", bins::jobtopd().display());
    let dir = home.work().join(kind);
    fs::create_dir(&dir).expect("a folder");
    ["jobtopd.service", "jobtopd.socket"]
        .map(|name| {
            let text = fs::read_to_string(workspace().join("daemon/systemd").join(kind).join(name))
                .unwrap_or_else(|error| panic!("{kind}/{name}: {error}"));
            assert!(
                text.contains("Documentation=man:jobtopd(8)\n"),
                "{kind}/{name}"
            );
            let path = dir.join(name);
            fs::write(&path, text.replace("ExecStart=jobtopd", &program)).expect("a unit");
            path
        })
        .to_vec()
}

#[test]
fn systemd_finds_nothing_to_say_about_the_units() {
    if !has("systemd-analyze") {
        return;
    }
    for (kind, manager) in [("system", "--system"), ("user", "--user")] {
        let home = Home::new();
        let verified = home
            .command("systemd-analyze")
            .args(["verify", manager, "--man=no", "--recursive-errors=no"])
            .args(units(&home, kind))
            .output()
            .expect("it can be started");
        // A key that it does not know is no error, so what it says counts, too.
        let said = String::from_utf8_lossy(&verified.stderr);
        assert_eq!(said, "", "{kind}");
        assert!(verified.status.success(), "{kind}");
    }
}

#[test]
fn the_system_s_unit_is_exposed_to_little() {
    if !has("systemd-analyze") {
        return;
    }
    let home = Home::new();
    let judged = home
        .command("systemd-analyze")
        .args(["security", "--offline=yes", "--no-pager", "--threshold=16"])
        .arg(&units(&home, "system")[0])
        .output()
        .expect("it can be started");
    let said = String::from_utf8_lossy(&judged.stdout);
    assert!(judged.status.success(), "{said}");
    assert!(said.contains("Overall exposure level"), "{said}");
}
