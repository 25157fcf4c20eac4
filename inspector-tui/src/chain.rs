//! Which event or call led to an event, and which events it led to.

use crate::facts::Cause;
use crate::ring::{Ring, Row, RowId};

/// The most steps back that are followed.
pub const MAX_DEPTH: usize = 64;
/// The most effects that are listed.
pub const MAX_EFFECTS: usize = 64;
/// How many rows after an event are looked through for its effects.
pub const REACH: u64 = 50_000;

/// A step back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// An event that is here.
    Event(RowId),
    /// An event that was lost, in this gap.
    Lost {
        /// The row of the gap.
        row: RowId,
        /// Its sequence number.
        seq: u64,
    },
    /// An event that is not here: too old, or not seen.
    Gone {
        /// Its sequence number.
        seq: u64,
    },
    /// A call.
    Call {
        /// Its identity.
        call: u32,
        /// What was called, and by whom, where the inspector saw it in flight.
        known: Option<KnownCall>,
    },
}

/// What the inspector saw of a call while it was in flight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownCall {
    /// The service; empty for a storage request.
    pub service: std::sync::Arc<str>,
    /// Who called.
    pub caller: std::sync::Arc<str>,
    /// Who answered.
    pub callee: std::sync::Arc<str>,
    /// The call it belongs to.
    pub parent: Option<u32>,
}

/// What led to an event and what it led to.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Chain {
    /// What led to it, nearest first.
    pub causes: Vec<Step>,
    /// The events that it led to directly, oldest first; [`MAX_EFFECTS`] at most.
    pub effects: Vec<RowId>,
}

/// The chain of the event in a row. `call` tells what was seen of a call.
pub fn chain(ring: &Ring, row: RowId, call: impl Fn(u32) -> Option<KnownCall>) -> Chain {
    let Some(Row::Event(event)) = ring.get(row) else {
        return Chain::default();
    };
    let mut causes = Vec::new();
    let mut next = event.cause;
    while causes.len() < MAX_DEPTH {
        match next {
            Cause::None => break,
            Cause::Event(seq) => {
                let Some(found) = ring.find(row, seq) else {
                    causes.push(Step::Gone { seq });
                    break;
                };
                match ring.get(found) {
                    // A cause is older than what it led to; anything else would go round for ever.
                    Some(Row::Event(cause)) if found < row && cause.cause != next => {
                        causes.push(Step::Event(found));
                        next = cause.cause;
                    }
                    Some(Row::Lost { .. }) => {
                        causes.push(Step::Lost { row: found, seq });
                        break;
                    }
                    _ => {
                        causes.push(Step::Gone { seq });
                        break;
                    }
                }
            }
            Cause::Call(id) => {
                let known = call(id);
                let parent = known.as_ref().and_then(|known| known.parent);
                causes.push(Step::Call { call: id, known });
                match parent {
                    Some(parent) => next = Cause::Call(parent),
                    None => break,
                }
            }
        }
    }
    let (_, end) = ring.run_of(row);
    let effects = (row + 1..end.min(row + REACH))
        .filter(|at| {
            ring.get(*at)
                .and_then(Row::event)
                .is_some_and(|after| after.cause == Cause::Event(event.seq))
        })
        .take(MAX_EFFECTS)
        .collect();
    Chain { causes, effects }
}
