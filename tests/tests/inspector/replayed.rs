//! A recording that is played in the real program.

use std::fmt::Write as _;
use std::path::Path;

use crate::{inspector, press, quit};

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
    press(&terminal, "@59m<enter>");
    terminal.see("replaying").unwrap();
    terminal.see_row(&["of 01:00:00.000", "360 events"]).unwrap();
    quit(terminal);
}
