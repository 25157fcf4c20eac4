//! The link's listeners: a Unix socket for the owner, where it is configured TCP with a token, and the door of the
//! gateways among the plugins.
//!
//! They have a thread of their own, so that an operator gets in whatever the plugins do.

#[cfg(test)]
mod tests;

mod peers;
mod tcp;

use std::fmt;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::Path;
use std::time::{Duration, Instant};

use embedded_io_adapters::tokio_1::FromTokio;
use embedded_io_async::{Read, Write};
use kernel_core::{CoreRuntime, Error, Fault, PluginState};
use kernel_link::{Action, End, Failure, Framing, Manage, ManageError, Refusal};
use link_gateway::{Visitor, Visitors};
use tokio::io::AsyncWrite;
use tokio::net::UnixListener;
use tokio::task::{JoinError, JoinSet, LocalSet};
use tokio::time::{interval, sleep};
use tracing::{debug, error, info, warn};

use crate::access::{Client, Entrance, Reads};
use crate::clock;
use crate::config::{self, Config};
use crate::host_error::HostError;
use crate::plugins::set_settings;
use crate::pulse::Asked;
use crate::socket;
use crate::timekeeper::Supervisor;
use crate::unix_socket::{self, SocketError, SocketFile};
use crate::worker::{Ended, Stop, Worker};

/// Clients at the same time at one listener; one more is turned away.
const MAX_SESSIONS: usize = 64;
const ALL_TAKEN: Refusal = Refusal::Clients(MAX_SESSIONS as u32);

/// How long a client may take to open its session, so that those that say nothing do not keep the others
/// out, in milliseconds.
const HANDSHAKE_MS: u32 = 5_000;

/// Who answers, for people.
const NAME: &str = concat!("core-runtime ", env!("CARGO_PKG_VERSION"));

/// A session has five buffers, each for one message: a call's bytes, and what the link says beside.
const SESSION_BUFFERS: usize = 5;
const MESSAGE_HEAD: usize = 1024;

/// How long accepting rests after the system refused it, for want of file descriptors mostly.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How often the socket's file is looked for.
const FILE_LOOK: Duration = Duration::from_secs(2);

/// The running listeners and the sessions of their clients.
pub(crate) struct LinkServer {
    worker: Worker,
}

/// Leads plugins through their lives on behalf of clients, as the supervisor does.
#[derive(Clone, Copy)]
pub(crate) struct Manager {
    pub(crate) runtime: CoreRuntime,
    pub(crate) supervisor: &'static Supervisor,
    /// The configuration's file.
    pub(crate) config: Option<&'static Path>,
}

impl Manage for Manager {
    async fn manage(&self, action: Action, plugin: &str) -> Result<PluginState, ManageError> {
        let Manager {
            runtime, supervisor, ..
        } = *self;
        if runtime.plugins().state(plugin).is_none() {
            return Err(Fault::NotFound.into());
        }
        let outcome = match action {
            Action::Load => supervisor.load(runtime, plugin).await,
            Action::Start => supervisor.start(runtime, plugin).await,
            Action::Stop => supervisor.stop(runtime, plugin).await,
            Action::Unload => supervisor.unload(runtime, plugin).await,
            Action::Reload => match self.read_settings(plugin) {
                Ok(()) => supervisor.reload(runtime, plugin).await,
                Err(error) => Err(error),
            },
            _ => Err(Error::new("unknown", "this runtime does not know the action")),
        };
        Ok(outcome?)
    }
}

impl Manager {
    /// Gives the plugin the settings that the configuration's file has now.
    fn read_settings(&self, plugin: &str) -> Result<(), Error> {
        let plugins = self.runtime.plugins();
        let (Some(file), Some(index)) = (self.config, plugins.index(plugin)) else {
            return Ok(());
        };
        let wrong = |error: &dyn fmt::Display| {
            Error::format(
                "invalid_config",
                format_args!("the plugin is left as it is: {error}"),
            )
        };
        let settings = config::settings_of(file, plugin).map_err(|error| wrong(&error))?;
        set_settings(plugins.installed(index), &settings).map_err(|error| wrong(&error))
    }
}

/// Binds what the configuration names, and serves it on a thread of its own. `call_bytes` is the
/// kernel's capacity of that name: the longest message of a session is a little longer.
///
/// # Errors
/// When a socket cannot be bound, or a thread not be started.
pub(crate) fn spawn(
    manager: Manager,
    call_bytes: usize,
    reads: Reads,
    config: &Config,
    visitors: Visitors,
    pulse: Asked,
) -> Result<LinkServer, HostError> {
    let (unix, file) = unix_socket::bind(&config.socket)?;
    let tcp = config.tcp.as_ref().map(tcp::bind).transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(HostError::Reactor)?;
    unix.set_nonblocking(true).map_err(HostError::Reactor)?;
    let worker = Worker::spawn("link", move |stop| {
        let tasks = LocalSet::new();
        tasks.block_on(&runtime, async {
            if let Err(cause) = listen(
                manager,
                call_bytes,
                reads,
                (unix, file),
                tcp,
                visitors,
                (stop, pulse),
            )
            .await
            {
                error!("the link is not served: {cause}; restart the runtime");
            }
        });
        let _inside = runtime.enter();
        drop(tasks);
    })?;
    Ok(LinkServer { worker })
}

impl LinkServer {
    /// Ends the sessions and removes the socket; false when the thread did not end in time.
    pub(crate) fn stop(self, deadline: Instant) -> bool {
        self.worker.join_until(deadline) != Ended::StillRunning
    }
}

async fn listen(
    manager: Manager,
    call_bytes: usize,
    reads: Reads,
    (unix, mut file): (StdUnixListener, SocketFile),
    tcp: Option<tcp::Port>,
    mut visitors: Visitors,
    (stop, mut pulse): (Stop, Asked),
) -> std::io::Result<()> {
    let mut unix = UnixListener::from_std(unix)?;
    let mut look = interval(FILE_LOOK);
    let tcp = tcp.map(tcp::Port::listen).transpose()?;
    // Apart, so that strangers at the TCP port do not keep the owner out.
    let (mut owners, mut others) = (Sessions::new("the socket"), Sessions::new("the TCP port"));
    let mut through_door = Sessions::new("the door of the gateways");
    let mut stop = std::pin::pin!(stop.asked());
    let mut pulse = std::pin::pin!(pulse.answer());
    loop {
        tokio::select! {
            () = &mut stop => return Ok(()),
            never = &mut pulse => match never {},
            _ = look.tick() => if !file.is_there() {
                match bind_again(&file) {
                    Ok(again) => (unix, file) = again,
                    Err(cause) => warn!("the socket of the link is gone, and cannot be made again: {cause}"),
                }
            },
            accepted = unix.accept() => match accepted {
                Ok((stream, _)) if is_of_a_plugin(&stream) => {
                    warn!("a process that a plugin started was turned away at the socket of the link");
                }
                Ok((stream, _)) if owners.has_room() => {
                    let client = Client::new(manager.runtime, reads.clone(), Entrance::Owner, "here".to_owned());
                    owners.running.spawn_local(serve_socket(manager, call_bytes, stream.into_std(), client));
                }
                Ok((stream, _)) => turn_away(stream, ALL_TAKEN).await,
                Err(cause) => rest(&cause).await,
            },
            accepted = accept(tcp.as_ref()) => match accepted {
                Ok(caller) => {
                    let room = others.has_room();
                    // It takes a while to turn a client away, and only so many are at once.
                    if others.running.len() < 2 * MAX_SESSIONS {
                        others.running.spawn_local(caller.serve(manager, call_bytes, reads.clone(), room));
                    }
                }
                Err(cause) => rest(&cause).await,
            },
            Some(visitor) = visitors.recv() => match through_door.has_room() {
                true => {
                    let Visitor { stream, peer } = visitor;
                    let client = Client::new(manager.runtime, reads.clone(), Entrance::Keys(None), peer);
                    let (read, write) = tokio::io::split(stream);
                    let halves = (FromTokio::new(read), FromTokio::new(write));
                    through_door
                        .running
                        .spawn_local(serve_connection(manager, call_bytes, halves, client, HANDSHAKE_MS));
                }
                false => turn_away(visitor.stream, ALL_TAKEN).await,
            },
            Some(ended) = through_door.running.join_next() => note(ended),
            Some(ended) = owners.running.join_next() => note(ended),
            Some(ended) = others.running.join_next() => note(ended),
        }
    }
}

/// Binds the socket whose file was removed.
fn bind_again(gone: &SocketFile) -> Result<(UnixListener, SocketFile), SocketError> {
    let (listener, file) = unix_socket::bind(gone.path())?;
    let adopted = listener
        .set_nonblocking(true)
        .and_then(|()| UnixListener::from_std(listener));
    let listener = adopted.map_err(|cause| SocketError::Bind {
        path: gone.path().to_owned(),
        cause,
    })?;
    warn!(socket = %gone.path().display(), "the socket of the link was removed or replaced; it was made again");
    Ok((listener, file))
}

/// The clients of one listener.
struct Sessions {
    listener: &'static str,
    running: JoinSet<()>,
    /// Those turned away since there was room.
    turned_away: u64,
}

impl Sessions {
    fn new(listener: &'static str) -> Self {
        Sessions {
            listener,
            running: JoinSet::new(),
            turned_away: 0,
        }
    }

    /// True when one more client may come. A crowd at the door is two lines in the log.
    fn has_room(&mut self) -> bool {
        let listener = self.listener;
        if self.running.len() >= MAX_SESSIONS {
            if self.turned_away == 0 {
                warn!(
                    "a client at {listener} of the link was turned away: {MAX_SESSIONS} are connected; \
                     close some"
                );
            }
            self.turned_away = self.turned_away.saturating_add(1);
            return false;
        }
        if self.turned_away > 0 {
            let turned_away = std::mem::take(&mut self.turned_away);
            info!("there is room again at {listener} of the link; {turned_away} clients were turned away");
        }
        true
    }
}

fn note(ended: Result<(), JoinError>) {
    if let Err(cause) = ended {
        error!("a session of the link ended badly: {cause}");
    }
}

async fn rest(cause: &std::io::Error) {
    warn!("a client of the link could not be accepted: {cause}");
    sleep(ACCEPT_PAUSE).await;
}

/// A plugin's process has its owner's rights to the socket's file, and must not be an operator.
fn is_of_a_plugin(stream: &tokio::net::UnixStream) -> bool {
    let peer = stream.peer_cred().ok().and_then(|peer| peer.pid());
    peer.is_some_and(|pid| plugin_host::is_of_a_plugin(pid as u32))
}

/// Waits for ever where TCP is off.
async fn accept(port: Option<&tcp::Listening>) -> std::io::Result<tcp::Caller> {
    match port {
        Some(port) => port.accept().await,
        None => std::future::pending().await,
    }
}

/// Serves one client until it goes, or says nothing for too long.
async fn serve_socket(
    manager: Manager,
    call_bytes: usize,
    stream: std::io::Result<impl Into<OwnedFd>>,
    client: Client,
) {
    match stream.and_then(|stream| socket::halves(stream.into())) {
        Ok(halves) => serve_connection(manager, call_bytes, halves, client, HANDSHAKE_MS).await,
        Err(cause) => warn!("a client of the link could not be served: {cause}"),
    }
}

/// Serves one client until it goes, or is silent for too long.
async fn serve_connection<R: Read<Error = std::io::Error>, W: Write<Error = std::io::Error>>(
    manager: Manager,
    call_bytes: usize,
    (read, mut write): (R, W),
    client: Client,
    handshake_ms: u32,
) {
    let mut config = kernel_link::Config {
        epoch: Some(clock::zero_unix_micros()),
        handshake_ms: handshake_ms.saturating_mul(clock::rate()),
        ..kernel_link::Config::new(NAME, Framing::Stream)
    };
    if clock::rate() > 1 {
        // The client's clock is not as fast: it would be taken for silent.
        config.keep_alive_ms = 0;
    }
    // Zero pages, which cost nothing until a message is that long.
    let mut memory = vec![0; SESSION_BUFFERS * (call_bytes + MESSAGE_HEAD)];
    let kernel = manager.runtime.kernel();
    let begun = Instant::now();
    let session = kernel_link::serve_with(
        kernel,
        &config,
        (&manager, &client),
        read,
        &mut write,
        &mut memory,
    );
    let ended = tokio::select! {
        ended = session => ended,
        () = client.revoked() => {
            info!("a session of the link is ended: its key was taken back, or has expired");
            let why = Failure::Error { code: "denied", message: "the key was taken back, or has expired" };
            return last_word(write, why).await;
        }
    };
    let why = match ended {
        End::Silent if begun.elapsed() < Duration::from_millis(config.keep_alive_ms.into()) => {
            Refusal::Silent(handshake_ms)
        }
        End::Silent => Refusal::Silent(config.keep_alive_ms),
        End::Malformed => Refusal::Malformed,
        End::NoMemory => return error!("a session of the link has too little memory; raise `call_bytes`"),
        End::Failed(cause) => return debug!("a client of the link went away: {cause}"),
        _ => return,
    };
    debug!("a client of the link was sent away: {why}");
    last_word(write, Failure::Link(why)).await;
}

/// Says why a session ends. A client that does not read what it was sent before is not waited for.
async fn last_word<W: Write<Error = std::io::Error>>(write: W, why: Failure<'_>) {
    tokio::select! {
        biased;
        _ = kernel_link::refuse(write, Framing::Stream, why) => {}
        () = tokio::task::yield_now() => {}
    }
}

/// Tells a client that there are too many. A fresh connection has room for so short a message; a
/// client that is gone already needs to be told nothing.
async fn turn_away<S: AsyncWrite + Unpin>(stream: S, why: Refusal) {
    let _ = kernel_link::refuse(FromTokio::new(stream), Framing::Stream, Failure::Link(why)).await;
}
