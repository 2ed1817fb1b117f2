//! A producer: creates jobs and reports their progress, or sends a limit what the daemon would have made of that.

use std::io::{Read, Write};

use jobtop_e2e::wire::Wire;
use jobtop_e2e::ws::Ws;
use serde_json::{Value, json};

use crate::lean::{self, Frames};
use crate::limit;
use crate::subject::Subject;

/// A connection that reports.
#[derive(Debug)]
pub(crate) struct Producer {
    wire: Wire,
    frames: Frames,
    out: Vec<u8>,
    form: Form,
    /// The ids of its jobs.
    pub(crate) jobs: Vec<String>,
}

/// What a report looks like on the wire.
#[derive(Debug)]
enum Form {
    /// `update_progress`.
    Report,
    /// A finished `job_update`, for a limit to pass on.
    Update(Sample),
}

/// A `job_update` as the daemon makes it, to be filled with other numbers: what the limits pass on, so that both sides
/// carry the same bytes.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    after_id: String,
    after_number: String,
}

const BEFORE_ID: &str = "{\"type\":\"job_update\",\"jobId\":\"";
const NUMBER: &str = "\"processedItems\":";

impl Sample {
    /// Has a daemon make one.
    pub(crate) fn take() -> Self {
        let subject = Subject::daemon();
        let mut producer = Producer::new(&subject, None, 1);
        let (wire, rest) =
            lean::upgrade(subject.endpoint(), "/progress").expect("the daemon takes a viewer");
        let mut viewer = Producer {
            wire,
            frames: Frames::new(rest),
            out: Vec::new(),
            form: Form::Report,
            jobs: Vec::new(),
        };
        viewer.say(&json!({"type": "subscribe", "channel": "jobs"}));
        viewer.read_until("subscribed");
        producer.report(&[(0, 123_456)]);
        producer.flush();
        let text = viewer.read_until("job_update");
        let (_, rest) = text.split_once(BEFORE_ID).expect("jobId comes first");
        let rest = &rest[rest.find('"').expect("it ends")..];
        let (after_id, rest) = rest.split_once(NUMBER).expect("metrics are whole");
        let end = rest.find([',', '}']).expect("the number ends");
        Self {
            after_id: after_id.to_owned(),
            after_number: rest[end..].to_owned(),
        }
    }

    fn fill(&self, id: &str, number: u64) -> String {
        format!(
            "{BEFORE_ID}{id}{}{NUMBER}{number}{}",
            self.after_id, self.after_number
        )
    }
}

impl Producer {
    /// Connects and creates its jobs. A limit needs the sample of what it is to pass on.
    pub(crate) fn new(subject: &Subject, sample: Option<&Sample>, jobs: usize) -> Self {
        let path = if subject.is_limit() {
            limit::PRODUCER
        } else {
            "/progress"
        };
        let (wire, rest) =
            lean::upgrade(subject.endpoint(), path).expect("the server takes a producer");
        let form = sample
            .filter(|_| subject.is_limit())
            .map_or(Form::Report, |sample| Form::Update(sample.clone()));
        let mut producer = Self {
            wire,
            frames: Frames::new(rest),
            out: Vec::new(),
            form,
            jobs: Vec::new(),
        };
        for number in 0..jobs {
            let id = if subject.is_limit() {
                format!("job_{number:026}")
            } else {
                producer.create(number)
            };
            producer.jobs.push(id);
        }
        producer
    }

    fn create(&mut self, number: usize) -> String {
        self.say(&json!({
            "type": "create_job", "requestId": 1, "jobType": "csv_processing", "name": format!("load {number}"),
            "totalItems": 1_000_000_000_u64,
        }));
        let answer: Value =
            serde_json::from_str(&self.read_until("ok")).expect("the daemon speaks JSON");
        answer["job"]["id"]
            .as_str()
            .expect("a created job has an id")
            .to_owned()
    }

    /// Queues reports of (job, number), in one frame if there are several.
    pub(crate) fn report(&mut self, reports: &[(usize, u64)]) {
        match &self.form {
            Form::Update(sample) => {
                for (job, number) in reports {
                    lean::frame(&sample.fill(&self.jobs[*job], *number), &mut self.out);
                }
            }
            Form::Report => {
                let one = |(job, number): &(usize, u64)| {
                    let id = &self.jobs[*job];
                    let progress = (*number % 1000) as f64 / 10.0;
                    format!(
                        "\"jobId\":\"{id}\",\"progress\":{progress},\"metrics\":{{{NUMBER}{number}}}"
                    )
                };
                let text = if let [report] = reports {
                    format!("{{\"type\":\"update_progress\",{}}}", one(report))
                } else {
                    let all: Vec<String> = reports
                        .iter()
                        .map(|report| format!("{{{}}}", one(report)))
                        .collect();
                    format!(
                        "{{\"type\":\"update_progress\",\"updates\":[{}]}}",
                        all.join(",")
                    )
                };
                lean::frame(&text, &mut self.out);
            }
        }
    }

    /// Sends what is queued.
    pub(crate) fn flush(&mut self) {
        self.wire
            .write_all(&self.out)
            .expect("the server takes reports");
        self.out.clear();
    }

    /// What is queued, to be sent many times.
    pub(crate) fn take_queued(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Sends bytes made before.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.wire
            .write_all(bytes)
            .expect("the server takes reports");
    }

    /// Waits until all that was sent has been taken in.
    pub(crate) fn settle(&mut self) {
        self.say(&json!({"type": "ping"}));
        self.read_until("pong");
    }

    fn say(&mut self, message: &Value) {
        lean::frame(&message.to_string(), &mut self.out);
        self.flush();
    }

    /// Reads up to the next message of that type; an error message is the end of the measurement.
    fn read_until(&mut self, kind: &str) -> String {
        let wanted = format!("{{\"type\":\"{kind}\"");
        let mut buf = [0_u8; 16 * 1024];
        loop {
            while let Some(payload) = self.frames.next() {
                assert!(
                    !payload.starts_with(b"{\"type\":\"error\""),
                    "the daemon refused: {}",
                    String::from_utf8_lossy(payload)
                );
                if payload.starts_with(wanted.as_bytes()) {
                    return String::from_utf8_lossy(payload).into_owned();
                }
            }
            let n = self.wire.read(&mut buf).expect("the server answers");
            assert!(n > 0, "the server ended the connection before {kind}");
            self.frames.push(&buf[..n]);
        }
    }
}

/// Creates a finished job, for screens that are to have something to show and nothing to do.
pub(crate) fn finished_job(subject: &Subject, name: &str) {
    let mut ws = Ws::connect(subject.endpoint());
    ws.welcome();
    let made = ws.ok(json!({"type": "create_job", "jobType": "csv_processing", "name": name}));
    ws.ok(json!({"type": "complete_job", "jobId": made["job"]["id"]}));
}
