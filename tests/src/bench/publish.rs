//! One publisher, one event of a 20-byte topic and 64 bytes of JSON, 1 or 10 receivers that wait for it.
//!
//! Each operation publishes and then lets every receiver run until it has handled the event: nothing is
//! left in a queue, and every receive was waited for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use embassy_sync::blocking_mutex::raw::{CriticalSectionRawMutex, NoopRawMutex, RawMutex};
use embassy_sync::pubsub::PubSubChannel;
use kernel_core::{CoreRuntime, Json, json_literal, subject};
use tokio::sync::broadcast;

use super::executor::{Count, Tasks};
use super::harness::{Contender, Settings, compare};
use super::report::Row;
use super::world::{Receiver, World};

/// 20 bytes.
pub(super) const TOPIC: &str = "home.kitchen.light12";
/// What matches it.
pub(super) const FILTER: &str = "home.*.light12";
/// 64 bytes.
pub(super) const PAYLOAD: Json<'static> =
    json_literal!(r#"{"on":true,"level":128,"color":"warm","since":"08:15:00","by":1}"#);

/// What an owned event is for the peers.
pub(super) type Message = (String, Vec<u8>);

const QUEUE: usize = 64;
const MOST: usize = 16;

/// The comparison with 1 and 10 receivers.
///
/// # Errors
/// When somebody lost an event.
pub(super) fn run(settings: &Settings) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for receivers in [1, 10] {
        let mut contenders = vec![ours(receivers)?];
        contenders.extend(peers(receivers)?);
        let plural = if receivers == 1 { "" } else { "s" };
        let name = format!("publish to {receivers} plugin{plural}");
        let goal = if receivers == 1 { 0.95 } else { 1.4 };
        rows.push(compare(settings, &name, contenders, Some(goal))?);
    }
    Ok(rows)
}

/// What people would use instead.
fn peers(receivers: usize) -> Result<Vec<Contender<'static>>, String> {
    Ok(vec![
        broadcast::<Message>("tokio broadcast", receivers, message)?,
        broadcast::<Arc<Message>>("tokio broadcast of Arc", receivers, || Arc::new(message()))?,
        flume::<Message>("flume, one each", receivers, message)?,
        flume::<Arc<Message>>("flume of Arc, one each", receivers, || Arc::new(message()))?,
        // It keeps no order between channels, and names are cut to its size.
        embassy::<CriticalSectionRawMutex>("embassy PubSubChannel", receivers)?.for_reference(),
        // It cannot leave its thread, which all the others can.
        embassy::<NoopRawMutex>("embassy PubSubChannel, no lock", receivers)?.for_reference(),
    ])
}

/// Publishes and lets the receivers run, `count` times.
pub(super) fn repeat(
    tasks: &mut Tasks,
    count: u64,
    seen: &Count,
    receivers: usize,
    mut publish: impl FnMut(&mut Tasks) -> Result<(), String>,
) -> Result<Duration, String> {
    let before = seen.get();
    let begun = Instant::now();
    for _ in 0..count {
        publish(tasks)?;
        tasks.run();
    }
    let took = begun.elapsed();
    match seen.get() - before {
        handled if handled == count * receivers as u64 => Ok(took),
        handled => Err(format!(
            "{count} events to {receivers} receivers, {handled} handled"
        )),
    }
}

/// Publishes by the kernel's own API and waits until that is done.
pub(super) fn publish(
    tasks: &mut Tasks,
    runtime: CoreRuntime,
    topic: &str,
    payload: Json<'_>,
    receivers: usize,
) -> Result<(), String> {
    match tasks.finish(runtime.bus().publish(topic, payload)) {
        Ok(count) if count as usize == receivers => Ok(()),
        Ok(count) => Err(format!("{count} receivers in place of {receivers}")),
        Err(cause) => Err(format!("not published: {cause}")),
    }
}

fn ours(receivers: usize) -> Result<Contender<'static>, String> {
    let mut world = World::new()?;
    let seen = Count::default();
    for index in 0..receivers {
        let receiver = Receiver {
            filters: vec![FILTER.to_owned()],
            seen: seen.clone(),
        };
        world.add(&format!("receiver{index}"), receiver)?;
    }
    world.start()?;
    let World {
        runtime, mut tasks, ..
    } = world;
    Ok(Contender::new("ours", move |count| {
        repeat(&mut tasks, count, &seen, receivers, |tasks| {
            publish(tasks, runtime, TOPIC, PAYLOAD, receivers)
        })
    }))
}

pub(super) fn message() -> Message {
    (TOPIC.to_owned(), PAYLOAD.as_bytes().to_vec())
}

/// What every peer's receiver does: the filter's check, and the count.
fn handle(topic: &str, payload: &[u8], seen: &Count) {
    if subject::matches(FILTER, topic) {
        std::hint::black_box((topic, payload));
        seen.add();
    }
}

trait Owned: Clone + 'static {
    fn parts(&self) -> (&str, &[u8]);
}

impl Owned for Message {
    fn parts(&self) -> (&str, &[u8]) {
        (&self.0, &self.1)
    }
}

impl Owned for Arc<Message> {
    fn parts(&self) -> (&str, &[u8]) {
        let (topic, payload) = &**self;
        (topic, payload)
    }
}

fn broadcast<M: Owned>(name: &str, receivers: usize, make: fn() -> M) -> Result<Contender<'static>, String> {
    let (sender, _) = broadcast::channel::<M>(QUEUE);
    let (mut tasks, seen) = (Tasks::default(), Count::default());
    for _ in 0..receivers {
        let (mut receiver, seen) = (sender.subscribe(), seen.clone());
        tasks.spawn(async move {
            while let Ok(message) = receiver.recv().await {
                let (topic, payload) = message.parts();
                handle(topic, payload, &seen);
            }
        })?;
    }
    tasks.run();
    Ok(Contender::new(name, move |count| {
        repeat(&mut tasks, count, &seen, receivers, |_| {
            match sender.send(make()) {
                Ok(_) => Ok(()),
                Err(_) => Err("nobody receives".to_owned()),
            }
        })
    }))
}

/// A channel for each receiver; the last one gets the message itself.
fn flume<M: Owned>(name: &str, receivers: usize, make: fn() -> M) -> Result<Contender<'static>, String> {
    let (mut tasks, seen) = (Tasks::default(), Count::default());
    let mut senders = Vec::new();
    for _ in 0..receivers {
        let (sender, receiver) = flume::bounded::<M>(QUEUE);
        senders.push(sender);
        let seen = seen.clone();
        tasks.spawn(async move {
            while let Ok(message) = receiver.recv_async().await {
                let (topic, payload) = message.parts();
                handle(topic, payload, &seen);
            }
        })?;
    }
    tasks.run();
    let (last, others) = match senders.split_last() {
        Some((last, others)) => (last.clone(), others.to_vec()),
        None => return Err("nobody receives".to_owned()),
    };
    Ok(Contender::new(name, move |count| {
        repeat(&mut tasks, count, &seen, receivers, |_| {
            let message = make();
            for sender in &others {
                sent(sender.try_send(message.clone()))?;
            }
            sent(last.try_send(message))
        })
    }))
}

fn sent<M>(outcome: Result<(), flume::TrySendError<M>>) -> Result<(), String> {
    outcome.map_err(|cause| format!("not sent: {cause}"))
}

type Small = (heapless::String<32>, heapless::Vec<u8, 64>);

fn embassy<R: RawMutex + 'static>(name: &str, receivers: usize) -> Result<Contender<'static>, String> {
    // Firmware has it in a `static`.
    let channel: &'static PubSubChannel<R, Small, QUEUE, MOST, 1> = Box::leak(Box::new(PubSubChannel::new()));
    let (mut tasks, seen) = (Tasks::default(), Count::default());
    for _ in 0..receivers {
        let mut subscriber = channel
            .subscriber()
            .map_err(|_| format!("more than {MOST} subscribers"))?;
        let seen = seen.clone();
        tasks.spawn(async move {
            loop {
                let (topic, payload) = subscriber.next_message_pure().await;
                handle(&topic, &payload, &seen);
            }
        })?;
    }
    tasks.run();
    let publisher = channel.publisher().map_err(|_| "a second publisher".to_owned())?;
    Ok(Contender::new(name, move |count| {
        repeat(&mut tasks, count, &seen, receivers, |_| {
            let (mut topic, mut payload) = Small::default();
            let fits = topic.push_str(TOPIC).is_ok() && payload.extend_from_slice(PAYLOAD.as_bytes()).is_ok();
            publisher.publish_immediate((topic, payload));
            if fits {
                Ok(())
            } else {
                Err("the message is too long".to_owned())
            }
        })
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_event_is_as_long_as_it_is_said_to_be() {
        assert!(subject::matches(FILTER, TOPIC));
        assert_eq!((TOPIC.len(), PAYLOAD.len()), (20, 64));
    }
}
