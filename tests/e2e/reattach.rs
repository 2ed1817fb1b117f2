//! A running command outlives the daemon: killed and started again, the daemon has the job back, and obeys for it.

use jobtop_e2e::daemon::Setup;
use jobtop_e2e::home::Home;
use jobtop_e2e::process;
use jobtop_e2e::wait;
use serde_json::Value;

#[test]
fn a_command_is_controlled_through_a_daemon_that_was_killed() {
    let home = Home::new();
    let mut daemon = home.daemon(Setup::unix());
    // Named, so that the runner starts no daemon of its own where ours is killed before it was answered.
    let target = home.target();
    let mut child = home
        .jobtop(&[
            "run", "--target", &target, "--name", "long", "--", "sleep", "1008",
        ])
        .spawn()
        .expect("it starts");
    let id = wait::until("the job", || {
        let id = daemon.get("/api/jobs").json()["jobs"][0]["id"].clone();
        id.as_str().map(str::to_owned)
    });
    let command = wait::until("the command", || home.process("sleep", "1008"));
    // A job is shown before it is on the disk; what comes after it is answered after it.
    assert_eq!(daemon.act(&id, "pause").status, 200);
    assert_eq!(daemon.act(&id, "resume").status, 200);
    wait::until("the resume acknowledged", || {
        daemon.job(&id)["control"].is_null().then_some(())
    });

    // Killed while it runs; what is asked before the runner is back reaches it when it is.
    daemon.kill();
    daemon.start_again();
    let found = daemon.job(&id);
    assert_eq!(
        (&found["name"], &found["status"]),
        (&Value::from("long"), &Value::from("running"))
    );
    assert_eq!(daemon.act(&id, "pause").status, 200);
    wait::until("the pause acknowledged", || {
        let job = daemon.job(&id);
        (job["status"] == "paused" && job["control"].is_null()).then_some(())
    });
    assert_eq!(process::state(command), Some('T'));

    // Killed while it is paused: a pause is no affair of the daemon's life.
    daemon.kill();
    assert_eq!(process::state(command), Some('T'));
    daemon.start_again();
    assert_eq!(daemon.job(&id)["status"], "paused");
    assert_eq!(daemon.act(&id, "resume").status, 200);
    wait::until("the resume acknowledged", || {
        let job = daemon.job(&id);
        (job["status"] == "running" && job["control"].is_null()).then_some(())
    });
    assert_ne!(process::state(command), Some('T'));

    // Killed between the request to end it and the end.
    assert_eq!(daemon.act(&id, "cancel").status, 200);
    daemon.kill();
    daemon.start_again();
    let code = wait::ended(&mut child).code();
    assert_eq!(code, Some(128 + 15));
    assert!(!process::alive(command));
    assert_eq!(daemon.job(&id)["status"], "cancelled");
    let jobs = daemon.get("/api/jobs").json()["jobs"].clone();
    assert_eq!(jobs.as_array().map(Vec::len), Some(1), "{jobs}");
}
