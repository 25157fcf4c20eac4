//! The storage on flash: damage is seen, whatever it is, and nothing makes it panic; and it is a map
//! whatever the order of requests, restarts and interruptions.
mod support;

use kernel_core::Error;
use kernel_flash::FlashStorage;
use proptest::prelude::*;
use support::{
    Content, Flash, Shared, Write, batch, clear, code, content, delete, get, names, opened, put, set, text,
};

/// A flash with some values.
fn filled() -> (Flash, Content) {
    let mut flash = Flash::new();
    let mut model = Content::new();
    opened(&mut flash, |storage| {
        for n in 0..40 {
            let write = match n % 5 {
                4 => delete("n", &format!("key{}", n % 3)),
                _ => set("n", &format!("key{}", n % 7), &text('v', 20 + n)),
            };
            write.carry_out(storage, &model).unwrap();
            write.expect(&mut model);
        }
    });
    (flash, model)
}

#[test]
fn a_bit_that_rots_is_seen_unless_in_the_last_item_written() {
    let (flash, model) = filled();
    let (mut seen, mut harmless) = (0, 0);
    let mut silent = Vec::new();
    for at in 0..flash.bytes.len() {
        for bit in [0, 5] {
            let mut rotten = flash.clone();
            rotten.bytes[at] ^= 1 << bit;
            let mut storage = FlashStorage::open(&mut rotten, 0..Flash::END).unwrap();
            match content(&mut storage) {
                Ok(found) if found == model => harmless += 1,
                Ok(_) => silent.push(at),
                Err(error) if error.code() == "corrupt" => seen += 1,
                Err(error) => panic!("{at}: {error:?}"),
            }
        }
    }
    println!(
        "one bit flipped: seen {seen}, harmless {harmless}, silent {}",
        silent.len()
    );
    // They lie in the checksum of the last record written: it cannot be told from one that was cut.
    for at in &silent {
        assert!(silent[0].abs_diff(*at) < 4, "{silent:?}");
    }
    assert!(seen > 1_000);
}

/// Where these bytes are.
fn position(flash: &Flash, bytes: &[u8]) -> usize {
    flash
        .bytes
        .windows(bytes.len())
        .position(|found| found == bytes)
        .unwrap()
}

#[test]
fn rot_is_seen_and_hits_one_value() {
    let mut flash = Flash::new();
    opened(&mut flash, |storage| {
        put(storage, "a", "\"aaaa\"").unwrap();
        put(storage, "b", "\"bbbb\"").unwrap();
        put(storage, "c", "\"cccc\"").unwrap();
    });
    let mut rotten = flash.clone();
    rotten.bytes[position(&flash, b"bbbb")] ^= 1;
    let before = rotten.bytes.clone();
    opened(&mut rotten, |storage| {
        assert!(storage.is_damaged());
        assert_eq!(code(get(storage, "a")), "corrupt");
        let error = get(storage, "none").unwrap_err();
        assert_eq!(error.code(), "corrupt");
        assert!(error.message().contains("none in n"), "{error}");
        assert_eq!(code(put(storage, "a", "1")), "corrupt");
        assert_eq!(code(names(storage, None)), "corrupt");
        assert_eq!(code(clear(storage, "n")), "corrupt");
        assert_eq!(code(storage.usage()), "corrupt");
    });
    assert_eq!(rotten.bytes, before, "nothing is written to it");
    opened(&mut rotten, |storage| {
        storage.salvage().unwrap();
        assert!(!storage.is_damaged());
        assert_eq!(get(storage, "a"), Ok(Some("\"aaaa\"".into())));
        assert_eq!(get(storage, "b"), Ok(None));
    });
    opened(&mut rotten, |storage| {
        assert!(!storage.is_damaged());
        assert_eq!(names(storage, Some("n")).unwrap(), ["a", "c"]);
    });
}

#[test]
fn rot_while_it_is_open_is_seen_by_the_next_request() {
    let (flash, model) = filled();
    let (mut seen, mut harmless) = (0, 0);
    for at in (0..flash.bytes.len()).step_by(3) {
        let shared = Shared::new(flash.clone());
        let mut storage = FlashStorage::open(shared.clone(), 0..Flash::END).unwrap();
        shared.0.borrow_mut().bytes[at] ^= 4;
        match content(&mut storage) {
            Ok(found) => {
                assert_eq!(found, model, "{at}");
                harmless += 1;
            }
            Err(error) => {
                assert_eq!(error.code(), "corrupt", "{at}");
                seen += 1;
            }
        }
    }
    assert!(seen > 100 && harmless > 100, "{seen} {harmless}");
}

#[test]
fn a_flash_that_holds_something_else_is_not_touched_and_can_be_formatted() {
    let mut flash = Flash::new();
    for (n, byte) in flash.bytes.iter_mut().enumerate() {
        *byte = (n * 7 % 251) as u8;
    }
    let before = flash.bytes.clone();
    opened(&mut flash, |storage| {
        assert!(storage.is_damaged());
        assert_eq!(code(put(storage, "k", "1")), "corrupt");
    });
    assert_eq!(flash.bytes, before);
    FlashStorage::format(&mut flash, 0..Flash::END).unwrap();
    opened(&mut flash, |storage| {
        assert_eq!(names(storage, None).unwrap(), [""; 0]);
        put(storage, "k", "1").unwrap();
    });
    opened(&mut flash, |storage| {
        assert_eq!(get(storage, "k"), Ok(Some("1".into())))
    });
}

fn any_write() -> impl Strategy<Value = Write> {
    let namespace = prop_oneof![Just("a"), Just("b"), Just("é")];
    let key = prop_oneof![Just("k"), Just("kk"), Just("l"), Just("m"), Just("\u{1f600}")];
    let value = (0..60usize).prop_map(|len| text('v', len));
    let ops = prop::collection::vec((key.clone(), prop::option::of("[0-9]{1,9}")), 0..6);
    prop_oneof![
        6 => (namespace.clone(), key.clone(), value).prop_map(|(n, k, v)| set(n, k, &v)),
        3 => (namespace.clone(), key).prop_map(|(n, k)| delete(n, k)),
        1 => namespace.clone().prop_map(|n| Write::Clear(n.into())),
        2 => (namespace, ops).prop_map(|(n, ops)| {
            let ops: Vec<_> = ops.iter().map(|(k, v)| (*k, v.as_deref().map(|v| v.trim_start_matches('0')))).collect();
            let ops: Vec<_> = ops.iter().map(|(k, v)| (*k, v.map(|v| if v.is_empty() { "0" } else { v }))).collect();
            batch(n, &ops)
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn it_is_a_map_whatever_happens(
        writes in prop::collection::vec((any_write(), prop::bool::weighted(0.2)), 1..120),
    ) {
        let mut flash = Flash::new();
        let mut model = Content::new();
        let mut writes = writes.into_iter().peekable();
        while writes.peek().is_some() {
            opened(&mut flash, |storage| {
                for (write, reopen) in writes.by_ref() {
                    match write.carry_out(storage, &model) {
                        Ok(()) => write.expect(&mut model),
                        Err(error) => assert_eq!(error.code(), "full"),
                    }
                    if reopen {
                        break;
                    }
                }
                assert_eq!(content(storage).unwrap(), model);
            });
        }
    }

    #[test]
    fn no_content_of_the_flash_makes_it_panic(
        noise in prop::collection::vec((0..2048usize, 0..64usize, any::<u8>()), 0..40),
        from_filled in any::<bool>(),
    ) {
        let mut flash = if from_filled { filled().0 } else { Flash::new() };
        for (at, len, byte) in noise {
            for (n, to) in flash.bytes.iter_mut().skip(at).take(len).enumerate() {
                *to = byte.wrapping_mul(n as u8 | 1) ^ (at as u8);
            }
        }
        // Nothing was written by the rules here.
        flash.lawless = true;
        opened(&mut flash, |storage| {
            let _: Result<Content, Error> = content(storage);
            let _ = storage.salvage();
            let _ = put(storage, "k", "1");
            let _ = clear(storage, "n");
            let _ = content(storage);
        });
    }
}
