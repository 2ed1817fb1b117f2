//! What a command finds and leaves under `jobtop run`, held against the same command without it.

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use jobtop_e2e::daemon::Setup;
use jobtop_e2e::home::Home;
use jobtop_e2e::process::{self, Signal};
use jobtop_e2e::wait;

/// Bytes of every value in no order.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        })
        .collect()
}

#[test]
fn a_megabyte_goes_through_as_it_came() {
    let home = Home::new();
    let _daemon = home.daemon(Setup::unix());
    let sent = noise(1_000_000);
    let mut child = home
        .jobtop(&["run", "--", "cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let mut stdout = child.stdout.take().expect("a pipe");
    let mut got = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            stdin.write_all(&sent).expect("it reads");
            drop(stdin);
        });
        stdout.read_to_end(&mut got).expect("it writes");
    });
    assert!(got == sent, "{} bytes came back", got.len());
    assert_eq!(wait::ended(&mut child).code(), Some(0));
}

#[test]
fn descriptors_signals_and_environment_are_as_without_it() {
    let home = Home::new();
    let _daemon = home.daemon(Setup::unix());
    // SIGHUP is ignored, as nohup would have it, and a descriptor is handed on, as make does. Of the signals the first 28
    // are compared: the C library makes use of some above for itself.
    let script = r#"trap '' HUP; exec 7</dev/null; exec "$@" sh -c '
        ls -l /proc/self/fd/7 | sed s/.*7/7/
        grep -E "^Sig(Blk|Ign|Cgt)" /proc/self/status | sed "s/:.*\(.......\)$/ \1/"
        env | grep -v -e ^_= -e ^JOBTOP_PROGRESS_FD= | sort; umask; pwd; ulimit -a'"#;
    let said = |under: &[&std::ffi::OsStr]| {
        let output = Command::new("sh")
            .args(["-c", script, "sh"])
            .args(under)
            .env_clear()
            .envs(home.env())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("KEPT", "a b\nc")
            .stdin(Stdio::null())
            .output()
            .expect("it runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let bare = said(&["env".as_ref()]);
    let ignores_hangup = |line: &str| line.starts_with("SigIgn") && line.ends_with('1');
    assert!(bare.lines().any(ignores_hangup), "{bare}");
    let jobtop = jobtop_e2e::bins::jobtop().as_os_str();
    assert_eq!(said(&[jobtop, "run".as_ref(), "--".as_ref()]), bare);
}

#[test]
fn a_reader_that_leaves_ends_the_command_by_sigpipe() {
    let home = Home::new();
    let _daemon = home.daemon(Setup::unix());
    let mut child = home
        .jobtop(&["run", "--", "yes"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdout = child.stdout.take().expect("a pipe");
    let mut first = [0; 4];
    stdout.read_exact(&mut first).expect("it writes");
    assert_eq!(&first, b"y\ny\n");
    drop(stdout);
    assert_eq!(wait::ended(&mut child).code(), Some(128 + 13));
}

#[test]
fn a_pipe_that_the_command_closes_is_closed() {
    let home = Home::new();
    let _daemon = home.daemon(Setup::unix());
    let mut child = home
        .jobtop(&["run", "--", "sh", "-c", "echo all; exec sleep 1009 <&- >&-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut said = String::new();
    let mut stdout = child.stdout.take().expect("a pipe");
    stdout.read_to_string(&mut said).expect("it is closed");
    assert_eq!(said, "all\n");
    let mut stdin = child.stdin.take().expect("a pipe");
    wait::until("nobody to write to", || stdin.write_all(b"x").err());
    let runner = i32::try_from(child.id()).expect("a pid is small");
    process::signal(runner, Signal::TERM);
    assert_eq!(wait::ended(&mut child).code(), Some(128 + 15));
}

#[test]
fn a_cancel_finds_who_left_the_group_and_lost_its_parent() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    // The subshell is gone as soon as it has started the other session.
    let script = "(setsid sleep 1005 &); exec sleep 1006";
    let mut child = home
        .jobtop(&["run", "--", "sh", "-c", script])
        .spawn()
        .expect("it starts");
    let (stray, leader) = wait::until("both", || {
        home.process("sleep", "1005")
            .zip(home.process("sleep", "1006"))
    });
    assert_ne!(process::group(stray), process::group(leader));
    let job = wait::until("the job", || {
        let id = daemon.get("/api/jobs").json()["jobs"][0]["id"].clone();
        id.as_str().map(str::to_owned)
    });
    assert_eq!(daemon.act(&job, "cancel").status, 200);
    assert_eq!(wait::ended(&mut child).code(), Some(128 + 15));
    assert!(!process::alive(stray) && !process::alive(leader));
}

#[test]
fn orphans_that_end_leave_no_zombies() {
    let home = Home::new();
    let _daemon = home.daemon(Setup::unix());
    let script = "for i in 1 2 3 4 5; do (setsid true &); done; exec sleep 1007";
    let mut child = home
        .jobtop(&["run", "--", "sh", "-c", script])
        .spawn()
        .expect("it starts");
    let leader = wait::until("the command", || home.process("sleep", "1007"));
    let runner = i32::try_from(child.id()).expect("a pid is small");
    let children = || {
        let path = format!("/proc/{runner}/task/{runner}/children");
        std::fs::read_to_string(path).expect("it lives")
    };
    wait::until("only the command", || {
        (children().trim() == leader.to_string()).then_some(())
    });
    process::signal(runner, Signal::TERM);
    assert_eq!(wait::ended(&mut child).code(), Some(128 + 15));
}
