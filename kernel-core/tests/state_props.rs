//! The state against a map with times to live.
mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use kernel_core::*;
use proptest::prelude::*;
use support::{AtOnce, advance, at_once, json, now, runtime};

const ENTRIES: usize = 5;
const BLOCK: usize = 8;
const BLOCKS: usize = 12;
const NAMES: usize = 3;
/// The first four are `'static`, the others made at run time.
const KEYS: [&str; 8] = ["a", "a.b", "b", "b.c", "c", "c.d", "d", "e"];

#[derive(Clone, Debug)]
enum Step {
    Set {
        key: usize,
        len: usize,
        ttl: Option<u64>,
    },
    Compare {
        key: usize,
        len: usize,
        stale: bool,
    },
    Update {
        writes: Vec<(usize, usize)>,
    },
    Delete {
        key: usize,
    },
    Pass {
        millis: u64,
    },
    Expire,
    Clear,
}

fn step() -> impl Strategy<Value = Step> {
    let key = 0..KEYS.len();
    let len = 1..40usize;
    prop_oneof![
        6 => (key.clone(), len.clone(), prop::option::of(0..30u64))
            .prop_map(|(key, len, ttl)| Step::Set { key, len, ttl }),
        3 => (key.clone(), len.clone(), any::<bool>())
            .prop_map(|(key, len, stale)| Step::Compare { key, len, stale }),
        3 => prop::collection::btree_map(key.clone(), len, 0..4)
            .prop_map(|writes| Step::Update { writes: writes.into_iter().collect() }),
        3 => key.prop_map(|key| Step::Delete { key }),
        3 => (1..20u64).prop_map(|millis| Step::Pass { millis }),
        1 => Just(Step::Expire),
        1 => Just(Step::Clear),
    ]
}

fn name(key: usize) -> Name<'static> {
    if key < 4 {
        Name::Fixed(KEYS[key])
    } else {
        Name::Copied(KEYS[key])
    }
}

fn value(len: usize) -> String {
    "7".repeat(len)
}

#[derive(Clone, Debug)]
struct Entry {
    len: usize,
    version: u64,
    expires: Option<u64>,
}

#[derive(Default)]
struct Model {
    entries: BTreeMap<usize, Entry>,
    last_version: u64,
}

impl Model {
    fn drop_expired(&mut self) {
        let now = now();
        self.entries
            .retain(|_, entry| entry.expires.is_none_or(|at| at > now));
    }

    fn blocks(&self) -> usize {
        self.entries.values().map(|entry| entry.len.div_ceil(BLOCK)).sum()
    }

    fn names(&self) -> usize {
        self.entries.keys().filter(|key| **key >= 4).count()
    }

    /// Why these writes are refused, when `spare` blocks are free.
    fn refusal(&self, writes: &[(usize, usize)], spare: usize) -> Option<Fault> {
        let (mut entries, mut names, mut blocks) = (self.entries.len(), self.names(), 0);
        for (key, len) in writes {
            blocks += len.div_ceil(BLOCK);
            if !self.entries.contains_key(key) {
                entries += 1;
                names += (*key >= 4) as usize;
            }
        }
        let full = |capacity, size: usize| {
            Some(Fault::Full {
                capacity,
                size: size as u32,
            })
        };
        if blocks > spare {
            full(Capacity::StateBytes, BLOCK * BLOCKS)
        } else if entries > ENTRIES {
            full(Capacity::StateEntries, ENTRIES)
        } else if names > NAMES {
            full(Capacity::Names, NAMES)
        } else {
            None
        }
    }

    fn set(&mut self, key: usize, len: usize, ttl: Option<u64>, got: Result<u64, Fault>) {
        let old = self
            .entries
            .get(&key)
            .map_or(0, |entry| entry.len.div_ceil(BLOCK));
        let spare = BLOCKS - self.blocks() + old;
        match self.refusal(&[(key, len)], spare) {
            Some(error) => assert_eq!(got, Err(error)),
            None => {
                let version = got.unwrap();
                assert!(version > self.last_version);
                self.last_version = version;
                let expires = ttl.map(|millis| now() + millis * 1000);
                self.entries.insert(
                    key,
                    Entry {
                        len,
                        version,
                        expires,
                    },
                );
            }
        }
    }
}

fn check(steps: &[Step]) {
    let runtime = runtime(&Capacities {
        state_entries: ENTRIES,
        state_block: BLOCK,
        state_bytes: BLOCK * BLOCKS,
        names: NAMES,
        ..Capacities::DEFAULT
    });
    let state = runtime.state();
    let mut model = Model::default();
    for step in steps {
        match step {
            Step::Set { key, len, ttl } => {
                model.drop_expired();
                let text = value(*len);
                let got = match ttl {
                    Some(millis) => {
                        at_once(state.set_with_ttl(name(*key), json(&text), Duration::from_millis(*millis)))
                    }
                    None => at_once(state.set(name(*key), json(&text))),
                };
                model.set(*key, *len, *ttl, got);
            }
            Step::Compare { key, len, stale } => {
                model.drop_expired();
                let there = model.entries.get(key).map_or(0, |entry| entry.version);
                let expected = there + *stale as u64;
                let got = at_once(state.compare_and_set(name(*key), json(&value(*len)), expected));
                if *stale {
                    assert_eq!(got, Err(Fault::Conflict));
                } else {
                    model.set(*key, *len, None, got);
                }
            }
            Step::Update { writes } => {
                model.drop_expired();
                let texts: Vec<_> = writes.iter().map(|(key, len)| (*key, value(*len))).collect();
                let all: Vec<_> = texts.iter().map(|(key, text)| (name(*key), json(text))).collect();
                let got = at_once(state.update(&all));
                // One alone takes the room of the value it replaces.
                let replaced = match writes[..] {
                    [(key, _)] => model
                        .entries
                        .get(&key)
                        .map_or(0, |entry| entry.len.div_ceil(BLOCK)),
                    _ => 0,
                };
                match model.refusal(writes, BLOCKS - model.blocks() + replaced) {
                    Some(error) => assert_eq!(got, Err(error)),
                    None => {
                        assert_eq!(got, Ok(()));
                        for (key, len) in writes {
                            let mut buf = [0; 64];
                            let (_, version) = state.get_versioned(KEYS[*key], &mut buf).unwrap().unwrap();
                            assert!(version > model.last_version);
                            model.last_version = version;
                            let expires = None;
                            let len = *len;
                            model.entries.insert(
                                *key,
                                Entry {
                                    len,
                                    version,
                                    expires,
                                },
                            );
                        }
                    }
                }
            }
            Step::Delete { key } => {
                model.drop_expired();
                let was = model.entries.remove(key).is_some();
                assert_eq!(at_once(state.delete(KEYS[*key])), Ok(was));
            }
            Step::Pass { millis } => advance(Duration::from_millis(*millis)),
            Step::Expire => {
                runtime.kernel().expire();
                model.drop_expired();
                let metrics = runtime.metrics();
                assert_eq!(metrics.state_entries.used as usize, model.entries.len());
                assert_eq!(metrics.state_bytes.used as usize, model.blocks() * BLOCK);
                assert_eq!(metrics.names.used as usize, model.names());
            }
            Step::Clear => {
                model.drop_expired();
                assert_eq!(at_once(state.clear()), Ok(model.entries.len() as u32));
                model.entries.clear();
            }
        }
        model.drop_expired();
        for (key, text) in KEYS.iter().enumerate() {
            let mut buf = [0; 64];
            let got = state.get_versioned(text, &mut buf).unwrap();
            let expected = model.entries.get(&key);
            assert_eq!(
                got.map(|(value, version)| (value.as_str().to_owned(), version)),
                expected.map(|entry| (value(entry.len), entry.version))
            );
        }
    }
    at_once(state.clear()).unwrap();
    let metrics = runtime.metrics();
    assert_eq!(
        (
            metrics.state_entries.used,
            metrics.state_bytes.used,
            metrics.names.used
        ),
        (0, 0, 0)
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 2 } else { 128 }, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_state_behaves_like_a_map_with_times_to_live(steps in prop::collection::vec(step(), 1..120)) {
        check(&steps);
    }
}
