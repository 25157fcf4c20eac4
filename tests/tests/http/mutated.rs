//! Requests of every kind, changed at random, at the real port: each is answered as HTTP or hung up on, and the runtime goes on.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use tests::deep::{Rng, rounds, seed};
use tests::fuzz::mutate::mutated;

use crate::home::{Home, bearer};

/// Requests as they should be.
fn corpus(key: &str) -> Vec<Vec<u8>> {
    let key = bearer(key);
    [
        "POST /api/call/example.hello?timeout_ms=1000 HTTP/1.1\r\nhost: a\r\nKEY\r\ncontent-length: 5\r\n\r\n\"Ann\"",
        "POST /api/call/example.hello HTTP/1.1\r\nhost: a\r\nKEY\r\ntransfer-encoding: chunked\r\n\r\n5\r\n\"Ann\"\r\n0\r\n\r\n",
        "GET /api/events?filter=test.%3E&since=1 HTTP/1.1\r\nhost: a\r\nKEY\r\nlast-event-id: 0a0b0c0d.7\r\n\r\n",
        "PUT /api/state/test.a?ttl_ms=5 HTTP/1.1\r\nhost: a\r\nKEY\r\nif-match: \"7\"\r\ncontent-length: 1\r\n\r\n1",
        "GET /api/state?prefix=a&limit=3&after=1 HTTP/1.1\r\nhost: a\r\nKEY\r\n\r\nGET /healthz HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET /api/storage/notes/a%2Fb HTTP/1.1\r\nhost: a\r\nKEY\r\norigin: https://a\r\n\r\n",
        "GET /api/ws HTTP/1.1\r\nhost: a\r\nKEY\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: eA==\r\n\r\n\x01\x05{\"id\"",
        "POST /mcp HTTP/1.1\r\nhost: a\r\nKEY\r\naccept: application/json, text/event-stream\r\ncontent-type: application/json\r\n\
         content-length: 46\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}\n",
    ]
    .map(|text| text.replace("KEY", &key).into_bytes())
    .into()
}

async fn connect(from: SocketAddr, to: SocketAddr) -> TcpStream {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(from).unwrap();
    let stream = socket.connect(to).await.unwrap().into_std().unwrap();
    stream.set_nonblocking(false).unwrap();
    stream
}

#[test]
fn whatever_comes_is_answered_or_hung_up_on() {
    let home = Home::with(
        "address_per_second = 1000000\nkey_per_second = 1000000\nheader_timeout_s = 2\nbody_timeout_s = 2\nconnections_per_address = 512\n",
    );
    let corpus = corpus(&home.admin);
    let (first, count) = (seed(), rounds(1_500, 100_000));
    let reactor = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .unwrap();
    let mut answered = 0;
    for seed in first..first + count {
        let bytes = mutated(&corpus, &mut Rng::new(seed));
        // From a few addresses: one that shows too many wrong keys is not heard for a while.
        let from = [127, 1, (seed / 1000 % 250) as u8, 2 + (seed / 5 % 200) as u8];
        let mut stream = reactor.block_on(connect((from, 0).into(), home.address));
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        // It may have been hung up on already.
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(Shutdown::Write);
        let mut answer = [0; 4096];
        if let Ok(len @ 1..) = stream.read(&mut answer) {
            let text = String::from_utf8_lossy(&answer[..len]);
            let shown = String::from_utf8_lossy(&bytes);
            assert!(
                text.starts_with("HTTP/1."),
                "CORE_RUNTIME_SEED={seed}: {shown:?}: {text}"
            );
            assert!(
                !text.starts_with("HTTP/1.1 500"),
                "CORE_RUNTIME_SEED={seed}: {shown:?}: {text}"
            );
            answered += 1;
        }
    }
    println!("{count} requests, {answered} answered, from the seed {first} on");
    assert!(answered > count / 10);
    assert_eq!(
        home.ask(&home.admin, "POST", "/api/call/example.hello", "\"Ann\"")
            .status,
        200
    );
    let plugins = home.owner("plugins --json");
    for plugin in plugins.as_array().unwrap() {
        assert_eq!(
            (&plugin["state"], &plugin["counters"]["failures"]),
            (&"STARTED".into(), &0.into()),
            "{plugin}"
        );
    }
}
