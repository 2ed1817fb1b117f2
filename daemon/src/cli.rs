//! The command line and the environment, as given: nothing is judged here but its grammar.

use std::path::PathBuf;

use clap::{ArgAction, Parser, ValueEnum};

/// Where a bare `--listen` listens.
pub(crate) const DEFAULT_LISTEN: &str = "127.0.0.1:7411";

/// Tracks jobs, keeps them, and feeds them to whoever watches.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "jobtopd",
    bin_name = "jobtopd",
    version,
    no_binary_name = true,
    after_help = "When it serves it prints one line: ready unix:PATH [http[s]://ADDR]…\n\
                  SIGTERM and SIGINT end it in order. The manual is jobtopd(8)."
)]
pub(crate) struct Cli {
    /// Serve HTTP and WebSocket on this address too; without ADDR 127.0.0.1:7411, port 0 takes a free one; beyond loopback over TLS
    #[arg(
        long,
        value_name = "ADDR",
        num_args = 0..=1,
        default_missing_value = DEFAULT_LISTEN,
        action = ArgAction::Append,
        env = "JOBTOPD_LISTEN",
        value_delimiter = ',',
    )]
    pub(crate) listen: Vec<String>,

    /// The Unix socket
    #[arg(
        long,
        help = "The Unix socket [default: $XDG_RUNTIME_DIR/jobtop/jobtopd.sock]",
        value_name = "PATH",
        env = "JOBTOPD_SOCKET"
    )]
    pub(crate) socket: Option<PathBuf>,

    /// The folder of the store [default: ~/.local/state/jobtop/data]
    #[arg(long, value_name = "DIR", env = "JOBTOPD_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,

    /// The file of settings [default: ~/.config/jobtop/jobtopd.toml]
    #[arg(long, value_name = "FILE", env = "JOBTOPD_CONFIG")]
    pub(crate) config: Option<PathBuf>,

    /// How long finished jobs are kept, like 30d or 12h [default: 30d]
    #[arg(long, value_name = "TIME", env = "JOBTOPD_RETENTION")]
    pub(crate) retention: Option<String>,

    /// Who may speak over TCP: nobody without a token, or everybody on this machine [default: token]
    #[arg(long, value_enum, env = "JOBTOPD_AUTH")]
    pub(crate) auth: Option<Auth>,

    /// A web origin whose pages may use the daemon
    #[arg(
        long,
        help = "A web origin whose pages may use the daemon, like http://localhost:5173",
        value_name = "URL",
        env = "JOBTOPD_ALLOW_ORIGIN",
        value_delimiter = ','
    )]
    pub(crate) allow_origin: Vec<String>,

    /// A further name by which this machine may be called in a Host header
    #[arg(
        long,
        value_name = "NAME",
        env = "JOBTOPD_ALLOW_HOST",
        value_delimiter = ','
    )]
    pub(crate) allow_host: Vec<String>,
    /// The certificate to show, in PEM, with those that vouch for it [default: one of our own, made at the first start]
    #[arg(long, value_name = "FILE", env = "JOBTOPD_TLS_CERT")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The private key of --tls-cert, in PEM
    #[arg(long, value_name = "FILE", env = "JOBTOPD_TLS_KEY")]
    pub(crate) tls_key: Option<PathBuf>,
}

/// Who may speak over TCP.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Auth {
    /// Whoever brings a token.
    #[default]
    Token,
    /// Everybody who reaches a loopback address.
    None,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar() {
        let listen = |args: &[&str]| Cli::try_parse_from(args).map(|cli| cli.listen).ok();
        for (args, expected) in [
            (&[][..], Some(vec![])),
            (&["--listen"], Some(vec![DEFAULT_LISTEN])),
            (&["--listen", "--auth", "none"], Some(vec![DEFAULT_LISTEN])),
            (
                &["--listen", "127.0.0.1:0", "--listen", "[::1]:0"],
                Some(vec!["127.0.0.1:0", "[::1]:0"]),
            ),
            (&["--lisen"], None),
            (&["run"], None),
            (&["--auth", "maybe"], None),
            (&["--tls-cart", "x"], None),
        ] {
            let expected: Option<Vec<String>> =
                expected.map(|list: Vec<&str>| list.into_iter().map(str::to_owned).collect());
            assert_eq!(listen(args), expected, "{args:?}");
        }
    }

    #[test]
    fn the_manual_knows_every_flag_and_variable() {
        use clap::CommandFactory;
        let manual = include_str!("../../man/jobtopd.8");
        let mut command = Cli::command();
        command.build();
        for arg in command.get_arguments() {
            let flag = arg.get_long().unwrap();
            assert!(
                manual.contains(&format!("-{flag}\n")) || manual.contains(&format!("-{flag} ")),
                "{flag}"
            );
            if let Some(variable) = arg.get_env() {
                assert!(manual.contains(variable.to_str().unwrap()), "{variable:?}");
            }
        }
    }

    #[test]
    fn the_tree_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
