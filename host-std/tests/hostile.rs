//! Three plugins that would hurt their neighbours, each beside an honest one, whose calls stay quick and whose
//! registrations are never refused.
mod support;

use std::future::Future;
use std::pin::pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context as Task, Waker};
use std::thread;
use std::time::{Duration, Instant};

use host_std::{Host, block_on};
use kernel_core::*;
use support::*;

/// Takes and gives back something of each capacity for every call.
#[derive(Default)]
struct Honest;

/// When the last event came to it.
static HEARD: Mutex<Option<Instant>> = Mutex::new(None);

impl Plugin for Honest {
    const METADATA: PluginMetadata = PluginMetadata::new("honest", "1.0.0");

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        cx.subscribe(name!("hog.*.blocks")).await?;
        cx.register(&Service::new(name!("honest.ask"))).await?;
        Ok(())
    }

    async fn on_event(&mut self, _: &Context, _: Event<'_>) -> Result<(), Error> {
        *HEARD.lock().unwrap() = Some(Instant::now());
        Ok(())
    }

    async fn on_call(&mut self, cx: &Context, call: Request<'_>, reply: Reply<'_>) -> Result<Replied, Error> {
        cx.subscribe(name!("honest.more")).await?;
        cx.register(&Service::new(name!("honest.other"))).await?;
        cx.state().set("honest.value", call.args()).await?;
        cx.services().unregister("honest.other").await?;
        cx.unsubscribe("honest.more").await?;
        cx.state().delete("honest.value").await?;
        reply.raw(call.args())
    }
}

/// Calls the honest plugin until `done`; how long the calls took, in order.
fn ask_until(host: &Host, mut done: impl FnMut() -> bool) -> Vec<Duration> {
    let services = host.runtime().services();
    let mut took = Vec::new();
    while !done() {
        let (begun, mut buf) = (Instant::now(), [0; 256]);
        let call = services.call_within("honest.ask", json_literal!("[1,2]"), PATIENCE, &mut buf);
        assert_eq!(
            block_on(call).map(|json| json.as_str().to_owned()).as_deref(),
            Ok("[1,2]")
        );
        took.push(begun.elapsed());
        thread::sleep(Duration::from_micros(500));
    }
    took.sort();
    took
}

fn assert_quick(took: &[Duration]) {
    let (count, worst) = (took.len(), took.last().copied().unwrap_or_default());
    let p99 = took.get(count * 99 / 100).copied().unwrap_or_default();
    println!(
        "{count} calls: p50 {:?}, p99 {p99:?}, worst {worst:?}",
        took[count / 2]
    );
    assert!(count > 100, "{count} calls");
    assert!(p99 < Duration::from_millis(10), "p99 of {count} calls is {p99:?}");
    assert!(
        worst < Duration::from_millis(100),
        "worst of {count} calls is {worst:?}"
    );
}

const BLOCK: Duration = Duration::from_secs(12);

/// Blocks its thread once, long beyond its deadline, after it woke the honest one.
macro_rules! hog {
    ($kind:ident, $name:literal, $freed:ident) => {
        static $freed: AtomicBool = AtomicBool::new(false);

        #[derive(Default)]
        struct $kind;

        impl Plugin for $kind {
            const METADATA: PluginMetadata = PluginMetadata {
                handler_timeout: Duration::from_secs(1),
                restart: RestartPolicy {
                    first_pause: Duration::from_millis(100),
                    ..RestartPolicy::DEFAULT
                },
                ..PluginMetadata::new($name, "1.0.0")
            };

            async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
                cx.subscribe(name!("block")).await?;
                cx.register(&Service::new(name!(concat!($name, ".thread"))))
                    .await?;
                Ok(())
            }

            async fn on_event(&mut self, cx: &Context, _: Event<'_>) -> Result<(), Error> {
                cx.publish(concat!("hog.", $name, ".blocks"), Json::NULL)
                    .await?;
                thread::sleep(BLOCK);
                $freed.store(true, Ordering::SeqCst);
                Ok(())
            }

            async fn on_call(
                &mut self,
                _: &Context,
                _: Request<'_>,
                reply: Reply<'_>,
            ) -> Result<Replied, Error> {
                reply.json(thread::current().name().unwrap_or_default())
            }
        }
    };
}

hog!(First, "first", FIRST_FREED);
hog!(Second, "second", SECOND_FREED);
hog!(Third, "third", THIRD_FREED);
hog!(Fourth, "fourth", FOURTH_FREED);

#[test]
fn plugins_that_block_for_twelve_seconds_hurt_nobody_and_get_threads_of_their_own() {
    keep_log();
    let dir = tempfile::tempdir().unwrap();
    // More than there are shared threads on a small machine.
    let host = Host::builder()
        .plugin::<First>()
        .plugin::<Second>()
        .plugin::<Honest>()
        .plugin::<Third>()
        .plugin::<Fourth>()
        .start(config(dir.path()))
        .unwrap();
    let begun = Instant::now();
    block_on(host.runtime().bus().publish("block", Json::NULL)).unwrap();
    let hogs = ["first", "second", "third", "fourth"];
    let mut back = false;
    let took = ask_until(&host, || {
        back |= begun.elapsed() > Duration::from_secs(2)
            && hogs.iter().all(|hog| {
                let hog = info(&host, hog);
                hog.state == PluginState::Started && hog.counters.failures == 1
            });
        begun.elapsed() > BLOCK - Duration::from_secs(1)
    });
    assert_quick(&took);
    let heard = HEARD.lock().unwrap().map(|heard| heard - begun);
    assert!(
        heard.is_some_and(|heard| heard < Duration::from_secs(1)),
        "{heard:?}"
    );
    assert!(
        back,
        "they failed at their deadlines, and came back while they still held their threads"
    );
    assert!(!FIRST_FREED.load(Ordering::SeqCst), "it does block for so long");
    for hog in hogs {
        let mut buf = [0; 64];
        let service = format!("{hog}.thread");
        let thread = block_on(host.runtime().services().call(&service, Json::NULL, &mut buf)).unwrap();
        assert_eq!(thread.as_str(), format!("\"plugin:{hog}\""));
        log_line(&["WARN", &format!("plugin {hog} has held a shared thread for")]);
    }
    for freed in [&FIRST_FREED, &SECOND_FREED, &THIRD_FREED, &FOURTH_FREED] {
        until("it comes back", || freed.load(Ordering::SeqCst).then_some(()));
    }
    // What comes back late changes nothing.
    assert_quick(&ask_until(&host, || {
        begun.elapsed() > BLOCK + Duration::from_secs(2)
    }));
    for hog in hogs {
        let hog = info(&host, hog);
        assert_eq!((hog.state, hog.counters.failures), (PluginState::Started, 1));
    }
    let report = host.shutdown();
    assert!(report.late.is_empty() && report.threads.is_empty(), "{report:?}");
}

/// Never answers.
#[derive(Default)]
struct Mute;

impl Plugin for Mute {
    const METADATA: PluginMetadata = PluginMetadata::new("mute", "1.0.0");

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        cx.register(&Service::new(name!("mute.ask"))).await?;
        Ok(())
    }

    async fn on_call(&mut self, _: &Context, _: Request<'_>, _: Reply<'_>) -> Result<Replied, Error> {
        std::future::pending().await
    }
}

/// Takes all it can get of everything.
#[derive(Default)]
struct Greedy;

/// What it was refused with, once it was for each capacity.
static REFUSED: Mutex<Vec<String>> = Mutex::new(Vec::new());

impl Plugin for Greedy {
    const METADATA: PluginMetadata = PluginMetadata::new("greedy", "1.0.0");

    async fn on_start(&mut self, cx: &Context) -> Result<(), Error> {
        let full = |fault: Fault| REFUSED.lock().unwrap().push(format!("{}: {fault}", fault.code()));
        for n in 0..u32::MAX {
            if let Err(fault) = cx
                .state()
                .set(Name::Copied(&format!("greedy.n{n}")), Json::NULL)
                .await
            {
                full(fault);
                break;
            }
        }
        for n in 0..u32::MAX {
            if let Err(fault) = cx.subscribe(Name::Copied(&format!("greedy.n{n}"))).await {
                full(fault);
                break;
            }
        }
        for n in 0..u32::MAX {
            let name = format!("greedy.s{n}");
            if let Err(fault) = cx.register(&Service::new(Name::Copied(&name))).await {
                full(fault);
                break;
            }
        }
        cx.subscribe(name!("greedy.call"))
            .await
            .map(drop)
            .or_else(|fault| match fault {
                Fault::Share { .. } => Ok(()),
                other => Err(other),
            })?;
        cx.set_interval(Duration::from_millis(20)).await?;
        Ok(())
    }

    async fn on_tick(&mut self, cx: &Context) -> Result<(), Error> {
        let mut buffers = vec![[0u8; 8]; 1000];
        let mut calls = Vec::new();
        for buf in &mut buffers {
            let mut call = Box::pin(cx.call_within("mute.ask", Json::NULL, PATIENCE, buf));
            if let std::task::Poll::Ready(outcome) = call.as_mut().poll(&mut Task::from_waker(Waker::noop()))
            {
                let fault = match outcome {
                    Err(CallError::Fault(fault)) => fault,
                    other => panic!("{other:?}"),
                };
                REFUSED.lock().unwrap().push(format!("{}: {fault}", fault.code()));
                break;
            }
            calls.push(call);
        }
        // Holds them for a while.
        cx.sleep(Duration::from_secs(1)).await?;
        Ok(())
    }
}

#[test]
fn one_that_takes_all_it_can_get_leaves_enough_for_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.shutdown_timeout = Duration::from_secs(3);
    let host = Host::builder()
        .plugin::<Greedy>()
        .plugin::<Mute>()
        .plugin::<Honest>()
        .start(config)
        .unwrap();
    let mut end = None;
    let took = ask_until(&host, || {
        let full = REFUSED.lock().unwrap().len() >= 4;
        let end = end.get_or_insert_with(|| Instant::now() + PATIENCE);
        if full {
            *end = (*end).min(Instant::now() + Duration::from_secs(1));
        }
        Instant::now() > *end
    });
    assert_quick(&took);
    let refused = REFUSED.lock().unwrap().clone();
    for capacity in ["state_entries", "filters", "services", "calls"] {
        assert!(
            refused
                .iter()
                .any(|text| text.starts_with("share_used") && text.contains(capacity)),
            "{capacity}: {refused:?}"
        );
    }
    let metrics = host.runtime().metrics();
    assert!(
        metrics.state_entries.used > 1000 && metrics.calls.high_water > 100,
        "{metrics:?}"
    );
    assert_eq!(
        host.shutdown().late,
        ["mute"],
        "it is in a call that it never answers"
    );
}

/// Answers each of its own events with another one.
#[derive(Default)]
struct Echoing;

/// Answers the events of the other one of the ring.
#[derive(Default)]
struct Ping;

/// The other one.
#[derive(Default)]
struct Pong;

static CYCLES: AtomicU32 = AtomicU32::new(0);

macro_rules! answers {
    ($kind:ident, $name:literal, $on:literal, $with:literal) => {
        impl Plugin for $kind {
            const METADATA: PluginMetadata = PluginMetadata::new($name, "1.0.0");

            async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
                cx.subscribe(name!($on)).await?;
                Ok(())
            }

            async fn on_event(&mut self, cx: &Context, _: Event<'_>) -> Result<(), Error> {
                match cx.publish($with, Json::NULL).await {
                    Err(Fault::Hops { .. }) => drop(CYCLES.fetch_add(1, Ordering::SeqCst)),
                    other => drop(other?),
                }
                Ok(())
            }
        }
    };
}

answers!(Echoing, "echoing", "loop", "loop");
answers!(Ping, "ping", "ring.ping", "ring.pong");
answers!(Pong, "pong", "ring.pong", "ring.ping");

#[test]
fn those_that_answer_their_own_events_are_stopped_and_named() {
    keep_log();
    let dir = tempfile::tempdir().unwrap();
    let host = Host::builder()
        .plugin::<Echoing>()
        .plugin::<Ping>()
        .plugin::<Pong>()
        .plugin::<Honest>()
        .start(config(dir.path()))
        .unwrap();
    let (bus, begun) = (host.runtime().bus(), Instant::now());
    let mut seeds = 0;
    let took = ask_until(&host, || {
        for topic in ["loop", "ring.ping"] {
            let mut seed = pin!(bus.publish(topic, Json::NULL));
            block_on(seed.as_mut()).unwrap();
            seeds += 1;
        }
        begun.elapsed() > Duration::from_secs(2)
    });
    assert_quick(&took);
    until("each chain has come to its end", || {
        (CYCLES.load(Ordering::SeqCst) == seeds).then_some(())
    });
    let metrics = host.runtime().metrics();
    assert_eq!(metrics.cycles, seeds);
    assert!(metrics.next_seq < u64::from(seeds) * 70, "{metrics:?}");
    log_line(&["WARN", "echoing answer one another's events without end"]);
    let ring = log_line(&["WARN", "event_cycle", "pong", "answer one another's events"]);
    assert!(ring.contains("ping, pong"), "{ring}");
    assert!(host.shutdown().late.is_empty());
}
