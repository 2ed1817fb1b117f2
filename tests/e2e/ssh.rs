//! Another machine's daemon through a real `ssh` and a real `sshd`. That machine is this one with another home; `sshd` speaks
//! over the pipes of `ssh`'s `ProxyCommand`, so no port is opened.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use jobtop_e2e::bins;
use jobtop_e2e::daemon::Setup;
use jobtop_e2e::home::Home;
use jobtop_e2e::pty::Pty;
use jobtop_e2e::wait;
use serde_json::json;

use crate::said::id;

const SSHD: &str = "/usr/sbin/sshd";

/// The way from one home to another.
struct Way {
    here: Home,
    there: Home,
    /// The value of `JOBTOP_SSH`.
    program: String,
}

impl Way {
    /// Nothing, with the reason shown, where no `sshd` lets us in.
    fn new() -> Option<Self> {
        let (here, there) = (Home::new(), Home::new());
        let dir = here.work();
        for key in ["host_key", "key"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(dir.join(key))
                .status();
            if !made.is_ok_and(|status| status.success()) {
                return skipped("ssh-keygen is not there");
            }
        }
        fs::copy(dir.join("key.pub"), dir.join("authorized")).expect("a key");
        // The separated part of sshd needs an empty folder, which the system makes as it boots.
        let _ = fs::create_dir("/run/sshd");
        let way = Self {
            program: format!("ssh -F {}", dir.join("ssh_config").display()),
            here,
            there,
        };
        way.serve(bins::jobtop().parent().expect("a folder"));
        let probe = Command::new("ssh")
            .arg("-F")
            .arg(dir.join("ssh_config"))
            .args(["there", "true"])
            .stdin(Stdio::null())
            .output();
        match probe {
            Ok(output) if output.status.success() => Some(way),
            Ok(output) => skipped(String::from_utf8_lossy(&output.stderr).trim()),
            Err(error) => skipped(&format!("ssh: {error}")),
        }
    }

    /// Writes the configurations; programs there are looked for in that folder first.
    fn serve(&self, programs: &Path) {
        let dir = self.here.work();
        let file = |name: &str| dir.join(name).display().to_string();
        let env: Vec<String> = self
            .there
            .env()
            .iter()
            .map(|(name, path)| format!("{name}={}", path.display()))
            .collect();
        let sshd = format!(
            "HostKey {}\nAuthorizedKeysFile {}\nPidFile none\nUsePAM no\nStrictModes no\nPermitRootLogin yes\n\
             SetEnv PATH={}:/usr/bin:/bin {}\n",
            file("host_key"),
            file("authorized"),
            programs.display(),
            env.join(" ")
        );
        let user = Command::new("id").arg("-un").output().expect("id");
        let user = String::from_utf8_lossy(&user.stdout).trim().to_owned();
        let ssh = format!(
            "Host there\n  User {user}\n  ProxyCommand {SSHD} -i -f {}\n  IdentityFile {}\n  UserKnownHostsFile {}\n  \
             StrictHostKeyChecking accept-new\n",
            file("sshd_config"),
            file("key"),
            file("known")
        );
        for (name, text) in [("sshd_config", sshd), ("ssh_config", ssh)] {
            let path = dir.join(name);
            fs::write(&path, text).expect("a configuration");
            fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("its mode");
        }
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut command = self.here.jobtop(&["--target", "ssh://there"]);
        let child = command
            .args(args)
            .env("JOBTOP_SSH", &self.program)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it can be started");
        wait::output(child)
    }

    /// Ends what the connections so far share, and them with it.
    fn forget(&self) {
        let shared = self.here.path().join("run/jobtop/ssh-%C");
        let mut command = Command::new("ssh");
        let ended = command
            .arg("-F")
            .arg(self.here.work().join("ssh_config"))
            .arg("-o")
            .arg(format!("ControlPath={}", shared.display()))
            .args(["-O", "exit", "there"])
            .output();
        assert!(ended.is_ok(), "{ended:?}");
    }

    fn stdout(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        self.forget();
    }
}

fn skipped<T>(why: &str) -> Option<T> {
    use std::io::Write;
    // Not through `eprintln!`, which is only shown of tests that fail.
    let _ = writeln!(std::io::stderr(), "skipped: no sshd lets us in: {why}");
    None
}

fn sentence(output: &Output, code: i32) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{said}");
    said
}

#[test]
fn commands_and_the_screen_reach_the_daemon_of_another_machine() {
    let Some(way) = Way::new() else { return };
    let daemon = way.there.daemon(Setup::unix());
    let job = id(&daemon.create(&json!({"type": "etl", "name": "far away"})));
    assert!(way.stdout(&["ls"]).contains("far away"));
    way.stdout(&["pause", &job]);
    assert_eq!(daemon.job(&job)["status"], "paused");
    assert!(way.stdout(&["daemon", "status"]).contains("ssh://there"));

    let program = format!("JOBTOP_SSH={}", way.program);
    let jobtop = bins::jobtop().to_string_lossy();
    let mut screen = Pty::start(
        &way.here,
        (30, 120),
        &["env", &program, &jobtop, "attach", "ssh://there"],
    );
    let text = screen.wait_text("far away");
    assert!(text.contains("connected ssh://there"), "{text}");
    screen.press("p");
    wait::until("the job to go on", || {
        (daemon.job(&job)["status"] == "running").then_some(())
    });
    // The way breaks: the screen says so, and comes back by itself.
    way.forget();
    screen.wait_for("the break", |text| !text.contains("● connected"));
    screen.wait_text("connected again after");
    screen.press("q");
    assert_eq!(screen.left().code, 0);
}

#[test]
fn what_keeps_it_from_the_daemon_is_said_in_a_sentence() {
    let Some(way) = Way::new() else { return };
    let said = sentence(&way.run(&["ls"]), 6);
    assert!(
        said.contains("On there: No daemon answers at unix:"),
        "{said}"
    );

    let empty = way.here.work().join("empty");
    fs::create_dir(&empty).expect("a folder");
    let other = PathBuf::from(&empty);
    way.serve(&other);
    // Another login: the former one would still have the former PATH.
    way.forget();
    let said = sentence(&way.run(&["ls"]), 6);
    assert!(said.contains("There is no jobtop on there"), "{said}");

    fs::write(way.here.work().join("authorized"), "").expect("no key is let in any more");
    way.forget();
    let said = sentence(&way.run(&["ls"]), 6);
    assert!(
        said.to_lowercase().contains("ssh can't reach there") && said.contains("Permission denied"),
        "{said}"
    );
    let said = sentence(
        &way.here
            .run(&["--target", "ssh://-oProxyCommand=reboot", "ls"]),
        2,
    );
    assert!(said.contains("is no target"), "{said}");
}
