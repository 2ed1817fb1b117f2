//! Other users of the machine: nothing of a daemon's is theirs to reach or to read, and what they plant in the place of its folders is
//! refused and left as it was.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use jobtop_e2e::bins;
use jobtop_e2e::daemon::Setup;
use jobtop_e2e::home::Home;
use jobtop_e2e::wait;
use serde_json::json;

use crate::said::id;

/// The user that owns nothing.
const NOBODY: u32 = 65_534;

/// Whether these tests may become somebody else.
fn is_root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        eprintln!("skipped: only root can become another user");
    }
    is_root
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("a folder").flatten() {
        found.push(entry.path());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(files(&entry.path()));
        }
    }
    found
}

fn open_to_all(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("its mode can be set");
}

/// A line of shell, as somebody else.
fn as_nobody(home: &Home, line: &str, words: &[PathBuf]) -> Output {
    let child = home
        .command("sh")
        .args(["-c", line, "sh"])
        .args(words)
        .uid(NOBODY)
        .gid(NOBODY)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a shell can be started");
    wait::output(child)
}

#[test]
fn another_user_reaches_and_reads_nothing_of_it() {
    if !is_root() {
        return;
    }
    let home = Home::new();
    let daemon = home.daemon(Setup::with_tls());
    daemon.token("ann", "admin");
    // It has something of all kinds: a job that ended, its log, a submitted command, a token, a key.
    let command = json!({"argv": ["echo", "secret"], "cwd": home.work()});
    let job = id(&daemon.create(&json!({"type": "command", "command": command})));
    wait::until("its end", || {
        (daemon.job(&job)["status"] == "completed").then_some(())
    });
    // As far as the home itself goes everybody may look: what is closed is closed by the daemon.
    for open in ["", "run", "state", "config", "config/jobtop", "work"] {
        open_to_all(&home.path().join(open));
    }
    let shown = home.work().join("shown");
    fs::write(&shown, "for all").expect("a file");
    open_to_all(&shown);
    let mut all = files(&home.path().join("state/jobtop"));
    all.extend(files(&home.path().join("run/jobtop")));
    assert!(all.len() > 8, "{all:?}");
    let secret = all.iter().filter(|path| path.is_file()).count();
    assert!(secret > 4, "{all:?}");
    all.push(shown.clone());
    let readable = "for f; do head -c 1 \"$f\" >/dev/null 2>&1 && echo \"$f\"; done; true";
    let output = as_nobody(&home, readable, &all);
    let read = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(read.trim_end(), shown.to_string_lossy(), "and nothing else");

    // The client as somebody else: a copy, since the place where it was built may be closed too.
    let copy = home.work().join("jobtop");
    fs::copy(bins::jobtop(), &copy).expect("a copy");
    open_to_all(&copy);
    let ls = format!("exec \"$1\" --target {} ls", home.target());
    let output = as_nobody(&home, &ls, &[copy]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.stdout.is_empty());
    assert!(
        output.status.code() == Some(6) && said.contains("it belongs to somebody else"),
        "{:?} {said}",
        output.status
    );
    assert_eq!(daemon.get("/healthz").status, 200);
}

/// Runs `jobtopd` to an end that must come by itself.
fn start_in_vain(home: &Home, args: &[&str]) -> String {
    let child = home
        .command(bins::jobtopd())
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("jobtopd can be started");
    let output = wait::output(child);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(output.stdout.is_empty(), "it does not serve");
    assert!(!said.contains("panicked"), "{said}");
    said
}

/// A folder with a file in it, and all that can be seen of them.
fn target(home: &Home) -> (PathBuf, impl Fn() -> String + use<>) {
    let dir = home.path().join("theirs");
    fs::create_dir(&dir).expect("a folder");
    open_to_all(&dir);
    fs::write(dir.join("file"), "theirs").expect("a file");
    let at = dir.clone();
    let look = move || {
        let seen = Command::new("find")
            .arg(&at)
            .args(["-printf", "%p %m %u %s %T@ %C@\n"])
            .output()
            .expect("find can be started");
        String::from_utf8_lossy(&seen.stdout).into_owned()
    };
    (dir, look)
}

#[test]
fn a_symbolic_link_in_the_place_of_a_folder_is_refused_and_its_target_left_alone() {
    for place in ["run/jobtop", "state/jobtop/data"] {
        let home = Home::new();
        let (theirs, look) = target(&home);
        let place = home.path().join(place);
        fs::create_dir_all(place.parent().expect("a parent")).expect("a folder");
        symlink(&theirs, &place).expect("a link");
        let before = look();
        let said = start_in_vain(&home, &[]);
        assert!(
            said.contains("symbolic link") && said.contains(&*place.to_string_lossy()),
            "{said}"
        );
        assert_eq!(look(), before);
        assert!(place.is_symlink(), "the link is not ours to remove");
    }
}

#[test]
fn what_lies_in_the_place_of_the_socket_and_is_none_is_left_alone() {
    let home = Home::new();
    let (theirs, look) = target(&home);
    let folder = home.path().join("run/jobtop");
    fs::create_dir(&folder).expect("a folder");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).expect("its mode");
    let before = look();
    for there in [theirs.join("file"), theirs.join("nothing"), theirs.clone()] {
        symlink(&there, home.socket()).expect("a link");
        let said = start_in_vain(&home, &[]);
        assert!(said.contains(&*home.socket().to_string_lossy()), "{said}");
        assert_eq!(fs::read_link(home.socket()).ok(), Some(there));
        assert_eq!(look(), before);
        fs::remove_file(home.socket()).expect("it is there");
    }
    fs::write(home.socket(), "a file").expect("a file");
    start_in_vain(&home, &[]);
    assert_eq!(
        fs::read(home.socket()).ok().as_deref(),
        Some(&b"a file"[..])
    );
}

#[test]
fn a_folder_of_somebody_else_is_refused_and_left_alone() {
    if !is_root() {
        return;
    }
    for (place, args) in [
        ("run/jobtop", &[][..]),
        ("state/jobtop/data", &[]),
        ("theirs", &["--data-dir", "../theirs"]),
    ] {
        let home = Home::new();
        let (theirs, look) = target(&home);
        let place = home.path().join(place);
        if place != theirs {
            fs::create_dir_all(place.parent().expect("a parent")).expect("a folder");
            fs::rename(&theirs, &place).expect("it can be moved");
        }
        std::os::unix::fs::chown(&place, Some(NOBODY), Some(NOBODY)).expect("another owner");
        let seen = || (look(), fs::read_dir(&place).expect("it").count());
        let before = seen();
        let said = start_in_vain(&home, args);
        assert!(said.contains("belongs to uid 65534"), "{said}");
        assert_eq!(seen(), before);
        let mode = fs::metadata(&place).expect("it").permissions().mode();
        assert_eq!(mode & 0o777, 0o755, "not even closed");
    }
}
