//! What a command is called when nobody gave it a name: the program and the first file it is about. Pure.

use std::ffi::OsString;
use std::path::Path;

use jobtop_core::text;

/// Longest default name, in characters.
const LONGEST: usize = 60;

/// Programs that only run a script: the script says more than they do.
const INTERPRETERS: [&str; 12] = [
    "python", "node", "ruby", "perl", "bash", "sh", "dash", "zsh", "php", "Rscript", "julia",
    "deno",
];

/// A short name: `python3 -u clean.py data/big.csv out.csv` is `clean.py big.csv`.
#[must_use]
pub fn of(argv: &[OsString]) -> String {
    let words: Vec<_> = argv.iter().map(|word| word.to_string_lossy()).collect();
    let Some((program, rest)) = words.split_first() else {
        return "command".to_owned();
    };
    let program = base(program);
    let mut files = rest
        .iter()
        .filter(|arg| is_file_like(arg))
        .map(|arg| base(arg));
    let first = files.next();
    let parts = match first {
        Some(script) if is_interpreter(program) => [Some(script), files.next()],
        file => [Some(program), file],
    };
    let name = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
    text::clean_within(&name, LONGEST).into_owned()
}

fn base(word: &str) -> &str {
    Path::new(word)
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or(word)
}

/// `python3.11` is a python.
fn is_interpreter(program: &str) -> bool {
    let bare = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    INTERPRETERS.contains(&bare)
}

/// A word that looks like the name of a file: no option, no piece of a program, with an ending or a directory.
fn is_file_like(word: &str) -> bool {
    let ending = Path::new(word)
        .extension()
        .and_then(|ending| ending.to_str())
        .is_some_and(|ending| ending.len() <= 8 && ending.chars().all(char::is_alphanumeric));
    let plain = !word.starts_with('-') && !word.contains([' ', '\n', ';', '|', '$', '(', '=']);
    let number = word.parse::<f64>().is_ok();
    plain && !number && (ending || word.contains('/')) && !word.ends_with('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_called_by_what_it_is_about() {
        for (line, expected) in [
            ("python3 clean.py big.csv out.csv", "clean.py big.csv"),
            (
                "/usr/bin/python3.11 -u /srv/clean.py /data/big.csv",
                "clean.py big.csv",
            ),
            (
                "gzip -9 /data/orders-2026-11.csv",
                "gzip orders-2026-11.csv",
            ),
            ("sleep 0.5", "sleep"),
            ("make -j8 all", "make"),
            ("./build.sh", "build.sh"),
            ("python3 -m http.server", "http.server"),
            ("curl https://example.org/a/data.zip", "curl data.zip"),
            ("ls dir/", "ls"),
            ("dd if=/dev/zero of=x.img", "dd"),
            ("evil\u{1b}[2J a.csv", "evil\u{fffd}[2J a.csv"),
            ("", "command"),
        ] {
            let argv: Vec<OsString> = line.split_whitespace().map(Into::into).collect();
            assert_eq!(of(&argv), expected, "{line:?}");
        }
        let script = ["sh", "-c", "cat a.csv | sort > b.csv"].map(OsString::from);
        assert_eq!(of(&script), "sh");
        let long = ["x".repeat(300)].map(OsString::from);
        assert_eq!(of(&long).chars().count(), LONGEST);
    }
}
