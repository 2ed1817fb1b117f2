//! `jobtop hooks ls|test`: whom the daemon tells what becomes of jobs, and whether that works.

use std::process::ExitCode;

use jobtop_client::rest::CallError;
use jobtop_core::proto::hook::{HookTested, HookView, HooksAnswer};

use crate::cli::print::colour::Paint;
use crate::cli::print::table::{self, Cell, Column};
use crate::cli::print::{self, words};
use crate::cli::{Color, Global, list, target};
use crate::exit::Failure;

/// The command line of `hooks`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// List the daemon's hooks, and which of them fail
    Ls(list::Form),
    /// Have the daemon tell a hook a sample now, and say what came of it
    Test(TestArgs),
}

#[derive(clap::Args, Debug)]
struct TestArgs {
    /// The hook, as jobtopd.toml calls it
    #[arg(value_name = "NAME")]
    name: String,
    /// Print the daemon's answer as JSON
    #[arg(long)]
    json: bool,
}

/// Does it.
pub(crate) async fn main(args: Args, global: &Global) -> Result<ExitCode, Failure> {
    let rest = target::rest(global)?;
    match args.command {
        Command::Ls(form) => {
            show(&rest.hooks().await?, &form, global.color)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Test(args) => {
            let tested = rest.test_hook(&args.name).await.map_err(refused)?;
            if args.json {
                print::json(&tested)?;
            } else {
                print::answer(&said(&args.name, &tested))?;
            }
            Ok(if tested.ok {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            })
        }
    }
}

/// That there is no such hook is another failure than one of the hook.
fn refused(error: CallError) -> Failure {
    let is_missing = matches!(&error, CallError::Refused(problem) if problem.code == "not_found");
    match Failure::from(error) {
        Failure::Failed(said) if is_missing => {
            Failure::NoSuchJob(said.hint("`jobtop hooks ls` shows those that there are"))
        }
        other => other,
    }
}

/// What came of a test, and what the hook said, a line each.
fn said(name: &str, tested: &HookTested) -> String {
    let name = words::clean(name);
    let how = match (tested.exit_code, tested.status) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(status)) => format!("HTTP {status}"),
        (None, None) => "no answer".to_owned(),
    };
    let took = tested.milliseconds;
    let mut text = match &tested.failure {
        None => format!("{name}  told  {how}, {took} ms\n"),
        Some(why) => format!(
            "{name}  not told  {how}, {took} ms: {}\n",
            words::clean(why)
        ),
    };
    for line in tested.output.lines() {
        text.push_str("  ");
        text.push_str(&words::clean(line));
        text.push('\n');
    }
    text
}

fn show(answer: &HooksAnswer, form: &list::Form, color: Color) -> Result<(), Failure> {
    match form.shape() {
        list::Shape::Json => print::json(answer),
        list::Shape::Lines => answer.hooks.iter().try_for_each(print::json),
        list::Shape::Table => {
            let rows: Vec<_> = answer.hooks.iter().map(row).collect();
            let paint = Paint::of_stdout(color);
            print::answer(&table::render(&COLUMNS, &rows, print::width(), paint))
        }
    }
}

const COLUMNS: [Column; 6] = [
    table::words("NAME"),
    table::words("ON"),
    table::shrinking("FILTER", 10),
    table::shrinking("TO", 12),
    table::words("WAITING"),
    table::shrinking("STATE", 12),
];

fn row(hook: &HookView) -> Vec<Cell> {
    let state = match &hook.failure {
        Some(why) => format!("fails: {}", words::clean(why)),
        None if hook.dropped > 0 => format!("{} not told", hook.dropped),
        None => "well".to_owned(),
    };
    vec![
        words::clean(&hook.name).into(),
        words::clean(&hook.on.join(",")).into(),
        words::clean(&hook.filter).into(),
        words::clean(&hook.to).into(),
        hook.waiting.to_string().into(),
        state.into(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_of_a_test() {
        let tested = HookTested {
            ok: true,
            failure: None,
            exit_code: Some(0),
            status: None,
            output: "one\n\u{1b}[2J".to_owned(),
            milliseconds: 7,
        };
        assert_eq!(
            said("mail", &tested),
            "mail  told  exit code 0, 7 ms\n  one\n  \u{fffd}[2J\n"
        );
        let tested = HookTested {
            ok: false,
            failure: Some("http://h answered 500 Internal Server Error".to_owned()),
            exit_code: None,
            status: Some(500),
            output: String::new(),
            milliseconds: 7,
        };
        assert_eq!(
            said("chat", &tested),
            "chat  not told  HTTP 500, 7 ms: http://h answered 500 Internal Server Error\n"
        );
    }
}
