//! Events on their way out: numbered, encoded, in a queue with an end.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use async_nats::Client;
use kernel_core::subject::matches;
use plugin_kit::prelude::log;
use tokio::sync::Notify;

use crate::lock::lock;
use crate::wire::{Counts, EventHead, Subjects, encode};

/// Topics that are numbered; events of further ones are sent without a number, and not counted where they are missed.
const MOST_TOPICS: usize = 65_536;

/// Topics in one message.
const PAGE: usize = 2_000;

/// Messages that are taken out of the queue at once.
const BATCH: usize = 256;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Outbox {
    instance: u64,
    room: usize,
    state: Mutex<State>,
    ready: Notify,
    dropped: AtomicU64,
    lagged: AtomicU64,
    unnumbered: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    /// Events numbered.
    at: u64,
    topics: HashMap<String, u64>,
    queue: VecDeque<(String, Vec<u8>)>,
}

impl State {
    /// The number of the next event of this topic; `None` when there are too many topics.
    fn number(&mut self, topic: &str) -> Option<u64> {
        if let Some(number) = self.topics.get_mut(topic) {
            *number += 1;
            return Some(*number);
        }
        let room = self.topics.len() < MOST_TOPICS;
        room.then(|| self.topics.insert(topic.to_owned(), 1).unwrap_or(1))
    }
}

impl Outbox {
    pub(crate) fn new(instance: u64, room: usize) -> Self {
        Outbox {
            instance,
            room,
            state: Mutex::default(),
            ready: Notify::new(),
            dropped: AtomicU64::new(0),
            lagged: AtomicU64::new(0),
            unnumbered: AtomicU64::new(0),
        }
    }

    /// Takes an event in; the oldest makes room where there is none.
    pub(crate) fn event(&self, subjects: &Subjects, source: &str, topic: &str, payload: &[u8]) {
        let mut state = lock(&self.state);
        state.at += 1;
        let number = state.number(topic).unwrap_or_else(|| {
            self.unnumbered.fetch_add(1, Ordering::Relaxed);
            0
        });
        let head = EventHead {
            instance: self.instance,
            at: state.at,
            number,
            source,
        };
        let message = (subjects.event(topic), encode(&head, payload));
        if state.queue.len() >= self.room {
            state.queue.pop_front();
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        state.queue.push_back(message);
        drop(state);
        self.ready.notify_one();
    }

    /// Queues what was numbered of the topics that match, behind all that was.
    pub(crate) fn counts(&self, subject: &str, filters: &[String]) {
        let mut state = lock(&self.state);
        let wanted = |topic: &str| filters.iter().any(|filter| matches(filter, topic));
        let topics = state.topics.iter().filter(|(topic, _)| wanted(topic));
        let topics: Vec<_> = topics.map(|(topic, number)| (topic.clone(), *number)).collect();
        let mut rest = &topics[..];
        for number in 0.. {
            let (page, after) = rest.split_at(rest.len().min(PAGE));
            rest = after;
            let counts = Counts {
                instance: self.instance,
                at: state.at,
                page: number,
                topics: page.to_vec(),
                more: !rest.is_empty(),
            };
            state.queue.push_back((subject.to_owned(), encode(&counts, &[])));
            if rest.is_empty() {
                break;
            }
        }
        drop(state);
        self.ready.notify_one();
    }

    /// This runtime's bus dropped events that should have been sent: which, it did not say.
    pub(crate) fn lagged(&self, count: u32) {
        self.lagged.fetch_add(count.into(), Ordering::Relaxed);
    }

    /// Sends what is queued, for ever. Without a connection it waits.
    pub(crate) async fn run(&self, client: &Client) {
        loop {
            self.ready.notified().await;
            loop {
                let batch: Vec<_> = {
                    let mut state = lock(&self.state);
                    let count = state.queue.len().min(BATCH);
                    state.queue.drain(..count).collect()
                };
                if batch.is_empty() {
                    break;
                }
                for (subject, message) in batch {
                    let len = message.len();
                    if let Err(cause) = client.publish(subject, message.into()).await {
                        self.dropped.fetch_add(1, Ordering::Relaxed);
                        log::warn!("an event of {len} bytes was not sent: {cause}");
                    }
                }
            }
        }
    }

    /// Events numbered, dropped, lagged, and sent without a number; and how many wait.
    pub(crate) fn figures(&self) -> Figures {
        let state = lock(&self.state);
        Figures {
            at: state.at,
            queued: state.queue.len(),
            dropped: self.dropped.load(Ordering::Relaxed),
            lagged: self.lagged.load(Ordering::Relaxed),
            unnumbered: self.unnumbered.load(Ordering::Relaxed),
        }
    }
}

/// What is counted of the outbox.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    pub(crate) at: u64,
    pub(crate) queued: usize,
    pub(crate) dropped: u64,
    pub(crate) lagged: u64,
    pub(crate) unnumbered: u64,
}
