//! A real MQTT broker, mosquitto, in a folder of its own.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long is waited for what should come at once.
const PATIENCE: Duration = Duration::from_secs(30);

/// A broker at a loopback port; killed with this value.
#[derive(Debug)]
pub struct Broker {
    child: Option<Child>,
    folder: tempfile::TempDir,
    port: u16,
}

impl Broker {
    /// One without passwords and TLS, started.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start() -> Result<Broker, String> {
        let mut broker = Broker::new("allow_anonymous true\n")?;
        broker.start_again()?;
        Ok(broker)
    }

    /// One with these lines in its configuration behind those of its listener, not started yet. `FOLDER` in them is its
    /// folder.
    ///
    /// # Errors
    /// When there is no folder, or no port.
    pub fn new(lines: &str) -> Result<Broker, String> {
        Broker::prepare(free_port()?, lines)
    }

    /// One at this port, started, with these lines as in [`new`](Self::new).
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn at(port: u16, lines: &str) -> Result<Broker, String> {
        let mut broker = Broker::prepare(port, lines)?;
        broker.start_again()?;
        Ok(broker)
    }

    fn prepare(port: u16, lines: &str) -> Result<Broker, String> {
        let folder = tempfile::tempdir().map_err(|cause| format!("no folder for a broker: {cause}"))?;
        let lines = lines.replace("FOLDER", &folder.path().display().to_string());
        let text = format!(
            "per_listener_settings false\nset_tcp_nodelay true\nmax_inflight_messages 0\nmax_queued_messages 0\n\
             user root\nlistener {port} 127.0.0.1\n{lines}"
        );
        let broker = Broker {
            child: None,
            folder,
            port,
        };
        std::fs::write(broker.config(), text).map_err(|cause| format!("no configuration: {cause}"))?;
        Ok(broker)
    }

    fn config(&self) -> PathBuf {
        self.folder().join("mosquitto.conf")
    }

    /// Where its files are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its port, at 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address in settings, without TLS.
    pub fn address(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// Starts it, where it was before, and returns once it listens.
    ///
    /// # Errors
    /// When it does not listen.
    pub fn start_again(&mut self) -> Result<(), String> {
        self.kill();
        let program = ["/usr/sbin/mosquitto", "mosquitto"]
            .into_iter()
            .find(|path| Path::new(path).exists())
            .unwrap_or("mosquitto");
        let child = Command::new(program)
            .arg("-c")
            .arg(self.config())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|cause| format!("mosquitto does not start: {cause}"))?;
        let child = self.child.insert(child);
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return Ok(());
            }
            if let Ok(Some(status)) = child.try_wait() {
                return Err(format!("mosquitto ended: {status}"));
            }
            thread::sleep(Duration::from_millis(5));
        }
        Err("mosquitto does not listen".to_owned())
    }

    /// Has it write what it keeps to its disk.
    ///
    /// # Errors
    /// When it does not.
    pub fn save(&mut self) -> Result<(), String> {
        let child = self.child.as_ref().ok_or("mosquitto is not running")?;
        let pid = rustix::process::Pid::from_child(child);
        rustix::process::kill_process(pid, rustix::process::Signal::USR1)
            .map_err(|cause| format!("mosquitto takes no signal: {cause}"))?;
        let file = self.folder().join("mosquitto.db");
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if file.exists() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Err(format!("mosquitto did not write {}", file.display()))
    }

    /// Ends it without a chance to tidy up.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Both fail only when it has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Runs `mosquitto_pub` or `mosquitto_sub` with these words at this broker; what it printed.
    ///
    /// # Errors
    /// When it fails: what it said. `mosquitto_sub` has to be told when to end, by `-C` or `-W`.
    pub fn run(&self, program: &str, words: &[&str]) -> Result<String, String> {
        let output = self.command(program, words).output();
        let output = output.map_err(|cause| format!("{program} does not run: {cause}"))?;
        if !output.status.success() {
            return Err(format!("{program}: {}", String::from_utf8_lossy(&output.stderr)));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// The same, started: its output is read when it has ended.
    ///
    /// # Errors
    /// When it does not start.
    pub fn begin(&self, program: &str, words: &[&str]) -> Result<Child, String> {
        let child = self.command(program, words).stdout(Stdio::piped()).spawn();
        child.map_err(|cause| format!("{program} does not start: {cause}"))
    }

    fn command(&self, program: &str, words: &[&str]) -> Command {
        let mut command = Command::new("timeout");
        command
            .args(["60", program, "-h", "127.0.0.1", "-p", &self.port.to_string()])
            .args(words)
            .stdin(Stdio::null());
        command
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that nobody has now.
///
/// # Errors
/// When there is none.
pub fn free_port() -> Result<u16, String> {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|cause| format!("no port: {cause}"))
}
