//! Where plugins run.
mod support;

use std::rc::Rc;
use std::thread;
use std::time::Duration;

use host_std::{Host, block_on};
use kernel_core::*;
use support::*;

/// Answers with the name of the thread that it runs on.
#[derive(Default)]
struct Callee;

impl Plugin for Callee {
    const METADATA: PluginMetadata = PluginMetadata::new("callee", "1.0.0");

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        cx.register(&Service::new(name!("callee.thread"))).await?;
        Ok(())
    }

    async fn on_call(&mut self, _: &Context, _: Request<'_>, reply: Reply<'_>) -> Result<Replied, Error> {
        reply.json(thread::current().name().unwrap_or_default())
    }
}

const CALLS: u32 = 1000;

/// Calls the other one, and counts the calls that another thread answered.
#[derive(Default)]
struct Caller;

impl Plugin for Caller {
    const METADATA: PluginMetadata = PluginMetadata::new("caller", "1.0.0");

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        cx.register(&Service::new(name!("caller.count"))).await?;
        Ok(())
    }

    async fn on_call(&mut self, cx: &Context, _: Request<'_>, reply: Reply<'_>) -> Result<Replied, Error> {
        let mut elsewhere = 0;
        for _ in 0..CALLS {
            let here = thread::current().name().unwrap_or_default().to_owned();
            let mut buf = [0; 64];
            let there = cx.call("callee.thread", Json::NULL, &mut buf).await?;
            if there.as_str() != format!("\"{here}\"") {
                elsewhere += 1;
            }
        }
        reply.json(&elsewhere)
    }
}

#[test]
fn plugins_that_call_each_other_do_not_change_threads() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::builder()
        .plugin::<Callee>()
        .plugin::<Caller>()
        .start(config(dir.path()))
        .unwrap();
    let mut buf = [0; 64];
    let call = host
        .runtime()
        .services()
        .call("caller.count", Json::NULL, &mut buf);
    let elsewhere: u32 = block_on(call).unwrap().as_str().parse().unwrap();
    // A few change threads: those that had their turn for long enough, and those that a busy machine interrupts.
    assert!(
        elsewhere < CALLS / 4,
        "{elsewhere} of {CALLS} calls were answered by another thread"
    );
}

/// Has something that stays on one thread, and waits by a timer of tokio's.
#[derive(Default)]
struct Homebody(Rc<()>);

impl LocalPlugin for Homebody {
    const METADATA: PluginMetadata = PluginMetadata::new("homebody", "1.0.0");

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        cx.register(&Service::new(name!("homebody.thread"))).await?;
        Ok(())
    }

    async fn on_call(&mut self, _: &Context, _: Request<'_>, reply: Reply<'_>) -> Result<Replied, Error> {
        let kept = self.0.clone();
        tokio::time::sleep(Duration::from_millis(1)).await;
        drop(kept);
        reply.json(thread::current().name().unwrap_or_default())
    }
}

/// Waits by a timer of tokio's on a shared thread.
#[derive(Default)]
struct Sleeper(Option<tokio::task::JoinHandle<()>>);

impl Plugin for Sleeper {
    const METADATA: PluginMetadata = PluginMetadata::new("sleeper", "1.0.0");

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        cx.register(&Service::new(name!("sleeper.thread"))).await?;
        self.0 = Some(tokio::spawn(async {}));
        Ok(())
    }

    async fn on_call(&mut self, _: &Context, _: Request<'_>, reply: Reply<'_>) -> Result<Replied, Error> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        if let Some(spawned) = self.0.take() {
            spawned
                .await
                .map_err(|_| Error::new("panicked", "what it spawned did"))?;
        }
        reply.json(thread::current().name().unwrap_or_default())
    }
}

#[test]
fn one_that_cannot_move_has_a_thread_of_its_own_and_both_kinds_find_timers() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::builder()
        .local_plugin::<Homebody>()
        .plugin::<Sleeper>()
        .start(config(dir.path()))
        .unwrap();
    let thread = |service| {
        let mut buf = [0; 64];
        let call = host.runtime().services().call(service, Json::NULL, &mut buf);
        block_on(call).unwrap().as_str().to_owned()
    };
    for _ in 0..3 {
        assert_eq!(thread("homebody.thread"), "\"plugin:homebody\"");
        assert!(thread("sleeper.thread").starts_with("\"plugins-"));
    }
    for (plugin, placement) in [
        ("homebody", "own thread"),
        ("sleeper", "shared"),
        ("storage", "own thread"),
    ] {
        let (mut cursor, mut buf) = (host.runtime().plugins().index(plugin).unwrap(), [0; 512]);
        let row = host.runtime().next_plugin(&mut cursor, &mut buf).unwrap();
        assert_eq!((row.name, row.placement), (plugin, placement));
    }
    let report = host.shutdown();
    assert!(report.late.is_empty() && report.threads.is_empty(), "{report:?}");
}
