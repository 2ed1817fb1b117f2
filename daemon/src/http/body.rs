//! Who asks and with what body: read within a size and a time, judged by its media type, not yet by its meaning.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use jobtop_core::access::Identity;
use jobtop_core::job::refusal::{Code, Refusal};
use jobtop_core::proto::body::ActBody;
use jobtop_core::proto::read;
use tokio::time::timeout;

use super::connection::Visitor;
use super::problem::Refused;
use super::{App, query};

/// How long a body may take to come.
const SLOWEST: Duration = Duration::from_secs(30);
/// Of a body that is too large, as much is read and thrown away, so that its sender gets to read why …
const THROWN_AWAY: usize = 8 * 1024 * 1024;
/// … for as long.
const THROWING: Duration = Duration::from_secs(2);

/// A request with a body (or none, which is the same as `{}`).
pub(super) struct Asked {
    /// Who it speaks for, held to the user it names where that is allowed.
    pub(super) who: Identity,
    /// The body as it came.
    pub(super) body: Bytes,
    /// When all of it had come.
    pub(super) came: Instant,
}

impl FromRequest<App> for Asked {
    type Rejection = Refused;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refused> {
        let (parts, body) = request.into_parts();
        let identity = identity(&parts)?;
        let mut named = query::user(&parts.uri)?;
        let limits = &app.shared.limits;
        let body = whole(&parts.headers, body, limits.body_bytes).await?;
        let came = Instant::now();
        // What nests deeper than anybody reads is refused in any case.
        if limits.nesting < read::MAX_DEPTH {
            read::check_depth_within(&body, limits.nesting)?;
        }
        if named.is_none() && identity.may_assume {
            named = read::json::<ActBody>(&body)?.user_id;
        }
        Ok(Self {
            who: identity.held_to(named.as_ref()),
            body,
            came,
        })
    }
}

/// Whoever asks without a body, held to the user that the query names where that is allowed.
pub(super) struct Asker(pub(super) Identity);

impl FromRequestParts<App> for Asker {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Refused> {
        let named = query::user(&parts.uri)?;
        Ok(Self(identity(parts)?.held_to(named.as_ref())))
    }
}

/// A job's id in the path, as it was given: what is no id is an unknown job.
pub(super) struct Id(pub(super) String);

impl FromRequestParts<App> for Id {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refused> {
        match Path::<String>::from_request_parts(parts, app).await {
            Ok(Path(id)) => Ok(Self(id)),
            Err(_) => Err(Refusal::new(Code::JobNotFound, "Job not found: not UTF-8").into()),
        }
    }
}

impl Id {
    /// The id, if it is one that this daemon could have made.
    pub(super) fn parse(&self) -> Result<jobtop_core::JobId, Refusal> {
        self.0.parse().map_err(|_| Refusal::job_not_found(&self.0))
    }
}

fn identity(parts: &Parts) -> Result<&Identity, Refusal> {
    // Every connection brings its visitor along; without one nobody is known.
    parts
        .extensions
        .get::<Visitor>()
        .map(|visitor| &visitor.peer.identity)
        .ok_or_else(|| Refusal::new(Code::Unauthorized, "Nobody is known on this connection"))
}

/// Reads the body to its end.
async fn whole(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Refusal> {
    if headers
        .get(CONTENT_ENCODING)
        .is_some_and(|coding| coding != "identity")
    {
        return Err(Refusal::new(
            Code::UnsupportedMediaType,
            "A body must not be compressed: leave Content-Encoding out",
        ));
    }
    let body = match timeout(SLOWEST, within(headers, body, limit)).await {
        Ok(read) => read?,
        Err(_) => {
            return Err(Refusal::new(
                Code::Timeout,
                format!("The body did not come within {} seconds", SLOWEST.as_secs()),
            ));
        }
    };
    if body.trim_ascii().is_empty() {
        return Ok(Bytes::new());
    }
    if !is_json(headers) {
        return Err(Refusal::new(
            Code::UnsupportedMediaType,
            "A body needs Content-Type: application/json",
        ));
    }
    if std::str::from_utf8(&body).is_err() {
        return Err(Refusal::new(Code::BadJson, "The body is not UTF-8"));
    }
    Ok(body)
}

async fn within(headers: &HeaderMap, mut body: Body, limit: usize) -> Result<Bytes, Refusal> {
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let mut fits = announced.is_none_or(|length| length <= limit as u64);
    let mut read = BytesMut::new();
    while fits {
        match next(&mut body).await? {
            None => return Ok(read.freeze()),
            Some(data) if read.len() + data.len() <= limit => read.extend_from_slice(&data),
            Some(_) => fits = false,
        }
    }
    drop(read);
    let _ = timeout(THROWING, throw_away(&mut body)).await;
    Err(Refusal::new(
        Code::TooLarge,
        format!("A body has at most {limit} bytes"),
    ))
}

async fn throw_away(body: &mut Body) {
    let mut thrown = 0;
    while thrown < THROWN_AWAY {
        match next(body).await {
            Ok(Some(data)) => thrown += data.len(),
            Ok(None) | Err(_) => break,
        }
    }
}

/// The next piece of data.
async fn next(body: &mut Body) -> Result<Option<Bytes>, Refusal> {
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
            Err(_) => {
                return Err(Refusal::new(
                    Code::BadJson,
                    "The body broke off before its end",
                ));
            }
        }
    }
    Ok(None)
}

fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(given), None) = (types.next(), types.next()) else {
        return false;
    };
    media_type(given).is_some_and(|given| given.eq_ignore_ascii_case("application/json"))
}

/// The media type without its parameters.
fn media_type(given: &HeaderValue) -> Option<&str> {
    given.to_str().ok()?.split(';').next().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(headers: &[(&'static str, &'static str)], body: &'static [u8]) -> Result<Bytes, Code> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(whole(&map, Body::from(body), 8))
            .map_err(|refusal| refusal.code)
    }

    #[test]
    fn bodies() {
        let json = ("content-type", "application/json");
        for (headers, body, expected) in [
            (&[][..], &b""[..], Ok(&b""[..])),
            (&[("content-type", "text/plain")], b"", Ok(b"")),
            (&[], b" \n ", Ok(b"")),
            (&[json], b"{}", Ok(b"{}")),
            (
                &[("content-type", "Application/JSON; charset=utf-8")],
                b"{}",
                Ok(b"{}"),
            ),
            (&[json], b"12345678", Ok(b"12345678")),
            (&[json], b"123456789", Err(Code::TooLarge)),
            (&[json, ("content-length", "9")], b"12", Err(Code::TooLarge)),
            (&[], b"{}", Err(Code::UnsupportedMediaType)),
            (
                &[("content-type", "text/plain")],
                b"{}",
                Err(Code::UnsupportedMediaType),
            ),
            (
                &[("content-type", "application/x-www-form-urlencoded")],
                b"a=b",
                Err(Code::UnsupportedMediaType),
            ),
            (
                &[("content-type", "multipart/form-data; boundary=x")],
                b"--x--",
                Err(Code::UnsupportedMediaType),
            ),
            (
                &[("content-type", "application/jsonp")],
                b"{}",
                Err(Code::UnsupportedMediaType),
            ),
            (&[json, json], b"{}", Err(Code::UnsupportedMediaType)),
            (
                &[json, ("content-encoding", "gzip")],
                b"{}",
                Err(Code::UnsupportedMediaType),
            ),
            (&[json, ("content-encoding", "identity")], b"{}", Ok(b"{}")),
            (&[json], b"\"\xff\"", Err(Code::BadJson)),
        ] {
            let got = read(headers, body);
            let expected = expected.map(Bytes::from_static);
            assert_eq!(got, expected, "{headers:?} {body:?}");
        }
    }
}
