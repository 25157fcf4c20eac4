//! How the cost of an event grows with the number of plugins, the payload and the threads that publish.

use std::thread;
use std::time::{Duration, Instant};

use kernel_core::{CoreRuntime, Json};

use super::executor::Count;
use super::harness::{Contender, Settings, growth};
use super::publish::{FILTER, PAYLOAD, TOPIC, publish, repeat};
use super::report::Row;
use super::world::{Receiver, World};

/// To one of so many plugins, to all of them, and with so many threads.
///
/// # Errors
/// When an event was lost.
pub(super) fn plugins(settings: &Settings) -> Result<Vec<Row>, String> {
    let sizes = [1, 2, 8, 32, 128];
    let one = |plugins| among(format!("publish to 1 of {plugins} plugins"), plugins, 1);
    let all = |plugins| among(format!("publish to all of {plugins} plugins"), plugins, plugins);
    let one: Result<_, String> = sizes.into_iter().map(one).collect();
    let all: Result<_, String> = sizes.into_iter().map(all).collect();
    let mut rows = growth(settings, one?, None)?;
    rows.extend(growth(settings, all?, None)?);
    Ok(rows)
}

/// `receivers` of `plugins` get the event; each of the others has a filter of its own.
fn among(name: String, plugins: usize, receivers: usize) -> Result<Contender<'static>, String> {
    let mut world = World::new()?;
    let seen = Count::default();
    for index in 0..plugins {
        // Those that get it lie among the others.
        let gets = index % (plugins / receivers) == 0;
        let filter = if gets {
            FILTER.to_owned()
        } else {
            format!("room{index}.>")
        };
        let (filters, seen) = (vec![filter], seen.clone());
        world.add(&format!("plugin{index}"), Receiver { filters, seen })?;
    }
    world.start()?;
    let World {
        runtime, mut tasks, ..
    } = world;
    Ok(Contender::new(name, move |count| {
        repeat(&mut tasks, count, &seen, receivers, |tasks| {
            publish(tasks, runtime, TOPIC, PAYLOAD, receivers)
        })
    }))
}

/// With payloads from a few bytes to the largest.
///
/// # Errors
/// When an event was lost.
pub(super) fn payload(settings: &Settings) -> Result<Vec<Row>, String> {
    let sizes = [16, 64, 256, 1024, 4096, 16 * 1024, 64 * 1024];
    let sizes: Result<_, String> = sizes.into_iter().map(with_payload).collect();
    growth(settings, sizes?, None)
}

fn with_payload(bytes: usize) -> Result<Contender<'static>, String> {
    let mut world = World::new()?;
    let seen = Count::default();
    let receiver = Receiver {
        filters: vec![FILTER.to_owned()],
        seen: seen.clone(),
    };
    world.add_with_buffer("receiver", receiver, 2 * bytes + 4096)?;
    world.start()?;
    let World {
        runtime, mut tasks, ..
    } = world;
    let text = format!("\"{}\"", "x".repeat(bytes - 2));
    Ok(Contender::new(format!("publish {bytes} bytes"), move |count| {
        let payload = Json::parse(&text).map_err(|cause| format!("the payload: {cause}"))?;
        repeat(&mut tasks, count, &seen, 1, |tasks| {
            publish(tasks, runtime, TOPIC, payload, 1)
        })
    }))
}

/// With 1 and 2 threads that publish to nobody: what they hold each other up by is the kernel's lock.
///
/// # Errors
/// When an event was not published.
pub(super) fn threads(settings: &Settings) -> Result<Vec<Row>, String> {
    let sizes: Result<_, String> = [1, 2].into_iter().map(publishing).collect();
    growth(&settings.finer(), sizes?, None)
}

fn publishing(threads: u64) -> Result<Contender<'static>, String> {
    let runtime = World::new()?.runtime;
    let plural = if threads == 1 { "" } else { "s" };
    let contender = Contender::new(format!("publish by {threads} thread{plural}"), move |count| {
        let begun = Instant::now();
        thread::scope(|scope| {
            let workers: Vec<_> = (0..threads)
                .map(|_| scope.spawn(|| publish_all(runtime, count / threads)))
                .collect();
            workers
                .into_iter()
                .try_for_each(|worker| worker.join().map_err(|_| "a publisher panicked".to_owned())?)
        })?;
        Ok::<Duration, String>(begun.elapsed())
    });
    Ok(contender.in_groups_of(threads))
}

fn publish_all(runtime: CoreRuntime, count: u64) -> Result<(), String> {
    let bus = runtime.bus();
    for _ in 0..count {
        bus.try_publish(TOPIC, PAYLOAD)
            .map_err(|cause| format!("not published: {cause}"))?;
    }
    Ok(())
}
