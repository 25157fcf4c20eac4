//! embassy-sync's `PubSubChannel` doing what the bus does: a topic and bytes to whoever wants them.

use core::hint::black_box;

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::pubsub::{PubSubChannel, Subscriber, WaitResult};
use kernel_core::subject;
use mcu::check;

use crate::count::{count, count_before, ready};
use crate::{FILTER, PAYLOAD, RECEIVERS, TOPIC};

/// A message with as much room for its topic as this topic needs, to the channel's advantage.
#[derive(Clone)]
struct Message {
    topic: Bytes<23>,
    payload: Bytes<64>,
}

#[derive(Clone)]
struct Bytes<const N: usize> {
    len: usize,
    bytes: [u8; N],
}

impl<const N: usize> Bytes<N> {
    fn new(from: &[u8]) -> Self {
        let mut bytes = [0; N];
        let len = from.len().min(N);
        bytes[..len].copy_from_slice(&from[..len]);
        Bytes { len, bytes }
    }

    fn get(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

type Channel = PubSubChannel<CriticalSectionRawMutex, Message, 4, RECEIVERS, 1>;
type Receiver = Subscriber<'static, CriticalSectionRawMutex, Message, 4, RECEIVERS, 1>;

/// Instructions.
pub(crate) struct Costs {
    pub(crate) one: u32,
    pub(crate) one_try: u32,
    pub(crate) further: u32,
    pub(crate) fan_out: u32,
}

pub(crate) fn measure() -> Costs {
    static CHANNEL: Channel = Channel::new();
    let Ok(publisher) = CHANNEL.publisher() else {
        check::fail(format_args!("no publisher"));
    };
    let message = || Message {
        topic: Bytes::new(black_box(TOPIC).as_bytes()),
        payload: Bytes::new(black_box(PAYLOAD).as_bytes()),
    };

    let mut receivers = [subscriber(&CHANNEL)];
    let one = count(|| {
        ready(publisher.publish(message()));
        receive(&mut receivers[0]);
    });
    let one_try = count(|| {
        if publisher.try_publish(message()).is_err() {
            check::fail(format_args!("the channel is full"));
        }
        receive(&mut receivers[0]);
    });
    let alone = count_before(
        || ready(publisher.publish(message())),
        || receive(&mut receivers[0]),
    );
    let [first] = receivers;

    let mut receivers = [
        first,
        subscriber(&CHANNEL),
        subscriber(&CHANNEL),
        subscriber(&CHANNEL),
    ];
    let all = count(|| {
        ready(publisher.publish(message()));
        receivers.iter_mut().for_each(receive);
    });
    let together = count_before(
        || ready(publisher.publish(message())),
        || receivers.iter_mut().for_each(receive),
    );
    Costs {
        one,
        one_try,
        further: all.saturating_sub(one) / (RECEIVERS as u32 - 1),
        fan_out: together.saturating_sub(alone) / (RECEIVERS as u32 - 1),
    }
}

fn subscriber(channel: &'static Channel) -> Receiver {
    match channel.subscriber() {
        Ok(subscriber) => subscriber,
        Err(_) => check::fail(format_args!("no room for a subscriber")),
    }
}

/// The next message, if its topic is wanted, copied out as the bus does.
fn receive(receiver: &mut Receiver) {
    let WaitResult::Message(message) = ready(receiver.next_message()) else {
        check::fail(format_args!("a message was lost"));
    };
    let topic = core::str::from_utf8(message.topic.get()).unwrap_or("");
    if !subject::matches(FILTER, topic) {
        check::fail(format_args!("the topic does not match"));
    }
    black_box(message.payload.get());
}
