//! Events of others: received in the order in which they were sent, counted, and published here.

use std::sync::Arc;
use std::task::Poll;

use async_nats::{Message, Subscriber};
use futures_util::StreamExt;
use kernel_core::subject::{check_plugin_name, check_topic};
use kernel_core::{Context, Fault, Json};
use plugin_kit::prelude::log;
use serde_json::json;
use tokio::task::{unconstrained, yield_now};

use crate::far::OWNER;
use crate::members::Member;
use crate::merge::{Merge, Placed};
use crate::node::Node;
use crate::settings::is_reserved;
use crate::wire::{Counts, EventHead, decode};

/// A message, and where it belongs.
struct Inbound {
    message: Message,
    sender: u64,
    place: (u64, u64),
    counts: bool,
}

impl Placed for Inbound {
    fn sender(&self) -> u64 {
        self.sender
    }

    fn place(&self) -> (u64, u64) {
        self.place
    }
}

/// Receives for ever: events by `subscriptions`, of which the last has counts.
pub(crate) async fn receive(node: Arc<Node>, mut subscriptions: Vec<Subscriber>) {
    let mut merge = Merge::new();
    loop {
        // The queues are emptied as a whole, which tokio would else interrupt.
        let fresh = unconstrained(std::future::poll_fn(|cx| {
            let (mut fresh, counts) = (Vec::new(), subscriptions.len() - 1);
            for (index, subscription) in subscriptions.iter_mut().enumerate() {
                while let Poll::Ready(Some(message)) = subscription.poll_next_unpin(cx) {
                    fresh.extend(placed(message, index == counts));
                }
            }
            match fresh.is_empty() && !merge.holds() {
                true => Poll::Pending,
                false => Poll::Ready(fresh),
            }
        }))
        .await;
        for inbound in merge.pass(fresh) {
            if inbound.counts {
                take_counts(&node, &inbound.message);
            } else {
                take_event(&node, &inbound.message).await;
            }
        }
        yield_now().await;
    }
}

fn placed(message: Message, counts: bool) -> Option<Inbound> {
    // Both begin with these.
    let ((sender, at, more), _) = decode::<(u64, u64, u64)>(&message.payload)?;
    let place = if counts { (at, 1 + more) } else { (at, 0) };
    Some(Inbound {
        message,
        sender,
        place,
        counts,
    })
}

async fn take_event(node: &Node, message: &Message) -> Option<()> {
    let (runtime, topic) = node.subjects.parse_event(&message.subject)?;
    let (head, payload) = decode::<EventHead<'_>>(&message.payload)?;
    let is_own = runtime == node.settings.name;
    if is_own || check_plugin_name(runtime).is_err() || check_topic(topic).is_err() || is_reserved(topic) {
        return None;
    }
    node.heard(runtime, head.instance);
    let counted = |member: &mut Member| member.tally.event(topic, head.number);
    if !node.members.with(runtime, head.instance, counted)? {
        return None;
    }
    let taken = match Json::new(payload) {
        Ok(payload) => publish(node, runtime, head.source, topic, payload).await,
        Err(error) => Err(Fault::NotJson {
            at: error.offset() as u32,
        }),
    };
    if let Err(fault) = taken {
        node.members
            .with(runtime, head.instance, |member| member.refused += 1);
        log::warn!(
            "an event {topic} of {runtime}/{} was refused: {fault}",
            head.source
        );
    }
    Some(())
}

/// Publishes an event in the name of its source.
async fn publish(
    node: &Node,
    runtime: &str,
    source: &str,
    topic: &str,
    payload: Json<'_>,
) -> Result<(), Fault> {
    let done = source_of(node, runtime, source)?.publish(topic, payload).await;
    if done == Err(Fault::Unloaded) {
        // Somebody here has ended it: its next life.
        node.far.forget(runtime, source);
        source_of(node, runtime, source)?.publish(topic, payload).await?;
        return Ok(());
    }
    done.map(|_| ())
}

/// The plugin that an event comes from; where there is no room for it, the one that stands for the runtime.
fn source_of(node: &Node, runtime: &str, source: &str) -> Result<Context, Fault> {
    node.far
        .context(runtime, source)
        .or_else(|_| node.far.context(runtime, OWNER))
}

fn take_counts(node: &Node, message: &Message) {
    let Some(runtime) = node.subjects.parse_counts(&message.subject) else {
        return;
    };
    let Some((counts, _)) = decode::<Counts>(&message.payload) else {
        return;
    };
    let counted = |member: &mut Member| {
        member.tally.counts(&counts.topics, counts.more);
        member.answered |= !counts.more;
    };
    node.members.with(runtime, counts.instance, counted);
    say_missed(node);
}

/// Says what was missed since this was last said.
pub(crate) fn say_missed(node: &Node) {
    let mut missed = Vec::new();
    node.members.each(|name, member| {
        let now = member.tally.missed;
        if now != member.said {
            missed.push((name.to_owned(), now - member.said, now));
            member.said = now;
        }
    });
    for (runtime, count, all) in missed {
        log::warn!("{count} events of {runtime} were missed");
        node.say(
            "cluster.missed",
            &json!({"runtime": runtime, "count": count, "all": all}),
        );
    }
}
