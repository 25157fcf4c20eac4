//! The link: bytes that may be messages, a client that may get in, and messages that are well formed.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use host_std::memory;
use kernel_core::{Capacities, CoreRuntime};
use kernel_link::{Action, Client, Config, Framing, Raw, Request, ToClient, ToRuntime};

use super::stream::{Bytes, Sink, at_once};

/// A runtime without plugins, one for each thread: kernels live for ever.
fn runtime() -> CoreRuntime {
    thread_local! {
        static RUNTIME: OnceCell<CoreRuntime> = const { OnceCell::new() };
    }
    let capacities = Capacities {
        names: 32,
        name_bytes: 64,
        call_bytes: 512,
        ..Capacities::DEFAULT
    };
    RUNTIME.with(|runtime| *runtime.get_or_init(|| CoreRuntime::new(memory::kernel(&capacities))))
}

fn framing(byte: u8) -> Framing {
    if byte.is_multiple_of(2) {
        Framing::Stream
    } else {
        Framing::Serial
    }
}

/// The first byte says how: framing, and how many bytes come at a time.
fn split(data: &[u8]) -> Option<(Framing, usize, &[u8])> {
    let (how, rest) = data.split_first()?;
    Some((framing(*how), usize::from(how / 2), rest))
}

/// What a client reads from a runtime that says anything.
///
/// # Panics
/// When reading does not end with the bytes.
pub fn frames(data: &[u8]) {
    let Some((framing, step, rest)) = split(data) else {
        return;
    };
    let mut memory = vec![0; 2 * 1024];
    let Ok(mut client) = Client::new(framing, Bytes::new(rest, step), Sink::default(), &mut memory) else {
        return;
    };
    for _ in 0..=rest.len() + 1 {
        if at_once("reading", client.next()).is_err_and(|error| error == kernel_link::ClientError::Closed) {
            return;
        }
    }
}

/// What a runtime says, as bytes.
pub fn frame_corpus() -> Vec<Vec<u8>> {
    let sessions = request_corpus();
    [0, 1]
        .iter()
        .flat_map(|how| {
            sessions
                .iter()
                .map(|seeds| [vec![*how], talk(framing(*how), seeds, 64).1].concat())
        })
        .collect()
}

/// A client that says anything, where a token is asked for.
///
/// # Panics
/// When the session does not end with the client's bytes, or leaves something behind.
pub fn handshake(data: &[u8]) {
    let Some((framing, step, rest)) = split(data) else {
        return;
    };
    let config = Config {
        token: Some("a token of 16 or more"),
        ..Config::new("fuzzed", framing)
    };
    serve(&config, rest, step);
}

/// Hello, with the token and without, and a request behind it.
pub fn handshake_corpus() -> Vec<Vec<u8>> {
    let hello = |how: u8, token: &str| {
        let mut bytes = vec![how];
        let (mut memory, nothing) = (vec![0; 2 * 1024], Bytes::new(&[], 1));
        let sink = Sink(Some(&mut bytes));
        if let Ok(mut client) = Client::new(framing(how), nothing, sink, &mut memory) {
            let _ = at_once("hello", client.hello("fuzz", 7, token));
            let _ = at_once("ping", client.request(1, Request::Ping));
            let _ = at_once("plugins", client.request(2, Request::Plugins));
        }
        bytes
    };
    vec![
        hello(0, "a token of 16 or more"),
        hello(1, "a token of 16 or more"),
        hello(254, ""),
        hello(3, "another token than that"),
    ]
}

/// Runs a session on these bytes; what the runtime said.
fn serve(config: &Config<'_>, bytes: &[u8], step: usize) -> Vec<u8> {
    let (runtime, mut said, mut memory) = (runtime(), Vec::new(), vec![0; 5 * 1024]);
    let before = used(runtime);
    let session = kernel_link::serve(
        runtime.kernel(),
        config,
        Bytes::new(bytes, step),
        Sink(Some(&mut said)),
        &mut memory,
    );
    let _ = at_once("the session", session);
    assert_eq!(used(runtime), before, "a session that ended gives all back");
    said
}

/// What a session uses up.
fn used(runtime: CoreRuntime) -> [(&'static str, u32); 6] {
    let metrics = runtime.metrics();
    [
        ("plugins", metrics.plugins.used),
        ("filters", metrics.filters.used),
        ("services", metrics.services.used),
        ("calls", metrics.calls.used),
        ("waits", metrics.waits.used),
        ("taps", metrics.taps.used),
    ]
}

/// Takes bytes as choices.
struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn number(&mut self) -> u32 {
        match self.byte() {
            255 => u32::MAX,
            254 => 1 << (self.byte() % 32),
            small => u32::from(small),
        }
    }

    fn pick(&mut self, from: &[&'a str]) -> &'a str {
        from[usize::from(self.byte()) % from.len()]
    }

    fn name(&mut self) -> &'a str {
        self.pick(&[
            "a",
            "a.b",
            "fuzz.do",
            "storage",
            "runtime.x",
            "a.*",
            "a.>",
            "",
            "state.changed.a",
        ])
    }

    fn json(&mut self) -> Raw<'a> {
        Raw(self
            .pick(&["1", "[1,2]", "{\"a\":\"b\"}", "nul", "", "\"text\""])
            .as_bytes())
    }

    fn option<T>(&mut self, some: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.byte() % 2 == 1).then(|| some(self))
    }

    fn request(&mut self) -> Request<'a> {
        match self.byte() % 31 {
            0 => Request::Ping,
            1 => Request::Call {
                service: self.name(),
                timeout_ms: self.number(),
                parent: self.option(Self::number),
                args: self.json(),
            },
            2 => Request::Publish {
                topic: self.name(),
                timeout_ms: self.number(),
                payload: self.json(),
            },
            3 => Request::Watch {
                filter: self.name(),
                credit: self.number(),
                since: self.option(|from| from.number().into()),
            },
            4 => Request::Unwatch,
            5 => Request::Plugins,
            6 => Request::Services,
            7 => Request::Subscriptions,
            8 => Request::Calls,
            9 => Request::States { prefix: self.name() },
            10 => Request::Health,
            11 => {
                let actions = [
                    Action::Load,
                    Action::Start,
                    Action::Stop,
                    Action::Unload,
                    Action::Reload,
                ];
                let action = actions[usize::from(self.byte()) % actions.len()];
                Request::Manage {
                    plugin: self.pick(&["fuzz", "storage", "x"]),
                    action,
                }
            }
            12 => Request::StateGet { key: self.name() },
            13 => Request::StateSet {
                key: self.name(),
                ttl_ms: self.option(|from| from.number().into()),
                expected: self.option(|from| from.number().into()),
                value: self.json(),
            },
            14 => Request::StateDelete {
                key: self.name(),
                expected: self.option(|from| from.number().into()),
            },
            15 => Request::Metrics,
            16 => Request::StateUpdate { entries: Raw(self.0) },
            17 => Request::StateClear,
            18 => Request::StateEntry {
                prefix: self.name(),
                cursor: self.number(),
            },
            19 => Request::StorageGet {
                namespace: self.name(),
                key: self.name(),
            },
            20 => Request::StorageSet {
                namespace: self.name(),
                key: self.name(),
                value: self.json(),
            },
            21 => Request::StorageBatch {
                namespace: self.name(),
                ops: Raw(self.0),
            },
            22 | 23 => Request::Attach {
                name: self.pick(&["fuzz", "other", "storage", "Fuzz!"]),
                version: "1",
                description: "",
                dependencies: self.pick(&["", "storage", "fuzz", "a,b,,c"]),
                blocks: self.byte() % 2 == 1,
                restarts: self.byte() % 2 == 1,
            },
            24 => Request::Register {
                service: self.name(),
                description: "",
                version: "",
                deprecated: false,
            },
            25 => Request::Unregister { service: self.name() },
            26 => Request::Subscribe { filter: self.name() },
            27 => Request::Unsubscribe { filter: self.name() },
            28 => Request::Sleep { ms: self.number() },
            29 => Request::Interval { ms: self.number() },
            _ => Request::NameOf { id: self.number() },
        }
    }
}

/// Well-formed messages in an order that these bytes choose: what the client says, and the numbers of its requests.
fn say(framing: Framing, data: &[u8]) -> (Vec<u8>, BTreeSet<u32>) {
    let (mut said, mut asked, mut memory) = (Vec::new(), BTreeSet::new(), vec![0; 2 * 1024]);
    let Ok(mut client) = Client::new(framing, Bytes::new(&[], 1), Sink(Some(&mut said)), &mut memory) else {
        return (Vec::new(), asked);
    };
    let _ = at_once("hello", client.hello("fuzz", 7, ""));
    let mut choices = Choices(data);
    for id in 1..200 {
        if choices.0.is_empty() {
            break;
        }
        let sent = match choices.byte() % 12 {
            0 => at_once("credit", client.send(&ToRuntime::Credit(choices.number()))),
            1 => at_once(
                "cancel",
                client.send(&ToRuntime::Cancel {
                    id: choices.number() % id,
                }),
            ),
            2 => at_once("done", client.send(&ToRuntime::StepDone { error: None })),
            3 => at_once(
                "answer",
                client.send(&ToRuntime::Answer {
                    call: choices.number(),
                    result: Ok(choices.json()),
                }),
            ),
            _ => {
                asked.insert(id);
                at_once("request", client.request(id, choices.request()))
            }
        };
        // What is too long for a message is not sent.
        if sent.is_err() {
            asked.remove(&id);
        }
    }
    (said, asked)
}

/// A whole session; what was asked, and what the runtime said.
fn talk(framing: Framing, data: &[u8], step: usize) -> (BTreeSet<u32>, Vec<u8>) {
    let (bytes, asked) = say(framing, data);
    let said = serve(&Config::new("fuzzed", framing), &bytes, step);
    (asked, said)
}

/// Valid requests in any order: each answer is of one of them, and the session leaves nothing behind.
///
/// # Panics
/// When that is not so.
pub fn requests(data: &[u8]) {
    let Some((framing, step, rest)) = split(data) else {
        return;
    };
    let (asked, said) = talk(framing, rest, 16 + step);
    let mut memory = vec![0; 2 * 4096];
    let Ok(mut client) = Client::new(framing, Bytes::new(&said, 512), Sink::default(), &mut memory) else {
        return;
    };
    let mut opened = false;
    while let Ok(message) = at_once("reading", client.next()) {
        match message {
            ToClient::Hello { nonce: 7, .. } => opened = true,
            ToClient::Reply { id, .. } => {
                assert!(
                    opened && asked.contains(&id),
                    "an answer to {id}, which nobody asked"
                );
            }
            _ => {}
        }
    }
    assert!(opened, "a session that is well formed is opened");
}

/// Choices.
pub fn request_corpus() -> Vec<Vec<u8>> {
    let mut rng = crate::deep::Rng::new(7);
    let mut corpus: Vec<Vec<u8>> = (1..12)
        .map(|n| (0..n * 12).map(|_| rng.number() as u8).collect())
        .collect();
    // Attached, with a service that it calls itself.
    corpus.push(vec![
        0, 4, 22, 0, 0, 0, 0, 4, 24, 2, 4, 26, 6, 4, 1, 2, 50, 0, 0, 4, 2, 1, 0, 0, 2, 3, 1, 1, 2,
    ]);
    corpus
}
