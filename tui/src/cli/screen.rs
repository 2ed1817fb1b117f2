//! The screen: `jobtop` on the local daemon, `jobtop attach TARGET` on another. Without a terminal the table of jobs.

use std::io::IsTerminal;
use std::process::ExitCode;

use jobtop_client::Endpoint;
use jobtop_client::rest::Rest;

use crate::cli::{Color, Global, block_on, daemon, list, print, target};
use crate::config;
use crate::exit::Failure;
use crate::term;

/// The command line of `attach`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The daemon.
    #[arg(
        value_name = "TARGET",
        help = "The daemon: unix:PATH, ws://HOST:PORT or ssh://[USER@]HOST"
    )]
    target: String,
    #[command(flatten)]
    look: Look,
}

/// How the screen is shown.
#[derive(clap::Args, Debug, Clone, Copy, Default)]
pub(crate) struct Look {
    /// Draw with ASCII alone
    #[arg(long)]
    ascii: bool,
    /// Ask nothing of the daemon: keys that change jobs do nothing
    #[arg(long)]
    read_only: bool,
    /// Take the mouse: the wheel moves, a press chooses and opens
    #[arg(long)]
    mouse: bool,
}

/// The screen on the local daemon, started if none answers, or on the one that --target names.
pub(crate) fn main(look: Look, global: &Global) -> Result<ExitCode, Failure> {
    if !has_terminal() {
        let endpoint = block_on(daemon::ensure_local(global))?.endpoint();
        return block_on(list::plain(&Rest::new(endpoint), global.color));
    }
    // One that is named may come later: the screen says so and keeps trying.
    let endpoint = match target::given(global)? {
        Some(endpoint) => endpoint,
        None => block_on(daemon::ensure_local(global))?.endpoint(),
    };
    show(endpoint, look, global.color)
}

/// The screen on another daemon.
pub(crate) fn attach(args: &Args, global: &Global) -> Result<ExitCode, Failure> {
    let endpoint = target::parse(&args.target, global)?;
    if !has_terminal() {
        return block_on(list::plain(&Rest::new(endpoint), global.color));
    }
    show(endpoint, args.look, global.color)
}

/// Shows the screen, and says goodbye afterwards.
fn show(endpoint: Endpoint, look: Look, color: Color) -> Result<ExitCode, Failure> {
    if let Endpoint::Ssh(_) = endpoint {
        // While the terminal is still the person's: ssh may have to ask for something.
        block_on(async { Ok(Rest::new(endpoint.clone()).ready().await?) })?;
        jobtop_client::ssh::ask_no_more();
    }
    let goodbye = open(endpoint, look, color)?;
    if let Some(line) = goodbye.line {
        print::note(&line);
    }
    Ok(goodbye
        .signal
        .and_then(|signal| u8::try_from(128 + signal).ok())
        .map_or(ExitCode::SUCCESS, ExitCode::from))
}

/// Shows the screen until the person leaves it.
pub(crate) fn open(endpoint: Endpoint, look: Look, color: Color) -> Result<term::Goodbye, Failure> {
    let config = config::read()?;
    let options = term::Options {
        endpoint,
        color: match color {
            Color::Auto => term::When::Auto,
            Color::Always => term::When::Always,
            Color::Never => term::When::Never,
        },
        ascii: look.ascii || config.ascii,
        read_only: look.read_only,
        mouse: look.mouse || config.mouse,
        colours: config.colours,
        keys: config.keys,
    };
    term::run(&options).map_err(|error| match error {
        term::Error::Terminal(_) => {
            Failure::failed(error.to_string()).hint("`jobtop ls` prints the jobs without a screen")
        }
        term::Error::Start(_) | term::Error::Bug(_) => Failure::failed(error.to_string()),
    })
}

/// Whether there is somebody to look.
pub(crate) fn has_terminal() -> bool {
    std::io::stdout().is_terminal()
}
