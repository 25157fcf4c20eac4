//! What is refused, by whom, and with which exit status.

use std::io::Read;
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;

use crate::support::*;

#[test]
fn wrong_usage_is_found_before_anything_is_sent() {
    let dir = tempfile::tempdir().unwrap();
    // Nobody is there: a command that got as far as connecting would exit with 3.
    let socket = dir.path().join("nobody");
    let cli = |args: &[&str]| run(program().env("RUNTIME_SOCKET", &socket).args(args), b"[1,}");
    for (args, shown, place) in [
        (&["publish", "a..b"][..], "'a..b'", "byte 2"),
        (&["publish", "a.*"], "'a.*'", "byte 2"),
        (&["watch", "a.>.b"], "'a.>.b'", "byte 2"),
        (&["call", "a b"], "'a b'", "byte 1"),
        (&["call", "a", "[1, x]"], "[1, x]\n", "byte 4\n"),
        (&["publish", "a", "word"], "word\n", "byte 0\n"),
        (
            &["publish", "a", "-"],
            "[1,}\n     ^\n",
            "stdin: unexpected byte at byte 3\n",
        ),
        (&["state", "set", "a", "{\"x\":}"], "{\"x\":}\n", "byte 5\n"),
        (&["state", "set", "a.", "1"], "'a.'", "byte 2"),
        (&["state", "get", ""], "''", "empty"),
        (&["storage", "get", "n", "a\nb"], "a\nb", "byte 1"),
        (&["storage", "set", "n", "k", "01"], "01\n", "byte 0\n"),
        (&["plugin", "start", "Lamp"], "'Lamp'", "byte 0"),
        (&["call", "a", "--timeout", "0"], "'0'", "above 0"),
        (&["call", "a", "--timeout", "soon"], "'soon'", "number of seconds"),
        (&["state", "set", "a", "1", "--ttl", "-1"], "-1", ""),
        (&["watch", "--count", "0"], "'0'", "1.."),
        (&["storage", "clear", "n"], "namespace n", "--yes"),
        (&["storage", "list", ""], "''", "empty"),
        (&["state", "set", "a"], "JSON", "required"),
        (&["bogus"], "'bogus'", "unrecognized"),
        (&["completions", "tcl"], "'tcl'", "bash"),
        (&["man", "bogus"], "bogus", "no command"),
        (
            &["--socket", "", "health"],
            "--socket is \"\"",
            "path of a Unix socket",
        ),
    ] {
        let told = cli(args).fails(2);
        assert!(told.contains(shown) && told.contains(place), "{args:?}: {told}");
    }
    let long = "s".repeat(108);
    let told = cli(&["--socket", &long, "health"]).fails(2);
    assert!(told.contains("108 bytes"), "{told}");
}

#[test]
fn nobody_there_is_status_3_with_the_path() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str, args: &[&str]| {
        let path = dir.path().join(name);
        let told = run(program().arg("--socket").arg(&path).args(args), b"").fails(3);
        assert!(told.contains(path.to_str().unwrap()), "{told}");
        assert!(told.contains("\nhint: "), "{told}");
        told
    };
    for args in [
        &["health"][..],
        &["plugins", "--json"],
        &["watch"],
        &["call", "a.b"],
        &["publish", "a.b"],
        &["state"],
        &["storage", "namespaces"],
        &["plugin", "start", "a"],
    ] {
        assert!(at("nothing", args).contains("no such socket"));
    }
    drop(UnixListener::bind(dir.path().join("dead")).unwrap());
    assert!(at("dead", &["health"]).contains("nobody listens"));

    // The default is found from the directory, and shown in full.
    let told = run(program().current_dir(dir.path()).arg("health"), b"").fails(3);
    let place = dir.path().canonicalize().unwrap().join("data/runtime.sock");
    assert!(told.contains(place.to_str().unwrap()), "{told}");
}

#[test]
fn a_runtime_that_does_not_speak_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let closing = dir.path().join("closing");
    let listener = UnixListener::bind(&closing).unwrap();
    thread::spawn(move || listener.incoming().for_each(drop));
    let told = run(program().arg("--socket").arg(&closing).arg("health"), b"").fails(3);
    assert!(told.contains("lost the runtime"), "{told}");

    let silent = dir.path().join("silent");
    let _listener = UnixListener::bind(&silent).unwrap();
    let told = run(program().arg("--socket").arg(&silent).arg("health"), b"").fails(3);
    assert!(told.contains("did not answer within 10 s"), "{told}");
}

#[test]
fn what_is_too_large_is_refused_with_figures() {
    let runtime = Runtime::start();
    let large = format!("\"{}\"", "x".repeat(200_000));
    for args in [
        &["call", "example.hello", "-"][..],
        &["publish", "example.test", "-"],
        &["state", "set", "k", "-"],
        &["storage", "set", "n", "k", "-"],
    ] {
        let told = runtime.with_stdin(args, &large).fails(2);
        assert!(
            told.contains("the message has 200") && told.contains("at most"),
            "{told}"
        );
        assert!(told.contains("nothing was sent"), "{told}");
    }
    // What the link can carry, storage can hold, and the other way round.
    let most = format!("\"{}\"", "x".repeat(64 * 1024));
    runtime.with_stdin(&["storage", "set", "n", "k", "-"], &most).ok();
    assert_eq!(
        runtime.cli(&["storage", "get", "n", "k"]).ok(),
        format!("{most}\n")
    );
    let told = runtime.with_stdin(
        &["storage", "set", "n", "k", "-"],
        &format!("\"{}\"", "x".repeat(66_500)),
    );
    assert!(told.fails(1).starts_with("error[too_large]: "));
}

#[test]
fn one_session_too_many_is_turned_away_until_another_ends() {
    let runtime = Runtime::start();
    let mut sessions: Vec<UnixStream> = Vec::new();
    until("the link is full", || {
        // All at once: those that do not say hello are not kept for long.
        sessions.clear();
        sessions.extend((0..64).map(|_| UnixStream::connect(runtime.path("link.sock")).unwrap()));
        let answer = runtime.cli(&["health"]);
        if answer.status == 0 {
            return false;
        }
        let told = answer.fails(1);
        assert!(told.starts_with("error[too_many_clients]: "), "{told}");
        true
    });
    sessions.clear();
    until("there is room again", || runtime.cli(&["health"]).status == 0);
}

#[test]
fn noise_on_the_socket_disturbs_nobody() {
    use std::io::Write;
    let runtime = Runtime::start();
    let mut noisy = UnixStream::connect(runtime.path("link.sock")).unwrap();
    // A frame of no message.
    noisy.write_all(b"\x08\0\0\0GET / HT").unwrap();
    let mut answer = [0; 16];
    assert!(noisy.read(&mut answer).unwrap() > 0, "it is told");
    // A length that no message has: nothing behind it can be understood, and the session ends, perhaps before all
    // is written.
    let _ = noisy.write_all(&[0x55; 300_000]);
    let _ = noisy.read_to_end(&mut Vec::new());
    until("the session is over", || noisy.write_all(b"x").is_err());
    runtime.cli(&["health", "--check"]).ok();
}
