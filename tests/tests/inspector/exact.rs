//! Published = received + lost on the bus + lost on the link, exactly, by the real program and a real host.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use kernel_core::{CoreRuntime, Json};
use rustix::process::{Pid, Signal, kill_process};
use tests::inspector::Feeder;

use crate::{inspector, press, program, quit};

const PATIENCE: Duration = Duration::from_secs(60);

/// Publishes as fast as the runtime takes it.
fn flood(runtime: &CoreRuntime, count: u64, size: usize) {
    let text = format!("\"{}\"", "x".repeat(size));
    let payload = Json::parse(&text).unwrap();
    for _ in 0..count {
        runtime.bus().try_publish("flood.all", payload).unwrap();
    }
}

fn publish(runtime: &CoreRuntime, topic: &str) {
    runtime
        .bus()
        .try_publish(topic, Json::parse("1").unwrap())
        .unwrap();
}

/// A line between the inspector and the host that can be cut.
struct Line {
    socket: PathBuf,
    ends: Arc<Mutex<Vec<UnixStream>>>,
}

impl Line {
    fn between(socket: PathBuf, host: PathBuf) -> Line {
        let ends: Arc<Mutex<Vec<UnixStream>>> = Arc::default();
        let listener = UnixListener::bind(&socket).unwrap();
        let all = ends.clone();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = UnixStream::connect(&host) else {
                    continue;
                };
                let copy = |from: &UnixStream, to: &UnixStream| {
                    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    thread::spawn(move || {
                        let mut buf = [0; 4096];
                        while let Ok(count @ 1..) = from.read(&mut buf) {
                            if to.write_all(&buf[..count]).is_err() {
                                break;
                            }
                        }
                    });
                };
                copy(&client, &server);
                copy(&server, &client);
                all.lock().unwrap().extend([client, server]);
            }
        });
        Line { socket, ends }
    }

    /// Cuts it, with whatever is under way; it may be dialled again.
    fn cut(&self) {
        for end in self.ends.lock().unwrap().drain(..) {
            let _ = end.shutdown(std::net::Shutdown::Both);
        }
    }
}

/// `core-inspector record`, without a terminal.
struct Recorder {
    child: Child,
    file: PathBuf,
    said: Arc<Mutex<Vec<String>>>,
}

impl Recorder {
    fn start(target: &Path, file: PathBuf) -> Recorder {
        let mut child = Command::new(program())
            .arg("record")
            .arg(&file)
            .arg(target)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = Arc::new(Mutex::new(Vec::new()));
        let (lines, heard) = (BufReader::new(child.stderr.take().unwrap()), said.clone());
        thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                heard.lock().unwrap().push(line);
            }
        });
        Recorder { child, file, said }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(self) {
            let said = self.said.lock().unwrap();
            assert!(Instant::now() < deadline, "{what} did not come: {said:?}");
            drop(said);
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// How often it found the runtime.
    fn sessions(&self) -> usize {
        let said = self.said.lock().unwrap();
        said.iter().filter(|line| line.starts_with("recording ")).count()
    }

    fn has(&self, topic: &str) -> bool {
        std::fs::read_to_string(&self.file).is_ok_and(|text| text.contains(topic))
    }

    /// Ends it; the events, and those lost on the bus and on the link, as it tells them.
    fn end(mut self) -> [u64; 3] {
        self.signal(Signal::TERM);
        assert!(self.child.wait().unwrap().success());
        let mut counted = None;
        self.until("the count", |recorder| {
            recorder
                .said
                .lock()
                .unwrap()
                .iter()
                .any(|line| line.starts_with("events: "))
        });
        for line in self.said.lock().unwrap().iter() {
            let numbers: Vec<u64> = line
                .split([' ', ',', ';'])
                .filter_map(|word| word.parse().ok())
                .collect();
            if let (true, [events, bus, link]) = (line.starts_with("events: "), numbers.as_slice()) {
                counted = Some([*events, *bus, *link]);
            }
        }
        counted.unwrap_or_else(|| panic!("it does not say what it counted: {:?}", self.said))
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The same numbers, counted from the recording as `replay --json` prints it; without a gap and without a
/// repetition.
fn counted_anew(file: &Path, first: u64) -> [u64; 3] {
    let output = Command::new(program())
        .arg("replay")
        .arg(file)
        .arg("--json")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let [mut events, mut bus, mut link] = [0; 3];
    let mut next = first;
    for line in output.stdout.lines().map_while(Result::ok) {
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        if let Some(event) = line.get("event") {
            assert_eq!(event["seq"], next, "{line}");
            events += 1;
            next += 1;
        } else if let Some(lost) = line.get("lost") {
            assert_eq!(lost["from"], next, "{line}");
            let count = lost["count"].as_u64().unwrap();
            next += count;
            match lost["at"].as_str() {
                Some("bus") => bus += count,
                Some("link") => link += count,
                other => panic!("lost at {other:?}"),
            }
        }
    }
    [events, bus, link]
}

#[test]
fn a_slow_recorder_on_a_line_that_is_cut_counts_every_event() {
    let feeder = Feeder::start().unwrap();
    let runtime = feeder.runtime().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let line = Line::between(folder.path().join("line"), feeder.socket());
    let recorder = Recorder::start(&line.socket, folder.path().join("r.ndjson"));
    recorder.until("the runtime", |recorder| recorder.sessions() == 1);
    // The watch begins with the snapshot that it is told of.
    recorder.until("the snapshot", |recorder| recorder.has("\"snapshot\""));
    let first = runtime.metrics().next_seq;
    let before = feeder.published();

    // A recorder that keeps up, one that stands still, and one whose line is cut.
    flood(&runtime, 10_000, 10);
    recorder.signal(Signal::STOP);
    flood(&runtime, 200_000, 100);
    recorder.signal(Signal::CONT);
    publish(&runtime, "after.standing.still");
    recorder.until("what comes after standing still", |recorder| {
        recorder.has("after.standing.still")
    });
    // It is cut while it stands still, and more is published than the log keeps.
    recorder.signal(Signal::STOP);
    flood(&runtime, 100, 10);
    line.cut();
    flood(&runtime, 200_000, 100);
    recorder.signal(Signal::CONT);
    recorder.until("another session", |recorder| recorder.sessions() == 2);
    // And once more in the middle of a flood that goes on.
    thread::scope(|scope| {
        scope.spawn(|| flood(&runtime, 300_000, 100));
        thread::sleep(Duration::from_millis(50));
        line.cut();
    });
    recorder.until("a third session", |recorder| recorder.sessions() == 3);
    publish(&runtime, "the.end");
    recorder.until("the last event", |recorder| recorder.has("the.end"));

    let published = feeder.published() - before;
    assert_eq!(published, 10_000 + 200_000 + 100 + 200_000 + 300_000 + 2);
    let file = recorder.file.clone();
    let [events, bus, link] = recorder.end();
    println!("published {published} = received {events} + lost on the bus {bus} + lost on the link {link}");
    assert_eq!(events + bus + link, published);
    assert!(events > 0 && bus > 0 && link > 0, "{events} {bus} {link}");
    assert_eq!(counted_anew(&file, first), [events, bus, link]);
}

/// On the screen, what is missing is a row at its place.
#[test]
fn what_is_lost_is_a_row_where_it_is_missing() {
    let feeder = Feeder::start().unwrap();
    let runtime = feeder.runtime().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let socket = feeder.socket();
    let terminal = inspector(&[socket.to_str().unwrap()], folder.path(), (100, 30));
    terminal.see("connected").unwrap();
    press(&terminal, "2");
    publish(&runtime, "before.loss");
    terminal.see("before.loss").unwrap();
    let from = runtime.metrics().next_seq;
    terminal.signal(Signal::STOP).unwrap();
    flood(&runtime, 300_000, 100);
    terminal.signal(Signal::CONT).unwrap();
    publish(&runtime, "after.loss");
    terminal.see("after.loss").unwrap();
    press(&terminal, "/");
    terminal.see("filter").unwrap();
    // The loss, with what was before and after it.
    press(&terminal, "!topic:flood.all");
    terminal.see("before.loss").unwrap();
    terminal
        .until("the loss between them", |text| {
            let at = |sought: &str| text.find(sought);
            let order = [at("before.loss"), at("events lost on the bus"), at("after.loss")];
            order.iter().all(Option::is_some) && order.is_sorted()
        })
        .unwrap();
    // What is shown as lost is what was published and is not there: from the rows' own numbers.
    let text = terminal.text();
    let lost: Vec<u64> = text
        .lines()
        .filter(|row| row.contains("lost on the bus, #"))
        .flat_map(|row| {
            let numbers = row.split('#').skip(1);
            numbers.map(|number| {
                let digits: String = number.chars().take_while(|c| c.is_ascii_digit()).collect();
                digits.parse().unwrap()
            })
        })
        .collect();
    let end = runtime.metrics().next_seq;
    assert!(
        lost.len() >= 2 && lost.is_sorted() && lost.iter().all(|seq| (from..end).contains(seq)),
        "{lost:?} of {from} to {end}:\n{text}"
    );
    quit(terminal);
}
