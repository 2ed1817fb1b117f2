//! SIGHUP: the settings are read once more. What can change while the daemon serves does, what can't is named, and a mistake
//! changes nothing.

use crate::config::Settings;
use crate::exit::Failure;
use crate::http::tls::Tls;

/// What was read.
#[derive(Debug)]
pub(crate) struct Changed {
    /// The settings from now on.
    new: Settings,
    /// Settings that were changed and count only after a restart.
    waiting: Vec<&'static str>,
}

/// Reads the settings once more. What can't change now is as it was.
pub(crate) fn compare(
    now: &Settings,
    read: &dyn Fn() -> Result<Settings, Failure>,
) -> Result<Changed, Failure> {
    let read = read()?;
    let mut waiting = Vec::new();
    let mut look = |name, differs: bool| {
        if differs {
            waiting.push(name);
        }
    };
    look("socket", read.socket != now.socket);
    look("socket_mode", read.socket_mode != now.socket_mode);
    look("data_dir", read.data_dir != now.data_dir);
    look("listen", read.listen != now.listen);
    look("auth", read.auth != now.auth);
    look("tls_cert, tls_key", read.certificate != now.certificate);
    look("retention, lost_after", read.times != now.times);
    look("limits", read.limits != now.limits);
    look("queues", read.queues != now.queues);
    look("commands", read.commands != now.commands);
    look(
        "remote_commands",
        read.remote_commands != now.remote_commands,
    );
    look("cancel_grace", read.cancel_grace_ms != now.cancel_grace_ms);
    let new = Settings {
        feed: read.feed,
        alerts: read.alerts,
        allow_origin: read.allow_origin,
        allow_host: read.allow_host,
        hooks: read.hooks,
        ..now.clone()
    };
    Ok(Changed { new, waiting })
}

/// Says what becomes of it, and reads the certificate anew; the settings from now on, if they were readable.
pub(crate) fn apply(changed: Result<Changed, Failure>, tls: Option<&Tls>) -> Option<Settings> {
    let Changed { new, waiting } = match changed {
        Ok(changed) => changed,
        Err(failure) => {
            tracing::error!("SIGHUP: {failure}; nothing was changed. {}", failure.hint());
            return None;
        }
    };
    if let Some(tls) = tls {
        match tls.reload() {
            Ok(()) => {
                let fingerprint = tls.shown().fingerprint;
                tracing::info!(%fingerprint, "SIGHUP: the certificate was read anew");
            }
            Err(failure) => {
                tracing::error!("SIGHUP: {failure}; the one before is shown on");
            }
        }
    }
    if waiting.is_empty() {
        tracing::info!("SIGHUP: the settings were read anew");
    } else {
        let names = waiting.join(", ");
        tracing::warn!("SIGHUP: the settings were read anew; restart the daemon for {names}");
    }
    Some(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(args: &[&str]) -> Settings {
        use clap::Parser;
        let args = [
            &[
                "--socket",
                "/x/s",
                "--data-dir",
                "/x/d",
                "--config",
                "/dev/null",
            ],
            args,
        ];
        let cli = crate::cli::Cli::try_parse_from(args.concat()).unwrap();
        Settings::new(cli, Vec::new(), &crate::activation::Names::default()).unwrap()
    }

    #[test]
    fn what_can_change_does_and_what_cannot_is_named() {
        let now = settings(&["--retention", "30d"]);
        let read = || {
            Ok(settings(&[
                "--retention",
                "7d",
                "--allow-host",
                "etl1",
                "--allow-origin",
                "http://localhost:1",
            ]))
        };
        let changed = compare(&now, &read).unwrap();
        assert_eq!(changed.waiting, ["retention, lost_after"]);
        assert_eq!(changed.new.allow_host, ["etl1"]);
        assert_eq!(changed.new.allow_origin, ["http://localhost:1"]);
        assert_eq!(changed.new.times, now.times);
        let same = compare(&now, &|| Ok(now.clone())).unwrap();
        assert_eq!((same.waiting.len(), same.new), (0, now));
    }

    #[test]
    fn a_mistake_changes_nothing() {
        let now = settings(&[]);
        let changed = compare(&now, &|| Err(Failure::NoHome));
        assert!(apply(changed, None).is_none());
    }
}
