//! `jobtopd`: see the library.

fn main() -> std::process::ExitCode {
    jobtopd::main(std::env::args_os().skip(1))
}
