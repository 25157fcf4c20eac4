//! A host in a directory of its own, waiting for conditions, and log lines to look at.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::ffi::OsString;
use std::fmt::Write;
use std::path::Path;
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use embedded_io_adapters::tokio_1::FromTokio;
use host_std::{Config, Host};
use kernel_core::PluginState;
use kernel_link::{Client, Framing, ToClient};
use tracing::field::{Field, Visit};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};

/// Far longer than anything here takes on a machine that does anything else beside.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A configuration whose files are in `dir`, without plugins that are installed at run time.
pub fn config(dir: &Path) -> Config {
    let database: OsString = dir.join("runtime.db").into();
    let mut config = Config::from_vars(|name| (name == "RUNTIME_DB_PATH").then(|| database.clone())).unwrap();
    config.shutdown_timeout = Duration::from_secs(20);
    config.plugins_folder = None;
    config
}

/// Waits until `check` gives a value.
pub fn until<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Waits until the plugin is in this state.
pub fn until_state(host: &Host, plugin: &str, state: PluginState) {
    until(&format!("{plugin} {}", state.as_str()), || {
        (host.runtime().plugins().state(plugin) == Some(state)).then_some(())
    });
}

/// What is known of a plugin.
#[derive(Debug)]
pub struct Info {
    pub state: PluginState,
    pub code: String,
    pub error: String,
    pub counters: kernel_core::PluginCounters,
}

/// Looks a plugin up.
pub fn info(host: &Host, plugin: &str) -> Info {
    let mut buf = [0; 1024];
    let mut cursor = 0;
    while let Some(info) = host.runtime().next_plugin(&mut cursor, &mut buf) {
        if info.name == plugin {
            return Info {
                state: info.state,
                code: info.error_code.to_owned(),
                error: info.error.to_owned(),
                counters: info.counters,
            };
        }
    }
    panic!("there is no plugin {plugin}");
}

/// What waits for input and time.
pub fn reactor() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// Asks on the Unix socket; what `look` makes of the answer.
pub fn asked<T>(
    config: &Config,
    ask: kernel_link::Request<'_>,
    look: impl FnOnce(kernel_link::Reply<'_>) -> T,
) -> T {
    reactor().block_on(async {
        let stream = tokio::net::UnixStream::connect(&config.socket).await.unwrap();
        let (read, write) = stream.into_split();
        let mut memory = vec![0; 256 * 1024];
        let halves = (FromTokio::new(read), FromTokio::new(write));
        let mut client = Client::new(Framing::Stream, halves.0, halves.1, &mut memory).unwrap();
        client.hello("test", 7, "").await.unwrap();
        client.request(1, ask).await.unwrap();
        assert!(matches!(
            client.next().await.unwrap(),
            ToClient::Hello { nonce: 7, .. }
        ));
        match client.next().await.unwrap() {
            ToClient::Reply { id: 1, what } => look(what),
            other => panic!("{other:?}"),
        }
    })
}

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Begins to keep the log lines of this process.
pub fn keep_log() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        let kept = tracing_subscriber::registry().with(Keep);
        tracing::subscriber::set_global_default(kept).unwrap();
    });
}

/// The first kept line that contains all of `parts`, once there is one.
pub fn log_line(parts: &[&str]) -> String {
    until(&format!("a log line with {parts:?}"), || {
        let lines = LINES.lock().unwrap();
        let found = lines
            .iter()
            .find(|line| parts.iter().all(|part| line.contains(part)));
        found.cloned()
    })
}

/// Forgets the lines that were kept so far.
pub fn forget_log() {
    LINES.lock().unwrap().clear();
}

struct Keep;

impl<S: tracing::Subscriber> Layer<S> for Keep {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        LINES.lock().unwrap().push(line.0);
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        match field.name() {
            "message" => write!(self.0, " {value:?}").unwrap(),
            name => write!(self.0, " {name}={value:?}").unwrap(),
        }
    }
}
