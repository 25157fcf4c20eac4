//! Looking a service up by its name, beside a `HashMap`.

use std::collections::HashMap;
use std::hint::black_box;
use std::time::Instant;

use super::harness::{Contender, Settings, compare, growth};
use super::report::Row;
use super::shuffle::shuffled;
use super::world::{Echo, World};

/// What "flat" allows between 10 and 4,000, whose names alone are more than the first-level cache holds.
const FLAT: f64 = 1.5;

/// The comparison, and whether it grows.
///
/// # Errors
/// When a service was not found.
pub(super) fn run(settings: &Settings) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for services in [10, 1000, 4000] {
        let name = format!("lookup among {services} services");
        rows.push(compare(
            settings,
            &name,
            vec![ours(services)?, map(services)],
            Some(0.7),
        )?);
    }
    let flat = growth(settings, vec![ours(10)?, ours(4000)?], Some(FLAT))?;
    rows.extend(flat.into_iter().skip(1));
    Ok(rows)
}

/// A table of more sizes.
///
/// # Errors
/// When a service was not found.
pub(super) fn table(settings: &Settings) -> Result<Vec<Row>, String> {
    let sizes: Result<_, String> = [1, 10, 100, 1000, 4000].into_iter().map(ours).collect();
    growth(settings, sizes?, None)
}

fn names(services: usize) -> Vec<String> {
    (0..services)
        .map(|index| format!("plugin{:02}.service{index:04}", index % 64))
        .collect()
}

fn ours(services: usize) -> Result<Contender<'static>, String> {
    let mut world = World::new()?;
    let names = names(services);
    let services = names.clone();
    world.add("owner", Echo { services })?;
    world.start()?;
    let title = format!("lookup of 1 of {}", names.len());
    let names = shuffled(names);
    let registry = world.runtime.services();
    Ok(Contender::new(title, move |count| {
        let begun = Instant::now();
        let found = (0..count)
            .zip(names.iter().cycle())
            .filter(|(_, name)| registry.has_service(name).now() == Ok(true));
        let found = black_box(found.count() as u64);
        all_found(begun, found, count)
    }))
}

fn map(services: usize) -> Contender<'static> {
    let names = names(services);
    let map: HashMap<String, usize> = names.iter().cloned().zip(0..).collect();
    let names = shuffled(names);
    Contender::new("std HashMap<String, _>", move |count| {
        let begun = Instant::now();
        let found = (0..count).zip(names.iter().cycle());
        let found = found.filter(|(_, name)| black_box(map.get(name.as_str())).is_some());
        let found = black_box(found.count() as u64);
        all_found(begun, found, count)
    })
}

fn all_found(begun: Instant, found: u64, count: u64) -> Result<std::time::Duration, String> {
    let took = begun.elapsed();
    if found == count {
        Ok(took)
    } else {
        Err(format!("{found} of {count} found"))
    }
}
