//! Frames: whatever goes in comes out, and whatever else comes disturbs nothing.

use std::prelude::rust_2024::*;
use std::vec;

use proptest::prelude::*;

use crate::frame::{FrameError, Framing, decode, encode, wrap};
use crate::inbox::Inbox;
use crate::{Raw, Refusal, Reply, Request, ToClient, ToRuntime};

const FRAMINGS: [Framing; 2] = [Framing::Stream, Framing::Serial];

/// Bytes with many zeros and long runs without.
fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![Just(0u8), Just(1), any::<u8>()];
    prop_oneof![
        proptest::collection::vec(byte, 0..most),
        (0..most).prop_map(|len| vec![7; len]),
        (0..most).prop_map(|len| vec![0; len]),
    ]
}

fn drain(inbox: &mut Inbox<'_>) -> Vec<Result<Vec<u8>, FrameError>> {
    let mut found = Vec::new();
    while let Some(next) = inbox.next() {
        let lost = next == Err(FrameError::Lost);
        found.push(next.map(|range| inbox.frame(range).to_vec()));
        if lost {
            break;
        }
    }
    found
}

/// Feeds these bytes in pieces.
fn feed(framing: Framing, size: usize, stream: &[u8], piece: usize) -> Vec<Result<Vec<u8>, FrameError>> {
    let mut buf = vec![0; size];
    let mut inbox = Inbox::new(framing, &mut buf);
    let (mut found, mut rest) = (Vec::new(), stream);
    while !rest.is_empty() {
        let room = inbox.room();
        assert!(!room.is_empty(), "there is always room");
        let count = room.len().min(piece).min(rest.len());
        room[..count].copy_from_slice(&rest[..count]);
        rest = &rest[count..];
        inbox.filled(count);
        found.extend(drain(&mut inbox));
        if found.last() == Some(&Err(FrameError::Lost)) {
            break;
        }
    }
    found
}

proptest! {
    #[test]
    fn messages_come_out_as_they_went_in(
        messages in proptest::collection::vec(bytes(600), 1..8),
        piece in 1usize..700,
    ) {
        for framing in FRAMINGS {
            let mut stream = Vec::new();
            for (id, message) in messages.iter().enumerate() {
                let what = ToClient::Reply { id: id as u32, what: Reply::Json(Raw(message)) };
                let mut frame = vec![0; 1024];
                let len = encode(framing, &what, &mut frame).unwrap();
                let plain = postcard::to_slice(&what, &mut [0; 1024]).unwrap().to_vec();
                let mut other = vec![0; 1024];
                let wrapped = wrap(framing, &plain, &mut other).unwrap();
                prop_assert_eq!(&frame[..len], &other[..wrapped]);
                // The smallest buffer that holds it, and what is said of the longest message.
                prop_assert_eq!(encode(framing, &what, &mut vec![0; len]), Ok(len));
                prop_assert_eq!(encode(framing, &what, &mut vec![0; len - 1]), Err(FrameError::TooLarge));
                prop_assert!(framing.max_message(len + 4) >= plain.len());
                let fits = framing.max_message(600);
                prop_assert!(plain.len() > fits || len <= 600);
                stream.extend_from_slice(&frame[..len]);
            }
            let found = feed(framing, 1024, &stream, piece);
            prop_assert_eq!(found.len(), messages.len());
            for (id, (found, message)) in found.iter().zip(&messages).enumerate() {
                let found = found.as_ref().unwrap();
                let what = ToClient::Reply { id: id as u32, what: Reply::Json(Raw(message)) };
                prop_assert_eq!(decode::<ToClient<'_>>(found), Ok(what));
            }
        }
    }

    #[test]
    fn garbage_is_survived_and_on_a_line_the_next_frame_is_found(
        garbage in bytes(3_000),
        piece in 1usize..300,
        size in 64usize..256,
    ) {
        for framing in FRAMINGS {
            let found = feed(framing, size, &garbage, piece);
            for frame in found.into_iter().flatten() {
                let _ = decode::<ToRuntime<'_>>(&frame);
                let _ = decode::<ToClient<'_>>(&frame);
            }
        }
        let mut frame = vec![0; 64];
        let ping = ToRuntime::Request { id: 7, what: Request::Ping };
        let len = encode(Framing::Serial, &ping, &mut frame).unwrap();
        let mut stream = garbage;
        stream.push(0);
        stream.extend_from_slice(&frame[..len]);
        let found = feed(Framing::Serial, size, &stream, piece);
        let last = found.last().unwrap().as_ref().unwrap();
        prop_assert_eq!(decode::<ToRuntime<'_>>(last), Ok(ping));
    }

    #[test]
    fn a_frame_that_was_damaged_on_a_line_is_no_message(
        message in bytes(200),
        at in any::<proptest::sample::Index>(),
        bit in 0u8..8,
    ) {
        let what = ToClient::Reply { id: 1, what: Reply::Json(Raw(&message)) };
        let mut frame = vec![0; 512];
        let len = encode(Framing::Serial, &what, &mut frame).unwrap();
        let at = at.index(len - 1);
        frame[at] ^= 1 << bit;
        for frame in feed(Framing::Serial, 512, &frame[..len], 512).into_iter().flatten() {
            prop_assert_ne!(decode::<ToClient<'_>>(&frame), Ok(what));
        }
    }

    #[test]
    fn a_message_too_large_on_a_stream_is_skipped_whole(extra in 0usize..900, piece in 1usize..300) {
        let mut stream = (300 + extra as u32).to_le_bytes().to_vec();
        stream.resize(4 + 300 + extra, 9);
        let mut frame = vec![0; 64];
        let refused = ToClient::Refused(crate::Failure::Link(Refusal::TooLarge(9)));
        let len = encode(Framing::Stream, &refused, &mut frame).unwrap();
        stream.extend_from_slice(&frame[..len]);
        let found = feed(Framing::Stream, 256, &stream, piece);
        prop_assert_eq!(found.len(), 2);
        prop_assert_eq!(&found[0], &Err(FrameError::TooLarge));
        prop_assert_eq!(decode::<ToClient<'_>>(found[1].as_ref().unwrap()), Ok(refused));
    }
}

#[test]
fn a_length_that_no_message_has_ends_a_stream() {
    assert_eq!(
        feed(Framing::Stream, 256, b"GET / HTTP/1.1", 3),
        [Err(FrameError::Lost)]
    );
}

/// Requests of those that a chip knows.
fn request() -> impl Strategy<Value = (u8, std::string::String, u32, Option<u64>, Vec<u8>)> {
    (0u8..20, ".{0,20}", any::<u32>(), any::<Option<u64>>(), bytes(40))
}

proptest! {
    #[test]
    fn a_chip_reads_what_everybody_else_reads(
        (kind, text, number, option, bytes) in request(),
        cut in any::<proptest::sample::Index>(),
        garbage in bytes(40),
    ) {
        let (text, raw) = (text.as_str(), Raw(&bytes));
        let what = match kind {
            0 => Request::Ping,
            1 => Request::Call { service: text, timeout_ms: number, parent: option.map(|n| n as u32), args: raw },
            2 => Request::Publish { topic: text, timeout_ms: number, payload: raw },
            3 => Request::Watch { filter: text, since: option, credit: number },
            4 => Request::Unwatch,
            5 => Request::Plugins,
            6 => Request::Services,
            7 => Request::Subscriptions,
            8 => Request::Calls,
            9 => Request::States { prefix: text },
            10 => Request::Health,
            11 => Request::Manage { action: crate::Action::Reload, plugin: text },
            12 => Request::StateGet { key: text },
            13 => Request::StateSet { key: text, ttl_ms: option, expected: option.map(|n| n ^ 5), value: raw },
            _ => Request::StateDelete { key: text, expected: option },
        };
        let message = match kind {
            15 => ToRuntime::Hello { versions: crate::VERSIONS, nonce: number, name: text, token: "t" },
            16 => ToRuntime::Credit(number),
            17 => ToRuntime::Cancel { id: number },
            18 => ToRuntime::KeepAlive,
            _ => ToRuntime::Request { id: number, what },
        };
        let mut buf = [0; 512];
        let encoded = postcard::to_slice(&message, &mut buf).unwrap();
        prop_assert_eq!(crate::take::decode(encoded), Ok(message));
        let cut = &encoded[..cut.index(encoded.len())];
        prop_assert_eq!(crate::take::decode(cut).is_ok(), decode::<ToRuntime<'_>>(cut).is_ok());
        if let (Ok(one), Ok(other)) = (crate::take::decode(&garbage), decode::<ToRuntime<'_>>(&garbage)) {
            prop_assert_eq!(one, other);
        }
    }
}

proptest! {
    #[test]
    fn a_chip_writes_what_everybody_else_writes(
        kind in 0u8..26,
        text in ".{0,20}",
        (number, long) in (any::<u32>(), any::<u64>()),
        option in any::<Option<u64>>(),
        bytes in bytes(60),
        size in 8usize..300,
    ) {
        use kernel_next::{CallId, Cause, PluginCounters, PluginState, ServiceCounters};
        let (text, raw) = (text.as_str(), Raw(&bytes));
        let slots = crate::Slots([number, 0, long as u32, 7]);
        let failure = match kind % 3 {
            0 => crate::Failure::Fault(kind, number, number >> 3),
            1 => crate::Failure::Error { code: text, message: "why" },
            _ => crate::Failure::Link([
                Refusal::NoSession, Refusal::Version(number as u16, kind as u16), Refusal::Token, Refusal::Malformed,
                Refusal::Damaged, Refusal::TooLarge(number), Refusal::Unknown, Refusal::InFlight(number),
                Refusal::NotAttached, Refusal::Attached, Refusal::Clients(number), Refusal::Silent(number),
                Refusal::ShuttingDown,
            ][number as usize % 13]),
        };
        let state = [PluginState::Unloaded, PluginState::Loaded, PluginState::Started, PluginState::Stopped, PluginState::Failed][number as usize % 5];
        let counters = PluginCounters { events: number, calls: 300, busy_micros: long, worst_micros: 3, slow: 4, ..PluginCounters::default() };
        let what = match kind {
            0 => Reply::Done,
            1 => Reply::Absent,
            2..5 => Reply::Failed(failure),
            5 => Reply::Count(long),
            6 => Reply::Json(raw),
            7 => Reply::Plugin(crate::Plugin {
                index: kind, name: text, version: "1", description: "", author: "a", dependencies: slots, placement: "p",
                state, hook: "idle", error: failure, counters,
            }),
            8 => Reply::Service(crate::Service {
                name: text, owner: "o", description: "d", version: "v", deprecated: number > 9,
                counters: ServiceCounters { calls: number, errors: 2, busy_micros: long, worst_micros: 1 },
                latency: [number; 8],
            }),
            9 => Reply::Subscription { plugin: text, filter: ">" },
            10 => Reply::Call(crate::Call {
                call: number, service: text, caller: "c", callee: "d", running: long > 9, age_ms: 7,
                parent: option.map(|id| id as u32),
            }),
            11 => Reply::State(crate::State { key: text, value: option.map(|_| raw), version: long, ttl_ms: option, owner: "o" }),
            12 => Reply::End,
            13 => Reply::Health(crate::Health { plugins: number, started: 1, failed: slots, storage: long > 9 }),
            _ => Reply::PluginState(state),
        };
        let cause = [Cause::None, Cause::Event(long), Cause::Call(CallId::from_bits(number))][number as usize % 3];
        let message = match kind {
            15 => ToClient::Hello {
                version: 3, nonce: number, name: text, max_message: 9, keep_alive_ms: number, now: long, epoch: option,
            },
            16..20 => ToClient::Refused(failure),
            20..22 => ToClient::Event(crate::Event {
                seq: long, time: 5, source: text, cause, receivers: slots, topic: "t", payload: raw,
            }),
            22 => ToClient::Lost { from: long, count: 3, at: crate::LostAt::Bus },
            23 => ToClient::Lost { from: 3, count: long, at: crate::LostAt::Link },
            24 => ToClient::KeepAlive,
            _ => ToClient::Reply { id: number, what },
        };
        for framing in FRAMINGS {
            for size in [1024, size] {
                let (mut one, mut other) = (vec![0; size], vec![9; size]);
                let len = encode(framing, &message, &mut one);
                let put = match &message {
                    ToClient::Reply { id, what } => crate::put::encode_reply(framing, *id, what, &mut other),
                    message => crate::put::encode(framing, message, &mut other),
                };
                prop_assert_eq!(put, len);
                if let Ok(len) = len {
                    prop_assert_eq!(&one[..len], &other[..len]);
                }
            }
        }
    }
}
