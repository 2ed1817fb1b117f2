//! What the terminal can show: colours or not, Unicode or ASCII alone. Pure; the environment is an argument.

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// Unless the environment speaks against it.
    Auto,
    /// Whatever the environment says.
    Always,
    /// Not at all.
    Never,
}

/// How the screen may look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    /// In colour.
    pub(crate) color: bool,
    /// With ASCII alone.
    pub(crate) ascii: bool,
}

/// Decides by what was asked for and by the environment's variables.
pub(crate) fn decide(when: When, ascii: bool, variable: impl Fn(&str) -> Option<String>) -> Look {
    let given = |name: &str| variable(name).filter(|value| !value.is_empty());
    let term = given("TERM").unwrap_or_default();
    let plain_terminal = term == "dumb";
    let color = match when {
        When::Always => true,
        When::Never => false,
        When::Auto => given("NO_COLOR").is_none() && !plain_terminal && !term.ends_with("-mono"),
    };
    // The first of these that is set decides, as everywhere.
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(given);
    let utf8 = locale.is_some_and(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    });
    // The console's own font has few of our glyphs.
    let ascii = ascii || !utf8 || plain_terminal || term == "linux";
    Look { color, ascii }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(when: When, variables: &[(&str, &str)], color: bool, ascii: bool) {
        let look = decide(when, false, |name| {
            let found = variables.iter().find(|(n, _)| *n == name);
            found.map(|(_, value)| (*value).to_owned())
        });
        assert_eq!(look, Look { color, ascii }, "{variables:?}");
    }

    #[test]
    fn the_environment_is_heard() {
        let utf8 = ("LANG", "en_GB.UTF-8");
        let xterm = ("TERM", "xterm-256color");
        check(When::Auto, &[utf8, xterm], true, false);
        check(When::Auto, &[utf8, xterm, ("NO_COLOR", "1")], false, false);
        check(When::Auto, &[utf8, xterm, ("NO_COLOR", "")], true, false);
        check(When::Always, &[utf8, xterm, ("NO_COLOR", "1")], true, false);
        check(When::Never, &[utf8, xterm], false, false);
        check(When::Auto, &[utf8, ("TERM", "dumb")], false, true);
        check(When::Auto, &[utf8, ("TERM", "linux")], true, true);
        check(When::Auto, &[utf8, ("TERM", "vt220-mono")], false, false);
        check(When::Auto, &[xterm], true, true);
        check(When::Auto, &[xterm, ("LANG", "C.utf8")], true, false);
        check(When::Auto, &[xterm, utf8, ("LC_ALL", "C")], true, true);
        check(When::Auto, &[xterm, utf8, ("LC_ALL", "")], true, false);
    }
}
