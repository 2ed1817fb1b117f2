//! The settings the daemon runs with: flag over environment over file over default, checked once, then passed on.

mod address;
mod alerts;
mod duration;
mod file;
mod hooks;
mod mode;
mod service;
pub(crate) mod shown;

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use directories::BaseDirs;
use jobtop_core::access::Role;
use jobtop_core::alert::Rules;
use jobtop_core::paths;
use jobtop_core::policy::{Limits, Times};
use jobtop_core::queue::Policy;

use crate::activation::Names;
use crate::cli::{Auth, Cli};
use crate::exit::Failure;
pub(crate) use address::Listen;
use file::Commands;
pub(crate) use hooks::{Hook, Occasion, Secret, Way};
pub(crate) use mode::Mode;

/// Everything that can be chosen, checked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settings {
    /// The Unix socket.
    pub(crate) socket: Place,
    /// Who may connect to it.
    pub(crate) socket_mode: Mode,
    /// The folder of the store.
    pub(crate) data_dir: Place,
    /// Where to listen on TCP.
    pub(crate) listen: Vec<Listen>,
    /// The certificate to show there, where one was given.
    pub(crate) certificate: Option<Certificate>,
    /// Who may speak over TCP.
    pub(crate) auth: Auth,
    /// Web origins whose pages may use the daemon, in the form of an `Origin` header.
    pub(crate) allow_origin: Vec<String>,
    /// Further names of this machine, in lower case.
    pub(crate) allow_host: Vec<String>,
    /// How long things are kept and waited for.
    pub(crate) times: Times,
    /// What is too much.
    pub(crate) limits: Limits,
    /// What is set for single queues.
    pub(crate) queues: BTreeMap<Arc<str>, Policy>,
    /// Whether submitted commands are run.
    pub(crate) commands: bool,
    /// The roles that may submit some over TCP.
    pub(crate) remote_commands: Vec<Role>,
    /// Whether the feed is served.
    pub(crate) feed: bool,
    /// When something is wrong.
    pub(crate) alerts: Rules,
    /// The words of the command line before the daemon's own: how this program is told to be the daemon.
    pub(crate) prefix: Vec<OsString>,
    /// The time between SIGTERM and SIGKILL of a submitted command, in milliseconds.
    pub(crate) cancel_grace_ms: u64,
    /// Who is told of what, by the name of the hook.
    pub(crate) hooks: BTreeMap<Arc<str>, Arc<Hook>>,
}

/// A certificate and its key, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Certificate {
    /// The file of the certificate and those that vouch for it.
    pub(crate) cert: PathBuf,
    /// The file of its private key.
    pub(crate) key: PathBuf,
}

/// A path, and whether somebody chose it: a default one is ours to put right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Where.
    pub(crate) path: PathBuf,
    /// Whether it is the default.
    pub(crate) default: bool,
}

impl Settings {
    /// Reads the file, lays flags and environment over it, and checks what comes out.
    ///
    /// Sockets that were passed are judged like those that are asked for here, and a Unix socket takes the place of our own.
    pub(crate) fn new(
        mut cli: Cli,
        prefix: Vec<OsString>,
        passed: &Names,
    ) -> Result<Self, Failure> {
        let dirs = BaseDirs::new();
        let service = service::Folders::given();
        let mut file = match file_of(&cli) {
            Some(File { path, must_exist }) => file::read(&path, must_exist)?,
            None => file::Checked::default(),
        };
        if !cli.listen.is_empty() {
            cli.listen
                .extend(passed.tcp.iter().map(ToString::to_string));
        }
        file.listen.extend(passed.tcp.iter().map(|addr| Listen {
            addr: *addr,
            tls: None,
        }));
        cli.socket = passed.unix.clone().or(cli.socket);
        let state = service.state.or_else(|| {
            let state = dirs.as_ref()?.state_dir()?;
            Some(state.join("jobtop"))
        });
        let runtime = dirs.as_ref().and_then(BaseDirs::runtime_dir);
        let mut settings = Self::lay_over(cli, file, state.as_deref(), runtime)?;
        if let Some(runtime) = service.runtime.filter(|_| settings.socket.default) {
            settings.socket.path = runtime.join("jobtopd.sock");
        }
        Ok(Self { prefix, ..settings })
    }

    fn lay_over(
        cli: Cli,
        file: file::Checked,
        state: Option<&Path>,
        runtime: Option<&Path>,
    ) -> Result<Self, Failure> {
        let mut times = file.times;
        if let Some(text) = &cli.retention {
            times.retention_ms = duration::parse(text).map_err(|wrong| Failure::Setting {
                from: "--retention".to_owned(),
                what: wrong.to_string(),
                hint: duration::HINT.to_owned(),
            })?;
        }
        let mut listen = match given(&cli.listen) {
            Some(given) => each("--listen", given, address::listen)?,
            None => file.listen,
        };
        // What is passed may be named too.
        let mut seen = HashSet::new();
        listen.retain(|listen: &Listen| listen.addr.port() == 0 || seen.insert(listen.addr));
        let tls = (cli.tls_cert.or(file.tls_cert), cli.tls_key.or(file.tls_key));
        let certificate = match tls {
            (None, None) => None,
            (Some(cert), Some(key)) => Some(Certificate { cert, key }),
            (Some(_), None) => return Err(half("--tls-cert", "--tls-key")),
            (None, Some(_)) => return Err(half("--tls-key", "--tls-cert")),
        };
        let data_dir = place(cli.data_dir.or(file.data_dir), || state.map(paths::data))?;
        let commands = match file.commands {
            Some(Commands::Own) => true,
            Some(Commands::Off) => false,
            // A daemon that serves the whole system runs nobody's commands unless it is told to.
            None => !data_dir.path.starts_with("/var/lib"),
        };
        let settings = Self {
            hooks: hooks::allowed(file.hooks, commands)?,
            commands,
            remote_commands: file.remote_commands,
            feed: file.feed,
            alerts: file.alerts,
            prefix: Vec::new(),
            queues: file.queues,
            socket_mode: file.socket_mode,
            socket: place(cli.socket.or(file.socket), || {
                state.map(|state| paths::socket(runtime, state))
            })?,
            data_dir,
            allow_origin: match given(&cli.allow_origin) {
                Some(given) => each("--allow-origin", given, address::origin)?,
                None => file.allow_origin,
            },
            allow_host: match given(&cli.allow_host) {
                Some(given) => each("--allow-host", given, address::host)?,
                None => file.allow_host,
            },
            times,
            limits: file.limits,
            cancel_grace_ms: file.cancel_grace_ms,
            listen,
            certificate,
            auth: cli.auth.or(file.auth).unwrap_or_default(),
        };
        for listen in &settings.listen {
            settings.check(*listen)?;
        }
        Ok(settings)
    }

    /// Whether TLS is spoken at an address: always beyond loopback, and wherever there is a certificate for it or it is asked for.
    pub(crate) fn speaks_tls(&self, listen: Listen) -> bool {
        listen
            .tls
            .unwrap_or(!listen.addr.ip().is_loopback() || self.certificate.is_some())
    }

    /// Whether it may be listened on an address.
    pub(crate) fn check(&self, listen: Listen) -> Result<(), Failure> {
        if listen.addr.ip().is_loopback() {
            Ok(())
        } else if self.auth == Auth::None {
            Err(Failure::OpenToTheWorld(listen.addr))
        } else if self.speaks_tls(listen) {
            Ok(())
        } else {
            Err(Failure::InTheClear(listen.addr))
        }
    }
}

/// The file of settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    /// Where it is looked for.
    pub(crate) path: PathBuf,
    /// One that was named must be there; the default one need not.
    pub(crate) must_exist: bool,
}

/// Which file of settings counts; none where no folder for it is known.
pub(crate) fn file_of(cli: &Cli) -> Option<File> {
    if let Some(path) = &cli.config {
        return Some(File {
            path: path.clone(),
            must_exist: true,
        });
    }
    let folder = service::Folders::given().configuration.or_else(|| {
        let dirs = BaseDirs::new()?;
        Some(dirs.config_dir().join("jobtop"))
    })?;
    Some(File {
        path: folder.join("jobtopd.toml"),
        must_exist: false,
    })
}

/// One of two that belong together was given.
fn half(given: &str, missing: &str) -> Failure {
    Failure::Setting {
        from: given.to_owned(),
        what: format!("it needs {missing} too"),
        hint: "Give the certificate and its key, or neither: then one of our own is made"
            .to_owned(),
    }
}

fn given(list: &[String]) -> Option<&[String]> {
    (!list.is_empty()).then_some(list)
}

fn place(
    chosen: Option<PathBuf>,
    default: impl FnOnce() -> Option<PathBuf>,
) -> Result<Place, Failure> {
    match chosen {
        Some(path) => Ok(Place {
            // The daemon may change its folder later; what was meant is seen from here.
            path: std::path::absolute(&path).unwrap_or(path),
            default: false,
        }),
        None => Ok(Place {
            path: default().ok_or(Failure::NoHome)?,
            default: true,
        }),
    }
}

fn each<T>(
    flag: &str,
    given: &[String],
    read: impl Fn(&str) -> Result<T, address::Wrong>,
) -> Result<Vec<T>, Failure> {
    given
        .iter()
        .map(|text| {
            read(text).map_err(|wrong| Failure::Setting {
                from: flag.to_owned(),
                what: wrong.what,
                hint: wrong.hint,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests;
