//! What the node is told of what happens here: events, and what its state is to be. In its order, some of it on its way
//! at a time, and the rest waits.

use std::collections::VecDeque;

use kernel_link::{Raw, Request};

use super::life::{Asks, Life};

/// As many are on their way.
const SENT: usize = 64;

/// Bytes of those that may wait.
const WAITING: usize = 1 << 20;

/// Something that the node is told.
pub(super) enum Tell {
    Publish { topic: String, payload: Vec<u8> },
    Set { key: String, value: Vec<u8> },
    Delete { key: String },
}

/// Those that wait for their turn, and how many have it.
#[derive(Default)]
pub(super) struct Tells {
    queue: VecDeque<Tell>,
    bytes: usize,
    sent: usize,
}

impl Tell {
    fn bytes(&self) -> usize {
        match self {
            Tell::Publish { topic, payload } => topic.len() + payload.len(),
            Tell::Set { key, value } => key.len() + value.len(),
            Tell::Delete { key } => key.len(),
        }
    }

    fn name(&self) -> String {
        match self {
            Tell::Publish { topic, .. } => format!("event {topic}"),
            Tell::Set { key, .. } | Tell::Delete { key } => format!("state {key}"),
        }
    }

    fn request(&self) -> Request<'_> {
        match self {
            Tell::Publish { topic, payload } => Request::Publish {
                topic,
                timeout_ms: 0,
                payload: Raw(payload),
            },
            Tell::Set { key, value } => Request::StateSet {
                key,
                ttl_ms: None,
                expected: None,
                value: Raw(value),
            },
            Tell::Delete { key } => Request::StateDelete { key, expected: None },
        }
    }
}

impl Life<'_> {
    /// Tells the node; false when so much waits already that it is lost.
    pub(super) fn tell(&mut self, tell: Tell) -> bool {
        if self.tells.bytes.saturating_add(tell.bytes()) > WAITING {
            let what = format!("{}: {WAITING} bytes wait for the node already", tell.name());
            self.trouble("lost", &what);
            return false;
        }
        self.tells.bytes += tell.bytes();
        self.tells.queue.push_back(tell);
        self.send_tells();
        true
    }

    /// The node has taken one.
    pub(super) fn was_told(&mut self) {
        self.tells.sent -= 1;
        self.send_tells();
    }

    fn send_tells(&mut self) {
        while self.tells.sent < SENT
            && let Some(tell) = self.tells.queue.pop_front()
        {
            self.tells.bytes -= tell.bytes();
            if self.ask(tell.request(), Asks::Tell(tell.name())) {
                self.tells.sent += 1;
            }
        }
    }
}
