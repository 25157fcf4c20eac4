//! Plugins that do what they should not, one after another, each beside an honest one: its calls stay quick, it loses
//! no event, and all that the offender took is there again once it is stopped. The log or the lists name the offender.

#[path = "../support/mod.rs"]
mod support;

mod kinds;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use host_std::config::Placement;
use host_std::{Host, block_on};
use kernel_core::*;

use kinds::{Accomplice, KINDS, Kind, Mute, RELEASED};
use support::*;

/// How long an offender is let do it.
fn span() -> Duration {
    match std::env::var("CORE_RUNTIME_DEEP").is_ok_and(|deep| deep == "1") {
        true => Duration::from_secs(20),
        false => Duration::from_secs(1),
    }
}

/// What others load the machine with is not the offender's: the best of so many tries counts.
const TRIES: u32 = 4;

const QUICK: Duration = Duration::from_millis(10);

/// Takes and gives back something of each capacity for every call, and counts the beats that it hears. It is to lose
/// none, so that publishers wait for it when the machine lets it wait.
#[derive(Default)]
struct Honest;

static HEARD: AtomicU64 = AtomicU64::new(0);

impl Plugin for Honest {
    const METADATA: PluginMetadata = PluginMetadata {
        overflow: Overflow::Block,
        ..PluginMetadata::new("honest", "1.0.0")
    };

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        cx.subscribe(name!("beat")).await?;
        cx.register(&Service::new(name!("honest.ask"))).await?;
        Ok(())
    }

    async fn on_event(&mut self, _: &Context, _: Event<'_>) -> Result<(), Error> {
        HEARD.fetch_add(1, Ordering::SeqCst);
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

/// How the honest one fared.
struct Fared {
    p99: Duration,
    worst: Duration,
    calls: usize,
    lost: u64,
    named: String,
}

/// What is used of each capacity that plugins use up.
fn used(host: &Host) -> [(&'static str, u32); 8] {
    let metrics = host.runtime().metrics();
    [
        ("filters", metrics.filters.used),
        ("services", metrics.services.used),
        ("calls", metrics.calls.used),
        ("state_entries", metrics.state_entries.used),
        ("state_bytes", metrics.state_bytes.used),
        ("names", metrics.names.used),
        ("waits", metrics.waits.used),
        ("taps", metrics.taps.used),
    ]
}

/// Calls the honest plugin and gives it an event each time; how long the calls took, in order.
fn ask(host: &Host, for_so_long: Duration) -> (Vec<Duration>, u64) {
    let (services, bus) = (host.runtime().services(), host.runtime().bus());
    let (begun, mut took, mut beats, mut last_go) = (Instant::now(), Vec::new(), 0, None::<Instant>);
    while begun.elapsed() < for_so_long {
        if last_go.is_none_or(|last| last.elapsed() > Duration::from_millis(20)) {
            // Whoever listens to it begins.
            block_on(bus.publish("go", Json::NULL)).unwrap();
            last_go = Some(Instant::now());
        }
        block_on(bus.publish("beat", Json::NULL)).unwrap();
        beats += 1;
        let (asked, mut buf) = (Instant::now(), [0; 256]);
        let call = services.call_within("honest.ask", json_literal!("[1,2]"), PATIENCE, &mut buf);
        assert_eq!(block_on(call).unwrap().as_str(), "[1,2]");
        took.push(asked.elapsed());
        thread::sleep(Duration::from_micros(500));
    }
    took.sort();
    (took, beats)
}

/// Who calls the offender, and does not wait for long.
fn customer(host: &Host, stop: Arc<AtomicBool>) -> thread::JoinHandle<()> {
    let services = host.runtime().services();
    thread::spawn(move || {
        while !stop.load(Ordering::Relaxed) {
            let mut buf = [0; 256];
            let limit = Duration::from_millis(20);
            let _ = block_on(services.call_within("offender.ask", json_literal!("1"), limit, &mut buf));
            thread::sleep(Duration::from_millis(1));
        }
    })
}

/// What says that it was the offender.
fn named(host: &Host, kind: Kind) -> String {
    let parts: &[&str] = match kind {
        Kind::PanicsInLoad
        | Kind::PanicsInStart
        | Kind::PanicsInEvent
        | Kind::PanicsInCall
        | Kind::PanicsInTick
        | Kind::PanicsInStop
        | Kind::PanicsInUnload => &["plugin offender FAILED: panic: as it was meant to"],
        Kind::Blocks | Kind::Spins | Kind::NeverAnswers => &["plugin offender FAILED: hook_timeout"],
        Kind::FloodsCalls | Kind::FillsCalls => &["offender", "share", "`calls`"],
        Kind::FillsFilters => &["offender", "share", "`filters`"],
        Kind::FillsServices => &["offender", "share", "`services`"],
        Kind::FillsState => &["offender", "share", "`state_entries`"],
        Kind::FillsStateBytes => &["offender", "share", "`state_bytes`"],
        Kind::FillsWaits => &["offender", "`waits`"],
        Kind::TakesNames => &["plugin offender: on_event failed", "taken"],
        Kind::PublishesLarge => &["plugin offender: on_event failed", "too_large"],
        Kind::CallsInACycle => &["plugin offender: on_event failed", "cycle"],
        Kind::FeedsAnother | Kind::FeedsItself => &["offender", "answer one another's events without end"],
        Kind::FloodsTheBus => {
            let published = info(host, "offender").counters.published;
            assert!(published > 5000, "it published {published}");
            return format!("list of plugins: it published {published}");
        }
        Kind::AnswersLate | Kind::AnswersTwice => {
            let (mut cursor, mut buf) = (0, [0; 1024]);
            while let Some(service) = host.runtime().next_service(&mut cursor, &mut buf) {
                if service.name == "offender.ask" {
                    let (calls, errors) = (service.counters.calls, service.counters.errors);
                    assert!(calls > 0 && (errors > 0) == (kind == Kind::AnswersLate));
                    return format!("list of services: {errors} of {calls} calls failed");
                }
            }
            panic!("offender.ask is not listed");
        }
    };
    let line = log_line(parts);
    format!("log: {}", line.split(" plugin=").next().unwrap_or(&line).trim())
}

fn try_once(kind: Kind) -> Fared {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    let offender = config.plugins.entry("offender".to_owned()).or_default();
    offender.enabled = false;
    if kind.blocks() {
        offender.placement = Placement::Thread;
    }
    config.shutdown_timeout = Duration::from_secs(3);
    RELEASED.store(false, Ordering::SeqCst);
    forget_log();
    let host = Host::builder()
        .plugin::<Honest>()
        .plugin::<Accomplice>()
        .plugin::<Mute>()
        .plugin_type(kinds::plugin(kind))
        .start(config)
        .unwrap();
    ask(&host, Duration::from_millis(100));
    let before = used(&host);
    let heard = HEARD.load(Ordering::SeqCst);
    let (runtime, supervisor) = (host.runtime(), host.supervisor());
    let _ = block_on(supervisor.start(runtime, "offender"));
    let stop = Arc::new(AtomicBool::new(false));
    let customer = customer(&host, stop.clone());
    let (took, beats) = ask(&host, span());
    if kind == Kind::PanicsInStop {
        let _ = block_on(supervisor.stop(runtime, "offender"));
    }
    if kind == Kind::PanicsInUnload {
        let _ = block_on(supervisor.unload(runtime, "offender"));
    }
    let named = named(&host, kind);
    stop.store(true, Ordering::Relaxed);
    customer.join().unwrap();
    let _ = block_on(supervisor.stop(runtime, "offender"));
    let _ = block_on(supervisor.unload(runtime, "offender"));
    until(&format!("{kind:?}: capacities are back at {before:?}"), || {
        (used(&host) == before).then_some(())
    });
    until("each beat is heard", || {
        (HEARD.load(Ordering::SeqCst) - heard >= beats).then_some(())
    });
    let honest = info(&host, "honest");
    assert_eq!(
        (honest.state, honest.counters.failures),
        (PluginState::Started, 0)
    );
    RELEASED.store(true, Ordering::SeqCst);
    host.shutdown();
    Fared {
        p99: took[took.len() * 99 / 100],
        worst: took[took.len() - 1],
        calls: took.len(),
        lost: beats - (HEARD.load(Ordering::SeqCst) - heard) + u64::from(honest.counters.dropped),
        named,
    }
}

#[test]
fn whatever_one_plugin_does_an_honest_one_is_answered_in_time_and_loses_nothing() {
    keep_log();
    println!(
        "{:<16}{:>8}{:>12}{:>12}{:>6}  named by",
        "offender", "calls", "p99", "worst", "lost"
    );
    let mut slow = Vec::new();
    for &kind in KINDS {
        let mut best = try_once(kind);
        for _ in 1..TRIES {
            assert_eq!(best.lost, 0, "{kind:?}: events of the honest one were lost");
            if best.p99 < QUICK {
                break;
            }
            best = try_once(kind);
        }
        println!(
            "{:<16}{:>8}{:>12}{:>12}{:>6}  {:.110}",
            format!("{kind:?}"),
            best.calls,
            format!("{:.1?}", best.p99),
            format!("{:.1?}", best.worst),
            best.lost,
            best.named
        );
        if best.p99 >= QUICK || best.calls < 20 {
            slow.push((kind, best.p99));
        }
    }
    assert!(slow.is_empty(), "the honest one waits: {slow:?}");
}
