//! A runtime of kernel-core alone behind a Unix socket, in this process.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "each test file uses its part"
)]

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use embedded_io_adapters::tokio_1::FromTokio;
use inspector_tui::facts::{Connection, Item, LostAt, Update};
use inspector_tui::io::{Io, Live};
use kernel_core::parts::Empty;
use kernel_core::storage::STORAGE;
use kernel_core::{Capacities, Cell, Core, CoreRuntime, Json, Kernel, Memory, Parts};
use kernel_link::{Config, Framing, serve};
use link_dial::{Endpoint, Target};
use tokio::sync::oneshot;
use tokio::task::LocalSet;

#[path = "../../../kernel-core/tests/support/memory.rs"]
mod memory;

use memory::MemoryStorage;

struct Leak;

impl Memory for Leak {
    fn slots<T: Empty + Send>(&mut self, len: usize) -> &'static mut [T] {
        Box::leak((0..len).map(|_| T::EMPTY).collect())
    }

    fn bytes(&mut self, len: usize) -> &'static mut [u8] {
        Box::leak(vec![0; len].into_boxed_slice())
    }
}

struct Locked(Mutex<Core>);

impl Cell for Locked {
    fn with(&self, operation: &mut dyn FnMut(&mut Core)) {
        operation(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

fn now() -> kernel_core::Instant {
    static ZERO: OnceLock<Instant> = OnceLock::new();
    kernel_core::Instant::from_micros(ZERO.get_or_init(Instant::now).elapsed().as_micros() as u64)
}

/// A kernel, as if its process had been started when its clock read `epoch`.
pub struct Runtime {
    pub runtime: CoreRuntime,
    pub epoch: u64,
}

impl Runtime {
    pub fn new(epoch: u64, log_bytes: usize) -> Self {
        let capacities = Capacities {
            log_bytes,
            call_bytes: 4096,
            ..Capacities::DEFAULT
        };
        let core = Core::new(Parts::allocate(&capacities, &mut Leak), now);
        let kernel = Kernel::new(Box::leak(Box::new(Locked(Mutex::new(core)))));
        Runtime {
            runtime: CoreRuntime::new(kernel),
            epoch,
        }
    }

    pub fn publish(&self, topic: &str, payload: &str) {
        let payload = Json::parse(payload).unwrap();
        self.runtime.bus().try_publish(topic, payload).unwrap();
    }

    pub fn next_seq(&self) -> u64 {
        self.runtime.metrics().next_seq
    }

    /// Serves it at the socket until the server is dropped.
    pub fn serve(&self, socket: &Path) -> Server {
        self.serve_framed(socket, Framing::Stream)
    }

    /// The same for a socket that leads to a serial line.
    pub fn serve_line(&self, socket: &Path) -> Server {
        self.serve_framed(socket, Framing::Serial)
    }

    fn serve_framed(&self, socket: &Path, framing: Framing) -> Server {
        let kernel = self.runtime.kernel();
        let epoch = self.epoch;
        let listener = UnixListener::bind(socket).unwrap();
        listener.set_nonblocking(true).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let reactor = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            let tasks = LocalSet::new();
            tasks.block_on(&reactor, async {
                tokio::task::spawn_local(kernel.run_timers(|at| tokio::time::sleep(at.since(now()))));
                let plugins = CoreRuntime::new(kernel).plugins();
                // A second server of the same runtime finds it there.
                if let Ok(installed) = plugins.install_storage() {
                    tokio::task::spawn_local(async move {
                        let mut storage = MemoryStorage::default();
                        let mut buf = vec![0; 4 * 8192];
                        kernel_core::serve::<_, 4>(installed, &mut storage, &mut buf).await;
                    });
                    plugins.start(STORAGE).await.unwrap();
                }
                ready.send(()).unwrap();
                let listener = tokio::net::UnixListener::from_std(listener).unwrap();
                tokio::task::spawn_local(async move {
                    loop {
                        let (stream, _) = listener.accept().await.unwrap();
                        tokio::task::spawn_local(async move {
                            let config = Config {
                                epoch: Some(epoch),
                                ..Config::new("test runtime", framing)
                            };
                            let mut memory = vec![0; 5 * 2048];
                            let (read, write) = stream.into_split();
                            let (read, write) = (FromTokio::new(read), FromTokio::new(write));
                            serve(kernel, &config, read, write, &mut memory).await;
                        });
                    }
                });
                // Dropped or told: both end it.
                let _ = stopped.await;
            });
        });
        is_ready.recv().unwrap();
        Server {
            socket: socket.to_owned(),
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

pub struct Server {
    socket: PathBuf,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap();
        std::fs::remove_file(&self.socket).unwrap();
    }
}

pub fn attach(socket: &Path) -> Io {
    Io::spawn(live(socket)).unwrap()
}

pub fn live(socket: &Path) -> Live {
    Live {
        at: Endpoint::open(Target::Unix(socket.to_owned())),
        past: false,
    }
}

/// What a model would have seen.
#[derive(Default, Debug)]
pub struct Seen {
    pub events: u64,
    pub bus: u64,
    pub link: u64,
    /// The next number that is due, from the first item on.
    pub next: Option<u64>,
}

impl Seen {
    /// Counts the items, which must come without a gap that is not told and without a repetition.
    pub fn take(&mut self, items: &[Item]) {
        for item in items {
            let (from, count) = match item {
                Item::Event(event) => {
                    self.events += 1;
                    (event.seq, 1)
                }
                Item::Lost { from, count, at } => {
                    match at {
                        LostAt::Bus => self.bus += count,
                        LostAt::Link => self.link += count,
                    }
                    (*from, *count)
                }
            };
            if let Some(next) = self.next {
                assert_eq!(from, next, "{item:?}");
            }
            self.next = Some(from + count);
        }
    }

    pub fn all(&self) -> u64 {
        self.events + self.bus + self.link
    }
}

/// Takes updates until `last` says that this was the one.
pub fn until(io: &mut Io, mut last: impl FnMut(&Update) -> bool) -> Update {
    loop {
        let update = io.updates.blocking_recv().expect("the thread runs");
        if last(&update) {
            return update;
        }
    }
}

/// Waits for the connection, and gives the first snapshot's next sequence number.
pub fn until_open(io: &mut Io) -> (bool, u64) {
    let open = until(io, |update| {
        assert!(
            !matches!(update, Update::Items(_) | Update::Snapshot(_)),
            "first of all is the connection: {update:?}"
        );
        matches!(update, Update::Connection(Connection::Open { .. }))
    });
    let Update::Connection(Connection::Open { restarted, .. }) = open else {
        unreachable!()
    };
    match io.updates.blocking_recv() {
        Some(Update::Snapshot(snapshot)) => (restarted, snapshot.metrics.next_seq),
        other => panic!("a snapshot comes before the stream: {other:?}"),
    }
}

/// A serial line of 115,200 baud with the runtime at its other end; gives the device's name. The line
/// works until the program ends.
pub fn serial_line(socket: &Path) -> PathBuf {
    line(socket, at_line_speed, at_line_speed)
}

/// A serial line that damages what the runtime sends, while it is told to.
pub fn bad_line(socket: &Path, damaging: &Arc<AtomicBool>) -> PathBuf {
    let damaging = damaging.clone();
    line(
        socket,
        |mut from, mut to| drop(std::io::copy(&mut from, &mut to)),
        move |from, to| damage(from, to, &damaging),
    )
}

type Half = Box<dyn Read + Send>;
type OtherHalf = Box<dyn Write + Send>;

/// A terminal with the runtime at its other end, by what carries bytes there and back.
fn line(
    socket: &Path,
    there: impl FnOnce(Half, OtherHalf) + Send + 'static,
    back: impl FnOnce(Half, OtherHalf) + Send + 'static,
) -> PathBuf {
    let pair = portable_pty::native_pty_system()
        .openpty(portable_pty::PtySize::default())
        .unwrap();
    let device = pair.master.tty_name().unwrap();
    let board = UnixStream::connect(socket).unwrap();
    let (from_line, to_line) = (
        pair.master.try_clone_reader().unwrap(),
        pair.master.take_writer().unwrap(),
    );
    let (from_board, to_board) = (board.try_clone().unwrap(), board);
    std::thread::spawn(move || there(from_line, Box::new(to_board)));
    std::thread::spawn(move || back(Box::new(from_board), to_line));
    // Open for good: a line is there whether anybody listens or not.
    std::mem::forget(pair);
    device
}

fn damage(mut from: impl Read, mut to: impl Write, damaging: &AtomicBool) {
    let mut buf = [0; 4096];
    let mut bytes = 0u64;
    while let Ok(count) = from.read(&mut buf) {
        if count == 0 {
            break;
        }
        for byte in &mut buf[..count] {
            bytes += 1;
            if damaging.load(Ordering::Relaxed) && bytes.is_multiple_of(611) {
                *byte ^= 0x55;
            }
        }
        if to.write_all(&buf[..count]).is_err() {
            break;
        }
    }
}

fn at_line_speed(mut from: impl Read, mut to: impl Write) {
    let mut buf = [0; 64];
    while let Ok(count) = from.read(&mut buf) {
        std::thread::sleep(std::time::Duration::from_micros(count as u64 * 87));
        if count == 0 || to.write_all(&buf[..count]).and_then(|()| to.flush()).is_err() {
            break;
        }
    }
}
