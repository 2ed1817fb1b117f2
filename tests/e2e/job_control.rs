//! `jobtop run` in a shell at a terminal: Ctrl-Z, fg, Ctrl-C and the keys do what they do without it.

use jobtop_e2e::bins;
use jobtop_e2e::daemon::Setup;
use jobtop_e2e::home::Home;
use jobtop_e2e::pty::Pty;
use jobtop_e2e::wait;
use serde_json::Value;

/// An interactive bash with `$J` as jobtop; none where there is no bash.
fn shell(home: &Home) -> Option<Pty> {
    if home.command("bash").arg("--version").output().is_err() {
        eprintln!("skipped: there is no bash here");
        return None;
    }
    let mut pty = Pty::start(home, (40, 120), &["bash", "--norc", "--noprofile", "-i"]);
    // What is typed is seen, too: the empty quotes keep a word from being found before it is printed.
    pty.press(&format!(
        "J={}; PS1='rea''dy> '\r",
        bins::jobtop().display()
    ));
    pty.wait_text("ready> ");
    Some(pty)
}

fn leave(mut pty: Pty) {
    pty.press("exit\r");
    pty.left();
}

#[test]
fn ctrl_z_stops_it_for_the_shell_and_fg_gives_it_the_keys_again() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let Some(mut pty) = shell(&home) else { return };
    pty.press("$J run -- sh -c 'echo be\"\"gun; read line; echo got $line'\r");
    pty.wait_text("begun");
    let job = || daemon.get("/api/jobs").json()["jobs"][0].clone();
    wait::until("the job", || job()["id"].as_str().map(str::to_owned));

    pty.press("\u{1a}");
    pty.wait_text("Stopped");
    pty.press("fg\r");
    wait::until("no word about it any more", || {
        job()["message"].is_null().then_some(())
    });
    pty.press("hello\r");
    pty.wait_text("got hello");
    wait::until("the end", || (job()["status"] == "completed").then_some(()));
    leave(pty);
}

#[test]
fn ctrl_c_ends_the_script_around_it_and_a_killed_command_leaves_no_raw_terminal() {
    let home = Home::new();
    let daemon = home.daemon(Setup::unix());
    let Some(mut pty) = shell(&home) else { return };
    pty.press("bash -c \"$J run -- sh -c 'echo be''gun; sleep 1003'; echo af''ter\"\r");
    pty.wait_text("begun");
    // A shell that is about to start a command loses a Ctrl-C: it is pressed when the command is there.
    wait::until("the command", || home.process("sleep", "1003"));
    pty.press("\u{3}");
    pty.press_until("echo co''de $?\r", "its code", |text| {
        text.contains("code 130")
    });
    let text = pty.text();
    assert!(!text.contains("after"), "{text}");
    // The same where the terminal stays with a pipeline.
    pty.press("bash -c \"$J run -- sh -c 'echo ag''ain; sleep 1004' | cat; echo af''ter\"\r");
    pty.wait_text("again");
    wait::until("the command", || home.process("sleep", "1004"));
    pty.press("\u{3}");
    pty.press_until("echo co''des $?\r", "its code", |text| {
        text.contains("codes 130")
    });
    let text = pty.text();
    assert!(!text.contains("after"), "{text}");
    let failed = wait::until("the failed job", || {
        let job = daemon.get("/api/jobs").json()["jobs"][0].clone();
        (job["status"] == "failed").then_some(job)
    });
    assert_eq!(failed["errorDetail"]["signal"], Value::from(2), "{failed}");

    pty.press("$J run -- sh -c 'stty raw -echo; kill -9 $$'; echo co''de $?; stty -a\r");
    let text = pty.wait_for("the settings", |text| {
        text.contains("code 137") && text.contains("iexten")
    });
    assert!(
        text.contains(" icanon") && text.contains(" echo "),
        "{text}"
    );
    leave(pty);
}

#[test]
fn in_a_pipeline_the_terminal_stays_with_who_reads_it() {
    let home = Home::new();
    let _daemon = home.daemon(Setup::unix());
    let Some(mut pty) = shell(&home) else { return };
    pty.press(
        "$J run -- sh -c 'echo from''run' | sh -c 'cat; read line </dev/tty; echo got $line'\r",
    );
    pty.wait_text("fromrun");
    pty.press("hello\r");
    pty.wait_text("got hello");
    pty.press("$J run -- sed -u s/one/two/ &\r");
    // A shell says it with its next prompt.
    pty.press_until("\r", "the stop", |text| text.contains("Stopped"));
    pty.press("fg\r");
    pty.press_until("one line\r", "an answer", |text| text.contains("two line"));
    pty.press_until("\u{3}", "its end", |text| {
        text.trim_end().ends_with("ready>")
    });
    leave(pty);
}
