//! What is published at an MQTT broker, by mosquitto's own tools.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::mqtt::Broker;

/// How long is waited for what should come at once.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who listens to topics; killed with this value.
#[derive(Debug)]
pub struct Listener {
    child: Child,
    lines: Receiver<(String, String)>,
}

/// Publishes a message, and waits until the broker has it.
///
/// # Errors
/// What mosquitto_pub says.
pub fn publish(broker: &Broker, topic: &str, payload: &str, retain: bool) -> Result<(), String> {
    let mut command = Command::new("mosquitto_pub");
    command.args([
        "-h",
        "127.0.0.1",
        "-p",
        &broker.port().to_string(),
        "-q",
        "1",
        "-t",
        topic,
    ]);
    // An empty one is not read from the other side.
    match payload {
        "" => command.arg("-n"),
        _ => command.arg("-s"),
    };
    if retain {
        command.arg("-r");
    }
    let spawned = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.map_err(|cause| format!("mosquitto_pub does not run: {cause}"))?;
    if let Some(mut input) = child.stdin.take() {
        input
            .write_all(payload.as_bytes())
            .map_err(|cause| cause.to_string())?;
    }
    let output = child.wait_with_output().map_err(|cause| cause.to_string())?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

impl Listener {
    /// Listens to what is published from now on, and to what is retained.
    ///
    /// # Errors
    /// When mosquitto_sub is not there.
    pub fn start(broker: &Broker, filter: &str) -> Result<Listener, String> {
        let mut child = Command::new("mosquitto_sub")
            .args([
                "-h",
                "127.0.0.1",
                "-p",
                &broker.port().to_string(),
                "-q",
                "1",
                "-t",
                filter,
            ])
            // A marker that is there once it is subscribed.
            .args(["-t", "$SYS/broker/version", "-F", "%t\t%p"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|cause| format!("mosquitto_sub does not run: {cause}"))?;
        let output = child.stdout.take().map(BufReader::new);
        let (sent, lines) = channel();
        thread::spawn(move || {
            for line in output.into_iter().flat_map(BufRead::lines).map_while(Result::ok) {
                if let Some((topic, payload)) = line.split_once('\t') {
                    let _ = sent.send((topic.to_owned(), payload.to_owned()));
                }
            }
        });
        let listener = Listener { child, lines };
        listener.until("the subscription", |topic, _| topic == "$SYS/broker/version")?;
        Ok(listener)
    }
    /// The next message that is wanted; others before it are passed over.
    ///
    /// # Errors
    /// When it does not come within a minute: what came instead.
    pub fn until(&self, what: &str, wanted: impl Fn(&str, &str) -> bool) -> Result<(String, String), String> {
        let (begun, mut others) = (Instant::now(), Vec::new());
        loop {
            let left = PATIENCE.saturating_sub(begun.elapsed());
            match self.lines.recv_timeout(left) {
                Ok((topic, payload)) if wanted(&topic, &payload) => return Ok((topic, payload)),
                Ok(other) => others.push(other),
                Err(_) => return Err(format!("never came: {what}, but {others:?}")),
            }
        }
    }

    /// What came so far, without waiting.
    pub fn come(&self) -> Vec<(String, String)> {
        self.lines.try_iter().collect()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
