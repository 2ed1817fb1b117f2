//! The frame: how one record lies in the log, in an archive of endings and in the sealed board. Pure.
//!
//! Little-endian: mark (4 bytes that UTF-8 never contains), length of the payload (4), CRC32C of all the rest (4),
//! sequence (8), time (8), job (16), kind (1), payload. The mark lets a reader find the next good frame behind a bad one.

use jobtop_core::{JobId, Timestamp};

/// What every frame begins with.
const MARK: [u8; 4] = [0xF5, b'j', b't', 0xFF];
/// Bytes in front of the payload.
pub(super) const HEADER: usize = 45;
/// No payload is longer: a length beyond it is damage.
const LONGEST: usize = 64 << 20;

/// What a frame says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// The daemon started: the payload names its epoch.
    Start,
    /// Sequence numbers before this one may be missing: what they stood for was never acknowledged.
    Turn,
    /// A whole job that has not ended.
    Job,
    /// The mutable part of a job.
    Tick,
    /// A whole job that has ended.
    Ended,
}

impl Kind {
    const fn byte(self) -> u8 {
        match self {
            Self::Start => 1,
            Self::Turn => 2,
            Self::Job => 3,
            Self::Tick => 4,
            Self::Ended => 5,
        }
    }

    const fn of(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Start),
            2 => Some(Self::Turn),
            3 => Some(Self::Job),
            4 => Some(Self::Tick),
            5 => Some(Self::Ended),
            _ => None,
        }
    }
}

/// What stands in front of the payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Head {
    /// Grows with every frame.
    pub(super) sequence: u64,
    /// When the job ended or was last changed, or the present.
    pub(super) at: Timestamp,
    /// Which job; zero where there is none.
    pub(super) id: JobId,
    /// What it says.
    pub(super) kind: Kind,
}

/// A frame as it was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Frame<'a> {
    /// Its head.
    pub(super) head: Head,
    /// What it carries.
    pub(super) payload: &'a [u8],
    /// All of it, as it lies on the disk.
    pub(super) bytes: &'a [u8],
}

/// Appends a frame whose payload `fill` writes.
pub(super) fn write<E>(
    to: &mut Vec<u8>,
    head: Head,
    fill: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let start = to.len();
    to.extend_from_slice(&MARK);
    to.extend_from_slice(&[0; 8]);
    to.extend_from_slice(&head.sequence.to_le_bytes());
    to.extend_from_slice(&head.at.0.to_le_bytes());
    to.extend_from_slice(&head.id.0.to_le_bytes());
    to.push(head.kind.byte());
    if let Err(error) = fill(to) {
        to.truncate(start);
        return Err(error);
    }
    let length = (to.len() - start - HEADER) as u32;
    to[start + 4..start + 8].copy_from_slice(&length.to_le_bytes());
    let crc = checksum(length, &to[start + 12..]);
    to[start + 8..start + 12].copy_from_slice(&crc.to_le_bytes());
    Ok(())
}

/// The head at the beginning of `bytes` and the length of the whole frame, without a look at the payload or the checksum.
pub(super) fn peek(bytes: &[u8]) -> Option<(Head, usize)> {
    let bytes = bytes.get(..HEADER)?;
    if bytes[..4] != MARK {
        return None;
    }
    let length = u32::from_le_bytes(array(&bytes[4..])) as usize;
    let head = Head {
        sequence: u64::from_le_bytes(array(&bytes[12..])),
        at: Timestamp(i64::from_le_bytes(array(&bytes[20..]))),
        id: JobId(u128::from_le_bytes(array(&bytes[28..]))),
        kind: Kind::of(bytes[44])?,
    };
    (length <= LONGEST).then_some((head, HEADER + length))
}

/// The frame at the beginning of `bytes`, if it is whole and sound.
pub(super) fn read(bytes: &[u8]) -> Option<Frame<'_>> {
    let (head, length) = peek(bytes)?;
    let bytes = bytes.get(..length)?;
    let crc = u32::from_le_bytes(array(&bytes[8..]));
    (crc == checksum((length - HEADER) as u32, &bytes[12..])).then_some(Frame {
        head,
        payload: &bytes[HEADER..],
        bytes,
    })
}

/// One step through a run of frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step<'a> {
    /// A sound frame.
    Frame(Frame<'a>),
    /// That many bytes are no frame, and a sound one follows.
    Damage(usize),
    /// Nothing sound follows. That many bytes are left, `torn` if they are anything but zeros.
    End {
        /// Bytes left.
        left: usize,
        /// Whether something was written there.
        torn: bool,
    },
}

/// Walks through a run of frames, over bad ones; ends with one [`Step::End`].
pub(super) fn scan(bytes: &[u8]) -> impl Iterator<Item = Step<'_>> {
    let mut rest = Some(bytes);
    std::iter::from_fn(move || {
        let bytes = rest.take()?;
        if let Some(frame) = read(bytes) {
            rest = Some(&bytes[frame.bytes.len()..]);
            return Some(Step::Frame(frame));
        }
        if let Some(skipped) = find(bytes) {
            rest = Some(&bytes[skipped..]);
            return Some(Step::Damage(skipped));
        }
        Some(Step::End {
            left: bytes.len(),
            torn: !is_zero(bytes),
        })
    })
}

/// Where the next sound frame begins.
fn find(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    while let Some(hop) = bytes.get(at..)?.iter().position(|byte| *byte == MARK[0]) {
        at += hop;
        if read(&bytes[at..]).is_some() {
            return Some(at);
        }
        at += 1;
    }
    None
}

fn is_zero(bytes: &[u8]) -> bool {
    const ZEROS: [u8; 4096] = [0; 4096];
    bytes
        .chunks(ZEROS.len())
        .all(|chunk| *chunk == ZEROS[..chunk.len()])
}

fn checksum(length: u32, rest: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&length.to_le_bytes()), rest)
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[..N]);
    array
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    fn frame(sequence: u64, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let head = Head {
            sequence,
            at: Timestamp(-7),
            id: JobId(u128::MAX - 3),
            kind: Kind::Ended,
        };
        write(&mut bytes, head, |to| {
            to.extend_from_slice(payload);
            Ok::<_, Infallible>(())
        })
        .unwrap();
        bytes
    }

    fn sequences(bytes: &[u8]) -> (Vec<u64>, usize, bool) {
        let (mut found, mut damaged, mut is_torn) = (Vec::new(), 0, false);
        for step in scan(bytes) {
            match step {
                Step::Frame(frame) => found.push(frame.head.sequence),
                Step::Damage(bytes) => damaged += bytes,
                Step::End { torn, .. } => is_torn = torn,
            }
        }
        (found, damaged, is_torn)
    }

    #[test]
    fn reads_back_what_was_written() {
        let bytes = frame(9, b"payload");
        let read = read(&bytes).unwrap();
        assert_eq!(read.payload, b"payload");
        assert_eq!(read.head.sequence, 9);
        assert_eq!(read.head.at, Timestamp(-7));
        assert_eq!(read.head.id, JobId(u128::MAX - 3));
        assert_eq!(read.head.kind, Kind::Ended);
        assert_eq!(read.bytes, bytes);
    }

    #[test]
    fn a_failed_payload_leaves_nothing_behind() {
        let mut bytes = b"before".to_vec();
        let head = read(&frame(1, b"")).unwrap().head;
        assert_eq!(write(&mut bytes, head, |_| Err("no")), Err("no"));
        assert_eq!(bytes, b"before");
    }

    #[test]
    fn a_run_ends_cleanly_in_zeros_and_is_torn_in_anything_else() {
        let mut bytes = [frame(1, b"a"), frame(2, b"b")].concat();
        assert_eq!(sequences(&bytes), (vec![1, 2], 0, false));
        let whole = bytes.len();
        bytes.extend_from_slice(&[0; 10_000]);
        assert_eq!(sequences(&bytes), (vec![1, 2], 0, false));
        bytes.truncate(whole - 1);
        assert_eq!(sequences(&bytes), (vec![1], 0, true));
    }

    proptest! {
        #[test]
        fn one_damaged_byte_costs_one_frame(at in 0_usize..1_000, flip in 1_u8..=255) {
            let frames: Vec<_> = (0..20).map(|n| frame(n, &vec![b'x'; n as usize])).collect();
            let mut bytes = frames.concat();
            let at = at % bytes.len();
            bytes[at] ^= flip;
            let mut end = 0;
            let hit = frames.iter().position(|f| { end += f.len(); at < end }).unwrap();
            let (found, damaged, torn) = sequences(&bytes);
            let expected: Vec<u64> = (0..20).filter(|n| *n != hit as u64).collect();
            prop_assert_eq!(found, expected);
            prop_assert_eq!(damaged + if torn { frames[19].len() } else { 0 }, frames[hit].len());
        }

        #[test]
        fn any_bytes_are_walked_through_to_the_end(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let ended = matches!(scan(&bytes).last(), Some(Step::End { .. }));
            prop_assert!(ended);
        }
    }
}
