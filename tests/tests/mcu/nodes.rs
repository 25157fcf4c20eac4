//! Boards as nodes of a real runtime: what they have is there, and what they may call of it is here.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use kernel_link::{Framing, Raw, Reply, Request};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tests::mcu::{Board, Build, Emulator, is_skipped};
use tests::runtime::Runtime;

use crate::line::{Session, block_on};

/// Each wait ends by then.
const PATIENCE: Duration = Duration::from_secs(60);

/// The image of a program with what a node has.
fn image(program: &str, features: &[&str]) -> PathBuf {
    let build = Build {
        board: Board::Mps2,
        program,
        features,
        profile: "release",
    };
    build.run().unwrap()
}

/// A board, its line at this socket.
fn board(image: &Path, socket: &Path) -> Emulator {
    let _ = std::fs::remove_file(socket);
    let serial = format!("unix:{},server=on,wait=off", socket.display());
    let emulator = Emulator::start(Board::Mps2, image, &["-serial", &serial]).unwrap();
    until("the line is there", || socket.exists().then_some(()));
    emulator
}

fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

struct House(Runtime);

impl House {
    fn start() -> House {
        let house = House(Runtime::start_with_example().unwrap());
        let attic = house.0.folder().join("attic");
        std::fs::create_dir(&attic).unwrap();
        std::fs::write(attic.join("main.py"), include_str!("attic.py")).unwrap();
        let manifest = "[plugin]\nname = \"attic\"\nversion = \"1\"\n[run]\nkind = \"process\"\n\
                        command = [\"python3\", \"main.py\"]\n[permissions]\ncall = [\">\"]\n";
        std::fs::write(attic.join("plugin.toml"), manifest).unwrap();
        house.0.run("plugin install ./attic --yes").unwrap();
        house
    }

    fn socket(&self, name: &str) -> PathBuf {
        self.0.folder().join(format!("{name}.uart"))
    }

    fn add(&self, name: &str, more: &str) -> String {
        let socket = self.socket(name);
        let line = format!(
            "node add {name} serial:{} --silence 2 --yes {more}",
            socket.display()
        );
        self.0.run(&line).unwrap()
    }

    fn call(&self, service: &str, args: &str) -> Result<Value, String> {
        let reply = self.0.run(&format!("call {service} '{args}'"))?;
        Ok(serde_json::from_str(&reply).unwrap())
    }

    fn state(&self, key: &str) -> Option<Value> {
        let value = self.0.run(&format!("state get {key}")).ok()?;
        serde_json::from_str(&value).ok()
    }

    /// The node's state, and its error.
    fn node(&self, name: &str) -> (String, Value) {
        let nodes: Value = serde_json::from_str(&self.0.run("node list --json").unwrap()).unwrap();
        let row = nodes
            .as_array()
            .unwrap()
            .iter()
            .find(|row| row["name"] == name)
            .unwrap();
        (
            row["state"].as_str().unwrap().to_owned(),
            row["error"]["code"].clone(),
        )
    }

    fn until_started(&self, name: &str) {
        until(&format!("{name} is started"), || {
            (self.node(name).0 == "STARTED").then_some(())
        });
    }
}

/// Calls a service in a process of its own, which goes when it is dropped.
struct Caller(Child);

impl Caller {
    fn of(house: &House, service: &str) -> Caller {
        let mut command = Command::new(house.0.binary());
        command.args(["call", service, "--timeout", "50"]);
        command.env("RUNTIME_SOCKET", house.0.socket());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Caller(command.spawn().unwrap())
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[ignore = "needs QEMU: tests/run.sh mcu"]
fn two_boards_are_nodes_of_a_runtime() {
    if is_skipped("nodes") {
        return;
    }
    let image = image("peer", &["demo", "peer"]);
    let house = House::start();
    let kitchen = board(&image, &house.socket("kitchen"));
    let direct = each(&house.socket("kitchen"), Framing::Serial);
    let cellar = board(&image, &house.socket("cellar"));
    let gives = "--share 'note.>' --give 'attic.*' --give example.hello";
    house.add("kitchen", gives);
    house.until_started("kitchen");
    let through = each(&house.0.socket(), Framing::Stream);
    println!(
        "a call: {direct:?} by a client of the link, {through:?} as one of a node, {:.2} times as long",
        through.as_secs_f64() / direct.as_secs_f64()
    );
    services(&house);
    cycles(&house);
    events(&house);
    states(&house);

    // Another one with the same services: those are the first one's, and the rest of it is here.
    house.add("cellar", "");
    house.until_started("cellar");
    let log = house.0.run("plugin logs cellar").unwrap();
    assert!(
        log.contains("another plugin has these services of the node: relay.echo"),
        "{log}"
    );
    assert_eq!(house.call("relay.echo", "2"), Ok(json!(2)));
    assert_eq!(house.state("cellar.relay.heard"), Some(json!(null)));
    deadlines(&house);

    leaves_and_returns(&house, kitchen, &image);
    is_silent_and_returns(&house, &cellar);
    house.0.run("node remove cellar").unwrap();
    assert_eq!(house.state("cellar.relay.heard"), None);
}

/// How long a call of the board's takes whoever is at this socket.
fn each(socket: &Path, framing: Framing) -> Duration {
    const ROUNDS: u32 = 100;
    let mut took = Duration::ZERO;
    block_on(async {
        let stream = tokio::net::UnixStream::connect(socket).await.unwrap();
        let mut session = Session::over(stream, framing, 1).await;
        let call = Request::Call {
            service: "relay.echo",
            timeout_ms: 0,
            parent: None,
            args: Raw(b"1"),
        };
        let reply = |reply: &Reply<'_>| matches!(reply, Reply::Json(Raw(b"1"))).then_some(());
        let waiting = async { while session.try_ask(call, reply).await.is_err() {} };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap();
        let begun = Instant::now();
        for _ in 0..ROUNDS {
            session.ask(call, reply).await;
        }
        took = begun.elapsed() / ROUNDS;
    });
    took
}

fn services(house: &House) {
    assert_eq!(
        house.call("relay.echo", "{\"a\":[1,2]}"),
        Ok(json!({"a": [1, 2]}))
    );
    let tenths = house.call("sensor.read", "null").unwrap().as_u64().unwrap();
    assert!((180..=250).contains(&tenths), "{tenths}");
    assert_eq!(
        house.call("relay.pass", "\"example.hello\""),
        Ok(json!("Привет, example.hello!"))
    );
    assert_eq!(
        house.call("relay.pass", "\"attic.echo\""),
        Ok(json!("attic.echo"))
    );
    // An error of the runtime's own plugin reaches whoever called on the board.
    let error = house.call("relay.pass", "\"attic.fail\"").unwrap_err();
    assert!(error.contains("no_luck"), "{error}");
    let error = house.call("relay.pass", "\"attic.none\"").unwrap_err();
    assert!(error.contains("not_found"), "{error}");
    let plugins = house.0.run("plugins").unwrap();
    assert!(
        plugins.contains(&format!("serial:{}", house.socket("kitchen").display())),
        "{plugins}"
    );
}

fn cycles(house: &House) {
    let begun = Instant::now();
    let error = house
        .call(
            "attic.pass",
            "{\"service\":\"relay.pass\",\"args\":\"attic.echo\"}",
        )
        .unwrap_err();
    assert!(error.contains("cycle"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
}

fn events(house: &House) {
    let watched = house.0.run("watch 'sensor.>' --since 1 --count 20").unwrap();
    let mut last = None;
    for line in watched.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        assert_eq!(
            (&event["source"], &event["topic"]),
            (&json!("kitchen"), &json!("sensor.hall.temperature"))
        );
        // The room warms by a degree with each of them, and cools at 25: none is missing.
        let tenths = event["payload"].as_u64().unwrap();
        let next = last.map(|last| if last < 250 { last + 10 } else { 180 });
        assert!(next.is_none_or(|next| next == tenths), "{watched}");
        last = Some(tenths);
    }
    house
        .0
        .run("publish note.test '{\"text\":\"from here\"}'")
        .unwrap();
    let heard = json!({"text": "from here"});
    until("the board hears it", || {
        (house.state("kitchen.relay.heard") == Some(heard.clone())).then_some(())
    });
    let notes = house.0.run("watch 'note.>' --since 1 --count 1").unwrap();
    assert!(notes.contains("\"source\":\"operator\""), "{notes}");
}

fn states(house: &House) {
    house.0.run("state set kitchen.lamp '[true]'").unwrap();
    let changes = || {
        house
            .0
            .run("watch state.changed.kitchen.lamp --since 1 --count 2")
            .unwrap()
    };
    // What was asked for, and what the board says that it has.
    let changes: Vec<Value> = changes()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let sources: Vec<_> = changes
        .iter()
        .map(|change| change["source"].as_str().unwrap())
        .collect();
    assert_eq!(sources, ["operator", "kitchen"]);
    assert!(
        changes
            .iter()
            .all(|change| change["payload"]["value"] == json!([true]))
    );
}

fn deadlines(house: &House) {
    let begun = Instant::now();
    let late = house.0.run("call relay.never --timeout 0.3").unwrap_err();
    assert!(late.contains("timeout"), "{late}");
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    // As many as a board takes, and more, whose callers go: whoever comes then is answered.
    let callers: Vec<Caller> = (0..5).map(|_| Caller::of(house, "relay.never")).collect();
    until("they are called", || {
        let calls: Value = serde_json::from_str(&house.0.run("calls --json").unwrap()).unwrap();
        (calls.as_array().unwrap().len() >= 5).then_some(())
    });
    drop(callers);
    let begun = Instant::now();
    house.call("sensor.read", "null").unwrap();
    assert!(begun.elapsed() < Duration::from_secs(25), "{:?}", begun.elapsed());
}

fn leaves_and_returns(house: &House, kitchen: Emulator, image: &Path) {
    let mut caller = Caller::of(house, "relay.never");
    until("it is called", || {
        let calls: Value = serde_json::from_str(&house.0.run("calls --json").unwrap()).unwrap();
        (!calls.as_array().unwrap().is_empty()).then_some(())
    });
    let begun = Instant::now();
    drop(kitchen);
    caller.0.wait().unwrap();
    let mut said = String::new();
    std::io::Read::read_to_string(caller.0.stderr.as_mut().unwrap(), &mut said).unwrap();
    assert!(
        said.contains("unreachable") && said.contains("the node kitchen"),
        "{said}"
    );
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    assert_eq!(house.state("kitchen.relay.heard"), None);
    assert_ne!(house.node("kitchen").0, "STARTED");
    let _kitchen = board(image, &house.socket("kitchen"));
    house.until_started("kitchen");
    assert_eq!(
        house.call("sensor.read", "null").map(|tenths| tenths.is_u64()),
        Ok(true)
    );
    assert_eq!(house.state("kitchen.relay.heard"), Some(json!(null)));
    assert_eq!(
        house.call("relay.pass", "\"attic.echo\""),
        Ok(json!("attic.echo"))
    );
    house.0.run("node remove kitchen").unwrap();
}

fn is_silent_and_returns(house: &House, cellar: &Emulator) {
    let pid = Pid::from_raw(cellar.pid() as i32).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    until("its silence is noticed", || {
        (house.node("cellar") == ("FAILED".to_owned(), json!("silent"))).then_some(())
    });
    kill_process(pid, Signal::CONT).unwrap();
    house.until_started("cellar");
    until("its services are back", || house.call("relay.echo", "3").ok());
}

#[test]
#[ignore = "needs QEMU: tests/run.sh mcu"]
fn a_board_with_another_program_is_no_node() {
    if is_skipped("nodes") {
        return;
    }
    let house = House(Runtime::start_with_example().unwrap());
    // It is at the other end's service itself, and answers nobody.
    let socket = house.socket("wrong");
    let _board = board(&image("remote", &["remote"]), &socket);
    let line = format!("node add wrong serial:{} --silence 1 --yes", socket.display());
    let error = house.0.run(&line).unwrap_err();
    assert!(error.contains("did not answer within 1 s"), "{error}");
    let (_, code) = house.node("wrong");
    assert_eq!(code, json!("silent"));
}
