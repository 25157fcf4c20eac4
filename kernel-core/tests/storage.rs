//! The storage as plugins and the operator use it: who may, pages, batches, closing.
mod support;

use std::time::Duration;

use kernel_core::storage::{BatchOp, MAX_BATCH, MemoryStorage, StorageApi, StorageError, serve};
use kernel_core::*;
use support::{ByHand, ROOMY, Tasks, json, now, poll_once, runtime};

type Memory = MemoryStorage<32, 64, 128>;

/// A runtime whose storage is served, and plugins by these names.
fn served(names: &[&'static str]) -> (CoreRuntime, Tasks, Vec<ByHand>) {
    let runtime = runtime(&ROOMY);
    let kernel = runtime.kernel();
    let mut tasks = Tasks::default();
    tasks.spawn(async move {
        serve(kernel, &mut Memory::new(), &mut [0; 1024]).await;
    });
    tasks.settle();
    let plugins = names
        .iter()
        .map(|name| {
            ByHand::started(
                &runtime,
                PluginMetadata {
                    reads: &["owner"],
                    ..PluginMetadata::new(name, "1.0.0")
                },
            )
        })
        .collect();
    (runtime, tasks, plugins)
}

async fn get(space: storage::Namespace<'_>, key: &str) -> Result<Option<String>, StorageError> {
    let mut buf = [0; 256];
    Ok(space
        .get(key, &mut buf)
        .await?
        .map(|value| value.as_str().to_owned()))
}

async fn keys(
    space: storage::Namespace<'_>,
    limit: u16,
    room: usize,
) -> Result<Vec<Vec<String>>, StorageError> {
    let (mut pages, mut after) = (Vec::new(), String::new());
    loop {
        let mut buf = vec![0; room];
        let page = space.list_keys(&after, limit, &mut buf).await?;
        let names: Vec<_> = page.map(str::to_owned).collect();
        after = names.last().cloned().unwrap_or_default();
        pages.push(names);
        if !page.more() {
            return Ok(pages);
        }
    }
}

async fn namespaces(storage: StorageApi) -> Result<Vec<String>, StorageError> {
    let mut buf = [0; 256];
    Ok(storage
        .namespaces("", 10, &mut buf)
        .await?
        .map(str::to_owned)
        .collect())
}

#[test]
fn values_are_set_read_deleted_and_cleared() {
    let (runtime, mut tasks, _) = served(&[]);
    let space = runtime.storage().namespace("n");
    tasks.run(runtime.kernel(), async {
        assert_eq!(get(space, "k").await, Ok(None));
        space.set("k", json("{\"a\":1}")).await.unwrap();
        assert_eq!(get(space, "k").await, Ok(Some("{\"a\":1}".into())));
        space.set("k", json("2")).await.unwrap();
        space.set("l", json("3")).await.unwrap();
        assert_eq!(get(space, "k").await, Ok(Some("2".into())));
        assert_eq!(space.delete("k").await, Ok(true));
        assert_eq!(space.delete("k").await, Ok(false));
        space
            .batch_set(&[("m", json("4")), ("n", json("5"))])
            .await
            .unwrap();
        assert_eq!(space.clear_namespace().await, Ok(3));
        assert_eq!(space.clear_namespace().await, Ok(0));
        let mut small = [0; 2];
        space.set("k", json("12345")).await.unwrap();
        let refused = space.get("k", &mut small).await.map(|_| ());
        assert_eq!(refused, Err(StorageError::Buffer { len: 5, max: 2 }));
    });
    assert_eq!(runtime.metrics().calls.used, 0);
}

#[test]
fn a_plugin_uses_its_own_namespace_and_reads_what_it_was_granted() {
    let (runtime, mut tasks, plugins) = served(&["owner", "other"]);
    let (owner, other) = (plugins[0].cx(), plugins[1].cx());
    tasks.run(runtime.kernel(), async {
        owner.storage("owner").set("k", json("1")).await.unwrap();
        other.storage("other").set("k", json("2")).await.unwrap();
        // `other` may read `owner`, and nothing else of it.
        let granted = other.storage("owner");
        assert_eq!(get(granted, "k").await, Ok(Some("1".into())));
        assert_eq!(keys(granted, 9, 64).await.unwrap(), [["k"]]);
        let denied = Err(StorageError::Denied);
        assert_eq!(granted.set("k", json("9")).await, denied.clone());
        assert_eq!(granted.delete("k").await.map(drop), denied.clone());
        assert_eq!(granted.clear_namespace().await.map(drop), denied.clone());
        assert_eq!(granted.transaction(&[BatchOp::Delete("k")]).await, denied.clone());
        // `owner` was granted nothing of `other`.
        assert_eq!(get(owner.storage("other"), "k").await.map(drop), denied.clone());
        assert_eq!(
            keys(owner.storage("other"), 9, 64).await.map(drop),
            denied.clone()
        );
        // The operator may everything, also in namespaces of nobody.
        let all = runtime.storage();
        all.namespace("owner").set("k", json("3")).await.unwrap();
        all.namespace("nobody").set("k", json("4")).await.unwrap();
        assert_eq!(namespaces(all).await.unwrap(), ["nobody", "other", "owner"]);
        assert_eq!(get(owner.storage("owner"), "k").await, Ok(Some("3".into())));
    });
}

#[test]
fn names_that_are_malformed_are_refused() {
    let (runtime, mut tasks, _) = served(&[]);
    let all = runtime.storage();
    let (long, longest) = ("k".repeat(256), "k".repeat(255));
    tasks.run(runtime.kernel(), async {
        for key in ["", "a\nb", "\u{7f}", &long] {
            assert_eq!(
                all.namespace("n").set(key, json("1")).await,
                Err(StorageError::Name)
            );
            let batch = all.namespace("n").transaction(&[BatchOp::Delete(key)]).await;
            assert_eq!(batch, Err(StorageError::Name));
        }
        assert!(matches!(
            all.namespace("n").set(&longest, json("1")).await,
            Err(StorageError::Full(_))
        ));
        for space in ["", "a\tb", &"n".repeat(65)] {
            assert_eq!(
                all.namespace(space).set("k", json("1")).await,
                Err(StorageError::Name)
            );
        }
        all.namespace(&"n".repeat(64)).set("k", json("1")).await.unwrap();
    });
}

#[test]
fn all_keys_come_in_order_whatever_the_page() {
    let (runtime, mut tasks, _) = served(&[]);
    let space = runtime.storage().namespace("n");
    let mut all: Vec<String> = (0..20).map(|n| format!("key{:03}", n * 7 % 20)).collect();
    tasks.run(runtime.kernel(), async {
        for key in &all {
            space.set(key, json("1")).await.unwrap();
        }
        all.sort();
        for (limit, room) in [(100, 400), (3, 400), (100, 24), (1, 10), (100, 8)] {
            let pages = keys(space, limit, room).await.unwrap();
            assert_eq!(pages.concat(), all, "limit {limit}, room {room}");
            assert!(pages.iter().all(|page| page.len() <= limit as usize));
        }
        assert_eq!(keys(space, 3, 400).await.unwrap().len(), 7);
        // 7 bytes a name and one for the page.
        assert_eq!(keys(space, 100, 22).await.unwrap()[0].len(), 3);
    });
}

#[test]
fn a_page_with_no_room_for_one_name_is_an_error_and_not_an_end() {
    let (runtime, mut tasks, _) = served(&[]);
    let space = runtime.storage().namespace("n");
    tasks.run(runtime.kernel(), async {
        space.set("key", json("1")).await.unwrap();
        for room in [0, 1, 4] {
            assert!(
                matches!(keys(space, 9, room).await, Err(StorageError::Failed(_))),
                "{room}"
            );
        }
        assert_eq!(keys(space, 9, 5).await.unwrap(), [["key"]]);
    });
}

#[test]
fn a_batch_for_which_there_is_no_room_changes_nothing_however_it_is_put() {
    let runtime = runtime(&ROOMY);
    let kernel = runtime.kernel();
    let mut tasks = Tasks::default();
    tasks.spawn(async move {
        serve(kernel, &mut MemoryStorage::<2, 8, 8>::new(), &mut [0; 1024]).await;
    });
    tasks.settle();
    let space = runtime.storage().namespace("n");
    tasks.run(kernel, async {
        space
            .batch_set(&[("a", json("1")), ("b", json("2"))])
            .await
            .unwrap();
        // A key that is deleted twice frees one row, not two.
        let delete = BatchOp::Delete("a");
        let set = |key| BatchOp::Set(key, json("9"));
        let refused = space.transaction(&[delete, delete, set("x"), set("y")]).await;
        assert_eq!(refused.unwrap_err().code(), "storage_full");
        assert_eq!(get(space, "a").await, Ok(Some("1".to_owned())));
        assert_eq!(get(space, "x").await, Ok(None));
        space
            .transaction(&[delete, set("x"), BatchOp::Delete("x"), set("y")])
            .await
            .unwrap();
        assert_eq!(get(space, "y").await, Ok(Some("9".to_owned())));
    });
}

#[test]
fn a_batch_is_stored_whole_or_not_at_all() {
    let (runtime, mut tasks, _) = served(&[]);
    let space = runtime.storage().namespace("n");
    let large = format!("\"{}\"", "x".repeat(200));
    tasks.run(runtime.kernel(), async {
        space.set("a", json("1")).await.unwrap();
        let refused = [
            BatchOp::Set("a", json("2")),
            BatchOp::Set("b", json("2")),
            BatchOp::Set("c", json(&large)),
        ];
        assert!(matches!(
            space.transaction(&refused).await,
            Err(StorageError::Full(_))
        ));
        assert_eq!(get(space, "a").await, Ok(Some("1".into())));
        assert_eq!(get(space, "b").await, Ok(None));
        let done = [
            BatchOp::Delete("a"),
            BatchOp::Set("b", json("2")),
            BatchOp::Delete("nothing"),
            BatchOp::Set("b", json("3")),
        ];
        space.transaction(&done).await.unwrap();
        assert_eq!(get(space, "a").await, Ok(None));
        assert_eq!(get(space, "b").await, Ok(Some("3".into())));
        let many = [BatchOp::Delete("x"); MAX_BATCH + 1];
        let too_many = StorageError::TooLarge { len: 17, max: 16 };
        assert_eq!(space.transaction(&many).await, Err(too_many.clone()));
        assert_eq!(space.batch_set(&[("x", json("1")); 17]).await, Err(too_many));
        space.transaction(&many[1..]).await.unwrap();
    });
}

#[test]
fn a_request_larger_than_a_call_is_refused_and_harms_nobody() {
    let (runtime, mut tasks, _) = served(&[]);
    let space = runtime.storage().namespace("n");
    let large = format!("\"{}\"", "x".repeat(600));
    tasks.run(runtime.kernel(), async {
        let refused = space.set("k", json(&large)).await;
        assert_eq!(refused, Err(StorageError::TooLarge { len: 604, max: 512 }));
        space.set("k", json("1")).await.unwrap();
    });
}

#[test]
fn a_request_larger_than_the_servers_buffer_is_refused_and_the_storage_goes_on() {
    let runtime = runtime(&ROOMY);
    let kernel = runtime.kernel();
    let mut tasks = Tasks::default();
    tasks.spawn(async move { serve(kernel, &mut Memory::new(), &mut [0; 80]).await });
    tasks.settle();
    let space = runtime.storage().namespace("n");
    let large = format!("\"{}\"", "x".repeat(60));
    tasks.run(kernel, async {
        assert!(matches!(
            space.set("k", json(&large)).await,
            Err(StorageError::Failed(_))
        ));
        space.set("k", json("1")).await.unwrap();
        assert_eq!(get(space, "k").await, Ok(Some("1".into())));
    });
    assert!(runtime.health().storage);
}

#[test]
fn where_no_storage_is_served_requests_are_unavailable_at_once() {
    let runtime = runtime(&ROOMY);
    let space = runtime.storage().namespace("n");
    let refused = poll_once(space.set("k", json("1")));
    assert_eq!(refused, Some(Err(StorageError::Unavailable)));
    assert!(!runtime.health().storage);
}

#[test]
fn a_request_that_is_dropped_while_it_waits_is_never_carried_out() {
    let runtime = runtime(&ROOMY);
    let kernel = runtime.kernel();
    let mut tasks = Tasks::default();
    // The storage is open, and its task is not polled while the requests come in.
    tasks.spawn(async move {
        serve(kernel, &mut Memory::new(), &mut [0; 1024]).await;
    });
    tasks.settle();
    let space = runtime.storage().namespace("n");
    let mut kept = Box::pin(space.set("kept", json("1")));
    let mut dropped = Box::pin(space.set("dropped", json("1")));
    assert!(poll_once(dropped.as_mut()).is_none());
    assert!(poll_once(kept.as_mut()).is_none());
    drop(dropped);
    tasks.run(kernel, async {
        kept.await.unwrap();
        assert_eq!(keys(space, 9, 64).await.unwrap(), [["kept"]]);
    });
}

/// Stores something when it is started.
struct Early;

impl Plugin for Early {
    const METADATA: PluginMetadata = PluginMetadata::new("early", "1.0.0");

    async fn on_start(&mut self, cx: &Context) -> Result<(), Error> {
        Ok(cx.storage("early").set("k", json("1")).await?)
    }
}

fn early() -> (CoreRuntime, Tasks) {
    let runtime = runtime(&ROOMY);
    let installed = runtime.plugins().install(&Early::METADATA).unwrap();
    let mut tasks = Tasks::default();
    tasks.spawn(async move {
        drive(&mut Early, installed, &mut [0; 256]).await;
    });
    (runtime, tasks)
}

#[test]
fn a_storage_may_be_served_after_the_plugins_begin_to_start() {
    let (runtime, mut tasks) = early();
    let kernel = runtime.kernel();
    let mut start = Box::pin(runtime.start());
    assert!(poll_once(start.as_mut()).is_none());
    tasks.settle();
    assert!(!runtime.health().storage);
    tasks.spawn(async move { serve(kernel, &mut Memory::new(), &mut [0; 1024]).await });
    assert!(tasks.run(kernel, start).is_empty());
    let value = tasks.run(kernel, get(runtime.storage().namespace("early"), "k"));
    assert_eq!(value, Ok(Some("1".into())));
}

#[test]
fn a_plugin_waits_a_second_at_most_for_a_storage_that_never_comes() {
    let (runtime, mut tasks) = early();
    let before = now();
    let failed = tasks.run(runtime.kernel(), runtime.start());
    assert_eq!(failed.len(), 1);
    assert_eq!(support::last_error(&runtime, "early").0, "timeout");
    assert!(now() - before <= 1_500_000);
    // From then on there is nothing to wait for.
    let refused = poll_once(runtime.storage().namespace("n").set("k", json("1")));
    assert_eq!(refused, Some(Err(StorageError::Unavailable)));
}

#[test]
fn closing_answers_what_waits_and_refuses_what_comes() {
    let (runtime, mut tasks, plugins) = served(&["p"]);
    drop(plugins);
    let space = runtime.storage().namespace("n");
    let mut waiting = Box::pin(space.set("k", json("1")));
    assert!(poll_once(waiting.as_mut()).is_none());
    let mut down = Box::pin(runtime.shutdown(Duration::from_secs(1)));
    // Nobody drives the plugin, so that it is late; the storage is closed all the same.
    let outcome = tasks.run(runtime.kernel(), down.as_mut());
    assert!(outcome.storage_closed);
    assert_eq!(outcome.late.len(), 1);
    assert_eq!(poll_once(waiting), Some(Ok(())), "what came before is done");
    assert_eq!(
        poll_once(space.set("k", json("2"))),
        Some(Err(StorageError::Unavailable))
    );
}

#[test]
fn a_storage_that_closes_takes_no_new_requests_meanwhile() {
    let runtime = runtime(&ROOMY);
    let kernel = runtime.kernel();
    let mut tasks = Tasks::default();
    tasks.spawn(async move { serve(kernel, &mut Memory::new(), &mut [0; 1024]).await });
    tasks.settle();
    let space = runtime.storage().namespace("n");
    let mut down = Box::pin(runtime.shutdown(Duration::from_secs(1)));
    assert!(poll_once(down.as_mut()).is_none());
    assert_eq!(
        poll_once(space.set("k", json("2"))),
        Some(Err(StorageError::Unavailable))
    );
    assert!(tasks.run(kernel, down).storage_closed);
}

#[test]
fn a_storage_that_hangs_is_a_timeout_and_a_shutdown_that_says_so() {
    let runtime = runtime(&ROOMY);
    let kernel = runtime.kernel();
    let mut tasks = Tasks::default();
    let mut serving = Box::pin(async move {
        serve(kernel, &mut Memory::new(), &mut [0; 1024]).await;
    });
    // Polled once, and never again.
    assert!(poll_once(serving.as_mut()).is_none());
    let space = runtime.storage().namespace("n");
    let begun = now();
    let outcome = tasks.run(kernel, space.set("k", json("1")));
    assert_eq!(outcome, Err(StorageError::Timeout));
    assert_eq!(now() - begun, 30_000_000);
    let down = tasks.run(kernel, runtime.shutdown(Duration::from_secs(3)));
    assert!(!down.storage_closed && down.late.is_empty());
    assert_eq!(now() - begun, 33_000_000);
}
