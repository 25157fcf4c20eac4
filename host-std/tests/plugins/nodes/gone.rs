//! Nodes that go away, return, or are none.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex};

use rustix::process::Signal;

use super::*;
use crate::program::{Runtime, signal};

#[test]
fn a_node_that_goes_away_takes_all_of_it_along_and_brings_it_back() {
    let (house, dir) = (house(), tempfile::tempdir().unwrap());
    let there = node(dir.path());
    set(&there, "level", &json!(5));
    install(&house, "node", &socket(dir.path()).display().to_string(), ALL);
    assert_eq!(state(&house.host, "node.level"), Some(json!(5)));
    let (runtime, before) = (house.host.runtime(), REACHED.lock().unwrap().len());
    let waiting = thread::spawn(move || call(runtime, "stuck.never", &json!(null)));
    until("it is asked", || {
        (REACHED.lock().unwrap().len() > before).then_some(())
    });
    let begun = Instant::now();
    there.shutdown();
    let (code, message) = waiting.join().unwrap().unwrap_err();
    // The node may have said before it went that its plugin is gone.
    assert!(
        ["unreachable", "gone", "shutting_down"].contains(&code.as_str()),
        "{code}: {message}"
    );
    assert!(begun.elapsed() < Duration::from_secs(50), "{:?}", begun.elapsed());
    until("its services are gone", || {
        (house.call("cellar.echo", json!(1)).unwrap_err().0 == "not_found").then_some(())
    });
    // The node may have taken its services back before it went.
    until_state_is(&house.host, "node.level", None);

    let there = node(dir.path());
    set(&there, "level", &json!(6));
    until("it is back", || {
        (house.call("cellar.echo", json!(2)) == Ok(json!(2))).then_some(())
    });
    until_state_is(&house.host, "node.level", Some(&json!(6)));
    publish(&there, "note.back", &json!(null));
    until("its events are back", || {
        let heard = house.call("attic.heard", json!(null)).unwrap();
        heard
            .as_array()
            .unwrap()
            .contains(&json!(["note.back", null, "node"]))
            .then_some(())
    });
}

#[test]
fn a_node_that_is_silent_or_killed_is_gone_at_once() {
    let house = house();
    let there = Runtime::start();
    let target = there.path("link.sock").display().to_string();
    // Its example would be that of here.
    let more = "check_seconds = 1.0\n[permissions]\nregister = [\">\"]\n";
    assert_eq!(install(&house, "node", &target, more)["state"], "STARTED");
    let failed = |code: &str| {
        until("it has failed", || {
            let info = info(&house.host, "node");
            (info.state == PluginState::Failed && info.code == code).then_some(info.error)
        })
    };
    signal(&there.child, Signal::STOP);
    let begun = Instant::now();
    let why = failed("silent");
    assert!(why.contains("nothing was heard"), "{why}");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    signal(&there.child, Signal::CONT);
    until_state(&house.host, "node", PluginState::Started);
    let (_, dir) = there.stop(Signal::KILL);
    failed("unreachable");
    let _there = Runtime::start_with(dir, &[]);
    until_state(&house.host, "node", PluginState::Started);
}

/// A line to a host that stays when the host forgets the session, as a serial line does when its board is reset.
struct Line {
    host: Arc<Mutex<UnixStream>>,
    behind: PathBuf,
}

impl Line {
    fn open(socket: &Path, behind: PathBuf) -> Line {
        let listener = UnixListener::bind(socket).unwrap();
        let host = Arc::new(Mutex::new(UnixStream::connect(&behind).unwrap()));
        let present = Arc::new(Mutex::new(None::<UnixStream>));
        let (to_host, from_host, client) = (host.clone(), host.clone(), present.clone());
        thread::spawn(move || {
            loop {
                let mut host = from_host.lock().unwrap().try_clone().unwrap();
                let mut buf = [0; 4096];
                // Another host may be there when this one ends.
                while let Ok(count @ 1..) = host.read(&mut buf) {
                    let mut client = client.lock().unwrap();
                    let _ = client.as_mut().map(|client| client.write_all(&buf[..count]));
                }
                thread::sleep(Duration::from_millis(5));
            }
        });
        thread::spawn(move || {
            for client in listener.incoming() {
                let mut client = client.unwrap();
                *present.lock().unwrap() = Some(client.try_clone().unwrap());
                let mut buf = [0; 4096];
                while let Ok(count @ 1..) = client.read(&mut buf) {
                    let mut host = to_host.lock().unwrap().try_clone().unwrap();
                    let _ = host.write_all(&buf[..count]);
                }
            }
        });
        Line { host, behind }
    }

    fn reset(&self) {
        let mut host = self.host.lock().unwrap();
        host.shutdown(std::net::Shutdown::Both).unwrap();
        *host = UnixStream::connect(&self.behind).unwrap();
    }
}

#[test]
fn a_node_that_forgets_its_session_in_the_middle_of_a_call_begins_anew() {
    let (house, dir) = (house(), tempfile::tempdir().unwrap());
    let _there = node(dir.path());
    let line = dir.path().join("line.sock");
    let board = Line::open(&line, socket(dir.path()));
    install(&house, "node", &line.display().to_string(), ALL);
    assert_eq!(house.call("cellar.echo", json!(1)), Ok(json!(1)));
    let (runtime, before) = (house.host.runtime(), REACHED.lock().unwrap().len());
    let waiting = thread::spawn(move || call(runtime, "stuck.never", &json!(null)));
    until("it is asked", || {
        (REACHED.lock().unwrap().len() > before).then_some(())
    });
    let begun = Instant::now();
    board.reset();
    let (code, message) = waiting.join().unwrap().unwrap_err();
    assert_eq!(code, "unreachable", "{message}");
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    until("it is back", || {
        (house.call("cellar.echo", json!(2)) == Ok(json!(2))).then_some(())
    });
}

/// Answers whoever comes with what `says`, and reads all that they say.
fn impostor(socket: &Path, says: &'static [u8]) {
    let listener = UnixListener::bind(socket).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let _ = stream.write_all(says);
                let mut buf = [0; 1024];
                while stream.read(&mut buf).is_ok_and(|count| count > 0) {}
            });
        }
    });
}

#[test]
fn what_is_no_node_fails_with_the_reason() {
    let (house, dir) = (house(), tempfile::tempdir().unwrap());
    let more = "check_seconds = 0.5\n";
    for (name, says, code, why) in [
        (
            "mute",
            &b""[..],
            "silent",
            "nobody answers as the link does within 0.5 s",
        ),
        (
            "web",
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            "unreachable",
            "not a message",
        ),
    ] {
        let socket = dir.path().join(name);
        impostor(&socket, says);
        let row = install(&house, name, &socket.display().to_string(), more);
        assert_eq!(
            (&row["state"], &row["error"]["code"]),
            (&json!("FAILED"), &json!(code)),
            "{row}"
        );
        let _ = why;
        house.give_up(name);
    }
    let row = install(
        &house,
        "nobody",
        &dir.path().join("none").display().to_string(),
        more,
    );
    assert_eq!(row["error"]["code"], "unreachable", "{row}");
    let key = "key_file = \"/nowhere/key\"\n";
    let row = install(
        &house,
        "keyless",
        &dir.path().join("none").display().to_string(),
        key,
    );
    assert_eq!(row["error"]["code"], "key_file", "{row}");
}

#[test]
fn a_manifest_of_a_node_that_makes_no_sense_is_refused() {
    let (house, dir) = (house(), tempfile::tempdir().unwrap());
    for (run, says) in [
        ("", "run.target"),
        ("target = \"serial:\"", "the device is missing"),
        ("target = \"tcp:house\"", "no address"),
        ("target = \"/x\"\nwatch = \"a..b\"", "run.watch"),
        ("target = \"/x\"\nname_there = \"a b\"", "run.name_there"),
        ("target = \"/x\"\nkey_file = \"key\"", "run.key_file"),
        ("target = \"/x\"\ncheck_seconds = 0.0", "run.check_seconds"),
        ("target = \"/x\"\nurl = \"http://a\"", "run.url"),
        (
            "target = \"/x\"\n[permissions]\nstorage = [\"*\"]",
            "permissions.storage",
        ),
        (
            "target = \"/x\"\n[permissions]\nstate = [\">\"]",
            "permissions.state",
        ),
        ("target = \"/x\"\n[settings]\ntype = \"object\"", "settings"),
    ] {
        let text = format!("[plugin]\nname = \"n\"\nversion = \"1\"\n[run]\nkind = \"link\"\n{run}\n");
        std::fs::write(dir.path().join("plugin.toml"), text).unwrap();
        let (code, message) = house
            .call("plugins.install", json!({"path": dir.path()}))
            .unwrap_err();
        assert!(
            code == "invalid_package" && message.contains(says),
            "{run}: {message}"
        );
    }
}
