//! The mode of the Unix socket: who may connect, before anybody is asked who it is.

/// Permissions of a socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Mode(u32);

/// What would be right.
pub(super) const HINT: &str =
    "Use \"0600\" for this account alone, \"0660\" for its group too, or \"0666\" for everybody";

impl Default for Mode {
    fn default() -> Self {
        Self(0o600)
    }
}

impl Mode {
    /// Reads the octal digits that `chmod` takes, if they are a mode that a socket of ours can have.
    pub(super) fn read(text: &str) -> Option<Self> {
        let digits = text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit());
        let mode = u32::from_str_radix(text, 8).ok().filter(|_| digits)?;
        (mode & 0o600 == 0o600 && mode & !0o666 == 0).then_some(Self(mode))
    }

    /// As the system takes it.
    pub(crate) const fn bits(self) -> u32 {
        self.0
    }

    /// Whether anybody but the daemon's account may connect.
    pub(crate) const fn is_open(self) -> bool {
        self.0 & 0o066 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_of_sockets() {
        for (text, mode) in [
            ("0600", Some(0o600)),
            ("660", Some(0o660)),
            ("0666", Some(0o666)),
            ("0622", Some(0o622)),
            ("0700", None),
            ("0060", None),
            ("2660", None),
            ("rw", None),
            ("", None),
            ("+600", None),
            ("00600", None),
            ("0680", None),
        ] {
            assert_eq!(Mode::read(text).map(Mode::bits), mode, "{text}");
        }
        assert!(!Mode::default().is_open());
        assert!(Mode::read("0620").unwrap().is_open());
    }
}
