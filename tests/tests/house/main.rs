//! A home of plugins: the devices and the simulated house, together, for long and in great number.

mod day;
mod hosted;
mod original;
mod rules;
mod week;

use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Lets one test run at a time, for they measure time and memory.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until something is so.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < end, "it never came: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Memory of this process, in KiB.
fn memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// A device's row, as `devices.create` makes it.
fn row(id: &str) -> serde_json::Value {
    serde_json::json!({
        "id": id, "name": "Lamp", "type": "light",
        "state": {"desired": {"on": false}, "reported": {"on": false}, "pending": false},
        "created_at": 1_767_225_600.0, "updated_at": 1_767_225_600.0, "last_seen": null, "online": false,
        "home_id": null, "home_name": null, "room_id": null, "room_name": null,
    })
}
