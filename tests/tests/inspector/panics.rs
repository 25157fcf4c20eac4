//! A bug must not leave a terminal in pieces. There is no known way to make the shipped program panic, so
//! these tests start this very test program in a terminal, as a program with a bug in it.

use std::future::Future;
use std::pin::Pin;
use std::time::Instant;

use inspector_tui::app;
use inspector_tui::io::{Port, Source};
use inspector_tui::keys::KeyMap;
use inspector_tui::terminal::Screen;
use inspector_tui::theme::{Palette, Theme};
use inspector_tui::ui::{Options, Ui};
use tests::inspector::{Start, Terminal};

/// Starts one of the tests below, which no run of the tests starts by itself.
fn start(test: &str) -> Terminal {
    let own = std::env::current_exe().unwrap();
    let name = format!("panics::{test}");
    let arguments = ["--exact", &name, "--ignored", "--nocapture", "--test-threads=1"];
    Terminal::start(Start {
        variables: &[("INSPECTOR_WITH_A_BUG", "1"), ("RUST_BACKTRACE", "0")],
        size: (150, 40),
        ..Start::new(&own, &arguments)
    })
    .unwrap()
}

/// Only inside of a terminal: whoever runs all ignored tests has none to lose.
fn is_started_by_a_test() -> bool {
    std::env::var_os("INSPECTOR_WITH_A_BUG").is_some()
}

struct Buggy;

impl Source for Buggy {
    fn run(self: Box<Self>, _port: Port) -> Pin<Box<dyn Future<Output = ()>>> {
        Box::pin(async { panic!("a bug in the I/O thread") })
    }
}

#[test]
#[ignore = "started by another test, in a terminal"]
fn a_bug_beside_the_loop() {
    if !is_started_by_a_test() {
        return;
    }
    let options = Options {
        target: "nowhere".to_owned(),
        read_only: true,
        replay: false,
    };
    let theme = Theme::new(Palette::Dark, false);
    let ui = Ui::new(options, KeyMap::default(), theme, Instant::now());
    let failure = app::run(Buggy, 1 << 20, ui).unwrap_err();
    println!("the loop says: {failure}");
}

#[test]
#[ignore = "started by another test, in a terminal"]
fn a_bug_in_a_view() {
    if !is_started_by_a_test() {
        return;
    }
    let mut screen = Screen::take().unwrap();
    screen
        .draw(|frame| frame.render_widget("fine", frame.area()))
        .unwrap();
    screen.draw(|_| panic!("a bug in a view")).unwrap();
}

#[test]
fn a_panic_in_the_middle_of_a_frame_is_read_on_a_terminal_that_works() {
    let mut terminal = start("a_bug_in_a_view");
    assert!(!terminal.ended().unwrap().success());
    assert_eq!(terminal.not_given_back().unwrap(), [""; 0]);
    assert!(terminal.text().contains("a bug in a view"), "{}", terminal.text());
}

#[test]
fn a_panic_on_another_thread_ends_the_program_with_what_happened() {
    let mut terminal = start("a_bug_beside_the_loop");
    assert!(terminal.ended().unwrap().success());
    assert_eq!(terminal.not_given_back().unwrap(), [""; 0]);
    let text = terminal.text();
    assert!(text.contains("a bug in the I/O thread"), "{text}");
    assert!(text.contains("the loop says: the I/O thread"), "{text}");
}
