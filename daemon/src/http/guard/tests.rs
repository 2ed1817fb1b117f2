use super::*;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn guard() -> Guard {
    Guard::new(
        &[
            "127.0.0.1:7411".parse().unwrap(),
            "192.0.2.7:7411".parse().unwrap(),
            "0.0.0.0:7411".parse().unwrap(),
        ],
        &["build7.example.org".to_owned(), "10.1.2.3".to_owned()],
        &[
            "http://localhost:5173".to_owned(),
            "https://jobs.example.org".to_owned(),
        ],
    )
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

fn judge(pairs: &[(&'static str, &str)], target: &str) -> Result<Option<HeaderValue>, Code> {
    guard()
        .judge(
            Via::Tcp { at: HERE },
            &headers(pairs),
            &target.parse().unwrap(),
        )
        .map_err(|refusal| refusal.code)
}

#[test]
fn hosts() {
    for (host, ours) in [
        ("127.0.0.1", true),
        ("127.0.0.1:7411", true),
        ("127.0.0.1:1", true),
        ("127.1.2.3", true),
        ("[::1]", true),
        ("[::1]:7411", true),
        ("[0:0:0:0:0:0:0:1]", true),
        ("localhost", true),
        ("localhost:8080", true),
        ("LocalHost:8080", true),
        ("192.0.2.7:7411", true),
        ("build7.example.org", true),
        ("BUILD7.example.ORG:99", true),
        ("10.1.2.3:7411", true),
        ("", false),
        (":7411", false),
        ("0.0.0.0", false),
        ("0.0.0.0:7411", false),
        ("[::]", false),
        ("192.0.2.8", false),
        ("127.0.0.1.evil.test", false),
        ("127.0.0.1.", false),
        ("localhost.", false),
        ("localhost.evil.test", false),
        ("evil.test", false),
        ("evil.test:7411", false),
        ("build7.example.org.evil.test", false),
        ("xbuild7.example.org", false),
        ("build7.example.org.", false),
        ("127.1", false),
        ("2130706433", false),
        ("0x7f000001", false),
        ("0177.0.0.1", false),
        ("127.0.0.01", false),
        ("::1", false),
        ("[::1", false),
        ("::1]", false),
        ("[::1]x", false),
        ("[::1]:", false),
        ("[::1%25lo]", false),
        ("[::ffff:127.0.0.1]", false),
        ("[127.0.0.1]", false),
        ("127.0.0.1:", false),
        ("127.0.0.1:x", false),
        ("127.0.0.1:+80", false),
        ("127.0.0.1:99999", false),
        ("127.0.0.1:80:80", false),
        ("user@127.0.0.1", false),
        ("127.0.0.1@evil.test", false),
        ("127.0.0.1 evil.test", false),
        ("127.0.0.1,evil.test", false),
        ("127.0.0.1/", false),
        ("http://127.0.0.1", false),
        ("lócalhost", false),
        ("localhost\u{3002}", false),
        ("127.0.0.1#", false),
        ("*", false),
    ] {
        let expected = if ours { Ok(None) } else { Err(Code::BadHost) };
        assert_eq!(judge(&[("host", host)], "/"), expected, "{host:?}");
    }
}

#[test]
fn one_host_and_no_other_in_the_target() {
    for (pairs, target, ours) in [
        (&[][..], "/", false),
        (&[("host", "localhost"), ("host", "localhost")], "/", false),
        (&[("host", "localhost"), ("host", "evil.test")], "/", false),
        (&[("host", "localhost")], "http://localhost/api/jobs", true),
        (&[("host", "localhost")], "http://evil.test/api/jobs", false),
        (&[("host", "evil.test")], "http://localhost/api/jobs", false),
        (&[("host", "localhost")], "http://user@localhost/", false),
    ] {
        let expected = if ours { Ok(None) } else { Err(Code::BadHost) };
        assert_eq!(judge(pairs, target), expected, "{pairs:?} {target}");
    }
}

#[test]
fn origins() {
    for (origin, welcome) in [
        ("http://localhost:5173", true),
        ("https://jobs.example.org", true),
        ("", false),
        ("null", false),
        ("http://localhost", false),
        ("http://localhost:80", false),
        ("http://localhost:7411", false),
        ("http://localhost:51730", false),
        ("http://localhost:5173/", false),
        ("http://localhost:5173/x", false),
        ("http://localhost:5173 ", false),
        ("http://LOCALHOST:5173", false),
        ("HTTP://localhost:5173", false),
        ("https://localhost:5173", false),
        ("http://localhost.:5173", false),
        ("http://127.0.0.1:5173", false),
        ("http://127.0.0.1", false),
        ("http://127.0.0.1:7411", false),
        ("http://[::1]:5173", false),
        ("http://[::1]", false),
        ("http://0.0.0.0:5173", false),
        ("http://user@localhost:5173", false),
        ("http://localhost:5173@evil.test", false),
        ("http://localhost:5173.evil.test", false),
        ("http://evil.test", false),
        ("http://evil.test/http://localhost:5173", false),
        ("http://evil.test?http://localhost:5173", false),
        ("http://xlocalhost:5173", false),
        ("https://jobs.example.org:443", false),
        ("http://jobs.example.org", false),
        ("https://jobs.example.org.", false),
        ("https://jobs.example.org.evil.test", false),
        ("https://xjobs.example.org", false),
        ("https://a.jobs.example.org", false),
        ("https://jobs-example.org", false),
        ("ws://localhost:5173", false),
        ("file://", false),
        ("file:///etc/passwd", false),
        ("chrome-extension://abcdefghijklmnop", false),
        ("moz-extension://abcdefgh", false),
        ("data:", false),
        ("about:blank", false),
        ("localhost:5173", false),
        ("//localhost:5173", false),
        ("*", false),
        ("http://localhost:5173,http://evil.test", false),
        ("http://localhost:5173 http://evil.test", false),
        ("http://lócalhost:5173", false),
    ] {
        let expected = if welcome {
            Ok(Some(HeaderValue::from_str(origin).unwrap()))
        } else {
            Err(Code::BadOrigin)
        };
        let got = judge(&[("host", "localhost"), ("origin", origin)], "/");
        assert_eq!(got, expected, "{origin:?}");
    }
}

#[test]
fn two_origins_or_another_site_are_refused() {
    for (pairs, welcome) in [
        (
            &[
                ("origin", "http://localhost:5173"),
                ("origin", "http://localhost:5173"),
            ][..],
            false,
        ),
        (
            &[
                ("origin", "http://localhost:5173"),
                ("origin", "http://evil.test"),
            ],
            false,
        ),
        (&[("sec-fetch-site", "cross-site")], false),
        (&[("sec-fetch-site", "same-site")], false),
        (&[("sec-fetch-site", "same-origin")], true),
        (&[("sec-fetch-site", "none")], true),
        (
            &[
                ("sec-fetch-site", "cross-site"),
                ("origin", "http://localhost:5173"),
            ],
            true,
        ),
    ] {
        let mut all = vec![("host", "localhost")];
        all.extend_from_slice(pairs);
        let got = judge(&all, "/").map(|_| ());
        let expected = if welcome {
            Ok(())
        } else {
            Err(Code::BadOrigin)
        };
        assert_eq!(got, expected, "{pairs:?}");
    }
}

#[test]
fn nobody_is_welcome_unless_allowed() {
    let guard = Guard::new(&[], &[], &[]);
    for origin in ["http://localhost:5173", "null", "http://127.0.0.1:7411"] {
        let headers = headers(&[("host", "localhost"), ("origin", origin)]);
        for via in [Via::Tcp { at: HERE }, Via::Unix] {
            assert!(guard.judge(via, &headers, &"/".parse().unwrap()).is_err());
        }
    }
}

#[test]
fn a_unix_socket_has_no_name() {
    for pairs in [&[][..], &[("host", "whatever")]] {
        let judged = guard().judge(Via::Unix, &headers(pairs), &"/".parse().unwrap());
        assert_eq!(judged, Ok(None));
    }
}

#[test]
fn the_address_that_was_reached_and_the_names_of_a_certificate_are_ours() {
    let guard = Guard::new(
        &["0.0.0.0:1".parse().unwrap()],
        &["*.etl.example".to_owned()],
        &[],
    );
    let at: IpAddr = "10.0.0.5".parse().unwrap();
    for (host, fine) in [
        ("10.0.0.5", true),
        ("10.0.0.5:7411", true),
        ("10.0.0.6", false),
        ("a.etl.example", true),
        ("A.ETL.example:1", true),
        ("etl.example", false),
        (".etl.example", false),
        ("a.b.etl.example", false),
        ("evil.test", false),
    ] {
        let pairs = [("host", host)];
        let judged = guard.judge(Via::Tcp { at }, &headers(&pairs), &"/".parse().unwrap());
        assert_eq!(judged.is_ok(), fine, "{host}");
    }
}
