//! A runtime with a plugin that answers, and a client on the other end of a link in memory.
#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "each test file uses its part"
)]

use std::cell::Cell;
use std::rc::Rc;

use kernel_core::{
    Capacities, Context, CoreRuntime, Error, Event as BusEvent, Kernel, Plugin as PluginTrait,
    PluginMetadata, Replied, Reply as CallReply, Request as Call, Service as NewService, drive,
};
pub use kernel_link::*;

use crate::pipe::{Reader, Writer, pipe};
use crate::support::{Tasks, memory::MemoryStorage, runtime, serve_memory, start_all};

pub const CONFIG: Config<'static> = Config {
    epoch: Some(5),
    keep_alive_ms: 0,
    handshake_ms: 0,
    ..Config::new("test 1", Framing::Stream)
};

/// A plugin with a service that echoes, one that fails, and one that never answers.
#[derive(Default)]
pub struct Echo;

impl PluginTrait for Echo {
    const METADATA: PluginMetadata = PluginMetadata::new("echo", "1.2.3");

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        for name in ["echo.back", "echo.fail", "echo.never"] {
            cx.register(&NewService::new(name).describe("for tests")).await?;
        }
        cx.subscribe("echo.*").await?;
        Ok(())
    }

    async fn on_event(&mut self, cx: &Context, event: BusEvent<'_>) -> Result<(), Error> {
        cx.state().set("echo.last", event.payload()).await?;
        Ok(())
    }

    async fn on_call(&mut self, _: &Context, call: Call<'_>, reply: CallReply<'_>) -> Result<Replied, Error> {
        match call.service() {
            "echo.back" => reply.raw(call.args()),
            "echo.fail" => Err(Error::new("no_luck", "it was not to be")),
            _ => std::future::pending().await,
        }
    }
}

/// Capacities for the tests: names for everything that comes over a link.
pub const ROOM: Capacities = Capacities {
    names: 32,
    name_bytes: 64,
    call_bytes: 512,
    ..Capacities::DEFAULT
};

/// A runtime with storage and the echo plugin, started, and its tasks.
pub fn start(capacities: &Capacities) -> (CoreRuntime, Tasks) {
    let runtime = runtime(capacities);
    let installed = runtime.plugins().install(&Echo::METADATA).unwrap();
    let mut tasks = Tasks::default();
    tasks.spawn(async move {
        let mut buf = [0; 2048];
        loop {
            drive(&mut Echo, installed.context(), &mut buf).await;
        }
    });
    serve_memory(&runtime, &mut tasks, MemoryStorage::default());
    start_all(&runtime, &mut tasks);
    (runtime, tasks)
}

pub type TestClient = Client<'static, Reader, Writer>;

/// A session on that kernel; the cell says when the runtime's side ended it, and how.
pub fn connect(
    tasks: &mut Tasks,
    kernel: Kernel,
    config: Config<'static>,
    part: usize,
) -> (TestClient, Rc<Cell<Option<End<std::convert::Infallible>>>>) {
    connect_with(tasks, kernel, config, part, ByToken(config.token))
}

/// The same, with somebody else who decides what it may do.
pub fn connect_with(
    tasks: &mut Tasks,
    kernel: Kernel,
    config: Config<'static>,
    part: usize,
    access: impl Access + 'static,
) -> (TestClient, Rc<Cell<Option<End<std::convert::Infallible>>>>) {
    let (server_read, client_write) = pipe(64);
    let (client_read, server_write) = pipe(64);
    let ended = Rc::new(Cell::new(None));
    let flag = ended.clone();
    tasks.spawn(async move {
        let mut memory = vec![0; 5 * part];
        let decides = (&CoreRuntime::new(kernel).plugins(), &access);
        flag.set(Some(
            serve_with(kernel, &config, decides, server_read, server_write, &mut memory).await,
        ));
    });
    let memory = Box::leak(vec![0; 2 * 2048].into_boxed_slice());
    (
        Client::new(config.framing, client_read, client_write, memory).unwrap(),
        ended,
    )
}

/// Opens the session.
pub async fn open(client: &mut TestClient) {
    client.hello("test", 9, "").await.unwrap();
    match client.next().await.unwrap() {
        ToClient::Hello {
            version,
            nonce: 9,
            name: "test 1",
            epoch: Some(5),
            ..
        } => {
            assert_eq!(version, VERSIONS.newest);
        }
        other => panic!("not a hello: {other:?}"),
    }
}

/// The code of a failure.
pub fn code(failure: Failure<'_>) -> String {
    failure.code().to_owned()
}

/// Asks and checks the one answer.
#[allow(unused_macros, reason = "each test file uses its part")]
macro_rules! ask {
    ($client:expr, $what:expr, $answer:pat $(if $guard:expr)? $(=> $then:expr)?) => {{
        $client.request(77, $what).await.unwrap();
        match $client.next().await.unwrap() {
            ToClient::Reply { id: 77, what: $answer } $(if $guard)? => { $($then)? }
            other => panic!("unexpected: {other:?}"),
        }
    }};
}

/// Asks and checks the code of the error.
#[allow(unused_macros, reason = "each test file uses its part")]
macro_rules! refused {
    ($client:expr, $what:expr, $code:literal) => {
        ask!($client, $what, Reply::Failed(why) if why.code() == $code)
    };
}
