//! Where each subscription goes on after a cut: the newest revision that was read, once a snapshot was complete.
//!
//! Pure, and the same rules as the mirror's: what is half told is asked for anew.

use jobtop_core::proto::message::{Message, Subscribed};
use jobtop_core::proto::request::Subscribe;

/// The standing subscriptions and how far each has come.
#[derive(Debug)]
pub(super) struct Positions(Vec<Position>);

#[derive(Debug)]
struct Position {
    wanted: Subscribe,
    epoch: Option<u64>,
    revision: u64,
    /// A snapshot is under way: what was read so far is not the whole.
    filling: bool,
}

impl Positions {
    pub(super) fn new(subscriptions: Vec<Subscribe>) -> Self {
        Self(subscriptions.into_iter().map(Position::new).collect())
    }

    /// What to ask on a new connection.
    pub(super) fn to_ask(&self) -> impl Iterator<Item = Subscribe> + '_ {
        self.0.iter().map(Position::to_ask)
    }

    /// Where all of them can go on together: the least revision, if all know the same epoch.
    pub(super) fn common(&self) -> Option<(u64, u64)> {
        let asked: Option<Vec<(u64, u64)>> = (self.to_ask())
            .map(|wanted| Some((wanted.after?, wanted.epoch?)))
            .collect();
        let asked = asked?;
        let (least, epoch) = *asked.iter().min()?;
        asked
            .iter()
            .all(|(_, other)| *other == epoch)
            .then_some((least, epoch))
    }

    /// Whether nothing is subscribed: then the connection is for reports alone.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A message passes on its way to the consumer.
    pub(super) fn see(&mut self, message: &Message) {
        match message {
            Message::Subscribed(said) => {
                if let Some(position) = self.of(&said.channel) {
                    position.begin(said);
                }
            }
            Message::SnapshotEnd(said) => {
                if let Some(position) = self.of(&said.channel) {
                    position.filling = false;
                    position.epoch = Some(said.epoch);
                    position.reach(said.revision);
                }
            }
            Message::JobSnapshot { channel, job } => self.reach(channel, job.revision),
            Message::JobUpdate { channel, patch, .. } => self.reach(channel, patch.revision),
            Message::JobRemoved {
                channel, revision, ..
            } => self.reach(channel, *revision),
            _ => {}
        }
    }

    fn reach(&mut self, channel: &str, revision: u64) {
        if let Some(position) = self.of(channel) {
            position.reach(revision);
        }
    }

    fn of(&mut self, channel: &str) -> Option<&mut Position> {
        self.0
            .iter_mut()
            .find(|position| position.wanted.channel == channel)
    }
}

impl Position {
    fn new(wanted: Subscribe) -> Self {
        Self {
            epoch: wanted.epoch,
            revision: wanted.after.unwrap_or(0),
            filling: false,
            wanted,
        }
    }

    fn to_ask(&self) -> Subscribe {
        let Some(epoch) = self.epoch.filter(|_| self.wanted.snapshot && !self.filling) else {
            return self.wanted.clone();
        };
        Subscribe {
            after: Some(self.revision),
            epoch: Some(epoch),
            ..self.wanted.clone()
        }
    }

    fn begin(&mut self, said: &Subscribed) {
        if said.reset || self.epoch != Some(said.epoch) {
            self.filling = true;
            self.revision = 0;
        }
        self.epoch = Some(said.epoch);
    }

    fn reach(&mut self, revision: u64) {
        self.revision = self.revision.max(revision);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> Subscribe {
        Subscribe {
            channel: "jobs".to_owned(),
            snapshot: true,
            ..Subscribe::default()
        }
    }

    fn after(revision: u64, epoch: u64) -> Subscribe {
        Subscribe {
            after: Some(revision),
            epoch: Some(epoch),
            ..wanted()
        }
    }

    fn check(frames: &[&str], then: &Subscribe) {
        let mut positions = Positions::new(vec![wanted()]);
        for frame in frames {
            positions.see(&Message::read(frame).unwrap());
        }
        assert_eq!(positions.to_ask().next().as_ref(), Some(then), "{frames:?}");
    }

    #[test]
    fn only_a_complete_snapshot_is_a_place_to_go_on_from() {
        const ID: &str = "job_01JD8ZAAAAAAAAAAAAAAAAAAAA";
        let removed = |revision: u64, channel: &str| {
            format!(
                r#"{{"type":"job_removed","jobId":"{ID}","revision":{revision},"channel":"{channel}"}}"#
            )
        };
        let begun = r#"{"type":"subscribed","channel":"jobs","revision":9,"epoch":7}"#;
        let reset = r#"{"type":"subscribed","channel":"jobs","revision":9,"epoch":7,"reset":true}"#;
        let other = r#"{"type":"subscribed","channel":"jobs","revision":1,"epoch":8}"#;
        let end = r#"{"type":"snapshot_end","channel":"jobs","revision":9,"epoch":7}"#;
        let (r8, r12, else12) = (
            removed(8, "jobs"),
            removed(12, "jobs"),
            removed(12, "job:a"),
        );

        check(&[], &wanted());
        check(&[begun], &wanted());
        check(&[begun, &r8, &r12], &wanted());
        check(&[begun, end], &after(9, 7));
        check(&[begun, &r12, end], &after(12, 7));
        check(&[begun, end, &r12], &after(12, 7));
        check(&[begun, end, &else12], &after(9, 7));
        // Caught up on the next connection; nothing was told anew.
        check(&[begun, end, begun], &after(9, 7));
        check(&[begun, end, begun, &r12], &after(12, 7));
        // Told anew: the old place is worth nothing until the end of it.
        check(&[begun, end, &r12, reset], &wanted());
        check(&[begun, end, &r12, reset, end], &after(9, 7));
        check(&[begun, end, other], &wanted());
        // Cut in the middle of a snapshot, then a second one.
        check(&[begun, &r8, begun, &r8], &wanted());
    }

    #[test]
    fn a_subscription_without_snapshots_is_asked_as_it_was() {
        let plain = Subscribe {
            snapshot: false,
            ..wanted()
        };
        let mut positions = Positions::new(vec![plain.clone()]);
        positions.see(
            &Message::read(r#"{"type":"subscribed","channel":"jobs","revision":9,"epoch":7}"#)
                .unwrap(),
        );
        assert_eq!(positions.to_ask().collect::<Vec<_>>(), [plain]);
    }
}
