//! Services and runtimes that do not answer, and how long a command waits for them.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use embedded_io_adapters::tokio_1::FromTokio;
use kernel_core::Cause;
use kernel_link::{Client, Event, Framing, Raw, Reply, Request, Slots, Step, ToClient, ToRuntime};
use rustix::process::Signal;
use serde_json::json;

use crate::support::*;

/// Attaches a plugin `mute` whose service `mute.ask` never answers. Says when it is started, and is gone
/// with the receiver's runtime.
fn attach_mute(socket: &Path) -> Receiver<()> {
    let (started, ready) = channel();
    let socket = socket.to_owned();
    thread::spawn(move || {
        let reactor = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        reactor.block_on(async {
            let stream = tokio::net::UnixStream::connect(socket).await.unwrap();
            let (read, write) = stream.into_split();
            let (read, write) = (FromTokio::new(read), FromTokio::new(write));
            let mut memory = vec![0; 2 * 128 * 1024];
            let mut client = Client::new(Framing::Stream, read, write, &mut memory).unwrap();
            client.hello("mute", 1, "").await.unwrap();
            let attach = Request::Attach {
                name: "mute",
                version: "1.0.0",
                description: "Never answers",
                dependencies: "",
                blocks: false,
                restarts: false,
            };
            client.request(1, attach).await.unwrap();
            loop {
                let step = match tokio::time::timeout(Duration::from_secs(5), client.next()).await {
                    Ok(Ok(ToClient::Step { step, .. })) => step,
                    Ok(Ok(ToClient::Reply {
                        what: Reply::Failed(why),
                        ..
                    })) => panic!("{why:?}"),
                    // A call is among them: it is not answered, and its step is not done.
                    Ok(Ok(_)) => continue,
                    Ok(Err(_)) => return,
                    Err(_) => match client.send(&ToRuntime::KeepAlive).await {
                        Ok(()) => continue,
                        Err(_) => return,
                    },
                };
                if step == Step::Load {
                    let register = Request::Register {
                        service: "mute.ask",
                        description: "",
                        version: "1.0.0",
                        deprecated: false,
                    };
                    client.request(2, register).await.unwrap();
                }
                client.send(&ToRuntime::StepDone { error: None }).await.unwrap();
                if step == Step::Start {
                    started.send(()).unwrap();
                }
            }
        });
    });
    ready
}

/// Longer than a command waits for a runtime to show that it is there.
const DEADLINE: &str = "13";

#[test]
fn a_call_waits_for_its_own_deadline_or_the_runtimes() {
    let vars = [("RUNTIME_SERVICE_CALL_TIMEOUT", DEADLINE)];
    let runtime = Runtime::start_with(tempfile::tempdir().unwrap(), &vars);
    let ready = attach_mute(&runtime.path("link.sock"));
    ready.recv_timeout(PATIENCE).unwrap();
    until("it is started", || {
        runtime
            .cli(&["plugins"])
            .ok()
            .split_whitespace()
            .collect::<Vec<_>>()
            .windows(3)
            .any(|row| row == ["mute", "1.0.0", "STARTED"])
    });

    let begun = Instant::now();
    let waiting = thread::scope(|scope| {
        let waiting = scope.spawn(|| (runtime.cli(&["call", "mute.ask"]), begun.elapsed()));
        until("the call is in flight", || {
            runtime.json(&["calls"])[0]["running"] == json!(true)
        });
        let calls = runtime.json(&["calls"]);
        let call = &calls[0];
        assert_eq!(
            (
                &call["service"],
                &call["caller"],
                &call["callee"],
                &call["parent"]
            ),
            (
                &json!("mute.ask"),
                &json!("operator"),
                &json!("mute"),
                &json!(null)
            )
        );
        assert_eq!(call.as_object().unwrap().len(), 7);
        let table = runtime.cli(&["calls"]).ok();
        assert!(
            table.contains("running") && table.ends_with("mute.ask\n"),
            "{table}"
        );

        let short = runtime.cli(&["call", "mute.ask", "--timeout", "0.2"]).fails(1);
        assert!(short.starts_with("error[timeout]: "), "{short}");
        assert!(short.contains("hint: "), "{short}");
        waiting.join().unwrap()
    });
    let (answer, took) = waiting;
    let told = answer.fails(1);
    assert!(told.starts_with("error[timeout]: "), "{told}");
    assert!(took.as_secs_f64() >= 12.9, "{took:?}");
}

#[test]
fn a_runtime_that_stands_still_is_given_up() {
    let runtime = Runtime::start();
    let mut watch = runtime
        .command()
        .args(["watch", "--since", "1"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = std::io::BufReader::new(watch.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut out, &mut String::new()).unwrap();
    signal(&runtime.child, Signal::STOP);
    // A busy machine takes its time to stop all threads.
    let stat = format!("/proc/{}/stat", runtime.child.id());
    until("it stands still", || {
        std::fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") T "))
    });
    let told = runtime.cli(&["plugin", "stop", "example"]).fails(3);
    assert!(told.contains("did not answer within 10 s"), "{told}");
    assert_eq!(wait(&mut watch).code(), Some(3));
    let told = all(watch.stderr.take().unwrap());
    assert!(told.contains("did not answer within 10 s"), "{told}");
    signal(&runtime.child, Signal::CONT);
    until("it goes on", || runtime.cli(&["health"]).status == 0);
}

/// The next message of a client at a socket; `None` when it has gone.
fn heard<'b>(client: &mut UnixStream, buf: &'b mut Vec<u8>) -> Option<ToRuntime<'b>> {
    let mut length = [0; 4];
    client.read_exact(&mut length).ok()?;
    buf.resize(u32::from_le_bytes(length) as usize, 0);
    client.read_exact(buf).ok()?;
    Some(postcard::from_bytes(buf).unwrap())
}

fn say(client: &mut UnixStream, message: &ToClient<'_>) {
    let mut buf = [0; 8192];
    let message = postcard::to_slice(message, &mut buf).unwrap();
    let length = (message.len() as u32).to_le_bytes();
    client.write_all(&[&length[..], message].concat()).unwrap();
}

/// A watch, and this side of its session with a runtime that wants to hear of it soon.
fn watched(stdout: Stdio) -> (Child, UnixStream) {
    const PERIOD: u32 = 400;
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("link.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let watch = program()
        .arg("--socket")
        .arg(&socket)
        .arg("watch")
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut client, _) = listener.accept().unwrap();
    let mut buf = Vec::new();
    let Some(ToRuntime::Hello { nonce, .. }) = heard(&mut client, &mut buf) else {
        panic!("no hello");
    };
    let hello = ToClient::Hello {
        version: kernel_link::VERSIONS.newest,
        nonce,
        name: "test",
        max_message: 8192,
        keep_alive_ms: PERIOD,
        now: 0,
        epoch: None,
    };
    say(&mut client, &hello);
    let Some(ToRuntime::Request { id, .. }) = heard(&mut client, &mut buf) else {
        panic!("no request");
    };
    let what = Reply::Count(1);
    say(&mut client, &ToClient::Reply { id, what });
    (watch, client)
}

#[test]
fn a_watch_whose_reader_takes_its_time_says_that_it_is_there() {
    // More than a pipe holds, and less than the socket does beside it.
    const EVENTS: u64 = 40;
    let (mut watch, mut client) = watched(Stdio::piped());
    let payload = format!("\"{}\"", "x".repeat(4000));
    for seq in 0..EVENTS {
        let event = Event {
            seq,
            time: seq,
            source: "operator",
            cause: Cause::None,
            receivers: Slots::default(),
            topic: "large.one",
            payload: Raw(payload.as_bytes()),
        };
        say(&mut client, &ToClient::Event(event));
    }
    let mut buf = Vec::new();
    for _ in 0..4 {
        assert_eq!(heard(&mut client, &mut buf), Some(ToRuntime::KeepAlive));
    }
    let out = std::io::BufReader::new(watch.stdout.take().unwrap());
    let lines = std::io::BufRead::lines(out).map_while(Result::ok);
    assert_eq!(lines.take(EVENTS as usize).count() as u64, EVENTS);
    drop(client);
    // Its reader has gone, or its runtime: whichever it sees first.
    assert!(matches!(wait(&mut watch).code(), Some(0 | 3)));
}

#[test]
fn a_watch_says_that_it_is_there_whether_events_come_or_not() {
    let (mut watch, mut client) = watched(Stdio::null());
    let mut buf = Vec::new();
    for _ in 0..3 {
        assert_eq!(heard(&mut client, &mut buf), Some(ToRuntime::KeepAlive));
    }

    // With messages that leave it no pause.
    let (mut busy, ended) = (client.try_clone().unwrap(), Arc::new(AtomicBool::new(false)));
    let end = Arc::clone(&ended);
    let sending = thread::spawn(move || {
        while !end.load(Ordering::Relaxed) {
            say(&mut busy, &ToClient::KeepAlive);
        }
    });
    for _ in 0..3 {
        assert_eq!(heard(&mut client, &mut buf), Some(ToRuntime::KeepAlive));
    }
    ended.store(true, Ordering::Relaxed);
    sending.join().unwrap();
    drop(client);
    assert_eq!(wait(&mut watch).code(), Some(3));
    let told = all(watch.stderr.take().unwrap());
    assert!(told.contains("lost the runtime"), "{told}");
}
