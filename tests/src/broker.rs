//! A real MQTT broker, mosquitto, on a port of its own, and whoever speaks with it by its own tools.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long is waited for what should come at once.
const PATIENCE: Duration = Duration::from_secs(60);

/// A broker; killed with this value. What it keeps is gone with it.
#[derive(Debug)]
pub struct Broker {
    child: Option<Child>,
    port: u16,
    folder: tempfile::TempDir,
}

/// Who listens to topics; killed with this value.
#[derive(Debug)]
pub struct Listener {
    child: Child,
    lines: Receiver<(String, String)>,
}

impl Broker {
    /// Starts mosquitto on a free port.
    ///
    /// # Errors
    /// When it is not installed, or does not come to listen.
    pub fn start() -> Result<Broker, String> {
        let listener = TcpListener::bind("127.0.0.1:0").map_err(|cause| format!("no free port: {cause}"))?;
        let port = listener.local_addr().map_err(|cause| cause.to_string())?.port();
        drop(listener);
        let folder = tempfile::tempdir().map_err(|cause| format!("no folder for a broker: {cause}"))?;
        let config = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\nmax_queued_messages 0\n"
        );
        std::fs::write(folder.path().join("mosquitto.conf"), config).map_err(|cause| cause.to_string())?;
        let mut broker = Broker {
            child: None,
            port,
            folder,
        };
        broker.start_again()?;
        Ok(broker)
    }

    /// Starts it on the same port, once it was [killed](Broker::kill): with nothing that it had.
    ///
    /// # Errors
    /// When it does not come to listen.
    pub fn start_again(&mut self) -> Result<(), String> {
        let begun = Instant::now();
        loop {
            let child = Command::new("mosquitto")
                .args(["-c", "mosquitto.conf"])
                .current_dir(self.folder.path())
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn();
            let child = self
                .child
                .insert(child.map_err(|cause| format!("mosquitto does not start: {cause}"))?);
            while matches!(child.try_wait(), Ok(None)) {
                if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                    return Ok(());
                }
                thread::sleep(Duration::from_millis(20));
            }
            // The port may be in use for a little while.
            if begun.elapsed() > PATIENCE {
                return Err(format!("mosquitto does not listen at port {}", self.port));
            }
            thread::sleep(Duration::from_millis(200));
        }
    }

    /// Ends it without a chance to tidy up.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Both fail only when it has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Where it is.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Publishes a message, and waits until the broker has it.
    ///
    /// # Errors
    /// What mosquitto_pub says.
    pub fn publish(&self, topic: &str, payload: &str, retain: bool) -> Result<(), String> {
        let mut command = Command::new("mosquitto_pub");
        command.args([
            "-h",
            "127.0.0.1",
            "-p",
            &self.port.to_string(),
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

    /// Listens to what is published from now on, and to what is retained.
    ///
    /// # Errors
    /// When mosquitto_sub is not there.
    pub fn listen(&self, filter: &str) -> Result<Listener, String> {
        let mut child = Command::new("mosquitto_sub")
            .args([
                "-h",
                "127.0.0.1",
                "-p",
                &self.port.to_string(),
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
}

impl Listener {
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

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
