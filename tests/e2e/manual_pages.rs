//! The pages are well formed, and what they refer to is there.

use std::collections::BTreeSet;
use std::fs;

use jobtop_e2e::bins::workspace;

use crate::manuals::page;

/// The macros of mdoc that we use. Another one is a mistake of the hand, or belongs here.
const MACROS: [&str; 34] = [
    "Aq", "Ar", "Bd", "Bl", "Cm", "Dd", "Dl", "Dq", "Dt", "Dv", "Ed", "El", "Em", "Ev", "Fl", "Ic",
    "It", "Li", "Nd", "Nm", "No", "Ns", "Oc", "Oo", "Op", "Os", "Pa", "Pc", "Po", "Pp", "Pq", "Ql",
    "Qq", "Xr",
];
/// Those that begin a section, whose words are words: `In` there would be an include file.
const HEADINGS: [&str; 2] = ["Sh", "Ss"];
/// Macros of mdoc that are words of English too, and stand where a heading has one.
const WORDS: [&str; 9] = ["It", "In", "No", "Do", "At", "An", "Ad", "Me", "Es"];

/// Pages of other programs.
const SYSTEM: [&str; 10] = [
    "cat 1",
    "cron 8",
    "loginctl 1",
    "nohup 1",
    "ssh 1",
    "sudo 8",
    "systemd 1",
    "systemd.socket 5",
    "tee 1",
    "tmux 1",
];

fn pages() -> Vec<String> {
    let folder = fs::read_dir(workspace().join("man")).expect("the folder of manuals");
    let mut names: Vec<String> = folder
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort_unstable();
    assert!(names.len() >= 6, "{names:?}");
    names
}

/// What is wrong with a line of a page.
fn mistake(line: &str) -> Option<String> {
    if line.starts_with('\'') {
        return Some("it begins with a quote, which hides the line".to_owned());
    }
    if line.ends_with([' ', '\t']) {
        return Some("it ends with a blank".to_owned());
    }
    let rest = line.strip_prefix('.')?;
    if rest.starts_with("\\\"") {
        return None;
    }
    let mut words = rest.split_whitespace();
    let name = words.next().unwrap_or_default();
    if HEADINGS.contains(&name) {
        let word = words.find(|word| WORDS.contains(word) || MACROS.contains(word))?;
        return Some(format!("{word} in a heading is a macro"));
    }
    let first = words.next().unwrap_or_default();
    if name == "It" && WORDS.contains(&first) {
        return Some(format!("{first} is a macro: write \\&{first}"));
    }
    (!MACROS.contains(&name) && name != "Sx")
        .then(|| format!("there is no macro {name:?} in our pages"))
}

/// What is wrong with a page as a whole.
fn mistakes(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let mut say = |what: String| found.push(format!("{}: {what}: {line}", number + 1));
        if let Some(what) = mistake(line) {
            say(what);
        }
        let ends = match line.split(' ').next() {
            Some(begin @ (".Bl" | ".Bd")) => {
                open.push(begin);
                continue;
            }
            Some(".El") => ".Bl",
            Some(".Ed") => ".Bd",
            Some(".Sh" | ".Ss") if !open.is_empty() => {
                say(format!("{open:?} is still open"));
                continue;
            }
            _ => continue,
        };
        if open.pop() != Some(ends) {
            say(format!("it ends no {ends}"));
        }
    }
    found
}

#[test]
fn pages_are_well_formed() {
    for name in pages() {
        let text = page(&name);
        let head: Vec<&str> = text.lines().take(3).collect();
        let (title, section) = name.rsplit_once('.').expect("a name with its section");
        assert!(head[0].starts_with(".Dd "), "{name}: {head:?}");
        assert_eq!(
            head[1],
            format!(".Dt {} {section}", title.to_uppercase()),
            "{name}"
        );
        assert_eq!(head[2], ".Os jobtop", "{name}");
        let found = mistakes(&text);
        assert!(found.is_empty(), "{name}: {found:#?}");
    }
}

#[test]
fn every_reference_leads_to_a_page_or_a_section() {
    let ours: BTreeSet<String> = pages()
        .iter()
        .map(|name| name.replacen('.', " ", 1))
        .collect();
    let mut led_to = BTreeSet::new();
    for name in pages() {
        let text = page(&name);
        for line in text.lines() {
            for (at, _) in line.match_indices("Xr ") {
                let words: Vec<&str> = line[at..].split_whitespace().skip(1).take(2).collect();
                let to = words.join(" ");
                assert!(
                    ours.contains(&to) || SYSTEM.contains(&to.as_str()),
                    "{name}: {line}"
                );
                led_to.insert(to);
            }
            if let Some(to) = line.strip_prefix(".Sx ") {
                let to = to.trim_end_matches([' ', '.', ',', ';']);
                let is_there = text.lines().any(|line| {
                    HEADINGS
                        .iter()
                        .any(|heading| line == format!(".{heading} {to}"))
                });
                assert!(is_there, "{name} has no section {to:?}");
            }
        }
        assert!(text.contains(".Sh SEE ALSO"), "{name}");
    }
    let alone: Vec<_> = ours.difference(&led_to).collect();
    assert!(alone.is_empty(), "nothing leads to {alone:?}");
}

#[test]
fn the_readme_leads_to_every_page() {
    let readme = fs::read_to_string(workspace().join("README.md")).expect("a README");
    for name in pages() {
        assert!(readme.contains(&format!("(man/{name})")), "{name}");
    }
}

#[test]
fn a_mistake_is_seen() {
    for line in [
        "'tis hidden",
        ".Ss In the list",
        ".It No daemon",
        ".Xx 1",
        "blank ",
        ".Li x ",
    ] {
        assert!(mistake(line).is_some(), "{line}");
    }
    for line in [
        "It's fine",
        ".Ss The list",
        ".Xr jobtop 1 ,",
        ".\\\" a comment",
        ".Sx LIMITS .",
    ] {
        assert_eq!(mistake(line), None);
    }
    assert!(mistakes(".Bl -tag\n.Sh NEXT\n").len() == 1);
    assert!(mistakes(".Bl -tag\n.Ed\n").len() == 1);
}
