use super::*;
use crate::fake::{Fake, soon};

const EMPTY: &str =
    r#"{"jobs":[],"removed":[],"nextCursor":null,"revision":3,"epoch":18446744073709551615}"#;

fn http(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Runs the call against a daemon that answers so; gives back the result and the request's first line.
async fn call<T>(
    answer: &str,
    call: impl AsyncFnOnce(Rest) -> Result<T, CallError>,
) -> (Result<T, CallError>, String) {
    let fake = Fake::new();
    let rest = Rest::new(fake.endpoint());
    let (result, head) = tokio::join!(call(rest), fake.answer(answer));
    (result, head.lines().next().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_listing_asks_for_what_was_wanted() {
    let wanted = ListJobs {
        q: Some("name:\"a b\"&x=ä".to_owned()),
        job_type: Some("csv_processing,x".to_owned()),
        limit: Some(5),
        ..ListJobs::default()
    };
    let (listed, line) = call(&http("200 OK", EMPTY), async |rest| {
        rest.list(&wanted).await
    })
    .await;
    assert_eq!(listed.unwrap().epoch, u64::MAX);
    let (path, query) = line.split_once('?').unwrap();
    assert_eq!(path, "GET /api/jobs");
    for part in [
        "limit=5",
        "type=csv_processing%2Cx",
        "q=name%3A%22a%20b%22%26x%3D%C3%A4",
    ] {
        assert!(query.contains(part), "{query} lacks {part}");
    }
    let (_, line) = call(&http("200 OK", EMPTY), async |rest| {
        rest.list(&ListJobs::default()).await
    })
    .await;
    assert_eq!(line, "GET /api/jobs HTTP/1.1");
}

#[tokio::test]
async fn whatever_is_typed_as_an_id_stays_one_segment() {
    let (_, line) = call(&http("404 Not Found", ""), async |rest| {
        rest.act("../x?a b", "pause", &serde_json::Map::new()).await
    })
    .await;
    assert_eq!(line, "POST /api/jobs/..%2Fx%3Fa%20b/pause HTTP/1.1");
}

#[tokio::test]
async fn every_failure_is_a_sentence() {
    let problem = r#"{"type":"about:blank","title":"Conflict","status":409,"code":"invalid_state","detail":"Job cannot be paused in current state\u001b"}"#;
    for (answer, says) in [
        (
            http("409 Conflict", problem),
            "Job cannot be paused in current state",
        ),
        (
            http("502 Bad Gateway", "<html>"),
            "the daemon answered 502 Bad Gateway",
        ),
        (http("200 OK", "[1]"), "can't be understood"),
        ("220 smtp ready\r\n".to_owned(), "does not speak HTTP"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nx".to_owned(),
            "broke off",
        ),
        (String::new(), "broke off"),
    ] {
        let (result, _) = call(&answer, async |rest| rest.get("job_1").await).await;
        let said = result.expect_err(&answer).to_string();
        assert!(said.contains(says), "{answer:?}: {said}");
        assert!(!said.contains('\u{1b}'), "{said:?}");
    }
}

#[tokio::test]
async fn where_nobody_listens_it_says_so() {
    let fake = Fake::new();
    let rest = Rest::new(fake.endpoint());
    let at = fake.endpoint();
    drop(fake);
    let error = soon(rest.ready()).await.expect_err("nobody is there");
    assert!(matches!(error, CallError::Unreachable { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        format!("no daemon listens at {at}: no such socket")
    );
}

#[tokio::test]
async fn any_call_gives_its_answer_as_it_is() {
    for (body, value) in [
        ("", serde_json::Value::Null),
        ("{\"a\":1}", serde_json::json!({"a": 1})),
        ("plain", serde_json::json!("plain")),
    ] {
        let (result, line) = call(&http("200 OK", body), async |rest| {
            rest.call(Method::GET, "/x?y=1", None).await
        })
        .await;
        assert_eq!(result.unwrap(), value);
        assert_eq!(line, "GET /x?y=1 HTTP/1.1");
    }
}
