//! One connection: bytes in and out, and whether the other side is alive.

use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::time::timeout_at;

use crate::codec::{Codec, In, Welcome};
use crate::transport::Stream;

/// How long a broker has to take the connection, and to answer when it is asked for a packet.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Link {
    pub(crate) codec: Codec,
    pub(crate) welcome: Welcome,
    pub(crate) reader: ReadHalf<Box<dyn Stream>>,
    /// What was read.
    pub(crate) from: BytesMut,
    pub(crate) writer: Writer,
    /// What is to be written.
    pub(crate) to: BytesMut,
}

impl Link {
    pub(crate) fn new(stream: Box<dyn Stream>, codec: Codec) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        Link {
            codec,
            welcome: Welcome::default(),
            reader,
            from: BytesMut::new(),
            writer: Writer {
                half: writer,
                is_flushed: true,
            },
            to: BytesMut::new(),
        }
    }

    /// Writes all, and waits for the broker's welcome.
    pub(crate) async fn welcomed(&mut self) -> Result<Welcome, String> {
        self.write_all().await?;
        loop {
            match self.codec.read(&mut self.from)? {
                None => read(&mut self.reader, &mut self.from).await?,
                Some(In::Welcome(Ok(welcome))) => return Ok(welcome),
                Some(In::Welcome(Err(reason))) => {
                    return Err(format!("the broker refused the connection: {reason}"));
                }
                Some(_) => return Err("the broker began with something else than CONNACK".to_owned()),
            }
        }
    }

    /// Takes each packet that was read whole.
    pub(crate) fn each(
        &mut self,
        mut take: impl FnMut(In, &mut BytesMut) -> Result<(), String>,
    ) -> Result<(), String> {
        while let Some(packet) = self.codec.read(&mut self.from)? {
            take(packet, &mut self.to)?;
        }
        Ok(())
    }

    async fn write_all(&mut self) -> Result<(), String> {
        while !(self.to.is_empty() && self.writer.is_flushed) {
            self.writer.write(&mut self.to).await?;
        }
        Ok(())
    }

    /// Leaves the broker, by this time.
    pub(crate) async fn leave(&mut self, forget_session: bool, end: Instant) {
        self.codec.disconnect(forget_session, &mut self.to);
        // It is gone either way.
        let _ = timeout_at(end.into(), async {
            self.write_all().await?;
            self.writer.half.shutdown().await.map_err(broke)
        })
        .await;
    }
}

pub(crate) struct Writer {
    half: WriteHalf<Box<dyn Stream>>,
    is_flushed: bool,
}

impl Writer {
    /// Writes some bytes, or what the stream holds back. Waits for ever when there is nothing.
    ///
    /// # Cancellation
    /// Nothing is lost.
    pub(crate) async fn write(&mut self, to: &mut BytesMut) -> Result<(), String> {
        if !to.is_empty() {
            self.is_flushed = false;
            self.half.write_buf(to).await.map_err(broke)?;
        } else if !self.is_flushed {
            self.half.flush().await.map_err(broke)?;
            self.is_flushed = true;
        } else {
            std::future::pending::<()>().await;
        }
        Ok(())
    }
}

/// Reads some bytes.
///
/// # Cancellation
/// Nothing is lost.
pub(crate) async fn read(reader: &mut ReadHalf<Box<dyn Stream>>, from: &mut BytesMut) -> Result<(), String> {
    match reader.read_buf(from).await {
        Ok(0) => Err("the broker closed the connection".to_owned()),
        Ok(_) => Ok(()),
        Err(error) => Err(broke(error)),
    }
}

fn broke(error: std::io::Error) -> String {
    format!("the connection broke: {error}")
}

/// Asks for a packet where nothing was sent, or nothing received, for this long.
pub(crate) struct KeepAlive {
    every: Duration,
    sent: Instant,
    received: Instant,
    asked: Option<Instant>,
}

impl KeepAlive {
    /// Zero is never, as the broker may say.
    pub(crate) fn new(every: Duration) -> Self {
        let now = Instant::now();
        KeepAlive {
            every: if every.is_zero() {
                Duration::from_secs(86_400)
            } else {
                every
            },
            sent: now,
            received: now,
            asked: None,
        }
    }

    pub(crate) fn sent(&mut self) {
        self.sent = Instant::now();
    }

    pub(crate) fn received(&mut self) {
        self.received = Instant::now();
        self.asked = None;
    }

    /// When to look again.
    pub(crate) fn next(&self) -> Instant {
        match self.asked {
            Some(asked) => asked + PATIENCE,
            None => self.sent.min(self.received) + self.every,
        }
    }

    pub(crate) fn check(&mut self, codec: Codec, to: &mut BytesMut) -> Result<(), String> {
        let now = Instant::now();
        match self.asked {
            _ if now < self.next() => {}
            None => {
                self.asked = Some(now);
                codec.ping(to);
            }
            Some(_) => {
                return Err(format!(
                    "the broker is silent for {} s",
                    self.received.elapsed().as_secs()
                ));
            }
        }
        Ok(())
    }
}
