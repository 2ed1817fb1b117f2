//! The picture in README.md: the screen of the real program on the real pipelines of `jobtop demo`, read through the emulator of
//! the harness and written as SVG. Made by hand when the screen has changed: `cargo run --release -p jobtop-e2e --bin
//! jobtop-picture`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use jobtop_e2e::bins;
use jobtop_e2e::home::Home;
use jobtop_e2e::pty::Pty;
use jobtop_e2e::wait;

mod svg;

/// Draws the screen.
#[derive(Parser)]
struct Args {
    /// Where to.
    #[arg(long)]
    to: Option<PathBuf>,
    /// Columns.
    #[arg(long, default_value_t = 96)]
    columns: u16,
    /// Rows.
    #[arg(long, default_value_t = 18)]
    rows: u16,
    /// Rows in each of the demonstration's files: more take longer.
    #[arg(long, default_value = "300000")]
    size: String,
}

/// How long the demonstration may take until there is something of everything to see.
const PATIENCE: Duration = Duration::from_secs(300);

fn main() {
    let args = Args::parse();
    let to = args
        .to
        .unwrap_or_else(|| bins::workspace().join(".github/screen.svg"));
    let home = Home::new();
    let jobtop = bins::jobtop().to_string_lossy().into_owned();
    let words = [&jobtop, "demo", "--screen", "--rows", &args.size];
    let mut pty = Pty::start(&home, (args.rows, args.columns), &words);
    let seen = wait::within(PATIENCE, || {
        let screen = pty.screen();
        has_something_of_everything(&screen.contents()).then_some(screen)
    });
    pty.press("q");
    pty.left();
    let screen = seen.expect("the demonstration shows running, completed and failed jobs");
    std::fs::write(&to, svg::drawn(&screen)).expect("the picture can be written");
}

/// Three that are at work and well on their way, some that have completed, and one that has failed.
fn has_something_of_everything(text: &str) -> bool {
    let running: Vec<&str> = text.lines().filter(|line| line.starts_with('▶')).collect();
    let away = running.iter().filter(|line| line.contains('█')).count();
    let rated = running.iter().filter(|line| line.contains("/s")).count();
    let count = |sign: char| text.lines().filter(|line| line.starts_with(sign)).count();
    away >= 3 && rated >= 3 && count('✓') >= 3 && count('✗') >= 1
}
