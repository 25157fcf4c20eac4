//! A stream whose bytes are known beforehand, and a future on it that waits for nobody.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use embedded_io_async::{ErrorType, Read, Write};

/// The reading half: the bytes, a few at a time, then the end.
#[derive(Debug)]
pub struct Bytes<'a> {
    rest: &'a [u8],
    step: usize,
    gives_way: bool,
}

impl<'a> Bytes<'a> {
    /// These bytes, at most `step` at a time.
    pub fn new(bytes: &'a [u8], step: usize) -> Self {
        Bytes {
            rest: bytes,
            step: step.max(1),
            gives_way: false,
        }
    }
}

impl ErrorType for Bytes<'_> {
    type Error = Infallible;
}

impl Read for Bytes<'_> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Infallible> {
        // What was read first has its turn before the next is.
        self.gives_way = true;
        poll_fn(|task| match std::mem::take(&mut self.gives_way) {
            true => {
                task.waker().wake_by_ref();
                Poll::Pending
            }
            false => Poll::Ready(()),
        })
        .await;
        let len = buf.len().min(self.step).min(self.rest.len());
        let (now, rest) = self.rest.split_at(len);
        buf[..len].copy_from_slice(now);
        self.rest = rest;
        Ok(len)
    }
}

/// The writing half, which keeps all of it.
#[derive(Debug, Default)]
pub struct Sink<'a>(pub Option<&'a mut Vec<u8>>);

impl ErrorType for Sink<'_> {
    type Error = Infallible;
}

impl Write for Sink<'_> {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Infallible> {
        if let Some(all) = &mut self.0 {
            all.extend(buf);
        }
        Ok(buf.len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// Polls a future to its end.
///
/// # Panics
/// When it waits, though there is nobody who could wake it.
pub fn at_once<T>(what: &str, future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    for _ in 0..1_000_000 {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return value;
        }
    }
    panic!("{what} never ends");
}
