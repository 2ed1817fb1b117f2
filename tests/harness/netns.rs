//! Two machines with a cable between them, as far as the network goes: network namespaces of a test's own, joined by a veth
//! pair. They are anonymous and end with their owner, and nothing outside of them is touched.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

/// One end of the cable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Where the daemon is.
    Near,
    /// Where the screen is.
    Far,
}

impl End {
    /// The name of its network card.
    fn card(self) -> &'static str {
        match self {
            Self::Near => "near",
            Self::Far => "far",
        }
    }

    /// The address of that card.
    fn mac(self) -> &'static str {
        match self {
            Self::Near => "02:00:00:00:00:01",
            Self::Far => "02:00:00:00:00:02",
        }
    }

    /// Its address.
    pub const fn address(self) -> &'static str {
        match self {
            Self::Near => "10.93.0.1",
            Self::Far => "10.93.0.2",
        }
    }
}

/// What becomes of the packets that leave an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traffic {
    /// They arrive.
    Passes,
    /// They vanish, and nobody is told.
    Vanishes,
    /// They arrive so many milliseconds later. Not every kernel can do it.
    Late(u32),
}

/// Two namespaces, joined.
#[derive(Debug)]
pub struct Cable {
    near: Keeper,
    far: Keeper,
}

impl Cable {
    /// Lays one; or why this user can't.
    pub fn new() -> Result<Self, String> {
        let near = Keeper::start(&["unshare", "--map-root-user", "--net"])?;
        let entry = near.entry();
        let mut words: Vec<&str> = entry.iter().map(String::as_str).collect();
        words.extend(["unshare", "--net"]);
        let far = Keeper::start(&words)?;
        let cable = Self { near, far };
        let peer = cable.far.child.id().to_string();
        let (near, far) = (End::Near, End::Far);
        let here = ["link", "add", "name", near.card(), "address", near.mac()];
        let there = ["peer", "name", far.card(), "address", far.mac()];
        let words = [&here[..], &["type", "veth"], &there, &["netns", &peer]].concat();
        cable.ip(near, &words)?;
        for (end, other) in [(near, far), (far, near)] {
            let address = format!("{}/24", end.address());
            cable.ip(end, &["address", "add", &address, "dev", end.card()])?;
            cable.ip(end, &["link", "set", end.card(), "up"])?;
            // What vanishes does so farther away, where nobody has to find the other's card first, which is tried once a second.
            let who = ["neighbour", "replace", other.address(), "lladdr"];
            let words = [&who[..], &[other.mac(), "dev", end.card()]].concat();
            cable.ip(end, &words)?;
        }
        Ok(cable)
    }

    /// The words that, before a command line, start it at that end.
    pub fn entry(&self, end: End) -> Vec<String> {
        match end {
            End::Near => self.near.entry(),
            End::Far => self.far.entry(),
        }
    }

    /// Switches the network card of an end on or off.
    pub fn switch(&self, end: End, on: bool) {
        let state = if on { "up" } else { "down" };
        self.ip(end, &["link", "set", end.card(), state])
            .expect("a network card can be switched");
    }

    /// Changes what becomes of the packets of both ends; or why that can't be.
    pub fn traffic(&self, traffic: Traffic) -> Result<(), String> {
        let late = |ms: u32| format!("{ms}ms");
        for end in [End::Near, End::Far] {
            let card = ["dev", end.card(), "root"];
            match traffic {
                Traffic::Passes => self.run(end, "tc", &[&["qdisc", "delete"], &card[..]].concat()),
                Traffic::Vanishes => {
                    let words = [&["qdisc", "add"], &card[..], &["blackhole"]].concat();
                    self.run(end, "tc", &words)
                }
                Traffic::Late(ms) => {
                    let words = [&["qdisc", "add"], &card[..], &["netem", "delay"]].concat();
                    self.run(end, "tc", &[&words[..], &[&late(ms)]].concat())
                }
            }?;
        }
        Ok(())
    }

    fn ip(&self, end: End, words: &[&str]) -> Result<(), String> {
        self.run(end, "ip", words)
    }

    fn run(&self, end: End, program: &str, words: &[&str]) -> Result<(), String> {
        let entry = self.entry(end);
        let output = Command::new(&entry[0])
            .args(&entry[1..])
            .arg(program)
            .args(words)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("{program}: {error}"))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("{program} {}: {}", words.join(" "), said.trim()))
    }
}

/// Newer kernels try every second at first to connect; others wait longer from one time to the next, and so do these.
const SETUP: &str = "ip link set lo up || exit; \
    { echo 0 > /proc/sys/net/ipv4/tcp_syn_linear_timeouts; } 2> /dev/null; \
    echo ready && exec cat";

/// A process that does nothing but be in a namespace, which lives as long as it does.
#[derive(Debug)]
struct Keeper {
    child: Child,
}

impl Keeper {
    fn start(words: &[&str]) -> Result<Self, String> {
        // It ends with its stdin, also where its owner has no time left to end it.
        let mut child = Command::new(words[0])
            .args(&words[1..])
            .args(["sh", "-c", SETUP])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", words[0]))?;
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            let _ = BufReader::new(out).read_line(&mut line);
        }
        let mut keeper = Self { child };
        if line.trim_end() == "ready" {
            return Ok(keeper);
        }
        drop(keeper.child.stdin.take());
        let mut said = String::new();
        if let Some(mut err) = keeper.child.stderr.take() {
            let _ = err.read_to_string(&mut said);
        }
        Err(said.trim().to_owned())
    }

    /// The words that start a program where it is.
    fn entry(&self) -> Vec<String> {
        let pid = self.child.id().to_string();
        [
            "nsenter",
            "--target",
            &pid,
            "--user",
            "--preserve-credentials",
            "--net",
        ]
        .map(str::to_owned)
        .to_vec()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
