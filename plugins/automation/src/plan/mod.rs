//! What is to be looked at when: the triggers by the topics that they want, the subscriptions for them, and the timers.

mod index;
mod subscriptions;
mod timers;

pub(crate) use index::Index;
pub(crate) use subscriptions::Subscriptions;
pub(crate) use timers::Timers;

/// A trigger of a rule: the rule's place, which life of the place, and the trigger's number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct TriggerId {
    pub(crate) place: usize,
    pub(crate) life: u32,
    pub(crate) number: usize,
}
