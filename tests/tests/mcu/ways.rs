//! The same plugin crate, unchanged, run four ways: in the kernel's process, in a process of its own, on a chip, and
//! from a chip into a kernel at the other end of its serial line. An operator sees the same of each.

use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Instant;

use embedded_io_adapters::tokio_1::FromTokio;
use example::Example;
use kernel_core::{Capacities, CoreRuntime, FixedKernel, Kernel, Plugin, PluginState, drive};
use kernel_link::{Action, Config, Framing, Raw, Reply, Request, serve};
use tests::mcu::{Board, Build, is_skipped};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::{LocalSet, spawn_local};

use crate::frame;
use crate::line::{LIMIT, Node, Session, block_on};
use crate::memory::MemoryStorage;

/// What the host's kernel here has.
const ROOM: Capacities = Capacities {
    call_bytes: 512,
    log_bytes: 4096,
    names: 32,
    name_bytes: 64,
    ..Capacities::DEFAULT
};

kernel_core::kernel! { static IN_PROCESS = ROOM; }
kernel_core::kernel! { static OWN_PROCESS = ROOM; }
kernel_core::kernel! { static FROM_BOARD = ROOM; }

fn now() -> kernel_core::Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    let elapsed = START.get_or_init(Instant::now).elapsed();
    kernel_core::Instant::from_micros(elapsed.as_micros() as u64)
}

/// A kernel with a storage, in this process, its tasks spawned.
async fn host(kernel: &'static FixedKernel) -> CoreRuntime {
    let kernel = kernel.init(now).unwrap();
    let runtime = CoreRuntime::new(kernel);
    spawn_local(kernel.run_timers(|at| tokio::time::sleep(at.since(now()))));
    let storage = runtime.plugins().install_storage().unwrap();
    spawn_local(async move {
        let (mut rows, mut buf) = (MemoryStorage::default(), [0; 2048]);
        loop {
            kernel_core::serve::<_, 1>(storage, &mut rows, &mut buf).await;
        }
    });
    runtime.plugins().start("storage").await.unwrap();
    runtime
}

/// Serves whoever is at the other end.
fn serve_stream(kernel: Kernel, stream: UnixStream, framing: Framing) {
    spawn_local(async move {
        let (read, write) = stream.into_split();
        let mut memory = vec![0; 5 * 1024];
        let config = Config::new("test", framing);
        serve(
            kernel,
            &config,
            FromTokio::new(read),
            FromTokio::new(write),
            &mut memory,
        )
        .await
    });
}

/// An operator's session with a kernel of this process.
async fn operator(kernel: Kernel) -> Session {
    let (ours, theirs) = UnixStream::pair().unwrap();
    serve_stream(kernel, theirs, Framing::Stream);
    Session::over(ours, Framing::Stream, 1).await
}

/// What an operator sees of the plugin: the same wherever it runs.
async fn sees_the_example(session: &mut Session) {
    let waiting = async {
        while !session.plugins().await.contains(&"example Started".to_owned()) {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(LIMIT, waiting).await.expect("it starts");
    for action in [None, Some(Action::Reload), Some(Action::Start)] {
        if let Some(action) = action {
            assert_eq!(manage(session, action).await, PluginState::Started);
        }
        let hello = |args| Request::Call {
            service: "example.hello",
            args: Raw(args),
            timeout_ms: 0,
            parent: None,
        };
        let reply = session.ask(hello("\"Мир\"".as_bytes()), json).await;
        assert_eq!(reply, "\"Привет, Мир!\"");
        let refused = session.try_ask(hello(b"[1]"), json).await.unwrap_err();
        assert_eq!(
            refused,
            "invalid_argument: example.hello takes a name: a JSON string of at most 96 bytes"
        );
        let publish = Request::Publish {
            topic: "example.test",
            timeout_ms: 0,
            payload: Raw(b"1"),
        };
        let count = |reply: &Reply<'_>| match reply {
            Reply::Count(count) => Some(*count),
            _ => None,
        };
        assert_eq!(session.ask(publish, count).await, 1);
        if action.is_some() {
            assert_eq!(manage(session, Action::Stop).await, PluginState::Stopped);
        }
    }
    let mut services = Vec::new();
    session
        .ask(Request::Services, |reply| match reply {
            Reply::Service(service) => {
                services.push(format!("{} of {}", service.name, service.owner));
                None
            }
            _ => Some(()),
        })
        .await;
    assert!(
        services.contains(&"example.hello of example".to_owned()),
        "{services:?}"
    );
    assert_eq!(manage(session, Action::Start).await, PluginState::Started);
}

/// What it stored: where the operator may ask for that.
async fn sees_what_is_stored(session: &mut Session) {
    let get = Request::StorageGet {
        namespace: "example",
        key: "status",
    };
    assert_eq!(session.ask(get, json).await, example::STARTED.as_str());
    manage(session, Action::Stop).await;
    assert_eq!(session.ask(get, json).await, example::STOPPED.as_str());
}

async fn manage(session: &mut Session, action: Action) -> PluginState {
    let plugin = "example";
    session
        .ask(Request::Manage { action, plugin }, |reply| match reply {
            Reply::PluginState(state) => Some(*state),
            _ => None,
        })
        .await
}

fn json(reply: &Reply<'_>) -> Option<String> {
    match reply {
        Reply::Json(json) => Some(String::from_utf8(json.0.to_vec()).unwrap()),
        _ => None,
    }
}

/// Runs a test whose tasks stay on this thread.
fn run(test: impl Future<Output = ()>) {
    block_on(async { LocalSet::new().run_until(test).await });
}

#[test]
fn in_the_kernels_process() {
    run(async {
        let runtime = host(&IN_PROCESS).await;
        let installed = runtime.plugins().install(&Example::METADATA).unwrap();
        spawn_local(async move {
            let mut buf = [0; 1024];
            loop {
                drive(&mut Example::default(), installed.context(), &mut buf).await;
            }
        });
        runtime.plugins().start("example").await.unwrap();
        let mut session = operator(runtime.kernel()).await;
        sees_the_example(&mut session).await;
        sees_what_is_stored(&mut session).await;
    });
}

/// Ends with this value.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn in_a_process_of_its_own() {
    run(async {
        let runtime = host(&OWN_PROCESS).await;
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let listener = UnixListener::bind(&socket).unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_example-process"));
        process.arg(&socket).stdin(Stdio::null());
        let process = Process(process.spawn().unwrap());
        let accepted = tokio::time::timeout(LIMIT, listener.accept());
        let (stream, _) = accepted.await.expect("it comes").unwrap();
        serve_stream(runtime.kernel(), stream, Framing::Stream);
        let mut session = operator(runtime.kernel()).await;
        sees_the_example(&mut session).await;
        sees_what_is_stored(&mut session).await;
        drop(process);
        goes(&mut session).await;
    });
}

/// With its link, the plugin goes.
async fn goes(session: &mut Session) {
    let waiting = async {
        while session.plugins().await.len() > 1 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(LIMIT, waiting).await.expect("it goes");
}

/// Its storage is seen from within, by `smoke`.
#[test]
#[ignore = "needs QEMU: tests/run.sh mcu"]
fn on_a_chip() {
    if is_skipped("on a chip") {
        return;
    }
    run(async {
        let mut node = Node::start_image(Board::Microbit, &frame::image(), false);
        sees_the_example(&mut node.session(1).await).await;
        node.assert_alive();
    });
}

#[test]
#[ignore = "needs QEMU: tests/run.sh mcu"]
fn from_a_chip_into_the_kernel_at_the_other_end_of_its_line() {
    if is_skipped("from a chip") {
        return;
    }
    run(async {
        let runtime = host(&FROM_BOARD).await;
        let build = Build {
            board: Board::Microbit,
            program: "remote",
            features: &["programs", "remote"],
            profile: "release",
        };
        let mut node = Node::start_image(Board::Microbit, &build.run().unwrap(), true);
        serve_stream(runtime.kernel(), node.connect().await, Framing::Serial);
        let mut session = operator(runtime.kernel()).await;
        sees_the_example(&mut session).await;
        sees_what_is_stored(&mut session).await;
        node.assert_alive();
        drop(node);
        goes(&mut session).await;
    });
}
