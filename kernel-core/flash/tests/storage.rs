//! The storage on flash: requests, room and wear.
mod support;

use kernel_core::storage::{Page, StorageOp};
use kernel_flash::FlashStorage;
use support::{
    Content, Flash, Nor, Shared, all_or_none, ask, ask_for, clear, code, content, get, names, opened, put,
    remove, set, text,
};

#[test]
fn values_are_there_after_reopening() {
    let mut flash = Flash::new();
    opened(&mut flash, |storage| {
        assert_eq!(content(storage), Ok(Content::new()));
        assert_eq!(get(storage, "k"), Ok(None));
        put(storage, "k", "{\"a\":1}").unwrap();
        put(storage, "l", "2").unwrap();
        put(storage, "k", "3").unwrap();
        assert_eq!(remove(storage, "l"), Ok(true));
        assert_eq!(remove(storage, "l"), Ok(false));
        assert_eq!(clear(storage, "m"), Ok(0));
        ask(storage, StorageOp::Set, ("m", "é"), b"[]").unwrap();
    });
    opened(&mut flash, |storage| {
        assert_eq!(content(storage).unwrap().len(), 2);
        assert_eq!(get(storage, "k"), Ok(Some("3".into())));
        assert_eq!(get(storage, "l"), Ok(None));
        assert_eq!(names(storage, None).unwrap(), ["m", "n"]);
        assert_eq!(names(storage, Some("m")).unwrap(), ["é"]);
        let refused = ask_for(storage, StorageOp::Get, ("n", "k"), &[], 0, 0);
        assert_eq!(code(refused), "too_large");
        assert_eq!(clear(storage, "n"), Ok(1));
    });
    opened(&mut flash, |storage| {
        assert_eq!(names(storage, None).unwrap(), ["m"])
    });
}

#[test]
fn pages_of_names_end_where_they_are_full() {
    let mut flash = Flash::new();
    opened(&mut flash, |storage| {
        for key in ["b", "a", "abc", "c"] {
            put(storage, key, "1").unwrap();
        }
        // A byte for the page and one for each name.
        for (room, limit, expected, more) in [
            (64, 9, &["a", "abc", "b", "c"][..], false),
            (64, 2, &["a", "abc"], true),
            (9, 9, &["a", "abc", "b"], true),
            (1, 9, &[], true),
        ] {
            let (_, page) = ask_for(storage, StorageOp::ListKeys, ("n", ""), &[], limit, room).unwrap();
            let page = Page::new(&page);
            assert_eq!((page.collect::<Vec<_>>(), page.more()), (expected.to_vec(), more));
        }
    });
}

#[test]
fn a_flash_that_is_full_says_so_and_takes_deletions() {
    let mut flash = Flash::new();
    let full = opened(&mut flash, |storage| {
        let mut stored = 0;
        let refused = loop {
            let outcome = put(storage, &format!("k{stored}"), &text('x', 100));
            if outcome.is_err() {
                break outcome;
            }
            stored += 1;
        };
        assert_eq!(code(refused), "full");
        assert!(stored >= 6, "{stored}");
        let (used, most) = storage.usage().unwrap();
        assert!(used <= most && used + 140 > most, "{used} of {most}");
        stored
    });
    let (erased, written) = (flash.erased.clone(), flash.steps);
    opened(&mut flash, |storage| {
        for _ in 0..100 {
            assert_eq!(code(put(storage, "more", &text('y', 100))), "full");
            let refused = all_or_none(storage, &[("k0", Some("1")), ("more", Some(&text('z', 220)))]);
            assert_eq!(code(refused), "full");
        }
        assert_eq!(get(storage, "k0"), Ok(Some(text('x', 100))));
    });
    assert_eq!(
        (erased, written),
        (flash.erased.clone(), flash.steps),
        "a refusal wears nothing"
    );
    opened(&mut flash, |storage| {
        // What it replaces needs no room besides.
        put(storage, "k0", &text('y', 100)).unwrap();
        for round in 0..full {
            assert_eq!(remove(storage, &format!("k{round}")), Ok(true));
        }
        put(storage, "more", &text('y', 100)).unwrap();
        assert_eq!(clear(storage, "n"), Ok(1));
        assert_eq!(storage.usage().unwrap().0, 0);
    });
}

#[test]
fn a_full_flash_can_be_cleared() {
    let mut flash = Flash::new();
    opened(&mut flash, |storage| {
        for len in [100, 30, 1, 0] {
            for n in 0..16 {
                let _ = put(storage, &format!("{len} {n}"), &text('x', len));
            }
        }
        let count = content(storage).unwrap().len();
        assert!(count > 8);
        assert_eq!(clear(storage, "n"), Ok(count as u32));
        assert_eq!(content(storage), Ok(Content::new()));
    });
}

#[test]
fn batches_replace_and_delete_in_their_order() {
    let mut flash = Flash::new();
    opened(&mut flash, |storage| {
        for _ in 0..50 {
            all_or_none(
                storage,
                &[
                    ("a", Some("1")),
                    ("b", Some("2")),
                    ("a", None),
                    ("b", Some("3")),
                    ("c", None),
                ],
            )
            .unwrap();
            assert_eq!(get(storage, "a"), Ok(None));
            assert_eq!(get(storage, "b"), Ok(Some("3".into())));
            all_or_none(storage, &[]).unwrap();
        }
        let large = text('x', 500);
        let refused = all_or_none(
            storage,
            &[("d", Some("1")), ("e", Some(&large)), ("f", Some(&large))],
        );
        assert_eq!(code(refused), "too_large");
        for cut in 1..20 {
            let ops = support::operations(&[("a".into(), Some("[1,2,3]".into()))]);
            let refused = ask(
                storage,
                StorageOp::Batch,
                ("n", ""),
                &ops[..ops.len().saturating_sub(cut).max(1)],
            );
            assert_eq!(code(refused), "invalid_argument");
        }
    });
    opened(&mut flash, |storage| {
        assert_eq!(names(storage, Some("n")).unwrap(), ["b"])
    });
}

#[test]
fn what_was_stored_in_batches_can_always_move() {
    let mut flash = Flash::new();
    let namespace = "a namespace of some length, longer than its values";
    opened(&mut flash, |storage| {
        let mut stored = 0;
        for round in 0.. {
            let keys: Vec<String> = (0..4).map(|n| format!("{round} {n}")).collect();
            let ops: Vec<_> = keys
                .iter()
                .map(|key| (key.clone(), Some("1".to_owned())))
                .collect();
            match ask(
                storage,
                StorageOp::Batch,
                (namespace, ""),
                &support::operations(&ops),
            ) {
                Ok(_) => stored += 4,
                Err(error) => {
                    assert_eq!(error.code(), "full");
                    break;
                }
            }
        }
        assert!(stored >= 8, "{stored}");
        for n in 0..200 {
            let key = format!("0 {}", n % 4);
            set(namespace, &key, "2")
                .carry_out(storage, &Content::new())
                .unwrap();
        }
        assert_eq!(content(storage).unwrap().len(), stored);
    });
}

#[test]
fn what_is_too_large_is_refused() {
    let mut flash = Flash::new();
    opened(&mut flash, |storage| {
        let (_, most) = storage.usage().unwrap();
        // Head, checksum, names and quotes.
        let fits = most as usize - 8 - 4 - 2 - 2;
        assert_eq!(code(put(storage, "k", &text('x', fits + 1))), "too_large");
        assert_eq!(code(put(storage, "k", &text('x', 70_000))), "too_large");
        put(storage, "k", &text('x', fits)).unwrap();
        let (_, value) = ask_for(storage, StorageOp::Get, ("n", "k"), &[], 0, 2000).unwrap();
        assert_eq!(value, text('x', fits).as_bytes());
        let long = "k".repeat(256);
        assert_eq!(code(put(storage, &long, "1")), "too_large");
        assert_eq!(remove(storage, "k"), Ok(true));
        put(storage, &long[1..], "1").unwrap();
        assert_eq!(names(storage, Some("n")).unwrap(), [&long[1..]]);
    });
}

#[test]
fn ranges_that_cannot_be_are_refused() {
    for range in [0..0, 0..512, 0..513, 4..1028, 0..4096, 3072..4096, 0..u32::MAX] {
        let refused = FlashStorage::open(Flash::new(), range.clone());
        assert_eq!(code(refused.map(drop)), "invalid_argument", "{range:?}");
    }
}

#[test]
fn a_range_leaves_the_rest_of_the_flash_alone() {
    let mut flash = Nor::<4, 512, 6>::new();
    flash.bytes[..512].fill(7);
    flash.bytes[5 * 512..].fill(7);
    let mut storage = FlashStorage::open(&mut flash, 512..5 * 512).unwrap();
    for n in 0..700 {
        set("n", "k", &n.to_string())
            .carry_out(&mut storage, &Content::new())
            .unwrap();
    }
    let flash = storage.close();
    assert!(
        flash.bytes[..512]
            .iter()
            .chain(&flash.bytes[5 * 512..])
            .all(|byte| *byte == 7)
    );
    assert!(
        flash.erased[1..5].iter().all(|times| *times > 2),
        "{:?}",
        flash.erased
    );
}

#[test]
fn the_pages_wear_evenly_and_opening_wears_nothing() {
    let mut flash = Flash::new();
    for n in 0..50 {
        opened(&mut flash, |storage| {
            for key in ["a", "b", "c", "d"] {
                put(storage, key, &text('x', n % 40)).unwrap();
            }
        });
        let before = (flash.steps, flash.erased.clone());
        opened(&mut flash, |storage| {
            assert_eq!(content(storage).unwrap().len(), 4)
        });
        assert_eq!(before, (flash.steps, flash.erased.clone()));
    }
    let (least, most) = (
        flash.erased.iter().min().unwrap(),
        flash.erased.iter().max().unwrap(),
    );
    assert!(*least > 2 && most - least <= 1, "{:?}", flash.erased);
}

#[test]
fn many_writes_pay_for_an_erase() {
    let shared = Shared::new(Flash::new());
    let mut storage = FlashStorage::open(shared.clone(), 0..Flash::END).unwrap();
    let mut write = |n: u32| {
        // Records of 64 bytes for four values: a quarter of a half.
        set("n", &format!("key{}", n % 4), &text('v', 45))
            .carry_out(&mut storage, &Content::new())
            .unwrap();
    };
    for n in 0..1200 {
        write(n);
    }
    // What is free of a half takes 11 records, and the one that finds it full moves with the rest.
    let moves: u32 = shared.0.borrow().erased.iter().sum::<u32>() / 2;
    assert!((98..=100).contains(&moves), "{moves}");
}

/// A flash that fails is asked again.
#[test]
fn a_request_that_the_flash_fails_is_not_acknowledged_and_the_next_one_sees_what_is_there() {
    let shared = Shared::new(Flash::new());
    let mut storage = FlashStorage::open(shared.clone(), 0..Flash::END).unwrap();
    let mut model = Content::new();
    for n in 0..200u64 {
        let write = set("n", &format!("k{}", n % 5), &text('v', (n % 50) as usize));
        let steps = shared.0.borrow().steps;
        shared.0.borrow_mut().cut_at = Some(steps + n);
        match write.carry_out(&mut storage, &model) {
            Ok(()) => write.expect(&mut model),
            Err(error) => {
                assert_eq!(error.code(), "storage_failed");
                assert_eq!(code(content(&mut storage)), "storage_failed");
                let restarted = shared.0.borrow().restarted();
                *shared.0.borrow_mut() = restarted;
                let found = content(&mut storage).unwrap();
                if found != model {
                    write.expect(&mut model);
                    assert_eq!(found, model);
                }
            }
        }
    }
}
