//! A connected socket as two halves of a byte stream, on the reactor of the thread.
//!
//! The reactor watches for what comes, and for room only while there is none. One that always watches
//! for both, as those of tokio's own streams do, wakes the thread whenever the client has read: a change
//! of threads for each answer, for nothing.

use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;

use embedded_io_adapters::tokio_1::FromTokio;
use embedded_io_async::{ErrorType, Write};
use rustix::io::Errno;
use rustix::net::{SendFlags, send};
use tokio::net::unix::pipe;

/// What comes: to the reactor, what can only be read is a pipe.
pub(crate) type Reader = FromTokio<pipe::Receiver>;

/// What goes.
pub(crate) struct Writer(OwnedFd);

/// The halves of a socket that does not block.
///
/// # Errors
/// When the reactor does not take it.
pub(crate) fn halves(socket: OwnedFd) -> io::Result<(Reader, Writer)> {
    let writer = Writer(socket.try_clone()?);
    let reader = pipe::Receiver::from_owned_fd_unchecked(socket)?;
    Ok((FromTokio::new(reader), writer))
}

impl ErrorType for Writer {
    type Error = io::Error;
}

impl Write for Writer {
    async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        loop {
            match send(&self.0, buf, SendFlags::NOSIGNAL) {
                Ok(0) if !buf.is_empty() => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => return Ok(count),
                Err(Errno::AGAIN) => self.until_room().await?,
                Err(Errno::INTR) => {}
                Err(cause) => return Err(cause.into()),
            }
        }
    }

    async fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Writer {
    async fn until_room(&self) -> io::Result<()> {
        pipe::Sender::from_owned_fd_unchecked(self.0.try_clone()?)?
            .writable()
            .await
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use embedded_io_async::Read;

    use super::*;

    #[test]
    fn much_goes_through_to_one_that_reads_late() {
        const MUCH: usize = 4 << 20;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        theirs.set_nonblocking(true).unwrap();
        runtime.block_on(async {
            let (mut from, mut to) = halves(ours.into()).unwrap();
            let (mut there, mut back) = halves(theirs.into()).unwrap();
            let sending = async {
                let bytes: Vec<u8> = (0..MUCH).map(|at| at as u8).collect();
                to.write_all(&bytes).await.unwrap();
                let mut answer = [0; 1];
                assert_eq!(from.read(&mut answer).await.unwrap(), 1);
                drop((from, to));
            };
            let receiving = async {
                let (mut at, mut buf) = (0, vec![0; 5000]);
                while at < MUCH {
                    tokio::task::yield_now().await;
                    let count = there.read(&mut buf).await.unwrap();
                    assert!(count > 0);
                    assert!(
                        buf[..count]
                            .iter()
                            .enumerate()
                            .all(|(i, byte)| *byte == (at + i) as u8)
                    );
                    at += count;
                }
                back.write_all(b"!").await.unwrap();
                assert_eq!(there.read(&mut buf).await.unwrap(), 0, "it hung up");
            };
            tokio::join!(sending, receiving);
        });
    }
}
