use clap::Parser;

use super::*;

fn settings(args: &[&str]) -> Result<Settings, Failure> {
    let cli = Cli::try_parse_from(args).unwrap();
    Settings::lay_over(
        cli,
        file::Checked::default(),
        Some(Path::new("/home/a/.local/state/jobtop")),
        Some(Path::new("/run/user/1000")),
    )
}

#[test]
fn without_anything_it_is_local() {
    let settings = settings(&[]).unwrap();
    assert!(settings.listen.is_empty());
    assert_eq!(
        settings.socket.path,
        Path::new("/run/user/1000/jobtop/jobtopd.sock")
    );
    assert_eq!(
        settings.data_dir.path,
        Path::new("/home/a/.local/state/jobtop/data")
    );
    assert_eq!(settings.times, Times::default());
}

#[test]
fn a_port_is_opened_by_name_only() {
    for (args, says) in [
        (&["--listen"][..], None),
        (&["--listen", "0.0.0.0:7411"], None),
        (&["--listen", "https://127.0.0.1:0"], None),
        (
            &["--listen", "http://0.0.0.0:7411"],
            Some("everybody on the way could read along"),
        ),
        (
            &["--listen", "--tls-cert", "c"],
            Some("--tls-cert: it needs --tls-key too"),
        ),
        (
            &["--listen", "--tls-key", "k"],
            Some("--tls-key: it needs --tls-cert too"),
        ),
        (&["--listen", "--auth", "none"], None),
        (&["--auth", "none", "--listen", "[::1]:0"], None),
        (
            &["--auth", "none", "--listen", "0.0.0.0:7411"],
            Some("--auth none trusts everybody"),
        ),
        (
            &["--auth", "none", "--listen", "--listen", "192.0.2.1:1"],
            Some("--auth none trusts everybody"),
        ),
        (&["--auth", "none"], None),
        (
            &["--listen", "nowhere"],
            Some("--listen: \"nowhere\" is no address"),
        ),
        (
            &["--retention", "30"],
            Some("--retention: \"30\" has no unit"),
        ),
        (
            &["--allow-origin", "localhost"],
            Some("--allow-origin: \"localhost\" is no web origin"),
        ),
        (
            &["--allow-host", "a b"],
            Some("--allow-host: \"a b\" is no host name"),
        ),
    ] {
        match (settings(args), says) {
            (Ok(_), None) => {}
            (Err(failure), Some(says)) => {
                assert!(failure.to_string().starts_with(says), "{args:?}: {failure}");
                assert!(!failure.hint().is_empty());
                assert_eq!(failure.code(), std::process::ExitCode::from(2));
            }
            (got, _) => panic!("{args:?}: {got:?}"),
        }
    }
}

#[test]
fn a_flag_wins_over_the_file() {
    let file = || file::Checked {
        listen: vec![address::listen("127.0.0.1:1").unwrap()],
        auth: Some(Auth::None),
        ..file::Checked::default()
    };
    let lay = |args: &[&str]| {
        let cli = Cli::try_parse_from(args).unwrap();
        Settings::lay_over(cli, file(), Some(Path::new("/s")), None)
    };
    assert_eq!(
        lay(&[]).unwrap().listen,
        [address::listen("127.0.0.1:1").unwrap()]
    );
    assert_eq!(
        lay(&["--listen", "127.0.0.1:2"]).unwrap().listen,
        [address::listen("127.0.0.1:2").unwrap()]
    );
    assert_eq!(lay(&["--auth", "token"]).unwrap().auth, Auth::Token);
}

#[test]
fn a_port_that_is_named_twice_is_one() {
    let listen = settings(&[
        "--auth",
        "none",
        "--listen",
        "127.0.0.1:1,[::1]:0",
        "--listen",
        "127.0.0.1:1,[::1]:0",
    ])
    .unwrap()
    .listen;
    let said: Vec<String> = listen
        .iter()
        .map(|listen| listen.addr.to_string())
        .collect();
    // Port 0 is another one each time.
    assert_eq!(said, ["127.0.0.1:1", "[::1]:0", "[::1]:0"]);
}
