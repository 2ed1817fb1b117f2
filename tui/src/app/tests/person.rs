//! Somebody at the keyboard, and a daemon that says what a test wants.

use jobtop_core::job::control::Request;
use jobtop_core::proto::message::{Message, SnapshotEnd, Subscribed};
use jobtop_core::proto::view::{Patch, View};
use jobtop_core::{JobId, Now, Timestamp};

use crate::app::act::{self, Verb};
use crate::app::hosts::{HostId, Place};
use crate::app::link::State;
use crate::app::{Answer, App, Effect, Event, Settings, update};
use crate::keymap::{Chord, Key};

/// 2026-11-24 12:00:00 UTC, in milliseconds.
const NOON: i64 = 1_795_521_600_000;

/// So many seconds after noon.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp(NOON + seconds * 1_000)
}

/// A running job, made `n` minutes before noon.
pub(crate) fn job(n: u32) -> View {
    let created = at(-60 * i64::from(n));
    let id = JobId::new(created, u128::from(n));
    let text = format!(
        r#"{{"id":"{id}","type":"csv_processing","name":"orders-{n}.csv","status":"running","progress":41.7,
        "priority":0,"userId":"analyst1","queue":"default","tags":["nightly"],"config":{{}},"host":"etl1",
        "retryOf":null,"createdAt":"{created}","updatedAt":"{created}","finishedAt":null,
        "steps":["Validating file","Processing headers","Processing data","Validating results","Completing"],
        "currentStep":2,"message":"part 7 of 12","progressSource":"file offset",
        "metrics":{{"totalItems":120000,"processedItems":50040,"errorCount":3,"totalBytes":88000000,
        "processedBytes":36700000,"startTime":"{created}","estimatedCompletion":"{eta}",
        "estimatedCompletionLow":null,"estimatedCompletionHigh":null,"activeSeconds":12.4,"pausedSeconds":0.0,
        "itemsPerSecond":4035.4,"errorRate":0.00006}},
        "health":"excellent","capabilities":{{"pause":true,"cancel":true,"retry":false}},"control":null,
        "stalledSince":null,"error":null,"errorDetail":null,"revision":{n}}}"#,
        eta = at(200),
    );
    serde_json::from_str(&text).expect("the sample job is well-formed")
}

/// A control that the producer has not acknowledged.
pub(crate) fn asked_for(action: &str) -> Request {
    let text = format!(r#"{{"action":"{action}","requestedAt":"{}"}}"#, at(-3));
    serde_json::from_str(&text).expect("a control is well-formed")
}

/// The mutable part of a job.
fn patch(job: &View) -> Patch {
    let text = serde_json::to_string(job).expect("a job is JSON");
    serde_json::from_str(&text).expect("a whole job has all of a patch")
}

/// A screen with somebody before it.
pub(crate) struct Person {
    pub(crate) app: App,
    now: Now,
    /// The daemon that speaks.
    pub(crate) host: HostId,
}

impl Person {
    /// At noon, before a daemon with these jobs.
    pub(crate) fn with(jobs: impl IntoIterator<Item = View>) -> Self {
        let mut person = Self::alone();
        person.link(State::Connected);
        person.snapshot(jobs);
        person.tick();
        // Whatever was pressed is long ago.
        person.wait(5_000);
        person.now.wall = at(0);
        person.tick();
        person
    }

    /// Before the first connection.
    pub(crate) fn alone() -> Self {
        Self::before(&[Place {
            name: "unix:/run/user/1000/jobtop/jobtopd.sock".to_owned(),
            curl: "--unix-socket /run/user/1000/jobtop/jobtopd.sock http://localhost".to_owned(),
        }])
    }

    /// Before the first connection to several daemons of those names.
    pub(crate) fn before_several(names: &[&str]) -> Self {
        let place = |name: &&str| Place {
            name: (*name).to_owned(),
            curl: format!("http://{name}:7411"),
        };
        Self::before(&names.iter().map(place).collect::<Vec<_>>())
    }

    fn before(places: &[Place]) -> Self {
        let now = Now {
            wall: at(0),
            mono: 100_000,
        };
        let settings = Settings {
            places: places.to_vec(),
            color: true,
            ascii: false,
            read_only: false,
            colours: crate::app::Colours::default(),
            keys: crate::keymap::Keymap::default(),
            arrangement: crate::app::arrange::Arrangement::default(),
            zone: jiff::tz::TimeZone::UTC,
        };
        let mut app = App::new(settings, now);
        app.shown.rows = 10;
        Self { app, now, host: 0 }
    }

    /// Presses keys, named as the help names them, one after the other.
    pub(crate) fn press(&mut self, keys: &str) -> Vec<Effect> {
        keys.split(' ')
            .flat_map(|name| self.happen(Event::Key(chord(name))))
            .collect()
    }

    /// Types text.
    pub(crate) fn write(&mut self, text: &str) {
        for c in text.chars() {
            self.happen(Event::Key(Chord::char(c)));
        }
    }

    /// Lets time pass.
    pub(crate) fn wait(&mut self, ms: u64) {
        self.now.mono += ms;
        self.now.wall = self.now.wall.plus_ms(ms.cast_signed());
    }

    /// A frame is drawn.
    pub(crate) fn tick(&mut self) {
        self.happen(Event::Tick);
    }

    pub(crate) fn happen(&mut self, event: Event) -> Vec<Effect> {
        update(&mut self.app, event, self.now)
    }

    pub(crate) fn link(&mut self, state: State) {
        let host = self.host;
        self.happen(Event::Link(host, state));
    }

    /// The connection broke; the next attempt is so many milliseconds away.
    pub(crate) fn cut(&mut self, retry_ms: u64) {
        let retry_at = self.now.mono + retry_ms;
        self.link(State::Waiting {
            reason: "connection refused".to_owned(),
            retry_at,
        });
    }

    /// A whole snapshot, as after the first subscription.
    pub(crate) fn snapshot(&mut self, jobs: impl IntoIterator<Item = View>) {
        self.subscribed(7, true);
        for job in jobs {
            self.see(job);
        }
        self.snapshot_end(7);
    }

    pub(crate) fn subscribed(&mut self, epoch: u64, reset: bool) {
        self.subscribed_at(epoch, reset, None);
    }

    /// The same by a daemon whose clock says so.
    pub(crate) fn subscribed_at(&mut self, epoch: u64, reset: bool, timestamp: Option<Timestamp>) {
        self.say(Message::Subscribed(Subscribed {
            channel: "jobs".to_owned(),
            revision: 0,
            epoch,
            reset,
            timestamp,
        }));
    }

    pub(crate) fn snapshot_end(&mut self, epoch: u64) -> Vec<Effect> {
        self.say(Message::SnapshotEnd(SnapshotEnd {
            channel: "jobs".to_owned(),
            revision: 0,
            epoch,
        }))
    }

    /// One job of a snapshot, or a new one.
    pub(crate) fn see(&mut self, job: View) -> Vec<Effect> {
        self.say(Message::JobSnapshot {
            channel: "jobs".to_owned(),
            job: Box::new(job),
        })
    }

    /// A job changes.
    pub(crate) fn change(
        &mut self,
        id: JobId,
        revision: u64,
        change: impl FnOnce(&mut Patch),
    ) -> Vec<Effect> {
        let mut patch = patch(self.app.hosts.get(id).expect("the job is there"));
        patch.control = None;
        patch.revision = revision;
        change(&mut patch);
        self.say(Message::JobUpdate {
            channel: "jobs".to_owned(),
            job_id: id,
            patch: Box::new(patch),
        })
    }

    /// A job leaves the live set.
    pub(crate) fn remove(&mut self, id: JobId, revision: u64) {
        self.say(Message::JobRemoved {
            channel: "jobs".to_owned(),
            job_id: id,
            revision,
        });
    }

    pub(crate) fn answered(&mut self, id: JobId, verb: Verb, result: Result<Option<u64>, String>) {
        self.happen(Event::Answer(Answer { id, verb, result }));
    }

    fn say(&mut self, message: Message) -> Vec<Effect> {
        let host = self.host;
        self.happen(Event::Message(host, message))
    }

    /// What the notice says.
    pub(crate) fn toast(&self) -> &str {
        self.app.toast.as_ref().map_or("", |toast| &toast.text)
    }

    /// What is being done to the chosen job.
    pub(crate) fn doing(&self) -> Option<&'static str> {
        self.app.chosen().and_then(|job| act::doing(&self.app, job))
    }

    /// The names in the list, in order; the chosen one in brackets.
    pub(crate) fn names(&self) -> Vec<String> {
        let order = self.app.rows.order();
        let name = |id: &JobId| {
            let name = &self.app.hosts.get(*id).expect("listed jobs are there").name;
            let short = name.trim_start_matches("orders-").trim_end_matches(".csv");
            if self.app.rows.cursor() == Some(*id) {
                format!("[{short}]")
            } else {
                short.to_owned()
            }
        };
        order.iter().map(name).collect()
    }
}

fn chord(name: &str) -> Chord {
    if let Some(c) = name.strip_prefix("Ctrl-") {
        let c = c.chars().next().expect("a character after Ctrl-");
        return Chord::ctrl(c.to_ascii_lowercase());
    }
    let key = match name {
        "Enter" => Key::Enter,
        "Esc" => Key::Esc,
        "Space" => Key::Char(' '),
        "Tab" => Key::Tab,
        "Up" => Key::Up,
        "Down" => Key::Down,
        "Left" => Key::Left,
        "Right" => Key::Right,
        "Home" => Key::Home,
        "End" => Key::End,
        "PgUp" => Key::PageUp,
        "PgDn" => Key::PageDown,
        "Backspace" => Key::Backspace,
        one => Key::Char(one.chars().next().expect("a key has a name")),
    };
    Chord::plain(key)
}
