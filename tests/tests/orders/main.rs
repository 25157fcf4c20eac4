//! The host's lock around the kernel and its way to wait, from its own sources, on threads whose every order of steps a
//! scheduler chooses at random: a wake that is lost is a deadlock, which it reports, with what to repeat it by.

/// What the sources of the host find in place of the system's.
mod sync {
    pub(crate) use shuttle::sync::Mutex;
    pub(crate) use shuttle::thread;
}

/// No time passes: nobody is saved by a deadline.
mod clock {
    pub(crate) fn now() -> kernel_core::Instant {
        kernel_core::Instant::from_micros(1_000_000)
    }
}

#[path = "../../../host-std/src/memory.rs"]
#[allow(unreachable_pub, reason = "as it is in the host")]
mod memory;
#[path = "../../../host-std/src/park.rs"]
#[allow(unreachable_pub, reason = "as it is in the host")]
mod park;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use kernel_core::*;
use shuttle::thread;
use tests::deep::rounds;

use park::block_on;

/// Small, since kernels live for ever, and so small that publishers wait.
const SMALL: Capacities = Capacities {
    plugins: 2,
    calls: 4,
    log_bytes: 512,
    waits: 6,
    ..Capacities::TINY
};

/// Tries so many orders.
fn try_orders(test: impl Fn() + Send + Sync + 'static) {
    let count = rounds(1_500, 100_000) as usize;
    shuttle::check_random(test, count);
    println!("orders: {count} tried");
}

/// Answers what it is called with; takes its time over events.
struct Callee;

impl Plugin for Callee {
    const METADATA: PluginMetadata = PluginMetadata {
        overflow: Overflow::Block,
        ..PluginMetadata::new("callee", "1.0.0")
    };

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        cx.register(&Service::new(name!("callee.ask"))).await?;
        cx.subscribe(name!("x.>")).await?;
        Ok(())
    }

    async fn on_call(&mut self, _: &Context, call: Request<'_>, reply: Reply<'_>) -> Result<Replied, Error> {
        thread::yield_now();
        reply.raw(call.args())
    }
}

/// A runtime with the callee on a thread of its own, started.
fn start() -> (CoreRuntime, thread::JoinHandle<()>) {
    let runtime = CoreRuntime::new(memory::kernel(&SMALL));
    let installed = runtime.plugins().install(&<Callee as Plugin>::METADATA).unwrap();
    let lives = thread::spawn(move || {
        let mut buf = [0; 512];
        block_on(drive(&mut Callee, installed.context(), &mut buf));
    });
    assert_eq!(
        block_on(runtime.plugins().start("callee")),
        Ok(PluginState::Started)
    );
    (runtime, lives)
}

/// The callee ends, and nothing is left of what was done.
fn end(runtime: CoreRuntime, lives: thread::JoinHandle<()>) {
    assert_eq!(
        block_on(runtime.plugins().unload("callee")),
        Ok(PluginState::Unloaded)
    );
    lives.join().unwrap();
    let metrics = runtime.metrics();
    assert_eq!((metrics.calls.used, metrics.waits.used), (0, 0));
    assert_eq!((metrics.services.used, metrics.filters.used), (0, 0));
}

#[test]
fn calls_from_several_threads_are_all_answered() {
    try_orders(|| {
        let (runtime, lives) = start();
        let callers: Vec<_> = (0..3)
            .map(|n| {
                thread::spawn(move || {
                    for m in 0..2 {
                        let (args, mut buf) = (format!("[{n},{m}]"), [0; 64]);
                        let call =
                            runtime
                                .services()
                                .call("callee.ask", Json::parse(&args).unwrap(), &mut buf);
                        assert_eq!(
                            block_on(call).map(|json| json.as_str().to_owned()),
                            Ok(args.clone())
                        );
                    }
                })
            })
            .collect();
        callers.into_iter().for_each(|caller| caller.join().unwrap());
        end(runtime, lives);
    });
}

#[test]
fn calls_that_are_given_up_leave_their_slots_to_others() {
    try_orders(|| {
        let (runtime, lives) = start();
        let quitter = thread::spawn(move || {
            for polls in 0..3 {
                let mut buf = [0; 64];
                let mut call = pin!(runtime.services().call("callee.ask", Json::NULL, &mut buf));
                let mut left = polls;
                block_on(poll_fn(|task| {
                    if left == 0 || call.as_mut().poll(task).is_ready() {
                        return Poll::Ready(());
                    }
                    left -= 1;
                    // Also when nobody wakes it.
                    task.waker().wake_by_ref();
                    Poll::Pending
                }));
            }
        });
        let mut buf = [0; 64];
        let call = runtime
            .services()
            .call("callee.ask", json_literal!("1"), &mut buf);
        assert_eq!(
            block_on(call).map(|json| json.as_str().to_owned()).as_deref(),
            Ok("1")
        );
        quitter.join().unwrap();
        end(runtime, lives);
    });
}

#[test]
fn publishers_that_wait_for_room_are_all_woken() {
    try_orders(|| {
        let (runtime, lives) = start();
        let text = format!("\"{}\"", "x".repeat(150));
        let publishers: Vec<_> = (0..3)
            .map(|_| {
                let text = text.clone();
                thread::spawn(move || {
                    for _ in 0..3 {
                        let sent = runtime.bus().publish("x.y", Json::parse(&text).unwrap());
                        assert_eq!(block_on(sent), Ok(1));
                    }
                })
            })
            .collect();
        publishers
            .into_iter()
            .for_each(|publisher| publisher.join().unwrap());
        end(runtime, lives);
    });
}
