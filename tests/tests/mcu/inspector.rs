//! The inspector at a chip: over a Unix socket, TCP, and a terminal, each of which leads to the emulated
//! serial line.

use tests::binary;
use tests::inspector::session::keys;
use tests::inspector::{Start, Terminal};
use tests::mcu::{Board, Emulator, is_skipped};

use crate::line::{Node, PLUGINS, board_at_tcp, board_at_terminal, image};

/// Plugins, events, a call, and a plugin led.
fn see_everything(target: &str) {
    let program = binary("inspector-tui", "dev").unwrap();
    let mut terminal = Terminal::start(Start {
        size: (100, 22),
        ..Start::new(&program, &[target])
    })
    .unwrap();
    let press = |names: &str| terminal.press(&keys(names).unwrap()).unwrap();
    terminal.see("connected").unwrap();
    press("3");
    for plugin in PLUGINS {
        terminal.see_row(&[plugin, "● STARTED"]).unwrap();
    }
    println!("{}", terminal.text());
    press("2");
    terminal.see_row(&["sensor.hall.temperature", "sensor"]).unwrap();
    press("/");
    terminal.see("filter").unwrap();
    press("topic:heating.>");
    terminal.see_no("sensor.hall.temperature").unwrap();
    press("<esc>");
    terminal.see("sensor.hall.temperature").unwrap();
    press("4");
    terminal.see_row(&["example.hello", "example"]).unwrap();
    press("c");
    terminal.see("Call example.hello").unwrap();
    press("\"Мир\"");
    terminal.see("● valid JSON").unwrap();
    press("<enter>");
    terminal.see("answered after").unwrap();
    terminal.see("\"Привет, Мир!\"").unwrap();
    println!("{}", terminal.text());
    press("<esc>");
    terminal.see_no("Call example.hello").unwrap();
    press("3");
    terminal.see("thermostat").unwrap();
    press("/thermostat<enter>");
    terminal.see_no("faulty").unwrap();
    press("X");
    terminal.see("Stop plugin thermostat?").unwrap();
    press("y");
    terminal.see_row(&["thermostat", "■ STOPPED"]).unwrap();
    press("<esc>");
    terminal.see_no("esc close").unwrap();
    press("S");
    terminal.see("Start plugin thermostat?").unwrap();
    press("y");
    terminal.see_row(&["thermostat", "● STARTED"]).unwrap();
    println!("{}", terminal.text());
    press("<ctrl-c>");
    assert!(terminal.ended().unwrap().success());
    assert_eq!(terminal.not_given_back().unwrap(), [""; 0]);
}

#[test]
#[ignore = "needs QEMU: tests/run.sh mcu"]
fn over_a_unix_socket() {
    if is_skipped("inspector") {
        return;
    }
    let mut node = Node::start();
    see_everything(&format!("serial:{}", node.socket().display()));
    node.assert_alive();
}

#[test]
#[ignore = "needs QEMU: tests/run.sh mcu"]
fn over_tcp() {
    if is_skipped("inspector") {
        return;
    }
    let (_emulator, address) = board_at_tcp();
    see_everything(&format!("serial:tcp:{address}"));
}

#[test]
#[ignore = "needs QEMU: tests/run.sh mcu"]
fn over_a_terminal() {
    if is_skipped("inspector") {
        return;
    }
    let (_emulator, device) = board_at_terminal();
    see_everything(&format!("serial:{device}:115200"));
}

/// The board is switched off and on: another start, of which all is seen.
#[test]
#[ignore = "needs QEMU: tests/run.sh mcu"]
fn a_board_that_is_switched_off_and_on_is_found_again() {
    if is_skipped("inspector") {
        return;
    }
    let program = binary("inspector-tui", "dev").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("uart");
    let serial = format!("unix:{},server=on,wait=off", socket.display());
    let image = image();
    let emulator = Emulator::start(Board::Mps2, &image, &["-serial", &serial]).unwrap();
    let target = format!("serial:{}", socket.display());
    let mut terminal = Terminal::start(Start {
        size: (120, 36),
        ..Start::new(&program, &[&target])
    })
    .unwrap();
    let press = |names: &str| terminal.press(&keys(names).unwrap()).unwrap();
    terminal.see("connected").unwrap();
    press("3");
    terminal.see_row(&["thermostat", "● STARTED"]).unwrap();
    drop(emulator);
    terminal.see("down, next try in").unwrap();
    press("?");
    terminal.see("╭ Keys").unwrap();
    press("?");
    let _emulator = Emulator::start(Board::Mps2, &image, &["-serial", &serial]).unwrap();
    terminal.see("connected").unwrap();
    press("2");
    terminal.see("sensor.hall.temperature").unwrap();
    press("q");
    assert!(terminal.ended().unwrap().success());
    assert_eq!(terminal.not_given_back().unwrap(), [""; 0]);
}
