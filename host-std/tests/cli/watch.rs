//! `watch`, with events coming while it runs.

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdout, Stdio};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::*;

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn next_seq(runtime: &Runtime) -> String {
    runtime.json(&["metrics"])["next_seq"].to_string()
}

/// A `watch` that runs, and its lines.
fn follow(runtime: &Runtime, args: &[&str]) -> (Child, BufReader<ChildStdout>) {
    let mut child = runtime
        .command()
        .arg("watch")
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    (child, out)
}

#[test]
fn events_are_lines_of_a_stable_shape() {
    let runtime = Runtime::start();
    let since = next_seq(&runtime);
    runtime.cli(&["publish", "a.one", "{ \"x\":\n 1.0 }"]).ok();
    runtime.cli(&["publish", "b.two"]).ok();
    runtime.cli(&["publish", "example.test", "[]"]).ok();
    let all = lines(&runtime.cli(&["watch", "--since", &since, "--count", "3"]).ok());
    let topics: Vec<&Value> = all.iter().map(|event| &event["topic"]).collect();
    assert_eq!(topics, [&json!("a.one"), &json!("b.two"), &json!("example.test")]);
    let event = &all[0];
    assert_eq!(event["seq"].to_string(), since);
    assert_eq!(event["source"], json!("operator"));
    assert_eq!((&event["cause"], &event["receivers"]), (&json!(null), &json!(0)));
    assert_eq!(event["payload"], json!({"x": 1.0}));
    assert!(event["micros"].as_u64() < all[1]["micros"].as_u64());
    let time = event["time"].as_str().unwrap();
    assert_eq!((time.len(), &time[10..11], &time[26..]), (27, "T", "Z"), "{time}");
    assert_eq!(all[2]["receivers"], json!(1));
    assert_eq!(event.as_object().unwrap().len(), 8);

    let some = runtime
        .cli(&["watch", "--since", "1", "*.two", "--count", "1"])
        .ok();
    assert_eq!(lines(&some)[0]["topic"], json!("b.two"));
    let first = runtime.cli(&["watch", "--since", "0", "--count", "1"]).ok();
    assert_eq!(lines(&first)[0]["seq"], json!(1));
}

#[test]
fn every_event_comes_while_others_publish() {
    const EACH: u32 = 1500;
    let runtime = Runtime::start();
    let since = next_seq(&runtime);
    let watch = std::thread::scope(|scope| {
        let total = (3 * EACH).to_string();
        let args = ["watch", "flood.*", "--since", &since, "--count", &total];
        let mut command = runtime.command();
        command.args(args);
        let watch = scope.spawn(move || run(&mut command, b"").ok());
        for topic in ["flood.a", "flood.b", "flood.c"] {
            let runtime = &runtime;
            scope.spawn(move || runtime.flood(topic, "{\"n\": 1}", EACH));
        }
        watch.join().unwrap()
    });
    let all = lines(&watch);
    assert_eq!(all.len(), 3 * EACH as usize);
    let mut last = 0;
    for event in &all {
        let seq = event["seq"].as_u64().unwrap();
        assert!(seq > last, "{event}");
        last = seq;
    }
    for topic in ["flood.a", "flood.b", "flood.c"] {
        let count = all.iter().filter(|event| event["topic"] == topic).count();
        assert_eq!(count, EACH as usize);
    }
}

#[test]
fn what_is_no_longer_kept_is_told() {
    let runtime = Runtime::start();
    let payload = format!("\"{}\"", "x".repeat(60_000));
    runtime.flood("large.one", &payload, 100);
    let next: u64 = next_seq(&runtime).parse().unwrap();
    let told = lines(&runtime.cli(&["watch", "--since", "1", "--count", "1"]).ok());
    let [lost, event] = told.as_slice() else {
        panic!("{} lines", told.len());
    };
    assert_eq!(lost["from"], json!(1));
    assert_eq!((&lost["at"], lost.as_object().unwrap().len()), (&json!("bus"), 3));
    let gone = lost["lost"].as_u64().unwrap();
    assert!((1..next).contains(&gone), "{gone}");
    assert_eq!(event["seq"], json!(gone + 1));
}

#[test]
fn each_event_is_seen_at_once_and_control_c_ends_it_quietly() {
    let runtime = Runtime::start();
    let since = next_seq(&runtime);
    let (mut child, mut out) = follow(&runtime, &["live.>", "--since", &since]);
    for n in 0..3 {
        runtime.cli(&["publish", "live.now", &n.to_string()]).ok();
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        assert_eq!(lines(&line)[0]["payload"], json!(n));
    }
    signal(&child, Signal::INT);
    assert_eq!(wait(&mut child).signal(), Some(Signal::INT.as_raw()));
    assert_eq!(all(child.stderr.take().unwrap()), "");
}

#[test]
fn a_watch_ends_with_its_reader() {
    let runtime = Runtime::start();
    let (mut child, mut out) = follow(&runtime, &["--since", "1"]);
    out.read_line(&mut String::new()).unwrap();
    drop(out);
    until("it notices", || {
        runtime.cli(&["publish", "a.b"]).ok();
        child.try_wait().unwrap().is_some()
    });
    assert_eq!(wait(&mut child).code(), Some(0));
    assert_eq!(all(child.stderr.take().unwrap()), "");
}

#[test]
fn a_watch_tells_when_the_runtime_ends() {
    let runtime = Runtime::start();
    let (mut child, mut out) = follow(&runtime, &["--since", "1"]);
    out.read_line(&mut String::new()).unwrap();
    let (status, _dir) = runtime.stop(Signal::TERM);
    assert_eq!(status.code(), Some(0));
    // The events of the shutdown come first.
    all(out);
    assert_eq!(wait(&mut child).code(), Some(3));
    let told = all(child.stderr.take().unwrap());
    assert!(told.contains("lost the runtime"), "{told}");
}

#[test]
fn the_change_of_a_value_as_deep_as_allowed_is_shown() {
    let runtime = Runtime::start();
    let since = next_seq(&runtime);
    let deep = format!("{}{}", "[".repeat(32), "]".repeat(32));
    runtime.cli(&["state", "set", "deep", &deep]).ok();
    let told = runtime.cli(&["watch", "--since", &since, "--count", "1"]).ok();
    assert!(told.contains(&deep), "{told}");
}

#[test]
fn a_watch_on_a_quiet_bus_ends_with_its_reader_all_the_same() {
    let runtime = Runtime::start();
    let (mut child, mut out) = follow(&runtime, &["--since", "1"]);
    out.read_line(&mut String::new()).unwrap();
    drop(out);
    // Nothing is published: it has nothing to write.
    assert_eq!(wait(&mut child).code(), Some(0));
    assert_eq!(all(child.stderr.take().unwrap()), "");
}

#[test]
fn control_c_ends_it_while_its_reader_reads_nothing() {
    let runtime = Runtime::start();
    let (mut child, _out) = follow(&runtime, &["--since", "1"]);
    let payload = format!("\"{}\"", "x".repeat(4000));
    // Far more than a pipe holds.
    runtime.flood("large.one", &payload, 100);
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none(), "it waits for its reader");
    signal(&child, Signal::INT);
    assert_eq!(wait(&mut child).signal(), Some(Signal::INT.as_raw()));
}
