//! The units in a machine that a real systemd has booted. Takes root and half a minute, so it runs where `JOBTOP_NSPAWN=1`
//! asks for it, and says otherwise that it did not.

use std::path::PathBuf;

use jobtop_e2e::bins::{self, workspace};
use jobtop_e2e::machine::Machine;
use jobtop_e2e::wait;
use serde_json::Value;

/// A machine with both programs and all units, where a package would put them.
fn boot() -> Option<Machine> {
    let unit = |name: &str| workspace().join("daemon/systemd").join(name);
    let files: Vec<(PathBuf, &str)> = vec![
        (bins::jobtop().to_owned(), "/usr/bin/jobtop"),
        (bins::jobtopd().to_owned(), "/usr/bin/jobtopd"),
        (
            unit("system/jobtopd.service"),
            "/usr/lib/systemd/system/jobtopd.service",
        ),
        (
            unit("system/jobtopd.socket"),
            "/usr/lib/systemd/system/jobtopd.socket",
        ),
        (
            unit("user/jobtopd.service"),
            "/usr/lib/systemd/user/jobtopd.service",
        ),
        (
            unit("user/jobtopd.socket"),
            "/usr/lib/systemd/user/jobtopd.socket",
        ),
    ];
    match Machine::boot(&files) {
        Ok(machine) => Some(machine),
        Err(why) => {
            use std::io::Write;
            // Not through `eprintln!`, which is only shown of tests that fail.
            let _ = writeln!(std::io::stderr(), "skipped: no machine is booted: {why}");
            None
        }
    }
}

/// A line of shell as that account.
fn by(account: &str, line: &str) -> String {
    let line = line.replace('\'', "'\\''");
    format!(
        "runuser -u {account} -- env HOME=/tmp JOBTOP_TARGET=unix:/run/jobtop/jobtopd.sock sh -c '{line}'"
    )
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

#[test]
fn the_system_s_service() {
    let Some(machine) = boot() else { return };
    machine.run(
        "mkdir /etc/jobtop && printf '[queues.nightly]\\nslots = 3\\n' > /etc/jobtop/jobtopd.toml",
    );

    // By its socket.
    machine.run("systemctl start jobtopd.socket");
    assert_eq!(machine.show("jobtopd", "ActiveState"), "inactive");
    let job = machine.run(&by(
        "nobody",
        "jobtop report create --type etl --name first",
    ));
    assert_eq!(machine.show("jobtopd", "ActiveState"), "active");
    assert_eq!(
        machine.show("jobtopd", "StatusText"),
        "serving unix:/run/jobtop/jobtopd.sock"
    );
    for (property, value) in [
        ("Type", "notify"),
        ("NRestarts", "0"),
        ("WatchdogUSec", "1min"),
        ("DynamicUser", "yes"),
    ] {
        assert_eq!(machine.show("jobtopd", property), value, "{property}");
    }
    let queues = machine.run(&by("root", "jobtop queue ls --json"));
    assert!(
        queues.contains("nightly"),
        "its configuration is read: {queues}"
    );

    // Who is who, although the socket is open to all.
    for (account, role) in [("root", "admin"), ("nobody", "user"), ("daemon", "user")] {
        let status = json(&machine.run(&by(account, "jobtop daemon status --json")));
        assert_eq!(status["role"], role, "{account}: {status}");
        assert_eq!(status["userId"], account, "{status}");
        assert_eq!(
            status["pid"].to_string(),
            machine.show("jobtopd", "MainPID"),
            "{status}"
        );
    }
    let others = machine.try_run(&by("daemon", &format!("jobtop show {job}")));
    let others = others.expect("nsenter can be started");
    assert_eq!(others.status.code(), Some(4), "{others:?}");
    let submitted = machine.try_run(&by("root", "jobtop submit -- true"));
    let submitted = submitted.expect("nsenter can be started");
    assert!(
        !submitted.status.success(),
        "it runs no commands: {submitted:?}"
    );

    // What it makes is its own.
    let account = machine.run("ps -o uid= -p $(systemctl show --value -p MainPID jobtopd)");
    assert_ne!(account, "0");
    let owner = machine.run("stat -c %u /var/lib/jobtop/ /var/lib/jobtop/data | sort -u");
    assert_eq!(owner, account);
    assert_eq!(machine.run("stat -c %a /var/lib/jobtop/"), "700");
    assert_eq!(machine.run("find /var/lib/jobtop/ -perm /077"), "");
    assert_eq!(
        machine.run("stat -c %a:%U /run/jobtop/jobtopd.sock"),
        "666:root"
    );

    // Reloaded, it goes on.
    let before = machine.show("jobtopd", "MainPID");
    machine.run("systemctl reload jobtopd");
    wait::until("the reload", || {
        machine.journal().contains("SIGHUP").then_some(())
    });
    assert_eq!(machine.show("jobtopd", "MainPID"), before);
    assert_eq!(machine.show("jobtopd", "SubState"), "running");

    // Killed, it is started again, and nothing is lost; whoever connects meanwhile waits.
    machine.run(&format!("kill -KILL {before}"));
    wait::until("another one", || {
        let now = machine.show("jobtopd", "NRestarts");
        (now == "1").then_some(())
    });
    let kept = json(&machine.run(&by("nobody", &format!("jobtop show --json {job}"))));
    assert!(kept.to_string().contains("\"first\""), "{kept}");

    // Standing still, it is ended and started again.
    machine.run(
        "mkdir -p /run/systemd/system/jobtopd.service.d && \
         printf '[Service]\\nWatchdogSec=1\\n' > /run/systemd/system/jobtopd.service.d/soon.conf && \
         systemctl daemon-reload && systemctl restart jobtopd && \
         kill -STOP $(systemctl show --value -p MainPID jobtopd)",
    );
    wait::until("the watchdog", || {
        let now = machine.show("jobtopd", "NRestarts");
        (now != "0").then_some(())
    });
    machine.run("rm -r /run/systemd/system/jobtopd.service.d && systemctl daemon-reload");

    // Stopped and started by itself: the socket stays where it is.
    machine.run("systemctl stop jobtopd");
    assert_eq!(machine.show("jobtopd", "Result"), "success");
    machine.run("test -S /run/jobtop/jobtopd.sock");
    machine.run("systemctl start jobtopd");
    assert_eq!(machine.show("jobtopd", "ActiveState"), "active");

    // The journal has our fields.
    let entries = machine.run("journalctl -u jobtopd -o json --no-pager");
    let serving = entries
        .lines()
        .map(json)
        .find(|entry| entry["MESSAGE"] == "serving")
        .expect("an entry");
    assert_eq!(serving["TARGET"], "jobtopd::supervise", "{serving}");
    assert_eq!(serving["SYSLOG_IDENTIFIER"], "jobtopd", "{serving}");
    assert!(
        serving["JOBTOP_EPOCH"]
            .as_str()
            .is_some_and(|epoch| epoch.parse::<u64>().is_ok()),
        "{serving}"
    );

    // Without systemd's socket it makes its own, for whom its configuration says.
    machine.run(
        "systemctl mask --now jobtopd.socket && echo 'socket_mode = \"0666\"' > /etc/jobtop/jobtopd.toml && \
         systemctl restart jobtopd",
    );
    let own = "/run/jobtop/own";
    assert_eq!(
        machine.run(&format!("stat -c %a {own} {own}/jobtopd.sock")),
        "711\n666"
    );
    let ls = by("nobody", "jobtop ls").replace("/run/jobtop/", "/run/jobtop/own/");
    assert!(machine.run(&ls).contains("first"));
}

#[test]
fn an_account_s_own_service_leaves_its_commands_alone() {
    let Some(machine) = boot() else { return };
    // Its own systemd runs without a login.
    machine.run("useradd --create-home ann && loginctl enable-linger ann");
    let ann = |line: &str| {
        let line = line.replace('\'', "'\\''");
        format!(
            "runuser -u ann -- env HOME=/home/ann XDG_RUNTIME_DIR=/run/user/$(id -u ann) sh -c '{line}'"
        )
    };
    wait::until("ann's systemd", || {
        let up = machine.try_run(&ann("systemctl --user is-system-running"));
        let up = up.expect("nsenter can be started");
        (String::from_utf8_lossy(&up.stdout).trim() == "running").then_some(())
    });
    machine.run(&ann("systemctl --user enable --now jobtopd.socket"));
    let job = machine.run(&ann(
        "jobtop submit -- sh -c \"until test -e /home/ann/go; do sleep 0.1; done; echo gone\"",
    ));
    let status = || {
        let job = json(&machine.run(&ann(&format!("jobtop show --json {job}"))));
        job["job"]["status"]
            .as_str()
            .or(job["status"].as_str())
            .map(str::to_owned)
    };
    wait::until("the command", || {
        (status().as_deref() == Some("running")).then_some(())
    });
    let show = |property: &str| {
        machine.run(&ann(&format!(
            "systemctl --user show --value -p {property} jobtopd"
        )))
    };
    assert_eq!(show("KillMode"), "process");
    let (before, command) = (show("MainPID"), machine.run("pgrep --full 'until [t]est'"));
    machine.run(&ann("systemctl --user restart jobtopd"));
    assert_ne!(show("MainPID"), before);
    assert_eq!(machine.run("pgrep --full 'until [t]est'"), command);
    assert_eq!(status().as_deref(), Some("running"));
    machine.run("touch /home/ann/go");
    machine.run(&ann(&format!("jobtop wait {job}")));
    assert_eq!(machine.run(&ann(&format!("jobtop logs {job}"))), "gone");

    // `jobtop daemon stop` ends the daemon and not the one who made its socket; the next to connect starts it again.
    machine.run(&ann("jobtop daemon stop"));
    wait::until("its end", || (show("MainPID") == "0").then_some(()));
    assert_eq!(status().as_deref(), Some("completed"));
    assert_ne!(show("MainPID"), "0");
}
