//! `GET /api/status`: what the daemon tells of itself to whoever may see all jobs.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode};
use jobtop_core::Timestamp;
use jobtop_core::access::Role;
use jobtop_core::job::refusal::{Code, Refusal};
use jobtop_core::policy::Limits;
use jobtop_core::proto::PROTOCOL;
use jobtop_core::proto::status::{Connections, StatusAnswer};

use super::App;
use super::body::Asker;
use super::problem::{Refused, json};
use super::tls::Tls;
use crate::metrics::{self, Kind};

/// What does not change while the daemon serves.
#[derive(Debug)]
pub(crate) struct About {
    /// Since when it serves.
    pub(crate) started_at: Timestamp,
    /// Who is let in over TCP.
    pub(crate) auth: &'static str,
    /// Where it listens on TCP, as URLs.
    pub(crate) listening: Vec<String>,
    /// What it shows there.
    pub(crate) tls: Option<Arc<Tls>>,
    /// What its store counts.
    pub(crate) store: Arc<metrics::Store>,
}

pub(super) async fn status(
    State(app): State<App>,
    Asker(who): Asker,
) -> Result<Response<Body>, Refused> {
    if who.role == Role::User {
        return Err(Refusal::new(
            Code::Forbidden,
            "Only a viewer or an admin may see how the daemon is",
        )
        .into());
    }
    let (shared, about) = (&app.shared, &app.about);
    let metrics = &shared.metrics;
    let answer = StatusAnswer {
        server: concat!("jobtopd/", env!("CARGO_PKG_VERSION")).to_owned(),
        protocol: PROTOCOL,
        epoch: shared.hub.epoch(),
        started_at: about.started_at,
        auth: about.auth.to_owned(),
        listening: about.listening.clone(),
        fingerprint: (about.tls.as_ref()).map(|tls| tls.shown().fingerprint.to_string()),
        feed: *shared.feed.borrow(),
        alerts: shared.alerts.disturbing(shared.clock.now().wall),
        connections: Connections {
            unix: metrics.open(Kind::Unix),
            tcp: metrics.open(Kind::Tcp),
            feeds: metrics.open(Kind::Feed),
        },
        limits: named(&shared.limits),
        refused: metrics.all_refused(),
        cut: metrics.all_cut(),
    };
    Ok(json(StatusCode::OK, &answer))
}

fn named(limits: &Limits) -> BTreeMap<String, u64> {
    limits
        .named()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}
