//! A call and its reply, 32 bytes each, with a deadline, on one thread.
//!
//! The peer is what one writes without a registry: a queue of requests that bring the way back with
//! them, under a timeout. Both keep their deadlines by a thread that sleeps until the next one.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use kernel_core::{Json, ServiceRegistry, json_literal};
use tokio::runtime::{Builder, Handle};
use tokio::sync::{mpsc, oneshot};

use super::executor::Tasks;
use super::harness::{Contender, Settings, compare, growth};
use super::report::Row;
use super::world::{Caller, Echo, World};

/// 32 bytes.
pub(super) const ARGUMENT: Json<'static> = json_literal!(r#"{"room":"kitchen","level":12.50}"#);
/// The service of an [`Echo`].
pub(super) const SERVICE: &str = "echo.answer";
/// Far longer than a call takes.
pub(super) const LIMIT: Duration = Duration::from_secs(10);

/// How many requests of the peer may wait.
const QUEUE: usize = 64;

/// What the peer's callee gets.
pub(super) struct Asked {
    argument: Vec<u8>,
    answer: oneshot::Sender<Vec<u8>>,
}

/// The comparison.
///
/// # Errors
/// When a call was not answered.
pub(super) fn run(settings: &Settings) -> Result<Vec<Row>, String> {
    let contenders = vec![ours(1)?, channels()?];
    Ok(vec![compare(
        settings,
        "call round trip",
        contenders,
        Some(1.25),
    )?])
}

/// A table of calls in flight: all are begun before the first reply is awaited.
///
/// # Errors
/// When a call was not answered.
pub(super) fn in_flight(settings: &Settings) -> Result<Vec<Row>, String> {
    let sizes: Result<_, String> = [1, 8, 64, 256, 500].into_iter().map(ours).collect();
    growth(settings, sizes?, None)
}

fn ours(flights: usize) -> Result<Contender<'static>, String> {
    let mut world = World::new()?;
    let caller = Caller::default();
    world.add("caller", caller.clone())?;
    let services = vec![SERVICE.to_owned()];
    world.add("echo", Echo { services })?;
    world.start()?;
    let services = caller.context()?.services();
    let mut tasks = world.tasks;
    if flights == 1 {
        return Ok(Contender::new("1 call at a time", move |count| {
            let mut buf = [0; 64];
            let begun = Instant::now();
            for _ in 0..count {
                let reply = tasks.finish(services.call_within(SERVICE, ARGUMENT, LIMIT, &mut buf));
                answered(reply.map(Json::len).map_err(|cause| cause.to_string()))?;
            }
            Ok(begun.elapsed())
        }));
    }
    let many = Contender::new(format!("{flights} calls in flight"), move |count| {
        let begun = Instant::now();
        for _ in 0..count / flights as u64 {
            all_at_once(&mut tasks, services, flights)?;
        }
        Ok(begun.elapsed())
    });
    Ok(many.in_groups_of(flights as u64))
}

fn all_at_once(tasks: &mut Tasks, services: ServiceRegistry, flights: usize) -> Result<(), String> {
    let mut bufs = vec![[0; 64]; flights];
    let mut calls: Vec<_> = bufs
        .iter_mut()
        .map(|buf| services.call_within(SERVICE, ARGUMENT, LIMIT, buf))
        .collect();
    // A call begins when it is polled.
    tasks.finish(poll_fn(|cx| {
        let all_wait = calls.iter_mut().all(|call| Pin::new(call).poll(cx).is_pending());
        Poll::Ready(all_wait.then_some(()).ok_or("a call did not begin"))
    }))?;
    for call in calls {
        let reply = tasks.finish(call);
        answered(reply.map(Json::len).map_err(|cause| cause.to_string()))?;
    }
    Ok(())
}

pub(super) fn channels() -> Result<Contender<'static>, String> {
    let (sender, mut requests) = mpsc::channel::<Asked>(QUEUE);
    let mut tasks = Tasks::default();
    tasks.spawn(async move { answer_all(&mut requests).await })?;
    tasks.run();
    let timers = timers()?;
    Ok(Contender::new("tokio mpsc, oneshot and timeout", move |count| {
        let _inside = timers.enter();
        let begun = Instant::now();
        for _ in 0..count {
            answered(tasks.finish(ask(&sender)))?;
        }
        Ok(begun.elapsed())
    }))
}

/// What the peer's callee does: answers each request with its argument.
pub(super) async fn answer_all(requests: &mut mpsc::Receiver<Asked>) {
    while let Some(Asked { argument, answer }) = requests.recv().await {
        // A caller that is gone does not matter.
        let _ = answer.send(argument);
    }
}

/// A call of the peer; the reply's length.
pub(super) async fn ask(callee: &mpsc::Sender<Asked>) -> Result<usize, String> {
    let call = async {
        let (answer, answered) = oneshot::channel();
        let argument = ARGUMENT.as_bytes().to_vec();
        callee
            .send(Asked { argument, answer })
            .await
            .map_err(|_| "the callee is gone")?;
        answered.await.map_err(|_| "no answer")
    };
    match tokio::time::timeout(LIMIT, call).await {
        Ok(Ok(reply)) => Ok(reply.len()),
        Ok(Err(why)) => Err(why.to_owned()),
        Err(_) => Err("the deadline passed".to_owned()),
    }
}

/// Checks a reply's length.
pub(super) fn answered(reply: Result<usize, String>) -> Result<(), String> {
    match reply {
        Ok(len) if len == ARGUMENT.len() => Ok(()),
        Ok(len) => Err(format!("the reply has {len} bytes, not {}", ARGUMENT.len())),
        Err(cause) => Err(format!("not answered: {cause}")),
    }
}

/// tokio's timers, kept by a thread.
fn timers() -> Result<Handle, String> {
    static HANDLE: OnceLock<Result<Handle, String>> = OnceLock::new();
    let make = || {
        let no = |cause: std::io::Error| format!("no thread for tokio's timers: {cause}");
        let runtime = Builder::new_current_thread().enable_time().build().map_err(no)?;
        let handle = runtime.handle().clone();
        let keep = move || runtime.block_on(std::future::pending::<()>());
        thread::Builder::new()
            .name("tokio".to_owned())
            .spawn(keep)
            .map_err(no)?;
        Ok(handle)
    };
    HANDLE.get_or_init(make).clone()
}
