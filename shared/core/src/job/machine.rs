//! The state machine: the sole judge of which status may follow which. Pure, and without a wildcard arm, so that a
//! new status or event does not compile until every pair has been decided.

use super::status::Status;

/// Everything that can happen to a job's status.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// A producer begins.
    Start,
    /// A producer reports progress (a pending job's first report begins it).
    Report,
    /// A person asks for a pause.
    Pause,
    /// A person asks to go on.
    Resume,
    /// A person ends it.
    Cancel,
    /// The work ended well.
    Complete,
    /// The work ended badly, or its producer is lost.
    Fail,
    /// The producer could not pause: back to running.
    PauseRefused,
    /// The producer could not go on: back to paused.
    ResumeRefused,
    /// A worker gave the job back before it began.
    Release,
}

impl Event {
    /// Every event.
    pub const ALL: [Self; 10] = [
        Self::Start,
        Self::Report,
        Self::Pause,
        Self::Resume,
        Self::Cancel,
        Self::Complete,
        Self::Fail,
        Self::PauseRefused,
        Self::ResumeRefused,
        Self::Release,
    ];
}

/// Why an event changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Illegal {
    /// The job has ended; final is final.
    Finished,
    /// Not from this status.
    State,
}

/// The status that follows, or why none does.
pub const fn next(status: Status, event: Event) -> Result<Status, Illegal> {
    match status {
        Status::Pending => from_pending(event),
        Status::Running => from_running(event),
        Status::Paused => from_paused(event),
        Status::Completed | Status::Failed | Status::Cancelled => Err(Illegal::Finished),
    }
}

const fn from_pending(event: Event) -> Result<Status, Illegal> {
    match event {
        Event::Start | Event::Report => Ok(Status::Running),
        Event::Cancel => Ok(Status::Cancelled),
        Event::Release => Ok(Status::Pending),
        Event::Pause
        | Event::Resume
        | Event::Complete
        | Event::Fail
        | Event::PauseRefused
        | Event::ResumeRefused => Err(Illegal::State),
    }
}

const fn from_running(event: Event) -> Result<Status, Illegal> {
    match event {
        Event::Report => Ok(Status::Running),
        Event::Pause | Event::ResumeRefused => Ok(Status::Paused),
        Event::Cancel => Ok(Status::Cancelled),
        Event::Complete => Ok(Status::Completed),
        Event::Fail => Ok(Status::Failed),
        Event::Start | Event::Resume | Event::PauseRefused | Event::Release => Err(Illegal::State),
    }
}

const fn from_paused(event: Event) -> Result<Status, Illegal> {
    match event {
        Event::Report => Ok(Status::Paused),
        Event::Resume | Event::PauseRefused => Ok(Status::Running),
        Event::Cancel => Ok(Status::Cancelled),
        Event::Complete => Ok(Status::Completed),
        Event::Fail => Ok(Status::Failed),
        Event::Start | Event::Pause | Event::ResumeRefused | Event::Release => Err(Illegal::State),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One row a status, one column an event in the order of [`Event::ALL`]; `.` is refused, `!` is final.
    const TABLE: [(Status, &str); 6] = [
        (Status::Pending, "R R . . C . . . . P"),
        (Status::Running, ". R S . C D F . S ."),
        (Status::Paused, ". S . R C D F R . ."),
        (Status::Completed, "! ! ! ! ! ! ! ! ! !"),
        (Status::Failed, "! ! ! ! ! ! ! ! ! !"),
        (Status::Cancelled, "! ! ! ! ! ! ! ! ! !"),
    ];

    #[test]
    fn every_pair_of_status_and_event() {
        for (status, row) in TABLE {
            let cells: Vec<_> = row.split(' ').collect();
            assert_eq!(cells.len(), Event::ALL.len());
            for (event, cell) in Event::ALL.into_iter().zip(cells) {
                let expected = match cell {
                    "P" => Ok(Status::Pending),
                    "R" => Ok(Status::Running),
                    "S" => Ok(Status::Paused),
                    "C" => Ok(Status::Cancelled),
                    "D" => Ok(Status::Completed),
                    "F" => Ok(Status::Failed),
                    "!" => Err(Illegal::Finished),
                    _ => Err(Illegal::State),
                };
                assert_eq!(next(status, event), expected, "{status} and {event:?}");
            }
        }
    }
}
