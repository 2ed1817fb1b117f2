//! The board, asked as the front doors ask it: what follows is looked at as the feed and the store see it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jobtop_core::access::{Identity, Role};
use jobtop_core::job::Reply;
use jobtop_core::job::control::Action;
use jobtop_core::job::progress::Report;
use jobtop_core::job::refusal::{Code, Refusal};
use jobtop_core::policy::{Limits, Times};
use jobtop_core::proto::body::{FailBody, NewJob};
use jobtop_core::{Job, JobId, JobType, Now, Status, Timestamp, UserId};
use tokio::sync::{mpsc, oneshot, watch};

use super::command::{Answer, Answered, Command, ConnId, Link, ReplyTo, ToProducer, Verb};
use super::listener::{Event, Listener};
use super::outcome::{Bond, Notice, Outcome, Process, Record, Release, StoreHealth, Write};
use super::{Board, Pulse, Settings, Wiring, archived, queues};
use crate::clock::Clock;
use crate::metrics::jobs::{Standing, Tally};

/// A board with a clock and dice of its own; keeps what was published, written and sent.
struct Desk {
    board: Board,
    now: Now,
    dice: u128,
    who: Identity,
    notices: Vec<Notice>,
    writes: Vec<Write>,
    tallies: Vec<Tally>,
    alive: fn(Process) -> bool,
}

fn identity(user: &str, role: Role) -> Identity {
    Identity {
        user: UserId::new(user).unwrap(),
        role,
        may_assume: false,
        may_submit: false,
        may_manage: false,
        origin: None,
    }
}

fn start() -> Now {
    Now {
        wall: Timestamp(1_795_489_457_000),
        mono: 100_000_000,
    }
}

impl Desk {
    fn new() -> Self {
        Self::with(Settings::default(), Vec::new())
    }

    fn with(settings: Settings, records: Vec<Record>) -> Self {
        Self {
            board: Board::load(settings, queues::Settings::default(), records, start()),
            now: start(),
            dice: 0,
            who: identity("analyst1", Role::User),
            notices: Vec::new(),
            writes: Vec::new(),
            tallies: Vec::new(),
            alive: |_| false,
        }
    }

    fn pass(&mut self, ms: u64) {
        self.now.mono += ms;
        self.now.wall = self.now.wall.plus_ms(ms as i64);
    }

    fn send(&mut self, command: Command) {
        let mut outcome = Outcome::default();
        let dice = &mut self.dice;
        let mut random = || {
            *dice += 1;
            *dice
        };
        self.board
            .decide(command, self.now, &mut random, &mut outcome);
        self.take(outcome);
    }

    fn due(&mut self) {
        let mut outcome = Outcome::default();
        self.board.due(self.now, self.alive, &mut outcome);
        self.take(outcome);
    }

    fn take(&mut self, mut outcome: Outcome) {
        self.tallies.push(std::mem::take(&mut outcome.tally));
        self.notices.extend(self.board.notices(&mut outcome));
        outcome
            .answers
            .drain(..)
            .for_each(|(reply, answered)| reply.give(answered));
        self.writes.append(&mut outcome.writes);
        outcome.releases.drain(..).for_each(Release::carry_out);
    }

    fn ask(&mut self, command: impl FnOnce(Identity, ReplyTo) -> Command) -> Answered {
        let (reply, mut answer) = oneshot::channel();
        self.send(command(self.who.clone(), ReplyTo::Once(reply)));
        answer.try_recv().expect("an answer")
    }

    fn create(&mut self, new: NewJob) -> Result<Arc<Job>, Refusal> {
        let answered = self.ask(|who, reply| Command::Create {
            who,
            new: Box::new(new),
            settled: Vec::new(),
            conn: None,
            reply,
        });
        answered.map(job_of)
    }

    fn act(&mut self, job: JobId, verb: Verb) -> Result<Arc<Job>, Refusal> {
        let answered = self.ask(|who, reply| Command::Act {
            who,
            job,
            verb,
            conn: None,
            reply,
        });
        answered.map(job_of)
    }

    fn report(&mut self, job: JobId, report: Report) -> Result<Arc<Job>, Refusal> {
        let updates = vec![(job, report)];
        let answered = self.ask(|who, reply| Command::Report {
            who,
            updates,
            conn: None,
            reply,
        });
        answered.map(job_of)
    }

    fn connect(&mut self, conn: u64) -> mpsc::Receiver<ToProducer> {
        let (control, controls) = mpsc::channel(8);
        self.send(Command::Connect {
            link: Link {
                conn: ConnId(conn),
                control,
                process: None,
            },
        });
        controls
    }

    fn produce(&mut self, conn: u64) -> JobId {
        let who = self.who.clone();
        let (reply, mut answer) = oneshot::channel();
        self.send(Command::Create {
            who,
            new: Box::new(csv()),
            settled: Vec::new(),
            conn: Some(ConnId(conn)),
            reply: ReplyTo::Once(reply),
        });
        match answer.try_recv() {
            Ok(Ok(Answer::Created(job))) => job.id(),
            other => panic!("not created: {other:?}"),
        }
    }

    fn adopt(&mut self, job: JobId, conn: u64) -> Answered {
        self.ask(|who, reply| Command::Adopt {
            who,
            job,
            conn: ConnId(conn),
            reply,
        })
    }

    fn job(&self, id: JobId) -> Arc<Job> {
        self.board.shared(id).expect("on the board")
    }
}

fn job_of(answer: Answer) -> Arc<Job> {
    match answer {
        Answer::Created(job) | Answer::Job(job) | Answer::Accepted(job, _) => job,
        other => panic!("no job: {other:?}"),
    }
}

/// What is asked of the producer next.
fn action(controls: &mut mpsc::Receiver<ToProducer>) -> Action {
    match controls.try_recv() {
        Ok(ToProducer::Control(control)) => control.action,
        other => panic!("no control: {other:?}"),
    }
}

fn csv() -> NewJob {
    NewJob::of(JobType::new("csv_processing").unwrap())
}

fn percent(progress: f64) -> Report {
    Report {
        progress: Some(progress),
        ..Report::default()
    }
}

fn code<T: std::fmt::Debug>(result: Result<T, Refusal>) -> Code {
    result.expect_err("a refusal").code
}

#[test]
fn a_job_is_shown_and_written_when_it_is_made_and_ends() {
    let mut desk = Desk::new();
    let id = desk.create(csv()).unwrap().id();
    desk.report(id, percent(33.3)).unwrap();
    desk.act(id, Verb::Complete).unwrap();
    let revisions: Vec<_> = desk
        .notices
        .iter()
        .map(|notice| match notice {
            Notice::Job { job, .. } => (job.state.revision, job.state.progress.to_string()),
            Notice::Removed { .. } => panic!("nothing was removed"),
        })
        .collect();
    assert_eq!(
        revisions,
        [
            (1, "0".to_owned()),
            (2, "33.3".to_owned()),
            (3, "100".to_owned())
        ]
    );
    assert!(matches!(&desk.writes[..], [Write::Job(_), Write::Ended(_)]));
}

#[test]
fn progress_is_written_once_a_second_and_the_newest_of_it() {
    let mut desk = Desk::new();
    let id = desk.create(csv()).unwrap().id();
    for step in 1..=50 {
        desk.report(id, percent(f64::from(step))).unwrap();
    }
    assert_eq!(desk.writes.len(), 1, "only the creation");
    desk.due();
    desk.due();
    let [_, Write::Tick(tick)] = &desk.writes[..] else {
        panic!("one tick: {:?}", desk.writes)
    };
    assert!((tick.job.state.progress - 50.0).abs() < f64::EPSILON);
}

#[test]
fn others_may_neither_report_nor_control() {
    let mut desk = Desk::new();
    let id = desk.create(csv()).unwrap().id();
    let before = desk.job(id).state.revision;
    for (user, role) in [("analyst2", Role::User), ("analyst1", Role::Viewer)] {
        desk.who = identity(user, role);
        assert_eq!(code(desk.act(id, Verb::Pause)), Code::Forbidden);
        assert_eq!(code(desk.report(id, percent(1.0))), Code::Forbidden);
        assert_eq!(code(desk.adopt(id, 1)), Code::Forbidden);
    }
    assert_eq!(desk.job(id).state.revision, before, "nothing changed");
    desk.who = identity("root", Role::Admin);
    assert!(desk.act(id, Verb::Pause).is_ok());
}

#[test]
fn of_many_updates_each_refused_one_is_handed_out() {
    let mut desk = Desk::new();
    let ended = desk.create(csv()).unwrap().id();
    desk.act(ended, Verb::Complete).unwrap();
    let good = desk.create(csv()).unwrap().id();
    let missing = JobId(7);
    let (sender, mut answers) = mpsc::channel(1);
    desk.send(Command::Report {
        who: desk.who.clone(),
        updates: vec![
            (ended, percent(1.0)),
            (good, percent(2.0)),
            (missing, percent(3.0)),
            (ended, percent(4.0)),
        ],
        conn: None,
        reply: ReplyTo::Session {
            room: sender.try_reserve_owned().unwrap(),
            request_id: None,
            job_id: None,
            others: Vec::new(),
        },
    });
    let answer = answers.try_recv().unwrap();
    assert_eq!(answer.job_id, Some(ended.to_string()));
    assert_eq!(answer.answered.unwrap_err().code, Code::JobFinished);
    let others: Vec<_> = answer.others.iter().map(|(id, r)| (*id, r.code)).collect();
    assert_eq!(
        others,
        [(missing, Code::JobNotFound), (ended, Code::JobFinished)]
    );
    assert!((desk.job(good).state.progress - 2.0).abs() < 1e-9);
}

#[test]
fn what_happens_is_tallied() {
    let mut desk = Desk::new();
    let queued = || NewJob {
        status: Some(Status::Pending),
        ..csv()
    };
    let waits = desk.create(queued()).unwrap().id();
    let cancelled = desk.create(queued()).unwrap().id();
    let running = desk.create(csv()).unwrap().id();
    desk.pass(5_000);
    desk.act(waits, Verb::Start).unwrap();
    desk.act(cancelled, Verb::Cancel).unwrap();
    let _controls = desk.connect(1);
    desk.adopt(running, 1).unwrap();
    desk.report(running, percent(1.0)).unwrap();
    desk.send(Command::Gone { conn: ConnId(1) });
    assert_eq!(
        code(desk.report(cancelled, percent(1.0))),
        Code::JobFinished
    );

    let kind = || JobType::new("csv_processing").unwrap();
    let all = |of: fn(&Tally) -> u64| desk.tallies.iter().map(of).sum::<u64>();
    assert_eq!(all(|tally| tally.created.len() as u64), 3);
    assert_eq!(all(|tally| tally.reports), 1);
    assert_eq!(all(|tally| tally.adopted), 1);
    let waited: Vec<u64> = desk.tallies.iter().flat_map(|t| t.waited.clone()).collect();
    assert_eq!(waited, [5_000], "who was cancelled has not begun");
    let ended: Vec<_> = desk.tallies.iter().flat_map(|t| t.ended.clone()).collect();
    assert_eq!(ended, [(kind(), Status::Cancelled)]);
    let standing = Standing {
        jobs: [0, 2, 0, 0, 0, 1],
        stalled: 1,
        producers: 0,
        workers: 0,
    };
    assert_eq!(desk.board.standing(), standing);

    // Nobody is left behind when jobs end, and leave.
    desk.act(running, Verb::Complete).unwrap();
    desk.act(waits, Verb::Complete).unwrap();
    assert_eq!(desk.board.standing().jobs, [0, 0, 0, 2, 0, 1]);
    desk.pass(48 * 3_600_000);
    desk.due();
    assert_eq!(desk.board.standing(), Standing::default());
}

#[test]
fn a_change_is_as_old_as_the_first_message_that_it_is_of() {
    let mut desk = Desk::new();
    let id = desk.create(csv()).unwrap().id();
    let began = Instant::now();
    let mut outcome = Outcome::default();
    for n in 0..3 {
        outcome.came = Some(began + Duration::from_millis(n));
        let (reply, _answer) = oneshot::channel();
        let report = Command::Report {
            who: desk.who.clone(),
            updates: vec![(id, percent(n as f64))],
            conn: None,
            reply: ReplyTo::Once(reply),
        };
        desk.board.decide(report, desk.now, &mut || 1, &mut outcome);
    }
    assert_eq!((outcome.tally.reports, outcome.tally.merged), (3, 2));
    let came = |notices: Vec<Notice>| match &notices[..] {
        [Notice::Job { came, .. }] => *came,
        other => panic!("{other:?}"),
    };
    assert_eq!(came(desk.board.notices(&mut outcome)), Some(began));
    // What time brings is of no message.
    let mut outcome = Outcome::default();
    desk.board.stall(id, desk.now, &mut outcome);
    assert_eq!(came(desk.board.notices(&mut outcome)), None);
}

#[test]
fn only_an_admin_creates_in_anothers_name() {
    let mut desk = Desk::new();
    let foreign = || NewJob {
        user_id: Some(UserId::new("analyst2").unwrap()),
        ..csv()
    };
    assert_eq!(code(desk.create(foreign())), Code::Forbidden);
    desk.who = identity("root", Role::Admin);
    assert_eq!(
        desk.create(foreign()).unwrap().spec.user.as_str(),
        "analyst2"
    );
    desk.who = identity("v", Role::Viewer);
    assert_eq!(code(desk.create(csv())), Code::Forbidden);
}

#[test]
fn a_key_makes_one_job() {
    let mut desk = Desk::new();
    let keyed = |name: &str| NewJob {
        idempotency_key: Some("k1".into()),
        name: Some(name.into()),
        ..csv()
    };
    let first = desk.create(keyed("a")).unwrap().id();
    assert_eq!(desk.create(keyed("a")).unwrap().id(), first);
    assert_eq!(code(desk.create(keyed("b"))), Code::IdempotencyConflict);
    desk.who = identity("analyst2", Role::User);
    assert_ne!(desk.create(keyed("a")).unwrap().id(), first);
    assert_eq!(desk.notices.len(), 2, "the repetition showed nothing");
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    let mut desk = Desk::new();
    let table: Vec<(NewJob, Code)> = vec![
        (
            NewJob {
                status: Some(Status::Completed),
                ..csv()
            },
            Code::Invalid,
        ),
        (
            NewJob {
                heartbeat_seconds: Some(-1.0),
                ..csv()
            },
            Code::Invalid,
        ),
        (
            NewJob {
                heartbeat_seconds: Some(0.0),
                ..csv()
            },
            Code::Invalid,
        ),
        (
            NewJob {
                steps: Some(Vec::new()),
                ..csv()
            },
            Code::Invalid,
        ),
        (
            NewJob {
                queue: Some("a b".into()),
                ..csv()
            },
            Code::Invalid,
        ),
        (
            NewJob {
                tags: Some(vec!["x".into(); 33]),
                ..csv()
            },
            Code::Invalid,
        ),
        (
            NewJob {
                idempotency_key: Some("".into()),
                ..csv()
            },
            Code::Invalid,
        ),
        (
            NewJob {
                command: serde_json::from_str(r#"{"argv": ["true"]}"#).unwrap(),
                ..csv()
            },
            Code::Forbidden,
        ),
        (
            NewJob {
                config: Some(serde_json::from_str(&format!("\"{}\"", "x".repeat(70_000))).unwrap()),
                ..csv()
            },
            Code::TooLarge,
        ),
    ];
    for (new, expected) in table {
        assert_eq!(code(desk.create(new.clone())), expected, "{new:?}");
    }
    assert!(desk.notices.is_empty() && desk.writes.is_empty());
}

#[test]
fn a_producer_is_told_after_the_flush_and_its_answer_counts() {
    let mut desk = Desk::new();
    let mut controls = desk.connect(1);
    let id = desk.produce(1);
    desk.act(id, Verb::Pause).unwrap();
    assert_eq!(action(&mut controls), Action::Pause);
    assert_eq!(desk.job(id).state.status, Status::Paused);
    let no = Reply {
        action: Action::Pause,
        ok: false,
        message: Some("in the middle of a batch".into()),
    };
    desk.act(id, Verb::Acknowledge(no)).unwrap();
    let job = desk.job(id);
    assert_eq!(job.state.status, Status::Running);
    assert_eq!(
        job.state.message.as_deref(),
        Some("in the middle of a batch")
    );
    assert_eq!(job.state.control, None);
}

#[test]
fn a_cancelled_job_stays_cancelled_and_asked_until_the_process_is_gone() {
    let mut desk = Desk::new();
    let mut controls = desk.connect(1);
    let id = desk.produce(1);
    desk.act(id, Verb::Cancel).unwrap();
    assert_eq!(action(&mut controls), Action::Cancel);
    assert!(desk.job(id).state.control.is_some());
    assert_eq!(code(desk.report(id, percent(50.0))), Code::JobFinished);
    assert_eq!(code(desk.act(id, Verb::Cancel)), Code::JobFinished);
    assert_eq!(code(desk.act(id, Verb::Complete)), Code::JobFinished);
    let job = desk.job(id);
    assert_eq!(job.state.status, Status::Cancelled);
    assert_eq!(job.state.control, None, "its work is over, whoever said so");
}

#[test]
fn ending_twice_alike_is_fine_and_otherwise_a_conflict() {
    let mut desk = Desk::new();
    let id = desk.create(csv()).unwrap().id();
    desk.act(id, Verb::Complete).unwrap();
    assert!(desk.act(id, Verb::Complete).is_ok());
    let body = FailBody {
        error: "no".into(),
        ..FailBody::default()
    };
    assert_eq!(code(desk.act(id, Verb::Fail(body))), Code::JobFinished);
}

#[test]
fn a_lost_connection_stalls_and_coming_back_goes_on() {
    let mut desk = Desk::new();
    let _controls = desk.connect(1);
    let id = desk.produce(1);
    desk.send(Command::Gone { conn: ConnId(1) });
    assert!(desk.job(id).state.stalled_since.is_some());
    desk.act(id, Verb::Pause).unwrap();
    let mut controls = desk.connect(2);
    desk.adopt(id, 2).unwrap();
    assert_eq!(desk.job(id).state.stalled_since, None);
    assert_eq!(action(&mut controls), Action::Pause, "asked meanwhile");
    // The old connection's end is no longer this job's affair.
    desk.send(Command::Gone { conn: ConnId(1) });
    assert_eq!(desk.job(id).state.stalled_since, None);
}

#[test]
fn who_does_not_come_back_is_lost() {
    let mut desk = Desk::new();
    let _controls = desk.connect(1);
    let id = desk.produce(1);
    desk.send(Command::Gone { conn: ConnId(1) });
    desk.pass(599_999);
    desk.due();
    assert_eq!(desk.job(id).state.status, Status::Running);
    desk.pass(1);
    desk.due();
    let job = desk.job(id);
    assert_eq!(job.state.status, Status::Failed);
    assert_eq!(&*job.state.failure.as_ref().unwrap().code, "producer_lost");
    assert_eq!(code(desk.adopt(id, 1)), Code::JobFinished);
}

#[test]
fn a_living_local_runner_is_never_lost() {
    let mut desk = Desk::new();
    let (control, _controls) = mpsc::channel(1);
    desk.send(Command::Connect {
        link: Link {
            conn: ConnId(1),
            control,
            process: Some(Process { pid: 1, started: 1 }),
        },
    });
    let id = desk.produce(1);
    desk.send(Command::Gone { conn: ConnId(1) });
    desk.alive = |_| true;
    desk.pass(6_000_000);
    desk.due();
    assert_eq!(desk.job(id).state.status, Status::Running);
    desk.alive = |_| false;
    desk.due();
    assert_eq!(desk.job(id).state.status, Status::Failed);
}

#[test]
fn an_estimate_that_has_passed_is_gone_for_who_watches_and_who_asks_alike() {
    let mut desk = Desk::new();
    let id = desk.create(csv()).unwrap().id();
    desk.pass(1_000);
    desk.report(id, percent(50.0)).unwrap();
    let told = |desk: &Desk| match desk.notices.last() {
        Some(Notice::Job { job, .. }) => (job.state.estimated_completion, job.state.revision),
        other => panic!("{other:?}"),
    };
    let (ahead, before) = told(&desk);
    assert_eq!(ahead, Some(desk.now.wall.plus_ms(1_000)));
    desk.pass(1_000);
    desk.due();
    assert_eq!(told(&desk), (ahead, before), "it is this very moment");
    desk.pass(1);
    desk.due();
    let (gone, after) = told(&desk);
    assert_eq!(gone, None);
    assert!(after > before, "it is a change like any other");
    desk.pass(1_000);
    desk.due();
    assert_eq!(told(&desk), (None, after), "and told once");
}

#[test]
fn without_connection_and_heartbeat_nothing_stalls() {
    let mut desk = Desk::new();
    let silent = desk.create(csv()).unwrap().id();
    let beating = desk
        .create(NewJob {
            heartbeat_seconds: Some(2.0),
            ..csv()
        })
        .unwrap()
        .id();
    desk.pass(6_001);
    desk.due();
    assert_eq!(desk.job(silent).state.stalled_since, None);
    assert!(desk.job(beating).state.stalled_since.is_some());
    desk.report(beating, percent(5.0)).unwrap();
    assert_eq!(desk.job(beating).state.stalled_since, None);
}

#[test]
fn retry_makes_a_pending_copy_of_what_somebody_would_do_again() {
    let mut desk = Desk::new();
    let external = desk.create(csv()).unwrap().id();
    assert_eq!(code(desk.act(external, Verb::Retry)), Code::InvalidState);
    desk.act(external, Verb::Complete).unwrap();
    assert_eq!(code(desk.act(external, Verb::Retry)), Code::NotSupported);

    let queued = NewJob {
        status: Some(Status::Pending),
        ..csv()
    };
    let queued = desk.create(queued).unwrap().id();
    desk.act(queued, Verb::Start).unwrap();
    desk.act(queued, Verb::Cancel).unwrap();
    let again = desk.act(queued, Verb::Retry).unwrap();
    assert_eq!(
        (again.state.status, again.spec.retry_of),
        (Status::Pending, Some(queued))
    );
    assert!(again.state.progress.abs() < f64::EPSILON);
}

#[test]
fn retry_goes_no_further_than_the_jobs_that_a_user_may_have() {
    let settings = Settings {
        limits: Limits {
            live_jobs: 2,
            ..Limits::default()
        },
        ..Settings::default()
    };
    let mut desk = Desk::with(settings, Vec::new());
    let queued = NewJob {
        status: Some(Status::Pending),
        ..csv()
    };
    let ended = desk.create(queued).unwrap().id();
    desk.act(ended, Verb::Cancel).unwrap();
    desk.act(ended, Verb::Retry).unwrap();
    let last = desk.act(ended, Verb::Retry).unwrap().id();
    assert_eq!(code(desk.act(ended, Verb::Retry)), Code::RateLimited);
    desk.who = identity("root", Role::Admin);
    assert_eq!(
        code(desk.act(ended, Verb::Retry)),
        Code::RateLimited,
        "it would be the owner's"
    );
    desk.act(last, Verb::Cancel).unwrap();
    assert!(desk.act(ended, Verb::Retry).is_ok());
}

#[test]
fn the_live_set_forgets_by_number_and_by_age_and_says_so() {
    let settings = Settings {
        times: Times {
            live_ended: 2,
            ..Times::default()
        },
        limits: Limits::default(),
    };
    let mut desk = Desk::with(settings, Vec::new());
    let ids: Vec<_> = (0..3)
        .map(|_| {
            let id = desk.create(csv()).unwrap().id();
            desk.pass(10);
            desk.act(id, Verb::Complete).unwrap();
            id
        })
        .collect();
    desk.notices.clear();
    desk.due();
    assert!(matches!(&desk.notices[..], [Notice::Removed { id, .. }] if *id == ids[0]));
    desk.pass(86_400_001);
    desk.due();
    assert_eq!(desk.notices.len(), 3, "all are gone");
}

#[test]
fn after_a_restart_connected_jobs_are_stalled_and_time_begins_anew() {
    let mut desk = Desk::new();
    let _controls = desk.connect(1);
    let id = desk.produce(1);
    let loose = desk.create(csv()).unwrap().id();
    let record = |id, connected| Record {
        job: desk.job(id),
        bond: Bond {
            connected,
            process: None,
            environment: None,
        },
    };
    let records = vec![record(id, true), record(loose, false)];
    let mut again = Desk::with(Settings::default(), records);
    assert!(again.job(id).state.stalled_since.is_some());
    assert_eq!(again.job(loose).state.stalled_since, None);
    again.pass(599_000);
    again.due();
    assert_eq!(again.job(id).state.status, Status::Running);
    again.pass(1_000);
    again.due();
    assert_eq!(again.job(id).state.status, Status::Failed);
}

#[test]
fn a_full_disk_and_a_full_queue_refuse_new_jobs_only() {
    let settings = Settings {
        limits: Limits {
            pending_jobs: 1,
            ..Limits::default()
        },
        times: Times::default(),
    };
    let mut desk = Desk::with(settings, Vec::new());
    let pending = || NewJob {
        status: Some(Status::Pending),
        ..csv()
    };
    let waiting = desk.create(pending()).unwrap().id();
    assert_eq!(code(desk.create(pending())), Code::RateLimited);
    desk.act(waiting, Verb::Start).unwrap();
    assert!(desk.create(pending()).is_ok(), "there is room again");
    desk.board.set_accepting(false);
    assert_eq!(code(desk.create(csv())), Code::NoRoom);
    assert!(
        desk.act(waiting, Verb::Complete).is_ok(),
        "what is under way is finished"
    );
}

#[test]
fn jobs_of_one_millisecond_sort_in_the_order_of_their_making() {
    let mut desk = Desk::new();
    // The dice fall ever lower, and then the clock is set back.
    let mut ids = Vec::new();
    for round in 0..20_u128 {
        desk.dice = 1_000 - 2 * round;
        if round == 10 {
            desk.now.wall = desk.now.wall.plus_ms(-60_000);
        }
        ids.push(desk.create(csv()).unwrap().id());
    }
    assert!(ids.is_sorted(), "{ids:?}");
    ids.dedup();
    assert_eq!(ids.len(), 20);
}

#[test]
fn a_job_of_the_archive_answers_as_it_did_while_it_was_live() {
    let mut desk = Desk::new();
    let id = desk.create(csv()).unwrap().id();
    let old = desk.act(id, Verb::Complete).unwrap();
    let verbs: [fn() -> Verb; 8] = [
        || Verb::Start,
        || Verb::Complete,
        || {
            Verb::Fail(FailBody {
                error: "late".into(),
                ..FailBody::default()
            })
        },
        || Verb::Pause,
        || Verb::Resume,
        || Verb::Cancel,
        || Verb::Priority(3),
        || {
            Verb::Acknowledge(Reply {
                action: Action::Pause,
                ok: true,
                message: None,
            })
        },
    ];
    for make in verbs {
        let verb = make();
        let said = format!("{verb:?}");
        let archived = archived::act(&desk.who, &old, &verb).map(job_of);
        let live = desk.act(id, verb);
        assert_eq!(
            archived.map(|job| job.id()),
            live.map(|job| job.id()),
            "{said}"
        );
        let stranger = archived::act(&identity("bob", Role::User), &old, &make());
        assert_eq!(stranger.unwrap_err().code, Code::Forbidden, "{said}");
    }
    let late = desk.report(id, percent(3.0)).unwrap_err();
    assert_eq!(archived::report(&desk.who, &old), late);
}

#[tokio::test]
async fn a_sign_of_life_goes_by_way_of_the_store() {
    let (inbox, commands) = mpsc::channel(1);
    let (store, mut commits) = mpsc::channel(1);
    let (_health, health) = watch::channel(StoreHealth::Good);
    let wiring = Wiring {
        inbox: commands,
        publish: |_, _| {},
        store,
        health,
        ending: watch::channel(false).1,
        clock: Clock::new(),
        alive: |_| false,
        pulse: Some(Pulse {
            every: Duration::from_millis(2),
            beat: || {},
        }),
        metrics: Arc::default(),
    };
    let engine = tokio::spawn(super::run(Desk::new().board, wiring));
    for _ in 0..3 {
        let commit = commits.recv().await.unwrap();
        assert!(commit.writes.is_empty(), "{commit:?}");
        assert!(
            matches!(commit.releases[..], [Release::Alive(_)]),
            "{commit:?}"
        );
    }
    drop(inbox);
    while commits.recv().await.is_some() {}
    engine.await.unwrap().unwrap();
}

#[derive(Debug, Default)]
struct Ear(std::sync::Mutex<Vec<String>>);

impl Listener for Ear {
    fn listens(&self) -> bool {
        true
    }

    fn hear(&self, event: Event) {
        let (word, job) = match event {
            Event::Finished(job) => ("finished", job),
            Event::Failed(job) => ("failed", job),
            Event::Stalled(job) => ("stalled", job),
        };
        let said = format!("{word} {}", job.state.status);
        self.0.lock().unwrap().push(said);
    }
}

#[test]
fn what_becomes_of_jobs_is_told_once() {
    let mut desk = Desk::new();
    let ear = Arc::new(Ear::default());
    desk.board.tell(ear.clone());
    let [done, gone, lost] = [1, 2, 3].map(|conn| {
        desk.connect(conn);
        desk.produce(conn)
    });
    desk.act(done, Verb::Complete).unwrap();
    desk.act(done, Verb::Complete).unwrap();
    desk.act(gone, Verb::Cancel).unwrap();
    desk.send(Command::Gone { conn: ConnId(3) });
    desk.pass(Times::default().lost_after_ms + 1_000);
    desk.due();
    assert_eq!(desk.job(lost).state.status, Status::Failed);
    assert_eq!(
        *ear.0.lock().unwrap(),
        [
            "finished completed",
            "finished cancelled",
            "stalled running",
            "failed failed"
        ]
    );
    // Whose connection a daemon that goes down has ended is not told of; how jobs end is.
    let [cut_off, done] = [4, 5].map(|conn| {
        desk.connect(conn);
        desk.produce(conn)
    });
    desk.board.set_ending(true);
    desk.send(Command::Gone { conn: ConnId(4) });
    desk.act(done, Verb::Complete).unwrap();
    assert!(desk.job(cut_off).state.stalled_since.is_some());
    let heard = ear.0.lock().unwrap();
    assert_eq!(heard[4..], ["finished completed"]);
}
