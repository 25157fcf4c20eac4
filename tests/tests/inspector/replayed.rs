//! A recording that is played in the real program.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tests::runtime::Runtime;

use crate::{inspector, press, program, quit};

/// An event each ten seconds for an hour.
fn recording(file: &Path) {
    let mut text = String::from("{\"at\":0,\"core_inspector_recording\":1,\"began\":1764000000000000}\n");
    text.push_str("{\"at\":0,\"connection\":{\"open\":{\"name\":\"r\",\"epoch\":7,\"restarted\":false}}}\n");
    for n in 1..=360u64 {
        let at = n * 10_000_000;
        writeln!(
            text,
            r#"{{"at":{at},"event":{{"seq":{n},"time":{at},"source":"clock","cause":null,"receivers":[0,0,0,0],"topic":"tick","payload":{{"nth":{n}}}}}}}"#
        )
        .unwrap();
    }
    std::fs::write(file, text).unwrap();
}

#[test]
fn it_is_paused_stepped_and_gone_through() {
    let folder = tempfile::tempdir().unwrap();
    recording(&folder.path().join("hour.ndjson"));
    let terminal = inspector(&["replay", "hour.ndjson"], folder.path(), (100, 30));
    terminal.see("replaying").unwrap();
    press(&terminal, "2");
    terminal.see("of 01:00:00.000  x1").unwrap();
    terminal.see("no event was received yet").unwrap();
    press(&terminal, "p");
    terminal.see("‖").unwrap();
    press(&terminal, ".");
    terminal.see_row(&["tick", r#"{"nth":1}"#]).unwrap();
    press(&terminal, "@30m<enter>");
    terminal
        .see_row(&["00:30:00.000 of 01:00:00.000", "180 events"])
        .unwrap();
    terminal.see_row(&["tick", r#"{"nth":180}"#]).unwrap();
    press(&terminal, "[");
    terminal.see_row(&["00:29:50.000 of", "179 events"]).unwrap();
    terminal.see_no(r#"{"nth":180}"#).unwrap();
    press(&terminal, ":seek #12<enter>");
    terminal.see_row(&["00:02:00.000 of", "12 events"]).unwrap();
    terminal.see_no(r#"{"nth":179}"#).unwrap();
    press(&terminal, ",");
    terminal.see_row(&["00:01:50.000 of", "11 events"]).unwrap();
    press(&terminal, ">>>>>>>>>>>>");
    terminal.see("x4096").unwrap();
    press(&terminal, "p");
    terminal.see("recording ended").unwrap();
    terminal.see_row(&["tick", r#"{"nth":360}"#]).unwrap();
    // Back from the end, where it waits.
    press(&terminal, ",");
    terminal.see("replaying").unwrap();
    terminal.see_row(&["00:59:50.000 of", "359 events"]).unwrap();
    quit(terminal);
}

#[test]
fn the_state_is_as_it_was_at_an_event() {
    let runtime = Runtime::start_with_example().unwrap();
    let mut recorder = Command::new(program())
        .args(["record", "r.ndjson"])
        .current_dir(runtime.folder())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(recorder.stderr.take().unwrap()).lines();
    assert!(said.next().unwrap().unwrap().starts_with("recording "));
    let file = runtime.folder().join("r.ndjson");
    let has = |text: &str| {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !std::fs::read_to_string(&file).is_ok_and(|file| file.contains(text)) {
            assert!(Instant::now() < deadline, "{text} did not come");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    has("\"snapshot\"");
    for value in ["1", "2"] {
        runtime.run(&format!("state set lamp {value}")).unwrap();
    }
    runtime.run("state delete lamp").unwrap();
    // A snapshot after all of it is not what is asked for.
    has("\"deleted\":true");
    kill_process(Pid::from_child(&recorder), Signal::TERM).unwrap();
    assert!(recorder.wait().unwrap().success());

    let text = std::fs::read_to_string(&file).unwrap();
    let lines = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let changes: Vec<u64> = lines
        .filter(|line| line["event"]["topic"] == "state.changed.lamp")
        .map(|line| line["event"]["seq"].as_u64().unwrap())
        .collect();
    assert_eq!(changes.len(), 3);
    for (seq, expected) in changes.iter().zip([Some("1"), Some("2"), None]) {
        let place = format!("#{seq}");
        let output = Command::new(program())
            .args(["replay", "r.ndjson", "--json", "--at", &place])
            .current_dir(runtime.folder())
            .output()
            .unwrap();
        let last = String::from_utf8(output.stdout).unwrap();
        let last: Value = serde_json::from_str(last.lines().last().unwrap()).unwrap();
        let states = last["snapshot"]["state"].as_array().unwrap();
        let lamp = states.iter().find(|state| state["key"] == "lamp");
        assert_eq!(
            lamp.map(|lamp| lamp["value"].to_string()).as_deref(),
            expected,
            "{place}"
        );
    }

    // The same on the screens, and what differs between two places.
    let at = format!("#{}", changes[0]);
    let terminal = inspector(&["replay", "r.ndjson", "--at", &at], runtime.folder(), (100, 30));
    terminal.see("‖").unwrap();
    press(&terminal, "5");
    terminal.see_row(&["lamp", " 1 "]).unwrap();
    press(&terminal, "b");
    terminal.see("remembered").unwrap();
    press(&terminal, &format!("@#{}<enter>", changes[1]));
    terminal.see_row(&["lamp", " 2 "]).unwrap();
    press(&terminal, "B");
    terminal.see_row(&["state lamp", " 1 ", " 2 "]).unwrap();
    press(&terminal, &format!("@#{}<enter>", changes[2]));
    terminal.see_row(&["state lamp", " 1 ", "–"]).unwrap();
    quit(terminal);
}
