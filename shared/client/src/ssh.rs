//! A daemon on another machine, reached through the person's own `ssh`: no port, no token, no certificate. `jobtop dial-stdio`
//! there joins its stdin and stdout to the daemon's socket.
//!
//! The connections of one target share one login (`ControlMaster`), so that calls after the first one cost little.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use jobtop_core::text;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, BufReader, ReadBuf};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::endpoint::{Login, SECRET};

/// What the other end says once it is joined to the daemon. What a shell there has said before is passed over.
pub const PREAMBLE: &str = "jobtop dial-stdio 1";
/// The program, with its first words, where it is not `ssh`.
pub const PROGRAM: &str = "JOBTOP_SSH";
/// So much of a greeting is passed over.
const GREETING: u64 = 16 << 10;

/// Whether `ssh` may ask for a password. It would ask on the terminal, which is another's once there is a screen.
static MAY_ASK: AtomicBool = AtomicBool::new(true);

/// From now on `ssh` asks nobody for anything: there is a screen on the terminal.
pub fn ask_no_more() {
    MAY_ASK.store(false, Ordering::Relaxed);
}

/// A stream through `ssh`. When it is dropped, its end of the login ends.
pub(crate) struct Joined {
    _child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

/// Runs `ssh` and waits until the other end is joined to its daemon.
pub(crate) async fn dial(login: &Login) -> io::Result<Joined> {
    let mut child = command(login)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| {
            io::Error::new(
                error.kind(),
                Unreached(format!("ssh can't be started: {error}")),
            )
        })?;
    let (Some(to), Some(from), Some(mut errors)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(io::ErrorKind::BrokenPipe.into());
    };
    let mut from = BufReader::new(from);
    if greeted(&mut from).await? {
        // What it says later is nobody's: a full pipe would hold it up.
        tokio::spawn(async move { tokio::io::copy(&mut errors, &mut tokio::io::sink()).await });
        return Ok(Joined {
            _child: child,
            to,
            from,
        });
    }
    // The other end waits for us no longer, so that it ends and says why.
    drop((to, from));
    let mut said = Vec::new();
    let _ = errors.take(GREETING).read_to_end(&mut said).await;
    let said = String::from_utf8_lossy(&said).into_owned();
    let status = child.wait().await?;
    Err(io::Error::other(Unreached(why(
        login,
        status.code(),
        &said,
    ))))
}

/// A sentence of its own, not to be wrapped into another.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unreached(String);

/// Reads up to the preamble; whether it came.
async fn greeted(from: &mut BufReader<ChildStdout>) -> io::Result<bool> {
    let mut passed = 0;
    loop {
        let mut line = Vec::new();
        let read = (&mut *from)
            .take(GREETING - passed)
            .read_until(b'\n', &mut line)
            .await?;
        // A greeting may lack the end of its line.
        if line.trim_ascii_end().ends_with(PREAMBLE.as_bytes()) {
            return Ok(true);
        }
        passed += read as u64;
        if read == 0 || passed >= GREETING {
            return Ok(false);
        }
    }
}

fn command(login: &Login) -> Command {
    let given = std::env::var(PROGRAM).unwrap_or_default();
    let mut words = given.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or("ssh"));
    command.args(words);
    // A token is for daemons that are reached by TCP, and ssh starts programs of its own.
    command.env_remove(SECRET);
    // No terminal there; nothing of ours is forwarded.
    command.args([
        "-T",
        "-a",
        "-x",
        "-o",
        "ServerAliveInterval=15",
        "-o",
        "ServerAliveCountMax=3",
    ]);
    if !MAY_ASK.load(Ordering::Relaxed) {
        command.args(["-o", "BatchMode=yes"]);
    }
    if let Some(path) = shared() {
        command.args(["-o", "ControlMaster=auto", "-o", "ControlPersist=60", "-o"]);
        command.arg(format!("ControlPath={path}"));
    }
    if let Some(port) = login.port {
        command.arg("-p").arg(port.to_string());
    }
    // A host that begins with a dash is none: `Login` sees to it.
    command
        .arg("--")
        .arg(login.destination())
        .arg("jobtop dial-stdio");
    command
}

/// Where the connections of one target meet: in our own folder, which is private.
fn shared() -> Option<String> {
    let base = directories::BaseDirs::new()?;
    let folder = base.runtime_dir()?.join("jobtop");
    let path = folder.join("ssh-%C");
    // A socket's path has room for 108 bytes, of which ssh takes 57 for the hash and a suffix of its own.
    let fits = folder.as_os_str().len() + 62 <= 108;
    // Private from its first instant; one that is there already is left as it is.
    let _ = DirBuilder::new().mode(0o700).create(&folder);
    (fits && folder.is_dir() && !path.to_string_lossy().contains(' '))
        .then(|| path.to_string_lossy().into_owned())
}

/// Why it did not come to a connection, for a person.
fn why(login: &Login, code: Option<i32>, said: &str) -> String {
    let mut lines = (said.lines())
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("Connection to "));
    // Our own program says first what is wrong, and then what to do; ssh says what is wrong at the end.
    let ours = lines.clone().find(|line| line.starts_with("jobtop: "));
    let last = ours.or_else(|| lines.next_back());
    let last = text::clean_within(last.unwrap_or("it gave no reason"), 200).into_owned();
    let host = login.destination();
    match code {
        Some(127) => format!(
            "there is no jobtop on {host}: install it there, where a command over ssh finds it"
        ),
        Some(255) => format!("ssh can't reach {host}: {last}"),
        _ => format!(
            "on {host}: {}",
            last.strip_prefix("jobtop: ").unwrap_or(&last)
        ),
    }
}

impl AsyncRead for Joined {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.from).poll_read(context, into)
    }
}

impl AsyncWrite for Joined {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.to).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.to).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.to).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_it_failed_is_said_with_what_to_do() {
        let login = Login {
            user: Some("ann".to_owned()),
            host: "etl1".to_owned(),
            port: None,
        };
        for (code, said, expected) in [
            (
                Some(127),
                "bash: jobtop: command not found\n",
                "there is no jobtop on ann@etl1",
            ),
            (
                Some(255),
                "Warning: something\nann@etl1: Permission denied (publickey).\n",
                "ssh can't reach ann@etl1: ann@etl1: Permission denied (publickey).",
            ),
            (
                Some(6),
                "jobtop: no daemon listens at unix:/run/x: no such socket\n",
                "on ann@etl1: no daemon listens at unix:/run/x",
            ),
            (None, "", "on ann@etl1: it gave no reason"),
        ] {
            let why = why(&login, code, said);
            assert!(why.starts_with(expected), "{why}");
        }
    }
}
