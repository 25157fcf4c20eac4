//! What a node says, kept.

use kernel_core::{Error, Fault};
use kernel_link::{Failure, LostAt, Refusal, Reply, ToClient};
use link_dial::{Listed, Service, Texts};

/// A message of a node.
pub(super) enum Said {
    /// Of the answer to this request.
    Reply(u32, Answered),
    Event(Happened),
    Lost {
        from: u64,
        count: u64,
        at: LostAt,
    },
    Asked(Asked),
    Withdrawn(u32),
    /// The session is of no use any more.
    Refused(Error),
    Nothing,
}

/// An answer, or a part of one.
pub(super) enum Answered {
    Done,
    Failed(Error),
    /// As many operations as the node takes are in flight.
    Busy,
    Json(Vec<u8>),
    Text(String),
    Service(Service),
    State {
        key: String,
        /// `None` for one that is too long for the line.
        value: Option<Vec<u8>>,
    },
    End,
}

/// An event of a node.
pub(super) struct Happened {
    pub(super) seq: u64,
    pub(super) source: String,
    pub(super) topic: String,
    pub(super) payload: Vec<u8>,
}

/// A call of a node.
pub(super) struct Asked {
    pub(super) call: u32,
    /// The request of this side that it comes of.
    pub(super) of: Option<u32>,
    pub(super) left_ms: u32,
    pub(super) service: String,
    pub(super) args: Vec<u8>,
}

impl From<ToClient<'_>> for Said {
    fn from(message: ToClient<'_>) -> Said {
        match message {
            ToClient::Reply { id, what } => Said::Reply(id, what.into()),
            ToClient::Event(event) => Said::Event(Happened {
                seq: event.seq,
                source: event.source.to_owned(),
                topic: event.topic.to_owned(),
                payload: event.payload.0.to_vec(),
            }),
            ToClient::Lost { from, count, at } => Said::Lost { from, count, at },
            ToClient::Asked {
                call,
                of,
                left_ms,
                service,
                args,
            } => Said::Asked(Asked {
                call,
                of,
                left_ms,
                service: service.to_owned(),
                args: args.0.to_vec(),
            }),
            ToClient::Withdrawn { call } => Said::Withdrawn(call),
            // What was damaged on a serial line; whoever waits for it has a deadline.
            ToClient::Refused(Failure::Link(Refusal::Damaged | Refusal::Malformed)) => Said::Nothing,
            ToClient::Refused(failure) => Said::Refused(error_of(failure)),
            _ => Said::Nothing,
        }
    }
}

impl From<Reply<'_>> for Answered {
    fn from(reply: Reply<'_>) -> Answered {
        match reply {
            Reply::Failed(Failure::Link(Refusal::InFlight(_))) => Answered::Busy,
            Reply::Failed(failure) => Answered::Failed(error_of(failure)),
            Reply::Absent => Answered::Failed(Fault::Absent.into()),
            Reply::Json(json) => Answered::Json(json.0.to_vec()),
            Reply::Text(text) => Answered::Text(text.to_owned()),
            Reply::Service(_) => {
                Service::of(&reply, &mut Texts::default()).map_or(Answered::Done, Answered::Service)
            }
            Reply::State(state) => Answered::State {
                key: state.key.to_owned(),
                value: state.value.map(|value| value.0.to_vec()),
            },
            Reply::End => Answered::End,
            _ => Answered::Done,
        }
    }
}

pub(super) fn error_of(failure: Failure<'_>) -> Error {
    match failure {
        Failure::Error { code, message } => Error::new(code, message),
        other => Error::new(other.code(), &other.to_string()),
    }
}
