//! A bucket has one writer, and what was begun by one is ended by the next.

use host_std::{Host, block_on};
use kernel_core::{Json, Name};
use tests::nats::NatsServer;

use crate::support::{config, host, keys, set, value};

#[test]
fn who_opens_a_bucket_takes_it_and_who_had_it_writes_nothing_more() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = NatsServer::alone("").unwrap();
    let url = format!("{}/home", server.url());
    let first = host(&config(one.path(), Some(&url))).unwrap();
    set(&first, "n", "k", "1").unwrap();
    let second = host(&config(two.path(), Some(&url))).unwrap();
    assert_eq!(value(&second, "n", "k").as_deref(), Some("1"));
    set(&second, "n", "k", "2").unwrap();
    for key in ["k", "new"] {
        let fenced = set(&first, "n", key, "3").unwrap_err();
        assert_eq!(fenced.code(), "storage_fenced");
        assert!(
            fenced
                .message()
                .contains(&format!("process {}", std::process::id())),
            "{fenced}"
        );
    }
    let storage = first.runtime().storage();
    let space = storage.namespace("n");
    assert_eq!(block_on(space.delete("k")).unwrap_err().code(), "storage_fenced");
    assert_eq!(
        block_on(space.clear_namespace()).unwrap_err().code(),
        "storage_fenced"
    );
    assert_eq!(value(&second, "n", "k").as_deref(), Some("2"));
    assert_eq!(keys(&second, "n"), ["k"]);
    set(&second, "n", "k", "4").unwrap();
}

/// Has the runtime hold the lease of the singleton `counter` by this token, as a cluster says it.
fn lease(host: &Host, token: u64) {
    let text = format!("{{\"token\":{token},\"holder\":\"x\"}}");
    let state = host.runtime().state();
    let set = state.set(Name::Copied("cluster.lease.counter"), Json::parse(&text).unwrap());
    block_on(set).unwrap();
}

#[test]
fn the_namespace_of_a_singleton_belongs_to_the_latest_lease() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = NatsServer::alone("").unwrap();
    let url = |bucket: &str| format!("{}/{bucket}?shared=counter&shared_bucket=house", server.url());
    let first = host(&config(one.path(), Some(&url("first")))).unwrap();
    let second = host(&config(two.path(), Some(&url("second")))).unwrap();
    let refused = set(&first, "counter", "n", "0").unwrap_err();
    assert_eq!(refused.code(), "no_lease");
    set(&first, "own", "n", "0").unwrap();

    lease(&first, 5);
    set(&first, "counter", "n", "1").unwrap();
    lease(&second, 9);
    assert_eq!(value(&second, "counter", "n").as_deref(), Some("1"));
    set(&second, "counter", "n", "2").unwrap();
    // It was held up, and does not know that its lease is over.
    let fenced = set(&first, "counter", "n", "3").unwrap_err();
    assert_eq!(fenced.code(), "storage_fenced", "{fenced}");
    set(&first, "own", "n", "1").unwrap();
    let first_again = {
        first.shutdown();
        host(&config(one.path(), Some(&url("first")))).unwrap()
    };
    lease(&first_again, 5);
    assert_eq!(
        set(&first_again, "counter", "n", "4").unwrap_err().code(),
        "storage_fenced"
    );
    assert_eq!(value(&second, "counter", "n").as_deref(), Some("2"));
    // It gets the lease again, later.
    lease(&first_again, 12);
    assert_eq!(value(&first_again, "counter", "n").as_deref(), Some("2"));
    set(&first_again, "counter", "n", "5").unwrap();
    assert_eq!(
        set(&second, "counter", "n", "6").unwrap_err().code(),
        "storage_fenced"
    );
    assert_eq!(keys(&second, "own"), [""; 0]);
    let storage = first_again.runtime().storage();
    let mut buf = [0; 128];
    let names = block_on(storage.namespaces("", 10, &mut buf)).unwrap();
    assert_eq!(names.collect::<Vec<_>>(), ["counter", "own"]);
}

#[test]
fn a_batch_that_was_begun_is_carried_to_its_end_by_whoever_opens_the_bucket() {
    let folder = tempfile::tempdir().unwrap();
    let server = NatsServer::alone("").unwrap();
    let config = config(folder.path(), Some(&format!("{}/home", server.url())));
    let first = host(&config).unwrap();
    for key in ["a", "b", "c"] {
        set(&first, "n", key, "1").unwrap();
        set(&first, "cleared", key, "1").unwrap();
    }
    first.shutdown();
    // As a runtime leaves it that is killed after the first message.
    let op = |kind: u8, key: &str, value: &str| {
        let mut bytes = vec![kind, key.len() as u8];
        bytes.extend((value.len() as u32).to_le_bytes());
        [&bytes, key.as_bytes(), value.as_bytes()].concat()
    };
    let batch = [
        &b"B\x01n"[..],
        &op(1, "a", "2"),
        &op(2, "b", ""),
        &op(1, "d", "[4]"),
    ]
    .concat();
    for (left, expected) in [
        (batch, ["a", "c", "d"].as_slice()),
        (b"C\x07cleared".to_vec(), &["a", "c", "d"]),
    ] {
        let reactor = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        reactor.block_on(async {
            let client = async_nats::connect(server.url()).await.unwrap();
            let context = async_nats::jetstream::new(client);
            let store = context.get_key_value("home").await.unwrap();
            store.put("batch", left.into()).await.unwrap();
        });
        let next = host(&config).unwrap();
        assert_eq!(keys(&next, "n"), expected);
        assert_eq!(value(&next, "n", "a").as_deref(), Some("2"));
        assert_eq!(value(&next, "n", "d").as_deref(), Some("[4]"));
    }
    let next = host(&config).unwrap();
    assert!(keys(&next, "cleared").is_empty());
}
