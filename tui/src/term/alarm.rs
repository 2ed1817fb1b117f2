//! One wake-up after a while: exactly one.
//!
//! The runtime's own timers are kept in wheels of growing slots, so a wait of a second costs it two wake-ups. On a screen
//! that has nothing to do but wait, that would be half of all it does; a timer of the kernel's costs one.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A timer of the kernel's.
pub(super) struct Alarm(AsyncFd<OwnedFd>);

impl Alarm {
    /// Makes one; it does not ring yet.
    pub(super) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        #[expect(
            deprecated,
            reason = "sound for an OwnedFd, which stays open and the same as long as it lives; its successor asks for a proof"
        )]
        AsyncFd::with_interest(timer, Interest::READABLE).map(Self)
    }

    /// Waits for so long. May be given up at any time: the next call sets the timer anew.
    pub(super) async fn after(&self, wait: Duration) -> io::Result<()> {
        if wait.is_zero() {
            return Ok(());
        }
        let once = Itimerspec {
            it_interval: Timespec::default(),
            it_value: Timespec {
                tv_sec: wait.as_secs().cast_signed(),
                tv_nsec: wait.subsec_nanos().into(),
            },
        };
        timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::empty(), &once)?;
        loop {
            let mut ready = self.0.readable().await?;
            // What an earlier setting left behind reads as "not yet".
            let rung = ready.try_io(|timer| Ok(rustix::io::read(timer.get_ref(), &mut [0_u8; 8])?));
            if let Ok(read) = rung {
                return read.map(|_| ());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn rings_once_for_each_setting_whatever_was_given_up() {
        let alarm = Alarm::new().unwrap();
        let soon = Duration::from_millis(2);
        for _ in 0..3 {
            // Given up before it rings, and again after it has rung unheard.
            drop(alarm.after(Duration::from_secs(600)));
            let given_up = tokio::time::timeout(soon, alarm.after(soon * 2)).await;
            drop(given_up);
            let began = std::time::Instant::now();
            let wait = Duration::from_millis(20);
            alarm.after(wait).await.unwrap();
            assert!(began.elapsed() >= wait);
        }
        alarm.after(Duration::ZERO).await.unwrap();
    }
}
