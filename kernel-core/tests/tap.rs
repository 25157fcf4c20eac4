//! Reading the log past what others published.

mod support;

use kernel_core::{Capacities, PluginId, PluginMetadata, Tap, Tapped};
use support::{ByHand, json, runtime};

/// The record numbers of `source` that the tap finds, and what it was told is lost.
fn own(tap: &mut Tap, source: PluginId) -> (Vec<u64>, u64) {
    let (mut seqs, mut lost, mut buf) = (Vec::new(), 0, [0; 512]);
    loop {
        match tap.try_next(&mut buf) {
            Some(Tapped::Record(record)) => {
                if record.source == source {
                    seqs.push(record.seq);
                }
            }
            Some(Tapped::Lost { count, .. }) => lost += count,
            Some(other) => panic!("{other:?}"),
            None => return (seqs, lost),
        }
    }
}

#[test]
fn records_of_others_are_passed_over_and_gaps_are_told() {
    let runtime = runtime(&Capacities {
        log_bytes: 64 * 1024,
        ..Capacities::DEFAULT
    });
    let mut tap = Tap::open(runtime.kernel(), None).unwrap();
    let publish = |times: usize| {
        for _ in 0..times {
            runtime.bus().try_publish("a.b", json("1")).unwrap();
        }
    };
    publish(200);
    let before = runtime.metrics().next_seq;
    ByHand::started(&runtime, PluginMetadata::new("late", "1.0.0"));
    let after = runtime.metrics().next_seq;
    publish(100);
    let (found, lost) = own(&mut tap, PluginId::KERNEL);
    assert_eq!((found, lost), ((before..after).collect(), 0));
    assert_eq!(tap.position(), runtime.metrics().next_seq);

    // More than the log holds: how much is gone is told, and what is left is passed over.
    publish(2_000);
    let held = runtime.metrics().next_seq - tap.position();
    let (found, lost) = own(&mut tap, PluginId::KERNEL);
    assert!(found.is_empty() && lost > 0 && lost < held, "{lost} of {held}");
    assert_eq!(tap.position(), runtime.metrics().next_seq);
}
