//! The scripts of `jobtop completions`, each in its own shell. A shell that is not installed is skipped, visibly.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use jobtop_e2e::bins;
use jobtop_e2e::home::Home;
use jobtop_e2e::pty::Pty;
use jobtop_e2e::wait;

/// Whether a shell is there; where it is not, that is said.
fn there(shell: &str) -> bool {
    let found = Command::new(shell)
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .is_ok_and(|output| output.status.success());
    if !found {
        // Not through `eprintln!`, which is only shown of tests that fail.
        let _ = writeln!(std::io::stderr(), "skipped: there is no {shell}");
    }
    found
}

/// Writes the script of a shell to a file of that home's.
fn script(home: &Home, shell: &str, name: &str) -> String {
    let output = home.run(&["completions", shell]);
    assert!(output.status.success(), "{output:?}");
    let path = home.work().join(name);
    fs::write(&path, output.stdout).expect("the script can be written");
    path.display().to_string()
}

/// What a shell prints that is given a line to run.
fn printed(home: &Home, shell: &[&str], line: &str) -> String {
    let child = home
        .command(shell[0])
        .args(&shell[1..])
        .args(["-c", line])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the shell can be started");
    let output = wait::output(child);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.is_empty(), "{line}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Beginnings of command lines, and what of all that is offered must be there.
const LINES: [(&[&str], &[&str]); 5] = [
    (
        &["jobtop", ""],
        &["run", "submit", "history", "daemon", "completions"],
    ),
    (&["jobtop", "sub"], &["submit"]),
    (&["jobtop", "ls", "--js"], &["--json", "--jsonl"]),
    (
        &["jobtop", "ls", "--color", ""],
        &["auto", "always", "never"],
    ),
    (&["jobtop", "daemon", "st"], &["start", "stop", "status"]),
];

#[test]
fn bash_completes_commands_options_and_values() {
    if !there("bash") {
        return;
    }
    let home = Home::new();
    let file = script(&home, "bash", "jobtop.bash");
    let bash = ["bash", "--norc", "--noprofile"];
    let line = format!("source {file}; complete -p jobtop");
    assert!(printed(&home, &bash, &line).contains("-F _jobtop jobtop"));
    for (words, offered) in LINES {
        let quoted: Vec<_> = words.iter().map(|word| format!("'{word}'")).collect();
        let at = words.len() - 1;
        let line = format!(
            "source {file}; COMP_WORDS=({}); COMP_CWORD={at}; _jobtop jobtop {} {}; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            quoted.join(" "),
            quoted[at],
            quoted[at - 1]
        );
        let found = printed(&home, &bash, &line);
        for word in offered {
            assert!(
                found.lines().any(|line| line == *word),
                "{words:?}: {found}"
            );
        }
    }
}

#[test]
fn fish_completes_commands_options_and_values() {
    if !there("fish") {
        return;
    }
    let home = Home::new();
    let file = script(&home, "fish", "jobtop.fish");
    for (words, offered) in LINES {
        let line = format!("source {file}; complete -C '{}'", words.join(" "));
        let found = printed(&home, &["fish", "--no-config"], &line);
        for word in offered {
            let first = |line: &str| line.split('\t').next() == Some(word);
            assert!(found.lines().any(first), "{words:?}: {found}");
        }
    }
}

#[test]
fn zsh_completes_commands_options_and_values() {
    if !there("zsh") {
        return;
    }
    let home = Home::new();
    script(&home, "zsh", "_jobtop");
    // As a person has it: at a terminal, with Tab.
    let mut shell = Pty::start(&home, (40, 100), &["zsh", "-f", "-i"]);
    let folder = bins::jobtop()
        .parent()
        .expect("a folder")
        .display()
        .to_string();
    shell.press(&format!(
        "PS1='at: '; path=({folder} $path); fpath=($PWD $fpath); autoload -Uz compinit; compinit -u -D; echo $_comps[jobtop]\r"
    ));
    shell.wait_for("the completion to be known", |text| {
        text.lines().any(|line| line.trim() == "_jobtop")
    });
    // Alone it is completed at once; of several the beginning that they share, then the list.
    shell.press("jobtop compl\t");
    shell.wait_text("at: jobtop completions");
    shell.press("\u{15}jobtop ls --js\t");
    shell.wait_text("at: jobtop ls --json");
    shell.press("\t");
    shell.wait_text("--jsonl");
    shell.press("\u{15}jobtop daemon st\t\t");
    shell.wait_for("the commands of the daemon", |text| {
        ["start", "stop", "status"]
            .iter()
            .all(|word| text.contains(word))
    });
    shell.press("\u{15}exit\r");
    assert_eq!(shell.left().code, 0);
}
