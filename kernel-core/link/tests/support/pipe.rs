//! A byte stream in memory, with a small buffer so that writers really wait.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use embedded_io_async::{ErrorType, Read, Write};

#[derive(Default)]
struct Shared {
    bytes: VecDeque<u8>,
    closed: bool,
    wakers: Vec<Waker>,
}

impl Shared {
    fn changed(&mut self) {
        self.wakers.drain(..).for_each(Waker::wake);
    }
}

/// One direction's reading end.
pub struct Reader(Rc<RefCell<Shared>>);

/// One direction's writing end; the stream ends when it is dropped.
pub struct Writer(Rc<RefCell<Shared>>, usize);

/// A stream that holds this many bytes.
pub fn pipe(capacity: usize) -> (Reader, Writer) {
    let shared = Rc::new(RefCell::new(Shared::default()));
    (Reader(shared.clone()), Writer(shared, capacity))
}

impl ErrorType for Reader {
    type Error = Infallible;
}

impl ErrorType for Writer {
    type Error = Infallible;
}

impl Read for Reader {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Infallible> {
        poll_fn(|cx| {
            let mut shared = self.0.borrow_mut();
            if shared.bytes.is_empty() && !shared.closed {
                shared.wakers.push(cx.waker().clone());
                return Poll::Pending;
            }
            let count = buf.len().min(shared.bytes.len());
            for (to, byte) in buf.iter_mut().zip(shared.bytes.drain(..count)) {
                *to = byte;
            }
            shared.changed();
            Poll::Ready(Ok(count))
        })
        .await
    }
}

impl Write for Writer {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Infallible> {
        poll_fn(|cx| {
            let mut shared = self.0.borrow_mut();
            let count = buf.len().min(self.1.saturating_sub(shared.bytes.len()));
            if count == 0 && !buf.is_empty() {
                shared.wakers.push(cx.waker().clone());
                return Poll::Pending;
            }
            shared.bytes.extend(&buf[..count]);
            shared.changed();
            Poll::Ready(Ok(count))
        })
        .await
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let mut shared = self.0.borrow_mut();
        shared.closed = true;
        shared.changed();
    }
}
