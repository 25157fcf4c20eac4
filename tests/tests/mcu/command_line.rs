//! The real command line, at a chip: over a terminal that leads to the emulated serial line. (Sockets have plain
//! frames, which serial lines do not.)

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tests::binary;
use tests::mcu::is_skipped;

use crate::line::{LIMIT, Node, PLUGINS, board_at_tcp, board_at_terminal};

/// A chip as its operator reaches it.
struct Operator {
    binary: PathBuf,
    way: Vec<String>,
}

impl Operator {
    /// What a command prints.
    fn try_run(&self, arguments: &[&str]) -> Result<String, String> {
        let output = Command::new(&self.binary)
            .args(arguments)
            .args(&self.way)
            .env_remove("RUNTIME_SOCKET")
            .env_remove("RUNTIME_TCP_TOKEN")
            .stdin(Stdio::null())
            .output()
            .expect("the command runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() {
            Ok(text(&output.stdout))
        } else {
            Err(format!("{arguments:?}: {}", text(&output.stderr)))
        }
    }

    fn run(&self, arguments: &[&str]) -> String {
        self.try_run(arguments).unwrap_or_else(|why| panic!("{why}"))
    }

    /// Waits until the emulated line is there.
    fn wait(&self) {
        let until = Instant::now() + LIMIT;
        while let Err(why) = self.try_run(&["health"]) {
            assert!(Instant::now() < until, "{why}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn does_everything(&self) {
        self.wait();
        let plugins = self.run(&["plugins"]);
        for plugin in PLUGINS {
            assert!(plugins.contains(plugin), "{plugins}");
        }
        assert_eq!(
            self.run(&["call", "example.hello", "\"Мир\""]),
            "\"Привет, Мир!\""
        );
        assert_eq!(self.run(&["publish", "example.test", "1"]), "1");
        let events = self.run(&["watch", "sensor.>", "--count", "5"]);
        assert_eq!(events.lines().count(), 5, "{events}");
        assert!(self.run(&["plugin", "stop", "thermostat"]).contains("STOPPED"));
        assert!(self.run(&["plugin", "start", "thermostat"]).contains("STARTED"));
        self.run(&["state", "set", "test.key", "[1,2]"]);
        assert_eq!(self.run(&["state", "get", "test.key"]), "[1,2]");
        self.run(&["state", "delete", "test.key"]);
        // A chip's side of the link does not know these, and the operator is told so.
        for host_only in [&["storage", "get", "example", "status"][..], &["metrics"]] {
            assert!(self.try_run(host_only).unwrap_err().contains("does not know"));
        }
        assert!(self.run(&["services"]).contains("sensor.read"));
    }
}

fn at(way: &[&str]) -> Operator {
    Operator {
        binary: binary("host-std", "dev").unwrap(),
        way: way.iter().map(|part| (*part).to_owned()).collect(),
    }
}

#[test]
#[ignore = "needs QEMU: tests/run.sh mcu"]
fn over_an_emulators_socket() {
    if is_skipped("command line") {
        return;
    }
    let node = Node::start();
    at(&["--serial", &node.socket().display().to_string()]).does_everything();
}

#[test]
#[ignore = "needs QEMU: tests/run.sh mcu"]
fn over_a_serial_server() {
    if is_skipped("command line") {
        return;
    }
    let (_emulator, address) = board_at_tcp();
    at(&["--serial", &format!("tcp:{address}")]).does_everything();
}

#[test]
#[ignore = "needs QEMU: tests/run.sh mcu"]
fn over_a_terminal() {
    if is_skipped("command line") {
        return;
    }
    let (_emulator, device) = board_at_terminal();
    at(&["--serial", &device]).does_everything();
}
