//! Files that others wrote: the configuration, and the database.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use host_std::Config;
use host_std::sqlite::{Database, Options};

/// A folder of this thread's own, in memory where there is such.
fn folder() -> PathBuf {
    thread_local! {
        static FOLDER: tempfile::TempDir = {
            let shared = Path::new("/dev/shm");
            let made = if shared.is_dir() { tempfile::tempdir_in(shared) } else { tempfile::tempdir() };
            made.expect("a folder can be made")
        };
    }
    FOLDER.with(|folder| folder.path().to_owned())
}

/// A configuration file is read, or refused with a message.
///
/// # Panics
/// When it is not.
pub fn toml(data: &[u8]) {
    let file = folder().join("runtime.toml");
    fs::write(&file, data).expect("it can be written");
    let vars = |name: &str| match name {
        "RUNTIME_CONFIG" => Some(OsString::from(&file)),
        _ => None,
    };
    match Config::from_vars(vars) {
        Ok(config) => {
            for plugin in config.plugins.values() {
                assert!(
                    kernel_core::Json::parse(&plugin.settings).is_ok(),
                    "settings are JSON: {}",
                    plugin.settings
                );
            }
        }
        Err(error) => assert!(error.to_string().len() > 10, "it says why: {error}"),
    }
}

/// Configuration files.
pub fn toml_corpus() -> Vec<Vec<u8>> {
    let texts = [
        "[runtime]\nstorage_synchronous = \"full\"\nslow_handler_ms = 100\ntcp = \"127.0.0.1:7700\"\n\
         tcp_token = \"at least 16 characters\"\n",
        "[plugins.example]\nenabled = true\nplacement = \"shared\"\n[plugins.example.settings]\ngreeting = \"hello\"\n\
         when = 2026-01-01T00:00:00Z\nlist = [1, 2.5, inf, -nan, {a = 1}]\n",
        "[[plugins]]\n'' = \"\"\"\n\\u0000\"\"\"\n",
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn options() -> Options {
    Options {
        busy_timeout: Duration::from_millis(1),
        ..Options::default()
    }
}

/// A database is opened and used, or refused and left as it was.
///
/// # Panics
/// When neither is so.
pub fn database(data: &[u8]) {
    let path = folder().join("runtime.db");
    for beside in ["", "-wal", "-shm", "-journal", ".lock"] {
        let mut name = path.as_os_str().to_owned();
        name.push(beside);
        drop(fs::remove_file(name));
    }
    fs::write(&path, data).expect("it can be written");
    let mut database = match Database::open(&path, options()) {
        Ok(database) => database,
        Err(error) => {
            assert!(error.to_string().len() > 10, "it says why: {error}");
            return assert_eq!(
                fs::read(&path).expect("it is there"),
                data,
                "what is refused keeps every byte: {error}"
            );
        }
    };
    let (mut names, mut value) = (Vec::new(), Vec::new());
    let mut namespaces = Vec::new();
    drop(database.namespaces(None, 100, &mut namespaces));
    for namespace in &namespaces {
        drop(database.list_keys(namespace, None, 100, &mut names));
        for key in &names {
            if database.get(namespace, key, &mut value) == Ok(true) {
                assert!(kernel_core::Json::new(&value).is_ok(), "what is read is JSON");
            }
        }
    }
    if database.set("fuzz", "key", b"[1]").is_ok() {
        assert_eq!(
            database.get("fuzz", "key", &mut value),
            Ok(true),
            "what is stored is there"
        );
        assert_eq!(value, b"[1]");
    }
    drop(database.close());
}

/// Small databases: ours, one of another program, and none.
///
/// # Panics
/// When they cannot be made.
pub fn database_corpus() -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let (ours, other) = (folder.path().join("ours.db"), folder.path().join("other.db"));
    let mut database = Database::open(&ours, options()).expect("it opens");
    for n in 0..40 {
        let value = format!("{{\"n\":{n},\"text\":\"{}\"}}", "x".repeat(n * 20));
        database
            .set(["a", "b"][n % 2], &format!("k{n}"), value.as_bytes())
            .expect("it is stored");
    }
    database.close().expect("it closes");
    let foreign = rusqlite::Connection::open(&other).expect("it opens");
    foreign
        .execute_batch(
            "CREATE TABLE storage(namespace TEXT, key TEXT, value BLOB, PRIMARY KEY(namespace, key));
             INSERT INTO storage VALUES('n', 'k', x'00'), ('n', NULL, 1), (x'ff', 'k', '{}');",
        )
        .expect("it is made");
    drop(foreign.close());
    vec![
        fs::read(ours).expect("it is there"),
        fs::read(other).expect("it is there"),
        b"SQLite format 3\0".to_vec(),
        Vec::new(),
    ]
}
