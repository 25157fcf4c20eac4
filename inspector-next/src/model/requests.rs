//! Requests under way and their answers.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::facts::{Answer, Command, Request};

/// How many answers are kept.
const KEPT: usize = 64;

/// A request under way.
#[derive(Clone, Debug, PartialEq)]
pub struct InFlight {
    /// Its number.
    pub id: u32,
    /// The request.
    pub request: Request,
    /// When it was sent.
    pub since: Instant,
}

/// A request that was answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// Its number.
    pub id: u32,
    /// The request.
    pub request: Request,
    /// The answer.
    pub answer: Answer,
    /// From sending to answer.
    pub took: Duration,
    /// When the answer came.
    pub at: Instant,
}

/// Requests under way and the last answers.
#[derive(Clone, Debug, Default)]
pub struct Requests {
    last: u32,
    in_flight: Vec<InFlight>,
    finished: VecDeque<Finished>,
}

impl Requests {
    pub(super) fn begin(&mut self, request: Request, now: Instant) -> Command {
        self.last = self.last.wrapping_add(1);
        let id = self.last;
        self.in_flight.push(InFlight {
            id,
            request: request.clone(),
            since: now,
        });
        Command::Request { id, request }
    }

    /// Takes an answer; one that nobody waits for is passed over.
    pub(super) fn finish(&mut self, id: u32, answer: Answer, took: Duration, now: Instant) {
        let Some(at) = self.in_flight.iter().position(|waiting| waiting.id == id) else {
            return;
        };
        let InFlight { request, .. } = self.in_flight.remove(at);
        if self.finished.len() == KEPT {
            self.finished.pop_front();
        }
        self.finished.push_back(Finished {
            id,
            request,
            answer,
            took,
            at: now,
        });
    }

    /// Those under way, oldest first.
    pub fn in_flight(&self) -> &[InFlight] {
        &self.in_flight
    }

    /// The answers, newest first.
    pub fn finished(&self) -> impl ExactSizeIterator<Item = &Finished> {
        self.finished.iter().rev()
    }

    /// The answer to a request, when it came and is still kept.
    pub fn answer(&self, id: u32) -> Option<&Finished> {
        self.finished.iter().rev().find(|finished| finished.id == id)
    }
}
