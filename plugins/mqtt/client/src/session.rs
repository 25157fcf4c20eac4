//! What is kept beyond a connection: what was not acknowledged, and what is subscribed to. No input and output here.

use std::collections::{HashMap, VecDeque};

use bytes::BytesMut;

use crate::client::{Happened, PublishError};
use crate::codec::{Answer, Codec, Filter, In, Outgoing, Welcome};
use crate::message::{Message, Qos};
use crate::shared::{Change, Shared, Taken};
use crate::waiter::Waiter;

/// Bytes that wait to be written, beyond which nothing more is taken from the queue.
const MAX_UNWRITTEN: usize = 64 * 1_024;
/// How many filters one packet subscribes to.
const FILTERS_AT_ONCE: usize = 32;

/// A message that was sent and is not acknowledged.
struct InFlight {
    pid: u16,
    message: Outgoing,
    waiter: Option<Waiter>,
    /// With QoS 2: the broker has it, and is asked to forget the packet id.
    released: bool,
}

pub(crate) struct Session {
    codec: Codec,
    /// The most in flight that the options allow.
    in_flight_limit: usize,
    /// What this broker allows.
    welcome: Welcome,
    next_pid: u16,
    /// In the order in which they were sent.
    in_flight: VecDeque<InFlight>,
    /// Those of an earlier connection that are to be sent again.
    again: VecDeque<InFlight>,
    /// Messages of QoS 2 that the broker has not let go of, and whether they have been taken.
    received: HashMap<u16, bool>,
    /// Sent before what waits in the queue.
    announcement: Option<Outgoing>,
    filters: Vec<Filter>,
    /// Those of them that are to be subscribed to in this session.
    unsubscribed: Vec<Filter>,
    /// Subscriptions under way: what was asked for, by packet id. None for an unsubscription.
    asked: HashMap<u16, Vec<Filter>>,
    connection: u64,
    session: u64,
}

impl Session {
    pub(crate) fn new(codec: Codec, in_flight_limit: u16) -> Self {
        Session {
            codec,
            in_flight_limit: in_flight_limit.into(),
            welcome: Welcome::default(),
            next_pid: 0,
            in_flight: VecDeque::new(),
            again: VecDeque::new(),
            received: HashMap::new(),
            announcement: None,
            filters: Vec::new(),
            unsubscribed: Vec::new(),
            asked: HashMap::new(),
            connection: 0,
            session: 0,
        }
    }

    /// The broker took the connection. What it did not acknowledge goes out again: as the same message where it knows the
    /// session, else as a new one.
    pub(crate) fn connected(&mut self, welcome: Welcome, shared: &Shared, to: &mut BytesMut) {
        self.welcome = welcome;
        self.connection += 1;
        for asked in std::mem::take(&mut self.asked).into_values() {
            self.unsubscribed.extend(asked);
        }
        if welcome.session_present && self.connection > 1 {
            shared.lock().counters.resent += self.in_flight.len() as u64;
            for flight in &self.in_flight {
                match flight.released {
                    true => self.codec.answer(Answer::Release, flight.pid, to),
                    false => self.codec.publish(&flight.message, flight.pid, true, to),
                }
            }
        } else {
            self.session += 1;
            self.received.clear();
            self.unsubscribed.clone_from(&self.filters);
            // What is left of the last time was sent after what was in flight.
            self.in_flight.append(&mut self.again);
            self.again = std::mem::take(&mut self.in_flight);
        }
    }

    /// Publishes this before what waits.
    pub(crate) fn announce(&mut self, message: Option<Message>) {
        self.announcement = message.map(Outgoing::from);
    }

    /// Writes what there is to write now.
    pub(crate) fn pump(&mut self, shared: &Shared, to: &mut BytesMut) {
        let (taken, changes) = {
            let mut state = shared.lock();
            (
                std::mem::take(&mut state.taken),
                std::mem::take(&mut state.changes),
            )
        };
        taken.into_iter().for_each(|taken| self.acknowledge(taken, to));
        changes.into_iter().for_each(|change| self.change(change, to));
        self.subscribe(to);
        while to.len() < MAX_UNWRITTEN && self.send_next(shared, to) {}
        shared.lock().counters.in_flight = (self.in_flight.len() + self.again.len()) as u64;
    }

    /// Whether all that was sent is acknowledged.
    pub(crate) fn is_idle(&self) -> bool {
        self.in_flight.is_empty() && self.again.is_empty() && self.announcement.is_none()
    }

    fn send_next(&mut self, shared: &Shared, to: &mut BytesMut) -> bool {
        let limit = self.welcome.receive_maximum.map_or(usize::MAX, usize::from);
        let has_room = self.in_flight.len() < self.in_flight_limit.min(limit);
        if let Some(mut again) = if has_room { self.again.pop_front() } else { None } {
            again.pid = self.free_pid();
            again.released = false;
            self.codec.publish(&again.message, again.pid, false, to);
            shared.lock().counters.resent += 1;
            self.in_flight.push_back(again);
            return true;
        }
        if !has_room || !self.again.is_empty() {
            return false;
        }
        let next = match self.announcement.take() {
            Some(message) => Some((message, None)),
            None => shared
                .lock()
                .dequeue()
                .map(|queued| (queued.message, queued.waiter)),
        };
        let Some((message, waiter)) = next else {
            return false;
        };
        let (size, max) = (
            Codec::size(&message),
            self.welcome.max_packet.map_or(usize::MAX, |max| max as usize),
        );
        if size > max {
            shared.lock().counters.refused += 1;
            answer(waiter, Err(PublishError::TooLarge { size, max }));
            return true;
        }
        shared.lock().counters.sent += 1;
        if message.qos == Qos::AtMostOnce {
            self.codec.publish(&message, 0, false, to);
            answer(waiter, Ok(()));
            return true;
        }
        let pid = self.free_pid();
        self.codec.publish(&message, pid, false, to);
        self.in_flight.push_back(InFlight {
            pid,
            message,
            waiter,
            released: false,
        });
        true
    }

    /// A packet id that nothing uses. There are many more than can be in use.
    fn free_pid(&mut self) -> u16 {
        loop {
            self.next_pid = self.next_pid.checked_add(1).unwrap_or(1);
            let pid = self.next_pid;
            if !self.asked.contains_key(&pid) && !self.in_flight.iter().any(|flight| flight.pid == pid) {
                return pid;
            }
        }
    }

    /// One packet from the broker.
    ///
    /// # Errors
    /// The connection is to end, for this reason.
    pub(crate) fn receive(&mut self, packet: In, shared: &Shared, to: &mut BytesMut) -> Result<(), String> {
        match packet {
            In::Publish { pid, dup, message } => {
                if dup {
                    shared.lock().counters.duplicates += 1;
                }
                let taken = Taken {
                    pid,
                    qos: message.qos,
                    connection: self.connection,
                    session: self.session,
                };
                match message.qos {
                    Qos::AtMostOnce => shared.deliver(message, None),
                    Qos::AtLeastOnce => shared.deliver(message, Some(taken)),
                    Qos::ExactlyOnce => match self.received.get(&pid) {
                        Some(true) => self.codec.answer(Answer::Received, pid, to),
                        Some(false) => {}
                        None => {
                            self.received.insert(pid, false);
                            shared.deliver(message, Some(taken));
                        }
                    },
                }
            }
            In::PubRel(pid) => {
                self.received.remove(&pid);
                self.codec.answer(Answer::Complete, pid, to);
            }
            In::PubAck(pid, result) => self.acknowledged(pid, result, shared),
            In::PubComp(pid) => self.acknowledged(pid, Ok(()), shared),
            In::PubRec(pid, Err(reason)) => self.acknowledged(pid, Err(reason), shared),
            In::PubRec(pid, Ok(())) => {
                if let Some(flight) = self.in_flight.iter_mut().find(|flight| flight.pid == pid) {
                    flight.released = true;
                }
                self.codec.answer(Answer::Release, pid, to);
            }
            In::SubAck(pid, results) => {
                let asked = self.asked.remove(&pid).unwrap_or_default();
                for (filter, result) in asked.into_iter().zip(results) {
                    if let Err(reason) = result {
                        let filter = filter.filter;
                        shared.tell(Happened::SubscriptionRefused { filter, reason });
                    }
                }
            }
            In::UnsubAck(pid) => {
                self.asked.remove(&pid);
            }
            In::Pong => {}
            In::Bye(reason) => return Err(format!("the broker ended it: {reason}")),
            In::Welcome(_) => return Err("the broker sent a second CONNACK".to_owned()),
        }
        Ok(())
    }

    fn acknowledged(&mut self, pid: u16, result: Result<(), String>, shared: &Shared) {
        let at = self.in_flight.iter().position(|flight| flight.pid == pid);
        let Some(flight) = at.and_then(|at| self.in_flight.remove(at)) else {
            return;
        };
        let mut state = shared.lock();
        match &result {
            Ok(()) => state.counters.acknowledged += 1,
            Err(_) => state.counters.refused += 1,
        }
        drop(state);
        answer(flight.waiter, result.map_err(PublishError::Refused));
    }

    /// A message that came on an earlier connection is not acknowledged on this one: with QoS 1 the broker sends it again.
    fn acknowledge(&mut self, taken: Taken, to: &mut BytesMut) {
        match taken.qos {
            Qos::AtLeastOnce if taken.connection == self.connection => {
                self.codec.answer(Answer::Ack, taken.pid, to);
            }
            Qos::ExactlyOnce if taken.session == self.session => {
                if let Some(is_taken) = self.received.get_mut(&taken.pid) {
                    *is_taken = true;
                    self.codec.answer(Answer::Received, taken.pid, to);
                }
            }
            _ => {}
        }
    }

    fn change(&mut self, change: Change, to: &mut BytesMut) {
        let is_known = self.note(&change);
        if let Change::Unsubscribe(filter) = change
            && is_known
        {
            let pid = self.free_pid();
            self.asked.insert(pid, Vec::new());
            self.codec.unsubscribe(pid, &filter, to);
        }
    }

    /// Whether its filter was subscribed to.
    fn note(&mut self, change: &Change) -> bool {
        let filter = match change {
            Change::Subscribe(filter) => &filter.filter,
            Change::Unsubscribe(filter) => filter,
        };
        let before = self.filters.len();
        self.filters.retain(|known| known.filter != *filter);
        let is_known = self.filters.len() < before;
        self.unsubscribed.retain(|known| known.filter != *filter);
        if let Change::Subscribe(filter) = change {
            self.filters.push(filter.clone());
            self.unsubscribed.push(filter.clone());
        }
        is_known
    }

    fn subscribe(&mut self, to: &mut BytesMut) {
        while !self.unsubscribed.is_empty() {
            let count = self.unsubscribed.len().min(FILTERS_AT_ONCE);
            let filters: Vec<Filter> = self.unsubscribed.drain(..count).collect();
            let pid = self.free_pid();
            self.codec.subscribe(pid, &filters, to);
            self.asked.insert(pid, filters);
        }
    }
}

fn answer(waiter: Option<Waiter>, result: Result<(), PublishError>) {
    if let Some(waiter) = waiter {
        waiter.answer(result);
    }
}
