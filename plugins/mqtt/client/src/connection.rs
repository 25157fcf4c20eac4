//! The loop that holds the connection.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::{sleep, sleep_until, timeout};

use crate::backoff::Backoff;
use crate::client::Happened;
use crate::codec::Codec;
use crate::link::{self, KeepAlive, Link, PATIENCE};
use crate::options::{Address, Options, Version};
use crate::session::Session;
use crate::shared::Shared;
use crate::transport;

/// How long what is left of a broken connection is read.
const REST: Duration = Duration::from_secs(1);

pub(crate) struct Connection {
    pub(crate) options: Options,
    pub(crate) address: Address,
    pub(crate) client_id: String,
    pub(crate) shared: Arc<Shared>,
}

/// Says that the connection has ended, however that came.
struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.ended();
    }
}

/// Why a connection ended.
enum End {
    /// It was closed here.
    Closed,
    Lost(String),
}

impl Connection {
    /// Connects again and again, until it is closed.
    pub(crate) async fn run(self) {
        let _ending = Ending(Arc::clone(&self.shared));
        let mut session = Session::new(self.codec(), self.options.in_flight);
        let mut backoff = Backoff::new(self.options.longest_pause());
        let mut clean = self.options.clean_start;
        loop {
            let mut lasted = Duration::ZERO;
            let dialled = tokio::select! {
                dialled = self.dial(clean) => dialled,
                () = self.closing() => break,
            };
            let end = match dialled {
                Ok(link) => {
                    // MQTT 3.1.1 has no session of a process: it begins with the connection, or stays for ever.
                    clean &= self.options.version == Version::V3;
                    let begun = Instant::now();
                    let end = self.hold(link, &mut session).await;
                    lasted = begun.elapsed();
                    end
                }
                Err(reason) => {
                    self.shared.lock().counters.failed_connections += 1;
                    End::Lost(reason)
                }
            };
            let End::Lost(reason) = end else { break };
            self.shared.disconnected(&reason);
            self.shared.tell(Happened::Disconnected(reason));
            if !self.pause(backoff.pause(lasted)).await {
                break;
            }
        }
    }

    /// Waits; whether it is to go on then.
    async fn pause(&self, pause: Duration) -> bool {
        tokio::select! {
            () = sleep(pause) => true,
            () = self.closing() => false,
        }
    }

    /// Until it is to be closed.
    async fn closing(&self) {
        while self.shared.lock().closing.is_none() {
            self.shared.wake.notified().await;
        }
    }

    async fn dial(&self, clean: bool) -> Result<Link, String> {
        let dialled = timeout(PATIENCE, async {
            let password = self.options.password()?;
            let stream = transport::open(&self.address, self.options.ca_file.as_deref()).await?;
            let mut link = Link::new(stream, self.codec());
            let (id, password) = (&self.client_id, password.as_ref());
            link.codec
                .connect(&self.options, id, clean, password, &mut link.to);
            link.welcome = link.welcomed().await?;
            Ok(link)
        });
        let too_late = |_| {
            Err(format!(
                "the broker did not answer within {} s",
                PATIENCE.as_secs()
            ))
        };
        dialled.await.unwrap_or_else(too_late)
    }

    /// Holds a connection until it ends.
    async fn hold(&self, mut link: Link, session: &mut Session) -> End {
        let welcome = link.welcome;
        self.shared.connected();
        session.connected(welcome, &self.shared, &mut link.to);
        session.announce(self.options.birth.clone());
        self.shared.tell(Happened::Connected {
            session_present: welcome.session_present,
        });
        let seconds = welcome.keep_alive_s.unwrap_or(self.options.keep_alive_s);
        let mut alive = KeepAlive::new(Duration::from_secs(seconds.into()));
        let mut has_said_farewell = false;
        // What came with the welcome.
        let mut result = self.receive(&mut link, session);
        loop {
            if let Err(reason) = result {
                return End::Lost(reason);
            }
            session.pump(&self.shared, &mut link.to);
            let closing = self.shared.lock().closing;
            if let Some(end) = closing {
                let is_idle = session.is_idle() && self.shared.is_idle();
                if is_idle && !has_said_farewell {
                    has_said_farewell = true;
                    session.announce(self.options.will.clone());
                    continue;
                }
                if is_idle {
                    link.leave(self.options.clean_start, end).await;
                }
                // Without a farewell the broker publishes the will.
                if is_idle || end <= Instant::now() {
                    return End::Closed;
                }
            }
            let wait = closing.map_or(alive.next(), |end| end.min(alive.next()));
            result = tokio::select! {
                read = link::read(&mut link.reader, &mut link.from) => {
                    alive.received();
                    read.and_then(|()| self.receive(&mut link, session))
                }
                written = link.writer.write(&mut link.to) => {
                    alive.sent();
                    // A broker that is gone has left what it sent.
                    if written.is_err() {
                        self.read_rest(&mut link, session).await;
                    }
                    written
                }
                () = self.shared.wake.notified() => Ok(()),
                () = sleep_until(wait.into()) => alive.check(link.codec, &mut link.to),
            };
        }
    }

    fn receive(&self, link: &mut Link, session: &mut Session) -> Result<(), String> {
        link.each(|packet, to| session.receive(packet, &self.shared, to))
    }

    async fn read_rest(&self, link: &mut Link, session: &mut Session) {
        let rest = async {
            while link::read(&mut link.reader, &mut link.from).await.is_ok() {
                self.receive(link, session)?;
            }
            Ok::<(), String>(())
        };
        // How it ends does not matter: the connection has ended.
        let _ = timeout(REST, rest).await;
    }

    fn codec(&self) -> Codec {
        Codec {
            version: self.options.version,
            max_packet: self.options.max_packet,
        }
    }
}
