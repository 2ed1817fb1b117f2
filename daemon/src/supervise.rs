//! Wires the rooms of the daemon with bounded channels, starts their tasks, and sees them to their end: the only one
//! that spawns long tasks. A task that ends unasked takes the daemon down with it, rather than leave it half alive.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch as latest};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, timeout_at};

use crate::activation::Passed;
use crate::alerts::Alerts;
use crate::auth::{self, Doorkeeper, Strangers, Tokens};
use crate::check;
use crate::cli::Auth;
use crate::clock::Clock;
use crate::config::Settings;
use crate::engine::handle::{Handle, INBOX};
use crate::engine::{self, Board, Pulse, Wiring, queues};
use crate::exit::Failure;
use crate::feed::hub::Hub;
use crate::feed::pace::Pace;
use crate::feed::session::Shared;
use crate::folder::{self, Closed};
use crate::history;
use crate::http::door::{self, Door};
use crate::http::guard::Guard;
use crate::http::socket;
use crate::http::status::About;
use crate::http::tls::Tls;
use crate::http::{Rules, Site};
use crate::logs::{Logs, sweep};
use crate::metrics::Metrics;
use crate::notify::{self, Speaker};
use crate::reload;
use crate::sdnotify::{self, State};
use crate::store::{self, Opened};
use crate::watch::{self, Watched};
use crate::workers::launcher::{self, Launcher};

/// How long clients may take to hear that the daemon goes down.
const FAREWELL: Duration = Duration::from_millis(1_500);
/// How long going down may take in all.
const GOING_DOWN: Duration = Duration::from_millis(4_800);
/// How long the hooks may take of it at least.
const HOOKS_END: Duration = Duration::from_millis(300);
/// As many file descriptors are asked for, where the system lets us: every client takes one.
const FILES: u64 = 16_384;

/// Runs the daemon until a signal ends it.
///
/// On SIGHUP the settings are read once more, and what can change while it serves does.
pub(crate) fn run(
    settings: Settings,
    passed: Passed,
    read: &dyn Fn() -> Result<Settings, Failure>,
) -> Result<(), Failure> {
    more_files();
    let clock = Clock::new();
    folder::secure(
        &settings.data_dir,
        &settings.data_dir.path,
        Closed::ToWriters,
    )?;
    let kept = check::kept(&settings);
    // The store's lock decides which of two daemons serves; what comes after it has the field to itself.
    let opened =
        store::open(&settings.data_dir.path, &kept, clock).map_err(|error| Failure::Store {
            what: error.to_string(),
            hint: error.hint(),
        })?;
    for sentence in &opened.report {
        tracing::warn!("{sentence}");
    }
    let threads = std::thread::available_parallelism().map_or(2, |n| n.get().min(4));
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name("jobtopd")
        .enable_all()
        .build()
        .map_err(|source| Failure::System {
            doing: "start threads",
            source,
        })?;
    let ended = runtime.block_on(serve(settings, (passed, read), opened, clock));
    // Whatever still hangs by now is not waited for.
    runtime.shutdown_background();
    ended
}

async fn serve(
    mut settings: Settings,
    (passed, read): (Passed, &dyn Fn() -> Result<Settings, Failure>),
    opened: Opened,
    clock: Clock,
) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    let doors = Doors::open(&settings, passed)?;
    let Opened {
        jobs,
        epoch,
        writer,
        archive,
        aside,
        ..
    } = opened;
    let now = clock.now();
    let kept = engine::Settings {
        limits: settings.limits,
        times: settings.times,
    };
    let (launch, launches) = mpsc::channel(launcher::QUEUE);
    let queues = queues::Settings {
        configured: settings.queues.clone(),
        by_hand: aside.by_hand,
        default_slots: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        launch: settings.commands.then_some(launch),
        environments: aside.environments,
    };
    let speaker = Speaker {
        host: own_name(),
        epoch,
    };
    let ended = jobs.iter().map(|record| &record.job);
    let (teller, hooks) = notify::open(
        &settings.data_dir.path,
        &settings.hooks,
        (speaker, clock),
        ended,
    );
    let mut board = Board::load(kept, queues, jobs, now);
    board.tell(Arc::new(teller.clone()));
    let hub = Hub::new(epoch);
    hub.publish(board.opening(), now);

    let (inbox, commands) = mpsc::channel(INBOX);
    let (close, closing) = latest::channel(false);
    let logs = Logs::of(&settings.data_dir.path, settings.limits.log_bytes as u64);
    let (switch_feed, feed) = latest::channel(settings.feed);
    let metrics: Arc<Metrics> = Arc::default();
    let counted = archive.counted();
    let by_key = archive.clone();
    let searched = history::shared(archive.clone(), writer.health(), clock);
    let shared = Shared {
        hub: Arc::clone(&hub),
        keyed: Arc::new(move |user, key| {
            let archive = by_key.clone();
            Box::pin(async move { archive.keyed(&user, &key).await })
        }),
        lookup: Arc::new(move |id| {
            let archive = archive.clone();
            Box::pin(async move { archive.get(id).await })
        }),
        past: searched,
        logs: logs.clone(),
        engine: Handle::new(inbox),
        clock,
        limits: settings.limits,
        alerts: Arc::new(Alerts::open(
            &settings.data_dir.path,
            epoch,
            now.wall
                .plus_ms(-i64::try_from(settings.times.retention_ms).unwrap_or(0)),
        )),
        metrics: Arc::clone(&metrics),
        pace: Arc::new(Pace::new(settings.limits.requests_per_second)),
        feed,
        closing: closing.clone(),
    };
    let wiring = Wiring {
        inbox: commands,
        ending: closing,
        publish: move |notices, now| hub.publish(notices, now),
        store: writer.sender(),
        health: writer.health(),
        clock,
        alive: auth::lives,
        pulse: sdnotify::watchdog().map(|every| Pulse {
            every,
            beat: || sdnotify::tell(State::Alive),
        }),
        metrics,
    };
    let known = {
        let shared = shared.clone();
        move |job| {
            let shared = shared.clone();
            async move { shared.hub.get(job).is_some() || (shared.lookup)(job).await.is_some() }
        }
    };
    let starter = Launcher::new(shared.engine.clone(), &settings);
    let addresses: Vec<SocketAddr> = doors.ports.iter().map(|port| port.addr).collect();
    let tls = doors.tls.clone();
    if let Some(tls) = &tls {
        tracing::info!(fingerprint = %tls.shown().fingerprint, "the certificate's fingerprint");
    }
    let may_submit = settings.remote_commands.clone();
    let tokens =
        Tokens::open(&settings.data_dir.path, may_submit).map_err(|source| Failure::Tokens {
            dir: settings.data_dir.path.clone(),
            source,
        })?;
    let tokens = Arc::new(tokens);
    let keeper = Doorkeeper::new(match settings.auth {
        Auth::None => Strangers::Anybody,
        Auth::Token => Strangers::WithToken(Arc::clone(&tokens)),
    });
    let rules = Rules {
        guard: guard(&settings, &addresses, tls.as_deref()),
        keeper,
        tokens,
    };
    let about = About {
        started_at: now.wall,
        auth: match settings.auth {
            Auth::None => "none",
            Auth::Token => "token",
        },
        listening: doors.ports.iter().map(Port::url).collect(),
        tls: tls.clone(),
        store: counted,
    };
    let (change_rules, alert_rules) = latest::channel(Arc::new(settings.alerts.clone()));
    let watched = Watched {
        shared: shared.clone(),
        health: writer.health(),
        data: settings.data_dir.path.clone(),
        rules: alert_rules,
        teller: teller.clone(),
    };
    let live = Arc::clone(&shared.hub);
    let site = Site::new(shared, writer.health(), rules, about, teller);

    let mut engine = JoinSet::new();
    engine.spawn(engine::run(board, wiring));
    let mut at_the_doors = JoinSet::new();
    for door in doors.list {
        at_the_doors.spawn(door::serve(door, Arc::clone(&site)));
    }
    let mut runners = JoinSet::new();
    runners.spawn(starter.run(launches));
    runners.spawn(sweep::run(logs, known));
    let (switch_hooks, its_hooks) = latest::channel(settings.hooks.clone());
    let (end_hooks, hooks_end) = latest::channel(false);
    let mut telling = JoinSet::new();
    telling.spawn(hooks.run(its_hooks, move |job| live.get(job), hooks_end));
    let alerts = Arc::clone(&watched.shared.alerts);
    let mut watching = JoinSet::new();
    watching.spawn(watch::run(watched, alerts));
    say_ready(&doors.served);
    sdnotify::tell(State::Ready(&doors.served));
    tracing::info!(epoch, "serving");

    // All arms are cancel-safe.
    let broken = loop {
        tokio::select! {
            heard = signals.next() => match heard {
                Heard::Reload => {
                    sdnotify::tell(State::Reloading);
                    let changed = reload::compare(&settings, read);
                    if let Some(new) = reload::apply(changed, tls.as_deref()) {
                        switch_feed.send_replace(new.feed);
                        change_rules.send_replace(Arc::new(new.alerts.clone()));
                        switch_hooks.send_replace(new.hooks.clone());
                        site.set_guard(guard(&new, &addresses, tls.as_deref()));
                        settings = new;
                    }
                    sdnotify::tell(State::Reloaded);
                }
                Heard::End(name) => {
                    tracing::info!("{name}: going down");
                    break None;
                }
            },
        Some(ended) = engine.join_next() => {
            let part = match &ended {
                Ok(Err(_)) => "store",
                Ok(Ok(())) | Err(_) => "engine",
            };
            log_panic(&ended);
            break Some(part);
        }
        Some(ended) = at_the_doors.join_next() => {
            log_panic(&ended);
            break Some("listener");
        }
        Some(ended) = telling.join_next() => {
            log_panic(&ended);
            break Some("hooks");
        }
        Some(ended) = runners.join_next() => {
            // The launcher ends in order when the engine has, which is heard of by itself, and at once where there are no commands.
            if ended.is_err() {
                log_panic(&ended);
                break Some("launcher, sweep or watch");
            }
        }
        }
    };
    drop(site);

    sdnotify::tell(State::Stopping);
    let start = Instant::now();
    // Nor is anybody alarmed by what our own end does to jobs.
    watching.shutdown().await;
    let _ = close.send(true);
    let going_down = async {
        // Clients first: what they have asked is still decided and kept.
        let goodbye = async { while at_the_doors.join_next().await.is_some() {} };
        if timeout_at(start + FAREWELL, goodbye).await.is_err() {
            tracing::warn!("some clients did not end in time");
            at_the_doors.shutdown().await;
        }
        // Runners go on without us.
        runners.shutdown().await;
        // The last handle is gone, so the engine ends when its inbox is empty, and with it the store's last sender.
        let end = start + GOING_DOWN;
        let ended = async { while engine.join_next().await.is_some() {} };
        if timeout_at(end, ended).await.is_err() {
            return Err(Failure::Slow("engine"));
        }
        if writer
            .finish(end.saturating_duration_since(Instant::now()))
            .await
        {
            // Last: what has just become of jobs is kept for the next start.
            let _ = end_hooks.send(true);
            let told = async { while telling.join_next().await.is_some() {} };
            if timeout_at(end.max(Instant::now() + HOOKS_END), told)
                .await
                .is_err()
            {
                tracing::warn!("the hooks did not end in time");
            }
            Ok(())
        } else {
            Err(Failure::Slow("store"))
        }
    };
    let ended = tokio::select! {
        ended = going_down => ended,
        name = signals.end() => {
            tracing::warn!("{name} again: ending at once");
            return Err(Failure::Slow("tidying up"));
        }
    };
    match broken {
        Some(part) => Err(Failure::Broken(part)),
        None => ended,
    }
}

/// What is listened on.
struct Doors {
    list: Vec<Door>,
    ports: Vec<Port>,
    tls: Option<Arc<Tls>>,
    /// All of it in words: `unix:PATH http://ADDR`.
    served: OsString,
    /// None where the socket is the service manager's.
    _file: Option<socket::SocketFile>,
}

impl Doors {
    fn open(settings: &Settings, mut passed: Passed) -> Result<Self, Failure> {
        let path = &settings.socket.path;
        let is_ours = passed.names().unix.is_none();
        if is_ours {
            let folder = path.parent().unwrap_or_else(|| Path::new("/"));
            let closed = if settings.socket_mode.is_open() {
                Closed::Passable
            } else {
                Closed::ToAll
            };
            folder::secure(&settings.socket, folder, closed)?;
        }
        // Ports before the socket: a port in use leaves no trace.
        let mut list = Vec::new();
        let mut ports = Vec::new();
        let tls = if settings
            .listen
            .iter()
            .any(|listen| settings.speaks_tls(*listen))
        {
            let own = certificate_names(settings);
            let data = &settings.data_dir.path;
            let tls = Tls::open(settings.certificate.as_ref(), data, own)?;
            Some(Arc::new(tls))
        } else {
            None
        };
        for listen in &settings.listen {
            let (listener, addr) = match passed.tcp(listen.addr) {
                Some(listener) => (listener?, listen.addr),
                None => socket::tcp(listen.addr)?,
            };
            let tls = tls.clone().filter(|_| settings.speaks_tls(*listen));
            ports.push(Port {
                addr,
                scheme: if tls.is_some() { "https" } else { "http" },
            });
            list.push(Door::Tcp(listener, tls));
        }
        let (unix, file) = if is_ours {
            let (listener, file) = socket::unix(path, settings.socket_mode)?;
            (vec![(listener, path.clone())], Some(file))
        } else {
            (passed.unix()?, None)
        };
        let mut served = Vec::new();
        for (listener, path) in unix {
            list.push(Door::Unix(listener));
            served.push([OsStr::new("unix:"), path.as_os_str()].join(OsStr::new("")));
        }
        served.extend(ports.iter().map(|port| OsString::from(port.url())));
        Ok(Self {
            list,
            ports,
            tls,
            served: served.join(OsStr::new(" ")),
            _file: file,
        })
    }
}

/// A port that is listened on, as it is said.
struct Port {
    addr: SocketAddr,
    scheme: &'static str,
}

impl Port {
    fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.addr)
    }
}

/// The name of this machine; empty where it has none that can be said.
fn own_name() -> String {
    let node = rustix::system::uname();
    node.nodename().to_str().unwrap_or_default().to_owned()
}

/// The names that a certificate of our own is made out to. Clients believe it by its fingerprint; these are for other programs.
fn certificate_names(settings: &Settings) -> Vec<String> {
    let mut names = vec!["localhost".to_owned()];
    let node = own_name();
    if !node.is_empty() {
        names.push(node.to_ascii_lowercase());
    }
    names.extend_from_slice(&settings.allow_host);
    let listened = settings.listen.iter().map(|listen| listen.addr.ip());
    names.extend(
        listened
            .filter(|ip| !ip.is_unspecified())
            .map(|ip| ip.to_string()),
    );
    names.sort();
    names.dedup();
    names
}

/// SIGTERM, SIGINT, and SIGHUP unless whoever started us had it ignored, as nohup does: at a terminal it ends the daemon, elsewhere the
/// settings are read once more.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Option<Signal>,
    /// Whether there is a terminal that can hang up. Looked at in the beginning: afterwards there is none.
    at_terminal: bool,
}

impl Signals {
    fn new() -> Result<Self, Failure> {
        let on = |kind| {
            signal(kind).map_err(|source| Failure::System {
                doing: "listen to signals",
                source,
            })
        };
        Ok(Self {
            terminate: on(SignalKind::terminate())?,
            interrupt: on(SignalKind::interrupt())?,
            hangup: if ignores_hangup() {
                None
            } else {
                Some(on(SignalKind::hangup())?)
            },
            at_terminal: std::fs::File::open("/dev/tty").is_ok(),
        })
    }

    /// The next one, and what it asks for.
    async fn next(&mut self) -> Heard {
        let hung_up = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => Heard::End("SIGTERM"),
            _ = self.interrupt.recv() => Heard::End("SIGINT"),
            _ = hung_up => if self.at_terminal {
                Heard::End("SIGHUP")
            } else {
                Heard::Reload
            }
        }
    }

    /// The name of the next one that is to end the daemon.
    async fn end(&mut self) -> &'static str {
        loop {
            if let Heard::End(name) = self.next().await {
                return name;
            }
        }
    }
}

/// What a signal asks for.
enum Heard {
    /// To end; its name.
    End(&'static str),
    /// To read the settings once more.
    Reload,
}

/// What requests are judged by.
fn guard(settings: &Settings, addresses: &[SocketAddr], tls: Option<&Tls>) -> Guard {
    let mut names = settings.allow_host.clone();
    if let Some(tls) = tls {
        names.extend_from_slice(&tls.shown().names);
    }
    Guard::new(addresses, &names, &settings.allow_origin)
}

/// Whether SIGHUP was ignored when we were started.
fn ignores_hangup() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| ignored(&status, 1))
}

/// Whether a process of that `/proc/PID/status` ignores that signal.
fn ignored(status: &str, signal: u32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// The one line on stdout. Whoever started us may be gone already; that is no reason not to serve.
fn say_ready(served: &OsStr) {
    let mut line = b"ready ".to_vec();
    line.extend_from_slice(served.as_bytes());
    line.push(b'\n');
    let mut stdout = std::io::stdout();
    let _ = stdout.write_all(&line).and_then(|()| stdout.flush());
}

fn log_panic<T>(ended: &Result<T, JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a task of the daemon's ended");
    }
}

/// Raises the limit of open files as far as is sensible and allowed; what cannot be raised stays.
fn more_files() {
    let now = getrlimit(Resource::Nofile);
    let (Some(current), hard) = (now.current, now.maximum.unwrap_or(FILES)) else {
        return;
    };
    let wanted = FILES.min(hard);
    if current < wanted {
        let _ = setrlimit(
            Resource::Nofile,
            Rlimit {
                current: Some(wanted),
                maximum: now.maximum,
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_signals_are_ignored() {
        for (status, hangup) in [
            ("Name:\tx\nSigIgn:\t0000000000000001\nSigCgt:\t0\n", true),
            ("SigIgn:\t0000000000001000\n", false),
            ("SigIgn:\t0000000000001007\n", true),
            ("SigBlk:\t0000000000000001\n", false),
            ("SigIgn:\tx\n", false),
            ("", false),
        ] {
            assert_eq!(ignored(status, 1), hangup, "{status:?}");
        }
    }
}
