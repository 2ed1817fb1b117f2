//! Several daemons in one screen: real daemons, one of which goes away and comes back.

use jobtop_e2e::bins;
use jobtop_e2e::daemon::{Daemon, Setup};
use jobtop_e2e::home::Home;
use jobtop_e2e::pty::Pty;
use jobtop_e2e::wait;
use serde_json::json;

use crate::said::id;

/// A job of that daemon's that can be paused and cancelled.
fn job(daemon: &Daemon, name: &str) -> String {
    id(&daemon.create(&json!({
        "type": "x", "name": name, "capabilities": {"pause": true, "cancel": true},
    })))
}

/// The line of the screen that has that word.
fn line(text: &str, word: &str) -> String {
    let found = text.lines().find(|line| line.contains(word));
    found.unwrap_or_default().to_owned()
}

#[test]
fn the_jobs_of_all_in_one_list_and_each_answers_for_its_own() {
    let (etl_home, web_home, home) = (Home::new(), Home::new(), Home::new());
    let etl = etl_home.daemon(Setup::unix());
    let mut web = web_home.daemon(Setup::tcp());
    let config = format!(
        "[targets.etl]\nurl = {:?}\n[targets.web]\nurl = {:?}\n[targets.gone]\nurl = \"unix:/no/such.sock\"\n\
         [groups]\nall = [\"etl\", \"web\", \"gone\"]\n",
        etl_home.target(),
        web.target(),
    );
    std::fs::write(home.path().join("config/jobtop/config.toml"), config).expect("a configuration");
    let (nightly, upload) = (job(&etl, "nightly"), job(&web, "upload"));

    let jobtop = bins::jobtop();
    let jobtop = jobtop.to_str().expect("a plain path");
    let mut screen = Pty::start(&home, (20, 120), &[jobtop, "attach", "all"]);
    // One that is not there costs nothing but its own rows.
    let text = screen.wait_for("both jobs", |text| {
        text.contains("nightly") && text.contains("upload") && text.contains("2 of 3 connected")
    });
    assert!(line(&text, "nightly").contains(" etl "), "{text}");
    assert!(line(&text, "upload").contains(" web "), "{text}");
    assert!(text.contains("gone: no daemon listens"), "{text}");

    // The newest first: the cursor is on the upload.
    screen.press("x");
    screen.wait_text("upload");
    screen.press_until("y", "the cancellation", |text| {
        line(text, "upload").contains("cancel")
    });
    wait::until("the cancelled job", || {
        (web.job(&upload)["status"] == "cancelled").then_some(())
    });
    assert_eq!(etl.job(&nightly)["status"], "running");

    web.kill();
    screen.wait_for("the cut", |text| text.contains("1 of 3 connected"));
    // The other one goes on, and takes keys.
    let later = job(&etl, "later");
    screen.wait_text("later");
    screen.press("/later\r");
    screen.wait_for("the filter", |text| text.contains("1 of "));
    screen.press("p");
    wait::until("the pause", || {
        (etl.job(&later)["status"] == "paused").then_some(())
    });
    screen.press("\x1b");
    screen.wait_text("upload");

    web.start_again();
    let back = job(&web, "back again");
    screen.wait_for("the return", |text| {
        text.contains("2 of 3 connected") && text.contains("back again")
    });
    screen.press("D");
    screen.wait_for("the page about them", |page| {
        [
            "daemon    etl",
            "daemon    web",
            "daemon    gone",
            "not connected",
        ]
        .iter()
        .all(|word| page.contains(word))
    });
    screen.press("Dq");
    assert_eq!(screen.left().code, 0);
    assert_eq!(web.job(&back)["status"], "running");
}

#[test]
fn without_a_terminal_there_is_a_table_for_each() {
    let (etl_home, web_home) = (Home::new(), Home::new());
    let (etl, web) = (
        etl_home.daemon(Setup::unix()),
        web_home.daemon(Setup::tcp()),
    );
    job(&etl, "nightly");
    job(&web, "upload");
    let output = etl_home.run(&["attach", &etl_home.target(), &web.target()]);
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{err}");
    assert!(out.contains("nightly") && out.contains("upload"), "{out}");
    assert!(
        err.contains("jobtop: local") && err.contains("jobtop: 127.0.0.1"),
        "{err}"
    );
    let output = etl_home.run(&["ls", "--target", "nobody"]);
    assert_eq!(output.status.code(), Some(2));
}
