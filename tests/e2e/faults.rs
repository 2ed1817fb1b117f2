//! What a person at the screen has of a network that fails: the loss is said in time, keys are answered all the while, nothing is
//! asked into the void or later, and with the network's return the picture is whole again.

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use jobtop_e2e::bins;
use jobtop_e2e::daemon::{Daemon, Setup};
use jobtop_e2e::home::Home;
use jobtop_e2e::netns::{Cable, End, Traffic};
use jobtop_e2e::proxy::{Proxy, Weather};
use jobtop_e2e::pty::Pty;
use jobtop_e2e::wait;
use serde_json::json;

use crate::said::id;

/// A peer of which nothing is heard for so long is said to be gone.
const NOTICED: Duration = Duration::from_secs(12);
/// So long after the network's return the picture is whole.
const WHOLE: Duration = Duration::from_secs(1);
/// A key shows what it does within this.
const KEY: Duration = Duration::from_secs(1);
/// What a machine that does many other things may add to each.
const LOADED: Duration = Duration::from_secs(2);

/// TCP tries thrice in this time to connect (after 1 and 3 s), and then not for long.
const HANGS: Duration = Duration::from_millis(3_300);
/// A network that is away for less time than is needed to notice it.
const PAUSE: Duration = Duration::from_secs(7);

/// Where the daemon of the namespaces listens.
const NEAR: &str = "https://10.93.0.1";

/// A daemon with two jobs, and somebody who looks at it from afar.
struct Watched {
    name: &'static str,
    daemon: Daemon,
    screen: Pty,
    job: String,
    /// How far the job has come, in thousandths.
    done: u32,
    /// How many jobs there are.
    jobs: usize,
}

impl Watched {
    /// Starts the screen with those words before and behind its name, and waits for its picture.
    fn new(
        name: &'static str,
        home: &Home,
        daemon: Daemon,
        (before, behind): (&[String], &[String]),
    ) -> Self {
        let create = |name: &str| {
            let job = json!({
                "type": "x", "name": name, "capabilities": {"pause": true, "cancel": true},
            });
            id(&daemon.create(&job))
        };
        create("older");
        let job = create("watched");
        let jobtop = bins::jobtop().to_string_lossy();
        let argv: Vec<&str> = (before.iter().map(String::as_str))
            .chain([&*jobtop])
            .chain(behind.iter().map(String::as_str))
            .collect();
        let screen = Pty::start(home, (30, 140), &argv);
        let watched = Self {
            name,
            daemon,
            screen,
            job,
            done: 0,
            jobs: 2,
        };
        watched.screen.wait_for("the picture", |text| {
            is_live(text) && text.contains("older") && text.contains("watched")
        });
        watched
    }

    /// Breaks the network and lets it return: what the screen says meanwhile, and how soon it is whole again.
    fn suffers(&mut self, fault: impl FnOnce(), lift: impl FnOnce()) {
        fault();
        let noticed = self.loses();
        self.returns(noticed, lift);
    }

    /// The same in a network that says nothing: it returns when an attempt to connect has hung for long.
    fn suffers_silence(&mut self, lift: impl FnOnce()) {
        let noticed = self.loses();
        self.screen.wait_text("reconnecting to");
        lasts(HANGS);
        self.returns(noticed, lift);
    }

    /// The network is broken: that is said, and keys are answered, if with no.
    fn loses(&mut self) -> Duration {
        let noticed = self.notices(Instant::now());
        self.answers_keys();
        self.refuses();
        noticed
    }

    /// Waits until the screen says that it is not connected; how long that took.
    fn notices(&self, since: Instant) -> Duration {
        let text = self.screen.wait_for("the loss", |text| !is_live(text));
        let noticed = since.elapsed();
        assert!(
            noticed <= NOTICED + LOADED,
            "{}: noticed after {noticed:?}",
            self.name
        );
        assert!(header(&text).contains("connecting"), "{text}");
        // The picture stays, and how old it is is said.
        assert!(text.contains("watched"), "{text}");
        self.screen
            .wait_for("the age of the picture", |text| text.contains("data of "));
        noticed
    }

    /// Types some keys: each is answered as if there were a network.
    fn answers_keys(&mut self) {
        self.shows("?", "Keys of the list");
        self.press("\x1b", "no help", |text| !text.contains("Keys of the list"));
        self.shows("j", "│ older");
        self.shows("k", "│ watched");
    }

    fn shows(&mut self, keys: &str, text: &str) {
        self.press(keys, text, |screen| screen.contains(text));
    }

    fn press(&mut self, keys: &str, what: &str, fits: impl Fn(&str) -> bool) {
        let begun = Instant::now();
        self.screen.press(keys);
        self.screen.wait_for(what, fits);
        let taken = begun.elapsed();
        assert!(
            taken <= KEY + LOADED,
            "{}: {keys:?} took {taken:?}",
            self.name
        );
    }

    /// Asks for a pause, which can't be.
    fn refuses(&mut self) {
        self.shows("p", "nothing was asked");
    }

    /// What happened in the meantime is there within a second of the network's return, and nothing was done but that.
    fn returns(&mut self, noticed: Duration, lift: impl FnOnce()) {
        self.progress();
        self.daemon.create(&json!({"type": "x", "name": "missed"}));
        self.jobs += 1;
        let begun = Instant::now();
        lift();
        let whole = self.whole(begun);
        self.is_untouched();
        say(&format!(
            "{}: noticed after {noticed:.1?}, whole {whole:.2?} after the return",
            self.name
        ));
    }

    /// Waits until the picture is whole and live; how long after that moment it was.
    fn whole(&self, since: Instant) -> Duration {
        // By its count: no row moves for a second after a key.
        let jobs = format!("all {} ", self.jobs);
        self.screen.wait_for("the whole picture", |text| {
            is_live(text) && text.contains(&self.done()) && text.contains(&jobs)
        });
        let whole = since.elapsed();
        assert!(
            whole <= WHOLE + LOADED,
            "{}: whole after {whole:?}",
            self.name
        );
        whole
    }

    /// The job goes on as if nobody had asked anything of it.
    fn is_untouched(&mut self) {
        // Whatever was asked on the way here has come before this.
        self.progress();
        self.screen.wait_text(&self.done());
        let job = self.daemon.job(&self.job);
        assert!(
            job["status"] == "running" && job["control"].is_null(),
            "{}: {job}",
            self.name
        );
    }

    fn progress(&mut self) {
        self.done += 1;
        let path = format!("/api/jobs/{}/progress", self.job);
        let progress = json!({"progress": f64::from(self.done) / 10.0});
        let answer = self.daemon.post(&path, &progress);
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    /// How far the job has come, as the screen says it.
    fn done(&self) -> String {
        format!("{}.{}%", self.done / 10, self.done % 10)
    }

    /// There is one connection at the daemon, this screen's.
    fn is_alone(&self) {
        wait::until("one connection, and no more", || {
            let open = self.daemon.get("/api/status").json()["connections"].clone();
            let own = u64::from(self.daemon.endpoint() == self.daemon.unix());
            let tcp = open["tcp"].as_u64()? + own;
            (open["feeds"] == 1 && tcp <= 2).then_some(())
        });
    }
}

/// What the first line says.
fn header(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// Whether the screen says that what it shows is so.
fn is_live(text: &str) -> bool {
    header(text).contains("● connected")
}

/// Lets a fault last.
fn lasts(time: Duration) {
    let _ = wait::within(time, || None::<()>);
}

/// Says something that is seen of tests that succeed, too.
fn say(what: &str) {
    let _ = writeln!(std::io::stderr(), "{what}");
}

/// A screen on a daemon behind a proxy.
fn behind_proxy(name: &'static str, home: &Home) -> (Watched, Proxy) {
    let daemon = home.daemon(Setup::tcp());
    let proxy = Proxy::tcp(daemon.tcp());
    let target = format!("ws://{}", proxy.endpoint().host());
    let behind = ["--target".to_owned(), target];
    (Watched::new(name, home, daemon, (&[], &behind)), proxy)
}

/// The same over TLS, with a token.
fn behind_tls_proxy(name: &'static str, home: &Home) -> (Watched, Proxy) {
    let daemon = home.daemon(Setup::with_tls());
    let proxy = Proxy::tcp(daemon.tcp());
    let (before, behind) = by_tls(&daemon, &format!("wss://{}", proxy.endpoint().host()));
    (Watched::new(name, home, daemon, (&before, &behind)), proxy)
}

/// The words before and behind the name of the program for a daemon that speaks TLS.
fn by_tls(daemon: &Daemon, target: &str) -> (Vec<String>, Vec<String>) {
    let token = format!("JOBTOP_TOKEN={}", daemon.token("ann", "admin"));
    let fingerprint = daemon.fingerprint();
    let before = ["env", &token].map(str::to_owned);
    let behind = ["--target", target, "--fingerprint", &fingerprint].map(str::to_owned);
    (before.to_vec(), behind.to_vec())
}

#[test]
fn cut_five_times_it_is_back_five_times_and_nothing_is_left_of_it() {
    let home = Home::new();
    let (mut watched, proxy) = behind_proxy("cut", &home);
    for _ in 0..5 {
        let cut = || {
            proxy.refuse(true);
            proxy.cut();
        };
        watched.suffers(cut, || proxy.refuse(false));
        watched.is_alone();
    }
}

#[test]
fn half_closed_either_way_it_comes_back_by_itself() {
    let home = Home::new();
    let (mut watched, proxy) = behind_proxy("half-closed", &home);
    for half_close in [Proxy::half_close, Proxy::half_close_up] {
        let close = || {
            proxy.refuse(true);
            half_close(&proxy);
        };
        watched.suffers(close, || proxy.refuse(false));
        watched.is_alone();
    }
}

#[test]
fn late_by_300_ms_everything_works() {
    let home = Home::new();
    let (mut watched, proxy) = behind_tls_proxy("late", &home);
    // One call beside the feed is made at the beginning.
    watched.is_alone();
    let before = proxy.accepted();
    proxy.weather(Weather::Slow(Duration::from_millis(300)));
    works_though_late(&mut watched);
    assert_eq!(
        proxy.accepted(),
        before,
        "it never needed another connection"
    );
}

/// Slowly, but all of it, and never as if it were not connected.
fn works_though_late(watched: &mut Watched) {
    watched.progress();
    watched.screen.wait_text(&watched.done());
    watched.answers_keys();
    watched.screen.press("p");
    wait::until("the pause", || {
        (watched.daemon.job(&watched.job)["status"] == "paused").then_some(())
    });
    let text = watched
        .screen
        .wait_for("the pause on the screen", |text| text.contains("Ⅱ paus"));
    assert!(is_live(&text), "{text}");
    watched.is_alone();
}

#[test]
fn what_vanishes_or_trickles_is_noticed_in_time() {
    type Behind = fn(&'static str, &Home) -> (Watched, Proxy);
    let second = Duration::from_secs(1);
    let cases: [(&str, Behind, Weather); 3] = [
        ("black hole", behind_proxy, Weather::Lost),
        ("black hole, TLS", behind_tls_proxy, Weather::Lost),
        ("a byte a second", behind_proxy, Weather::Trickle(second)),
    ];
    thread::scope(|threads| {
        for (name, behind, weather) in cases {
            threads.spawn(move || {
                let home = Home::new();
                let (mut watched, proxy) = behind(name, &home);
                proxy.weather(weather);
                // Something is to be told that does not arrive, and nobody knows yet.
                watched.progress();
                watched.answers_keys();
                watched.suffers_silence(|| proxy.weather(Weather::Fair));
                watched.is_alone();
            });
        }
    });
}

/// Two machines with a cable between them, and the screen on one of them looking at the other's daemon.
fn by_cable(name: &'static str, home: &Home) -> Option<(Watched, Cable)> {
    let cable = match Cable::new() {
        Ok(cable) => cable,
        Err(why) => {
            say(&format!("skipped: this user can make no network: {why}"));
            return None;
        }
    };
    let near = cable.entry(End::Near);
    let near: Vec<&str> = near.iter().map(String::as_str).collect();
    let daemon = home.daemon(Setup::with_tls_at(NEAR).within(&near));
    let (env, behind) = by_tls(&daemon, &daemon.target());
    let before = [cable.entry(End::Far), env].concat();
    let watched = Watched::new(name, home, daemon, (&before, &behind));
    Some((watched, cable))
}

#[test]
fn a_cable_that_is_pulled_or_swallows_everything_is_noticed_in_time() {
    thread::scope(|threads| {
        for (name, end) in [
            ("the screen's network is down", End::Far),
            ("the daemon's network is down", End::Near),
        ] {
            threads.spawn(move || {
                let home = Home::new();
                let Some((mut watched, cable)) = by_cable(name, &home) else {
                    return;
                };
                watched.suffers(|| cable.switch(end, false), || cable.switch(end, true));
            });
        }
        threads.spawn(|| {
            let home = Home::new();
            let Some((mut watched, cable)) = by_cable("packets vanish", &home) else {
                return;
            };
            let (vanish, pass) = (Traffic::Vanishes, Traffic::Passes);
            if let Err(why) = cable.traffic(vanish) {
                say(&format!("skipped: no packets can be made to vanish: {why}"));
                return;
            }
            // Before the loss can be known, something may be asked. Nobody does it once the screen has said that it was lost.
            watched.screen.press("p");
            watched.screen.wait_text("pausing");
            watched.suffers_silence(|| cable.traffic(pass).expect("they pass again"));
            // With the end of the connection before, all that was still under way on it has come.
            watched.is_alone();
            watched.is_untouched();
        });
    });
}

#[test]
fn a_short_pause_of_the_network_is_over_when_it_is_over() {
    let home = Home::new();
    let Some((mut watched, cable)) = by_cable("packets vanish for 7 s", &home) else {
        return;
    };
    if let Err(why) = cable.traffic(Traffic::Vanishes) {
        say(&format!("skipped: no packets can be made to vanish: {why}"));
        return;
    }
    let begun = Instant::now();
    // There is something to be told all the while, and TCP waits longer and longer before it tells it again.
    let mut ticks = 0;
    wait::until("the end of the pause", || {
        if begun.elapsed() > Duration::from_millis(100) * ticks {
            ticks += 1;
            watched.progress();
        }
        (begun.elapsed() > PAUSE).then_some(())
    });
    watched.returns(Duration::ZERO, || {
        cable.traffic(Traffic::Passes).expect("they pass again");
    });
}

#[test]
fn a_daemon_that_is_killed_and_started_again_is_found_again() {
    let home = Home::new();
    let Some((mut watched, cable)) = by_cable("the daemon is killed", &home) else {
        return;
    };
    for _ in 0..2 {
        watched.daemon.kill();
        let noticed = watched.loses();
        watched.daemon.start_again();
        let begun = Instant::now();
        watched.screen.wait_for("the return", is_live);
        let back = begun.elapsed();
        assert!(back <= WHOLE + LOADED, "{}: {back:?}", watched.name);
        say(&format!(
            "{}: noticed after {noticed:.1?}, back {back:.2?} after its start",
            watched.name
        ));
        watched.is_untouched();
        watched.is_alone();
    }
    match cable.traffic(Traffic::Late(300)) {
        Ok(()) => works_though_late(&mut watched),
        Err(why) => say(&format!("skipped: no packets can be made late: {why}")),
    }
}
