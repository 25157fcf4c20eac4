//! Shutting down with plugins that will not stop; starting twice.
mod support;

use std::sync::Mutex;
use std::time::{Duration, Instant};

use host_std::config::{ConfigError, Placement};
use host_std::sqlite::{Database, OpenError, Options};
use host_std::{Config, Host, HostError};
use kernel_core::*;
use support::*;

/// Stores that it stopped.
#[derive(Default)]
struct Tidy;

impl Plugin for Tidy {
    const METADATA: PluginMetadata = PluginMetadata::new("tidy", "1.0.0");

    async fn on_stop(&mut self, cx: &Context) -> Result<(), Error> {
        cx.storage("tidy")
            .set("status", json_literal!("\"down\""))
            .await?;
        Ok(())
    }
}

/// Waits for ever when it is to stop.
#[derive(Default)]
struct Stubborn;

impl Plugin for Stubborn {
    const METADATA: PluginMetadata = PluginMetadata {
        hook_timeout: Duration::from_secs(600),
        ..PluginMetadata::new("stubborn", "1.0.0")
    };

    async fn on_stop(&mut self, _: &Context) -> Result<(), Error> {
        std::future::pending().await
    }
}

/// Blocks its thread when it is to stop, until the test lets go.
#[derive(Default)]
struct Frozen;

static FREEZER: Mutex<()> = Mutex::new(());

impl Plugin for Frozen {
    const METADATA: PluginMetadata = PluginMetadata::new("frozen", "1.0.0");

    async fn on_stop(&mut self, _: &Context) -> Result<(), Error> {
        drop(FREEZER.lock());
        Ok(())
    }
}

/// What `tidy` left in the database, and that it was closed: nobody holds it, and its log is gone.
fn stored(config: &Config) -> String {
    let mut log = config.db_path.clone().into_os_string();
    log.push("-wal");
    assert!(!std::path::Path::new(&log).exists(), "the log was folded in");
    let mut database = Database::open(&config.db_path, Options::default()).unwrap();
    let mut value = Vec::new();
    assert!(database.get("tidy", "status", &mut value).unwrap());
    String::from_utf8(value).unwrap()
}

#[test]
fn one_that_does_not_stop_is_named_and_the_others_stop() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.shutdown_timeout = Duration::from_secs(3);
    let host = Host::builder()
        .plugin::<Stubborn>()
        .plugin::<Tidy>()
        .start(config.clone())
        .unwrap();
    let begun = Instant::now();
    let report = host.shutdown();
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert_eq!(report.late, ["stubborn"]);
    assert_eq!(report.storage, Some(Ok(())));
    assert!(report.threads.is_empty(), "it only waits: {report:?}");
    assert_eq!(stored(&config), "\"down\"");
    assert!(!config.socket.exists(), "the socket is removed");
}

#[test]
fn one_that_blocks_its_thread_for_ever_does_not_keep_the_storage_open() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.shutdown_timeout = Duration::from_secs(3);
    config.plugins.entry("frozen".into()).or_default().placement = Placement::Thread;
    let host = Host::builder()
        .plugin::<Frozen>()
        .plugin::<Tidy>()
        .start(config.clone())
        .unwrap();
    let frozen = FREEZER.lock().unwrap();
    let report = host.shutdown();
    assert!(report.took < Duration::from_secs(3), "{:?}", report.took);
    assert_eq!(report.late, ["frozen"]);
    assert_eq!(report.threads, ["plugin:frozen"]);
    assert_eq!(report.storage, Some(Ok(())));
    assert_eq!(stored(&config), "\"down\"");
    drop(frozen);
}

#[test]
fn a_second_host_on_the_same_database_is_told_who_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());
    let first = Host::builder().plugin::<Tidy>().start(config.clone()).unwrap();
    let refused = Host::builder().start(config.clone()).err().unwrap();
    assert!(matches!(
        refused,
        HostError::Database(OpenError::Held { holder: Some(_), .. })
    ));
    let text = refused.to_string();
    assert!(
        text.contains(&format!("process id {}", std::process::id())),
        "{text}"
    );
    assert!(config.socket.exists(), "the first one's socket is still there");
    assert!(first.runtime().health().failed.is_empty());
    drop(first);
    assert_eq!(stored(&config), "\"down\"", "dropping a host shuts it down");
    Host::builder().plugin::<Tidy>().start(config).unwrap();
}

#[test]
fn a_start_that_is_refused_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let mut bad = config(dir.path());
    bad.socket = dir.path().join("a-file");
    std::fs::write(&bad.socket, "mine").unwrap();
    let refused = Host::builder().plugin::<Tidy>().start(bad.clone()).err().unwrap();
    assert!(matches!(refused, HostError::Socket(_)), "{refused}");
    assert_eq!(std::fs::read(&bad.socket).unwrap(), b"mine");

    bad.plugins.entry("tydi".into()).or_default();
    let refused = Host::builder().plugin::<Tidy>().start(bad).err().unwrap();
    assert!(matches!(
        refused,
        HostError::Config(ConfigError::UnknownPlugin { .. })
    ));

    let again = Host::builder().plugin::<Tidy>().start(config(dir.path()));
    assert!(again.is_ok(), "the database was let go: {:?}", again.err());
}
