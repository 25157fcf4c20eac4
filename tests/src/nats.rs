//! Real `nats-server` processes with JetStream, on loopback.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long a server may take to listen, and its cluster to have a leader.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server; killed with this value.
#[derive(Debug)]
pub struct NatsServer {
    /// Where clients connect.
    pub port: u16,
    config: std::path::PathBuf,
    child: Option<Child>,
    _folder: tempfile::TempDir,
}

/// A port of loopback that nobody listens at now.
///
/// # Errors
/// When there is none.
pub fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(|cause| format!("no port: {cause}"))?;
    listener
        .local_addr()
        .map(|address| address.port())
        .map_err(|cause| format!("no port: {cause}"))
}

impl NatsServer {
    /// One alone, which listens when this returns. `more` are further lines of its configuration.
    ///
    /// # Errors
    /// When it does not start.
    pub fn alone(more: &str) -> Result<NatsServer, String> {
        let mut server = NatsServer::with(free_port()?, "n1", more)?;
        server.start()?;
        Ok(server)
    }

    /// Three that are one, JetStream with three replicas included.
    ///
    /// # Errors
    /// When they do not start.
    pub fn three() -> Result<Vec<NatsServer>, String> {
        let routes: Vec<u16> = (0..3).map(|_| free_port()).collect::<Result<_, _>>()?;
        let all: Vec<String> = routes
            .iter()
            .map(|port| format!("nats-route://127.0.0.1:{port}"))
            .collect();
        let mut servers = Vec::new();
        for (index, port) in routes.iter().enumerate() {
            let more = format!(
                "cluster {{ name: c, listen: \"127.0.0.1:{port}\", routes: [{}] }}",
                all.join(", ")
            );
            servers.push(NatsServer::with(free_port()?, &format!("n{}", index + 1), &more)?);
        }
        for server in &mut servers {
            server.start()?;
        }
        Ok(servers)
    }

    fn with(port: u16, name: &str, more: &str) -> Result<NatsServer, String> {
        let folder = tempfile::tempdir().map_err(|cause| format!("no folder: {cause}"))?;
        let config = folder.path().join("nats.conf");
        let store = folder.path().join("store");
        let text = format!(
            "server_name: {name}\nlisten: \"127.0.0.1:{port}\"\njetstream {{ store_dir: \"{}\" }}\n{more}\n",
            store.display()
        );
        fs::write(&config, text).map_err(|cause| format!("no configuration: {cause}"))?;
        Ok(NatsServer {
            port,
            config,
            child: None,
            _folder: folder,
        })
    }

    /// Starts it, where it does not run, with what it has stored.
    ///
    /// # Errors
    /// When it does not come to listen.
    pub fn start(&mut self) -> Result<(), String> {
        let log = fs::File::create(self.log()).map_err(|cause| format!("no log: {cause}"))?;
        let child = Command::new("nats-server")
            .arg("-c")
            .arg(&self.config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|cause| format!("nats-server does not start: {cause}"))?;
        self.child = Some(child);
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            if begun.elapsed() > PATIENCE {
                let said = fs::read_to_string(self.log()).unwrap_or_default();
                return Err(format!("nats-server does not listen, but says: {said}"));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// The file that it logs to.
    pub fn log(&self) -> std::path::PathBuf {
        self.config.parent().unwrap_or(Path::new(".")).join("log")
    }

    /// Its address, for clients.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// The number of its process, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Ends it without a chance to tidy up.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Both fail only when it has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
    }
}
