//! Charts: on the screen, and without a terminal.

use std::process::Command;

use tests::runtime::Runtime;

use crate::{attached, press, program, quit};

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
