//! The runtime as a process: its signals, its socket, its database.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use rustix::process::Signal;

use crate::support::*;

#[test]
fn a_signal_stops_it_in_order() {
    for by in [Signal::TERM, Signal::INT, Signal::QUIT, Signal::HUP] {
        let runtime = Runtime::start();
        let running = runtime.cli(&["storage", "get", "example", "status"]).ok();
        assert!(running.contains("\"started\""), "{running}");
        let (status, dir) = runtime.stop(by);
        assert_eq!(status.code(), Some(0));
        let stored = Runtime::stored(dir.path(), "example", "status").unwrap();
        assert!(stored.contains("\"stopped\""), "{stored}");
        assert!(!dir.path().join("link.sock").exists());
    }
}

#[test]
fn the_socket_is_its_owners_alone() {
    let runtime = Runtime::start();
    let socket = fs::metadata(runtime.path("link.sock")).unwrap();
    assert_eq!(socket.permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_second_one_is_refused_and_the_first_goes_on() {
    let runtime = Runtime::start();
    let inode = fs::metadata(runtime.path("link.sock")).unwrap().ino();

    // The same database, another socket; then the same socket, another database.
    for (database, socket) in [("runtime.db", "other.sock"), ("other.db", "link.sock")] {
        let second = run(
            program()
                .env("RUNTIME_DB_PATH", runtime.path(database))
                .env("RUNTIME_SOCKET", runtime.path(socket)),
            b"",
        );
        assert_eq!(second.status, 1, "{second:?}");
        let told = second.out + &second.err;
        assert!(told.contains("not started"), "{told}");
    }
    runtime.cli(&["health", "--check"]).ok();
    assert_eq!(fs::metadata(runtime.path("link.sock")).unwrap().ino(), inode);
}

#[test]
fn what_was_acknowledged_survives_a_kill_and_a_dead_socket_is_replaced() {
    let runtime = Runtime::start();
    for n in 0..20 {
        let (key, value) = (format!("key{n}"), format!("[{n}]"));
        runtime.cli(&["storage", "set", "kept", &key, &value]).ok();
    }
    let (status, dir) = runtime.stop(Signal::KILL);
    assert_eq!(status.signal(), Some(9));
    let left = dir.path().join("link.sock");
    assert!(left.exists());
    let told = run(program().env("RUNTIME_SOCKET", &left).arg("health"), b"").fails(3);
    assert!(told.contains("nobody listens"), "{told}");

    let runtime = Runtime::start_with(dir, &[]);
    for n in 0..20 {
        let value = runtime.cli(&["storage", "get", "kept", &format!("key{n}")]).ok();
        assert_eq!(value, format!("[{n}]\n"));
    }
}

#[test]
fn run_takes_the_socket_from_the_command_line() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("named.sock");
    let mut child = program()
        .arg("--socket")
        .arg(&socket)
        .env("RUNTIME_DB_PATH", dir.path().join("runtime.db"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("it is there", || {
        let mut health = program();
        health.arg("--socket").arg(&socket).args(["health", "--check"]);
        run(&mut health, b"").status == 0
    });
    signal(&child, Signal::TERM);
    assert_eq!(wait(&mut child).code(), Some(0));
}

#[test]
fn a_wrong_configuration_is_status_2() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = launch(dir.path(), &[("RUNTIME_SHUTDOWN_TIMEOUT", "soon")]);
    assert_eq!(wait(&mut child).code(), Some(2));
    let log = fs::read_to_string(dir.path().join("log")).unwrap();
    assert!(log.contains("RUNTIME_SHUTDOWN_TIMEOUT is \"soon\""), "{log}");
    assert!(!dir.path().join("runtime.db").exists());
}

#[test]
fn what_does_nothing_is_refused_or_named() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("link.sock");
    for options in [
        &["run", "--tcp", "127.0.0.1:1"][..],
        &["--serial", "/dev/ttyACM0"],
        &["--json"],
    ] {
        let told = run(program().env("RUNTIME_SOCKET", &socket).args(options), b"").fails(2);
        assert!(told.contains("leave it out") && told.contains("--"), "{told}");
    }
    let mut child = launch(
        dir.path(),
        &[("RUNTIME_DB", "elsewhere.db"), ("RUNTIME_LOGS", "debug")],
    );
    until("it is there", || socket.exists());
    signal(&child, Signal::TERM);
    assert_eq!(wait(&mut child).code(), Some(0));
    let log = fs::read_to_string(dir.path().join("log")).unwrap();
    for name in ["RUNTIME_DB", "RUNTIME_LOGS"] {
        let named = format!("the variable {name} is set");
        assert!(log.contains(&named) && log.contains("RUNTIME_DB_PATH"), "{log}");
    }
}

#[test]
fn what_was_ignored_from_the_start_stays_ignored() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new("sh");
    let script = format!("trap '' HUP; exec {}", env!("CARGO_BIN_EXE_core-runtime"));
    let mut child = command
        .args(["-c", &script])
        .env("RUNTIME_DB_PATH", dir.path().join("runtime.db"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("it is there", || dir.path().join("runtime.sock").exists());
    signal(&child, Signal::HUP);
    let mut health = program();
    health
        .env("RUNTIME_SOCKET", dir.path().join("runtime.sock"))
        .args(["health", "--check"]);
    // The socket is there before the plugins are.
    until("it goes on", || run(&mut health, b"").status == 0);
    signal(&child, Signal::TERM);
    assert_eq!(wait(&mut child).code(), Some(0));
}

#[test]
fn files_and_folders_are_their_owners_alone() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("made/here");
    let mut child = program()
        .env("RUNTIME_DB_PATH", folder.join("runtime.db"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let socket = folder.join("runtime.sock");
    until("it is there", || socket.exists());
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    for file in ["runtime.db", "runtime.db-wal", "runtime.db.lock", "runtime.sock"] {
        assert_eq!(mode(&folder.join(file)), 0o600, "{file}");
    }
    signal(&child, Signal::TERM);
    assert_eq!(wait(&mut child).code(), Some(0));
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    for args in [
        &["--help"][..],
        &["--version"],
        &["help", "call"],
        &["call", "--help"],
        &["completions", "bash"],
        &["man"],
    ] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut child = program()
            .args(args)
            .stdout(full)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        assert_eq!(wait(&mut child).code(), Some(1), "{args:?}");
        let told = all(child.stderr.take().unwrap());
        assert!(told.contains("cannot write the output"), "{args:?}: {told}");
    }
}

#[test]
fn a_socket_that_is_removed_is_made_again() {
    let runtime = Runtime::start();
    let socket = runtime.path("link.sock");
    fs::remove_file(&socket).unwrap();
    until("it is there again", || socket.exists());
    runtime.cli(&["health", "--check"]).ok();
    let log = fs::read_to_string(runtime.path("log")).unwrap();
    assert!(log.contains("it was made again"), "{log}");
}

#[test]
fn a_database_that_is_removed_or_replaced_takes_no_acknowledged_write_with_it() {
    for replaced in [false, true] {
        let runtime = Runtime::start();
        runtime.cli(&["storage", "set", "n", "before", "1"]).ok();
        let database = runtime.path("runtime.db");
        let aside = runtime.path("aside.db");
        fs::rename(&database, &aside).unwrap();
        if replaced {
            fs::copy(&aside, &database).unwrap();
        }
        let told = runtime.cli(&["storage", "set", "n", "after", "2"]).fails(1);
        assert!(told.contains("removed or replaced"), "{told}");
        // What was read is still read.
        assert_eq!(runtime.cli(&["storage", "get", "n", "before"]).ok(), "1\n");
        let log = fs::read_to_string(runtime.path("log")).unwrap();
        assert_eq!(log.matches("removed or replaced").count(), 1, "{log}");
        // Put back, it goes on.
        fs::rename(&aside, &database).unwrap();
        runtime.cli(&["storage", "set", "n", "after", "2"]).ok();
    }
}
