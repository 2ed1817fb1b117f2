//! The cloneable face of the engine's inbox.

use std::time::Instant;

use jobtop_core::job::refusal::{Code, Refusal};
use tokio::sync::{mpsc, oneshot};

use super::command::{Answered, Brought, Command, ReplyTo};

/// How many commands may wait; senders wait beyond that, so overload slows those who report, not those who look.
pub const INBOX: usize = 1024;

/// Brings commands to the engine.
#[derive(Clone, Debug)]
pub struct Handle {
    inbox: mpsc::Sender<Brought>,
}

impl Handle {
    /// A handle on that inbox.
    #[must_use]
    pub const fn new(inbox: mpsc::Sender<Brought>) -> Self {
        Self { inbox }
    }

    /// Sends a command; waits while the inbox is full. `false` once the engine has ended.
    pub async fn send(&self, command: Command) -> bool {
        self.bring(command, Instant::now()).await
    }

    /// The same, of a message that came then.
    pub async fn bring(&self, command: Command, came: Instant) -> bool {
        self.inbox.send(Brought { command, came }).await.is_ok()
    }

    /// How many commands wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.inbox.max_capacity() - self.inbox.capacity()
    }

    /// Sends the command made with a reply, of a message that came then, and waits for the answer.
    pub async fn ask(&self, came: Instant, command: impl FnOnce(ReplyTo) -> Command) -> Answered {
        let (reply, answer) = oneshot::channel();
        let gone = || Refusal::new(Code::Unavailable, "The daemon is going down");
        if !self.bring(command(ReplyTo::Once(reply)), came).await {
            return Err(gone());
        }
        answer.await.unwrap_or_else(|_| Err(gone()))
    }
}
