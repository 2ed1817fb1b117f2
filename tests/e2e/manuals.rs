//! The manuals say what the programs do: options, commands, error codes, and the README's two commands.

use std::collections::BTreeSet;
use std::fs;

use jobtop_e2e::bins::{self, workspace};
use jobtop_e2e::home::Home;

pub(crate) fn page(name: &str) -> String {
    let path = workspace().join("man").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The long options that a text in mdoc speaks of: `Fl -name`.
fn options_of_page(text: &str) -> BTreeSet<String> {
    text.match_indices("Fl -")
        .map(|(at, found)| &text[at + found.len()..])
        .map(|rest| {
            rest.chars()
                .take_while(|c| c.is_ascii_lowercase() || *c == '-')
                .collect::<String>()
        })
        .filter(|name| !name.is_empty())
        .collect()
}

/// The long options that a help text lists.
fn options_of_help(text: &str) -> BTreeSet<String> {
    text.lines()
        .filter_map(|line| {
            let line = line.trim_start();
            let line = line
                .strip_prefix('-')
                .filter(|rest| !rest.starts_with('-'))
                .and_then(|rest| rest.split_once(", "))
                .map_or(line, |(_, long)| long);
            let rest = line.strip_prefix("--")?;
            Some(
                rest.chars()
                    .take_while(|c| c.is_ascii_lowercase() || *c == '-')
                    .collect::<String>(),
            )
        })
        .filter(|name| !name.is_empty())
        .collect()
}

/// The commands that a help text lists.
fn commands_of_help(text: &str) -> Vec<String> {
    text.lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

fn help(home: &Home, program: &std::path::Path, command: &[String]) -> String {
    let output = home
        .command(program)
        .args(command)
        .arg("--help")
        .output()
        .expect("it can be started");
    assert!(output.status.success(), "{command:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Every command of a program with its help, the program's own first.
fn all_helps(home: &Home, program: &std::path::Path) -> Vec<(Vec<String>, String)> {
    let mut found = vec![(Vec::new(), help(home, program, &[]))];
    let mut at = 0;
    while at < found.len() {
        let (path, text) = found[at].clone();
        for name in commands_of_help(&text) {
            let command: Vec<String> = path.iter().cloned().chain([name]).collect();
            let text = help(home, program, &command);
            found.push((command, text));
        }
        at += 1;
    }
    found
}

/// Options that every program has and no page needs to repeat.
fn of_all(name: &str) -> bool {
    matches!(name, "help" | "version")
}

#[test]
fn pages_and_helps_know_the_same_options_and_commands() {
    let home = Home::new();
    for (program, name) in [(bins::jobtop(), "jobtop.1"), (bins::jobtopd(), "jobtopd.8")] {
        let text = page(name);
        let mut helps = all_helps(&home, program);
        // It is jobtopd, with jobtopd's options: jobtop.1 says so and leads to jobtopd.8.
        helps.retain(|(command, _)| command.join(" ") != "daemon run");
        let helped: BTreeSet<String> = helps
            .iter()
            .flat_map(|(_, text)| options_of_help(text))
            .filter(|name| !of_all(name))
            .collect();
        let paged: BTreeSet<String> = options_of_page(&text)
            .into_iter()
            .filter(|name| !of_all(name))
            .collect();
        assert!(!helped.is_empty(), "the way of looking finds nothing");
        let missing: Vec<_> = helped.difference(&paged).collect();
        assert!(missing.is_empty(), "{name} does not say: {missing:?}");
        let invented: Vec<_> = paged.difference(&helped).collect();
        assert!(
            invented.is_empty(),
            "{name} says, but the program does not know: {invented:?}"
        );
        for (command, _) in helps.iter().filter(|(command, _)| !command.is_empty()) {
            let last = command.last().expect("it is not empty");
            assert!(
                text.contains(last.as_str()),
                "{name} does not say: {}",
                command.join(" ")
            );
        }
    }
}

/// Every code of an error answer, as the source has them.
pub(crate) fn codes() -> Vec<String> {
    let source =
        fs::read_to_string(workspace().join("shared/core/src/job/refusal.rs")).expect("the codes");
    let words: Vec<String> = source
        .lines()
        .skip_while(|line| !line.contains("fn word("))
        .take_while(|line| !line.contains("fn http("))
        .filter_map(|line| line.split_once("=> \"")?.1.split('"').next())
        .map(str::to_owned)
        .collect();
    assert!(words.len() > 20, "the way of looking finds nothing");
    words
}

#[test]
fn the_protocol_s_page_names_every_error_code() {
    let words = codes();
    let text = page("jobtop-protocol.7");
    let missing: Vec<_> = words
        .iter()
        .filter(|word| !text.contains(word.as_str()))
        .collect();
    assert!(
        missing.is_empty(),
        "jobtop-protocol.7 does not say: {missing:?}"
    );
}

#[test]
fn the_guide_says_of_every_refusal_and_every_cut_what_it_means() {
    let source =
        fs::read_to_string(workspace().join("daemon/src/metrics/mod.rs")).expect("the cuts");
    let cuts: Vec<String> = source
        .lines()
        .skip_while(|line| !line.contains("fn word("))
        .take_while(|line| *line != "    }")
        .filter_map(|line| line.split_once("=> \"")?.1.split('"').next())
        .map(str::to_owned)
        .collect();
    assert!(cuts.len() > 8, "the way of looking finds nothing");
    let text = page("jobtop-guide.7");
    let explained: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix(".It "))
        .flat_map(|words| words.split(" , "))
        .collect();
    let missing: Vec<String> = codes()
        .into_iter()
        .chain(cuts)
        .map(|code| code.replace('_', " "))
        .filter(|code| !explained.contains(code.as_str()))
        .collect();
    assert!(
        missing.is_empty(),
        "jobtop-guide.7 does not say: {missing:?}"
    );
}

/// The numbers that an arm of a function of a source file gives, as in `=> 3,` or `ExitCode::from(2)`.
fn codes_of_source(path: &str, begin: &str, before: &str) -> BTreeSet<u32> {
    let source = fs::read_to_string(workspace().join(path)).expect("the exit codes");
    let found: BTreeSet<u32> = source
        .lines()
        .skip_while(|line| !line.contains(begin))
        .take_while(|line| *line != "    }")
        .filter_map(|line| number(line.split_once(before)?.1))
        .collect();
    assert!(
        found.len() > 1,
        "the way of looking finds nothing in {path}"
    );
    found
}

/// The number that a text begins with.
fn number(text: &str) -> Option<u32> {
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// The exit codes that a page lists.
fn codes_of_page(text: &str) -> BTreeSet<u32> {
    text.lines()
        .skip_while(|line| *line != ".Sh EXIT STATUS")
        .take_while(|line| *line != ".El")
        .filter_map(|line| number(line.strip_prefix(".It ")?))
        .collect()
}

/// The exit codes of a sentence: `Exit codes: 0 done, 1 failed`.
fn codes_of_sentence(text: &str) -> BTreeSet<u32> {
    let sentence = text.split("Exit codes:").nth(1).unwrap_or_default();
    let sentence = sentence.split('.').next().unwrap_or_default();
    sentence
        .split(',')
        .filter_map(|one| number(one.trim_start()))
        .collect()
}

#[test]
fn exit_codes_are_the_same_wherever_they_are_said() {
    let home = Home::new();
    let codes = codes_of_source("tui/src/exit.rs", "fn code(&self)", "=> ");
    let readme = fs::read_to_string(workspace().join("README.md")).expect("a README");
    for (text, from) in [
        (help(&home, bins::jobtop(), &[]), "jobtop --help"),
        (readme, "README.md"),
    ] {
        assert_eq!(codes_of_sentence(&text), codes, "{from}");
    }
    assert_eq!(codes_of_page(&page("jobtop.1")), codes, "jobtop.1");

    let mut codes = codes_of_source("daemon/src/exit.rs", "fn code(&self)", "ExitCode::from(");
    codes.insert(0);
    assert_eq!(codes_of_page(&page("jobtopd.8")), codes, "jobtopd.8");
}

#[test]
fn the_readme_has_two_set_up_commands() {
    let text = fs::read_to_string(workspace().join("README.md")).expect("a README");
    let mut commands = Vec::new();
    let mut within = false;
    let mut fenced = false;
    for line in text.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
        } else if line.starts_with("## ") {
            within = line.to_lowercase().replace('-', " ").contains("set up");
        } else if within && fenced && !line.trim().is_empty() && !line.trim_start().starts_with('#')
        {
            commands.push(line.trim().trim_start_matches("$ ").to_owned());
        }
    }
    assert_eq!(commands.len(), 2, "{commands:?}");
    assert!(
        commands
            .iter()
            .any(|command| command.starts_with("cargo run")),
        "{commands:?}"
    );
    assert!(
        commands
            .iter()
            .any(|command| command.starts_with("cargo test")),
        "{commands:?}"
    );
}

/// Where the links of a text in Markdown lead, those to the web left out.
fn links(text: &str) -> Vec<&str> {
    text.match_indices("](")
        .filter_map(|(at, found)| text[at + found.len()..].split(')').next())
        .filter(|link| !link.contains("://") && !link.starts_with('#'))
        .collect()
}

#[test]
fn the_links_of_the_readme_lead_somewhere() {
    let text = fs::read_to_string(workspace().join("README.md")).expect("a README");
    let links = links(&text);
    for link in &links {
        assert!(workspace().join(link).exists(), "{link}");
    }
    let mut pages = fs::read_dir(workspace().join("man"))
        .expect("the manuals")
        .flatten()
        .map(|page| format!("man/{}", page.file_name().to_string_lossy()));
    let missing = pages.find(|page| !links.contains(&page.as_str()));
    assert_eq!(missing, None, "the README leads to every manual");
}

#[test]
fn the_way_of_looking_finds_what_it_should() {
    assert_eq!(
        links("[a](b/c.md), ![d](e.svg) [f](https://g)"),
        ["b/c.md", "e.svg"]
    );
    let help = "Usage: x\n\nOptions:\n      --listen [<ADDR>]...  Serve\n  -h, --help  Print\n          [possible values: --no]\n\nCommands:\n  run   Run\n  help  Print\n\nMore";
    assert_eq!(
        options_of_help(help),
        BTreeSet::from(["listen".to_owned(), "help".to_owned()])
    );
    assert_eq!(commands_of_help(help), ["run"]);
    assert_eq!(
        options_of_page(".Op Fl -data-dir Ar DIR\n.Fl v\n.It Fl -auth Cm none ,"),
        BTreeSet::from(["data-dir".to_owned(), "auth".to_owned()])
    );
}
