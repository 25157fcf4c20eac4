//! What passes between a module and the runtime, in postcard: an operation of the waist with what it borrows copied
//! flat, and what came of it.

use heapless::Vec;
use kernel_core::storage::MAX_BATCH;
use kernel_core::{CallId, Cause, EntryInfo, Error, Fault, Instant, PluginId, Span, Step};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What the imports belong to; another number is another contract.
pub const IMPORTS: &str = "core-runtime/1";

/// The custom section with the plugin's name and version, a zero byte between them.
pub const SECTION: &str = "core-runtime";

/// The function that says where the list of the plugin's services lies: the address in the upper half of what it
/// returns, the bytes in the lower one. The list is JSON, an array of `{name, description, schema?, returns?, reads?, examples?}`.
pub const SERVICES: &str = "services";

/// The longest operation, in bytes: the largest value, and its names.
pub const MAX_OP: usize = 66 * 1024;

/// Room for what came of an operation.
pub const MAX_OUTCOME: usize = 128;

/// Operations of one plugin that may wait at a time.
pub const WAITS: usize = 32;

/// A head, a namespace, a key, and three for each operation of a batch.
pub const MAX_PIECES: usize = 3 + MAX_BATCH * 3;

/// Bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blob<'a>(pub &'a [u8]);

impl Serialize for Blob<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Blob<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl<'de> Visitor<'de> for Bytes {
            type Value = Blob<'de>;

            fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str("bytes")
            }

            fn visit_borrowed_bytes<E: de::Error>(self, bytes: &'de [u8]) -> Result<Blob<'de>, E> {
                Ok(Blob(bytes))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

/// An operation, and how it is asked for.
#[derive(Debug, Serialize, Deserialize)]
pub struct Asked<'a> {
    /// The number that it was given when it was asked for before, or 0.
    pub ticket: u32,
    /// Whether it may wait.
    pub waits: bool,
    /// What is to be done.
    #[serde(borrow)]
    pub op: PackedOp<'a>,
}

/// An operation: see [`Op`](kernel_core::Op). Times are in microseconds, identities as they travel.
#[derive(Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields of kernel_core::Op")]
#[allow(clippy::large_enum_variant, reason = "there is no allocator, and one at a time")]
#[rustfmt::skip]
pub enum PackedOp<'a> {
    Next(#[serde(borrow)] PackedBefore<'a>),
    Fail(PackedError<'a>),
    Alive,
    Publish { topic: &'a str, payload: Blob<'a>, limit: u64 },
    Subscribe(&'a str),
    Unsubscribe(&'a str),
    /// Name, description, version, and whether it is deprecated.
    Register([&'a str; 3], bool),
    Unregister(&'a str),
    HasService(&'a str),
    Call { service: &'a str, args: Vec<Blob<'a>, MAX_PIECES>, limit: Option<u64>, parent: Option<u32> },
    Reply(u32, PackedReply<'a>),
    Get(&'a str),
    Set { key: &'a str, value: Blob<'a>, ttl: Option<u64>, expected: Option<u64> },
    Update(Vec<(&'a str, Blob<'a>), MAX_BATCH>),
    Delete(&'a str, Option<u64>),
    Clear,
    Entry { prefix: &'a str, cursor: u32 },
    Interval(u64),
    Sleep(u64),
    NameOf(u32),
    Settings,
}

/// See [`Before`](kernel_core::Before).
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields of kernel_core::Before")]
#[rustfmt::skip]
pub enum PackedBefore<'a> {
    Done,
    Replied { call: u32, start: u32, len: u32 },
    Failed { call: Option<u32>, #[serde(borrow)] error: PackedError<'a> },
}

/// The answer to a call.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum PackedReply<'a> {
    /// JSON.
    Json(#[serde(borrow)] Blob<'a>),
    /// An error of the plugin's own.
    Error(PackedError<'a>),
}

/// An error of the plugin's own.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct PackedError<'a> {
    /// Its code.
    pub code: &'a str,
    /// Its message.
    pub message: &'a str,
}

impl<'a> From<&'a Error> for PackedError<'a> {
    fn from(error: &'a Error) -> Self {
        PackedError {
            code: error.code(),
            message: error.message(),
        }
    }
}

impl From<PackedError<'_>> for Error {
    fn from(error: PackedError<'_>) -> Self {
        Error::new(error.code, error.message)
    }
}

/// What came of an operation. Bytes that it reads are in the caller's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// What.
    pub what: PackedOutcome,
    /// While it waits, the number under which it is asked for again; 0 when it took nothing.
    pub ticket: u32,
    /// The version of the value that was read or set.
    pub version: u64,
}

/// See [`Outcome`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields of kernel_core::EntryInfo")]
#[rustfmt::skip]
pub enum PackedOutcome {
    /// It waits; [`wait`](crate#imports) returns when it is to be asked for again.
    Pending,
    /// It is done: a count, or bytes in the buffer.
    Done(u32),
    /// It was refused.
    Fault(u8, u32, u32),
    /// A message; its texts are in the buffer.
    Step(PackedStep),
    /// A state entry; key and value are in the buffer.
    Entry { cursor: u32, key: u32, value: Option<u32>, version: u64, ttl: u64, owner: u32 },
}

/// See [`Step`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields of kernel_core::Step")]
#[rustfmt::skip]
pub enum PackedStep {
    Ended,
    Load,
    Start,
    Stop,
    Unload,
    Tick,
    Event { seq: u64, time: u64, source: u32, cause: Cause, lost: u32, topic: u32, payload: u32 },
    Call { id: u32, caller: u32, service: u32, args: u32 },
}

impl From<Fault> for PackedOutcome {
    fn from(fault: Fault) -> Self {
        let (number, a, b) = fault.to_parts();
        PackedOutcome::Fault(number, a, b)
    }
}

impl From<&EntryInfo> for PackedOutcome {
    fn from(info: &EntryInfo) -> Self {
        PackedOutcome::Entry {
            cursor: info.cursor,
            key: info.key as u32,
            value: info.value.map(|len| len as u32),
            version: info.version,
            ttl: micros(info.ttl),
            owner: info.owner.to_bits(),
        }
    }
}

impl From<&Step> for PackedStep {
    fn from(step: &Step) -> Self {
        match *step {
            Step::Ended => PackedStep::Ended,
            Step::Load => PackedStep::Load,
            Step::Start => PackedStep::Start,
            Step::Stop => PackedStep::Stop,
            Step::Unload => PackedStep::Unload,
            Step::Tick => PackedStep::Tick,
            Step::Event {
                seq,
                time,
                source,
                cause,
                lost,
                topic,
                payload,
            } => PackedStep::Event {
                seq,
                time: time.as_micros(),
                source: source.to_bits(),
                cause,
                lost,
                topic: topic as u32,
                payload: payload as u32,
            },
            Step::Call {
                id,
                caller,
                service,
                args,
            } => PackedStep::Call {
                id: id.to_bits(),
                caller: caller.to_bits(),
                service: service as u32,
                args: args as u32,
            },
        }
    }
}

impl From<PackedStep> for Step {
    fn from(step: PackedStep) -> Self {
        match step {
            PackedStep::Ended => Step::Ended,
            PackedStep::Load => Step::Load,
            PackedStep::Start => Step::Start,
            PackedStep::Stop => Step::Stop,
            PackedStep::Unload => Step::Unload,
            PackedStep::Tick => Step::Tick,
            PackedStep::Event {
                seq,
                time,
                source,
                cause,
                lost,
                topic,
                payload,
            } => Step::Event {
                seq,
                time: Instant::from_micros(time),
                source: PluginId::from_bits(source),
                cause,
                lost,
                topic: topic as usize,
                payload: payload as usize,
            },
            PackedStep::Call {
                id,
                caller,
                service,
                args,
            } => Step::Call {
                id: CallId::from_bits(id),
                caller: PluginId::from_bits(caller),
                service: service as usize,
                args: args as usize,
            },
        }
    }
}

/// A span as it travels.
pub fn micros(span: Span) -> u64 {
    span.as_duration().as_micros() as u64
}

/// The span that [`micros`] took.
pub fn span(micros: u64) -> Span {
    Span::of(core::time::Duration::from_micros(micros))
}
