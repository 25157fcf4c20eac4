//! What every storage does: the same checks for SQLite, NATS with one server, and NATS with three.

use std::collections::BTreeMap;
use std::thread;

use host_std::{Config, Host, block_on};
use kernel_core::storage::BatchOp;
use kernel_core::{Json, json_literal};
use tests::deep::{Rng, rounds, seed};
use tests::nats::NatsServer;

use crate::support::{config, host, keys, set, value};

/// Runs all checks, each with the host opened anew.
fn check(config: &Config) {
    let open = || host(config).unwrap();
    for check in [
        values_come_back_byte_for_byte,
        set_replaces_delete_removes_and_both_say_so,
        names_of_any_kind_are_kept_apart_and_in_order,
        clearing_counts_and_spares_others,
        batches_are_all_or_nothing,
        a_value_too_large_for_its_reader_says_how_large,
        what_is_acknowledged_is_read_by_everybody,
        what_many_threads_write_is_there,
        anything_at_random_is_as_in_a_map,
    ] {
        check(&open);
    }
}

type Open<'a> = &'a dyn Fn() -> Host;

fn values_come_back_byte_for_byte(open: Open<'_>) {
    let long = format!("\"{}\"", "ü".repeat(30_000));
    let values = [
        r#"{"b" : 1.0,  "a":[1e400, -0.0, 12345678901234567890123]}"#,
        "\"Küche \u{1F321} \\u00fc \\ud83c\\udf21 \\u0000\"",
        " \n null ",
        "\"\"",
        &long,
    ];
    let first = open();
    for (n, text) in values.iter().enumerate() {
        set(&first, "näme space", &format!("k{n}"), text).unwrap();
    }
    first.shutdown();
    let second = open();
    for (n, text) in values.iter().enumerate() {
        assert_eq!(
            value(&second, "näme space", &format!("k{n}")).as_deref(),
            Some(*text)
        );
    }
}

fn set_replaces_delete_removes_and_both_say_so(open: Open<'_>) {
    let host = open();
    let storage = host.runtime().storage();
    let (a, b) = (storage.namespace("a"), storage.namespace("b"));
    assert_eq!(value(&host, "a", "k"), None);
    block_on(a.set("k", json_literal!("1"))).unwrap();
    block_on(a.set("k", json_literal!("2"))).unwrap();
    block_on(b.set("k", json_literal!("3"))).unwrap();
    assert_eq!(value(&host, "a", "k").as_deref(), Some("2"));
    assert_eq!(block_on(a.delete("k")), Ok(true));
    assert_eq!(block_on(a.delete("k")), Ok(false));
    assert_eq!(value(&host, "a", "k"), None);
    assert_eq!(value(&host, "b", "k").as_deref(), Some("3"));
    block_on(a.set("k", json_literal!("4"))).unwrap();
    host.shutdown();
    assert_eq!(value(&open(), "a", "k").as_deref(), Some("4"));
}

fn names_of_any_kind_are_kept_apart_and_in_order(open: Open<'_>) {
    let long = "ключ".repeat(31);
    let names = [
        "b",
        "a",
        "ä",
        "c",
        "B",
        "a.b",
        "a b",
        "*",
        ">",
        "a.>",
        "=41",
        "A",
        "$KV",
        "\u{1F321}",
        "/",
        "\"",
        "%",
        "..",
        &long,
    ];
    let spaces = ["zigbee", "a.b", "*", "äther", ">", "a=b", &long[..64]];
    let first = open();
    for space in spaces {
        for name in names {
            let text = format!("[\"{}\"]", name.escape_unicode().to_string().replace('\\', "/"));
            set(&first, space, name, &text).unwrap();
        }
    }
    first.shutdown();
    let second = open();
    let mut sorted = names.map(str::to_owned);
    sorted.sort();
    for space in spaces {
        assert_eq!(keys(&second, space), sorted, "{space}");
        for name in names {
            let text = format!("[\"{}\"]", name.escape_unicode().to_string().replace('\\', "/"));
            assert_eq!(value(&second, space, name), Some(text), "{space} {name}");
        }
    }
    let storage = second.runtime().storage();
    let mut buf = vec![0; 2048];
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let page = block_on(storage.namespaces(&after, 2, &mut buf)).unwrap();
        let more = page.more();
        let names: Vec<String> = page.map(str::to_owned).collect();
        assert!(names.len() <= 2);
        found.extend(names);
        after = found.last().unwrap().clone();
        if !more {
            break;
        }
    }
    let mut expected: Vec<String> = spaces.map(str::to_owned).into();
    expected.extend(["a", "b", "näme space"].map(str::to_owned));
    expected.sort();
    assert_eq!(found, expected);
    let space = storage.namespace("zigbee");
    let page = block_on(space.list_keys("bb", 1, &mut buf)).unwrap();
    assert!(page.more());
    assert_eq!(page.collect::<Vec<_>>(), ["c"]);
    let page = block_on(space.list_keys("", 0, &mut buf)).unwrap();
    assert_eq!(page.count(), 0);
    for space in spaces {
        assert_eq!(
            block_on(storage.namespace(space).clear_namespace()),
            Ok(names.len() as u32)
        );
    }
}

fn clearing_counts_and_spares_others(open: Open<'_>) {
    let host = open();
    let storage = host.runtime().storage();
    for key in ["a", "b", "c"] {
        set(&host, "n", key, "0").unwrap();
        set(&host, "nn", key, "0").unwrap();
    }
    assert_eq!(block_on(storage.namespace("n").clear_namespace()), Ok(3));
    assert_eq!(block_on(storage.namespace("n").clear_namespace()), Ok(0));
    assert!(keys(&host, "n").is_empty());
    set(&host, "n", "b", "1").unwrap();
    host.shutdown();
    let host = open();
    assert_eq!(keys(&host, "n"), ["b"]);
    assert_eq!(keys(&host, "nn"), ["a", "b", "c"]);
}

fn batches_are_all_or_nothing(open: Open<'_>) {
    let host = open();
    let storage = host.runtime().storage();
    let space = storage.namespace("batch");
    let (one, two) = (json_literal!("1"), json_literal!("2"));
    let long = format!("\"{}\"", "x".repeat(3000));
    let long = Json::parse(&long).unwrap();
    let ops = [
        BatchOp::Set("a", one),
        BatchOp::Set("b", long),
        BatchOp::Set("a", two),
        BatchOp::Set("gone", one),
        BatchOp::Delete("gone"),
        BatchOp::Delete("never"),
    ];
    block_on(space.transaction(&ops)).unwrap();
    assert_eq!(keys(&host, "batch"), ["a", "b"]);
    let sixteen: Vec<String> = (0..16).map(|n| format!("k{n:02}")).collect();
    let values: Vec<(&str, Json<'_>)> = sixteen.iter().map(|key| (&**key, long)).collect();
    block_on(space.batch_set(&values)).unwrap();
    block_on(space.transaction(&[])).unwrap();
    // One that cannot be passed on leaves nothing.
    let big = format!("\"{}\"", "x".repeat(60_000));
    let ops = [
        BatchOp::Delete("a"),
        BatchOp::Set("c", one),
        BatchOp::Set("d", Json::parse(&big).unwrap()),
    ];
    block_on(space.transaction(&[ops[0], ops[1], ops[2], ops[2]])).unwrap_err();
    host.shutdown();
    let host = open();
    assert_eq!(value(&host, "batch", "a").as_deref(), Some("2"));
    assert_eq!(value(&host, "batch", "k15").as_deref(), Some(long.as_str()));
    assert_eq!(keys(&host, "batch").len(), 18);
}

fn a_value_too_large_for_its_reader_says_how_large(open: Open<'_>) {
    let host = open();
    let storage = host.runtime().storage();
    let space = storage.namespace("large");
    set(&host, "large", "k", &format!("\"{}\"", "y".repeat(998))).unwrap();
    let refused = block_on(space.get("k", &mut [0; 10])).unwrap_err();
    assert_eq!(refused.code(), "reply_too_large");
    assert!(refused.message().contains("1000 bytes"), "{refused}");
}

fn what_is_acknowledged_is_read_by_everybody(open: Open<'_>) {
    let host = open();
    let runtime = host.runtime();
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            thread::spawn(move || {
                let storage = runtime.storage();
                let space = storage.namespace("all");
                let (key, mut buf, mut page) = (format!("t{thread}"), [0; 64], [0; 512]);
                for n in 0..40 {
                    let text = n.to_string();
                    block_on(space.set(&key, Json::parse(&text).unwrap())).unwrap();
                    let found = block_on(space.get(&key, &mut buf)).unwrap().unwrap();
                    assert_eq!(found.as_str(), text);
                    let mut listed = block_on(space.list_keys("", 100, &mut page)).unwrap();
                    assert!(listed.any(|listed| listed == key));
                    if n % 10 == 9 {
                        assert_eq!(block_on(space.delete(&key)), Ok(true));
                        assert_eq!(block_on(space.get(&key, &mut buf)), Ok(None));
                    }
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

fn what_many_threads_write_is_there(open: Open<'_>) {
    let (writers, each) = (32, 25);
    let first = open();
    let storage = first.runtime().storage();
    let threads: Vec<_> = (0..writers)
        .map(|writer| {
            thread::spawn(move || {
                for n in 0..each {
                    let text = format!("{{\"writer\":{writer},\"n\":{n}}}");
                    let key = format!("{writer:02}.{n:03}");
                    block_on(storage.namespace("many").set(&key, Json::parse(&text).unwrap())).unwrap();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    first.shutdown();
    let second = open();
    let found = keys(&second, "many");
    assert_eq!(found.len(), writers * each);
    assert!(found.is_sorted());
    assert_eq!(
        value(&second, "many", "31.024").as_deref(),
        Some("{\"writer\":31,\"n\":24}")
    );
}

fn anything_at_random_is_as_in_a_map(open: Open<'_>) {
    let seed = seed();
    println!("CORE_RUNTIME_SEED={seed}");
    let mut rng = Rng::new(seed);
    let names = ["a", "b.c", "ü", "*", "d", "e", "=", "f"];
    let mut model: BTreeMap<String, String> = BTreeMap::new();
    for _ in 0..3 {
        let host = open();
        let storage = host.runtime().storage();
        let space = storage.namespace("random");
        for n in 0..rounds(120, 2000) {
            let key = *rng.pick(&names);
            let text = format!("[{n},\"{}\"]", "z".repeat(rng.below(200) as usize));
            match rng.below(20) {
                0..8 => {
                    set(&host, "random", key, &text).unwrap();
                    model.insert(key.to_owned(), text);
                }
                8..13 => {
                    let was = model.remove(key).is_some();
                    assert_eq!(block_on(space.delete(key)), Ok(was), "seed {seed}");
                }
                13..17 => {
                    let picked: Vec<(&str, bool)> = (0..rng.below(10))
                        .map(|_| (*rng.pick(&names), rng.one_in(3)))
                        .collect();
                    let json = Json::parse(&text).unwrap();
                    let ops: Vec<BatchOp<'_>> = picked
                        .iter()
                        .map(|(key, gone)| match gone {
                            true => BatchOp::Delete(key),
                            false => BatchOp::Set(key, json),
                        })
                        .collect();
                    block_on(space.transaction(&ops)).unwrap();
                    for (key, gone) in picked {
                        match gone {
                            true => drop(model.remove(key)),
                            false => drop(model.insert(key.to_owned(), text.clone())),
                        }
                    }
                }
                17 => {
                    let count = model.len() as u32;
                    assert_eq!(block_on(space.clear_namespace()), Ok(count), "seed {seed}");
                    model.clear();
                }
                _ => assert_eq!(
                    value(&host, "random", key),
                    model.get(key).cloned(),
                    "seed {seed}"
                ),
            }
        }
        host.shutdown();
        let host = open();
        assert_eq!(
            keys(&host, "random"),
            model.keys().cloned().collect::<Vec<_>>(),
            "seed {seed}"
        );
        for (key, text) in &model {
            assert_eq!(value(&host, "random", key).as_ref(), Some(text), "seed {seed}");
        }
    }
}

#[test]
fn sqlite_does_what_a_storage_does() {
    let folder = tempfile::tempdir().unwrap();
    check(&config(folder.path(), None));
}

#[test]
fn one_nats_server_does_what_a_storage_does() {
    let folder = tempfile::tempdir().unwrap();
    let server = NatsServer::alone("").unwrap();
    check(&config(folder.path(), Some(&format!("{}/home", server.url()))));
}

#[test]
fn three_nats_servers_do_what_a_storage_does() {
    let folder = tempfile::tempdir().unwrap();
    let servers = NatsServer::three().unwrap();
    check(&config(
        folder.path(),
        Some(&format!("{}/home?timeout=30", servers[1].url())),
    ));
}
