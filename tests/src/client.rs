//! A client of the link that blocks its thread, which is the fastest way for one that does nothing else.

use std::cell::RefCell;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use embedded_io_async::{ErrorType, Read, Write};
use kernel_link::{Client, Framing, ToClient};

use host_std::block_on;

/// How long an answer may take: far longer than any does.
const PATIENCE: Duration = Duration::from_secs(60);

/// Each of the client's two buffers.
const BUFFER: usize = 256 * 1024;

/// What a client receives, kept as it is, where somebody wants to know.
pub(crate) type Kept = Rc<RefCell<Vec<u8>>>;

/// Half a stream whose futures are always ready: they block.
#[derive(Debug)]
pub(crate) struct Blocking {
    stream: UnixStream,
    kept: Option<Kept>,
}

impl ErrorType for Blocking {
    type Error = io::Error;
}

impl Read for Blocking {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, io::Error> {
        loop {
            match self.stream.read(buf) {
                Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
                Ok(count) => {
                    if let Some(kept) = &self.kept {
                        kept.borrow_mut()
                            .extend_from_slice(buf.get(..count).unwrap_or(&[]));
                    }
                    return Ok(count);
                }
                Err(cause) => return Err(cause),
            }
        }
    }
}

impl Write for Blocking {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, io::Error> {
        self.stream.write_all(buf).map(|()| buf.len())
    }

    async fn flush(&mut self) -> Result<(), io::Error> {
        self.stream.flush()
    }
}

/// The memory of a client.
pub(crate) fn memory() -> Vec<u8> {
    vec![0; 2 * BUFFER]
}

/// A client on this stream; what it receives is kept in `kept`.
///
/// # Errors
/// When the stream cannot be shared by two halves.
pub(crate) fn on(
    stream: UnixStream,
    memory: &mut [u8],
    kept: Option<Kept>,
) -> Result<Client<'_, Blocking, Blocking>, String> {
    let write = stream
        .try_clone()
        .map_err(|cause| format!("the socket: {cause}"))?;
    let read = Blocking { stream, kept };
    let write = Blocking {
        stream: write,
        kept: None,
    };
    Client::new(Framing::Stream, read, write, memory).map_err(|cause| cause.to_string())
}

/// Connects to the runtime and opens a session.
///
/// # Errors
/// When the runtime does not answer as it should.
pub(crate) fn connect<'b>(
    socket: &Path,
    memory: &'b mut [u8],
    kept: Option<Kept>,
) -> Result<Client<'b, Blocking, Blocking>, String> {
    let stream = UnixStream::connect(socket)
        .and_then(|stream| stream.set_read_timeout(Some(PATIENCE)).map(|()| stream))
        .map_err(|cause| format!("{}: {cause}", socket.display()))?;
    let mut client = on(stream, memory, kept)?;
    block_on(async {
        client
            .hello("test", 1, "")
            .await
            .map_err(|cause| cause.to_string())?;
        match client.next().await.map_err(|cause| cause.to_string())? {
            ToClient::Hello { nonce: 1, .. } => Ok(()),
            other => Err(format!("no session: {other:?}")),
        }
    })?;
    Ok(client)
}
