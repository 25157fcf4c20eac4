//! The serial line as a byte stream: what comes in is taken by the interrupt into a ring buffer.
//!
//! When the ring is full the interrupt stops taking bytes until there is room again. A line with
//! flow control then holds the sender; one without loses bytes, which the link's checksum tells.

use core::convert::Infallible;
use core::future::poll_fn;
use core::task::Poll;

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::pipe::Pipe;
use embassy_sync::waitqueue::AtomicWaker;
use embedded_io_async::{ErrorType, Read, Write};

use crate::board::{Line, Parts};

/// Bytes that came in and were not read yet.
static INBOX: Pipe<CriticalSectionRawMutex, 256> = Pipe::new();
/// Who waits to send.
static SENDER: AtomicWaker = AtomicWaker::new();

/// The receiving half.
pub struct Reader(());
/// The sending half.
pub struct Writer(());

/// Starts the serial line: 115,200 baud, 8 bits, no parity.
pub fn start(_: &mut Parts) -> (Reader, Writer) {
    Line::start();
    (Reader(()), Writer(()))
}

/// Takes what came, and wakes who waits to send.
pub(crate) fn on_interrupt() {
    Line::acknowledge();
    SENDER.wake();
    take();
}

/// Moves bytes from the line to the ring, as many as there is room for.
fn take() {
    critical_section::with(|_| {
        while INBOX.free_capacity() > 0 {
            let Some(byte) = Line::receive() else {
                return Line::listen(true);
            };
            // There is room, and nobody else writes.
            let _ = INBOX.try_write(&[byte]);
        }
        Line::listen(false);
    });
}

impl ErrorType for Reader {
    type Error = Infallible;
}

impl Read for Reader {
    async fn read(&mut self, to: &mut [u8]) -> Result<usize, Infallible> {
        let count = INBOX.read(to).await;
        take();
        Ok(count)
    }
}

impl ErrorType for Writer {
    type Error = Infallible;
}

impl Write for Writer {
    async fn write(&mut self, from: &[u8]) -> Result<usize, Infallible> {
        poll_fn(|cx| {
            SENDER.register(cx.waker());
            let mut sent = 0;
            for byte in from {
                if !Line::can_send() {
                    break;
                }
                Line::send(*byte);
                sent += 1;
            }
            if sent == 0 && !from.is_empty() {
                Line::want_to_send();
                return Poll::Pending;
            }
            Poll::Ready(Ok(sent))
        })
        .await
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
