//! Calls between runtimes: local ones first, cancelled, late, in a cycle, and of a runtime that dies.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;
use tests::nats::NatsServer;

use crate::support::{Member, until};

const SETTINGS: &str = "services = true\nheartbeat_ms = 500\n";

#[test]
fn services_of_others_are_called_like_ones_own() {
    let server = NatsServer::alone("").unwrap();
    let servers = [server.url()];
    let kitchen = Member::start("kitchen", &servers, SETTINGS, "");
    let mut hall = Member::start("hall", &servers, SETTINGS, "");
    kitchen.install("oven");
    hall.install("lamp");
    let far = until("hall has the oven", || hall.call("oven.echo", "[1]").ok());
    let pid = kitchen.runtime.pid().unwrap();
    assert_eq!(far, json!({"value": [1], "pid": pid}));
    until("kitchen has the lamp", || kitchen.call("lamp.echo", "1").ok());
    let services = hall.runtime.run("services").unwrap();
    assert!(services.contains("kitchen/cluster"), "{services}");

    // Errors come as they were made.
    let error = hall.call("oven.fail", "null").unwrap_err();
    assert!(
        error.contains("no_such_room") && error.contains("the room is not known"),
        "{error}"
    );
    let error = hall.call("oven.echo", "").unwrap_err();
    assert!(!error.contains("no_such_room"), "{error}");

    // A cycle through both is answered at once; a way there and back to another plugin is none.
    let args = r#"{"service":"lamp.through","args":{"service":"oven.echo","args":1}}"#;
    let begun = Instant::now();
    let error = kitchen.call("oven.through", args).unwrap_err();
    assert!(error.contains("cycle"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    let args = r#"{"service":"lamp.through","args":{"service":"example.hello","args":"x"}}"#;
    kitchen.call("oven.through", args).unwrap();

    // The deadline is the caller's.
    let begun = Instant::now();
    let error = hall.runtime.run("call oven.slow 30 --timeout 1").unwrap_err();
    assert!(error.contains("timeout"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    until("nothing of it is left", || {
        let (here, there) = (hall.status(), kitchen.status());
        (here["calls"]["waiting"] == 0 && there["calls"]["serving"] == 0).then_some(())
    });

    // A caller that gives up cancels the call there.
    let mut child = Command::new(hall.runtime.binary())
        .args(["call", "oven.slow", "30"])
        .current_dir(hall.runtime.folder())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("the call is there", || {
        (kitchen.status()["calls"]["serving"] == 1).then_some(())
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let begun = Instant::now();
    until("the call is cancelled", || {
        (kitchen.status()["calls"]["serving"] == 0).then_some(())
    });
    println!(
        "cluster: a call was cancelled on the other runtime within {:?}",
        begun.elapsed()
    );

    // What is here comes first, also where the other one's was had before.
    hall.install("oven");
    let own = until("hall has its own oven", || {
        hall.call("oven.echo", "1")
            .ok()
            .filter(|echo| echo["pid"] != json!(pid))
    });
    assert_eq!(own["pid"], json!(hall.runtime.pid().unwrap()));
    hall.runtime.run("plugin remove oven").unwrap();
    let far = until("the other one's is back", || hall.call("oven.echo", "1").ok());
    assert_eq!(far["pid"], json!(pid));

    // One that is taken back is gone.
    kitchen.runtime.run("plugin stop oven").unwrap();
    kitchen.runtime.run("plugin unload oven").unwrap();
    until("it is withdrawn", || {
        hall.call("oven.echo", "1")
            .err()
            .filter(|error| error.contains("not_found"))
    });
    hall.runtime.kill();
}

#[test]
fn what_is_in_flight_to_a_runtime_that_dies_fails_and_says_so() {
    let server = NatsServer::alone("").unwrap();
    let servers = [server.url()];
    for (signal, what) in [(Signal::KILL, "killed"), (Signal::STOP, "stopped")] {
        let kitchen = Member::start("kitchen", &servers, SETTINGS, "");
        let hall = Member::start("hall", &servers, SETTINGS, "");
        kitchen.install("oven");
        until("hall has the oven", || hall.call("oven.echo", "1").ok());
        let child = Command::new(hall.runtime.binary())
            .args(["call", "oven.slow", "60"])
            .current_dir(hall.runtime.folder())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        until("the call is there", || {
            (kitchen.status()["calls"]["serving"] == 1).then_some(())
        });
        let begun = Instant::now();
        kitchen.signal(signal);
        let output = child.wait_with_output().unwrap();
        let took = begun.elapsed();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        println!("cluster: a call to a runtime that was {what} failed after {took:?}");
        assert!(
            said.contains("runtime_gone") && said.contains("kitchen"),
            "{said}"
        );
        // Three heartbeats of 0.5 s, and time for a machine with other work.
        assert!(took < Duration::from_secs(20), "{took:?}");
        let error = hall.call("oven.echo", "1").unwrap_err();
        assert!(error.contains("not_found"), "{error}");
        if signal == Signal::STOP {
            kitchen.signal(Signal::CONT);
            until("it is back", || hall.call("oven.echo", "1").ok());
        }
    }
}
