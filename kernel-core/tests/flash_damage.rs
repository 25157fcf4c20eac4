//! The storage on flash: damage is seen, whatever it is, and nothing makes it panic; and it is a map
//! whatever the order of requests, restarts and interruptions.
#![cfg(feature = "flash")]
mod flash_support;

use flash_support::{
    Content, Flash, Write, batch, content, delete, get, json, names, opened, run, run_for, set, text,
};
use kernel_core::storage::{FlashStorage, Storage, StorageError};
use proptest::prelude::*;

fn is_corrupt<T>(outcome: Result<T, StorageError>) -> bool {
    matches!(outcome, Err(StorageError::Corrupt(_)))
}

/// A flash with some values.
fn filled() -> (Flash, Content) {
    let mut flash = Flash::new();
    let mut model = Content::new();
    opened(&mut flash, async |storage| {
        for n in 0..40 {
            let write = match n % 5 {
                4 => delete("n", &format!("key{}", n % 3)),
                _ => set("n", &format!("key{}", n % 7), &text('v', 20 + n)),
            };
            write.carry_out(storage, &model).await.unwrap();
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
            let mut buffer = [0; 512];
            run(async {
                let outcome = match FlashStorage::<_, 16>::open(&mut rotten, 0..Flash::END, &mut buffer).await
                {
                    Ok(mut storage) => content(&mut storage).await,
                    Err(error) => Err(error),
                };
                match outcome {
                    Ok(found) if found == model => harmless += 1,
                    Ok(_) => silent.push(at),
                    Err(StorageError::Corrupt(_)) => seen += 1,
                    Err(error) => panic!("{at}: {error:?}"),
                }
            });
        }
    }
    println!(
        "one bit flipped: seen {seen}, harmless {harmless}, silent {}",
        silent.len()
    );
    // They lie in one item, the last one written: it cannot be told from a write that was cut.
    let (first, last) = (silent.first().unwrap(), silent.last().unwrap());
    assert!(last - first < 100, "{silent:?}");
    assert!(seen > 1_000);
}

#[test]
fn rot_while_it_is_open_is_seen_and_hits_one_value() {
    let mut flash = Flash::new();
    opened(&mut flash, async |storage| {
        storage.set("n", "a", json("\"aaaa\"")).await.unwrap();
        storage.set("n", "b", json("\"bbbb\"")).await.unwrap();
        storage.set("n", "c", json("\"cccc\"")).await.unwrap();
    });
    let at = flash.bytes.windows(4).position(|bytes| bytes == b"bbbb").unwrap();
    let mut rotten = flash.clone();
    rotten.bytes[at] ^= 1;
    opened(&mut rotten, async |storage| {
        assert!(storage.is_damaged());
        assert!(is_corrupt(get(storage, "a").await));
        assert!(is_corrupt(get(storage, "none").await));
        assert!(is_corrupt(storage.set("n", "a", json("1")).await));
        assert!(is_corrupt(names(storage, None).await));
        storage.accept_damage().await.unwrap();
        assert!(!storage.is_damaged());
        assert_eq!(get(storage, "a").await, Ok(Some("\"aaaa\"".into())));
        assert_eq!(get(storage, "b").await, Ok(None));
    });
    opened(&mut rotten, async |storage| {
        assert!(!storage.is_damaged());
        assert_eq!(names(storage, Some("n")).await.unwrap(), ["a", "c"]);
    });
}

#[test]
fn a_flash_that_holds_something_else_is_not_touched_and_can_be_formatted() {
    let mut flash = Flash::new();
    for (n, byte) in flash.bytes.iter_mut().enumerate() {
        *byte = (n * 7 % 251) as u8;
    }
    let before = flash.bytes.clone();
    let mut buffer = [0; 512];
    run(async {
        let refused = FlashStorage::<_, 16>::open(&mut flash, 0..Flash::END, &mut buffer).await;
        assert!(is_corrupt(refused.map(drop)));
    });
    assert_eq!(flash.bytes, before);
    run(async {
        let mut storage = FlashStorage::<_, 16>::format(&mut flash, 0..Flash::END, &mut buffer)
            .await
            .unwrap();
        storage.set("n", "k", json("1")).await.unwrap();
    });
    opened(&mut flash, async |storage| {
        assert_eq!(get(storage, "k").await, Ok(Some("1".into())))
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

/// What happens before a write.
#[derive(Clone, Debug)]
enum Before {
    Nothing,
    Reopen,
    /// The write is dropped after so many polls, once.
    Drop(usize),
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn it_is_a_map_whatever_happens(
        writes in prop::collection::vec(
            (any_write(), prop_oneof![4 => Just(Before::Nothing), 1 => Just(Before::Reopen), 2 => (0..60usize).prop_map(Before::Drop)]),
            1..120,
        )
    ) {
        let mut flash = Flash::new();
        flash.slow = true;
        let mut model = Content::new();
        let mut writes = writes.into_iter().peekable();
        while writes.peek().is_some() {
            opened(&mut flash, async |storage| {
                while let Some((write, before)) = writes.next_if(|(_, before)| !matches!(before, Before::Reopen))
                {
                    let outcome = match before {
                        Before::Drop(polls) => run_for(polls, write.carry_out(storage, &model)),
                        _ => Some(write.carry_out(storage, &model).await),
                    };
                    match outcome {
                        Some(Ok(())) => write.expect(&mut model),
                        Some(Err(StorageError::Full(_))) => {}
                        Some(Err(error)) => panic!("{error:?}"),
                        None => {
                            let mut new = model.clone();
                            write.expect(&mut new);
                            let found = content(storage).await.unwrap();
                            assert!(found == model || found == new);
                            model = found;
                        }
                    }
                }
                assert_eq!(content(storage).await.unwrap(), model);
                if let Some((_, before)) = writes.peek_mut() {
                    *before = Before::Nothing;
                }
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
        let mut buffer = [0; 512];
        run(async {
            if let Ok(mut storage) = FlashStorage::<_, 16>::open(&mut flash, 0..Flash::END, &mut buffer).await {
                let _ = content(&mut storage).await;
                let _ = storage.accept_damage().await;
                let _ = storage.set("n", "k", json("1")).await;
                let _ = storage.clear_namespace("n").await;
                let _ = content(&mut storage).await;
            }
        });
    }
}
