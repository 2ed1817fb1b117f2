//! The logs that a client follows. What is said is read from the file whenever the socket is free, so a slow client makes no
//! queue: it is as far as it has read.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use jobtop_core::access::Identity;
use jobtop_core::proto::channel::Channel;
use jobtop_core::{Job, JobId};
use tokio::time::Instant;

use super::session::Shared;
use crate::logs::part::{Begin, Part};

/// The time between two looks at the logs.
const LOOK: Duration = Duration::from_millis(40);
/// About as many bytes are said at once.
const PART: usize = 32 * 1024;

/// A log that is followed.
#[derive(Debug)]
struct Followed {
    channel: Channel,
    job: JobId,
    /// Who is to hear it: a job that was unknown when it was subscribed may turn out to be somebody else's.
    who: Identity,
    from: Begin,
    over: bool,
}

/// All of one client's.
#[derive(Debug, Default)]
pub(super) struct Following {
    list: Vec<Followed>,
    due: Option<Instant>,
}

/// What there is to say of one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum News {
    /// More of it, and where that ends.
    Text(String, u64),
    /// Nothing will come any more.
    End,
}

impl Following {
    /// Follows the log of a job from there on.
    pub(super) fn add(&mut self, channel: Channel, who: Identity, job: JobId, from: Begin) {
        self.remove(&channel);
        self.list.push(Followed {
            channel,
            job,
            who,
            from,
            over: false,
        });
        self.due = Some(Instant::now());
    }

    pub(super) fn remove(&mut self, channel: &Channel) {
        self.list.retain(|followed| followed.channel != *channel);
        if self.list.is_empty() {
            self.due = None;
        }
    }

    /// Ends when it is time for a look; never, if none is followed.
    pub(super) async fn due(&self) {
        match self.due {
            Some(due) => tokio::time::sleep_until(due).await,
            None => std::future::pending().await,
        }
    }

    /// One look at each. What can't be read is as good as ended.
    pub(super) async fn look(&mut self, shared: &Shared) -> Vec<(String, JobId, News)> {
        let mut news = Vec::new();
        let mut more = false;
        for followed in self.list.iter_mut().filter(|followed| !followed.over) {
            // Asked before it is read: what ended by then has written all.
            let Some(job) = find(shared, followed.job).await else {
                // It may come yet.
                continue;
            };
            let ended = job.is_final() && job.state.control.is_none();
            let name = || followed.channel.name().to_owned();
            if !followed.who.sees(&job.spec.user) {
                followed.over = true;
                continue;
            }
            match read(shared, followed.job, followed.from).await {
                Ok(Some(part)) => {
                    let (text, next) = text_of(&part, ended);
                    followed.from = Begin::Offset(next);
                    more |= !part.end;
                    if !text.is_empty() {
                        news.push((name(), followed.job, News::Text(text, next)));
                    }
                    followed.over = ended && part.end;
                }
                Ok(None) => followed.over = ended,
                Err(error) => {
                    tracing::warn!(job = %followed.job, %error, "a log can't be read");
                    followed.over = true;
                }
            }
            if followed.over {
                news.push((name(), followed.job, News::End));
            }
        }
        let open = self.list.iter().filter(|followed| !followed.over).count();
        // Who follows many of them hears of each a little later.
        let rest = LOOK * u32::try_from(1 + open / 8).unwrap_or(1);
        let rest = if more { Duration::ZERO } else { rest };
        self.due = (open > 0).then(|| Instant::now() + rest);
        news
    }
}

async fn find(shared: &Shared, job: JobId) -> Option<Arc<Job>> {
    match shared.hub.get(job) {
        Some(job) => Some(job),
        None => (shared.lookup)(job).await,
    }
}

async fn read(shared: &Shared, job: JobId, from: Begin) -> io::Result<Option<Part>> {
    let logs = shared.logs.clone();
    let read = tokio::task::spawn_blocking(move || logs.read(job, from, PART)).await;
    read.unwrap_or_else(|_| Err(io::Error::other("its reader failed")))
}

/// The part as text, up to its last whole character, and where that ends.
fn text_of(part: &Part, ended: bool) -> (String, u64) {
    let cut = if part.end && ended {
        0
    } else {
        begun(&part.bytes)
    };
    let whole = &part.bytes[..part.bytes.len() - cut];
    let text = String::from_utf8_lossy(whole).into_owned();
    (text, part.next - cut as u64)
}

/// How many bytes at the end are the beginning of a character.
fn begun(bytes: &[u8]) -> usize {
    let last = bytes.len().saturating_sub(3);
    (last..bytes.len())
        .find(|at| {
            std::str::from_utf8(&bytes[*at..])
                .is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
        })
        .map_or(0, |at| bytes.len() - at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_is_said_when_it_is_whole() {
        let text = "aä€😀".as_bytes();
        for (bytes, whole) in [
            (&text[..1], "a"),
            (&text[..2], "a"),
            (&text[..3], "aä"),
            (&text[..5], "aä"),
            (&text[..6], "aä€"),
            (&text[..9], "aä€"),
            (text, "aä€😀"),
            (&b"x\xff"[..], "x\u{fffd}"),
            (&b""[..], ""),
        ] {
            let part = Part {
                bytes: bytes.to_vec(),
                next: 100 + bytes.len() as u64,
                end: true,
            };
            let (said, next) = text_of(&part, false);
            assert_eq!(said, whole);
            let valid = std::str::from_utf8(bytes).map_or_else(
                |error| {
                    if error.error_len().is_none() {
                        error.valid_up_to()
                    } else {
                        bytes.len()
                    }
                },
                str::len,
            );
            assert_eq!(next, 100 + valid as u64, "{whole}");
        }
        let part = Part {
            bytes: text[..2].to_vec(),
            next: 2,
            end: true,
        };
        assert_eq!(text_of(&part, true), ("a\u{fffd}".to_owned(), 2));
    }
}
