//! One attempt to tell a hook something, whichever way it is told; what a command says goes to the log.

use std::time::Duration;

use jobtop_core::text;

use super::payload::Delivery;
use super::queue::Verdict;
use super::{command, webhook};
use crate::config::{Hook, Way};

/// So many lines of what a command said are logged.
const LINES: usize = 100;
const LINE_CHARS: usize = 500;

/// What one attempt brought.
pub(super) struct Tried {
    pub(super) verdict: Verdict,
    pub(super) exit_code: Option<i32>,
    pub(super) status: Option<u16>,
    pub(super) said: Vec<u8>,
}

/// Tells a hook something, once.
pub(super) async fn attempt(hook: &Hook, delivery: &Delivery, limit: Duration) -> Tried {
    match &hook.way {
        Way::Command(words) => {
            let ran = command::run(words, delivery, limit).await;
            for line in lines(&ran.said) {
                tracing::info!(hook = %hook.name, "said: {line}");
            }
            if ran.beyond > 0 {
                tracing::info!(hook = %hook.name, beyond = ran.beyond, "said more bytes than are kept");
            }
            Tried {
                verdict: ran.verdict,
                exit_code: ran.exit_code,
                status: None,
                said: ran.said,
            }
        }
        Way::Webhook(uri, secret) => {
            let posted = webhook::post(uri, secret.as_ref(), delivery, limit).await;
            Tried {
                verdict: posted.verdict,
                exit_code: None,
                status: posted.status,
                said: posted.said,
            }
        }
    }
}

/// What somebody said, fit to be shown.
pub(super) fn lines(said: &[u8]) -> impl Iterator<Item = String> {
    let lines = said.split(|byte| *byte == b'\n');
    lines
        .map(|line| String::from_utf8_lossy(line.trim_ascii_end()).into_owned())
        .filter(|line| !line.is_empty())
        .take(LINES)
        .map(|line| text::clean_within(&line, LINE_CHARS).into_owned())
}
