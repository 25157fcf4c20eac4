//! The topics that only the kernel publishes.
mod support;

use std::time::Duration;

use kernel_core::*;
use support::{AtOnce, ByHand, Seen, Tasks, json, runtime};

#[test]
fn only_the_kernel_says_what_happens_in_it() {
    for log_bytes in [252, 512, 4096, 64 * 1024] {
        let runtime = runtime(&Capacities {
            log_bytes,
            ..Capacities::DEFAULT
        });
        let mut p = ByHand::started(&runtime, PluginMetadata::new("p", "1.0.0"));
        p.cx().subscribe("state.changed.>").unwrap();
        p.cx().subscribe("runtime.>").unwrap();
        for topic in [
            "state.changed.lamp",
            "state.changed.lamp.x",
            "runtime.plugin.p",
            "runtime.x",
        ] {
            // The kernel's own event just before must not open the way.
            p.cx().state().set("lamp", json("1")).unwrap();
            let refused = runtime.metrics().refused;
            let tried = [
                p.cx().try_publish(topic, json("1")),
                runtime.bus().try_publish(topic, json("1")),
                runtime.bus().try_publish(topic, json("1")),
                Tasks::default().run(runtime.kernel(), p.cx().publish(topic, json("1"))),
                Tasks::default().run(
                    runtime.kernel(),
                    runtime.bus().publish_within(topic, json("1"), Duration::ZERO),
                ),
            ];
            assert_eq!(tried, [Err(Fault::Reserved); 5], "{topic} in {log_bytes}");
            assert_eq!(runtime.metrics().refused, refused + 5);
            assert!(matches!(p.next(), Some(Seen::Event { topic, .. }) if topic == "state.changed.lamp"));
            assert_eq!(p.next(), None);
        }
        for topic in [
            "runtime",
            "runtimes.x",
            "state.change",
            "state.changed",
            "my.runtime.x",
        ] {
            assert_eq!(runtime.bus().try_publish(topic, json("1")), Ok(0), "{topic}");
        }
        assert_eq!(Fault::Reserved.code(), "reserved");
    }
}
