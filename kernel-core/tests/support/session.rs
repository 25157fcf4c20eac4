//! A runtime with a plugin that answers, and a client on the other end of a link in memory.
#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "each test file uses its part"
)]

use std::cell::Cell;
use std::rc::Rc;

pub use kernel_core::link::*;
use kernel_core::storage::MemoryStorage;
use kernel_core::{
    Capacities, Context, CoreRuntime, Error, Event as BusEvent, Kernel, Plugin as PluginTrait,
    PluginMetadata, Replied, Reply as CallReply, Request as Call, Service as NewService, drive,
};

use crate::pipe::{Reader, Writer, pipe};
use crate::support::{Tasks, runtime};

pub const IDENTITY: Identity<'static> = Identity {
    name: "test 1",
    token: None,
    epoch: Some(5),
};

/// A plugin with a service that echoes, one that fails, and one that never answers.
#[derive(Default)]
pub struct Echo;

impl PluginTrait for Echo {
    const METADATA: PluginMetadata = PluginMetadata::new("echo", "1.2.3");

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        for name in ["echo.back", "echo.fail", "echo.never"] {
            cx.register(NewService::new(name).describe("for tests"))?;
        }
        cx.subscribe("echo.*")?;
        Ok(())
    }

    async fn on_event(&mut self, cx: &Context, event: BusEvent<'_>) -> Result<(), Error> {
        cx.state().set("echo.last", event.payload())?;
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

/// A runtime with storage and the echo plugin, started, and its tasks.
pub fn start(capacities: &Capacities) -> (CoreRuntime, Tasks) {
    let runtime = runtime(capacities);
    let kernel = runtime.kernel();
    let installed = runtime.plugins().install(&Echo::METADATA).unwrap();
    let mut tasks = Tasks::default();
    tasks.spawn(async move {
        let mut buf = [0; 1024];
        loop {
            drive(&mut Echo, installed, &mut buf).await;
        }
    });
    tasks.spawn(async move {
        let mut storage = MemoryStorage::<16, 32, 64>::new();
        kernel_core::storage::serve(kernel, &mut storage, &mut [0; 512]).await;
    });
    tasks.settle();
    assert!(tasks.run(kernel, runtime.start()).is_empty());
    (runtime, tasks)
}

pub type TestClient = Client<'static, Reader, Writer>;

/// A session on that kernel; the cell tells when the runtime's side ended it.
pub fn connect(
    tasks: &mut Tasks,
    kernel: Kernel,
    identity: Identity<'static>,
    part: usize,
) -> (TestClient, Rc<Cell<bool>>) {
    let (server_read, client_write) = pipe(64);
    let (client_read, server_write) = pipe(64);
    let ended = Rc::new(Cell::new(false));
    let flag = ended.clone();
    tasks.spawn(async move {
        let mut memory = vec![0; 5 * part];
        serve(kernel, &identity, server_read, server_write, &mut memory).await;
        flag.set(true);
    });
    let memory = Box::leak(vec![0; 3 * 2048].into_boxed_slice());
    (Client::new(client_read, client_write, memory).unwrap(), ended)
}

/// Opens the session.
pub async fn open(client: &mut TestClient) {
    client.hello("test", 9, "").await.unwrap();
    match client.next().await.unwrap() {
        ToClient::Hello {
            version: VERSION,
            nonce: 9,
            name: "test 1",
            epoch: Some(5),
            ..
        } => {}
        other => panic!("not a hello: {other:?}"),
    }
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
