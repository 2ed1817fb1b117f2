//! The front door: HTTP and the upgrade to WebSocket, on TCP and on the Unix socket alike.
//!
//! Reading order: `socket` opens, [`door`] accepts, `connection` serves one client, `guard` judges Host and Origin, `routes` says what
//! there is; `body`, `query` and `problem` read what comes and say what is wrong with it; `jobs`, `history`, `log`, `queues`, `health`, `openapi` and
//! `upgrade` answer; `patience` ends with clients that take nothing. Decides nothing about jobs: it asks the engine, and reads the feed and the archive.

pub(crate) mod door;
pub(crate) mod guard;
pub(crate) mod socket;

mod body;
mod connection;
mod health;
mod history;
mod jobs;
mod log;
mod openapi;
mod patience;
mod problem;
mod query;
mod queues;
mod routes;
mod upgrade;

use std::sync::Arc;

use axum::Router;
use tokio::sync::watch;

use crate::engine::outcome::StoreHealth;
use crate::feed::session::Shared;
use guard::Guard;

/// What the handlers need.
#[derive(Clone, Debug)]
struct App {
    shared: Arc<Shared>,
    health: watch::Receiver<StoreHealth>,
}

/// Everything that connections share.
#[derive(Debug)]
pub(crate) struct Site {
    router: Router,
    guard: Guard,
    shared: Shared,
}

impl Site {
    /// The site of a daemon with that feed and engine, and a store in that health.
    pub(crate) fn new(
        shared: Shared,
        health: watch::Receiver<StoreHealth>,
        guard: Guard,
    ) -> Arc<Self> {
        let router = routes::all(App {
            shared: Arc::new(shared.clone()),
            health,
        });
        Arc::new(Self {
            router,
            guard,
            shared,
        })
    }
}

/// Ends when the daemon goes down. (`wait_for` gives a lock's guard, which is not to be held across an await.)
async fn going_down(closing: &mut watch::Receiver<bool>) {
    while !*closing.borrow_and_update() && closing.changed().await.is_ok() {}
}
