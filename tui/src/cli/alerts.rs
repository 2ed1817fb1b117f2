//! `jobtop alerts`: what is wrong now and was lately; `--follow` says each as it comes; `ack` and `mute`.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::tz::TimeZone;
use jobtop_client::link;
use jobtop_client::rest::Rest;
use jobtop_core::alert::Alert;
use jobtop_core::proto::alerts::AlertsAnswer;
use jobtop_core::proto::message::Message;
use jobtop_core::proto::request::Subscribe;
use jobtop_core::{Timestamp, UserId};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::follow::next;
use crate::cli::print::colour::Paint;
use crate::cli::print::table::{self, Cell, Column};
use crate::cli::print::{self, words};
use crate::cli::{Color, Global, list, target, token};
use crate::clock;
use crate::exit::{Failure, Said};
use crate::view::format;

/// The command line of `alerts`.
#[derive(clap::Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Say each alert as it comes, is known, is muted and goes, a line each, until Ctrl-C
    #[arg(long)]
    follow: bool,
    /// Those that are over too
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    form: list::Form,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// Say that you know of alerts: they disturb nobody any more
    Ack(AckArgs),
    /// Have the causes of alerts disturb nobody for a while
    Mute(MuteArgs),
}

#[derive(clap::Args, Debug)]
struct AckArgs {
    /// Which: ids, or endings of ids that are unique
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
}

#[derive(clap::Args, Debug)]
struct MuteArgs {
    /// Which: ids, or endings of ids that are unique
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    /// For how long, like 30m or 2d
    #[arg(long = "for", value_name = "TIME", default_value = "1h", value_parser = token::seconds)]
    seconds: u64,
}

/// Does it.
pub(crate) async fn main(args: Args, global: &Global) -> Result<(), Failure> {
    let rest = target::rest(global)?;
    match args.command {
        None if args.follow => follow(&rest, &args.form, global.color).await,
        None => {
            let mut answer = rest.alerts().await?;
            if !args.all {
                answer.alerts.retain(Alert::is_active);
            }
            show(&answer, &args.form, global.color)
        }
        Some(Command::Ack(args)) => {
            for id in find(&rest, &args.ids).await? {
                told(&rest.acknowledge_alert(&id).await?, "acknowledged")?;
            }
            Ok(())
        }
        Some(Command::Mute(args)) => {
            for id in find(&rest, &args.ids).await? {
                let alert = rest.mute_alert(&id, args.seconds).await?;
                let time = format::duration(args.seconds * 1_000);
                told(&alert, &format!("muted for {time}"))?;
            }
            Ok(())
        }
    }
}

fn told(alert: &Alert, what: &str) -> Result<(), Failure> {
    let message = words::clean(&alert.message);
    print::answer(&format!("{}  {what}  {message}\n", words::clean(&alert.id)))
}

/// The whole ids of active alerts, of which endings may have been given.
async fn find(rest: &Rest, given: &[String]) -> Result<Vec<String>, Failure> {
    let known = rest.alerts().await?.alerts;
    let active: Vec<&str> = (known.iter())
        .filter(|alert| alert.is_active())
        .map(|alert| &*alert.id)
        .collect();
    let mut found = Vec::new();
    for ending in given {
        let fits: Vec<&&str> = active
            .iter()
            .filter(|id| id.ends_with(ending.as_str()))
            .collect();
        let shown = words::clean(ending);
        match fits.as_slice() {
            _ if active.contains(&ending.as_str()) => found.push(ending.clone()),
            [one] => found.push((**one).to_owned()),
            [] => {
                return Err(Failure::NoSuchJob(
                    Said::new(format!("No active alert is called {shown}"))
                        .hint("`jobtop alerts` shows those that there are"),
                ));
            }
            _ => {
                return Err(
                    Failure::usage(format!("{shown} is the ending of several alerts"))
                        .hint("Give more of the id"),
                );
            }
        }
    }
    Ok(found)
}

fn show(answer: &AlertsAnswer, form: &list::Form, color: Color) -> Result<(), Failure> {
    match form.shape() {
        list::Shape::Json => print::json(answer),
        list::Shape::Lines => answer.alerts.iter().try_for_each(print::json),
        list::Shape::Table if answer.alerts.is_empty() => {
            print::note("Nothing is wrong.");
            Ok(())
        }
        list::Shape::Table => {
            let now = clock::now().wall;
            let rows: Vec<_> = answer.alerts.iter().map(|alert| row(alert, now)).collect();
            let paint = Paint::of_stdout(color);
            print::answer(&table::render(&COLUMNS, &rows, print::width(), paint))
        }
    }
}

const COLUMNS: [Column; 5] = [
    table::words("SINCE"),
    table::words("STATE"),
    table::words("RULE").spared(1),
    table::shrinking("WHAT", 30),
    table::words("ID"),
];

fn row(alert: &Alert, now: Timestamp) -> Vec<Cell> {
    vec![
        format!("{} ago", format::duration(now.ms_since(alert.since))).into(),
        state(alert, now).into(),
        alert.rule.word().into(),
        words::clean(&alert.message).into(),
        words::clean(&alert.id).into(),
    ]
}

/// How an alert stands.
fn state(alert: &Alert, now: Timestamp) -> &'static str {
    match () {
        () if !alert.is_active() => "over",
        () if alert.acknowledged_by.is_some() => "known",
        () if !alert.disturbs(now) => "muted",
        () => "active",
    }
}

/// Says every alert that there is, and then each change, until somebody ends it.
async fn follow(rest: &Rest, form: &list::Form, color: Color) -> Result<(), Failure> {
    rest.ready().await?;
    let wanted = Subscribe {
        channel: "alerts".to_owned(),
        snapshot: true,
        ..Subscribe::default()
    };
    let (_link, mut events) = link::connect(rest.endpoint().clone(), vec![wanted]);
    let mut interrupts = signal(SignalKind::interrupt())
        .map_err(|error| Failure::failed(format!("Ctrl-C can't be heard: {error}")))?;
    let paint = Paint::of_stdout(color);
    let mut shown = Shown::default();
    loop {
        let message = tokio::select! {
            message = next(&mut events) => message?,
            _ = interrupts.recv() => return Err(Failure::Interrupted),
        };
        match message {
            Message::Alert { alert, .. } => {
                let now = clock::now().wall;
                if !shown.is_news(&alert) {
                    continue;
                }
                match form.shape() {
                    list::Shape::Table => {
                        print::answer(&line(&alert, state(&alert, now), now, paint))?;
                    }
                    list::Shape::Json | list::Shape::Lines => print::json(&alert)?,
                }
            }
            Message::Error(error) => return Err(Failure::failed(words::clean(&error.message))),
            _ => {}
        }
    }
}

/// What was said of the alerts that are active: who knows of each, and until when it is muted.
#[derive(Default)]
struct Shown(BTreeMap<Arc<str>, (Option<UserId>, Option<Timestamp>)>);

impl Shown {
    /// Whether it comes, goes, or is known or muted anew; that its value has changed is said to nobody.
    fn is_news(&mut self, alert: &Alert) -> bool {
        if !alert.is_active() {
            // What is over when it is first told of is past.
            return self.0.remove(&alert.id).is_some();
        }
        let state = (alert.acknowledged_by.clone(), alert.muted_until);
        let before = self.0.insert(Arc::clone(&alert.id), state.clone());
        before != Some(state)
    }
}

fn line(alert: &Alert, state: &str, now: Timestamp, paint: Paint) -> String {
    let time = format::moment(now, now, &TimeZone::system());
    let state = if state == "active" {
        paint.status(jobtop_core::Status::Failed, &format!("{state:<6}"))
    } else {
        format!("{state:<6}")
    };
    let (message, id) = (words::clean(&alert.message), words::clean(&alert.id));
    format!("{time}  {state}  {message}  ({id})\n")
}

#[cfg(test)]
mod tests {
    use jobtop_core::alert::Rule;

    use super::*;

    fn alert(n: u32) -> Alert {
        Alert {
            id: format!("alert_7_{n}").into(),
            rule: Rule::Stalled,
            subject: None,
            message: "1 job is not heard of".into(),
            suggestion: "".into(),
            since: Timestamp(0),
            ended_at: None,
            value: 1.0,
            threshold: 0.0,
            jobs: Vec::new(),
            owners: std::collections::BTreeMap::new(),
            acknowledged_by: None,
            muted_until: None,
        }
    }

    #[test]
    fn each_is_said_when_it_comes_is_known_is_muted_and_goes_among_many() {
        let mut shown = Shown::default();
        let mut round = |change: &dyn Fn(&mut Alert)| {
            let news = (0..30).filter(|n| {
                let mut alert = alert(*n);
                change(&mut alert);
                shown.is_news(&alert)
            });
            news.count()
        };
        let ann = UserId::new("ann").unwrap();
        assert_eq!(round(&|_| ()), 30, "they come");
        assert_eq!(round(&|_| ()), 0);
        assert_eq!(round(&|alert| alert.value = 2.0), 0);
        let known = |alert: &mut Alert| alert.acknowledged_by = Some(ann.clone());
        assert_eq!(round(&known), 30);
        assert_eq!(round(&known), 0);
        let muted = |alert: &mut Alert| {
            known(alert);
            alert.muted_until = Some(Timestamp(9));
        };
        assert_eq!(round(&muted), 30);
        assert_eq!(round(&muted), 0);
        let over = |alert: &mut Alert| alert.ended_at = Some(Timestamp(5));
        assert_eq!(round(&over), 30, "they go");
        assert_eq!(round(&over), 0);
        assert!(shown.0.is_empty(), "those that are over are forgotten");
    }
}
