//! A real daemon: started, killed, started again on the same data, always ended with the test.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::bins;
use crate::home::Home;
use crate::http::{self, Answer};
use crate::process::{self, Signal};
use crate::wait::{self, DEADLINE};
use crate::wire::Endpoint;
use crate::ws::Ws;

/// How a daemon is to be started.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    args: Vec<String>,
    listen: Option<&'static str>,
    open: bool,
    within: Vec<String>,
}

impl Setup {
    /// The Unix socket alone, as it is without any argument.
    pub fn unix() -> Self {
        Self::default()
    }

    /// A free TCP port too, open to everybody on this machine.
    pub fn tcp() -> Self {
        Self {
            listen: Some("127.0.0.1"),
            open: true,
            ..Self::default()
        }
    }

    /// A free TCP port too, for whoever brings a token.
    pub fn with_tokens() -> Self {
        Self {
            listen: Some("127.0.0.1"),
            ..Self::default()
        }
    }

    /// A free TCP port too, over TLS, for whoever brings a token.
    pub fn with_tls() -> Self {
        Self {
            listen: Some("https://127.0.0.1"),
            ..Self::default()
        }
    }

    /// A port over TLS on that address, `https://ADDR`, for whoever brings a token.
    pub fn with_tls_at(address: &'static str) -> Self {
        Self {
            listen: Some(address),
            ..Self::default()
        }
    }

    /// Started by the program of that command line, which becomes the daemon: its last words are the daemon's command line.
    #[must_use]
    pub fn within(mut self, words: &[&str]) -> Self {
        self.within = words.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// One more argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }
}

/// A running daemon.
#[derive(Debug)]
pub struct Daemon {
    command: Launch,
    child: Child,
    addr: Option<SocketAddr>,
    stderr: Arc<Mutex<String>>,
}

/// What is needed to start it again.
#[derive(Debug)]
struct Launch {
    setup: Setup,
    env: Vec<(&'static str, std::path::PathBuf)>,
    socket: std::path::PathBuf,
}

impl Launch {
    fn command(&self, port: u16) -> Command {
        let mut command = match self.setup.within.split_first() {
            Some((program, words)) => {
                let mut command = Command::new(program);
                command.args(words).arg(bins::jobtopd());
                command
            }
            None => Command::new(bins::jobtopd()),
        };
        command.envs(self.env.iter().cloned());
        for name in crate::home::SETTINGS {
            command.env_remove(name);
        }
        if let Some(at) = self.setup.listen {
            command.args(["--listen", &format!("{at}:{port}")]);
        }
        if self.setup.open {
            command.args(["--auth", "none"]);
        }
        command.args(&self.setup.args);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

impl Daemon {
    /// Starts one in that home and waits until it says that it serves.
    pub fn start(home: &Home, setup: Setup) -> Self {
        let command = Launch {
            setup,
            env: home.env(),
            socket: home.socket(),
        };
        let stderr = Arc::new(Mutex::new(String::new()));
        let (child, addr) = launch(&command, 0, &stderr);
        Self {
            command,
            child,
            addr,
            stderr,
        }
    }

    /// Starts it again on the same data, socket and port, after it has ended.
    pub fn start_again(&mut self) {
        wait::until("the end of the daemon before", || {
            self.child.try_wait().ok().flatten()
        });
        let port = self.addr.map_or(0, |addr| addr.port());
        let (child, addr) = launch(&self.command, port, &self.stderr);
        self.child = child;
        self.addr = addr;
    }

    /// Its process.
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a pid is small")
    }

    /// Its Unix socket.
    pub fn unix(&self) -> Endpoint {
        Endpoint::Unix(self.command.socket.clone())
    }

    /// Its TCP port.
    pub fn tcp(&self) -> Endpoint {
        Endpoint::Tcp(self.addr.expect("this daemon was started without TCP"))
    }

    /// Where everybody is let in: TCP where it is open, else the Unix socket.
    pub fn endpoint(&self) -> Endpoint {
        match self.addr {
            Some(addr) if self.command.setup.open => Endpoint::Tcp(addr),
            _ => self.unix(),
        }
    }

    /// Its port as a target: `ws://ADDR`, or `wss://ADDR` over TLS.
    pub fn target(&self) -> String {
        let listen = self.command.setup.listen.unwrap_or_default();
        let addr = self.addr.expect("this daemon was started without TCP");
        let scheme = if listen.starts_with("https://") {
            "wss"
        } else {
            "ws"
        };
        format!("{scheme}://{addr}")
    }

    /// The fingerprint of its certificate, as it has said it last.
    pub fn fingerprint(&self) -> String {
        wait::until("the fingerprint", || {
            let said = self.stderr();
            let at = said.rfind("sha256:")?;
            said.get(at..at + 7 + 64).map(str::to_owned)
        })
    }

    /// A new token for that user, from the daemon itself.
    pub fn token(&self, user: &str, role: &str) -> String {
        let body = json!({"userId": user, "role": role});
        let answer = http::post(&self.unix(), "/api/tokens", &body);
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()["secret"]
            .as_str()
            .expect("a token")
            .to_owned()
    }

    /// A WebSocket to it, greeted.
    pub fn ws(&self) -> Ws {
        let mut ws = Ws::connect(&self.endpoint());
        ws.welcome();
        ws
    }

    /// `GET path`.
    pub fn get(&self, path: &str) -> Answer {
        http::request(&self.endpoint(), "GET", path, &[], b"")
    }

    /// `POST path` with a JSON body.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        http::post(&self.endpoint(), path, body)
    }

    /// Creates a job and gives it back.
    pub fn create(&self, body: &Value) -> Value {
        let answer = self.post("/api/jobs", body);
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()["job"].clone()
    }

    /// A job as it is now.
    pub fn job(&self, id: &str) -> Value {
        let answer = self.get(&format!("/api/jobs/{id}"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["job"].clone()
    }

    /// Pauses, resumes, cancels … with an empty body.
    pub fn act(&self, id: &str, verb: &str) -> Answer {
        self.post(&format!("/api/jobs/{id}/{verb}"), &json!({}))
    }

    /// SIGKILL, and waits for the end.
    pub fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it can be waited for");
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        process::signal(self.pid(), signal);
    }

    /// SIGTERM, and waits for the end.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.ended()
    }

    /// Waits for its end.
    pub fn ended(&mut self) -> ExitStatus {
        wait::until("the daemon's end", || self.child.try_wait().ok().flatten())
    }

    /// What it has said on stderr so far.
    pub fn stderr(&self) -> String {
        self.stderr.lock().expect("nobody panics with it").clone()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the daemon's stderr ---\n{}", self.stderr());
        }
    }
}

/// Starts the process and reads its line: `ready unix:PATH http://ADDR`.
fn launch(command: &Launch, port: u16, stderr: &Arc<Mutex<String>>) -> (Child, Option<SocketAddr>) {
    let mut child = command
        .command(port)
        .spawn()
        .expect("jobtopd can be started");
    let said = child.stderr.take().expect("stderr is a pipe");
    let kept = Arc::clone(stderr);
    std::thread::spawn(move || keep(said, &kept));

    let out = child.stdout.take().expect("stdout is a pipe");
    let (sender, line) = mpsc::channel();
    std::thread::spawn(move || {
        let mut out = BufReader::new(out);
        let mut line = String::new();
        let _ = out.read_line(&mut line);
        let _ = sender.send(line);
        // "and nothing else ever": what comes is read, so that the daemon can't block on it, and shown.
        let mut rest = String::new();
        let _ = out.read_to_string(&mut rest);
        if !rest.is_empty() {
            eprintln!("the daemon said more on stdout than it may: {rest}");
        }
    });
    let line = line.recv_timeout(DEADLINE).unwrap_or_default();
    let Some(places) = line.trim_end().strip_prefix("ready ") else {
        let _ = child.kill();
        let status = child.wait();
        let said = stderr.lock().expect("nobody panics with it").clone();
        panic!("the daemon did not get ready: {line:?}, {status:?}\n{said}");
    };
    let addr = places
        .split_whitespace()
        .find_map(|place| place.split_once("://"))
        .map(|(_, addr)| addr.parse().expect("an address after ://"));
    (child, addr)
}

fn keep(mut from: impl Read, to: &Mutex<String>) {
    let mut buf = [0_u8; 4096];
    while let Ok(n @ 1..) = from.read(&mut buf) {
        let text = String::from_utf8_lossy(&buf[..n]);
        to.lock().expect("nobody panics with it").push_str(&text);
    }
}
