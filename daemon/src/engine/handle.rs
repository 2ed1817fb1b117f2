//! The cloneable face of the engine's inbox.

use jobtop_core::job::refusal::{Code, Refusal};
use tokio::sync::{mpsc, oneshot};

use super::command::{Answered, Command, ReplyTo};

/// How many commands may wait; senders wait beyond that, so overload slows those who report, not those who look.
pub const INBOX: usize = 1024;

/// Brings commands to the engine.
#[derive(Clone, Debug)]
pub struct Handle {
    inbox: mpsc::Sender<Command>,
}

impl Handle {
    /// A handle on that inbox.
    #[must_use]
    pub const fn new(inbox: mpsc::Sender<Command>) -> Self {
        Self { inbox }
    }

    /// Sends a command; waits while the inbox is full. `false` once the engine has ended.
    pub async fn send(&self, command: Command) -> bool {
        self.inbox.send(command).await.is_ok()
    }

    /// Sends the command made with a reply, and waits for the answer.
    pub async fn ask(&self, command: impl FnOnce(ReplyTo) -> Command) -> Answered {
        let (reply, answer) = oneshot::channel();
        let gone = || Refusal::new(Code::Unavailable, "The daemon is going down");
        if !self.send(command(ReplyTo::Once(reply))).await {
            return Err(gone());
        }
        answer.await.unwrap_or_else(|_| Err(gone()))
    }
}
