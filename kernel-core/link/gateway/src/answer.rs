//! What the runtime answers, kept.

use kernel_core::{Metrics, PluginState};
use kernel_link::{Health, Reply};
use link_dial::{Listed, Names, Service, Texts};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::shapes::{self, StateEntry};

/// An answer of the runtime.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Answer {
    /// Done.
    Done,
    /// There is no such thing.
    Absent,
    /// A number.
    Count(u64),
    /// A JSON text.
    Json(Vec<u8>),
    /// A state entry, and where the next one is looked for when it is one of several.
    State(StateEntry, u32),
    /// A plugin or a service, one of a list.
    Item(Value),
    /// The list is at its end.
    End,
    /// How the runtime is.
    Health(Health),
    /// The state that a plugin is in now.
    Plugin(PluginState),
    /// What is used of each capacity.
    Metrics(Box<Metrics>),
    /// Names, and whether there are more behind the last one.
    Names(Names),
}

impl Answer {
    /// What a reply says; the failure where it is one, or one that nobody here asks for.
    pub(crate) fn of(reply: Reply<'_>) -> Result<Answer, Failure> {
        Ok(match reply {
            Reply::Done => Answer::Done,
            Reply::Absent => Answer::Absent,
            Reply::Count(count) => Answer::Count(count),
            Reply::Json(json) => Answer::Json(json.0.to_vec()),
            Reply::State(entry) => Answer::State(StateEntry::new(entry), 0),
            Reply::Entry { cursor, entry, .. } => Answer::State(StateEntry::new(entry), cursor),
            Reply::Plugin(_) => Answer::Item(shapes::plugin(&kept(&reply)?)),
            Reply::Service(_) => Answer::Item(json!(kept::<Service>(&reply)?)),
            Reply::End => Answer::End,
            Reply::Health(health) => Answer::Health(health),
            Reply::PluginState(state) => Answer::Plugin(state),
            Reply::Metrics(metrics) => Answer::Metrics(Box::new(metrics)),
            Reply::Names(page) => Answer::Names(Names::of(&page)),
            Reply::Failed(why) => return Err(why.into()),
            _ => return Err(Failure::unexpected()),
        })
    }

    /// True for one of several answers to the same request.
    pub(crate) fn has_more(answer: &Result<Answer, Failure>) -> bool {
        matches!(answer, Ok(Answer::Item(_)))
    }
}

fn kept<T: Listed>(reply: &Reply<'_>) -> Result<T, Failure> {
    T::of(reply, &mut Texts::default()).ok_or_else(Failure::unexpected)
}
