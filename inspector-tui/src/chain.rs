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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Event, Item, LostAt, Slots};
    use crate::ring::MIN_BYTES;

    fn push(ring: &mut Ring, seq: u64, cause: Cause) -> RowId {
        ring.push(&Item::Event(Event {
            seq,
            time: 0,
            source: "s".into(),
            cause,
            receivers: Slots::default(),
            topic: "t".into(),
            payload: b"1".to_vec().into(),
        }))
    }

    #[test]
    fn a_chain_goes_back_over_events_and_calls_and_lists_the_effects() {
        let mut ring = Ring::new(MIN_BYTES);
        let first = push(&mut ring, 10, Cause::Call(7));
        let second = push(&mut ring, 11, Cause::Event(10));
        push(&mut ring, 12, Cause::None);
        let third = push(&mut ring, 13, Cause::Event(11));
        let other = push(&mut ring, 14, Cause::Event(11));
        let known = |parent| KnownCall {
            service: "light.set".into(),
            caller: "scene".into(),
            callee: "light".into(),
            parent,
        };
        let found = chain(&ring, third, |call| match call {
            7 => Some(known(Some(6))),
            _ => None,
        });
        assert_eq!(
            found.causes,
            [
                Step::Event(second),
                Step::Event(first),
                Step::Call {
                    call: 7,
                    known: Some(known(Some(6)))
                },
                Step::Call { call: 6, known: None }
            ]
        );
        assert_eq!(chain(&ring, second, |_| None).effects, [third, other]);
    }

    #[test]
    fn what_is_lost_gone_or_of_another_run_is_said() {
        let mut ring = Ring::new(MIN_BYTES);
        push(&mut ring, 5, Cause::None);
        let gap = ring.push(&Item::Lost {
            from: 6,
            count: 3,
            at: LostAt::Bus,
        });
        let of_gap = push(&mut ring, 9, Cause::Event(7));
        let of_old = push(&mut ring, 10, Cause::Event(2));
        ring.push_restart();
        let anew = push(&mut ring, 9, Cause::Event(5));
        let causes = |row| chain(&ring, row, |_| None).causes;
        assert_eq!(causes(of_gap), [Step::Lost { row: gap, seq: 7 }]);
        assert_eq!(causes(of_old), [Step::Gone { seq: 2 }]);
        assert_eq!(causes(anew), [Step::Gone { seq: 5 }]);
        assert!(chain(&ring, of_gap, |_| None).effects.is_empty());
    }

    #[test]
    fn nonsense_does_not_go_round_for_ever() {
        let mut ring = Ring::new(MIN_BYTES);
        let own = push(&mut ring, 1, Cause::Event(1));
        assert_eq!(chain(&ring, own, |_| None).causes, [Step::Gone { seq: 1 }]);
        let call = push(&mut ring, 2, Cause::Call(3));
        let round = |_| {
            Some(KnownCall {
                service: "s".into(),
                caller: "a".into(),
                callee: "b".into(),
                parent: Some(3),
            })
        };
        assert_eq!(chain(&ring, call, round).causes.len(), MAX_DEPTH);
    }
}
