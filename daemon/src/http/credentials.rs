//! What a request over TCP brings along to say who it is: a bearer token, in its own header, or, from a page's WebSocket, which can
//! set no header, among the sub-protocols that it offers. Never in the URL, which ends up in logs.

use std::borrow::Cow;

use axum::http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};
use axum::http::{HeaderMap, Request};
use jobtop_core::proto::FEED_PATH;

/// What stands before a token among sub-protocols.
const OFFERED: &str = "jobtop.bearer.";

/// The token that a request brings; what is there and is none is taken for a wrong one.
pub(super) fn of<B>(request: &Request<B>) -> Option<Cow<'_, str>> {
    let headers = request.headers();
    let mut given = headers.get_all(AUTHORIZATION).iter();
    match (given.next(), given.next()) {
        (None, _) if request.uri().path() == FEED_PATH => offered(headers).map(Cow::Borrowed),
        (None, _) => None,
        (Some(value), None) => Some(String::from_utf8_lossy(
            bearer(value.as_bytes()).unwrap_or_default(),
        )),
        // Which of two is meant, nobody knows.
        (Some(_), Some(_)) => Some(Cow::Borrowed("")),
    }
}

/// The token behind `Bearer`, in any case.
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme
        .eq_ignore_ascii_case(b"bearer ")
        .then(|| token.trim_ascii())
}

fn offered(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|list| list.to_str().ok())
        .flat_map(|list| list.split(','))
        .find_map(|offered| offered.trim().strip_prefix(OFFERED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_token_may_stand() {
        for (path, headers, token) in [
            (
                "/api/jobs",
                &[("authorization", "Bearer jt_1")][..],
                Some("jt_1"),
            ),
            (
                "/api/jobs",
                &[("authorization", "bEARER  jt_1 ")],
                Some("jt_1"),
            ),
            ("/api/jobs", &[("authorization", "Basic YTpi")], Some("")),
            ("/api/jobs", &[("authorization", "jt_1")], Some("")),
            (
                "/api/jobs",
                &[
                    ("authorization", "Bearer jt_1"),
                    ("authorization", "Bearer jt_2"),
                ],
                Some(""),
            ),
            ("/api/jobs?token=jt_1", &[], None),
            ("/api/jobs", &[("cookie", "token=jt_1")], None),
            (
                "/api/jobs",
                &[("sec-websocket-protocol", "jobtop.bearer.jt_1")],
                None,
            ),
            (
                "/progress?x",
                &[("sec-websocket-protocol", "jobtop.v1, jobtop.bearer.jt_1")],
                Some("jt_1"),
            ),
            (
                "/progress",
                &[("sec-websocket-protocol", "jobtop.v1")],
                None,
            ),
        ] {
            let mut request = Request::builder().uri(path);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let request = request.body(()).unwrap();
            assert_eq!(of(&request).as_deref(), token, "{path} {headers:?}");
        }
    }
}
