//! The front door: HTTP and the upgrade to WebSocket, on TCP and on the Unix socket alike.
//!
//! Reading order: `socket` opens, [`door`] accepts, [`tls`] encrypts, `connection` serves one client, `guard` judges Host and Origin, `credentials` finds the token, `routes` says what
//! there is; `body`, `query` and `problem` read what comes and say what is wrong with it; `jobs`, `history`, `log`, `alerts`, `queues`, `tokens`, `hooks`, `status`, `metrics`, `health`, `openapi` and
//! `upgrade` answer; `patience` ends with clients that take nothing, `fragments` with those that send too many pieces. Decides nothing about jobs: it asks the engine, and reads the feed and the archive.

pub(crate) mod door;
pub(crate) mod guard;
pub(crate) mod socket;
pub(crate) mod tls;

mod alerts;
mod body;
mod connection;
mod credentials;
mod fragments;
mod health;
mod history;
mod hooks;
mod jobs;
mod log;
mod metrics;
mod openapi;
mod patience;
mod problem;
mod query;
mod queues;
mod routes;
pub(crate) mod status;
mod tokens;
mod upgrade;

use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use tokio::sync::watch;

use crate::auth::{Doorkeeper, Tokens};
use crate::engine::outcome::StoreHealth;
use crate::feed::session::Shared;
use crate::notify::Teller;
use door::Addresses;
use guard::Guard;
use status::About;

/// What the handlers need.
#[derive(Clone, Debug)]
struct App {
    shared: Arc<Shared>,
    health: watch::Receiver<StoreHealth>,
    tokens: Arc<Tokens>,
    about: Arc<About>,
    hooks: Teller,
}

/// Everything that connections share.
#[derive(Debug)]
pub(crate) struct Site {
    router: Router,
    guard: RwLock<Arc<Guard>>,
    keeper: Doorkeeper,
    shared: Shared,
    addresses: Addresses,
}

/// Who may come in, and how.
#[derive(Debug)]
pub(crate) struct Rules {
    /// What is ours, and which pages are welcome.
    pub(crate) guard: Guard,
    /// Who is who.
    pub(crate) keeper: Doorkeeper,
    /// What lets strangers in.
    pub(crate) tokens: Arc<Tokens>,
}

impl Site {
    /// The site of a daemon with that feed and engine, and a store in that health.
    pub(crate) fn new(
        shared: Shared,
        health: watch::Receiver<StoreHealth>,
        rules: Rules,
        about: About,
        hooks: Teller,
    ) -> Arc<Self> {
        let router = routes::all(App {
            shared: Arc::new(shared.clone()),
            health,
            tokens: rules.tokens,
            about: Arc::new(about),
            hooks,
        });
        let most = shared.limits.connections_per_address;
        Arc::new(Self {
            router,
            guard: RwLock::new(Arc::new(rules.guard)),
            keeper: rules.keeper,
            shared,
            addresses: Addresses::new(most),
        })
    }

    /// From now on requests are judged by that.
    pub(crate) fn set_guard(&self, guard: Guard) {
        *self.guard.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(guard);
    }

    fn guard(&self) -> Arc<Guard> {
        Arc::clone(&self.guard.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Ends when the daemon goes down. (`wait_for` gives a lock's guard, which is not to be held across an await.)
async fn going_down(closing: &mut watch::Receiver<bool>) {
    while !*closing.borrow_and_update() && closing.changed().await.is_ok() {}
}
