//! Lines in place of screens.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tests::runtime::Runtime;

use crate::program;

#[test]
fn what_happens_is_said_in_lines_and_what_is_typed_is_answered() {
    let mut runtime = Runtime::start_with_example().unwrap();
    let mut child = Command::new(program())
        .arg("--plain")
        .current_dir(runtime.folder())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut typed = child.stdin.take().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (to_test, said) = mpsc::channel();
    thread::spawn(move || {
        lines
            .map_while(Result::ok)
            .try_for_each(|line| to_test.send(line))
    });
    let hear = |part: &str| {
        let mut heard = Vec::new();
        while let Ok(line) = said.recv_timeout(Duration::from_secs(60)) {
            if line.contains(part) {
                return line;
            }
            heard.push(line);
        }
        panic!("{part:?} was not said: {heard:#?}")
    };
    let mut say = |line: &str| writeln!(typed, "{line}").unwrap();
    // What is typed before anything was read is answered then.
    say("plugins");
    hear("connected to core-runtime");
    hear("example: STARTED, ");
    say("services");
    hear("example.hello of example: 0 calls, 0 errors.");
    say("nonsense");
    hear("there is no command \"nonsense\": help says which there are");
    runtime
        .run("publish example.test '{\"n\":\"\\u001b[2J\"}'")
        .unwrap();
    hear(r#" example.test from operator to example: {"n":"\u001b[2J"}"#);
    say("filter n=");
    hear("not understood: ");
    say("filter topic:lamp.*");
    hear("from now on topic:lamp.*");
    for topic in ["door.open", "lamp.on"] {
        runtime.run(&format!("publish {topic} 1")).unwrap();
    }
    assert!(hear(" from operator to ").contains("lamp.on from operator to nobody: 1"));
    say("warnings");
    hear("nothing is wrong");
    runtime.kill();
    hear("not connected: ");
    say("quit");
    assert!(child.wait().unwrap().success());
}
