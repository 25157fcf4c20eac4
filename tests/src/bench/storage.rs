//! Storing and reading values, beside SQLite by itself.
//!
//! Both databases lie in temporary folders of the same file system, in WAL mode with `synchronous=FULL`:
//! when a write returns, it is on the disk. No value is written twice, because SQLite does not write what
//! is there already.

use std::fs::File;
use std::hint::black_box;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Barrier, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use host_std::config::Placement;
use kernel_core::{CoreRuntime, Json};
use rusqlite::{Connection, OptionalExtension};
use tempfile::TempDir;

use super::harness::{Contender, Settings, compare, growth};
use super::hosted::{Hosted, database, folder};
use super::pinned;
use super::report::Row;
use super::shuffle::Keys;
use host_std::block_on;

const NAMESPACE: &str = "bench";
const KEYS: usize = 1000;
const CLIENTS: usize = 64;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS storage(\
     namespace TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY(namespace, key))";
const UPSERT: &str = "INSERT INTO storage(namespace, key, value) VALUES(?1, ?2, ?3) \
     ON CONFLICT(namespace, key) DO UPDATE SET value = excluded.value";
const SELECT: &str = "SELECT value FROM storage WHERE namespace = ?1 AND key = ?2";

/// One client's durable writes.
///
/// # Errors
/// When something was not stored.
pub(super) fn set(settings: &Settings) -> Result<Vec<Row>, String> {
    let (ours, peer) = (Hosted::start()?, Sqlite::open()?);
    let keys = keys(KEYS);
    let ours = Contender::new("ours", |count| ours_set(ours.runtime(), &keys, count));
    let peer = Contender::new("rusqlite, prepared upsert", |count| {
        let begun = Instant::now();
        for key in keys.take(count) {
            peer.set(key)?;
        }
        Ok(begun.elapsed())
    });
    let name = "durable storage set, 1 client";
    let flushed = disk("write of a page, fsync", File::sync_all)?;
    let data = disk("write of a page, fdatasync", File::sync_data)?;
    let contenders = vec![ours, peer, flushed.for_reference(), data.for_reference()];
    let row = compare(&settings.finer().longer(6), name, contenders, Some(0.9))?;
    Ok(vec![row])
}

/// What the disk takes for the least that a commit writes.
fn disk(name: &str, flush: fn(&File) -> io::Result<()>) -> Result<Contender<'static>, String> {
    let folder = folder()?;
    let no = |cause: io::Error| format!("a file in {}: {cause}", folder.path().display());
    let file = File::create(folder.path().join("page")).map_err(no)?;
    // Room that is there already, as in a write-ahead log that has been in use.
    let (page, pages) = ([1; 4096], 1000);
    file.write_all_at(&vec![0; page.len() * pages], 0).map_err(no)?;
    file.sync_all().map_err(no)?;
    let work = move |count| {
        // The file lives as long as its folder.
        let _folder = &folder;
        let begun = Instant::now();
        for (_, at) in (0..count).zip((0..pages).cycle()) {
            let written = file.write_all_at(&page, (at * page.len()) as u64);
            written
                .and_then(|()| flush(&file))
                .map_err(|cause| format!("not written: {cause}"))?;
        }
        Ok(begun.elapsed())
    };
    Ok(Contender::new(name, work))
}

/// The durable writes of 64 clients at once, each on a thread.
///
/// # Errors
/// When something was not stored.
pub(super) fn set_by_many(settings: &Settings) -> Result<Vec<Row>, String> {
    let (ours, peer) = (Hosted::start()?, Mutex::new(Sqlite::open()?));
    let keys = keys(KEYS);
    let runtime = ours.runtime();
    let ours = Contender::new("ours", |count| {
        together(count, |count| ours_set(runtime, &keys, count))
    });
    let peer = Contender::new("rusqlite behind a mutex", |count| {
        together(count, |count| {
            let begun = Instant::now();
            for key in keys.take(count) {
                peer.lock().unwrap_or_else(PoisonError::into_inner).set(key)?;
            }
            Ok(begun.elapsed())
        })
    });
    let name = format!("durable storage set, {CLIENTS} clients at once");
    let contenders = vec![
        ours.in_groups_of(CLIENTS as u64),
        peer.in_groups_of(CLIENTS as u64),
    ];
    Ok(vec![compare(
        &settings.finer().longer(6),
        &name,
        contenders,
        Some(8.0),
    )?])
}

/// Reading what was read before.
///
/// # Errors
/// When something was not there.
pub(super) fn get(settings: &Settings) -> Result<Vec<Row>, String> {
    pinned::both(
        &settings.finer(),
        "storage get, warm",
        (0.6, None),
        |settings, name, goal| {
            let (ours, peer) = (Hosted::start()?, Sqlite::open()?);
            let keys = keys(KEYS);
            let runtime = ours.runtime();
            ours_set(runtime, &keys, KEYS as u64)?;
            peer.fill(&keys)?;
            let ours = Contender::new("ours", |count| ours_get(runtime, &keys, count));
            let peer = Contender::new("rusqlite, prepared select", |count| {
                let begun = Instant::now();
                for key in keys.take(count) {
                    peer.get(key)?;
                }
                Ok(begun.elapsed())
            });
            compare(settings, name, vec![ours, peer], goal)
        },
    )
}

/// A table of numbers of rows.
///
/// # Errors
/// When something was not stored, or not there.
pub(super) fn table(settings: &Settings) -> Result<Vec<Row>, String> {
    let sizes = match settings.quick {
        true => vec![100, 1000],
        false => vec![1000, 10_000, 100_000, 1_000_000],
    };
    let mut hosts = Vec::new();
    for rows in sizes {
        let sqlite = Sqlite::open()?;
        let keys = keys(rows);
        sqlite.fill(&keys)?;
        let folder = sqlite.close()?;
        hosts.push((Hosted::start_in(folder, Placement::Shared)?, keys));
    }
    let set = hosts.iter().map(|(host, keys)| {
        let work = |count| ours_set(host.runtime(), keys, count);
        Contender::new(format!("set 1 of {} rows", keys.len()), work)
    });
    let mut rows = growth(&settings.finer().longer(4), set.collect(), None)?;
    let get = hosts.iter().map(|(host, keys)| {
        let work = |count| ours_get(host.runtime(), keys, count);
        Contender::new(format!("get 1 of {} rows", keys.len()), work)
    });
    rows.extend(growth(&settings.finer(), get.collect(), None)?);
    Ok(rows)
}

/// 64 bytes of JSON that were not there before.
fn value() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    format!(r#"{{"on":true,"level":7,"color":"red","at":"8:15:0","n":"{next:08x}"}}"#)
}

fn keys(count: usize) -> Keys {
    Keys::new((0..count).map(|index| format!("device{index:07}")).collect())
}

fn ours_set(runtime: CoreRuntime, keys: &Keys, count: u64) -> Result<Duration, String> {
    let storage = runtime.storage();
    let namespace = storage.namespace(NAMESPACE);
    let begun = Instant::now();
    for key in keys.take(count) {
        let value = value();
        let value = Json::parse(&value).map_err(|cause| format!("the value: {cause}"))?;
        let stored = block_on(namespace.set(key, value));
        stored.map_err(|cause| format!("{key} is not stored: {cause}"))?;
    }
    Ok(begun.elapsed())
}

fn ours_get(runtime: CoreRuntime, keys: &Keys, count: u64) -> Result<Duration, String> {
    let storage = runtime.storage();
    let namespace = storage.namespace(NAMESPACE);
    let mut buf = [0; 256];
    let begun = Instant::now();
    for key in keys.take(count) {
        match block_on(namespace.get(key, &mut buf)) {
            Ok(Some(value)) => drop(black_box(value)),
            Ok(None) => return Err(format!("{key} is not there")),
            Err(cause) => return Err(format!("{key} is not read: {cause}")),
        }
    }
    Ok(begun.elapsed())
}

/// `count` operations by all clients together, from the moment the first one begins.
fn together(count: u64, work: impl Fn(u64) -> Result<Duration, String> + Sync) -> Result<Duration, String> {
    let ready = Barrier::new(CLIENTS);
    let client = || {
        ready.wait();
        let begun = Instant::now();
        work(count / CLIENTS as u64).map(|_| begun)
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        let mut first: Option<Instant> = None;
        for client in clients {
            let begun = client.join().map_err(|_| "a client panicked")??;
            first = Some(first.map_or(begun, |first| first.min(begun)));
        }
        Ok(first.map(|first| first.elapsed()).unwrap_or_default())
    })
}

/// SQLite by itself, on the same table.
struct Sqlite {
    connection: Connection,
    folder: TempDir,
}

impl Sqlite {
    fn open() -> Result<Sqlite, String> {
        let folder = folder()?;
        let connection = connect(&database(folder.path())).map_err(told)?;
        Ok(Sqlite { connection, folder })
    }

    fn set(&self, key: &str) -> Result<(), String> {
        let prepared = self.connection.prepare_cached(UPSERT);
        let stored = prepared.and_then(|mut upsert| upsert.execute([NAMESPACE, key, &value()]));
        stored.map(drop).map_err(told)
    }

    fn get(&self, key: &str) -> Result<(), String> {
        let mut select = self.connection.prepare_cached(SELECT).map_err(told)?;
        let mut buf = [0; 256];
        let len = select.query_row([NAMESPACE, key], |row| {
            let value = row.get_ref(0)?.as_str()?.as_bytes();
            Ok(buf.get_mut(..value.len()).map(|to| to.copy_from_slice(value)))
        });
        black_box(buf);
        match len.optional().map_err(told)? {
            Some(Some(())) => Ok(()),
            _ => Err(format!("{key} is not there, or too long")),
        }
    }

    /// All of them in one transaction.
    fn fill(&self, keys: &Keys) -> Result<(), String> {
        let transaction = self.connection.unchecked_transaction().map_err(told)?;
        keys.take(keys.len() as u64).try_for_each(|key| self.set(key))?;
        transaction.commit().map_err(told)
    }

    fn close(self) -> Result<TempDir, String> {
        self.connection.close().map_err(|(_, cause)| told(cause))?;
        Ok(self.folder)
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update_and_check(None, "journal_size_limit", 4 * 1024 * 1024, |_| Ok(()))?;
    connection.execute_batch(TABLE)?;
    Ok(connection)
}

fn told(cause: rusqlite::Error) -> String {
    format!("SQLite: {cause}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_json_of_64_bytes_and_never_the_same() {
        let (one, other) = (value(), value());
        assert!(Json::parse(&one).is_ok() && one.len() == 64, "{one}");
        assert_ne!(one, other);
    }
}
