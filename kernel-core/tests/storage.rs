//! Storage requests: each operation, groups, who may what, and what other programs wrote.
mod support;

use kernel_core::storage::{BatchOp, Page};
use kernel_core::*;
use support::memory::{MemoryStorage, Rows};
use support::{Notes, ROOMY, Seen, Tasks, actor, at_once, json, poll_once, runtime, serve_memory, start_all};

fn served(storage: MemoryStorage) -> (CoreRuntime, Tasks) {
    let runtime = runtime(&Capacities { calls: 16, ..ROOMY });
    let mut tasks = Tasks::default();
    serve_memory(&runtime, &mut tasks, storage);
    start_all(&runtime, &mut tasks);
    (runtime, tasks)
}

fn code<T>(result: Result<T, Error>) -> String {
    result
        .err()
        .map(|error| error.code().to_owned())
        .unwrap_or_default()
}

#[test]
fn a_value_is_stored_read_replaced_and_deleted() {
    let (runtime, mut tasks) = served(MemoryStorage::default());
    let (kernel, space) = (runtime.kernel(), runtime.storage().namespace("n"));
    let mut buf = [0; 64];
    assert!(tasks.run(kernel, space.get("k", &mut buf)).unwrap().is_none());
    tasks.run(kernel, space.set("k", json("[1]"))).unwrap();
    tasks.run(kernel, space.set("k", json("[1,2]"))).unwrap();
    assert_eq!(
        tasks
            .run(kernel, space.get("k", &mut buf))
            .unwrap()
            .unwrap()
            .as_str(),
        "[1,2]"
    );
    assert_eq!(tasks.run(kernel, space.delete("k")), Ok(true));
    assert_eq!(tasks.run(kernel, space.delete("k")), Ok(false));
    tasks
        .run(kernel, space.batch_set(&[("a", json("1")), ("b", json("2"))]))
        .unwrap();
    assert_eq!(tasks.run(kernel, space.clear_namespace()), Ok(2));
    assert_eq!(runtime.metrics().calls.used, 0);
}

#[test]
fn a_batch_is_done_whole_or_not_at_all() {
    let rows = Rows::default();
    let storage = MemoryStorage {
        rows: rows.clone(),
        broken: Some("bad"),
        ..MemoryStorage::default()
    };
    let (runtime, mut tasks) = served(storage);
    let space = runtime.storage().namespace("n");
    let ops = [BatchOp::Set("a", json("1")), BatchOp::Set("bad", json("2"))];
    let failed = tasks.run(runtime.kernel(), space.transaction(&ops));
    assert_eq!(failed, Err(Error::new("storage_failed", "the disk is on fire")));
    assert!(rows.0.borrow().is_empty());
    let ops = [BatchOp::Set("a", json("1")), BatchOp::Delete("b")];
    tasks.run(runtime.kernel(), space.transaction(&ops)).unwrap();
    assert_eq!(rows.0.borrow().len(), 1);
    let many = [BatchOp::Delete("x"); 17];
    assert_eq!(
        code(tasks.run(runtime.kernel(), space.transaction(&many))),
        "too_large"
    );
}

#[test]
fn names_come_page_by_page_in_order() {
    let rows = Rows::default();
    for n in 0..40 {
        rows.put("n", &format!("key{n:02}"), b"1");
    }
    rows.put("other", "x", b"1");
    let (runtime, mut tasks) = served(MemoryStorage {
        rows,
        ..MemoryStorage::default()
    });
    let kernel = runtime.kernel();
    let (mut after, mut all) = (String::new(), Vec::new());
    loop {
        let mut buf = [0; 30];
        let space = runtime.storage().namespace("n");
        let page: Page<'_> = tasks.run(kernel, space.list_keys(&after, 5, &mut buf)).unwrap();
        let names: Vec<String> = page.map(str::to_owned).collect();
        assert!(names.len() <= 5);
        all.extend(names);
        after = all.last().unwrap().clone();
        if !page.more() {
            break;
        }
    }
    assert_eq!((all.len(), &*all[0], &*all[39]), (40, "key00", "key39"));
    let mut buf = [0; 100];
    let page = tasks
        .run(kernel, runtime.storage().namespaces("", 10, &mut buf))
        .unwrap();
    assert_eq!(page.collect::<Vec<_>>(), ["n", "other"]);
}

#[test]
fn what_another_program_wrote_is_an_error_that_names_it_and_never_not_found() {
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    let bad: [&[u8]; 7] = [
        deep.as_bytes(),
        br#""\ud800""#,
        b"\"\0\"",
        b"\"\xff\"",
        b"",
        b"{\"a\":1",
        b"nul",
    ];
    let rows = Rows::default();
    for (n, value) in bad.iter().enumerate() {
        rows.put("n", &format!("k{n}"), &value[..value.len().min(400)]);
    }
    rows.put("n", "twice", br#"{"a":1,"a":2}"#);
    rows.put("n", "huge", b"1e999999999");
    let (runtime, mut tasks) = served(MemoryStorage {
        rows,
        ..MemoryStorage::default()
    });
    let space = runtime.storage().namespace("n");
    for n in 0..bad.len() {
        let mut buf = [0; 512];
        let key = format!("k{n}");
        let error = tasks
            .run(runtime.kernel(), space.get(&key, &mut buf))
            .unwrap_err();
        assert_eq!(error.code(), "corrupt", "{n}");
        #[cfg(feature = "messages")]
        assert!(error.message().contains(&format!("{key} in n")), "{error}");
    }
    for key in ["twice", "huge"] {
        let mut buf = [0; 64];
        assert!(
            tasks
                .run(runtime.kernel(), space.get(key, &mut buf))
                .unwrap()
                .is_some()
        );
    }
}

#[test]
fn a_plugin_writes_in_its_own_namespace_and_reads_where_it_may() {
    static METADATA: PluginMetadata = PluginMetadata {
        reads: &["shared"],
        writes: &["p_more"],
        ..PluginMetadata::new("p", "1")
    };
    let rows = Rows::default();
    rows.put("shared", "k", b"1");
    rows.put("secret", "k", b"1");
    let (runtime, mut tasks) = served(MemoryStorage {
        rows: rows.clone(),
        ..MemoryStorage::default()
    });
    let (notes, to) = (Notes::default(), Notes::default());
    let seen = to.clone();
    actor(&runtime, &mut tasks, METADATA, move |cx, message| {
        let notes = seen.clone();
        async move {
            if let Seen::Start = message {
                let mut buf = [0; 64];
                notes.push(code(cx.storage("p").set("k", json("1")).await));
                notes.push(code(cx.storage("shared").get("k", &mut buf).await.map(drop)));
                notes.push(code(cx.storage("shared").set("k", json("2")).await));
                notes.push(code(cx.storage("p_more").set("k", json("1")).await));
                notes.push(code(cx.storage("p_more").get("k", &mut buf).await.map(drop)));
                notes.push(code(cx.storage("p_more_yet").set("k", json("1")).await));
                notes.push(code(cx.storage("secret").get("k", &mut buf).await.map(drop)));
                notes.push(code(cx.storage("").get("k", &mut buf).await.map(drop)));
                notes.push(code(cx.storage("p").get("", &mut buf).await.map(drop)));
            }
            Ok("null".into())
        }
    });
    drop(notes);
    let started = tasks.run(runtime.kernel(), runtime.plugins().start("p"));
    assert_eq!(started, Ok(PluginState::Started));
    assert_eq!(
        to.take(),
        [
            "",
            "",
            "denied",
            "",
            "",
            "denied",
            "denied",
            "invalid_name",
            "invalid_name"
        ]
    );
    assert_eq!(rows.0.borrow().get(&("shared".into(), "k".into())).unwrap(), b"1");
}

#[test]
fn requests_that_wait_together_are_one_group_and_one_that_fails_takes_none_with_it() {
    let storage = MemoryStorage {
        broken: Some("bad"),
        ..MemoryStorage::default()
    };
    let groups = storage.groups.clone();
    let (runtime, mut tasks) = served(storage);
    let space = runtime.storage().namespace("n");
    let results = Notes::default();
    for key in ["a", "b", "bad", "c", "d"] {
        let notes = results.clone();
        tasks.spawn(async move { notes.push(code(space.set(key, json("1")).await)) });
    }
    tasks.settle();
    assert_eq!(groups.borrow().iter().sum::<usize>(), 5);
    assert!(groups.borrow().iter().any(|size| *size > 1), "{groups:?}");
    let mut results = results.take();
    results.sort();
    assert_eq!(results, ["", "", "", "", "storage_failed"]);
}

#[test]
fn without_a_storage_and_after_it_stopped_requests_are_refused_at_once() {
    let runtime = runtime(&ROOMY);
    let space = runtime.storage().namespace("n");
    assert_eq!(code(at_once(space.set("k", json("1")))), "not_found");
    let mut tasks = Tasks::default();
    serve_memory(&runtime, &mut tasks, MemoryStorage::default());
    start_all(&runtime, &mut tasks);
    let stopped = tasks.run(runtime.kernel(), runtime.plugins().stop("storage"));
    assert_eq!(stopped, Ok(PluginState::Stopped));
    assert_eq!(code(at_once(space.set("k", json("1")))), "unavailable");
    assert!(!runtime.health().storage);
}

#[test]
fn a_request_that_is_dropped_while_it_waits_is_never_carried_out() {
    let rows = Rows::default();
    let (runtime, mut tasks) = served(MemoryStorage {
        rows: rows.clone(),
        ..MemoryStorage::default()
    });
    let space = runtime.storage().namespace("n");
    {
        let mut set = Box::pin(space.set("k", json("1")));
        assert!(poll_once(set.as_mut()).is_none());
    }
    tasks.settle();
    assert!(rows.0.borrow().is_empty());
    assert_eq!(runtime.metrics().calls.used, 0);
}
