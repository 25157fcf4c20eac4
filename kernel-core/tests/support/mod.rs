//! A kernel on the heap, a clock that a test turns by hand, and the smallest executor there is.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

pub mod memory;

use std::cell::{Cell as StdCell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use kernel_core::parts::Empty;
use kernel_core::{
    CallError, CallId, Calling, Capacities, Cell, Core, CoreRuntime, Error, Event, Fault, Installed, Instant,
    Json, Kernel, LocalPlugin, Mailbox, Memory, Message, Parts, PluginCounters, PluginId, PluginInfo,
    PluginMetadata, PluginState, Replied, Reply, Request, drive,
};

type Action = Box<dyn FnOnce()>;

thread_local! {
    static NOW: StdCell<u64> = const { StdCell::new(1_000_000) };
    static STEP: StdCell<u64> = const { StdCell::new(0) };
    static BETWEEN: RefCell<Option<(u32, Action)>> = const { RefCell::new(None) };
}

/// Does `action` once, before the kernel is entered for the `entry`-th time from now on: what another
/// thread may do at that place.
pub fn before_entry(entry: u32, action: impl FnOnce() + 'static) {
    BETWEEN.set(Some((entry, Box::new(action))));
}

fn entering() {
    let due = BETWEEN.with_borrow_mut(|between| {
        let (left, _) = between.as_mut()?;
        *left -= 1;
        if *left == 0 { between.take() } else { None }
    });
    if let Some((_, action)) = due {
        action();
    }
}

/// The clock of this thread's kernels.
pub fn clock() -> Instant {
    Instant::from_micros(now())
}

/// The clock of this thread's kernels, in microseconds.
pub fn now() -> u64 {
    NOW.replace(NOW.get() + STEP.get())
}

/// From now on the clock goes on by so many microseconds whenever it is read.
pub fn ticks(micros: u64) {
    STEP.set(micros);
}

/// Sets the clock, in microseconds.
pub fn set_now(micros: u64) {
    NOW.set(micros);
}

/// Turns the clock.
pub fn advance(span: Duration) {
    NOW.set(NOW.get() + span.as_micros() as u64);
}

struct Leak;

impl Memory for Leak {
    fn slots<T: Empty + Send>(&mut self, len: usize) -> &'static mut [T] {
        Box::leak((0..len).map(|_| T::EMPTY).collect())
    }

    fn bytes(&mut self, len: usize) -> &'static mut [u8] {
        Box::leak(vec![0; len].into_boxed_slice())
    }
}

struct Heap(Mutex<Core>);

impl Cell for Heap {
    fn with(&self, operation: &mut dyn FnMut(&mut Core)) {
        entering();
        operation(&mut self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
    }
}

/// A kernel of this size, with the clock of this thread.
pub fn kernel(capacities: &Capacities) -> Kernel {
    let core = Core::new(Parts::allocate(capacities, &mut Leak), clock);
    Kernel::new(Box::leak(Box::new(Heap(Mutex::new(core)))))
}

/// A runtime of this size.
pub fn runtime(capacities: &Capacities) -> CoreRuntime {
    CoreRuntime::new(kernel(capacities))
}

/// Wakes one task.
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Flag {
    fn new() -> Arc<Flag> {
        Arc::new(Flag(AtomicBool::new(true)))
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

type Task = (Arc<Flag>, Pin<Box<dyn Future<Output = ()>>>);

/// Tasks that are polled when they are woken, and only then, so that a wake that is missing shows.
#[derive(Default)]
pub struct Tasks(Vec<Task>);

impl Tasks {
    /// Adds a task.
    pub fn spawn(&mut self, task: impl Future<Output = ()> + 'static) {
        self.0.push((Flag::new(), Box::pin(task)));
    }

    /// Polls whoever is woken until nobody is.
    pub fn settle(&mut self) {
        for _ in 0..10_000 {
            if !self.0.iter().any(|(flag, _)| flag.is_set()) {
                return;
            }
            self.0.retain_mut(|(flag, task)| {
                let waker = Waker::from(flag.clone());
                !flag.take() || task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending()
            });
        }
        panic!("the tasks wake each other for ever");
    }

    /// Runs `future` together with the tasks, and the kernel's deadlines, until it is done. The
    /// clock is turned to the next deadline whenever nothing else moves.
    pub fn run<T>(&mut self, kernel: Kernel, future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        let flag = Flag::new();
        let waker = Waker::from(flag.clone());
        for _ in 0..100_000 {
            while flag.take() {
                if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                    return value;
                }
                self.settle();
            }
            self.settle();
            if flag.is_set() {
                continue;
            }
            let next = kernel.expire().map(Instant::as_micros);
            if flag.is_set() || self.0.iter().any(|(flag, _)| flag.is_set()) {
                continue;
            }
            let next = next.expect("nobody will ever wake the future");
            NOW.set(now().max(next));
            kernel.expire();
        }
        panic!("the future is never done");
    }

    /// Lets `span` go by, stopping at each of the kernel's deadlines on the way.
    pub fn pass(&mut self, kernel: Kernel, span: Duration) {
        let end = now() + span.as_micros() as u64;
        loop {
            self.settle();
            kernel.expire();
            self.settle();
            if now() >= end {
                return;
            }
            let next = kernel.expire().map_or(end, Instant::as_micros);
            NOW.set(next.clamp(now() + 1, end));
        }
    }
}

/// Polls until the future is done or waits for somebody else; one that only gives way goes on.
pub fn poll_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    let flag = Flag::new();
    let waker = Waker::from(flag.clone());
    while flag.take() {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Some(value);
        }
    }
    None
}

/// The outcome of what does not wait.
pub fn at_once<T>(future: impl Future<Output = T>) -> T {
    poll_once(future).expect("it waits")
}

/// The outcome of an operation that does not wait, without awaiting it.
#[allow(clippy::wrong_self_convention, reason = "named as what they stand for")]
pub trait AtOnce<T, E>: Future<Output = Result<T, E>> + Sized {
    fn at_once(self) -> Result<T, E> {
        at_once(self)
    }

    fn unwrap(self) -> T
    where
        E: std::fmt::Debug,
    {
        at_once(self).unwrap()
    }

    fn unwrap_err(self) -> E
    where
        T: std::fmt::Debug,
    {
        at_once(self).unwrap_err()
    }

    fn is_ok(self) -> bool {
        at_once(self).is_ok()
    }

    fn is_err(self) -> bool {
        at_once(self).is_err()
    }
}

impl<T, E, F: Future<Output = Result<T, E>>> AtOnce<T, E> for F {}

/// A [`CallError`], copied.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    Fault(Fault),
    Failed(Error),
}

impl From<CallError<'_>> for Failure {
    fn from(error: CallError<'_>) -> Failure {
        match error {
            CallError::Fault(fault) => Failure::Fault(fault),
            CallError::Failed { code, message } => Failure::Failed(Error::new(code, message)),
        }
    }
}

/// Installs the storage's plugin on a storage in memory, and runs it, life after life.
pub fn serve_memory(runtime: &CoreRuntime, tasks: &mut Tasks, storage: memory::MemoryStorage) {
    let installed = runtime.plugins().install_storage().unwrap();
    tasks.spawn(async move {
        let mut storage = storage;
        let mut buf = vec![0; 16 * 2048];
        loop {
            kernel_core::serve::<_, 8>(installed, &mut storage, &mut buf).await;
        }
    });
}

/// Starts all plugins, one after the other.
pub fn start_all(runtime: &CoreRuntime, tasks: &mut Tasks) {
    let (mut cursor, mut names) = (0, Vec::new());
    while let Some(info) = runtime.next_plugin(&mut cursor, &mut [0; 1024]) {
        names.push(info.name.to_owned());
    }
    for name in names {
        let started = tasks.run(runtime.kernel(), runtime.plugins().start(&name));
        assert_eq!(started, Ok(PluginState::Started), "{name}");
    }
}

/// A call that a test polls by hand; dropped, it is cancelled.
pub struct Pending(Pin<Box<Calling<'static, 'static>>>);

impl Pending {
    /// Begins a call; refused when that is so at once.
    pub fn begin(
        cx: kernel_core::Context,
        service: &str,
        args: Json<'_>,
        limit: Option<Duration>,
    ) -> Result<Pending, Fault> {
        Pending::begin_for(cx, None, service, args, limit)
    }

    /// Begins a call that belongs to another one.
    pub fn begin_for(
        cx: kernel_core::Context,
        parent: Option<CallId>,
        service: &str,
        args: Json<'_>,
        limit: Option<Duration>,
    ) -> Result<Pending, Fault> {
        let buf: &'static mut [u8] = Box::leak(vec![0; 512].into_boxed_slice());
        let service: &'static str = Box::leak(service.to_owned().into_boxed_str());
        let args: &'static str = Box::leak(args.as_str().to_owned().into_boxed_str());
        let mut pending = Pending(Box::pin(cx.services().call_for(
            parent,
            service,
            json(args),
            limit,
            buf,
        )));
        match pending.outcome() {
            None => Ok(pending),
            Some(Err(Failure::Fault(fault))) => Err(fault),
            Some(other) => panic!("a call that ended when it began: {other:?}"),
        }
    }

    /// How it ended, when it did.
    pub fn outcome(&mut self) -> Option<Result<String, Failure>> {
        let got = poll_once(self.0.as_mut())?;
        Some(match got {
            Ok(json) => Ok(json.as_str().to_owned()),
            Err(error) => Err(error.into()),
        })
    }

    pub fn id(&self) -> CallId {
        self.0.id().expect("it is under way")
    }
}

/// JSON of any length.
pub fn json(text: &str) -> Json<'_> {
    Json::parse(text).unwrap()
}

/// Metadata that lives for ever.
pub fn metadata(metadata: PluginMetadata) -> &'static PluginMetadata {
    Box::leak(Box::new(metadata))
}

/// A plugin that a test leads by hand, message by message.
pub struct ByHand {
    pub installed: Installed,
    pub mailbox: Mailbox,
}

impl ByHand {
    /// Installs the plugin and brings it to STARTED.
    pub fn started(runtime: &CoreRuntime, meta: PluginMetadata) -> ByHand {
        let name = meta.name;
        let installed = runtime.plugins().install(metadata(meta)).unwrap();
        let mut plugin = ByHand {
            installed,
            mailbox: installed.mailbox(),
        };
        plugin.start(runtime, name);
        plugin
    }

    /// Takes the steps to STARTED.
    pub fn start(&mut self, runtime: &CoreRuntime, name: &str) {
        let manager = runtime.plugins();
        let mut start = Box::pin(manager.start(name));
        assert!(poll_once(start.as_mut()).is_none());
        assert_eq!(self.next(), Some(Seen::Load));
        assert_eq!(self.next(), Some(Seen::Start));
        assert_eq!(self.next(), None);
        assert_eq!(poll_once(start.as_mut()), Some(Ok(PluginState::Started)));
    }

    pub fn cx(&self) -> kernel_core::Context {
        self.mailbox.context()
    }

    /// Answers a call; false when nobody waits for it.
    pub fn reply(&self, call: CallId, answer: Result<Json<'_>, &Error>) -> bool {
        at_once(self.mailbox.reply(call, answer)).unwrap_or(false)
    }

    /// The next message, if there is one now. A call is left unanswered: reply by its id.
    pub fn next(&mut self) -> Option<Seen> {
        let mut buf = vec![0; 4096];
        self.mailbox.try_next(&mut buf).map(Seen::from)
    }
}

/// A message, copied.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    Load,
    Start,
    Event {
        seq: u64,
        lost: u32,
        topic: String,
        payload: String,
    },
    Call {
        id: CallId,
        caller: PluginId,
        service: String,
        args: String,
    },
    Tick,
    Stop,
    Unload,
    Ended,
}

impl Seen {
    fn event(event: &Event<'_>) -> Seen {
        Seen::Event {
            seq: event.seq,
            lost: event.lost,
            topic: event.topic().to_owned(),
            payload: event.payload().as_str().to_owned(),
        }
    }

    fn call(call: &Request<'_>) -> Seen {
        Seen::Call {
            id: call.id,
            caller: call.caller,
            service: call.service().to_owned(),
            args: call.args().as_str().to_owned(),
        }
    }
}

impl From<Message<'_>> for Seen {
    fn from(message: Message<'_>) -> Seen {
        match message {
            Message::Load => Seen::Load,
            Message::Start => Seen::Start,
            Message::Event(event) => Seen::event(&event),
            Message::Call(call) => Seen::call(&call),
            Message::Tick => Seen::Tick,
            Message::Stop => Seen::Stop,
            Message::Unload => Seen::Unload,
            Message::Ended => Seen::Ended,
        }
    }
}

/// What an actor's hook does: what it returns from `on_call` is the reply's JSON.
pub type Hook = Pin<Box<dyn Future<Output = Result<String, Error>>>>;

struct Actor<F>(F);

impl<F: Fn(kernel_core::Context, Seen) -> Hook> LocalPlugin for Actor<F> {
    const METADATA: PluginMetadata = PluginMetadata::new("actor", "1.0.0");

    async fn on_load(&mut self, cx: &kernel_core::Context) -> Result<(), Error> {
        (self.0)(*cx, Seen::Load).await.map(drop)
    }
    async fn on_start(&mut self, cx: &kernel_core::Context) -> Result<(), Error> {
        (self.0)(*cx, Seen::Start).await.map(drop)
    }
    async fn on_event(&mut self, cx: &kernel_core::Context, event: Event<'_>) -> Result<(), Error> {
        (self.0)(*cx, Seen::event(&event)).await.map(drop)
    }
    async fn on_call(
        &mut self,
        cx: &kernel_core::Context,
        call: Request<'_>,
        reply: Reply<'_>,
    ) -> Result<Replied, Error> {
        let text = (self.0)(*cx, Seen::call(&call)).await?;
        reply.raw(json(&text))
    }
    async fn on_tick(&mut self, cx: &kernel_core::Context) -> Result<(), Error> {
        (self.0)(*cx, Seen::Tick).await.map(drop)
    }
    async fn on_stop(&mut self, cx: &kernel_core::Context) -> Result<(), Error> {
        (self.0)(*cx, Seen::Stop).await.map(drop)
    }
    async fn on_unload(&mut self, cx: &kernel_core::Context) -> Result<(), Error> {
        (self.0)(*cx, Seen::Unload).await.map(drop)
    }
}

/// Installs a plugin whose hooks are all `hooks`, and drives it, life after life.
pub fn actor<R: Future<Output = Result<String, Error>> + 'static>(
    runtime: &CoreRuntime,
    tasks: &mut Tasks,
    meta: PluginMetadata,
    hooks: impl Fn(kernel_core::Context, Seen) -> R + 'static,
) -> Installed {
    let installed = runtime.plugins().install(metadata(meta)).unwrap();
    tasks.spawn(async move {
        let mut buf = [0; 2048];
        let hooks = |cx, seen| Box::pin(hooks(cx, seen)) as Hook;
        loop {
            drive(&mut Actor(&hooks), installed.context(), &mut buf).await;
        }
    });
    installed
}

/// What the hooks of actors noted, in order.
#[derive(Clone, Default)]
pub struct Notes(Rc<RefCell<Vec<String>>>);

impl Notes {
    pub fn push(&self, note: impl Into<String>) {
        self.0.borrow_mut().push(note.into());
    }

    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.borrow_mut())
    }
}

/// The counters of a plugin.
pub fn counters(runtime: &CoreRuntime, name: &str) -> PluginCounters {
    info(runtime, name, |info| info.counters)
}

/// The last error of a plugin: its code and message.
pub fn last_error(runtime: &CoreRuntime, name: &str) -> (String, String) {
    info(runtime, name, |info| {
        (info.error_code.to_owned(), info.error.to_owned())
    })
}

fn info<T>(runtime: &CoreRuntime, name: &str, pick: impl Fn(PluginInfo<'_>) -> T) -> T {
    let (mut cursor, mut buf) = (0, [0; 1024]);
    while let Some(info) = runtime.plugins().list(&mut cursor, &mut buf) {
        if info.name == name {
            return pick(info);
        }
    }
    panic!("no plugin {name}");
}

/// Room for everything that the behaviour tests do.
pub const ROOMY: Capacities = Capacities {
    plugins: 8,
    filters: 32,
    services: 16,
    calls: 8,
    call_bytes: 512,
    state_entries: 16,
    state_bytes: 1024,
    state_block: 16,
    log_bytes: 8192,
    names: 16,
    name_bytes: 40,
    waits: 8,
    taps: 2,
};
