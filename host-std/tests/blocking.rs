//! Plugins that block, and plugins that never answer.
mod support;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use host_std::Host;
use host_std::config::Placement;
use kernel_core::*;
use support::*;

/// Longer than everything that must not wait for it, on any machine.
const LONG: Duration = Duration::from_millis(1500);

/// What a test holds a plugin by.
struct Gate {
    entered: Mutex<bool>,
    changed: Condvar,
}

impl Gate {
    const fn new() -> Self {
        Gate {
            entered: Mutex::new(false),
            changed: Condvar::new(),
        }
    }

    fn enter(&self) {
        *self.entered.lock().unwrap() = true;
        self.changed.notify_all();
    }

    fn wait(&self) {
        let guard = self.entered.lock().unwrap();
        let (guard, _) = self
            .changed
            .wait_timeout_while(guard, PATIENCE, |entered| !*entered)
            .unwrap();
        assert!(*guard, "the plugin was never reached");
    }
}

/// Answers `echo` at once.
#[derive(Default)]
struct Echo;

impl Plugin for Echo {
    const METADATA: PluginMetadata = PluginMetadata::new("echo", "1.0.0");

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        cx.register(&Service::new(name!("echo"))).await?;
        Ok(())
    }

    async fn on_call(&mut self, _: &Context, call: Request<'_>, reply: Reply<'_>) -> Result<Replied, Error> {
        reply.raw(call.args())
    }
}

macro_rules! blocker {
    ($kind:ident, $name:literal, $gate:ident) => {
        static $gate: Gate = Gate::new();

        #[derive(Default)]
        struct $kind;

        impl Plugin for $kind {
            const METADATA: PluginMetadata = PluginMetadata::new($name, "1.0.0");

            async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
                cx.subscribe(name!(concat!($name, ".block"))).await?;
                Ok(())
            }

            async fn on_event(&mut self, _: &Context, _: Event<'_>) -> Result<(), Error> {
                $gate.enter();
                std::thread::sleep(LONG);
                Ok(())
            }
        }
    };
}

blocker!(Loner, "loner", LONER);
blocker!(Hog, "hog", HOG);

#[test]
fn one_that_blocks_its_own_thread_holds_up_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.plugins.entry("loner".into()).or_default().placement = Placement::Thread;
    let host = Host::builder()
        .plugin::<Loner>()
        .plugin::<Echo>()
        .start(config)
        .unwrap();
    host.runtime()
        .bus()
        .try_publish("loner.block", Json::NULL)
        .unwrap();
    LONER.wait();
    let begun = Instant::now();
    let mut buf = [0; 64];
    let services = host.runtime().services();
    for _ in 0..100 {
        let call = services.call("echo", json_literal!("1"), &mut buf);
        assert_eq!(host_std::block_on(call).unwrap().as_str(), "1");
    }
    let took = begun.elapsed();
    assert!(took < LONG / 2, "100 calls to another plugin took {took:?}");
    let report = host.shutdown();
    assert!(
        report.late.is_empty(),
        "it came back in time to be stopped: {report:?}"
    );
}

#[test]
fn one_that_blocks_the_shared_thread_is_named_and_the_rest_goes_on() {
    keep_log();
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.slow_handler = Duration::from_millis(50);
    let socket = config.socket.clone();
    let host = Host::builder()
        .plugin::<Hog>()
        .plugin::<Echo>()
        .start(config)
        .unwrap();
    let runtime = host.runtime();
    runtime.bus().try_publish("hog.block", Json::NULL).unwrap();
    HOG.wait();
    let begun = Instant::now();

    // The storage, the state, the timers and the link are on other threads, and its neighbours get another one.
    host_std::block_on(runtime.storage().namespace("n").set("k", json_literal!("1"))).unwrap();
    host_std::block_on(runtime.state().set("still", json_literal!("true"))).unwrap();
    std::os::unix::net::UnixStream::connect(&socket).unwrap();
    let mut buf = [0; 64];
    let services = runtime.services();
    for _ in 0..100 {
        let answer = host_std::block_on(async {
            let limit = Duration::from_millis(500);
            let call = services.call_within("echo", json_literal!("1"), limit, &mut buf);
            call.await.map(|json| json.as_str().to_owned())
        });
        assert_eq!(answer.as_deref(), Ok("1"));
    }
    assert!(begun.elapsed() < LONG, "all that took {:?}", begun.elapsed());

    log_line(&[
        "WARN",
        "plugin hog has held a shared thread for ",
        "placement = \"thread\"",
    ]);
    log_line(&["INFO", "plugin hog gave the shared thread back"]);
    log_line(&["WARN", "plugin hog: on_event took "]);
    let services = runtime.services();
    let call = services.call("echo", json_literal!("2"), &mut buf);
    assert_eq!(host_std::block_on(call).unwrap().as_str(), "2");
    assert!(host.shutdown().late.is_empty());
}

/// Never answers, and counts as hung soon.
#[derive(Default)]
struct Mute;

impl Plugin for Mute {
    const METADATA: PluginMetadata = PluginMetadata {
        handler_timeout: Duration::from_millis(200),
        restart: RestartPolicy {
            first_pause: Duration::from_millis(1),
            ..RestartPolicy::DEFAULT
        },
        ..PluginMetadata::new("mute", "1.0.0")
    };

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        cx.register(&Service::new(name!("mute.ask"))).await?;
        Ok(())
    }

    async fn on_call(&mut self, _: &Context, _: Request<'_>, _: Reply<'_>) -> Result<Replied, Error> {
        std::future::pending().await
    }
}

#[test]
fn one_that_never_answers_is_restarted() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::builder()
        .plugin::<Mute>()
        .start(config(dir.path()))
        .unwrap();
    let begun = Instant::now();
    let limit = Duration::from_millis(50);
    let services = host.runtime().services();
    let mut buf = [0; 8];
    let call = services.call_within("mute.ask", Json::NULL, limit, &mut buf);
    assert_eq!(
        host_std::block_on(call).map(|_| ()),
        Err(CallError::Fault(Fault::Timeout))
    );
    assert!(begun.elapsed() >= Duration::from_millis(50));
    until("it is restarted", || {
        let info = info(&host, "mute");
        (info.counters.failures == 1 && info.state == PluginState::Started).then_some(())
    });
    let mute = info(&host, "mute");
    assert_eq!(mute.code, "hook_timeout");
    assert_eq!(mute.error, "on_call");
    assert!(host.shutdown().late.is_empty());
}

/// Takes a little while for each event.
#[derive(Default)]
struct Busy;

static BUSY_SEEN: AtomicU64 = AtomicU64::new(0);

impl Plugin for Busy {
    const METADATA: PluginMetadata = PluginMetadata::new("busy", "1.0.0");

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        cx.subscribe(name!("busy.work")).await?;
        Ok(())
    }

    async fn on_event(&mut self, _: &Context, _: Event<'_>) -> Result<(), Error> {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_micros(200) {
            std::hint::spin_loop();
        }
        BUSY_SEEN.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

#[test]
fn one_with_more_events_than_it_can_handle_leaves_the_others_their_turn() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::builder()
        .plugin::<Busy>()
        .plugin::<Echo>()
        .start(config(dir.path()))
        .unwrap();
    // Two seconds of work, and no moment without more of it.
    for _ in 0..10_000 {
        host.runtime().bus().try_publish("busy.work", Json::NULL).unwrap();
    }
    let mut buf = [0; 64];
    let services = host.runtime().services();
    let call = services.call("echo", json_literal!("1"), &mut buf);
    assert_eq!(host_std::block_on(call).unwrap().as_str(), "1");
    let seen = BUSY_SEEN.load(Ordering::SeqCst);
    assert!(
        seen < 5_000,
        "the other one's call came after {seen} of 10000 events"
    );
}
