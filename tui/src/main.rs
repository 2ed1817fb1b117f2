//! jobtop: the screen, and every command that people type.

mod app;
mod cli;
mod clock;
mod config;
mod exit;
mod keymap;
mod term;
mod view;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
