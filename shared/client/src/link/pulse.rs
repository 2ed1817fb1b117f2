//! Whether the other end still answers: when the oldest ping was sent that nothing has come after.

use std::future::pending;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// The pulse of one connection.
#[derive(Debug)]
pub(super) struct Pulse(watch::Sender<State>);

#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// Since when an answer is waited for.
    asked: Option<Instant>,
    /// What comes is being read; else it is no wonder that nothing is heard.
    is_listening: bool,
    /// How long an answer has taken at most: on a slow line that is no bad sign.
    slowest: Duration,
}

impl Pulse {
    pub(super) fn new() -> Self {
        Self(watch::Sender::default())
    }

    /// A ping goes out.
    pub(super) fn asked(&self) {
        self.0.send_if_modified(|state| {
            let is_first = state.is_listening && state.asked.is_none();
            if is_first {
                state.asked = Some(Instant::now());
            }
            is_first
        });
    }

    /// What comes is read from now on.
    pub(super) fn listens(&self) {
        // For every message: nobody is woken for that.
        self.0.send_if_modified(|state| {
            state.is_listening = true;
            false
        });
    }

    /// Something has come, and for now nothing more is read.
    pub(super) fn heard(&self) {
        self.0.send_if_modified(|state| {
            state.is_listening = false;
            let asked = state.asked.take();
            if let Some(asked) = asked {
                state.slowest = state.slowest.max(asked.elapsed());
            }
            asked.is_some()
        });
    }

    /// Waits until an answer is late: by that time, and by more than answers are on this connection.
    pub(super) async fn faint(&self, late: Duration) {
        let mut seen = self.0.subscribe();
        loop {
            let State { asked, slowest, .. } = *seen.borrow_and_update();
            let due = asked.map(|asked| asked + late.max(2 * slowest));
            let passes = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                () = passes => return,
                _ = seen.changed() => {}
            }
        }
    }

    /// Waits until something is heard again.
    pub(super) async fn beats(&self) {
        // The sender is ours: it is never gone.
        let _ = self
            .0
            .subscribe()
            .wait_for(|state| state.asked.is_none())
            .await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{sleep, timeout};

    use super::*;

    const LATE: Duration = Duration::from_millis(50);

    async fn is_faint(pulse: &Pulse) -> bool {
        timeout(4 * LATE, pulse.faint(LATE)).await.is_ok()
    }

    #[tokio::test]
    async fn only_an_answer_that_is_late_is_a_bad_sign() {
        let pulse = Pulse::new();
        assert!(!is_faint(&pulse).await, "nothing was asked");
        pulse.asked();
        assert!(!is_faint(&pulse).await, "nobody listens");
        pulse.listens();
        pulse.asked();
        assert!(is_faint(&pulse).await);
        pulse.heard();
        pulse.beats().await;
        pulse.listens();
        assert!(!is_faint(&pulse).await);
    }

    #[tokio::test]
    async fn where_answers_are_slow_one_is_late_later() {
        let pulse = Pulse::new();
        pulse.listens();
        pulse.asked();
        sleep(6 * LATE).await;
        pulse.heard();
        pulse.listens();
        pulse.asked();
        assert!(!is_faint(&pulse).await);
        timeout(Duration::from_secs(10), pulse.faint(LATE))
            .await
            .unwrap();
    }
}
