//! `jobtop demo`: real pipelines on real files, on a daemon of its own that is gone afterwards.
//!
//! In reading order: [`house`] (the throw-away state), [`stage`] and [`generate`] (the files), [`plan`] (who wants what), [`floor`] (all
//! of it is done), [`attend`] (one job and its pipeline), [`desk`] (what a pipeline knows of jobtop), [`pipelines`],
//! [`sink`] and [`post`] (the service that uploads go to), [`talk`], [`audit`] and [`summary`] (does it add up?).

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jobtop_client::Endpoint;
use jobtop_core::Status;
use tokio::runtime::Runtime;
use tokio::sync::{oneshot, watch};

use self::audit::Auditor;
use self::desk::Stop;
use self::floor::{Done, Floor, Hours, Made};
use self::house::House;
use self::plan::Work;
use self::sink::Sink;
use self::summary::Line;
use self::talk::{Talk, Voice};
use crate::cli::print;
use crate::cli::print::colour::Paint;
use crate::cli::{Global, mistake, screen};
use crate::exit::Failure;

mod attend;
mod audit;
mod desk;
mod floor;
mod generate;
mod house;
mod pipelines;
mod plan;
mod post;
mod sink;
mod stage;
mod summary;
mod talk;

/// How long the sink takes for an answer, at least: this is what sets the pace of the demo.
const LATENCY: Duration = Duration::from_millis(60);

/// The command line of `demo`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Work on this CSV file (it is only read) instead of generated ones
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Rows in each of the generated files (about 100 bytes a row)
    #[arg(long, value_name = "N", default_value_t = 300_000, conflicts_with = "csv", allow_negative_numbers = true,
          value_parser = mistake::whole(100..=50_000_000_u64, "a whole number, from 100 to 50000000"))]
    rows: u64,
    /// Open the screen on it; the demo ends when the screen is left
    #[arg(long)]
    screen: bool,
    /// Be the daemon in that directory of a demo's: how the demo starts its own
    #[arg(long, value_name = "DIR", hide = true)]
    house: Option<PathBuf>,
}

/// Runs the demo; the code is 0 only if every row is accounted for.
pub(crate) fn main(mut args: Args, global: &Global) -> Result<ExitCode, Failure> {
    if let Some(dir) = args.house {
        return house::keep(&dir);
    }
    if let Some(path) = args.csv.as_deref().filter(|path| !path.is_file()) {
        return Err(
            Failure::usage(format!("{} is no file that can be read", path.display()))
                .hint("Give --csv the path of a CSV file, or leave it away for generated ones"),
        );
    }
    let runtime = Runtime::new()
        .map_err(|error| Failure::failed(format!("No runtime could be made: {error}")))?;
    let paint = Paint::of_stdout(global.color);
    let (close, closing) = watch::channel(false);
    if args.screen && !screen::has_terminal() {
        print::note(
            "jobtop: there is no terminal for the screen, so here is what happens in lines",
        );
        args.screen = false;
    }
    let with_screen = args.screen;
    let (serving, served) = oneshot::channel();
    let demo = runtime.spawn(play(args, serving, closing));
    let looked = if with_screen {
        look(&runtime, served, global)
    } else {
        Ok(Looked::NotAtAll)
    };
    if !matches!(looked, Ok(Looked::NotAtAll)) {
        close.send_replace(true);
    }
    runtime.block_on(async {
        let mut demo = std::pin::pin!(joined(demo));
        let lines = tokio::select! {
            lines = &mut demo => lines,
            signal = interrupted() => {
                print::note("jobtop: ending the demo");
                close.send_replace(true);
                // What it says now is of no interest: it was cut short.
                demo.await.ok();
                return Ok(ExitCode::from(128 + signal));
            }
        };
        match looked? {
            // Nobody is left to be told anything.
            Looked::UntilSignal(signal) => Ok(ExitCode::from(128 + signal)),
            Looked::NotAtAll | Looked::UntilLeft => conclude(&lines?, paint),
        }
    })
}

/// How the screen was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Looked {
    /// It was never opened.
    NotAtAll,
    /// By a person.
    UntilLeft,
    /// By a signal.
    UntilSignal(u8),
}

/// Opens the screen as soon as there is a daemon to look at.
fn look(
    runtime: &Runtime,
    served: oneshot::Receiver<Endpoint>,
    global: &Global,
) -> Result<Looked, Failure> {
    let served = runtime.block_on(async {
        tokio::select! {
            served = served => served.map_err(|_| None),
            signal = interrupted() => Err(Some(signal)),
        }
    });
    match served {
        Ok(endpoint) => {
            let goodbye = screen::open(
                vec![(endpoint.to_string(), endpoint)],
                screen::Look::default(),
                global.color,
            )?;
            let signal = goodbye.signal.and_then(|signal| u8::try_from(signal).ok());
            Ok(signal.map_or(Looked::UntilLeft, Looked::UntilSignal))
        }
        Err(Some(signal)) => Ok(Looked::UntilSignal(signal)),
        // There is nothing to look at; the demo's own failure says why.
        Err(None) => Ok(Looked::NotAtAll),
    }
}

fn conclude(lines: &[Line], paint: Paint) -> Result<ExitCode, Failure> {
    print::answer(&summary::render(lines, print::width(), paint))?;
    Ok(if summary::all_well(lines) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn joined(
    demo: tokio::task::JoinHandle<Result<Vec<Line>, Failure>>,
) -> Result<Vec<Line>, Failure> {
    demo.await
        .unwrap_or_else(|broken| Err(Failure::failed(format!("The demo broke off: {broken}"))))
}

/// Ctrl-C, a terminal that was closed, or whoever ends programs in order: the number of the signal.
async fn interrupted() -> u8 {
    use tokio::signal::unix::{SignalKind, signal};
    let came = async |kind: SignalKind| match signal(kind) {
        Ok(mut signals) => signals.recv().await,
        // It can't be heard, so it will end us as it ends any program.
        Err(_) => std::future::pending().await,
    };
    tokio::select! {
        _ = came(SignalKind::interrupt()) => 2,
        _ = came(SignalKind::hangup()) => 1,
        _ = came(SignalKind::terminate()) => 15,
    }
}

/// The whole of it, from an empty directory to no directory.
async fn play(
    args: Args,
    serving: oneshot::Sender<Endpoint>,
    closing: watch::Receiver<bool>,
) -> Result<Vec<Line>, Failure> {
    let mut house = House::open().await?;
    let scene = Scene {
        dir: house.path("work"),
        endpoint: house.endpoint(),
        voice: if args.screen {
            Voice::Silent
        } else {
            Voice::Aloud
        },
        begun: Instant::now(),
        closing,
    };
    // If nobody waits for it, nobody wants to look.
    let _ = serving.send(house.endpoint());
    let lines = tokio::select! {
        lines = scene.play(args) => lines,
        failure = house.collapse() => Err(failure),
    };
    house.close().await;
    lines
}

/// Where the demo is played, and for whom.
struct Scene {
    dir: PathBuf,
    endpoint: Endpoint,
    voice: Voice,
    begun: Instant,
    closing: watch::Receiver<bool>,
}

impl Scene {
    async fn play(self, args: Args) -> Result<Vec<Line>, Failure> {
        let (dir, closing) = (self.dir.clone(), self.closing.clone());
        let hours = if args.screen {
            Hours::UntilClosing
        } else {
            Hours::UntilDone
        };
        let set =
            off_thread(move || stage::set(&dir, args.csv.as_deref(), args.rows, &closing)).await?;
        if self.voice == Voice::Aloud {
            print::note(&format!(
                "{}\nTo watch and control it from another terminal:\n  jobtop attach {}",
                set.said, self.endpoint
            ));
        }
        let works = plan::plan(&set.files);
        let sink = Sink::start(LATENCY).await.map_err(|error| {
            Failure::failed(format!("The demo's service can't be started: {error}"))
        })?;
        let floor = Arc::new(Floor {
            endpoint: self.endpoint,
            dir: self.dir,
            made: watch::Sender::new(vec![Made::NotYet; works.len()]),
            works,
            sink,
            closing: self.closing,
        });
        let done = floor::run(floor.clone(), hours, Talk::new(self.voice, self.begun)).await?;
        off_thread(move || Ok(add_up(&floor.works, done))).await
    }
}

/// Does what blocks on a thread where it may.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|broken| Err(Failure::failed(format!("The demo broke off: {broken}"))))
}

/// Counts everything again, job by job, in the order of the plan.
fn add_up(works: &[Work], mut done: Vec<Done>) -> Vec<Line> {
    done.sort_by_key(|done| (done.is_retry, done.work));
    let mut auditor = Auditor::default();
    done.into_iter()
        .map(|done| {
            let work = &works[done.work];
            let (tally, ended) = done.ended;
            let (status, trouble) = match ended {
                Ok(()) => (Status::Completed, done.untold),
                Err(Stop::Cancelled) => (Status::Cancelled, None),
                Err(Stop::Failed(trouble)) => {
                    let said = format!("{} ({})", trouble.message, trouble.suggestion);
                    (Status::Failed, Some(said))
                }
            };
            Line {
                name: if done.is_retry {
                    format!("{} (again)", work.name)
                } else {
                    work.name.clone()
                },
                job_type: work.task.job_type(),
                user: work.user,
                status,
                expected: work.expected,
                trouble,
                verdict: auditor.judge(&tally, &done.traces),
                tally,
                took: done.took,
            }
        })
        .collect()
}
