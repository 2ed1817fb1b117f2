//! `jobtop queue ls|set|pause|resume`: how many of the jobs that wait are let go at once, and whether any are.

use std::sync::Arc;

use jobtop_core::Timestamp;
use jobtop_core::proto::body::{QueueAnswer, QueueBody, QueueView, QueuesAnswer};
use jobtop_core::queue::MAX_SLOTS;

use crate::cli::print::colour::Paint;
use crate::cli::print::table::{self, Cell, Column};
use crate::cli::print::{self, words};
use crate::cli::{Color, Global, list, target};
use crate::clock;
use crate::exit::Failure;
use crate::view::format;

/// The command line of `queue`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// List the queues: how many jobs wait and run in each, and how many may run at once
    Ls(list::Form),
    /// Change how many of a queue's jobs run at once
    Set(SetArgs),
    /// Start no more of a queue's jobs; those that run go on
    Pause(OneArgs),
    /// Start jobs of a queue again
    Resume(OneArgs),
}

#[derive(clap::Args, Debug)]
struct SetArgs {
    /// The queue
    #[arg(value_name = "QUEUE")]
    name: String,
    /// How many of its jobs run at once: 0 to 10000, or `default`
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = slots)]
    slots: Slots,
    /// Print the daemon's answer as JSON
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args, Debug)]
struct OneArgs {
    /// The queue
    #[arg(value_name = "QUEUE", default_value = "default")]
    name: String,
    /// Print the daemon's answer as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slots {
    Default,
    Number(u32),
}

fn slots(given: &str) -> Result<Slots, String> {
    match given.parse() {
        Ok(number) if number <= MAX_SLOTS => Ok(Slots::Number(number)),
        _ if given == "default" => Ok(Slots::Default),
        _ => Err(format!("a whole number, 0 to {MAX_SLOTS}, or `default`")),
    }
}

/// Does it.
pub(crate) async fn main(args: Args, global: &Global) -> Result<(), Failure> {
    let (name, body, json) = match args.command {
        Command::Ls(form) => {
            let queues = target::rest(global)?.queues().await?;
            return show(&queues, &form, global.color);
        }
        Command::Set(args) => {
            let slots = match args.slots {
                Slots::Default => None,
                Slots::Number(number) => Some(number),
            };
            let body = QueueBody {
                slots: Some(slots),
                paused: None,
            };
            (args.name, body, args.json)
        }
        Command::Pause(args) => (args.name, pausing(true), args.json),
        Command::Resume(args) => (args.name, pausing(false), args.json),
    };
    let queue = target::rest(global)?.set_queue(&name, &body).await?;
    if json {
        return print::json(&QueueAnswer { queue });
    }
    print::answer(&line(&queue))
}

fn pausing(paused: bool) -> QueueBody {
    QueueBody {
        slots: None,
        paused: Some(paused),
    }
}

fn show(queues: &QueuesAnswer, form: &list::Form, color: Color) -> Result<(), Failure> {
    match form.shape() {
        list::Shape::Json => print::json(queues),
        list::Shape::Lines => queues.queues.iter().try_for_each(print::json),
        list::Shape::Table => {
            let now = clock::now().wall;
            let rows: Vec<_> = queues.queues.iter().map(|queue| row(queue, now)).collect();
            let paint = Paint::of_stdout(color);
            print::answer(&table::render(&COLUMNS, &rows, print::width(), paint))
        }
    }
}

const COLUMNS: [Column; 6] = [
    table::shrinking("QUEUE", 16),
    table::words("STATE"),
    table::figures("SLOTS"),
    table::figures("RUNNING"),
    table::figures("WAITING"),
    table::figures("LONGEST WAIT").spared(1),
];

fn row(queue: &QueueView, now: Timestamp) -> Vec<Cell> {
    let waits = queue
        .oldest_pending_at
        .map(|at| format::duration(now.ms_since(at)));
    vec![
        words::clean(&queue.name).into(),
        state(queue).into(),
        queue.slots.to_string().into(),
        format::count(queue.running as u64).into(),
        format::count(queue.pending as u64).into(),
        waits.unwrap_or_default().into(),
    ]
}

fn state(queue: &QueueView) -> &'static str {
    if queue.paused { "paused" } else { "open" }
}

/// `default  open  2 slots  1 running  3 waiting`.
fn line(queue: &QueueView) -> String {
    let name: Arc<str> = queue.name.clone();
    let plural = if queue.slots == 1 { "" } else { "s" };
    format!(
        "{}  {}  {} slot{plural}  {} running  {} waiting\n",
        words::clean(&name),
        state(queue),
        queue.slots,
        format::count(queue.running as u64),
        format::count(queue.pending as u64),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_a_number_or_the_default() {
        for (given, expected) in [
            ("0", Some(Slots::Number(0))),
            ("10000", Some(Slots::Number(10_000))),
            ("default", Some(Slots::Default)),
            ("10001", None),
            ("-1", None),
            ("two", None),
            ("", None),
        ] {
            assert_eq!(slots(given).ok(), expected, "{given}");
        }
    }
}
