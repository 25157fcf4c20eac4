//! The program as a service: what its manager hears, its unit, and what is installed with it.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::*;

/// In the place of systemd.
struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Manager {
    fn new(dir: &Path) -> Manager {
        let path = dir.join("notify.sock");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Manager { socket, path }
    }

    /// The next message.
    fn heard(&self) -> String {
        let mut buf = [0; 4096];
        let len = self.socket.recv(&mut buf).unwrap();
        String::from_utf8(buf[..len].to_vec())
            .unwrap()
            .trim_end()
            .to_owned()
    }

    /// The messages up to the one with this line.
    fn until(&self, line: &str) -> Vec<String> {
        let mut all = Vec::new();
        loop {
            let heard = self.heard();
            let found = heard.lines().any(|found| found == line);
            all.push(heard);
            if found {
                return all;
            }
        }
    }

    /// Nothing more comes.
    fn silent(&self) -> bool {
        self.socket
            .set_read_timeout(Some(Duration::from_millis(50)))
            .unwrap();
        let heard = self.socket.recv(&mut [0; 16]);
        heard.is_err_and(|cause| cause.kind() == io::ErrorKind::WouldBlock)
    }
}

#[test]
fn ready_means_that_it_answers_and_its_plugins_are_started() {
    let dir = tempfile::tempdir().unwrap();
    let manager = Manager::new(dir.path());
    let notify = manager.path.to_str().unwrap().to_owned();
    let runtime = Runtime::launched(dir, &[("NOTIFY_SOCKET", &notify)]);
    let heard = manager.until("READY=1");
    assert_eq!(heard[0].lines().next(), Some("STATUS=opening the storage"));
    assert!(heard.last().unwrap().contains("STATUS=running"), "{heard:?}");
    // At once, without waiting.
    runtime.cli(&["health", "--check"]).ok();
    let plugins = runtime.json(&["plugins"]);
    assert!(
        plugins
            .as_array()
            .unwrap()
            .iter()
            .all(|plugin| plugin["state"] == "STARTED")
    );
    signal(&runtime.child, Signal::TERM);
    let heard = manager.until("STOPPING=1");
    // Without a watchdog it says nothing in between.
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert!(heard[0].contains("EXTEND_TIMEOUT_USEC=15000000"), "{heard:?}");
    runtime.stop(Signal::TERM);
}

#[test]
fn a_plugin_that_failed_is_in_the_status() {
    let dir = tempfile::tempdir().unwrap();
    let manager = Manager::new(dir.path());
    let notify = manager.path.to_str().unwrap().to_owned();
    let file = dir.path().join("runtime.toml");
    fs::write(&file, "[plugins.automation.settings]\nnonsense = 1\n").unwrap();
    let vars = [
        ("NOTIFY_SOCKET", &*notify),
        ("RUNTIME_CONFIG", file.to_str().unwrap()),
    ];
    let _runtime = Runtime::launched(dir, &vars);
    let heard = manager.until("READY=1");
    let last = heard.last().unwrap();
    assert!(last.contains("plugins that failed: automation"), "{last}");
}

#[test]
fn one_that_does_not_start_is_never_ready() {
    let runtime = Runtime::start();
    let dir = tempfile::tempdir().unwrap();
    let manager = Manager::new(dir.path());
    let mut second = program();
    second
        .env("RUNTIME_DB_PATH", runtime.path("runtime.db"))
        .env("RUNTIME_SOCKET", dir.path().join("link.sock"))
        .env("NOTIFY_SOCKET", &manager.path);
    assert_eq!(run(&mut second, b"").status, 1);
    assert_eq!(manager.heard(), "STATUS=opening the storage");
    assert!(manager.silent());
}

#[test]
fn the_watchdog_is_fed_while_it_is_alive_and_not_while_it_stands_still() {
    let dir = tempfile::tempdir().unwrap();
    let manager = Manager::new(dir.path());
    let notify = manager.path.to_str().unwrap().to_owned();
    let vars = [("NOTIFY_SOCKET", &*notify), ("WATCHDOG_USEC", "300000")];
    let runtime = Runtime::launched(dir, &vars);
    manager.until("READY=1");
    for _ in 0..5 {
        assert_eq!(manager.heard(), "WATCHDOG=1");
    }
    signal(&runtime.child, Signal::STOP);
    // What was on its way.
    while !manager.silent() {}
    std::thread::sleep(Duration::from_millis(400));
    assert!(manager.silent());
    signal(&runtime.child, Signal::CONT);
    manager.socket.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(manager.heard(), "WATCHDOG=1");
    // A watchdog of another process is none of ours.
    runtime.stop(Signal::TERM);
    let dir = tempfile::tempdir().unwrap();
    let manager = Manager::new(dir.path());
    let notify = manager.path.to_str().unwrap().to_owned();
    let vars = [
        ("NOTIFY_SOCKET", &*notify),
        ("WATCHDOG_USEC", "300000"),
        ("WATCHDOG_PID", "1"),
    ];
    let _runtime = Runtime::launched(dir, &vars);
    manager.until("READY=1");
    std::thread::sleep(Duration::from_millis(400));
    assert!(manager.silent());
}

fn package(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("package").join(file);
    fs::read_to_string(path).unwrap()
}

#[test]
fn every_line_of_the_commented_configuration_is_valid() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("runtime.toml");
    let is_setting = |line: &str| {
        let name = line.split(' ').next().unwrap_or_default();
        line.starts_with('[')
            || (line.contains(" = ") && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
    };
    let text = package("runtime.toml");
    let bare = |line: &str| line.strip_prefix("# ").map(str::to_owned);
    let settings: Vec<String> = text
        .lines()
        .filter_map(bare)
        .filter(|line| is_setting(line))
        .collect();
    assert!(settings.len() >= 16, "{settings:?}");
    // As it is; then with all of it in force, but for the storage, which takes bridges.
    let all: String = text
        .lines()
        .map(|line| match bare(line).filter(|line| is_setting(line)) {
            Some(line) if !line.starts_with("storage = ") => line + "\n",
            _ => format!("{line}\n"),
        })
        .collect();
    for text in [text, all] {
        fs::write(&file, text).unwrap();
        let mut doctor = program();
        doctor
            .env("RUNTIME_DB_PATH", dir.path().join("runtime.db"))
            .env("RUNTIME_CONFIG", &file)
            .args(["doctor", "--json"]);
        let report: serde_json::Value = serde_json::from_str(&run(&mut doctor, b"").out).unwrap();
        let found = named_check(&report, "configuration");
        assert_ne!(found["level"], "problem", "{found}");
    }
    // A line that is wrong would be seen.
    fs::write(&file, "[runtime]\nslow_handler = 100\n").unwrap();
    let mut doctor = program();
    doctor
        .env("RUNTIME_CONFIG", &file)
        .env("RUNTIME_DB_PATH", dir.path().join("runtime.db"));
    assert_eq!(run(doctor.arg("doctor"), b"").status, 1);
}

fn named_check<'v>(report: &'v serde_json::Value, check: &str) -> &'v serde_json::Value {
    let mut findings = report["findings"].as_array().unwrap().iter();
    findings.find(|found| found["check"] == check).unwrap()
}

#[test]
fn the_environment_of_the_package_is_one_of_the_program() {
    let text = package("environment");
    let names = text
        .lines()
        .filter_map(|line| line.trim_start_matches("# ").split_once('='));
    let names: Vec<&str> = names
        .map(|(name, _)| name)
        .filter(|name| name.starts_with("RUNTIME_"))
        .collect();
    assert!(names.len() >= 8, "{names:?}");
    let mut doctor = program();
    let said = run(
        doctor.envs(names.iter().map(|name| (name, "1"))).arg("doctor"),
        b"",
    )
    .out;
    assert!(!said.contains("none of this program's"), "{said}");
}

#[test]
fn a_service_is_installed_into_a_system_and_removed_and_what_is_there_is_left() {
    let root = tempfile::tempdir().unwrap();
    let unit = root.path().join("etc/systemd/system/core-runtime.service");
    let configuration = root.path().join("etc/core-runtime/runtime.toml");
    let service = |args: &[&str]| {
        let mut command = program();
        command.arg("service").args(args).arg("--root").arg(root.path());
        run(&mut command, b"")
    };
    let install = || service(&["install", "--program", "/usr/local/bin/core-runtime"]);
    let said = install().ok();
    assert!(said.contains("systemctl enable --now core-runtime"), "{said}");
    let written = fs::read_to_string(&unit).unwrap();
    assert!(
        written.contains("\nExecStart=/usr/local/bin/core-runtime run\n"),
        "{written}"
    );
    assert!(!written.contains("/usr/bin/core-runtime"), "{written}");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&configuration), 0o640);

    // What was changed since stays, by a second time and by the end.
    fs::write(&configuration, "[runtime]\nslow_handler_ms = 7\n").unwrap();
    let said = install().ok();
    assert!(said.contains("is there, and is left as it is"), "{said}");
    let said = service(&["status"]);
    assert!(
        said.status == 1 && said.out.starts_with("installed: "),
        "{said:?}"
    );
    let said = service(&["uninstall"]).ok();
    assert!(said.contains("/var/lib/core-runtime"), "{said}");
    assert!(!unit.exists());
    assert!(fs::read_to_string(&configuration).unwrap().contains("= 7"));
    assert!(service(&["uninstall"]).fails(1).contains("is not installed"));

    // One that somebody else wrote is neither replaced nor removed.
    fs::write(&unit, "[Service]\nExecStart=/opt/other\n").unwrap();
    assert!(install().fails(2).contains("move it away"));
    assert!(service(&["uninstall"]).fails(2).contains("left as it is"));
    fs::remove_file(&unit).unwrap();
    let packaged = root.path().join("usr/lib/systemd/system/core-runtime.service");
    fs::create_dir_all(packaged.parent().unwrap()).unwrap();
    fs::write(&packaged, "").unwrap();
    assert!(install().fails(2).contains("a package has installed"));
}

#[test]
fn a_unit_is_printed_and_one_that_could_not_run_is_refused() {
    let mut print = program();
    let unit = run(print.args(["service", "install", "--print"]), b"").ok();
    assert!(
        unit.contains("Type=notify\n") && unit.contains(env!("CARGO_BIN_EXE_core-runtime")),
        "{unit}"
    );
    for wrong in [
        "core-runtime",
        "/home/ann/core-runtime",
        "/opt/with space/core-runtime",
    ] {
        let root = tempfile::tempdir().unwrap();
        let mut install = program();
        install
            .args(["service", "install", "--program", wrong, "--root"])
            .arg(root.path());
        let said = run(&mut install, b"").fails(2);
        assert!(said.contains(wrong), "{said}");
        assert!(
            fs::read_dir(root.path()).unwrap().next().is_none(),
            "nothing is written"
        );
    }
}

#[test]
fn the_unit_is_hardened() {
    // tests/run.sh installs it.
    let there = Command::new("systemd-analyze").arg("--version").output();
    assert!(there.is_ok(), "systemd-analyze is not here: install systemd");
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("package/core-runtime.service");
    let mut analyze = Command::new("systemd-analyze");
    let said = run(
        analyze
            .args(["security", "--offline=true", "--no-pager"])
            .arg(unit),
        b"",
    );
    let last = said.out.lines().last().unwrap();
    println!("{last}");
    let exposure = last
        .split_whitespace()
        .find_map(|word| word.parse::<f32>().ok())
        .unwrap();
    assert!(exposure <= 2.0, "{}", said.out);
}
