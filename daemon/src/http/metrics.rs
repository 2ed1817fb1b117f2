//! `GET /metrics`: what the daemon counts, for Prometheus. Every series there is stands here once, and in jobtopd(8).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Response};
use jobtop_core::access::Role;
use jobtop_core::alert::Rule;
use jobtop_core::job::refusal::{Code, Refusal};
use jobtop_core::proto::body::QueueView;
use jobtop_core::proto::history::StoreAnswer;
use jobtop_core::{Status, Timestamp};

use super::App;
use super::body::Asker;
use super::problem::Refused;
use crate::engine::command::{Answer, Command};
use crate::metrics::names::OTHER;
use crate::metrics::page::{self, Page};
use crate::metrics::process::Process;
use crate::metrics::{Kind, Metrics, Return, Store};

/// How long the engine may take to say how the queues are: when it is stuck, all the rest is wanted the more.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) async fn text(
    State(app): State<App>,
    Asker(who): Asker,
) -> Result<Response<Body>, Refused> {
    if who.role == Role::User {
        return Err(Refusal::new(
            Code::Forbidden,
            "Only a viewer or an admin may see the daemon's metrics",
        )
        .into());
    }
    let shared = &app.shared;
    let scrape = Scrape {
        metrics: Arc::clone(&shared.metrics),
        counted: Arc::clone(&app.about.store),
        store: shared.past.store(&who)?,
        queues: queues(&app).await,
        waiting: shared.engine.waiting(),
        revision: shared.hub.revision(),
        feed: *shared.feed.borrow(),
        alerts: shared.alerts.by_rule(),
        started_at: app.about.started_at,
        process: Process::look(),
    };
    let text = page::write(move |page| scrape.write(page)).map_err(|fmt::Error| {
        Refusal::new(Code::Internal, "The metrics could not be written as text")
    })?;
    let mut response = Response::new(Body::from(text));
    let media_type = HeaderValue::from_static(page::MEDIA_TYPE);
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    Ok(response)
}

/// The queues, as many as are told apart and the others as one; `None` if the engine did not say in time.
async fn queues(app: &App) -> Option<BTreeMap<String, Queue>> {
    let asked = app
        .shared
        .engine
        .ask(Instant::now(), |reply| Command::Queues { reply });
    let Ok(Ok(Answer::Queues(views))) = tokio::time::timeout(PATIENCE, asked).await else {
        return None;
    };
    let mut queues = BTreeMap::new();
    for view in &views {
        let own = app.shared.metrics.is_told_apart(&view.name);
        let name = if own { &view.name } else { OTHER };
        let queue: &mut Queue = queues.entry(name.to_owned()).or_default();
        queue.add(view);
    }
    Some(queues)
}

/// A queue, or several.
#[derive(Debug, Default)]
struct Queue {
    pending: usize,
    running: usize,
    slots: u64,
    paused: u64,
    oldest: Option<Timestamp>,
}

impl Queue {
    fn add(&mut self, view: &QueueView) {
        self.pending += view.pending;
        self.running += view.running;
        self.slots += u64::from(view.slots);
        self.paused += u64::from(view.paused);
        let oldest = self.oldest.into_iter().chain(view.oldest_pending_at);
        self.oldest = oldest.min_by_key(|at| at.0);
    }
}

/// All that a page is written from.
#[derive(Debug)]
struct Scrape {
    metrics: Arc<Metrics>,
    counted: Arc<Store>,
    store: StoreAnswer,
    queues: Option<BTreeMap<String, Queue>>,
    waiting: usize,
    revision: u64,
    feed: bool,
    alerts: Vec<(Rule, u64)>,
    started_at: Timestamp,
    process: Process,
}

impl Scrape {
    fn write(&self, page: &mut Page<'_>) -> fmt::Result {
        self.jobs(page)?;
        self.queues(page)?;
        self.feed(page)?;
        self.doors(page)?;
        self.store(page)?;
        page.gauges(
            "jobtop_alerts",
            "Alerts whose cause is still there, muted and acknowledged ones among them, by rule.",
            self.alerts
                .iter()
                .map(|(rule, active)| ([("rule", rule.word())], *active)),
        )?;
        self.itself(page)
    }

    fn jobs(&self, page: &mut Page<'_>) -> fmt::Result {
        let jobs = &self.metrics.jobs;
        page.counters(
            "jobtop_jobs_created_total",
            "Jobs that were made, by type; after the first 50 types all others are told as other.",
            jobs.by_type()
                .map(|(kind, of_type)| ([("type", kind)], of_type.created())),
        )?;
        let endings = Status::ALL.into_iter().filter(|status| status.is_final());
        let endings: Vec<Status> = endings.collect();
        page.counters(
            "jobtop_jobs_ended_total",
            "Jobs that have ended, by type and by how.",
            jobs.by_type().flat_map(|(kind, of_type)| {
                endings.iter().map(move |how| {
                    let labels = [("type", kind), ("status", how.word())];
                    (labels, of_type.ended(*how))
                })
            }),
        )?;
        let standing = jobs.standing();
        page.gauges(
            "jobtop_jobs",
            "Jobs of the live set by status: all that have not ended, and those that ended lately.",
            Status::ALL
                .iter()
                .zip(standing.jobs)
                .map(|(status, count)| ([("status", status.word())], count)),
        )?;
        page.gauge(
            "jobtop_stalled_jobs",
            "Jobs that have not ended and of whose producer nothing is heard.",
            standing.stalled,
        )?;
        page.counter(
            "jobtop_progress_reports_total",
            "Progress reports that were taken, each of one job; what was refused is not among them.",
            jobs.reports(),
        )?;
        page.gauge(
            "jobtop_producers",
            "Connections that report jobs or take them.",
            standing.producers,
        )?;
        page.gauge(
            "jobtop_workers",
            "Connections that take jobs out of the queues.",
            standing.workers,
        )?;
        page.gauge(
            "jobtop_engine_waiting_commands",
            "What was asked and waits for the engine; at 1024 whoever asks more is made to wait.",
            self.waiting,
        )
    }

    fn queues(&self, page: &mut Page<'_>) -> fmt::Result {
        page.histogram(
            "jobtop_queue_wait_seconds",
            "From the making of a job that was pending to its beginning, with the wait for jobs that it comes after.",
            self.metrics.jobs.waited(),
        )?;
        page.gauge(
            "jobtop_engine_answers",
            "1 if the engine said in time how the queues are; if not, they are not on this page.",
            u64::from(self.queues.is_some()),
        )?;
        let queues = self.queues.iter().flatten();
        let each = |of: fn(&Queue) -> u64| {
            let queues = queues.clone();
            queues.map(move |(name, queue)| ([("queue", name.as_str())], of(queue)))
        };
        page.gauges(
            "jobtop_queue_pending_jobs",
            "Jobs that wait in a queue; after the first 50 queues all others are told as other.",
            each(|queue| queue.pending as u64),
        )?;
        page.gauges(
            "jobtop_queue_running_jobs",
            "Jobs that hold a slot of a queue.",
            each(|queue| queue.running as u64),
        )?;
        page.gauges(
            "jobtop_queue_slots",
            "How many jobs of a queue run at once; where nobody set it, as many commands of the daemon's own.",
            each(|queue| queue.slots),
        )?;
        page.gauges(
            "jobtop_queue_paused",
            "1 where nothing of a queue is started.",
            each(|queue| queue.paused),
        )?;
        page.gauges(
            "jobtop_queue_oldest_pending_timestamp_seconds",
            "When the oldest job that waits in a queue was made; absent where none waits.",
            queues.filter_map(|(name, queue)| {
                Some(([("queue", name.as_str())], seconds(queue.oldest?)))
            }),
        )
    }

    fn feed(&self, page: &mut Page<'_>) -> fmt::Result {
        let metrics = &self.metrics;
        page.gauges(
            "jobtop_subscriptions",
            "Subscriptions by what to: jobs is all jobs, user those of one, job a single one.",
            metrics
                .by_channel()
                .map(|(channel, count)| ([("channel", channel)], count)),
        )?;
        page.counter(
            "jobtop_updates_sent_total",
            "Updates written to viewers, each to each, without snapshots.",
            metrics.updates(),
        )?;
        page.histogram(
            "jobtop_update_latency_seconds",
            "From a message having been read, of whoever changed a job, to the update of it having been written to a viewer's \
             socket, as measured at each viewer up to 20 times a second, without snapshots. Of messages taken together the first counts.",
            metrics.latency(),
        )?;
        page.counter(
            "jobtop_updates_conflated_total",
            "Updates written to a viewer that stood for earlier ones too, which this viewer was not fast enough for.",
            metrics.conflated(),
        )?;
        page.counter(
            "jobtop_updates_merged_total",
            "Changes that a later one of the same job replaced before anybody could be shown them.",
            metrics.jobs.merged(),
        )?;
        page.counter(
            "jobtop_revisions_total",
            "Changes of jobs, merged ones too, and the jobs that the daemon found when it started.",
            self.revision,
        )?;
        page.counters(
            "jobtop_reconnects_total",
            "Clients that came back: viewers that got what they had missed (viewer) or all anew (viewer_reset), \
             and jobs that their producer went on with (producer).",
            [
                ([("kind", "viewer")], metrics.ever_returned(Return::CaughtUp)),
                ([("kind", "viewer_reset")], metrics.ever_returned(Return::Reset)),
                ([("kind", "producer")], metrics.jobs.adopted()),
            ],
        )?;
        page.gauge(
            "jobtop_feed_enabled",
            "1 if the feed is served; else clients ask again and again.",
            u64::from(self.feed),
        )
    }

    fn doors(&self, page: &mut Page<'_>) -> fmt::Result {
        let metrics = &self.metrics;
        let doors = [("unix", Kind::Unix), ("tcp", Kind::Tcp)];
        page.gauges(
            "jobtop_connections",
            "Connections by the way they came, WebSockets among them.",
            doors.map(|(word, kind)| ([("transport", word)], metrics.open(kind))),
        )?;
        page.counters(
            "jobtop_connections_opened_total",
            "Connections that were ever opened, by the way they came.",
            doors.map(|(word, kind)| ([("transport", word)], metrics.ever_opened(kind))),
        )?;
        page.gauge(
            "jobtop_websockets",
            "Connections that are WebSockets.",
            metrics.open(Kind::Feed),
        )?;
        page.counter(
            "jobtop_websockets_opened_total",
            "WebSockets that were ever opened.",
            metrics.ever_opened(Kind::Feed),
        )?;
        page.counters(
            "jobtop_connections_cut_total",
            "Connections that did not come about or were ended against their client's wish, by the reason.",
            metrics
                .by_cut()
                .map(|(why, count)| ([("reason", why)], count)),
        )?;
        page.counters(
            "jobtop_http_responses_total",
            "Answers over HTTP by the class of their status; 1xx are those that became WebSockets.",
            metrics
                .by_class()
                .map(|(class, count)| ([("class", class)], count)),
        )?;
        page.counters(
            "jobtop_requests_refused_total",
            "What was refused, over HTTP and WebSocket, by the code it was answered with.",
            metrics
                .by_code()
                .map(|(code, count)| ([("code", code)], count)),
        )
    }

    fn store(&self, page: &mut Page<'_>) -> fmt::Result {
        let (counted, store) = (&self.counted, &self.store);
        page.histogram(
            "jobtop_store_flush_seconds",
            "Making a group of changes durable: what is acknowledged has waited for it.",
            &counted.flushes.0,
        )?;
        page.counter(
            "jobtop_store_flush_failures_total",
            "Flushes that failed; what waited for them was refused or is tried again.",
            counted.failures.load(Ordering::Relaxed),
        )?;
        page.counter(
            "jobtop_store_log_written_bytes_total",
            "Bytes that were appended to the log.",
            counted.written.load(Ordering::Relaxed),
        )?;
        page.histograms(
            "jobtop_history_search_seconds",
            "Finding finished jobs (page) and figures about them (analytics), with the wait for one's turn.",
            [
                ([("kind", "page")], &counted.searches.0),
                ([("kind", "analytics")], &counted.analyses.0),
            ],
        )?;
        page.gauges(
            "jobtop_store_state",
            "1 for the state that the store is in.",
            ["good", "no_room", "degraded"]
                .map(|state| ([("state", state)], u64::from(store.state == state))),
        )?;
        page.gauge(
            "jobtop_store_records",
            "Finished jobs that are kept; an estimate until jobtop_store_indexed is 1.",
            store.records,
        )?;
        page.gauge(
            "jobtop_store_indexed",
            "1 if all of them are searched.",
            u64::from(store.indexed),
        )?;
        page.gauge(
            "jobtop_store_periods",
            "Periods of ending, each of which expires as a whole.",
            store.periods,
        )?;
        page.gauge(
            "jobtop_store_disk_bytes",
            "What the store takes on the disk, captured output apart.",
            store.disk_bytes,
        )?;
        page.gauge(
            "jobtop_store_live_bytes",
            "What of that counts; the rest goes with the next checkpoints.",
            store.live_bytes,
        )?;
        page.gauge(
            "jobtop_store_damage",
            "What was found damaged since the start.",
            store.damage.len(),
        )?;
        page.gauge_if(
            "jobtop_store_last_checkpoint_timestamp_seconds",
            "When the last checkpoint was sealed; absent until there is one.",
            store.last_compaction.map(seconds),
        )
    }

    fn itself(&self, page: &mut Page<'_>) -> fmt::Result {
        let process = &self.process;
        page.gauges(
            "jobtop_build_info",
            "1, with the daemon's version.",
            [([("version", env!("CARGO_PKG_VERSION"))], 1_u64)],
        )?;
        page.gauge(
            "process_start_time_seconds",
            "When the daemon began to serve.",
            seconds(self.started_at),
        )?;
        page.counter(
            "process_cpu_seconds_total",
            "Time of a processor that the daemon took.",
            process.cpu_seconds,
        )?;
        page.gauge(
            "process_resident_memory_bytes",
            "Memory that the daemon has.",
            process.resident_bytes,
        )?;
        page.gauge(
            "process_virtual_memory_bytes",
            "Addresses that the daemon has taken.",
            process.virtual_bytes,
        )?;
        page.gauge("process_threads", "The daemon's threads.", process.threads)?;
        page.gauge(
            "process_open_fds",
            "Files that the daemon has open, connections among them.",
            process.open_fds,
        )?;
        page.gauge_if(
            "process_max_fds",
            "How many it may have open; absent where there is no limit.",
            process.max_fds,
        )
    }
}

fn seconds(at: Timestamp) -> f64 {
    at.0 as f64 / 1_000.0
}
