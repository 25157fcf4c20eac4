//! Ten thousand events from one publisher to five plugins, one of them stuck.
mod support;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use host_std::Host;
use host_std::config::Placement;
use kernel_core::*;
use support::*;

const EVENTS: u64 = 10_000;

macro_rules! listener {
    ($kind:ident, $name:literal, $seen:ident) => {
        static $seen: Mutex<Vec<u64>> = Mutex::new(Vec::new());

        #[derive(Default)]
        struct $kind;

        impl Plugin for $kind {
            const METADATA: PluginMetadata = PluginMetadata::new($name, "1.0.0");

            async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
                cx.subscribe(name!("flood.*")).await?;
                Ok(())
            }

            async fn on_event(&mut self, _: &Context, event: Event<'_>) -> Result<(), Error> {
                assert_eq!(event.lost, 0);
                $seen.lock().unwrap().push(event.seq);
                Ok(())
            }
        }
    };
}

listener!(A, "a", SEEN_A);
listener!(B, "b", SEEN_B);
listener!(C, "c", SEEN_C);
listener!(D, "d", SEEN_D);

/// Takes one event and then nothing more until it is let go; counts what it was told it lost.
#[derive(Default)]
struct Stuck;

static HELD: Mutex<()> = Mutex::new(());
static TAKEN: AtomicU64 = AtomicU64::new(0);
static LOST: AtomicU64 = AtomicU64::new(0);

impl Plugin for Stuck {
    const METADATA: PluginMetadata = PluginMetadata::new("stuck", "1.0.0");

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        cx.subscribe(name!("flood.*")).await?;
        Ok(())
    }

    async fn on_event(&mut self, _: &Context, event: Event<'_>) -> Result<(), Error> {
        LOST.fetch_add(event.lost as u64, Ordering::SeqCst);
        drop(HELD.lock());
        TAKEN.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

#[test]
fn all_see_the_same_order_and_the_stuck_one_costs_only_itself() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    for own in ["stuck", "d"] {
        config.plugins.entry(own.into()).or_default().placement = Placement::Thread;
    }
    let host = Host::builder()
        .capacities(Capacities {
            // Room for some 3,000 of the events: more than the others are behind, less than all.
            log_bytes: 512 * 1024,
            ..Capacities::HOST
        })
        .plugin::<A>()
        .plugin::<B>()
        .plugin::<C>()
        .plugin::<D>()
        .plugin::<Stuck>()
        .start(config)
        .unwrap();
    let held = HELD.lock().unwrap();
    let bus = host.runtime().bus();
    let publisher = std::thread::spawn(move || {
        for n in 0..EVENTS {
            // The listeners are to lose nothing, however slow the machine is.
            while n.saturating_sub(SEEN_A.lock().unwrap().len() as u64) > 512
                || n.saturating_sub(SEEN_D.lock().unwrap().len() as u64) > 512
            {
                std::thread::yield_now();
            }
            let payload = format!("{{\"n\":{n},\"filler\":\"{:64}\"}}", "");
            bus.try_publish("flood.x", Json::parse(&payload).unwrap())
                .unwrap();
        }
    });
    publisher.join().unwrap();
    for seen in [&SEEN_A, &SEEN_B, &SEEN_C, &SEEN_D] {
        until("all events are seen", || {
            (seen.lock().unwrap().len() as u64 == EVENTS).then_some(())
        });
    }
    let order = SEEN_A.lock().unwrap().clone();
    assert!(order.is_sorted());
    for seen in [&SEEN_B, &SEEN_C, &SEEN_D] {
        assert!(
            *seen.lock().unwrap() == order,
            "the same events in the same order"
        );
    }
    for plugin in ["a", "b", "c", "d"] {
        let counters = info(&host, plugin).counters;
        assert_eq!(
            (counters.events as u64, counters.dropped),
            (EVENTS, 0),
            "{plugin}"
        );
    }

    drop(held);
    let stuck = until("the stuck one has caught up", || {
        let counters = info(&host, "stuck").counters;
        (counters.lag == 0 && TAKEN.load(Ordering::SeqCst) == counters.events as u64).then_some(counters)
    });
    assert!(stuck.dropped > 0, "more was published than the log holds");
    assert_eq!(
        (stuck.events + stuck.dropped) as u64,
        EVENTS,
        "each one is accounted for"
    );
    assert_eq!(
        LOST.load(Ordering::SeqCst),
        stuck.dropped as u64,
        "and it was told"
    );
    assert!(host.shutdown().late.is_empty());
}
