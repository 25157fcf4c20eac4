//! What a serial line may carry beside messages never stops a node.

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;

use embedded_io_async::{ErrorType, Read, Write};
use kernel_link::{Client, Framing, Raw, Request, ToRuntime, VERSIONS};
use tests::mcu::is_skipped;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::line::{LIMIT, Node, block_on};

/// Rounds; after each of them the line is dropped, and a session must work.
const ROUNDS: u32 = 80;
/// Pieces of garbage in a round.
const PIECES: u32 = 60;
/// What the node takes at once is less than this.
const OVERSIZED: usize = 1500;

#[test]
#[ignore = "needs QEMU: tests/run.sh mcu"]
fn garbage_never_stops_a_node() {
    if is_skipped("garbage") {
        return;
    }
    block_on(async {
        let mut node = Node::start();
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let good = frames();
        let mut tried = [0u32; 5];
        for round in 0..ROUNDS {
            let mut garbage = Vec::new();
            for _ in 0..PIECES {
                let kind = random.below(4);
                tried[kind] += 1;
                garbage.extend(piece(&mut random, &good, kind));
            }
            // Dropped in mid-frame.
            let frame = &good[random.below(good.len())];
            garbage.extend(&frame[..1 + random.below(frame.len() - 1)]);
            tried[4] += 1;
            write_and_drop(&node, garbage).await;
            node.assert_alive();
            node.session(round).await.ping().await;
        }
        let plugins = node.session(ROUNDS).await.plugins().await;
        assert!(
            plugins.iter().all(|plugin| plugin.ends_with("Started")),
            "{plugins:?}"
        );
        node.assert_alive();
        let [noise, cut, damaged, oversized, dropped] = tried;
        println!(
            "{} tries: {noise} of random bytes, {cut} cut frames, {damaged} damaged, {oversized} oversized, \
             {dropped} lines dropped in mid-frame",
            tried.iter().sum::<u32>()
        );
    });
}

/// Writes all of it, while what the node says is read and thrown away, and drops the line.
async fn write_and_drop(node: &Node, garbage: Vec<u8>) {
    let (mut read, mut write) = node.connect().await.into_split();
    let writing = async {
        write.write_all(&garbage).await.expect("the node takes it");
        write.flush().await.expect("the node takes it");
    };
    let reading = async {
        let mut buf = [0; 4096];
        while read.read(&mut buf).await.is_ok_and(|count| count > 0) {}
    };
    let taken = async {
        tokio::select! {
            () = writing => {}
            () = reading => panic!("the node closed the line"),
        }
    };
    tokio::time::timeout(LIMIT, taken).await.expect("in time");
}

fn piece(random: &mut Random, good: &[Vec<u8>], kind: usize) -> Vec<u8> {
    let frame = &good[random.below(good.len())];
    match kind {
        0 => {
            let len = 1 + random.below(300);
            (0..len).map(|_| random.below(256) as u8).collect()
        }
        1 => {
            let mut cut = frame[..random.below(frame.len() - 1)].to_vec();
            cut.push(0);
            cut
        }
        2 => {
            let mut damaged = frame.clone();
            let at = random.below(damaged.len() - 1);
            damaged[at] ^= 1 << random.below(8);
            damaged
        }
        _ => {
            let mut oversized: Vec<u8> = (0..OVERSIZED).map(|_| 1 + random.below(255) as u8).collect();
            oversized.push(0);
            oversized
        }
    }
}

/// Frames that a client sends.
fn frames() -> Vec<Vec<u8>> {
    let call = Request::Call {
        service: "example.hello",
        args: Raw(b"\"somebody\""),
        timeout_ms: 100,
        parent: None,
    };
    let publish = Request::Publish {
        topic: "example.test",
        timeout_ms: 0,
        payload: Raw(b"[1,2,3]"),
    };
    let watch = Request::Watch {
        filter: ">",
        since: Some(1),
        credit: 3,
    };
    let hello = ToRuntime::Hello {
        versions: VERSIONS,
        nonce: 7,
        name: "garbage",
        token: "",
    };
    let requests = [call, publish, watch, Request::Plugins, Request::Health];
    let messages = requests.map(|what| ToRuntime::Request { id: 5, what });
    messages.iter().chain([&hello]).map(frame).collect()
}

fn frame(message: &ToRuntime<'_>) -> Vec<u8> {
    let sent = Sink::default();
    let mut memory = [0; 2 * 512];
    let mut client = Client::new(Framing::Serial, sent.clone(), sent.clone(), &mut memory).unwrap();
    let sending = client.send(message);
    let mut sending = std::pin::pin!(sending);
    let mut task = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(sending.as_mut().poll(&mut task).is_ready());
    sent.0.take()
}

/// A line that keeps what is written.
#[derive(Clone, Default)]
struct Sink(Rc<RefCell<Vec<u8>>>);

impl ErrorType for Sink {
    type Error = Infallible;
}

impl Read for Sink {
    async fn read(&mut self, _: &mut [u8]) -> Result<usize, Infallible> {
        Ok(0)
    }
}

impl Write for Sink {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        self.0.borrow_mut().extend(bytes);
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// Marsaglia's xorshift: the same garbage on every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % limit
    }
}
