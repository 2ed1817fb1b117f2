//! The two programs under test, built once per test process.
//!
//! `cargo test` does not build another package's binaries, and binaries that happen to lie there may be stale. So the
//! first test that needs one runs cargo itself, with the profile and target directory that it was built with.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// `jobtop`, the client.
pub fn jobtop() -> &'static Path {
    &built().jobtop
}

/// `jobtopd`, the daemon.
pub fn jobtopd() -> &'static Path {
    &built().jobtopd
}

/// The folder of the workspace.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests lie in the workspace")
}

struct Built {
    jobtop: PathBuf,
    jobtopd: PathBuf,
}

fn built() -> &'static Built {
    static BUILT: OnceLock<Built> = OnceLock::new();
    BUILT.get_or_init(|| {
        let own = std::env::current_exe().expect("a program knows where it lies");
        let profile_dir = profile_dir(&own);
        let target_dir = profile_dir
            .parent()
            .expect("a profile lies in the target directory");
        let profile = match profile_dir.file_name().and_then(|name| name.to_str()) {
            Some("debug") | None => "dev",
            Some(name) => name,
        };
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build
            .current_dir(workspace())
            .args(["build", "--quiet", "--locked", "--profile", profile]);
        build.arg("--target-dir").arg(target_dir);
        if is_test(&own) {
            // With a test among its targets cargo chooses the features that it chose for `cargo test`, so that nothing
            // but the two programs is built: without it, much of the tree would be built a second time.
            build.args(["--workspace", "--bins", "--test", "e2e"]);
        } else {
            // Likewise: the features of `cargo build --workspace`.
            build.args(["--workspace", "--bins"]);
        }
        let done = build.output().expect("cargo can be started");
        assert!(
            done.status.success(),
            "building jobtop and jobtopd failed:\n{}",
            String::from_utf8_lossy(&done.stderr)
        );
        Built {
            jobtop: profile_dir.join("jobtop"),
            jobtopd: profile_dir.join("jobtopd"),
        }
    })
}

/// `target/debug` for `target/debug/deps/e2e-0123` and for `target/debug/jobtop-load`.
fn profile_dir(own: &Path) -> &Path {
    let dir = own.parent().expect("a program lies in a folder");
    if is_test(own) {
        dir.parent().expect("deps lies in a profile's folder")
    } else {
        dir
    }
}

fn is_test(own: &Path) -> bool {
    own.parent().is_some_and(|dir| dir.ends_with("deps"))
}
