//! Viewers: connections that read as fast as they can, all on one thread.

use std::io;
use std::sync::mpsc;

use jobtop_e2e::wire::Wire;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::Notify;

use crate::lean::{self, Frames};
use crate::limit;
use crate::subject::Subject;

/// Connected viewers; they end with this value.
#[derive(Debug)]
pub(crate) struct Viewers {
    stop: std::sync::Arc<Notify>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Viewers {
    /// Connects so many viewers to the server's updates; `see` is told each payload of each, by its number.
    pub(crate) fn start<F>(subject: &Subject, count: usize, see: F) -> Self
    where
        F: Fn(usize, &[u8]) + Clone + Send + 'static,
    {
        let connections: Vec<_> = (0..count).map(|_| connect(subject)).collect();
        let stop = std::sync::Arc::new(Notify::new());
        let until = std::sync::Arc::clone(&stop);
        let (ready, serving) = mpsc::sync_channel(1);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_io()
                .build()
                .expect("a runtime");
            runtime.block_on(async move {
                for (number, (wire, frames)) in connections.into_iter().enumerate() {
                    let stream = into_async(wire).expect("a stream can be watched");
                    tokio::spawn(view(stream, frames, number, see.clone()));
                }
                let _ = ready.send(());
                until.notified().await;
            });
        });
        serving.recv().expect("the viewers run");
        Self {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Viewers {
    fn drop(&mut self) {
        self.stop.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Connects, subscribes and waits for the confirmation.
fn connect(subject: &Subject) -> (Wire, Frames) {
    use std::io::{Read, Write};
    let path = if subject.is_limit() {
        limit::VIEWER
    } else {
        "/progress"
    };
    let (mut wire, rest) =
        lean::upgrade(subject.endpoint(), path).expect("the server takes a viewer");
    let mut frames = Frames::new(rest);
    if !subject.is_limit() {
        let mut ask = Vec::new();
        lean::frame("{\"type\":\"subscribe\",\"channel\":\"jobs\"}", &mut ask);
        wire.write_all(&ask)
            .expect("the server takes a subscription");
    }
    let mut buf = [0_u8; 4096];
    loop {
        while let Some(payload) = frames.next() {
            if payload.starts_with(b"{\"type\":\"subscribed\"") {
                return (wire, frames);
            }
        }
        let n = wire.read(&mut buf).expect("the server answers");
        assert!(n > 0, "the server ended a viewer's connection");
        frames.push(&buf[..n]);
    }
}

fn into_async(wire: Wire) -> io::Result<Box<dyn AsyncRead + Send + Unpin>> {
    Ok(match wire {
        Wire::Tcp(stream) => {
            stream.set_nonblocking(true)?;
            Box::new(tokio::net::TcpStream::from_std(stream)?)
        }
        Wire::Unix(stream) => {
            stream.set_nonblocking(true)?;
            Box::new(tokio::net::UnixStream::from_std(stream)?)
        }
    })
}

async fn view<F>(
    mut stream: Box<dyn AsyncRead + Send + Unpin>,
    mut frames: Frames,
    number: usize,
    see: F,
) where
    F: Fn(usize, &[u8]),
{
    let mut buf = vec![0_u8; 64 * 1024];
    loop {
        while let Some(payload) = frames.next() {
            see(number, payload);
        }
        match stream.read(&mut buf).await {
            Ok(n @ 1..) => frames.push(&buf[..n]),
            _ => return,
        }
    }
}
