//! What is seen and done while a runtime is there.

use tests::runtime::Runtime;

use crate::{attached, press, quit};

#[test]
fn a_runtime_is_seen_on_every_screen() {
    let runtime = Runtime::start_with_example().unwrap();
    runtime
        .run("state set room.kitchen '{\"heating\":true}' --ttl 3600")
        .unwrap();
    let terminal = attached(&runtime, &[]);
    terminal.see("core-runtime").unwrap();
    terminal.see_row(&["example", "STARTED"]).unwrap();
    press(&terminal, "2");
    terminal.see("following").unwrap();
    press(&terminal, "3");
    terminal.see_row(&["example", "STARTED"]).unwrap();
    // The storage is a plugin like any other, and the first.
    press(&terminal, "<down><enter>");
    terminal.see("Greets, listens, and stores").unwrap();
    press(&terminal, "4");
    terminal.see_row(&["example.hello", "example"]).unwrap();
    press(&terminal, "5");
    terminal
        .see_row(&["room.kitchen", r#"{"heating":true}"#])
        .unwrap();
    press(&terminal, "6");
    terminal.see("example").unwrap();
    press(&terminal, "<enter>");
    terminal.see("status").unwrap();
    press(&terminal, "<down>");
    terminal.see("Плагин запущен").unwrap();
    press(&terminal, "7");
    terminal.see("Warnings").unwrap();
    quit(terminal);
}

#[test]
fn events_are_filtered_as_one_types() {
    let runtime = Runtime::start_with_example().unwrap();
    let terminal = attached(&runtime, &[]);
    press(&terminal, "2");
    terminal.see("following").unwrap();
    for n in 0..6 {
        let room = if n % 2 == 0 { "kitchen" } else { "hall" };
        runtime
            .run(&format!("publish device.{room}.power '{{\"value\":{}}}'", n * 10))
            .unwrap();
    }
    runtime.run("publish example.test '\"Привет\"'").unwrap();
    terminal.see_row(&["example.test", "Привет"]).unwrap();
    terminal
        .see_row(&["device.kitchen.power", r#"{"value":40}"#])
        .unwrap();

    press(&terminal, "/");
    terminal.see("filter").unwrap();
    press(&terminal, "topic:device.> value>");
    terminal.see("no value after").unwrap();
    press(&terminal, "15");
    terminal.see_no("no value after").unwrap();
    terminal.see_no("example.test").unwrap();
    terminal.see_no(r#"{"value":10}"#).unwrap();
    for value in [20, 30, 40, 50] {
        terminal.see(&format!("{{\"value\":{value}}}")).unwrap();
    }
    // jq, by a process of its own.
    press(&terminal, " | select(.value % 20 == 0)");
    terminal.see_no(r#"{"value":30}"#).unwrap();
    terminal.see(r#"{"value":20}"#).unwrap();
    terminal.see(r#"{"value":40}"#).unwrap();
    // What comes is filtered as well.
    press(&terminal, "<enter>");
    runtime.run("publish device.hall.power '{\"value\":61}'").unwrap();
    runtime.run("publish device.hall.power '{\"value\":80}'").unwrap();
    terminal.see(r#"{"value":80}"#).unwrap();
    assert!(
        !terminal.text().contains(r#"{"value":61}"#),
        "{}",
        terminal.text()
    );
    press(&terminal, "<esc>");
    terminal.see("example.test").unwrap();
    terminal.see(r#"{"value":61}"#).unwrap();
    quit(terminal);
}

#[test]
fn the_stream_is_paused_and_followed_again() {
    let runtime = Runtime::start_with_example().unwrap();
    let terminal = attached(&runtime, &[]);
    press(&terminal, "2");
    terminal.see("following").unwrap();
    runtime.run("publish before.pause 1").unwrap();
    terminal.see("before.pause").unwrap();
    press(&terminal, " ");
    terminal.see("paused").unwrap();
    for n in 0..40 {
        runtime.run(&format!("publish while.paused {n}")).unwrap();
    }
    // It is told that there is more; what is looked at stays.
    terminal.see("1 of 41").unwrap();
    assert!(terminal.text().contains("before.pause"), "{}", terminal.text());
    press(&terminal, " ");
    terminal.see("following").unwrap();
    terminal.see_row(&["while.paused", " 39"]).unwrap();
    terminal.see_no("before.pause").unwrap();
    quit(terminal);
}

#[test]
fn a_service_is_called_and_answers() {
    let runtime = Runtime::start_with_example().unwrap();
    let terminal = attached(&runtime, &[]);
    press(&terminal, "4");
    terminal.see_row(&["example.hello", "example"]).unwrap();
    press(&terminal, "c");
    terminal.see("Call example.hello").unwrap();
    // No JSON yet, and nothing can be sent.
    press(&terminal, "\"Мир");
    terminal.see_no("● valid JSON").unwrap();
    press(&terminal, "<enter>");
    press(&terminal, "\"");
    terminal.see("● valid JSON").unwrap();
    terminal.see_row(&["arguments", "\"Мир\""]).unwrap();
    assert!(!terminal.text().contains("answered"), "{}", terminal.text());
    press(&terminal, "<enter>");
    terminal.see("answered after").unwrap();
    terminal.see("\"Привет, Мир!\"").unwrap();
    // Once more, with what the plugin refuses.
    press(&terminal, "a");
    terminal.see("● valid JSON").unwrap();
    press(&terminal, "<ctrl-u>5");
    terminal.see_row(&["arguments", " 5"]).unwrap();
    press(&terminal, "<enter>");
    terminal.see("takes a name: a JSON string").unwrap();
    press(&terminal, "<esc>");
    terminal.see_no("Call example.hello").unwrap();
    quit(terminal);
    assert!(runtime.run("services --json").unwrap().contains("\"calls\":2"));
}

#[test]
fn a_plugin_is_stopped_and_started_through_the_dialog() {
    let runtime = Runtime::start_with_example().unwrap();
    let terminal = attached(&runtime, &[]);
    press(&terminal, "3");
    terminal.see_row(&["example", "STARTED"]).unwrap();
    press(&terminal, "<down>X");
    terminal.see("Stop plugin example?").unwrap();
    press(&terminal, "n");
    terminal.see_no("Stop plugin example?").unwrap();
    assert!(runtime.run("plugins").unwrap().contains("STARTED"), "asked first");
    press(&terminal, "X");
    terminal.see("Stop plugin example?").unwrap();
    press(&terminal, "y");
    terminal.see_row(&["example", "STOPPED"]).unwrap();
    assert!(runtime.run("plugins").unwrap().contains("STOPPED"));
    press(&terminal, "<esc>");
    terminal.see_no("esc close").unwrap();
    press(&terminal, "S");
    terminal.see("Start plugin example?").unwrap();
    press(&terminal, "y");
    terminal.see_row(&["example", "STARTED"]).unwrap();
    assert!(runtime.run("plugins").unwrap().contains("STARTED"));
    quit(terminal);
}

#[test]
fn read_only_refuses_what_would_change_something() {
    let runtime = Runtime::start_with_example().unwrap();
    let terminal = attached(&runtime, &["--read-only"]);
    press(&terminal, "3");
    terminal.see_row(&["example", "STARTED"]).unwrap();
    press(&terminal, "<down>X");
    terminal.see("Stop plugin example?").unwrap();
    terminal.see("nothing at the target is changed").unwrap();
    press(&terminal, "y");
    press(&terminal, "<enter>");
    press(&terminal, "<esc>");
    terminal.see_no("Stop plugin example?").unwrap();
    press(&terminal, "4");
    terminal.see("example.hello").unwrap();
    press(&terminal, "c");
    terminal.see("Call example.hello").unwrap();
    press(&terminal, "\"Мир\"<enter>");
    terminal.see("nothing at the target is changed").unwrap();
    quit(terminal);
    assert!(runtime.run("plugins").unwrap().contains("STARTED"));
    assert!(runtime.run("services --json").unwrap().contains("\"calls\":0"));
}

#[test]
fn state_and_storage_are_edited() {
    let runtime = Runtime::start_with_example().unwrap();
    runtime.run("state set lamp 1").unwrap();
    let terminal = attached(&runtime, &[]);
    press(&terminal, "5");
    terminal.see("lamp").unwrap();
    // The first one is the host's clock.
    press(&terminal, "j");
    press(&terminal, "E");
    terminal.see("Set state lamp").unwrap();
    press(&terminal, "<ctrl-u>[2]");
    terminal.see_row(&["to ", "[2]"]).unwrap();
    // Somebody else is faster: what was seen is not what would be overwritten.
    runtime.run("state set lamp 7").unwrap();
    press(&terminal, "<enter>");
    terminal.see("version").unwrap();
    terminal.see("✖").unwrap();
    assert_eq!(runtime.run("state get lamp").unwrap(), "7");
    press(&terminal, "<esc>");
    terminal.see_no("Set state lamp").unwrap();
    terminal.see_row(&["lamp", " 7 "]).unwrap();
    press(&terminal, "E");
    terminal.see("Set state lamp").unwrap();
    press(&terminal, "<ctrl-u>[3]<enter>");
    terminal.see("●").unwrap();
    terminal.see_row(&["lamp", "[3]"]).unwrap();
    press(&terminal, "<esc>");
    terminal.see_no("Set state lamp").unwrap();
    assert_eq!(runtime.run("state get lamp").unwrap(), "[3]");
    quit(terminal);
}

#[test]
fn it_fits_whatever_size_the_terminal_takes() {
    let runtime = Runtime::start_with_example().unwrap();
    let terminal = attached(&runtime, &[]);
    for (columns, rows) in [(160, 50), (80, 24), (40, 10), (1, 1), (250, 80), (100, 30)] {
        terminal.resize(columns, rows).unwrap();
        if columns >= 80 {
            terminal.see_row(&["example", "STARTED"]).unwrap();
            // The frame reaches the last column and the last but one row.
            terminal
                .until_screen("the whole size", |screen| {
                    let rows: Vec<_> = screen.rows(0, columns).collect();
                    rows.iter()
                        .any(|row| row.trim_end().chars().count() == usize::from(columns))
                        && rows.last().is_some_and(|row| row.contains("quit"))
                })
                .unwrap();
        } else {
            // Every key at every size, and it is still there.
            press(&terminal, "1234567");
            press(&terminal, "?");
            press(&terminal, "?");
            press(&terminal, "1");
        }
    }
    // A window that is dragged while keys are pressed: the last size counts.
    for n in 0..60 {
        terminal.resize(80 + n, 30).unwrap();
        press(&terminal, "jk");
    }
    terminal.resize(90, 28).unwrap();
    terminal
        .until_screen("the last size", |screen| {
            let rows: Vec<_> = screen.rows(0, 90).collect();
            rows.get(2).is_some_and(|row| row.ends_with('╮'))
                && rows.get(26).is_some_and(|row| row.ends_with('╯'))
        })
        .unwrap();
    quit(terminal);
}
