//! The loop: keys, the daemon's news, signals and time go in, frames and requests come out.
//!
//! It never waits for the network: the link is a task of its own, and asking is handing over a frame. News are not even
//! looked at while a frame is due anyway: the channel fills, the socket is not read, and the daemon sends the newest state
//! of each job when there is room again.

use std::io;
use std::time::Duration;

use crossterm::event::EventStream;
use futures_util::StreamExt;
use ratatui::Terminal;
use tokio::signal::unix::SignalKind;

use super::alarm::Alarm;
use super::backend::Quiet;
use super::guard::{self, Guard};
use super::input;
use super::look;
use super::memory;
use super::network::{self, Networks};
use super::pace::{Pace, Wanted};
use super::panics::{self, Watch};
use super::signals::Signals;
use super::taskbar;
use super::{Error, Goodbye, Options};
use crate::app::hosts::{HostId, Place};
use crate::app::{App, Effect, Event, Settings, update};
use crate::{clock, view};

/// At most so much news goes into one frame: more of it waits for the next.
const NEWS_PER_FRAME: usize = 4_096;
/// How long to wait for the shell to take over after it was asked to.
const SUSPENDS_WITHIN: Duration = Duration::from_millis(300);

/// Shows the screen on the terminal until it is left.
pub(super) async fn play(options: &Options, panics: &Watch) -> Result<Goodbye, Error> {
    let endpoints = options.daemons.iter().map(|(_, endpoint)| endpoint.clone());
    let network = Networks::open(endpoints, options.poll);
    let settings = settings(options);
    let signals = Signals::new().map_err(Error::Start)?;
    let alarm = Alarm::new().map_err(Error::Start)?;
    let wraps = !settings.ascii;
    let mouse = options.mouse;
    let guard = Guard::take(mouse).map_err(Error::Terminal)?;
    let terminal = Terminal::new(Quiet::new(wraps)).map_err(Error::Terminal)?;
    let stage = Stage {
        app: App::new(settings, clock::now()),
        network,
        terminal,
        guard: Some(guard),
        keys: Some(EventStream::new()),
        signals,
        pace: Pace::default(),
        alarm,
        mouse,
        has_taskbar: taskbar::is_shown(|name| {
            std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
        }),
    };
    stage.run(panics).await
}

fn settings(options: &Options) -> Settings {
    let look = look::decide(options.color, options.ascii, |name| {
        std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
    });
    if look.color {
        // The library reads NO_COLOR too, but knows nothing of --color.
        crossterm::style::force_color_output(true);
    }
    Settings {
        places: (options.daemons.iter())
            .map(|(name, endpoint)| Place {
                name: name.clone(),
                curl: curl(endpoint),
            })
            .collect(),
        color: look.color,
        ascii: look.ascii,
        read_only: options.read_only,
        colours: options.colours,
        keys: options.keys.clone(),
        arrangement: memory::load(),
        zone: jiff::tz::TimeZone::system(),
    }
}

/// The way to the daemon as `curl` wants it.
fn curl(endpoint: &jobtop_client::Endpoint) -> String {
    match endpoint {
        jobtop_client::Endpoint::Unix(path) => {
            let path = path.to_string_lossy();
            let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@".contains(c);
            if path.chars().all(plain) {
                format!("--unix-socket {path} http://localhost")
            } else {
                let quoted = path.replace('\'', "'\\''");
                format!("--unix-socket '{quoted}' http://localhost")
            }
        }
        // There, on that machine.
        jobtop_client::Endpoint::Ssh(_) => {
            "--unix-socket $XDG_RUNTIME_DIR/jobtop/jobtopd.sock http://localhost".to_owned()
        }
        jobtop_client::Endpoint::Tcp(port) => {
            let token = match port.token {
                Some(_) => "-H \"Authorization: Bearer $JOBTOP_TOKEN\" ",
                None => "",
            };
            let scheme = if port.tls.is_some() { "https" } else { "http" };
            format!("{token}{scheme}://{}", port.authority())
        }
    }
}

struct Stage {
    app: App,
    network: Networks,
    terminal: Terminal<Quiet>,
    /// `None` while the shell has the terminal.
    guard: Option<Guard>,
    /// `None` while the shell has the terminal: it reads from it in a thread of its own.
    keys: Option<EventStream>,
    signals: Signals,
    pace: Pace,
    alarm: Alarm,
    /// Whether the mouse counts.
    mouse: bool,
    /// Whether the terminal shows progress beside its title.
    has_taskbar: bool,
}

/// What woke the loop.
enum Woken {
    Key(Option<io::Result<crossterm::event::Event>>),
    News(Option<(HostId, network::News)>),
    Signal(i32),
    Panic,
    Due(io::Result<()>),
}

impl Stage {
    async fn run(mut self, panics: &Watch) -> Result<Goodbye, Error> {
        self.draw()?;
        loop {
            let leave = match self.wait(panics).await {
                Woken::Key(Some(Ok(raw))) => self.key(raw).await?,
                // The terminal is gone: there is nobody to show anything to.
                Woken::Key(Some(Err(_)) | None) => {
                    return Ok(Goodbye {
                        line: None,
                        signal: Some(SignalKind::hangup().as_raw_value()),
                    });
                }
                Woken::Signal(number) => {
                    return Ok(Goodbye {
                        line: None,
                        signal: Some(number),
                    });
                }
                Woken::Panic => false,
                Woken::News(event) => {
                    self.news(event).await?;
                    false
                }
                Woken::Due(rung) => {
                    rung.map_err(Error::Start)?;
                    self.pace.want(Wanted::Now);
                    false
                }
            };
            if leave {
                return Ok(self.goodbye());
            }
            if !guard::is_taken() {
                // A panic has given the terminal back: whoever called says what it was.
                return Ok(Goodbye {
                    line: None,
                    signal: None,
                });
            }
            if self.pace.is_wanted() && self.pace.due_in(clock::now().mono, 0) == 0 {
                self.drain().await?;
                self.draw()?;
            }
        }
    }

    async fn wait(&mut self, panics: &Watch) -> Woken {
        let now = clock::now();
        self.app.now = now;
        let due = Duration::from_millis(self.pace.due_in(now.mono, self.app.wake_in()));
        // Until the first picture is whole, every piece is taken as it comes: it is painted when it is complete.
        let hungry = !self.pace.is_wanted() || !self.app.hosts.is_whole();
        let Self {
            keys,
            network,
            signals,
            alarm,
            ..
        } = self;
        let key = async {
            match keys {
                Some(keys) => keys.next().await,
                None => std::future::pending().await,
            }
        };
        // Every arm may be given up: streams and channels keep what was not taken.
        tokio::select! {
            biased;
            number = signals.next() => Woken::Signal(number),
            () = panics.heard() => {
                guard::restore();
                Woken::Panic
            }
            key = key => Woken::Key(key),
            rung = alarm.after(due) => Woken::Due(rung),
            event = network.next(), if hungry => Woken::News(event),
        }
    }

    /// A key, or another event of the terminal; returns whether to leave.
    async fn key(&mut self, raw: crossterm::event::Event) -> Result<bool, Error> {
        let Some(event) = input::event(raw) else {
            return Ok(false);
        };
        self.pace.want(Wanted::Now);
        panics::provoke();
        let effects = update(&mut self.app, event, clock::now());
        self.carry_out(effects).await
    }

    /// Does what the state asks for; returns whether to leave.
    async fn carry_out(&mut self, effects: Vec<Effect>) -> Result<bool, Error> {
        for effect in effects {
            match effect {
                Effect::Ask(id, verb) => {
                    let host = self.app.host_of(id);
                    if let Some(event) = self.network.at(host).ask(id, verb) {
                        update(&mut self.app, event, clock::now());
                    }
                }
                Effect::ReadLog(id) => {
                    let host = self.app.host_of(id);
                    self.network.leave_log();
                    self.network.at(host).read_log(id);
                }
                Effect::LeaveLog => self.network.leave_log(),
                Effect::Search(search) => self.network.at(self.app.focus).search(search),
                Effect::Analyse(asked) => self.network.at(self.app.focus).analyse(asked),
                Effect::AskStore(host) => self.network.at(host).ask_store(),
                Effect::KnowAlert(host, id) => self.network.at(host).know_alert(&id),
                Effect::MuteAlert(host, id) => self.network.at(host).mute_alert(&id),
                Effect::Copy(text) => {
                    let backend = self.terminal.backend_mut();
                    backend.copy(&text).map_err(Error::Terminal)?;
                }
                Effect::Notify(text) => {
                    let backend = self.terminal.backend_mut();
                    backend.notify(&text).map_err(Error::Terminal)?;
                }
                Effect::Remember => memory::save(&self.app.arrangement),
                Effect::Reconnect => self.network.retry_now(),
                Effect::Redraw => self.terminal.clear().map_err(Error::Terminal)?,
                Effect::Suspend => self.suspend().await?,
                Effect::Quit => return Ok(true),
            }
        }
        Ok(false)
    }

    async fn news(&mut self, news: Option<(HostId, network::News)>) -> Result<(), Error> {
        let Some((host, news)) = news else {
            return Ok(());
        };
        let whole = self.app.hosts.is_whole();
        if let Some(event) = self.network.at(host).translate(news) {
            let effects = update(&mut self.app, event, clock::now());
            self.pace.want(Wanted::Soon);
            if !whole && self.app.hosts.is_whole() {
                self.pace.want(Wanted::Now);
            }
            // News never ask to leave.
            self.carry_out(effects).await?;
        }
        Ok(())
    }

    /// Takes over what has come in the meantime, so that a frame shows the newest.
    async fn drain(&mut self) -> Result<(), Error> {
        for _ in 0..NEWS_PER_FRAME {
            let Some(event) = self.network.ready() else {
                break;
            };
            self.news(Some(event)).await?;
        }
        Ok(())
    }

    fn draw(&mut self) -> Result<(), Error> {
        update(&mut self.app, Event::Tick, clock::now());
        let mut shown = self.app.shown;
        self.terminal
            .draw(|frame| shown = view::draw(&self.app, frame))
            .map_err(Error::Terminal)?;
        update(&mut self.app, Event::Shown(shown), clock::now());
        self.pace.drawn(clock::now().mono);
        if self.has_taskbar {
            let progress = taskbar::of(&self.app);
            let backend = self.terminal.backend_mut();
            backend.progress(progress).map_err(Error::Terminal)?;
        }
        Ok(())
    }

    /// Gives the terminal to the shell and stops until somebody continues us.
    async fn suspend(&mut self) -> Result<(), Error> {
        self.keys = None;
        let none = taskbar::Progress::default();
        let backend = self.terminal.backend_mut();
        backend.progress(none).map_err(Error::Terminal)?;
        self.guard = None;
        // The whole group, as the terminal itself would: who started us may wait in it.
        let asked = rustix::process::kill_current_process_group(rustix::process::Signal::TSTP);
        if asked.is_ok() {
            // A shell without job control does not stop us: then we are simply back.
            let _ = tokio::time::timeout(SUSPENDS_WITHIN, self.signals.continued()).await;
        }
        self.guard = Some(Guard::take(self.mouse).map_err(Error::Terminal)?);
        self.keys = Some(EventStream::new());
        self.terminal.clear().map_err(Error::Terminal)
    }

    fn goodbye(&self) -> Goodbye {
        let line = match (self.app.hosts.up() > 0, self.app.live()) {
            (false, _) | (true, 0) => "left the screen".to_owned(),
            (true, 1) => "left the screen; 1 job goes on, jobtop shows it again".to_owned(),
            (true, live) => {
                format!("left the screen; {live} jobs go on, jobtop shows them again")
            }
        };
        Goodbye {
            line: Some(line),
            signal: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_for_curl_can_be_pasted() {
        for (target, expected) in [
            (
                "unix:/run/j.sock",
                "--unix-socket /run/j.sock http://localhost",
            ),
            ("unix:/tmp/a b", "--unix-socket '/tmp/a b' http://localhost"),
            ("ws://127.0.0.1:7411", "http://127.0.0.1:7411"),
        ] {
            assert_eq!(curl(&target.parse().unwrap()), expected);
        }
    }
}
