//! A stream of WebSocket frames that ends when a message comes in too many pieces. The library below bounds the bytes of a message, not
//! its pieces, and an empty piece costs no bytes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::feed::session::TooManyPieces;

/// The longest header of a client's frame: 2 bytes, 8 of length, 4 of mask.
const LONGEST: usize = 14;

/// A stream whose frames are counted as they pass.
#[derive(Debug)]
pub(super) struct Counted<S> {
    inner: S,
    counter: Counter,
}

impl<S> Counted<S> {
    /// That stream, of which `begun` was read already; a message may have `most` pieces.
    pub(super) fn new(inner: S, most: usize, begun: &[u8]) -> io::Result<Self> {
        let mut counter = Counter {
            most,
            pieces: 0,
            header: [0; LONGEST],
            have: 0,
            skip: 0,
        };
        counter.see(begun)?;
        Ok(Self { inner, counter })
    }
}

/// Reads the headers of frames and passes over what is in them.
#[derive(Debug)]
struct Counter {
    most: usize,
    /// Of the message that is under way.
    pieces: usize,
    header: [u8; LONGEST],
    have: usize,
    /// Bytes of a frame that are still to pass.
    skip: u64,
}

impl Counter {
    fn see(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.skip > 0 {
                let passed = usize::try_from(self.skip)
                    .unwrap_or(usize::MAX)
                    .min(bytes.len());
                self.skip -= passed as u64;
                bytes = &bytes[passed..];
                continue;
            }
            self.header[self.have] = bytes[0];
            self.have += 1;
            bytes = &bytes[1..];
            if let Some(length) = length(&self.header[..self.have]) {
                self.skip = length;
                self.have = 0;
                self.count()?;
            }
        }
        Ok(())
    }

    /// A frame begins. Those that control the connection may come between the pieces of a message.
    fn count(&mut self) -> io::Result<()> {
        let (last, opcode) = (self.header[0] & 0x80 != 0, self.header[0] & 0x0f);
        if opcode >= 8 {
            return Ok(());
        }
        self.pieces = if opcode == 0 { self.pieces + 1 } else { 1 };
        if self.pieces > self.most {
            return Err(io::Error::other(TooManyPieces));
        }
        if last {
            self.pieces = 0;
        }
        Ok(())
    }
}

/// The length of the frame whose header that is, once it is whole.
fn length(header: &[u8]) -> Option<u64> {
    let second = *header.get(1)?;
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    let (bytes, length) = match second & 0x7f {
        126 => (
            2,
            u64::from(u16::from_be_bytes(header.get(2..4)?.try_into().ok()?)),
        ),
        127 => (8, u64::from_be_bytes(header.get(2..10)?.try_into().ok()?)),
        short => (0, u64::from(short)),
    };
    (header.len() == 2 + bytes + mask).then_some(length)
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        let read = &buf.filled()[before..];
        Poll::Ready(self.counter.see(read))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A masked frame of `length` bytes.
    fn frame(first: u8, length: usize) -> Vec<u8> {
        let mut frame = vec![first];
        match length {
            0..126 => frame.push(0x80 + length as u8),
            126..65_536 => {
                frame.push(0x80 + 126);
                frame.extend((length as u16).to_be_bytes());
            }
            _ => {
                frame.push(0x80 + 127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(std::iter::repeat_n(0xff, length));
        frame
    }

    fn counted(frames: &[Vec<u8>], chunk: usize) -> bool {
        let mut counter = Counted::new((), 3, &[]).unwrap().counter;
        frames
            .concat()
            .chunks(chunk)
            .all(|bytes| counter.see(bytes).is_ok())
    }

    #[test]
    fn pieces_are_counted_however_they_arrive() {
        let (whole, first, more, last, ping) = (0x81, 0x01, 0x00, 0x80, 0x89);
        for (frames, fine) in [
            (vec![frame(whole, 5); 100], true),
            (
                vec![frame(first, 5), frame(more, 0), frame(last, 200)],
                true,
            ),
            (
                vec![
                    frame(first, 5),
                    frame(more, 70_000),
                    frame(more, 0),
                    frame(last, 1),
                ],
                false,
            ),
            (
                vec![
                    frame(first, 1),
                    frame(ping, 4),
                    frame(ping, 0),
                    frame(ping, 0),
                    frame(last, 1),
                    frame(first, 1),
                    frame(last, 1),
                ],
                true,
            ),
        ] {
            for chunk in [1, 2, 3, 7, 1_000_000] {
                assert_eq!(counted(&frames, chunk), fine, "{chunk}");
            }
        }
    }
}
