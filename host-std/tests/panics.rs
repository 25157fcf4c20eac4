//! Plugins that panic: the others never notice, the message is kept, restarts follow the policy.
mod support;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use host_std::Host;
use kernel_core::*;
use support::*;

const QUICK: RestartPolicy = RestartPolicy {
    first_pause: Duration::from_millis(1),
    longest_pause: Duration::from_millis(4),
    restarts: 2,
    window: Duration::from_secs(600),
};

/// Answers `steady.count` with the events it saw.
#[derive(Default)]
struct Steady(u32);

impl Plugin for Steady {
    const METADATA: PluginMetadata = PluginMetadata::new("steady", "1.0.0");

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        cx.subscribe(name!("poke")).await?;
        cx.register(&Service::new(name!("steady.count"))).await?;
        Ok(())
    }

    async fn on_event(&mut self, _: &Context, _: Event<'_>) -> Result<(), Error> {
        self.0 += 1;
        Ok(())
    }

    async fn on_call(&mut self, _: &Context, _: Request<'_>, reply: Reply<'_>) -> Result<Replied, Error> {
        reply.json(&self.0)
    }
}

/// Panics at each event.
#[derive(Default)]
struct Clumsy;

impl Plugin for Clumsy {
    const METADATA: PluginMetadata = PluginMetadata {
        restart: QUICK,
        ..PluginMetadata::new("clumsy", "1.0.0")
    };

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        cx.subscribe(name!("poke")).await?;
        Ok(())
    }

    async fn on_event(&mut self, _: &Context, event: Event<'_>) -> Result<(), Error> {
        panic!("dropped a vase on {}", event.topic());
    }
}

/// Panics when it starts; counts its values that were dropped.
#[derive(Default)]
struct Stillborn;

static STILLBORN_DROPS: AtomicU32 = AtomicU32::new(0);

impl Drop for Stillborn {
    fn drop(&mut self) {
        STILLBORN_DROPS.fetch_add(1, Ordering::SeqCst);
    }
}

impl Plugin for Stillborn {
    const METADATA: PluginMetadata = PluginMetadata {
        restart: QUICK,
        ..PluginMetadata::new("stillborn", "1.0.0")
    };

    async fn on_start(&mut self, _: &Context) -> Result<(), Error> {
        panic!("never meant to start");
    }
}

/// Cannot even be made.
struct Unmakable;

static UNMAKABLE_TRIES: AtomicU32 = AtomicU32::new(0);

impl Default for Unmakable {
    fn default() -> Self {
        UNMAKABLE_TRIES.fetch_add(1, Ordering::SeqCst);
        panic!("no parts left");
    }
}

impl Plugin for Unmakable {
    const METADATA: PluginMetadata = PluginMetadata {
        restart: QUICK,
        ..PluginMetadata::new("unmakable", "1.0.0")
    };
}

fn count(host: &Host) -> String {
    let mut buf = [0; 64];
    let services = host.runtime().services();
    let reply = host_std::block_on(services.call("steady.count", Json::NULL, &mut buf));
    reply.unwrap().as_str().to_owned()
}

#[test]
fn one_that_panics_on_an_event_is_restarted_and_then_left_failed() {
    keep_log();
    let dir = tempfile::tempdir().unwrap();
    let host = Host::builder()
        .plugin::<Clumsy>()
        .plugin::<Steady>()
        .start(config(dir.path()))
        .unwrap();
    for round in 1..=3 {
        until_state(&host, "clumsy", PluginState::Started);
        host.runtime().bus().try_publish("poke", Json::NULL).unwrap();
        until("the panic is counted", || {
            (info(&host, "clumsy").counters.errors == round).then_some(())
        });
        assert_eq!(count(&host), round.to_string(), "the other plugin missed nothing");
    }
    until("no restart is left", || {
        let info = info(&host, "clumsy");
        (info.state == PluginState::Failed && info.counters.failures == 3).then_some(())
    });
    let clumsy = info(&host, "clumsy");
    assert_eq!(clumsy.code, "panic");
    assert!(
        clumsy.error.starts_with("dropped a vase on poke (at "),
        "{}",
        clumsy.error
    );
    log_line(&["ERROR", "plugin clumsy panicked: dropped a vase", "panics.rs"]);
    log_line(&["ERROR", "plugin clumsy FAILED: panic: dropped a vase"]);

    // The operator may bring it back all the same.
    let started = host_std::block_on(host.supervisor().start(host.runtime(), "clumsy"));
    assert_eq!(started, Ok(PluginState::Started));
    let report = host.shutdown();
    assert!(report.late.is_empty() && report.threads.is_empty(), "{report:?}");
}

#[test]
fn one_that_panics_when_it_starts_or_is_made_fails_alone() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.plugins.entry("stillborn".into()).or_default().placement = host_std::config::Placement::Thread;
    let host = Host::builder()
        .plugin::<Stillborn>()
        .plugin::<Unmakable>()
        .plugin::<Steady>()
        .launch(config)
        .unwrap();
    assert_eq!(
        UNMAKABLE_TRIES.load(Ordering::SeqCst),
        0,
        "made only when it is loaded"
    );
    let failed = host_std::block_on(host.start_plugins());
    let names: Vec<_> = failed.iter().map(|plugin| plugin.name.as_str()).collect();
    assert_eq!(names, ["stillborn", "unmakable"]);
    for (plugin, error) in [
        ("stillborn", "never meant to start (at "),
        ("unmakable", "no parts left (at "),
    ] {
        until("both restarts are used", || {
            let info = info(&host, plugin);
            (info.counters.errors == 3).then_some(())
        });
        let info = info(&host, plugin);
        assert_eq!((info.state, info.code.as_str()), (PluginState::Failed, "panic"));
        assert!(info.error.starts_with(error), "{}", info.error);
    }
    assert_eq!(UNMAKABLE_TRIES.load(Ordering::SeqCst), 3);
    assert_eq!(
        STILLBORN_DROPS.load(Ordering::SeqCst),
        3,
        "each value was dropped"
    );
    assert_eq!(count(&host), "0");
    assert!(host.shutdown().threads.is_empty());
}
