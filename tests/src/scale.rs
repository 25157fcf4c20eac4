//! Many runtimes at one NATS server: what each costs, and how many events they pass on together.
//!
//! Each is a process of its own, the real command with few plugins, in a cluster of its own as a home would be; `together`
//! puts so many of them into one cluster, as the hosts of one building are. A bare client stands for the centre: it counts
//! the events of all.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use kernel_link::{Raw, Reply, Request};

use crate::nats::NatsServer;
use crate::session::Session;

/// What is measured.
#[derive(Debug, Clone)]
pub struct Scale {
    /// The command.
    pub binary: PathBuf,
    /// How many runtimes.
    pub runtimes: usize,
    /// How many of them are one cluster.
    pub together: usize,
    /// Further plugins of each beside `cluster`.
    pub plugins: Vec<String>,
    /// Whether each has its storage in a bucket at the server.
    pub storage: bool,
    /// How long they are watched while they are idle, and then while they publish.
    pub time: Duration,
}

/// What came of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Measured {
    /// Until all ran.
    pub start: Duration,
    /// KiB of memory of one runtime: its share of what is shared, and what only it has.
    pub pss: f64,
    /// KiB that no other process has.
    pub private: f64,
    /// KiB of the server.
    pub server: f64,
    /// How often one runtime wakes in a second when idle.
    pub wakes: f64,
    /// Milliseconds of processor of one runtime in a second when idle.
    pub idle: f64,
    /// Milliseconds of processor of the server in a second when all are idle.
    pub server_idle: f64,
    /// Events published.
    pub published: u64,
    /// Events that came to the centre.
    pub arrived: u64,
    /// Events that came in a second.
    pub rate: f64,
}

/// A process that is killed with this value.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Scale {
    /// Starts them, measures, and ends them.
    ///
    /// # Errors
    /// When one does not start, or does not answer.
    pub fn run(&self) -> Result<Measured, String> {
        let folder = tempfile::tempdir().map_err(|cause| format!("no folder: {cause}"))?;
        let server = NatsServer::alone("")?;
        let begun = Instant::now();
        let mut homes = Vec::new();
        for number in 0..self.runtimes {
            let home = folder.path().join(format!("h{number}"));
            homes.push((home.clone(), self.start(&home, number, &server.url())?));
            // Not all at once: each has its first connection for itself.
            until_listens(&home, Duration::from_secs(60))?;
        }
        let mut measured = Measured {
            start: begun.elapsed(),
            ..Measured::default()
        };
        let pids: Vec<u32> = homes.iter().map(|(_, home)| home.0.id()).collect();
        let server_pid = server.pid().ok_or("the server has ended")?;
        // What the start caused is over.
        thread::sleep(Duration::from_secs(3));
        let before = (wakes(&pids), processor(&pids), processor(&[server_pid]));
        thread::sleep(self.time);
        let seconds = self.time.as_secs_f64();
        let each = seconds * self.runtimes as f64;
        measured.wakes = (wakes(&pids) - before.0) as f64 / each;
        measured.idle = (processor(&pids) - before.1) as f64 / each;
        measured.server_idle = (processor(&[server_pid]) - before.2) as f64 / seconds;
        for pid in &pids {
            measured.pss += memory(*pid, "Pss:") as f64 / self.runtimes as f64;
            let own = memory(*pid, "Private_Clean:") + memory(*pid, "Private_Dirty:");
            measured.private += own as f64 / self.runtimes as f64;
        }
        measured.server = memory(server_pid, "Pss:") as f64;
        let folders: Vec<PathBuf> = homes.iter().map(|(home, _)| home.clone()).collect();
        self.publish(&server.url(), &folders, &mut measured)?;
        Ok(measured)
    }

    fn start(&self, home: &Path, number: usize, server: &str) -> Result<Killed, String> {
        let failed = |cause: std::io::Error| format!("runtime {number}: {cause}");
        fs::create_dir_all(home).map_err(failed)?;
        let mut plugins = self.plugins.clone();
        plugins.push("cluster".to_owned());
        let storage = match self.storage {
            true => format!("storage = \"{server}/home-{number}\"\n"),
            false => String::new(),
        };
        let config = format!(
            "[runtime]\nplugins = {plugins:?}\n{storage}[plugins.cluster.settings]\nservers = [\"{server}\"]\n\
             cluster = \"c{}\"\nname = \"r{number}\"\nshare = [\"sensor.>\"]\n",
            number / self.together.max(1)
        );
        fs::write(home.join("config.toml"), config).map_err(failed)?;
        let log = fs::File::create(home.join("log")).map_err(failed)?;
        let child = Command::new(&self.binary)
            .env("RUNTIME_CONFIG", "config.toml")
            .env("RUNTIME_DB_PATH", "runtime.db")
            .current_dir(home)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        Ok(Killed(child.map_err(failed)?))
    }

    /// All publish for a while, and what comes is counted.
    fn publish(&self, url: &str, homes: &[PathBuf], measured: &mut Measured) -> Result<(), String> {
        let arrived = Arc::new(AtomicU64::new(0));
        let reactor = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build();
        let reactor = reactor.map_err(|cause| format!("no reactor: {cause}"))?;
        let counted = arrived.clone();
        reactor.block_on(async {
            let client = async_nats::connect(url)
                .await
                .map_err(|cause| cause.to_string())?;
            let events = client.subscribe("core.*.event.*.sensor.>").await;
            let mut events = events.map_err(|cause| cause.to_string())?;
            client.flush().await.map_err(|cause| cause.to_string())?;
            tokio::spawn(async move {
                // The client lives as long as its subscription is read.
                let _client = client;
                while events.next().await.is_some() {
                    counted.fetch_add(1, Ordering::Relaxed);
                }
            });
            Ok::<_, String>(())
        })?;
        let (stop, published) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let threads: Vec<_> = homes
            .chunks(homes.len().div_ceil(16))
            .map(|part| {
                let (part, stop, published) = (part.to_vec(), stop.clone(), published.clone());
                thread::spawn(move || publish_in_turn(&part, &stop, &published))
            })
            .collect();
        let begun = Instant::now();
        thread::sleep(self.time);
        stop.store(true, Ordering::Relaxed);
        for thread in threads {
            thread.join().map_err(|_| "a publisher panicked".to_owned())??;
        }
        measured.published = published.load(Ordering::Relaxed);
        let until = Instant::now() + Duration::from_secs(20);
        while arrived.load(Ordering::Relaxed) < measured.published && Instant::now() < until {
            thread::sleep(Duration::from_millis(5));
        }
        measured.arrived = arrived.load(Ordering::Relaxed);
        measured.rate = measured.arrived as f64 / begun.elapsed().as_secs_f64();
        Ok(())
    }
}

/// Publishes through each runtime in turn, the next once the one before has taken it.
fn publish_in_turn(homes: &[PathBuf], stop: &AtomicBool, published: &AtomicU64) -> Result<(), String> {
    let mut sessions: Vec<Session> = homes
        .iter()
        .map(|home| Session::at(&home.join("runtime.sock")))
        .collect();
    let mut asks = sessions
        .iter_mut()
        .map(Session::open)
        .collect::<Result<Vec<_>, _>>()?;
    while !stop.load(Ordering::Relaxed) {
        for ask in &mut asks {
            let what = Request::Publish {
                topic: "sensor.kitchen.temperature",
                timeout_ms: 0,
                payload: Raw(br#"{"value":20.4,"unit":"C"}"#),
            };
            let taken = ask.ask(what, |reply| matches!(reply, Reply::Count(count) if count > 0));
            if taken.map_err(|why| why.to_string())? {
                published.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
    Ok(())
}

/// Waits until the plugin has joined its cluster.
fn until_listens(home: &Path, patience: Duration) -> Result<(), String> {
    let begun = Instant::now();
    loop {
        let log = fs::read_to_string(home.join("log")).unwrap_or_default();
        if log.contains("plugin cluster STARTED") {
            return Ok(());
        }
        if begun.elapsed() > patience {
            return Err(format!("a runtime did not start, but says: {log}"));
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// A field of a process's memory, in KiB; 0 once it has ended.
fn memory(pid: u32, field: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.unwrap_or(0)
}

/// How often all threads of these processes have begun to wait.
fn wakes(pids: &[u32]) -> u64 {
    let mut sum = 0;
    for pid in pids {
        for task in fs::read_dir(format!("/proc/{pid}/task"))
            .into_iter()
            .flatten()
            .flatten()
        {
            let text = fs::read_to_string(task.path().join("status")).unwrap_or_default();
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            sum += line.and_then(|line| line.trim().parse::<u64>().ok()).unwrap_or(0);
        }
    }
    sum
}

/// Milliseconds of processor that these processes have used.
fn processor(pids: &[u32]) -> u64 {
    let mut sum = 0;
    for pid in pids {
        for task in fs::read_dir(format!("/proc/{pid}/task"))
            .into_iter()
            .flatten()
            .flatten()
        {
            let text = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
            let nanos = text
                .split_whitespace()
                .next()
                .and_then(|number| number.parse::<u64>().ok());
            sum += nanos.unwrap_or(0);
        }
    }
    sum / 1_000_000
}
