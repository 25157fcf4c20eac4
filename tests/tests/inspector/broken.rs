//! Targets that are none, targets that talk nonsense, and events that are made to do harm.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::thread;

use kernel_core::Json;
use tests::inspector::{Feeder, Start, Terminal};

use crate::{inspector, press, program, quit};

/// What the command says, and its status.
fn run(arguments: &[&str], folder: &Path) -> (i32, String) {
    let output = Command::new(program())
        .args(arguments)
        .current_dir(folder)
        .env_remove("RUNTIME_SOCKET")
        .env_remove("RUNTIME_DB_PATH")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap(), said)
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    for arguments in [
        &["--help"][..],
        &["--version"],
        &["record", "--help"],
        &["--print-keys"],
    ] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = Command::new(program())
            .args(arguments)
            .stdout(full)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.contains("error: "), "{arguments:?}: {said}");
    }
}

#[test]
fn a_wrong_target_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let long = "x".repeat(200);
    for (target, said) in [
        ("", "serial:DEVICE"),
        ("tcp:nowhere", "HOST:PORT"),
        ("tcp:127.0.0.1:99999", "65535"),
        ("serial:/dev/ttyACM0:fast", "`fast` is no speed"),
        ("serial:", "the device is missing"),
        (long.as_str(), "107"),
    ] {
        let (status, text) = run(&["--json", target], folder.path());
        assert!(status == 2 && text.contains(said), "{target}: {status} {text}");
    }
}

#[test]
fn a_target_that_is_not_there_is_told_and_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "no socket").unwrap();
    // A port that was free a moment ago.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let closed = format!("tcp:{free}");
    for (target, said) in [
        ("nobody", "there is no such socket: "),
        ("file", "/file is no socket"),
        (".", " is no socket"),
        (&*closed, "nobody listens at"),
        ("serial:/dev/null", "it is not a serial line"),
        ("serial:/dev/no-such-line", "there is no such device"),
    ] {
        let (status, text) = run(&["--json", target], folder.path());
        assert!(status == 3 && text.contains(said), "{target}: {status} {text}");
        let terminal = inspector(&[target], folder.path(), (160, 20));
        terminal.see("down, next try").unwrap();
        terminal.see(said).unwrap();
        quit(terminal);
    }
}

type Answer = fn(&mut dyn Write);

/// Whoever listens there speaks something else, or nothing, or nonsense without an end.
#[test]
fn a_target_that_is_no_runtime_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let answers: [(&str, Answer); 4] = [
        ("silent", |_| {}),
        ("http", |to| {
            let _ = to.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n<html></html>");
        }),
        ("zeros", |to| while to.write_all(&[0; 4096]).is_ok() {}),
        ("noise", |to| {
            let mut seed = 1u64;
            let mut chunk = [0; 4096];
            loop {
                for byte in &mut chunk {
                    seed = seed
                        .wrapping_mul(6364136223846793005)
                        .wrapping_add(1442695040888963407);
                    *byte = (seed >> 56) as u8;
                }
                if to.write_all(&chunk).is_err() {
                    return;
                }
            }
        }),
    ];
    for (name, answer) in answers {
        let listener = UnixListener::bind(folder.path().join(name)).unwrap();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                thread::spawn(move || {
                    let mut to = stream.try_clone().unwrap();
                    thread::spawn(move || answer(&mut to));
                    let mut from = stream;
                    let mut buf = [0; 4096];
                    while matches!(from.read(&mut buf), Ok(1..)) {}
                });
            }
        });
        let terminal = inspector(&[name], folder.path(), (160, 20));
        terminal.see("down, next try").unwrap();
        println!("{name}: {}", terminal.text().lines().next().unwrap_or_default());
        // Keys are alive all the while.
        press(&terminal, "?");
        terminal.see("╭ Keys").unwrap();
        press(&terminal, "?");
        terminal.see_no("╭ Keys").unwrap();
        quit(terminal);
        let (status, text) = run(&["--json", name], folder.path());
        assert_eq!(status, 3, "{name}: {text}");
    }
}

fn publish(feeder: &Feeder, topic: &str, payload: &str) {
    let runtime = feeder.runtime().unwrap();
    runtime
        .bus()
        .try_publish(topic, Json::parse(payload).unwrap())
        .unwrap();
}

#[test]
fn large_deep_and_hostile_payloads_are_shown_and_do_no_harm() {
    let feeder = Feeder::start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let socket = feeder.socket();
    let terminal = inspector(&[socket.to_str().unwrap()], folder.path(), (120, 40));
    terminal.see("connected").unwrap();
    press(&terminal, "2");
    terminal.see("following").unwrap();
    let deep = format!("{}1{}", "[".repeat(30), "]".repeat(30));
    let numbers: Vec<_> = (0..8000).map(|n| n.to_string()).collect();
    let long = format!("[{}]", numbers.join(","));
    let wide = format!("\"{}\"", "ж".repeat(20_000));
    let payloads = [
        r#""\u001b[2J\u001b]0;owned\u0007\u009b31m""#,
        "\"\u{9b}31m\u{85}\u{200b}\u{202e}txet\u{2066}\"",
        "\"👩‍👩‍👧‍👦 e\u{301} 日本語 ﷽\"",
        &deep,
        &long,
        &wide,
        "1e400",
        "-0.0",
        "\"\"",
        "null",
    ];
    for (number, payload) in payloads.iter().enumerate() {
        publish(&feeder, &format!("hostile.n{number}"), payload);
        terminal.see(&format!("hostile.n{number}")).unwrap();
    }
    publish(&feeder, "дом.дверь.звонок", "\"Привет\"");
    terminal.see_row(&["дом.дверь.звонок", "Привет"]).unwrap();
    // Each in the detail pane, at sizes that fit badly.
    press(&terminal, "<enter>");
    for (columns, rows) in [(120, 40), (80, 24), (61, 13), (7, 5), (1, 1), (120, 40)] {
        terminal.resize(columns, rows).unwrap();
        for _ in 0..=payloads.len() {
            press(&terminal, "<up>");
            press(&terminal, "JJKJ");
        }
        press(&terminal, "G");
    }
    terminal.see_row(&["дом.дверь.звонок", "Привет"]).unwrap();
    terminal.see("hostile.n0").unwrap();
    // A frame is whole, its corners are where they belong.
    terminal
        .until_screen("a whole frame", |screen| {
            let rows: Vec<_> = screen.rows(0, 120).collect();
            rows.get(2)
                .is_some_and(|row| row.starts_with('╭') && row.ends_with('╮'))
        })
        .unwrap();
    quit(terminal);
}

/// Every key on every screen, in a terminal of one cell and in one of a few, with nobody to talk to and with
/// a runtime.
#[test]
fn no_key_ends_it_in_a_terminal_of_one_cell() {
    let feeder = Feeder::start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let program = program();
    let socket = feeder.socket();
    publish(&feeder, "a.b", "{\"on\":true}");
    for target in [socket.to_str().unwrap(), "nobody"] {
        for size in [(1, 1), (2, 3), (12, 4)] {
            let terminal = Terminal::start(Start {
                folder: Some(folder.path()),
                size,
                ..Start::new(&program, &[target, "--past", "--read-only"])
            })
            .unwrap();
            terminal
                .until_screen("the first frame", |screen| screen.alternate_screen())
                .unwrap();
            for screen in "1234567".chars() {
                for key in (' '..='~').filter(|key| *key != 'q') {
                    terminal.press(&format!("{screen}{key}")).unwrap();
                }
                press(&terminal, "<esc>");
                press(
                    &terminal,
                    "<down><up><pgdn><pgup><home><end><left><right><enter><tab><shift-tab>",
                );
                press(&terminal, "<ctrl-l>");
                for _ in 0..4 {
                    press(&terminal, "<esc>");
                    // By itself, not as the first part of another key.
                    thread::sleep(std::time::Duration::from_millis(30));
                }
            }
            terminal.resize(100, 30).unwrap();
            terminal.see("Overview").unwrap();
            // Twice: right after an escape the first one is another key.
            press(&terminal, "<ctrl-c>");
            quit(terminal);
        }
    }
}

#[test]
fn a_terminal_that_cannot_be_drawn_on_is_told_so_in_words_alone() {
    let folder = tempfile::tempdir().unwrap();
    for term in ["dumb", ""] {
        let mut terminal = Terminal::start(Start {
            folder: Some(folder.path()),
            variables: &[("TERM", term)],
            ..Start::new(&program(), &["nowhere.sock"])
        })
        .unwrap();
        terminal.see("TERM says that").unwrap();
        assert_eq!(terminal.ended().unwrap().exit_code(), 2, "{term:?}");
        let (_, written) = terminal.drawn();
        assert!(written < 400, "{term:?}: {written} bytes, more than the words");
        assert_eq!(terminal.not_given_back().unwrap(), [""; 0]);
    }
}
