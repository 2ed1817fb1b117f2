//! The screen: `jobtop` on the local daemon, `jobtop attach TARGET…` on others. Without a terminal the table of jobs.

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
    /// The daemons.
    #[arg(
        value_name = "TARGET",
        required = true,
        help = "The daemons, or groups of config.toml: a name of config.toml, unix:PATH, ssh://[USER@]HOST, wss://HOST[:PORT] or ws://HOST[:PORT]"
    )]
    targets: Vec<String>,
    #[command(flatten)]
    look: Look,
}

/// How the screen is shown.
#[derive(clap::Args, Debug, Clone, Copy, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
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
    /// Ask the daemon every second instead of taking its feed
    #[arg(long)]
    poll: bool,
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
    show(vec![(endpoint.to_string(), endpoint)], look, global.color)
}

/// The screen on other daemons.
pub(crate) fn attach(args: &Args, global: &Global) -> Result<ExitCode, Failure> {
    let mut targets = Vec::new();
    for target in &args.targets {
        for member in target::members(target)? {
            if !targets.contains(&member) {
                targets.push(member);
            }
        }
    }
    let alone = if targets.len() == 1 {
        target::Alone::Yes
    } else {
        target::Alone::No
    };
    let mut daemons: Vec<(String, Endpoint)> = Vec::new();
    for target in &targets {
        let endpoint = target::parse(target, global, alone)?;
        let name = match (alone, config::is_target_name(target)) {
            (target::Alone::Yes, _) => endpoint.to_string(),
            (target::Alone::No, true) => target.clone(),
            (target::Alone::No, false) => short(&endpoint),
        };
        // Two of one name are told apart by their addresses.
        let name = if daemons.iter().any(|(other, _)| *other == name) {
            endpoint.to_string()
        } else {
            name
        };
        daemons.push((name, endpoint));
    }
    if has_terminal() {
        return show(daemons, args.look, global.color);
    }
    let (last, others) = daemons.split_last().ok_or(Failure::Interrupted)?;
    for (name, endpoint) in others {
        print::note(&format!("jobtop: {name}"));
        block_on(list::plain(&Rest::new(endpoint.clone()), global.color))?;
    }
    if !others.is_empty() {
        print::note(&format!("jobtop: {}", last.0));
    }
    block_on(list::plain(&Rest::new(last.1.clone()), global.color))
}

/// What a daemon is called among others that has no name in the configuration: its machine.
fn short(endpoint: &Endpoint) -> String {
    match endpoint {
        Endpoint::Unix(_) => "local".to_owned(),
        Endpoint::Tcp(port) => port.host.clone(),
        Endpoint::Ssh(login) => login.host.clone(),
    }
}

/// Shows the screen, and says goodbye afterwards.
fn show(daemons: Vec<(String, Endpoint)>, look: Look, color: Color) -> Result<ExitCode, Failure> {
    let mut by_ssh = daemons
        .iter()
        .filter(|(_, endpoint)| matches!(endpoint, Endpoint::Ssh(_)))
        .peekable();
    if by_ssh.peek().is_some() {
        // While the terminal is still the person's: ssh may have to ask for something.
        for (name, endpoint) in by_ssh {
            let asked = block_on(async { Ok(Rest::new(endpoint.clone()).ready().await?) });
            match asked {
                Ok(()) => {}
                Err(failure) if daemons.len() == 1 => return Err(failure),
                // One that is down costs its own rows, not the screen.
                Err(failure) => print::note(&format!("jobtop: {name}: {failure}")),
            }
        }
        jobtop_client::ssh::ask_no_more();
    }
    let goodbye = open(daemons, look, color)?;
    if let Some(line) = goodbye.line {
        print::note(&line);
    }
    Ok(goodbye
        .signal
        .and_then(|signal| u8::try_from(128 + signal).ok())
        .map_or(ExitCode::SUCCESS, ExitCode::from))
}

/// Shows the screen until the person leaves it.
pub(crate) fn open(
    daemons: Vec<(String, Endpoint)>,
    look: Look,
    color: Color,
) -> Result<term::Goodbye, Failure> {
    let config = config::read()?;
    let options = term::Options {
        daemons,
        poll: look.poll,
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
