//! Setting and getting one of many state values, beside maps that threads share.
//!
//! Ours keeps versions and times to live and makes an event of every change, which a log keeps. So does the peer: a
//! locked map of value, version and expiry, and a broadcast of the change. Bare maps are shown for reference. Each side
//! copies the value in, and out into the caller's buffer.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use dashmap::DashMap;
use kernel_core::{Json, Name, StateEngine, json_literal};
use tokio::sync::broadcast;

use super::harness::{Contender, Settings, compare, growth};
use super::report::Row;
use super::shuffle::shuffled;
use super::world::World;

const KEYS: usize = 1000;
const VALUE: Json<'static> = json_literal!(r#"{"on":true,"level":128}"#);

/// The comparison.
///
/// # Errors
/// When a value was not there.
pub(super) fn run(settings: &Settings) -> Result<Vec<Row>, String> {
    let set = vec![
        ours_set(KEYS)?,
        versioned_set(KEYS),
        locked_set(KEYS).for_reference(),
        dashmap_set(KEYS).for_reference(),
    ];
    let get = vec![
        ours_get(KEYS)?,
        versioned_get(KEYS),
        locked_get(KEYS).for_reference(),
        dashmap_get(KEYS).for_reference(),
    ];
    Ok(vec![
        compare(settings, "state set, 1,000 keys", set, Some(1.2))?,
        compare(settings, "state get, 1,000 keys", get, Some(1.0))?,
    ])
}

/// A table of more sizes.
///
/// # Errors
/// When a value was not there.
pub(super) fn table(settings: &Settings) -> Result<Vec<Row>, String> {
    let sizes = [10, 100, 1000, 4000, 16_000];
    let set: Result<_, String> = sizes.into_iter().map(ours_set).collect();
    let get: Result<_, String> = sizes.into_iter().map(ours_get).collect();
    let mut rows = growth(settings, set?, None)?;
    rows.extend(growth(settings, get?, None)?);
    Ok(rows)
}

fn keys(keys: usize) -> Vec<String> {
    shuffled(
        (0..keys)
            .map(|index| format!("room{}.lamp{index}", index % 32))
            .collect(),
    )
}

fn filled(keys: &[String]) -> Result<StateEngine, String> {
    let state = World::new()?.runtime.state();
    keys.iter().try_for_each(|key| store(state, key))?;
    Ok(state)
}

fn store(state: StateEngine, key: &str) -> Result<(), String> {
    match state.set(Name::Copied(key), VALUE).now() {
        Ok(_) => Ok(()),
        Err(cause) => Err(format!("{key} is not set: {cause}")),
    }
}

fn ours_set(count: usize) -> Result<Contender<'static>, String> {
    let keys = keys(count);
    let state = filled(&keys)?;
    Ok(Contender::new(format!("set 1 of {count}"), move |count| {
        let begun = Instant::now();
        for (_, key) in (0..count).zip(keys.iter().cycle()) {
            store(state, key)?;
        }
        Ok(begun.elapsed())
    }))
}

fn ours_get(count: usize) -> Result<Contender<'static>, String> {
    let keys = keys(count);
    let state = filled(&keys)?;
    Ok(Contender::new(format!("get 1 of {count}"), move |count| {
        let mut buf = [0; 64];
        let begun = Instant::now();
        for (_, key) in (0..count).zip(keys.iter().cycle()) {
            match state.get(key, &mut buf).now() {
                Ok(Some(value)) => drop(black_box(value)),
                Ok(None) => return Err(format!("{key} is not there")),
                Err(cause) => return Err(format!("{key} is not read: {cause}")),
            }
        }
        Ok(begun.elapsed())
    }))
}

/// Writes over the value that is there, which spares an allocation.
fn overwrite(value: &mut Vec<u8>) {
    value.clear();
    value.extend_from_slice(VALUE.as_bytes());
}

fn copied(value: Option<&Vec<u8>>, key: &str, buf: &mut [u8]) -> Result<(), String> {
    let to = value.and_then(|value| Some((buf.get_mut(..value.len())?, value)));
    let (to, value) = to.ok_or_else(|| format!("{key} is not there"))?;
    to.copy_from_slice(value);
    black_box(to);
    Ok(())
}

fn locked(keys: &[String]) -> Mutex<HashMap<String, Vec<u8>>> {
    Mutex::new(
        keys.iter()
            .map(|key| (key.clone(), VALUE.as_bytes().to_vec()))
            .collect(),
    )
}

fn locked_set(count: usize) -> Contender<'static> {
    let keys = keys(count);
    let map = locked(&keys);
    Contender::new("Mutex<HashMap<String, Vec<u8>>>", move |count| {
        let begun = Instant::now();
        for (_, key) in (0..count).zip(keys.iter().cycle()) {
            let mut map = map.lock().unwrap_or_else(PoisonError::into_inner);
            match map.get_mut(key.as_str()) {
                Some(value) => overwrite(value),
                None => drop(map.insert(key.clone(), VALUE.as_bytes().to_vec())),
            }
        }
        Ok(begun.elapsed())
    })
}

fn locked_get(count: usize) -> Contender<'static> {
    let keys = keys(count);
    let map = locked(&keys);
    Contender::new("Mutex<HashMap<String, Vec<u8>>>", move |count| {
        let mut buf = [0; 64];
        let begun = Instant::now();
        for (_, key) in (0..count).zip(keys.iter().cycle()) {
            let map = map.lock().unwrap_or_else(PoisonError::into_inner);
            copied(map.get(key.as_str()), key, &mut buf)?;
        }
        Ok(begun.elapsed())
    })
}

/// A value with what ours keeps of it.
struct Versioned {
    value: Vec<u8>,
    version: u64,
    expires: Option<Instant>,
}

type Change = (String, Vec<u8>, u64);

/// How many changes the broadcast keeps for who is slow.
const CHANGES: usize = 4096;

fn versioned(keys: &[String]) -> Mutex<HashMap<String, Versioned>> {
    let entry = |key: &String| {
        let entry = Versioned {
            value: VALUE.as_bytes().to_vec(),
            version: 1,
            expires: None,
        };
        (key.clone(), entry)
    };
    Mutex::new(keys.iter().map(entry).collect())
}

fn versioned_set(count: usize) -> Contender<'static> {
    let keys = keys(count);
    let (map, mut last) = (versioned(&keys), 1u64);
    let (changes, kept) = broadcast::channel::<Change>(CHANGES);
    Contender::new("locked map with versions, broadcast", move |count| {
        // As long as somebody may read them, changes are kept.
        let _kept = &kept;
        let begun = Instant::now();
        for (_, key) in (0..count).zip(keys.iter().cycle()) {
            let now = Instant::now();
            let mut map = map.lock().unwrap_or_else(PoisonError::into_inner);
            let entry = map
                .get_mut(key.as_str())
                .ok_or_else(|| format!("{key} is not there"))?;
            if entry.expires.is_some_and(|at| at <= now) {
                return Err(format!("{key} has expired"));
            }
            last += 1;
            entry.version = last;
            overwrite(&mut entry.value);
            changes
                .send((key.clone(), entry.value.clone(), last))
                .map_err(|_| "nobody keeps the changes")?;
        }
        Ok(begun.elapsed())
    })
}

fn versioned_get(count: usize) -> Contender<'static> {
    let keys = keys(count);
    let map = versioned(&keys);
    Contender::new("locked map with versions", move |count| {
        let mut buf = [0; 64];
        let begun = Instant::now();
        for (_, key) in (0..count).zip(keys.iter().cycle()) {
            let map = map.lock().unwrap_or_else(PoisonError::into_inner);
            let entry = map.get(key.as_str());
            let alive = |entry: &&Versioned| entry.expires.is_none_or(|at| at > Instant::now());
            let value = entry.filter(alive).map(|entry| (&entry.value, entry.version));
            black_box(value.map(|(_, version)| version));
            copied(value.map(|(value, _)| value), key, &mut buf)?;
        }
        Ok(begun.elapsed())
    })
}

fn dashmap(keys: &[String]) -> DashMap<String, Vec<u8>> {
    keys.iter()
        .map(|key| (key.clone(), VALUE.as_bytes().to_vec()))
        .collect()
}

fn dashmap_set(count: usize) -> Contender<'static> {
    let keys = keys(count);
    let map = dashmap(&keys);
    Contender::new("dashmap", move |count| {
        let begun = Instant::now();
        for (_, key) in (0..count).zip(keys.iter().cycle()) {
            match map.get_mut(key.as_str()) {
                Some(mut value) => overwrite(&mut value),
                None => drop(map.insert(key.clone(), VALUE.as_bytes().to_vec())),
            }
        }
        Ok(begun.elapsed())
    })
}

fn dashmap_get(count: usize) -> Contender<'static> {
    let keys = keys(count);
    let map = dashmap(&keys);
    Contender::new("dashmap", move |count| {
        let mut buf = [0; 64];
        let begun = Instant::now();
        for (_, key) in (0..count).zip(keys.iter().cycle()) {
            copied(map.get(key.as_str()).as_deref(), key, &mut buf)?;
        }
        Ok(begun.elapsed())
    })
}
