//! Services and runtimes that do not answer, and how long a command waits for them.

use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Instant;

use embedded_io_adapters::tokio_1::FromTokio;
use kernel_core::link::{Client, Reply, Request, Step, ToClient, ToRuntime};
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
            let mut memory = vec![0; 3 * 128 * 1024];
            let mut client = Client::new(FromTokio::new(read), FromTokio::new(write), &mut memory).unwrap();
            client.hello("mute", 1, "").await.unwrap();
            let attach = Request::Attach {
                name: "mute",
                version: "1.0.0",
                description: "Never answers",
            };
            client.request(1, attach).await.unwrap();
            loop {
                let step = match client.next().await {
                    Ok(ToClient::Step(step)) => step,
                    Ok(ToClient::Reply {
                        what: Reply::Failed(why),
                        ..
                    }) => panic!("{why:?}"),
                    Ok(_) => continue,
                    Err(_) => return,
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
            .contains("mute     1.0.0    STARTED")
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
    let told = runtime.cli(&["plugin", "stop", "example"]).fails(3);
    assert!(told.contains("did not answer within 10 s"), "{told}");
    assert_eq!(wait(&mut watch).code(), Some(3));
    let told = all(watch.stderr.take().unwrap());
    assert!(told.contains("did not answer within 10 s"), "{told}");
    signal(&runtime.child, Signal::CONT);
    until("it goes on", || runtime.cli(&["health"]).status == 0);
}
