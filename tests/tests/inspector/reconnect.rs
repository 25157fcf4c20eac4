//! The runtime goes away and comes back.

use std::time::Instant;

use tests::runtime::Runtime;

use crate::{attached, inspector, press, quit};

/// The seconds that the countdown shows.
fn countdown(text: &str) -> Option<String> {
    let (_, after) = text.split_once("next try in ")?;
    Some(after.split_once('s')?.0.to_owned())
}

#[test]
fn a_killed_runtime_is_found_again_and_the_keys_are_alive_meanwhile() {
    let mut runtime = Runtime::start_with_example().unwrap();
    let terminal = attached(&runtime, &[]);
    press(&terminal, "2");
    terminal.see("following").unwrap();
    runtime.run("publish before.kill 1").unwrap();
    terminal.see("before.kill").unwrap();
    runtime.kill();

    // The countdown counts down, and begins anew: there are attempts.
    let mut shown: Vec<f64> = Vec::new();
    terminal
        .until("a countdown", |text| {
            if let Some(seconds) = countdown(text).and_then(|seconds| seconds.parse().ok())
                && shown.last() != Some(&seconds)
            {
                shown.push(seconds);
            }
            let falls = shown.windows(2).any(|pair| pair[1] < pair[0]);
            let anew = shown.windows(2).any(|pair| pair[1] > pair[0]);
            falls && anew
        })
        .unwrap();
    assert!(shown.iter().all(|seconds| *seconds <= 1.0), "{shown:?}");
    // Keys are alive, and what was seen is still there.
    press(&terminal, "?");
    terminal.see("╭ Keys").unwrap();
    press(&terminal, "?");
    terminal.see("before.kill").unwrap();
    press(&terminal, "3");
    terminal.see_row(&["example", "STARTED"]).unwrap();
    // What needs the runtime says that it is not there.
    press(&terminal, "<down>R");
    terminal.see("Reload plugin example?").unwrap();
    press(&terminal, "y");
    terminal.see("not connected").unwrap();
    press(&terminal, "<esc>");
    terminal.see_no("Reload plugin example").unwrap();
    press(&terminal, "2");
    terminal.see("before.kill").unwrap();

    runtime.start_again().unwrap();
    let back = Instant::now();
    let seen = terminal.see("connected").unwrap();
    println!(
        "connected {} ms after the runtime said that it is running",
        seen.saturating_duration_since(back).as_millis()
    );
    // The stream goes on by itself; the old events are still there.
    runtime.run("publish after.start 2").unwrap();
    terminal.see("after.start").unwrap();
    assert!(terminal.text().contains("before.kill"), "{}", terminal.text());
    quit(terminal);
}

#[test]
fn it_may_be_there_before_the_runtime() {
    let mut runtime = Runtime::new().unwrap();
    let terminal = inspector(&[], runtime.folder(), (100, 30));
    terminal.see("there is no such socket").unwrap();
    terminal.see("core-runtime run").unwrap();
    runtime.start_again().unwrap();
    terminal.see("connected").unwrap();
    terminal.see_row(&["example", "STARTED"]).unwrap();
    quit(terminal);
}
