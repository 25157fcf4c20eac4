//! `doctor` on set-ups that are broken, one way each.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use rusqlite::Connection;
use rustix::process::Signal;
use tempfile::TempDir;

use crate::support::*;

/// A set-up in a folder of its own, of which a test breaks something.
struct Setup {
    dir: TempDir,
    vars: BTreeMap<String, String>,
}

impl Setup {
    /// Nothing is there yet.
    fn new() -> Setup {
        Setup::of(tempfile::tempdir().unwrap())
    }

    /// The folder that a runtime has left, or runs in.
    fn of(dir: TempDir) -> Setup {
        fs::set_permissions(dir.path(), Permissions::from_mode(0o700)).unwrap();
        let text = |name: &str| dir.path().join(name).display().to_string();
        let vars = [
            ("RUNTIME_DB_PATH".to_owned(), text("runtime.db")),
            ("RUNTIME_SOCKET".to_owned(), text("link.sock")),
        ];
        Setup {
            vars: vars.into(),
            dir,
        }
    }

    /// A runtime has run here, and was ended by this signal.
    fn used(by: Signal) -> Setup {
        let runtime = Runtime::start();
        runtime.cli(&["storage", "set", "kept", "key", "\"value\""]).ok();
        Setup::of(runtime.stop(by).1)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn set(&mut self, name: &str, value: impl Into<String>) -> &mut Setup {
        self.vars.insert(name.to_owned(), value.into());
        self
    }

    /// Writes a configuration's file of this mode, and names it.
    fn configure(&mut self, text: &str, mode: u32) -> &mut Setup {
        let file = self.path("runtime.toml");
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        self.set("RUNTIME_CONFIG", file.display().to_string())
    }

    fn doctor(&self) -> Answer {
        run(program().envs(&self.vars).arg("doctor"), b"")
    }

    /// What the doctor finds to be of this level; it says what to do, and changes nothing.
    #[track_caller]
    fn finds(&self, level: &str, check: &str, parts: &[&str]) -> Answer {
        let before = files(self.dir.path());
        let answer = self.doctor();
        assert_eq!(files(self.dir.path()), before, "nothing is changed");
        assert_eq!(answer.status, i32::from(level == "problem"), "{}", answer.out);
        let lines: Vec<&str> = answer.out.lines().collect();
        let found = lines.iter().enumerate().any(|(at, line)| {
            let said = match lines
                .get(at + 1)
                .filter(|next| next.trim_start().starts_with("-> "))
            {
                Some(advice) => format!("{line}{advice}"),
                None => (*line).to_owned(),
            };
            line.starts_with(level)
                && line[9..].starts_with(check)
                && parts.iter().all(|part| said.contains(part))
        });
        assert!(found, "no {level} of {check} with {parts:?}:\n{}", answer.out);
        println!("{}", answer.out);
        answer
    }
}

/// Each file below a folder: its length, its mode, when it was written.
fn files(folder: &Path) -> BTreeMap<PathBuf, (u64, u32, SystemTime)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let about = fs::symlink_metadata(&path).unwrap();
        if about.is_dir() {
            found.extend(files(&path));
        }
        found.insert(path, (about.len(), about.mode(), about.modified().unwrap()));
    }
    found
}

#[test]
fn nothing_is_wrong_before_the_first_start_and_after_an_orderly_end() {
    let setup = Setup::new();
    setup.finds("ok", "database", &["the first start makes it"]);
    let setup = Setup::used(Signal::TERM);
    setup.finds("ok", "database", &["is sound", "values"]);
    let mut command = program();
    let report = run(command.envs(&setup.vars).args(["doctor", "--json"]), b"").json();
    assert_eq!((&report["ok"], &report["problems"]), (&true.into(), &0.into()));
    let checks = report["findings"].as_array().unwrap();
    for check in [
        "program",
        "environment",
        "configuration",
        "folder",
        "database",
        "socket",
        "disk",
        "clock",
    ] {
        assert!(
            checks.iter().any(|found| found["check"] == check),
            "{check}: {report}"
        );
    }
}

#[test]
fn a_variable_that_is_wrong_or_mistyped_is_named() {
    let mut setup = Setup::new();
    setup.set("RUNTIME_SHUTDOWN_TIMEOUT", "soon");
    setup.finds(
        "problem",
        "configuration",
        &["RUNTIME_SHUTDOWN_TIMEOUT is \"soon\"", "from 1 to 86400"],
    );
    let mut setup = Setup::new();
    setup.set("RUNTIME_DB", "elsewhere.db");
    setup.finds(
        "warning",
        "environment",
        &["RUNTIME_DB is set", "RUNTIME_DB_PATH"],
    );
}

#[test]
fn a_configuration_that_is_refused_is_named_with_its_place() {
    let mut setup = Setup::new();
    setup.set("RUNTIME_CONFIG", setup.path("none.toml").display().to_string());
    setup.finds(
        "problem",
        "configuration",
        &["none.toml", "correct or unset RUNTIME_CONFIG"],
    );
    setup.configure("[runtime]\nslow_handler_ms = 0\n", 0o600);
    setup.finds(
        "problem",
        "configuration",
        &["runtime.toml:2:19", "slow_handler_ms is 0"],
    );
    setup.configure("[plugins.lihgts]\n", 0o600);
    setup.finds(
        "problem",
        "configuration",
        &["there is no plugin \"lihgts\"", "known are"],
    );
    setup.configure("[runtime]\nstorage = \"redis://h/0\"\n", 0o600);
    setup.finds("problem", "configuration", &["no storage engine for \"redis\""]);
}

#[test]
fn secrets_are_not_printed() {
    let mut setup = Setup::new();
    let text = "[runtime]\ntcp = \"127.0.0.1:1\"\ntcp_tls = false\ntcp_token = \"open-sesame-open-sesame\"\n";
    setup.configure(text, 0o644);
    setup.set("RUNTIME_TCP_TOKEN", "hunter2-hunter2-hunter2");
    let said = setup.finds(
        "warning",
        "configuration",
        &["holds secrets", "0644", "chmod o-r"],
    );
    assert!(said.out.contains("RUNTIME_TCP_TOKEN is set"), "{}", said.out);
    assert!(
        !said.out.contains("sesame") && !said.out.contains("hunter2"),
        "{}",
        said.out
    );
    // A value that the parser would repeat.
    setup.configure("[runtime]\ntcp_token = 123456789012345678\n", 0o600);
    let said = setup.finds(
        "problem",
        "configuration",
        &[":2: tcp_token has a value", "double quotes"],
    );
    assert!(!said.out.contains("123456789012345678"), "{}", said.out);
    // One with which it is no TOML at all.
    setup.configure("[runtime]\ntcp_token = sesame-sesame-sesame\n", 0o600);
    let said = setup.finds("problem", "configuration", &["tcp_token"]);
    assert!(!said.out.contains("sesame"), "{}", said.out);
}

#[test]
fn a_database_that_is_none_is_damaged_or_another_programs() {
    let setup = Setup::new();
    fs::write(setup.path("runtime.db"), "precious notes ".repeat(100)).unwrap();
    setup.finds("problem", "database", &["is not an SQLite database"]);

    let setup = Setup::used(Signal::TERM);
    let mut bytes = fs::read(setup.path("runtime.db")).unwrap();
    let end = bytes.len();
    bytes[end - 2048..].fill(0xa5);
    fs::write(setup.path("runtime.db"), bytes).unwrap();
    setup.finds("problem", "database", &["is damaged", "restore a backup"]);

    let setup = Setup::new();
    let other = Connection::open(setup.path("runtime.db")).unwrap();
    other
        .execute_batch("CREATE TABLE notes(text); PRAGMA user_version = 0")
        .unwrap();
    other.close().unwrap();
    fs::set_permissions(setup.path("runtime.db"), Permissions::from_mode(0o600)).unwrap();
    setup.finds("problem", "database", &["is not a runtime database"]);

    let setup = Setup::used(Signal::TERM);
    let newer = Connection::open(setup.path("runtime.db")).unwrap();
    newer.execute_batch("PRAGMA user_version = 7").unwrap();
    newer.close().unwrap();
    setup.finds("problem", "database", &["schema version 7"]);
}

#[test]
fn what_a_crash_left_is_looked_through_and_left_as_it_was() {
    let setup = Setup::used(Signal::KILL);
    assert!(fs::metadata(setup.path("runtime.db-wal")).unwrap().len() > 0);
    let said = setup.finds("warning", "socket", &["nobody listens", "was killed", "replaces"]);
    assert!(said.out.contains("is sound"), "{}", said.out);
    // Its log alone is no database.
    fs::remove_file(setup.path("runtime.db")).unwrap();
    setup.finds("problem", "database", &["write-ahead log", "is there"]);
    // And one in which a value is none.
    let setup = Setup::used(Signal::TERM);
    let broken = Connection::open(setup.path("runtime.db")).unwrap();
    broken
        .execute("UPDATE storage SET value = 'x' WHERE key = 'key'", [])
        .unwrap();
    broken.close().unwrap();
    setup.finds("problem", "database", &["\"kept\"/\"key\"", "cannot be read"]);
}

#[test]
fn folders_and_files_that_others_get_at_are_named() {
    let setup = Setup::used(Signal::TERM);
    fs::set_permissions(setup.dir.path(), Permissions::from_mode(0o777)).unwrap();
    setup.finds("problem", "folder", &["others may replace", "0777", "chmod go-w"]);
    fs::set_permissions(setup.dir.path(), Permissions::from_mode(0o700)).unwrap();
    fs::set_permissions(setup.path("runtime.db"), Permissions::from_mode(0o644)).unwrap();
    setup.finds("warning", "files", &["others on this machine may read", "0644"]);

    let mut setup = Setup::new();
    fs::write(setup.path("file"), "").unwrap();
    setup.set(
        "RUNTIME_DB_PATH",
        setup.path("file/runtime.db").display().to_string(),
    );
    setup.finds("problem", "folder", &["file is no folder", "RUNTIME_DB_PATH"]);
}

#[test]
fn files_of_another_user_are_named() {
    let setup = Setup::used(Signal::TERM);
    let made = std::os::unix::fs::chown(setup.path("runtime.db"), Some(12_345), None);
    match made {
        Ok(()) => drop(setup.finds(
            "problem",
            "files",
            &["belongs to user 12345", "chown --reference"],
        )),
        // Root alone gives files away; for another user the folder is a stranger's.
        Err(_) => {
            let mut setup = Setup::new();
            setup.set("RUNTIME_DB_PATH", "/etc/core-runtime-of-nobody/runtime.db");
            setup.finds("problem", "folder", &["may not make it in /etc"]);
        }
    }
}

#[test]
fn a_socket_that_is_none_or_too_long_is_named() {
    let setup = Setup::new();
    fs::write(setup.path("link.sock"), "").unwrap();
    setup.finds("problem", "socket", &["is no socket", "move it away"]);
    let mut setup = Setup::new();
    setup.set(
        "RUNTIME_SOCKET",
        setup.path(&"x".repeat(120)).display().to_string(),
    );
    setup.finds(
        "problem",
        "configuration",
        &["a Unix socket allows 107", "shorter"],
    );
}

#[test]
fn a_certificate_without_its_key_or_with_one_that_all_may_read_is_named() {
    let mut setup = Setup::new();
    setup.configure("[runtime]\ntcp = \"127.0.0.1:0\"\n", 0o600);
    setup.finds("ok", "certificate", &["is made at the first start"]);
    let vars = [("RUNTIME_CONFIG", setup.vars["RUNTIME_CONFIG"].as_str())];
    let dir = std::mem::replace(&mut setup.dir, tempfile::tempdir().unwrap());
    let runtime = Runtime::start_with(dir, &vars);
    let moved = runtime.stop(Signal::TERM).1;
    setup.dir = moved;
    setup.finds("ok", "certificate", &["fingerprint"]);
    let key = setup.path("tls/key.pem");
    fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    setup.finds("problem", "certificate", &["private key", "0644", "chmod go-rw"]);
    fs::remove_file(&key).unwrap();
    setup.finds("problem", "certificate", &["key.pem", "for TLS"]);
}

#[test]
fn a_running_runtime_is_asked() {
    let runtime = Runtime::start();
    let folder = runtime.path("");
    fs::set_permissions(&folder, Permissions::from_mode(0o700)).unwrap();
    let vars = || {
        let text = |name: &str| folder.join(name).display().to_string();
        [
            ("RUNTIME_DB_PATH", text("runtime.db")),
            ("RUNTIME_SOCKET", text("link.sock")),
        ]
    };
    let said = run(program().envs(vars()).arg("doctor"), b"").ok();
    for part in [
        "socket",
        "answers",
        "in use by core-runtime",
        "is sound",
        "as this program",
        "are started",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // Another user may use the socket.
    fs::set_permissions(folder.join("link.sock"), Permissions::from_mode(0o666)).unwrap();
    let said = run(program().envs(vars()).arg("doctor"), b"");
    assert!(
        said.status == 1 && said.out.contains("its mode is 0666"),
        "{said:?}"
    );
    // Asked with another socket, the database says who has it.
    let mut elsewhere = program();
    elsewhere
        .envs(vars())
        .env("RUNTIME_SOCKET", folder.join("other.sock"));
    let said = run(elsewhere.arg("doctor"), b"");
    assert!(
        said.status == 1 && said.out.contains("another RUNTIME_SOCKET"),
        "{said:?}"
    );
}

#[test]
fn plugins_that_failed_are_named_with_their_errors() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("runtime.toml");
    // The plugin refuses its settings.
    fs::write(&file, "[plugins.automation.settings]\nnonsense = 1\n").unwrap();
    fs::set_permissions(dir.path(), Permissions::from_mode(0o700)).unwrap();
    let runtime = Runtime::launched(dir, &[("RUNTIME_CONFIG", file.to_str().unwrap())]);
    let mut command = program();
    command
        .env("RUNTIME_DB_PATH", runtime.path("runtime.db"))
        .env("RUNTIME_SOCKET", runtime.path("link.sock"))
        .env("RUNTIME_CONFIG", &file)
        .arg("doctor");
    let mut said = String::new();
    until("the plugin has failed", || {
        let answer = run(&mut command, b"");
        said = answer.out;
        answer.status == 1 && said.contains("FAILED")
    });
    let line = said.lines().find(|line| line.contains("FAILED")).unwrap();
    assert!(
        line.starts_with("problem  plugins")
            && line.contains("automation is FAILED")
            && line.contains("nonsense"),
        "{line}"
    );
    assert!(said.contains("core-runtime plugin start automation"), "{said}");
}

#[test]
fn a_package_that_is_damaged_is_named() {
    let setup = Setup::new();
    let plugin = setup.path("plugins/lamp");
    fs::create_dir_all(&plugin).unwrap();
    fs::write(plugin.join("record.json"), "{").unwrap();
    setup.finds(
        "problem",
        "packages",
        &["lamp cannot be run", "damaged", "plugin remove lamp"],
    );
}

#[test]
fn a_clock_before_the_program_was_made_and_a_program_that_was_replaced_are_named() {
    let setup = Setup::new();
    let program = setup.path("core-runtime");
    fs::copy(env!("CARGO_BIN_EXE_core-runtime"), &program).unwrap();
    let ahead = SystemTime::now() + Duration::from_secs(3 * 86_400);
    let file = fs::File::options().write(true).open(&program).unwrap();
    file.set_modified(ahead).unwrap();
    drop(file);
    let doctor = |setup: &Setup| {
        run(
            Command::new(setup.path("core-runtime"))
                .envs(&setup.vars)
                .arg("doctor"),
            b"",
        )
    };
    let said = doctor(&setup);
    assert_eq!(said.status, 1);
    assert!(
        said.out.contains("which is before this program was made"),
        "{}",
        said.out
    );

    let mut child = Command::new(&program)
        .envs(&setup.vars)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("it runs", || setup.path("link.sock").exists());
    fs::rename(&program, setup.path("old")).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_core-runtime"), &program).unwrap();
    fs::remove_file(setup.path("old")).unwrap();
    let said = doctor(&setup);
    assert!(
        said.out.contains("was replaced or removed") && said.out.contains("restart"),
        "{}",
        said.out
    );
    signal(&child, Signal::TERM);
    assert_eq!(wait(&mut child).code(), Some(0));
}

#[test]
fn the_variables_of_a_service_are_read_from_its_file() {
    let setup = Setup::used(Signal::TERM);
    let file = setup.path("environment");
    let lines = setup.vars.iter().map(|(name, value)| format!("{name}={value}\n"));
    fs::write(&file, lines.collect::<String>()).unwrap();
    let mut command = program();
    command.arg("doctor").arg("--environment").arg(&file);
    let said = run(&mut command, b"").ok();
    assert!(said.contains("is sound"), "{said}");
    fs::write(&file, "nonsense\n").unwrap();
    let said = run(&mut command, b"").fails(2);
    assert!(said.contains(":1: \"nonsense\" is not NAME=VALUE"), "{said}");
}
