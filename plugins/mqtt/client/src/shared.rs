//! What the client's handles and its connection have in common: two queues and the counters.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::Notify;

use crate::client::{Happened, PublishError};
use crate::codec::{Codec, Filter, Outgoing};
use crate::message::{Message, Qos};
use crate::waiter::Waiter;

/// The most bytes of the messages that wait, each way.
const MAX_BYTES: usize = 16 * 1_024 * 1_024;

/// What was counted since the connection was made. `acknowledged + refused + dropped + queued + in_flight` are all
/// messages of QoS 1 and 2 that were taken, and those of QoS 0 that were dropped or wait.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Counters {
    /// Whether the broker is there now.
    pub connected: bool,
    /// How often it was connected.
    pub connections: u64,
    /// Attempts to connect that failed.
    pub failed_connections: u64,
    /// Messages that were sent, each once.
    pub sent: u64,
    /// Messages that were sent again after a reconnect: the broker, and who receives from it, may have them twice.
    pub resent: u64,
    /// Messages that the broker acknowledged.
    pub acknowledged: u64,
    /// Messages that the broker refused, or that are larger than what it takes.
    pub refused: u64,
    /// Messages that were dropped, unsent, because the queue was full: the oldest ones.
    pub dropped: u64,
    /// Messages that wait to be sent.
    pub queued: u64,
    /// Messages that were sent and are not yet acknowledged.
    pub in_flight: u64,
    /// Messages that were received, with duplicates.
    pub received: u64,
    /// Of these, those that the broker marked as sent before: they may have been received before.
    pub duplicates: u64,
    /// Messages of QoS 0 that were received and dropped because nobody took them: the oldest ones.
    pub received_dropped: u64,
    /// Why the connection ended last, or could not be made.
    pub last_error: Option<String>,
}

/// A message that waits to be sent.
pub(crate) struct Queued {
    pub(crate) message: Outgoing,
    pub(crate) waiter: Option<Waiter>,
}

/// That a message that was received has been taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    pub(crate) pid: u16,
    pub(crate) qos: Qos,
    /// The connection on which it came.
    pub(crate) connection: u64,
    /// The session in which it came.
    pub(crate) session: u64,
}

/// A change of what is subscribed to.
pub(crate) enum Change {
    Subscribe(Filter),
    Unsubscribe(String),
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) counters: Counters,
    outgoing: VecDeque<Queued>,
    outgoing_bytes: usize,
    incoming: VecDeque<(Happened, Option<Taken>)>,
    /// How many of `incoming` are of QoS 0, and the bytes of those.
    droppable: (usize, usize),
    pub(crate) taken: Vec<Taken>,
    pub(crate) changes: Vec<Change>,
    /// Handles that publish.
    pub(crate) clients: usize,
    /// It is to end once what waits has been sent, and at this time anyway.
    pub(crate) closing: Option<Instant>,
    /// It has ended.
    pub(crate) closed: bool,
}

pub(crate) struct Shared {
    state: Mutex<State>,
    /// The connection has something to do.
    pub(crate) wake: Notify,
    /// Something happened that can be taken.
    pub(crate) happened: Notify,
    /// The connection has ended.
    pub(crate) ended: Notify,
    /// The most messages that wait, each way.
    queue: usize,
}

impl Shared {
    pub(crate) fn new(queue: usize) -> Self {
        let state = State {
            clients: 1,
            ..State::default()
        };
        Shared {
            state: Mutex::new(state),
            wake: Notify::new(),
            happened: Notify::new(),
            ended: Notify::new(),
            queue,
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a message; where there is no room, the oldest ones go.
    pub(crate) fn enqueue(&self, queued: Queued) -> Result<(), (PublishError, Queued)> {
        let mut dropped = Vec::new();
        {
            let mut state = self.lock();
            if state.closing.is_some() || state.closed {
                return Err((PublishError::Closed, queued));
            }
            state.outgoing_bytes += Codec::size(&queued.message);
            state.outgoing.push_back(queued);
            while state.outgoing.len() > self.queue || state.outgoing_bytes > MAX_BYTES {
                dropped.extend(state.dequeue());
            }
            state.counters.dropped += dropped.len() as u64;
            state.counters.queued = state.outgoing.len() as u64;
        }
        self.wake.notify_one();
        for waiter in dropped.into_iter().filter_map(|queued| queued.waiter) {
            waiter.answer(Err(PublishError::Dropped));
        }
        Ok(())
    }

    /// Begins to close; whether it is not yet closed.
    pub(crate) fn close(&self, within: Duration) -> bool {
        let mut state = self.lock();
        if state.closed {
            return false;
        }
        let end = Instant::now() + within;
        state.closing = Some(state.closing.map_or(end, |earlier| earlier.min(end)));
        drop(state);
        self.wake.notify_one();
        true
    }

    pub(crate) fn connected(&self) {
        let counters = &mut self.lock().counters;
        counters.connected = true;
        counters.connections += 1;
        counters.last_error = None;
    }

    pub(crate) fn disconnected(&self, reason: &str) {
        let counters = &mut self.lock().counters;
        counters.connected = false;
        counters.last_error = Some(reason.to_owned());
    }

    /// Whether nothing waits to be sent.
    pub(crate) fn is_idle(&self) -> bool {
        self.lock().outgoing.is_empty()
    }

    /// It has ended: nobody waits any longer.
    pub(crate) fn ended(&self) {
        let left = {
            let mut state = self.lock();
            state.closed = true;
            state.counters.connected = false;
            let left: Vec<_> = std::iter::from_fn(|| state.dequeue()).collect();
            state.counters.dropped += left.len() as u64;
            left
        };
        // Whoever waits for one of these hears of it as they are dropped.
        drop(left);
        self.happened.notify_one();
        self.ended.notify_waiters();
    }

    /// Hands on what was received; where there is no room, the oldest ones of QoS 0 go.
    pub(crate) fn deliver(&self, message: Message, taken: Option<Taken>) {
        let mut state = self.lock();
        state.counters.received += 1;
        if taken.is_none() {
            state.droppable.0 += 1;
            state.droppable.1 += size(&message);
        }
        state.incoming.push_back((Happened::Message(message), taken));
        while state.droppable.0 > self.queue || state.droppable.1 > MAX_BYTES {
            state.drop_oldest_received();
        }
        drop(state);
        self.happened.notify_one();
    }

    /// Tells of something that is no message. Of several changes of the connection that nobody took, the last counts.
    pub(crate) fn tell(&self, happened: Happened) {
        let mut state = self.lock();
        let is_connection =
            |h: &Happened| matches!(h, Happened::Connected { .. } | Happened::Disconnected(_));
        while is_connection(&happened) && state.incoming.back().is_some_and(|(last, _)| is_connection(last)) {
            state.incoming.pop_back();
        }
        state.incoming.push_back((happened, None));
        drop(state);
        self.happened.notify_one();
    }
}

impl State {
    /// The oldest message that waits to be sent.
    pub(crate) fn dequeue(&mut self) -> Option<Queued> {
        let queued = self.outgoing.pop_front()?;
        self.outgoing_bytes -= Codec::size(&queued.message);
        self.counters.queued = self.outgoing.len() as u64;
        Some(queued)
    }

    /// What happened first of what was not yet taken.
    pub(crate) fn take(&mut self) -> Option<(Happened, Option<Taken>)> {
        let next = self.incoming.pop_front()?;
        if let (Happened::Message(message), None) = &next {
            self.droppable.0 -= 1;
            self.droppable.1 -= size(message);
        }
        Some(next)
    }

    fn drop_oldest_received(&mut self) {
        let of_qos_0 = |(happened, taken): &(Happened, Option<Taken>)| {
            matches!(happened, Happened::Message(_)) && taken.is_none()
        };
        let oldest = self.incoming.iter().position(of_qos_0);
        let Some((Happened::Message(message), _)) = oldest.and_then(|at| self.incoming.remove(at)) else {
            return;
        };
        self.droppable.0 -= 1;
        self.droppable.1 -= size(&message);
        self.counters.received_dropped += 1;
    }
}

fn size(message: &Message) -> usize {
    message.topic.len() + message.payload.len()
}
