//! A real host whose operator publishes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use host_std::Host;
use host_std::config::{Config, LogFormat};
use host_std::sqlite::Synchronous;
use kernel_core::{CoreRuntime, Json};

/// Between two bursts.
const PAUSE: Duration = Duration::from_millis(2);

/// A host, and a thread that publishes on it.
pub struct Feeder {
    host: Option<Host>,
    rate: Arc<AtomicU64>,
    publisher: Option<JoinHandle<()>>,
    dir: tempfile::TempDir,
}

/// The rate that ends the thread.
const END: u64 = u64::MAX;

impl Feeder {
    /// Starts the host; nothing is published yet.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start() -> Result<Feeder, String> {
        let dir = tempfile::tempdir().map_err(|error| format!("no folder for the host: {error}"))?;
        let config = Config {
            db_path: dir.path().join("core.db"),
            shutdown_timeout: Duration::from_secs(5),
            call_timeout: Duration::from_secs(5),
            socket: dir.path().join("socket"),
            plugins_folder: None,
            safe: false,
            demo: false,
            only: None,
            log: "error".into(),
            log_format: LogFormat::Text,
            slow_handler: Duration::from_secs(1),
            synchronous: Synchronous::default(),
            storage: None,
            tcp: None,
            plugins: BTreeMap::new(),
            file: None,
        };
        let host = Host::builder()
            .built_in()
            .start(config)
            .map_err(|error| format!("the host does not start: {error}"))?;
        let rate = Arc::new(AtomicU64::new(0));
        let (wanted, runtime) = (rate.clone(), host.runtime());
        let publisher = thread::Builder::new()
            .name("publisher".into())
            .spawn(move || publish(runtime, &wanted))
            .map_err(|error| format!("no thread to publish: {error}"))?;
        Ok(Feeder {
            host: Some(host),
            rate,
            publisher: Some(publisher),
            dir,
        })
    }

    /// Where the host listens.
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("socket")
    }

    /// The runtime in it.
    ///
    /// # Errors
    /// When it was shut down.
    pub fn runtime(&self) -> Result<CoreRuntime, String> {
        let host = self.host.as_ref().ok_or("the host was shut down")?;
        Ok(host.runtime())
    }

    /// So many events a second from now on.
    pub fn publish(&self, rate: u64) {
        self.rate.store(rate, Ordering::Relaxed);
    }

    /// The events that were published so far.
    pub fn published(&self) -> u64 {
        self.host
            .as_ref()
            .map_or(0, |host| host.runtime().metrics().next_seq)
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        self.publish(END);
        if let Some(publisher) = self.publisher.take() {
            // It does not panic; if it did, its message was printed.
            let _ = publisher.join();
        }
        if let Some(host) = self.host.take() {
            host.shutdown();
        }
    }
}

fn publish(runtime: CoreRuntime, wanted: &AtomicU64) {
    const ROOMS: [&str; 8] = [
        "kitchen", "hall", "bath", "bedroom", "office", "cellar", "garage", "garden",
    ];
    const KINDS: [&str; 4] = ["temperature", "humidity", "motion", "power"];
    let topics: Vec<String> = ROOMS
        .iter()
        .flat_map(|room| KINDS.iter().map(move |kind| format!("device.{room}.{kind}")))
        .collect();
    let (mut since, mut done, mut rate, mut number) = (Instant::now(), 0u64, 0, 0u64);
    loop {
        let now = wanted.load(Ordering::Relaxed);
        if now == END {
            return;
        }
        if now != rate {
            (since, done, rate) = (Instant::now(), 0, now);
        }
        let due = (since.elapsed().as_secs_f64() * rate as f64) as u64;
        while done < due {
            done += 1;
            number += 1;
            let topic = topics
                .get((number % topics.len() as u64) as usize)
                .map_or("device", String::as_str);
            let payload = format!(
                r#"{{"value":{}.{},"unit":"C","state":"{}","battery":{},"n":{number}}}"#,
                number % 40,
                number % 10,
                if number.is_multiple_of(3) { "on" } else { "off" },
                number % 100
            );
            if let Ok(payload) = Json::new(payload.as_bytes()) {
                // Without subscribers nothing can be refused.
                let _ = runtime.bus().try_publish(topic, payload);
            }
        }
        thread::sleep(PAUSE);
    }
}
