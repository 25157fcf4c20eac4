//! Charts, who talks to whom, and traces: on the screen, and without a terminal.

use std::process::Command;

use tests::runtime::Runtime;

use crate::{attached, inspector, press, program, quit};

/// What `core-inspector` prints, and its exit status.
fn run(runtime: &Runtime, arguments: &[&str]) -> (String, String, Option<i32>) {
    let output = Command::new(program())
        .args(arguments)
        .current_dir(runtime.folder())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code())
}

fn temperatures(runtime: &Runtime) {
    for (room, value) in [
        ("kitchen", 20.5),
        ("hall", 17.0),
        ("kitchen", 22.25),
        ("hall", 17.5),
    ] {
        let payload = format!(r#"{{"value":{value},"unit":"C","battery":9}}"#);
        runtime
            .run(&format!("publish sensor.{room}.temperature '{payload}'"))
            .unwrap();
    }
}

#[test]
fn a_number_is_charted_on_the_screen() {
    let runtime = Runtime::start_with_example().unwrap();
    let terminal = attached(&runtime, &[]);
    press(&terminal, "2");
    terminal.see("following").unwrap();
    temperatures(&runtime);
    terminal.see_row(&["sensor.hall.temperature", "17.5"]).unwrap();
    press(&terminal, "v");
    terminal.see("sensor.hall.temperature value").unwrap();
    terminal
        .see_row(&["sensor.hall.temperature", "17.5 C", "17 C"])
        .unwrap();
    press(&terminal, "n");
    terminal.see_row(&["sensor.hall.temperature", " 9 C"]).unwrap();
    press(&terminal, ":chart sensor.*.temperature value<enter>");
    terminal
        .see_row(&["sensor.kitchen.temperature", "22.25 C", "20.5 C", "22.25 C", " 2"])
        .unwrap();
    press(&terminal, "--");
    terminal.see("15m00s").unwrap();
    press(&terminal, " ");
    terminal.see("paused").unwrap();
    press(&terminal, "e<enter>");
    terminal.see("chart.svg").unwrap();
    terminal.see_no("export to").unwrap();
    press(&terminal, "<esc>");
    terminal.see("following").unwrap();
    quit(terminal);
    let svg = std::fs::read_to_string(runtime.folder().join("chart.svg")).unwrap();
    assert!(
        svg.starts_with("<svg") && svg.contains("sensor.kitchen.temperature: last 22.25 C"),
        "{svg}"
    );
}

#[test]
fn a_chart_needs_no_terminal() {
    let runtime = Runtime::start_with_example().unwrap();
    temperatures(&runtime);
    let chart = ["chart", "sensor.*.temperature", "value", "--for", "500ms"];
    let (picture, said, status) = run(&runtime, &chart);
    assert_eq!((said.as_str(), status), ("", Some(0)));
    let row = |text: &str, part: &str| text.lines().find(|line| line.contains(part)).unwrap().to_owned();
    let kitchen = row(&picture, "sensor.kitchen.temperature");
    assert!(
        kitchen.contains(" 22.25 C ") && kitchen.contains(" 20.5 C "),
        "{picture}"
    );
    assert!(
        picture.chars().any(|c| ('\u{2801}'..='\u{28ff}').contains(&c)),
        "{picture}"
    );

    // The same of a recording, for programs, and as SVG.
    let file = runtime.folder().join("r.ndjson");
    let (_, said, status) = run(&runtime, &["record", "r.ndjson", "--past", "--for", "500ms"]);
    assert_eq!(status, Some(0), "{said}");
    assert!(file.exists());
    let of_file = ["chart", "sensor.*.temperature", "value", "--from", "r.ndjson"];
    let (json, said, status) = run(&runtime, &[&of_file[..], &["--json"]].concat());
    assert_eq!((said.as_str(), status), ("", Some(0)));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["lines"][0]["name"], "sensor.kitchen.temperature");
    assert_eq!(
        (&json["lines"][0]["low"], &json["lines"][0]["high"]),
        (&20.5.into(), &22.25.into())
    );
    let (_, said, status) = run(&runtime, &[&of_file[..], &["--svg", "c.svg"]].concat());
    assert_eq!((said.as_str(), status), ("", Some(0)));
    let (_, said, status) = run(&runtime, &[&of_file[..], &["--svg", "c.svg"]].concat());
    assert!(
        status == Some(1) && said.contains("c.svg"),
        "a file is never written over: {said}"
    );
    for (arguments, expected, part) in [
        (&["chart", "a..b", "value"][..], 2, "no topic filter"),
        (
            &["chart", "no.such", "value", "--from", "r.ndjson"],
            1,
            "nothing was seen of no.such value",
        ),
        (&["chart"], 2, "FILTER"),
        (&["chart", ">", "--from", "nowhere.ndjson"], 1, "nowhere.ndjson"),
        (&["nowhere.sock", "chart", ">"], 3, "nowhere.sock"),
    ] {
        let (_, said, status) = run(&runtime, arguments);
        assert!(
            status == Some(expected) && said.contains(part),
            "{arguments:?}: {status:?} {said}"
        );
    }
    let (picture, said, status) = run(&runtime, &["chart", "--capacities", "--for", "500ms", "--ascii"]);
    assert_eq!((said.as_str(), status), ("", Some(0)));
    assert!(
        picture.is_ascii() && row(&picture, "plugins").contains('%'),
        "{picture}"
    );
}

#[test]
fn who_talks_to_whom_is_seen_and_written() {
    let runtime = Runtime::start_with_example().unwrap();
    let terminal = attached(&runtime, &[]);
    runtime.run("publish example.test '{\"n\":1}'").unwrap();
    runtime.run("publish nobody.hears 1").unwrap();
    runtime.run("call example.hello '\"Anna\"'").unwrap();
    press(&terminal, "W");
    terminal.see_row(&["operator", " 2"]).unwrap();
    press(&terminal, "<end><right>");
    terminal.see_row(&["nobody.hears", "nobody hears it"]).unwrap();
    press(&terminal, "e<enter>");
    terminal.see("graph.dot").unwrap();
    terminal.see_no("export to").unwrap();
    press(&terminal, "<esc>");
    terminal.see("Capacities").unwrap();
    quit(terminal);
    let dot = std::fs::read_to_string(runtime.folder().join("graph.dot")).unwrap();
    assert!(
        dot.starts_with("digraph runtime {") && dot.contains("\"nobody.hears\""),
        "{dot}"
    );

    let graph = ["graph", "--past", "--for", "500ms"];
    let (tree, said, status) = run(&runtime, &graph);
    assert_eq!((said.as_str(), status), ("", Some(0)));
    let row = |part: &str| tree.lines().find(|line| line.contains(part)).unwrap();
    assert!(row("nobody.hears").contains("nobody hears it"), "{tree}");
    let to = tree
        .lines()
        .skip_while(|line| !line.contains("▾ example.test"))
        .nth(1);
    assert!(to.unwrap().contains("→ example"), "{tree}");
    assert!(row("answers example.hello").contains(" 1"), "{tree}");
    let (mermaid, _, status) = run(&runtime, &[&graph[..], &["--mermaid"]].concat());
    assert!(
        status == Some(0) && mermaid.starts_with("flowchart LR\n"),
        "{mermaid}"
    );
    let (json, _, _) = run(&runtime, &[&graph[..], &["--json"]].concat());
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let flows = json["flows"].as_array().unwrap();
    let sent = flows.iter().find(|flow| flow["topic"] == "example.test").unwrap();
    assert_eq!(
        (&sent["source"], &sent["receivers"][0]),
        (&"operator".into(), &"example".into())
    );
}

#[test]
fn what_led_to_an_event_and_what_followed_is_seen_and_written() {
    let runtime = Runtime::start().unwrap();
    for call in [
        r#"devices create '{"id":"lamp","name":"Lamp","type":"light"}'"#,
        r#"devices create_mapping '{"external_id":"z1","internal_id":"lamp"}'"#,
    ] {
        runtime.run(call).unwrap();
    }
    let sent = r#"publish external.device_state_reported '{"external_id":"z1","state":{"on":true}}'"#;
    runtime.run(sent).unwrap();
    let (_, said, status) = run(&runtime, &["record", "r.ndjson", "--past", "--for", "1s"]);
    assert_eq!(status, Some(0), "{said}");
    let recorded = std::fs::read_to_string(runtime.folder().join("r.ndjson")).unwrap();
    let lines = recorded
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let event = lines
        .map(|line| line["event"].clone())
        .find(|event| event["topic"] == "device.state_changed");
    let seq = event.expect("it led to this")["seq"].to_string();

    for of in [&["--from", "r.ndjson"][..], &["--for", "500ms"]] {
        let trace = [&["trace", &seq], of].concat();
        let (waterfall, said, status) = run(&runtime, &trace);
        assert_eq!((said.as_str(), status), ("", Some(0)), "{of:?}");
        let rows: Vec<&str> = waterfall.lines().skip(1).collect();
        assert!(
            rows[0].contains("● external.device_state_reported") && rows[0].contains("+0µs"),
            "{waterfall}"
        );
        assert!(
            rows.iter().any(|row| row.contains("▶ device.state_changed")),
            "{waterfall}"
        );
        let (otlp, _, _) = run(&runtime, &[&trace[..], &["--otlp"]].concat());
        assert!(
            otlp.contains("\"parentSpanId\"") && otlp.contains("external.device_state_reported"),
            "{otlp}"
        );
        let (chrome, _, _) = run(&runtime, &[&trace[..], &["--chrome"]].concat());
        let chrome: serde_json::Value = serde_json::from_str(&chrome).unwrap();
        assert_eq!(chrome["traceEvents"][0]["name"], "external.device_state_reported");
    }
    let (_, said, status) = run(&runtime, &["trace", "999999", "--from", "r.ndjson"]);
    assert!(
        status == Some(1) && said.contains("event 999999 is not here: there are 1 to"),
        "{said}"
    );

    let terminal = inspector(
        &["replay", "r.ndjson", "--speed", "0"],
        runtime.folder(),
        (100, 30),
    );
    terminal.see("recording ended").unwrap();
    press(&terminal, &format!(":trace {seq}<enter>"));
    terminal.see_row(&["▶ device.state_changed", "devices"]).unwrap();
    press(&terminal, "<home><enter>");
    terminal
        .see_row(&["operator", "ice_state_reported", "z1"])
        .unwrap();
    terminal.see("paused").unwrap();
    quit(terminal);
}
