//! Who is there: each runtime says so again and again, and one that is silent for long is gone.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::Subscriber;
use futures_util::StreamExt;
use kernel_core::Error;
use kernel_core::subject::check_plugin_name;
use plugin_kit::prelude::log;
use tokio::time::{interval, sleep, timeout};

use crate::events::say_missed;
use crate::members::Heard;
use crate::node::Node;
use crate::wire::{Hello, decode, encode};

/// After so many heartbeats without a sign of life a runtime is gone.
pub(crate) const SILENT: u32 = 3;

/// How long somebody with this runtime's name has to say so.
const CLAIM: Duration = Duration::from_millis(500);

/// How often the counts of all are compared, in case nobody noticed a loss.
const COMPARE: Duration = Duration::from_secs(60);

/// How often this runtime looks what it offers.
const LOOK: Duration = Duration::from_millis(250);

/// Waits for the connection and makes sure that nobody else has this name.
///
/// # Errors
/// `name_taken`.
pub(crate) async fn claim(node: &Node) -> Result<Subscriber, Error> {
    while !node.link.is_connected() {
        node.link.changed.notified().await;
    }
    let mut hellos = subscribe(node, node.subjects.hello()).await;
    send(
        node,
        Hello {
            joins: true,
            ..node.hello()
        },
    )
    .await;
    let taken = async {
        while let Some(message) = hellos.next().await {
            if let Some((hello, _)) = decode::<Hello>(&message.payload)
                && is_elder(node, &hello)
            {
                return;
            }
        }
    };
    match timeout(CLAIM, taken).await {
        Ok(()) => Err(taken_by_another(node)),
        Err(_) => {
            node.joined.store(true, Ordering::Relaxed);
            Ok(hellos)
        }
    }
}

/// A subscription; asked for again until the client takes it.
pub(crate) async fn subscribe(node: &Node, subject: String) -> Subscriber {
    loop {
        match node.client.subscribe(subject.clone()).await {
            Ok(subscriber) => return subscriber,
            Err(cause) => {
                log::warn!("no subscription to {subject}: {cause}");
                sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

/// True for another runtime of this one's name that was there before.
fn is_elder(node: &Node, hello: &Hello) -> bool {
    hello.name == node.settings.name
        && hello.instance != node.instance
        && !hello.leaves
        && (hello.started, hello.instance) < (node.started, node.instance)
}

fn taken_by_another(node: &Node) -> Error {
    let name = &node.settings.name;
    Error::format(
        "name_taken",
        format_args!("another runtime of this cluster is named {name}: set another `name` for one of them"),
    )
}

pub(crate) async fn send(node: &Node, hello: Hello) {
    let message = encode(&hello, &[]);
    // The client keeps it while there is no connection; an error says that it is closed.
    let _ = node.client.publish(node.subjects.hello(), message.into()).await;
}

/// Hears the others, for ever.
pub(crate) async fn hear(node: Arc<Node>, mut hellos: Subscriber) {
    while let Some(message) = hellos.next().await {
        let Some((hello, _)) = decode::<Hello>(&message.payload) else {
            continue;
        };
        if hello.name == node.settings.name {
            if is_elder(&node, &hello) {
                return node.fail(&taken_by_another(&node));
            }
            if hello.instance != node.instance && !hello.leaves {
                send(&node, node.hello()).await;
            }
            continue;
        }
        if check_plugin_name(&hello.name).is_err() {
            continue;
        }
        if hello.leaves {
            // Its last events may still be on their way through this runtime.
            if node
                .members
                .with(&hello.name, hello.instance, |member| member.ends = true)
                .is_some()
            {
                node.give_up_calls(&hello.name, "it has ended");
            }
            continue;
        }
        let heard = node.heard(&hello.name, hello.instance);
        if hello.joins || heard != Heard::Known {
            // It need not wait for this runtime's next one.
            send(&node, node.hello()).await;
        }
        node.members.with(&hello.name.clone(), hello.instance, |member| {
            member.hello = Some(hello)
        });
        node.news.notify_one();
    }
}

/// Says that this runtime is there, and looks who no longer is, for ever.
pub(crate) async fn beat(node: Arc<Node>) {
    let heartbeat = node.settings.heartbeat;
    let mut ticks = interval(heartbeat);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut late = std::time::Instant::now();
    loop {
        ticks.tick().await;
        send(&node, node.hello()).await;
        say_missed(&node);
        // Whoever was held up itself has heard nobody, which says nothing about them.
        let held_up = late.elapsed() > heartbeat * 2;
        late = std::time::Instant::now();
        if held_up {
            continue;
        }
        for name in node.members.ending() {
            node.gone(&name, "it has ended");
        }
        for name in node.members.silent(heartbeat * SILENT) {
            let silent = (heartbeat * SILENT).as_millis();
            node.gone(&name, &format!("it was not heard for {silent} ms"));
        }
    }
}

/// Looks what this runtime offers, and says when that has changed, for ever.
pub(crate) async fn look(node: Arc<Node>) {
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let version = node.offers.look(&node.runtime, &node.settings.services);
        if node.offered.swap(version, Ordering::Relaxed) != version {
            send(&node, node.hello()).await;
        }
        node.news.notify_one();
    }
}

/// Asks all for their counts, now and then.
pub(crate) async fn compare(node: Arc<Node>) {
    loop {
        sleep(COMPARE).await;
        node.members.forget_asked();
        node.news.notify_one();
    }
}
