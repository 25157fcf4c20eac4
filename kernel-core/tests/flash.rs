//! The storage on flash: requests, room and wear; and through the kernel.
#![cfg(feature = "flash")]
mod flash_support;
mod support;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use flash_support::{Flash, Nor, get, json, names, opened, run, text};
use kernel_core::storage::{BatchOp, FlashStorage, Names, Ops, Page, Storage, StorageError, serve};
use kernel_core::*;
use support::{ByHand, ROOMY, Tasks, runtime};

fn is_full<T>(outcome: Result<T, StorageError>) -> bool {
    matches!(outcome, Err(StorageError::Full(_)))
}

#[test]
fn values_are_there_after_reopening() {
    let mut flash = Flash::new();
    opened(&mut flash, async |storage| {
        assert!(storage.is_empty());
        assert_eq!(get(storage, "k").await, Ok(None));
        storage.set("n", "k", json("{\"a\":1}")).await.unwrap();
        storage.set("n", "l", json("2")).await.unwrap();
        storage.set("n", "k", json("3")).await.unwrap();
        assert_eq!(storage.delete("n", "l").await, Ok(true));
        assert_eq!(storage.delete("n", "l").await, Ok(false));
        assert_eq!(storage.clear_namespace("m").await, Ok(0));
        storage.set("m", "é", json("[]")).await.unwrap();
    });
    opened(&mut flash, async |storage| {
        assert_eq!(storage.len(), 2);
        assert_eq!(get(storage, "k").await, Ok(Some("3".into())));
        assert_eq!(get(storage, "l").await, Ok(None));
        assert_eq!(names(storage, None).await.unwrap(), ["m", "n"]);
        assert_eq!(names(storage, Some("m")).await.unwrap(), ["é"]);
        let mut small = [0; 0];
        let refused = storage.get("n", "k", &mut small).await;
        assert_eq!(refused, Err(StorageError::Buffer { len: 1, max: 0 }));
        assert_eq!(storage.clear_namespace("n").await, Ok(1));
    });
}

#[test]
fn pages_of_names_end_where_they_are_full() {
    let mut flash = Flash::new();
    opened(&mut flash, async |storage| {
        for key in ["b", "a", "abc", "c"] {
            storage.set("n", key, json("1")).await.unwrap();
        }
        // A byte for the page and one for each name.
        for (room, limit, expected, more) in [
            (64, 9, &["a", "abc", "b", "c"][..], false),
            (64, 2, &["a", "abc"], true),
            (9, 9, &["a", "abc", "b"], true),
            (1, 9, &[], true),
        ] {
            let mut buf = [0; 64];
            let mut page = Names::new(&mut buf[..room], limit);
            storage.list_keys("n", "", &mut page).await.unwrap();
            let page = Page::new(page.as_bytes());
            assert_eq!((page.collect::<Vec<_>>(), page.more()), (expected.to_vec(), more));
        }
    });
}

#[test]
fn a_flash_that_is_full_says_so_and_takes_deletions() {
    let mut flash = Flash::new();
    let full = opened(&mut flash, async |storage| {
        let mut stored = 0;
        let refused = loop {
            let outcome = storage
                .set("n", &format!("k{stored}"), json(&text('x', 100)))
                .await;
            if outcome.is_err() {
                break outcome;
            }
            stored += 1;
        };
        assert!(is_full(refused));
        assert!(stored >= 6, "{stored}");
        let (used, most) = storage.usage();
        assert!(used <= most && used + 140 > most, "{used} of {most}");
        stored
    });
    let (erased, written) = (flash.erased.clone(), flash.steps);
    opened(&mut flash, async |storage| {
        for _ in 0..100 {
            assert!(is_full(storage.set("n", "more", json(&text('y', 100))).await));
            let mut buf = [0; 512];
            let ops = Ops::new(&[BatchOp::Set("k0", json(&text('z', 100)))], &mut buf).unwrap();
            assert!(is_full(storage.batch("n", ops).await));
        }
        assert_eq!(get(storage, "k0").await, Ok(Some(text('x', 100))));
    });
    assert_eq!(
        (erased, written),
        (flash.erased.clone(), flash.steps),
        "a refusal wears nothing"
    );
    opened(&mut flash, async |storage| {
        for round in 0..full {
            assert_eq!(storage.delete("n", &format!("k{round}")).await, Ok(true));
        }
        storage.set("n", "more", json(&text('y', 100))).await.unwrap();
        assert_eq!(storage.clear_namespace("n").await, Ok(1));
    });
}

#[test]
fn a_full_flash_can_be_cleared() {
    let mut flash = Flash::new();
    opened(&mut flash, async |storage| {
        for len in [100, 30, 1, 0] {
            for n in 0..16 {
                let _ = storage
                    .set("n", &format!("{len} {n}"), json(&text('x', len)))
                    .await;
            }
        }
        let count = storage.len();
        assert_eq!(storage.clear_namespace("n").await, Ok(count as u32));
        assert!(storage.is_empty());
    });
}

#[test]
fn keys_run_out_and_are_used_again() {
    let mut flash = Flash::new();
    opened(&mut flash, async |storage| {
        for round in 0..300 {
            for n in 0..16 {
                if round < 3 {
                    storage
                        .set("n", &format!("{round} {n}"), json("1"))
                        .await
                        .unwrap();
                }
            }
            let one_more = storage.set("n", "one more", json("1")).await;
            assert!(is_full(one_more));
            if round < 2 {
                assert_eq!(storage.clear_namespace("n").await, Ok(16));
            }
        }
        // In a full table a batch may still replace, and delete before it adds.
        let ops = [
            BatchOp::Set("new", json("1")),
            BatchOp::Delete("2 0"),
            BatchOp::Set("2 1", json("2")),
            BatchOp::Delete("2 0"),
        ];
        let mut buf = [0; 256];
        storage
            .batch("n", Ops::new(&ops, &mut buf).unwrap())
            .await
            .unwrap();
        assert_eq!((get(storage, "2 0").await, storage.len()), (Ok(None), 16));
        let ops = [
            BatchOp::Delete("new"),
            BatchOp::Delete("new"),
            BatchOp::Set("x", json("1")),
            BatchOp::Set("y", json("1")),
        ];
        let refused = storage.batch("n", Ops::new(&ops, &mut buf).unwrap()).await;
        assert!(is_full(refused));
        assert_eq!(get(storage, "new").await, Ok(Some("1".into())));
    });
}

#[test]
fn what_is_too_large_is_refused() {
    let mut flash = Flash::new();
    opened(&mut flash, async |storage| {
        // Half of the buffer of 512 holds it, or does not.
        assert!(is_full(storage.set("n", "k", json(&text('x', 240))).await));
        storage.set("n", "k", json(&text('x', 239))).await.unwrap();
        assert_eq!(get(storage, "k").await, Ok(Some(text('x', 239))));
    });
    let mut buffer = [0; 128];
    run(async {
        let refused = FlashStorage::<_, 16>::open(&mut flash, 0..Flash::END, &mut buffer).await;
        assert!(matches!(refused.map(drop), Err(StorageError::Failed(_))));
    });
    let mut buffer = [0; 512];
    run(async {
        let refused = FlashStorage::<_, 0>::open(&mut flash, 0..Flash::END, &mut buffer).await;
        assert!(matches!(refused.map(drop), Err(StorageError::Failed(_))));
    });
}

#[test]
fn ranges_that_cannot_be_are_refused() {
    for range in [0..0, 0..512, 0..513, 4..1028, 0..4096, 3072..4096, 0..u32::MAX] {
        let mut buffer = [0; 512];
        let refused = run(FlashStorage::<_, 16>::open(
            Flash::new(),
            range.clone(),
            &mut buffer,
        ));
        assert!(
            matches!(refused.map(drop), Err(StorageError::Failed(_))),
            "{range:?}"
        );
    }
}

#[test]
fn a_range_leaves_the_rest_of_the_flash_alone() {
    let mut flash = Nor::<4, 512, 6>::new();
    flash.bytes[..512].fill(7);
    flash.bytes[5 * 512..].fill(7);
    let mut buffer = [0; 256];
    run(async {
        let mut storage = FlashStorage::<_, 16>::open(&mut flash, 512..5 * 512, &mut buffer)
            .await
            .unwrap();
        for n in 0..300 {
            storage.set("n", "k", json(&n.to_string())).await.unwrap();
        }
    });
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
        opened(&mut flash, async |storage| {
            for key in ["a", "b", "c", "d"] {
                storage.set("n", key, json(&text('x', n % 40))).await.unwrap();
            }
        });
        let before = (flash.steps, flash.erased.clone());
        opened(&mut flash, async |storage| assert_eq!(storage.len(), 4));
        assert_eq!(before, (flash.steps, flash.erased.clone()));
    }
    let (least, most) = (
        flash.erased.iter().min().unwrap(),
        flash.erased.iter().max().unwrap(),
    );
    assert!(*least > 2 && most - least <= 1, "{:?}", flash.erased);
}

/// A runtime with a storage on this flash; its task hands the flash back when it is closed.
fn served(flash: Flash) -> (CoreRuntime, Tasks, Rc<RefCell<Option<Flash>>>) {
    let runtime = runtime(&ROOMY);
    let kernel = runtime.kernel();
    let mut tasks = Tasks::default();
    let closed = Rc::new(RefCell::new(None));
    let back = closed.clone();
    tasks.spawn(async move {
        let mut buffer = [0; 1024];
        let mut storage = FlashStorage::<_, 16>::open(flash, 0..Flash::END, &mut buffer)
            .await
            .unwrap();
        serve(kernel, &mut storage, &mut [0; 1024]).await;
        *back.borrow_mut() = Some(storage.close());
    });
    tasks.settle();
    (runtime, tasks, closed)
}

#[test]
fn plugins_and_the_operator_use_it_through_the_kernel() {
    let (runtime, mut tasks, closed) = served(Flash::new());
    let plugin = ByHand::started(&runtime, PluginMetadata::new("heater", "1.0.0"));
    let own = plugin.cx().storage("heater");
    tasks.run(runtime.kernel(), async {
        own.set("target", json("20")).await.unwrap();
        let ops = [
            BatchOp::Set("target", json("21")),
            BatchOp::Set("mode", json("\"eco\"")),
            BatchOp::Delete("none"),
        ];
        own.transaction(&ops).await.unwrap();
        let large = text('x', 440);
        let refused = own.set("large", json(&large)).await;
        assert!(is_full(refused));
        assert_eq!(own.delete("large").await, Ok(false));
    });
    assert!(
        tasks
            .run(runtime.kernel(), runtime.shutdown(Duration::from_secs(1)))
            .storage_closed
    );
    tasks.settle();

    let flash = closed.borrow_mut().take().unwrap();
    let (runtime, mut tasks, _) = served(flash);
    let space = runtime.storage().namespace("heater");
    tasks.run(runtime.kernel(), async {
        let mut buf = [0; 64];
        assert_eq!(
            space.get("target", &mut buf).await.unwrap().unwrap().as_str(),
            "21"
        );
        let keys: Vec<_> = space.list_keys("", 9, &mut buf).await.unwrap().collect();
        assert_eq!(keys, ["mode", "target"]);
        assert_eq!(space.clear_namespace().await, Ok(2));
        assert_eq!(space.clear_namespace().await, Ok(0));
    });
}
