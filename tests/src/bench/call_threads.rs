//! The same call to a plugin on a thread of its own.
//!
//! Both callees run on tokio's executor for one thread, with its reactor, as the host gives each plugin
//! that has a thread; both callers wait on one as well.

use std::thread;
use std::time::Instant;

use kernel_core::Json;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;

use super::call::{ARGUMENT, LIMIT, SERVICE, answer_all, answered, ask};
use super::harness::{Contender, Settings, compare};
use super::hosted::Hosted;
use super::pinned;
use super::report::Row;

/// The comparison.
///
/// # Errors
/// When a call was not answered.
pub(super) fn run(settings: &Settings) -> Result<Vec<Row>, String> {
    let name = "call to a plugin on its own thread";
    pinned::both(
        &settings.finer(),
        name,
        (0.9, Some(1.0)),
        |settings, name, goal| compare(settings, name, vec![ours()?, channels()?], goal),
    )
}

fn executor() -> Result<Runtime, String> {
    let built = Builder::new_current_thread().enable_all().build();
    built.map_err(|cause| format!("no executor: {cause}"))
}

fn ours() -> Result<Contender<'static>, String> {
    let hosted = Hosted::start_apart()?;
    let caller = executor()?;
    Ok(Contender::new("ours", move |count| {
        let services = hosted.runtime().services();
        caller.block_on(async {
            let mut buf = [0; 64];
            let begun = Instant::now();
            for _ in 0..count {
                let reply = services.call_within(SERVICE, ARGUMENT, LIMIT, &mut buf).await;
                answered(reply.map(Json::len).map_err(|cause| cause.to_string()))?;
            }
            Ok(begun.elapsed())
        })
    }))
}

fn channels() -> Result<Contender<'static>, String> {
    let (sender, mut requests) = mpsc::channel(64);
    let (callee, caller) = (executor()?, executor()?);
    // It ends when the sender is gone.
    let serve = move || callee.block_on(answer_all(&mut requests));
    thread::Builder::new()
        .name("callee".to_owned())
        .spawn(serve)
        .map_err(|cause| format!("no thread for the callee: {cause}"))?;
    Ok(Contender::new("tokio mpsc, oneshot and timeout", move |count| {
        caller.block_on(async {
            let begun = Instant::now();
            for _ in 0..count {
                answered(ask(&sender).await)?;
            }
            Ok(begun.elapsed())
        })
    }))
}
