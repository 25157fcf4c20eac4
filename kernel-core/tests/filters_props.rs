//! Who gets a topic, among filters of many shapes that come and go, against the plain matcher.
mod support;

use kernel_core::subject::matches;
use kernel_core::*;
use proptest::prelude::*;
use support::{AtOnce, ByHand, at_once, json, runtime};

const NAMES: [&str; 3] = ["one", "two", "three"];

#[derive(Clone, Debug)]
enum Step {
    Subscribe { plugin: usize, filter: String },
    Unsubscribe { plugin: usize, nth: usize },
    Publish { topic: String },
    Set { key: String },
}

/// Of up to 11 tokens over a small alphabet, so that filters and topics often meet.
fn topic() -> impl Strategy<Value = String> {
    let short = prop::collection::vec("a|b", 1..5);
    let long = prop::collection::vec("a", 6..12);
    prop_oneof![4 => short, 1 => long].prop_map(|tokens| tokens.join("."))
}

fn filter() -> impl Strategy<Value = String> {
    let short = prop::collection::vec("a|b|\\*|\\*", 0..5);
    let long = prop::collection::vec("a|a|\\*", 6..12);
    // Some that hear changes of the state, and some that nearly do.
    let ours = (
        "state|state|a|\\*",
        "changed|changed|a|\\*",
        prop::collection::vec("a|b|\\*", 0..3),
    )
        .prop_map(|(one, two, more)| [vec![one, two], more].concat());
    (prop_oneof![4 => short, 1 => long, 2 => ours], prop::bool::ANY).prop_map(|(mut tokens, rest)| {
        if rest || tokens.is_empty() {
            tokens.push(">".into());
        }
        tokens.join(".")
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..3usize, filter()).prop_map(|(plugin, filter)| Step::Subscribe { plugin, filter }),
        2 => (0..3usize, 0..64usize).prop_map(|(plugin, nth)| Step::Unsubscribe { plugin, nth }),
        3 => topic().prop_map(|topic| Step::Publish { topic }),
        3 => topic().prop_map(|key| Step::Set { key }),
    ]
}

/// How many plugins have a filter that matches.
fn receivers(model: &[Vec<String>; 3], topic: &str) -> usize {
    let gets = |of: &&Vec<String>| of.iter().any(|filter| matches(filter, topic));
    model.iter().filter(gets).count()
}

/// The next record: its place, its topic, and how many get it.
fn told(tap: &mut Tap, buf: &mut [u8]) -> Option<(u64, String, usize)> {
    match tap.try_next(buf)? {
        Tapped::Record(record) => {
            let topic = record.topic.to_owned();
            Some((record.seq, topic, record.receivers.len()))
        }
        other => panic!("{other:?}"),
    }
}

proptest! {
    #[test]
    fn a_topic_goes_to_those_whose_filters_match(steps in prop::collection::vec(step(), 1..160)) {
        let runtime = runtime(&Capacities {
            filters: 200,
            names: 200,
            ..Capacities::DEFAULT
        });
        let plugins = NAMES.map(|name| ByHand::started(&runtime, PluginMetadata::new(name, "1.0.0")));
        let mut model: [Vec<String>; 3] = Default::default();
        let mut tap = Tap::open(runtime.kernel(), None).unwrap();
        let mut buf = [0; 256];
        let mut seq = tap.position();
        for step in steps {
            match step {
                Step::Subscribe { plugin, filter } => {
                    prop_assert!(at_once(plugins[plugin].cx().subscribe(Name::Copied(&filter))).is_ok());
                    if !model[plugin].contains(&filter) {
                        model[plugin].push(filter);
                    }
                }
                Step::Unsubscribe { plugin, nth } => {
                    let of = &mut model[plugin];
                    if !of.is_empty() {
                        let filter = of.swap_remove(nth % of.len());
                        prop_assert_eq!(at_once(plugins[plugin].cx().unsubscribe(&filter)), Ok(true));
                        prop_assert_eq!(at_once(plugins[plugin].cx().unsubscribe(&filter)), Ok(false));
                    }
                }
                Step::Publish { topic } => {
                    prop_assert_eq!(at_once(plugins[0].cx().unsubscribe("")), Ok(false));
                    let expected = receivers(&model, &topic);
                    prop_assert_eq!(runtime.bus().try_publish(&topic, json("1")), Ok(expected as u32), "{}", topic);
                    prop_assert_eq!(told(&mut tap, &mut buf), Some((seq, topic, expected)));
                    seq += 1;
                }
                Step::Set { key } => {
                    runtime.state().set(Name::Copied(&key), json("1")).unwrap();
                    let topic = format!("state.changed.{key}");
                    let expected = receivers(&model, &topic);
                    prop_assert_eq!(told(&mut tap, &mut buf), Some((seq, topic.clone(), expected)));
                    prop_assert!(runtime.state().delete(&key).unwrap());
                    prop_assert_eq!(told(&mut tap, &mut buf), Some((seq + 1, topic, expected)));
                    seq += 2;
                }
            }
            let used = model.iter().map(Vec::len).sum::<usize>();
            prop_assert_eq!(runtime.metrics().filters.used, used as u32);
        }
    }
}
