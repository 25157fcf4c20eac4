//! Frames: whatever goes in comes out, and whatever else comes disturbs nothing.

use std::prelude::rust_2024::*;
use std::vec;

use proptest::prelude::*;

use crate::chip::put::Put;
use crate::chip::take::Take;
use crate::frame::{FrameError, Framing, close, decode, encode, wrap};
use crate::inbox::Inbox;
use crate::{Failure, Raw, Refusal, Reply, Request, ToClient, ToRuntime};

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

/// Fields of every kind, as a chip reads and writes them.
type Fields<'a> = (u8, u16, u32, u64, &'a str, Option<u64>, Option<u32>, Raw<'a>);

proptest! {
    #[test]
    fn a_chip_reads_what_everybody_else_reads(
        (byte, short, word, long) in any::<(u8, u16, u32, u64)>(),
        text in ".{0,20}",
        option in any::<Option<u64>>(),
        bytes in bytes(40),
        cut in any::<proptest::sample::Index>(),
    ) {
        let fields: Fields<'_> = (byte, short, word, long, &text, option, option.map(|n| n as u32), Raw(&bytes));
        let mut buf = [0; 512];
        let encoded = &*postcard::to_slice(&fields, &mut buf).unwrap();
        fn take(message: &[u8]) -> (Fields<'_>, bool) {
            let mut from = Take::new(message);
            let fields = (
                from.byte(), from.short(), from.word(), from.long(), from.text(), from.option(),
                from.is_some().then(|| from.word()), Raw(from.bytes()),
            );
            (fields, from.check().is_ok())
        }
        prop_assert_eq!(take(encoded), (fields, true));
        let cut = &encoded[..cut.index(encoded.len())];
        prop_assert_eq!(take(cut).1, decode::<Fields<'_>>(cut).is_ok());
    }

    #[test]
    fn a_chip_refuses_what_everybody_else_refuses(garbage in bytes(40)) {
        type Numbers<'a> = (u16, u32, Option<u64>, &'a str);
        let mut from = Take::new(&garbage);
        let numbers = (from.short(), from.word(), from.option(), from.text());
        match decode::<Numbers<'_>>(&garbage) {
            Ok(expected) => prop_assert_eq!((numbers, from.check().is_ok()), (expected, true)),
            Err(_) => prop_assert!(from.check().is_err()),
        }
    }

    #[test]
    fn a_chip_writes_what_everybody_else_writes(
        (byte, word, long) in any::<(u8, u32, u64)>(),
        text in ".{0,20}",
        option in any::<Option<u32>>(),
        bytes in bytes(60),
        refusal in 0usize..8,
        size in 8usize..300,
    ) {
        let refusal = [
            Refusal::NoSession, Refusal::Version(word as u16, byte as u16), Refusal::Token, Refusal::Malformed,
            Refusal::Damaged, Refusal::TooLarge(word), Refusal::Unknown, Refusal::InFlight(word),
        ][refusal];
        let fault = kernel_core::Fault::TooLarge { max: word };
        let failures = (Failure::of(fault), Failure::Error { code: &text, message: "why" }, Failure::Link(refusal));
        let fields = (byte, word, long, text.as_str(), option, Raw(&bytes), failures);
        for framing in FRAMINGS {
            for size in [1024, size] {
                let (mut one, mut other) = (vec![0; size], vec![9; size]);
                let len = encode(framing, &fields, &mut one).ok();
                let mut put = Put::new(framing, &mut other);
                put.byte(byte);
                put.word(word);
                put.long(long);
                put.texts(&[&text]);
                put.option(option);
                put.bytes(&bytes);
                put.fault(fault);
                put.error(&text, "why");
                put.refusal(refusal);
                let put = put.end().and_then(|len| close(framing, len, &mut other).ok());
                prop_assert_eq!(put, len);
                if let Some(len) = len {
                    prop_assert_eq!(&one[..len], &other[..len]);
                }
            }
        }
    }
}
