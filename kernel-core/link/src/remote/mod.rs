//! A plugin on this side of the link: the waist over a session, so that the same plugin runs in the kernel's
//! process, in another one, or on another board.

mod inner;
mod io;
mod mail;
mod outgoing;
mod replies;
mod waist;

use core::cell::RefCell;
use core::fmt;

use embassy_sync::blocking_mutex::Mutex;
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use kernel_core::{Clock, Context, Fault, PluginMetadata};

use crate::Refusal;
use inner::Inner;

/// What a plugin says of itself when it attaches, and how it proves that it may.
#[derive(Clone, Copy)]
pub struct RemotePlugin<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// One sentence on what it does.
    pub description: &'a str,
    /// The plugins that must be started before it, with commas between.
    pub dependencies: &'a str,
    /// True when publishers wait for it, false when it loses its oldest events.
    pub blocks: bool,
    /// Whether a supervisor starts it again after a failure.
    pub restarts: bool,
    /// What proves that it may connect, where the runtime asks for that; else empty.
    pub token: &'a str,
}

impl<'a> RemotePlugin<'a> {
    /// As its metadata say, without dependencies (which are a text here) and without a token.
    pub fn new(metadata: &'a PluginMetadata) -> Self {
        RemotePlugin {
            name: metadata.name,
            version: metadata.version,
            description: metadata.description,
            dependencies: "",
            blocks: metadata.overflow == kernel_core::Overflow::Block,
            restarts: metadata.restart.restarts > 0,
            token: "",
        }
    }
}

impl fmt::Debug for RemotePlugin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the token.
        f.debug_struct("RemotePlugin")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// How the link of a [`Remote`] ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RemoteError<E> {
    /// The runtime closed the stream.
    Closed,
    /// The stream failed.
    Stream(E),
    /// The runtime did not open the session, for this reason of the link's.
    Refused(Refusal),
    /// The runtime did not take the plugin.
    Denied(Fault),
    /// Nothing was heard for longer than the keep-alive period, or the session was not opened within 10 s.
    Silent,
    /// What came on a stream was no frame.
    Malformed,
    /// The buffers are too small.
    NoMemory,
}

impl<E: fmt::Display> fmt::Display for RemoteError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RemoteError::Closed => f.write_str("the runtime closed the connection"),
            RemoteError::Stream(error) => write!(f, "the connection failed: {error}"),
            RemoteError::Refused(refusal) => refusal.fmt(f),
            RemoteError::Denied(fault) => fault.fmt(f),
            RemoteError::Silent => f.write_str("nothing was heard from the runtime"),
            RemoteError::Malformed => f.write_str("the bytes are not messages of the link"),
            RemoteError::NoMemory => f.write_str("the link's buffers are too small"),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for RemoteError<E> {}

/// The way of one plugin to a kernel on the other side of a link. `N` operations may be in flight (more are refused
/// as [`Fault::Full`]), and no message, call or value has more than `B` bytes, some 60 of them for its names.
/// It takes about `(N + 2) * B` bytes.
///
/// ```no_run
/// use core::time::Duration;
/// use kernel_link::{Framing, Remote, RemotePlugin};
/// use kernel_core::{Context, Error, Instant, Plugin, PluginMetadata, drive};
///
/// struct Lamp;
/// impl Plugin for Lamp {
///     const METADATA: PluginMetadata = PluginMetadata::new("lamp", "1.0.0");
///     async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
///         cx.subscribe("switch.*").await?;
///         Ok(())
///     }
/// }
///
/// fn clock() -> Instant { Instant::from_millis(0) }
/// static REMOTE: Remote<4, 512> = Remote::new(clock);
///
/// # async fn example<R, W>(read: R, write: W, sleep: impl FnMut(Duration) -> std::future::Ready<()>)
/// # where R: embedded_io_async::Read, W: embedded_io_async::Write<Error = R::Error> {
/// let mut buf = [0; 1024];
/// // As it would be driven in the kernel's process …
/// let plugin = async { loop { drive(&mut Lamp, REMOTE.context(), &mut buf).await; } };
/// // … and beside it, in the same executor, the link.
/// let mut memory = [0; 1024];
/// let what = RemotePlugin::new(&Lamp::METADATA);
/// let link = REMOTE.run(&what, Framing::Stream, read, write, sleep, &mut memory);
/// # let _ = (plugin, link);
/// # }
/// ```
pub struct Remote<const N: usize, const B: usize> {
    clock: Clock,
    inner: Mutex<CriticalSectionRawMutex, RefCell<Inner<N, B>>>,
}

impl<const N: usize, const B: usize> Remote<N, B> {
    /// Not attached yet; `clock` is this side's own, for [`Context::now`].
    pub const fn new(clock: Clock) -> Self {
        Remote {
            clock,
            inner: Mutex::new(RefCell::new(Inner::new())),
        }
    }

    /// The plugin's way to the kernel in its present life, for [`drive`](kernel_core::drive). Before the link is up, everything
    /// that is asked for waits. When the life is over, by the runtime or with the link, the context is as well:
    /// take the next one. [`Context::id`] tells lives apart, and is the source of the plugin's own events here.
    pub fn context(&'static self) -> Context {
        let id = self.with(|inner| inner.who());
        Context::new(self, id.unwrap_or(inner::NOBODY))
    }

    /// Uses the data, under the lock; `None` when it is in use, which does not happen.
    fn with<T>(&self, todo: impl FnOnce(&mut Inner<N, B>) -> T) -> Option<T> {
        self.inner
            .lock(|inner| inner.try_borrow_mut().ok().map(|mut inner| todo(&mut inner)))
    }
}
