//! A host with installed plugins, and an honest one beside them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use host_std::{Host, HostBuilder, block_on};
use kernel_core::{CoreRuntime, Json, PluginState};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::host::{config, info, until};

pub(crate) struct House {
    pub(crate) host: Host,
    pub(crate) dir: TempDir,
}

impl House {
    pub(crate) fn new() -> House {
        House::with(Host::builder().built_in())
    }

    pub(crate) fn with(builder: HostBuilder) -> House {
        let dir = tempfile::tempdir().unwrap();
        let mut config = config(dir.path());
        config.plugins_folder = Some(dir.path().join("plugins"));
        let host = builder
            .launcher(env!("CARGO_BIN_EXE_core-runtime"))
            .start(config)
            .unwrap();
        House { host, dir }
    }

    /// Calls a service; the error as its code and message.
    pub(crate) fn call(&self, service: &str, args: Value) -> Result<Value, (String, String)> {
        call(self.host.runtime(), service, &args)
    }

    /// Installs `hostile` which behaves in this way; its row.
    pub(crate) fn install_hostile(&self, how: &[&str]) -> Value {
        let folder = self.dir.path().join("hostile");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("hostile.py"), include_str!("hostile.py")).unwrap();
        let mut command = vec!["python3", "hostile.py"];
        command.extend(how);
        let manifest = format!(
            "[plugin]\nname = \"hostile\"\nversion = \"1.0.0\"\n\
             [run]\nkind = \"process\"\ncommand = {command:?}\n\
             [limits]\nhook_seconds = 1.5\nhandler_seconds = 1.5\nmemory_mb = 200\n"
        );
        std::fs::write(folder.join("plugin.toml"), manifest).unwrap();
        self.call("plugins.install", json!({ "path": folder })).unwrap()
    }

    /// Waits until the plugin has failed; the code.
    pub(crate) fn failure(&self, plugin: &str) -> (String, String) {
        until("it has failed", || {
            let info = info(&self.host, plugin);
            (info.counters.failures > 0).then_some((info.code, info.error))
        })
    }

    /// Takes the plugin out of the supervisor's hands, so that it fails once.
    pub(crate) fn give_up(&self, plugin: &str) {
        let _ = self.call("plugins.remove", json!({ "name": plugin }));
    }

    pub(crate) fn state(&self, plugin: &str) -> Option<PluginState> {
        self.host.runtime().plugins().state(plugin)
    }
}

pub(crate) fn call(runtime: CoreRuntime, service: &str, args: &Value) -> Result<Value, (String, String)> {
    let text = args.to_string();
    let mut buf = vec![0; 70_000];
    let services = runtime.services();
    let reply = block_on(services.call_within(
        service,
        Json::parse(&text).unwrap(),
        Duration::from_secs(60),
        &mut buf,
    ));
    match reply {
        Ok(json) => Ok(serde_json::from_str(json.as_str()).unwrap()),
        Err(error) => Err((error.code().to_owned(), error.to_string())),
    }
}

/// Calls of the honest plugin, one after another, while something else goes on.
pub(crate) struct Honest {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Duration>>,
    /// What 99 of 100 calls took at most before it began, beside all else that this machine does.
    quiet: Duration,
}

/// Calls that are measured before something begins.
const QUIET: usize = 300;

impl Honest {
    pub(crate) fn begin(house: &House) -> Honest {
        let stop = Arc::new(AtomicBool::new(false));
        let services = house.host.runtime().services();
        let call = move || {
            let (begun, mut buf) = (Instant::now(), [0; 256]);
            let name = Json::parse("\"Ann\"").unwrap();
            block_on(services.call("example.hello", name, &mut buf)).unwrap();
            let took = begun.elapsed();
            thread::sleep(Duration::from_micros(500));
            took
        };
        let quiet = p99(&mut (0..QUIET).map(|_| call()).collect::<Vec<_>>());
        let asked = stop.clone();
        let thread = thread::spawn(move || {
            let mut took = Vec::new();
            while !asked.load(Ordering::Relaxed) {
                took.push(call());
            }
            took
        });
        Honest { stop, thread, quiet }
    }

    /// Ends the calls, none of which failed, and checks how long they took: 99 of 100 at most 10 ms, or three times what
    /// they took before.
    pub(crate) fn end(self, beside: &str) {
        self.stop.store(true, Ordering::Relaxed);
        let mut took = self.thread.join().unwrap();
        let (p99, quiet) = (p99(&mut took), self.quiet);
        let (calls, worst) = (took.len(), took[took.len() - 1]);
        println!("beside {beside}: {calls} calls, p99 {p99:?}, worst {worst:?}; before, p99 {quiet:?}");
        let most = (quiet * 3).max(Duration::from_millis(10));
        assert!(p99 < most, "beside {beside}: p99 {p99:?}; before, {quiet:?}");
    }
}

/// What 99 of 100 are at most; sorts them.
fn p99(took: &mut [Duration]) -> Duration {
    took.sort_unstable();
    took[took.len() * 99 / 100]
}

/// Whether a process of this number runs.
pub(crate) fn runs(pid: i64) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

/// The processes whose command line has this text.
pub(crate) fn processes_with(text: &str) -> Vec<i64> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers
        .filter(|pid: &i64| {
            let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&command)
                .replace('\0', " ")
                .contains(text)
                && runs(*pid)
        })
        .collect()
}
