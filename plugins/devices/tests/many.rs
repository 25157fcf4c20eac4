//! Many devices: what one more of them costs.

use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use devices::Devices;
use plugin_kit::test::TestRuntime;
use serde_json::{Value, json};

/// Lets one test run at a time, for they measure time and memory.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Memory of this process, in KiB.
fn memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// A device's row.
fn row(id: &str) -> Value {
    json!({
        "id": id, "name": "Lamp", "type": "light",
        "state": {"desired": {"on": false}, "reported": {"on": false}, "pending": false},
        "created_at": 1_767_225_600.0, "updated_at": 1_767_225_600.0, "last_seen": null, "online": false,
        "home_id": null, "home_name": null, "room_id": null, "room_name": null,
    })
}

/// Reports that are measured.
const REPORTS: usize = 2_000;

/// Requests to the storage so far.
fn requests(rt: &TestRuntime) -> u32 {
    let (mut cursor, mut buf) = (0, vec![0; 1024]);
    while let Some(info) = rt.runtime().next_plugin(&mut cursor, &mut buf) {
        if info.name == "storage" {
            return info.counters.calls;
        }
    }
    panic!("there is no storage");
}

/// What a house of so many devices costs: requests to the storage for each thing that is done, and microseconds for a
/// report that changes something.
fn measure(count: usize) -> (Vec<(&'static str, u32)>, f64) {
    let mut rt = TestRuntime::new();
    let id = |number: usize| format!("lamp_{number:05}");
    for number in 0..count {
        rt.store("devices", &id(number), &row(&id(number)));
        rt.store(
            "devices_mappings",
            &format!("x-{number}"),
            &json!({"internal_id": id(number)}),
        );
    }
    rt.add::<Devices>(());
    let (before, begun) = (memory(), Instant::now());
    rt.start().unwrap();
    let (loaded, took) = (memory().saturating_sub(before), begun.elapsed());

    let mut costs = Vec::new();
    let mut cost = |what: &'static str, rt: &mut TestRuntime, done: &mut dyn FnMut(&mut TestRuntime)| {
        let before = requests(rt);
        done(rt);
        costs.push((what, requests(rt) - before));
    };
    let report = |rt: &mut TestRuntime, number: usize, on: bool| {
        let payload = json!({"external_id": format!("x-{number}"), "state": {"on": on}});
        rt.publish("external.device_state_reported", &payload).unwrap();
    };
    cost("a report of a change", &mut rt, &mut |rt| {
        report(rt, count / 2, true)
    });
    cost("a report of the same", &mut rt, &mut |rt| {
        report(rt, count / 2, true)
    });
    cost("a command", &mut rt, &mut |rt| {
        let queued = rt.call("devices.turn_off", &id(count / 2)).unwrap();
        assert_eq!(queued["external_id"], format!("x-{}", count / 2));
    });
    cost("one more device", &mut rt, &mut |rt| {
        drop(rt.call("devices.create", "one_more").unwrap())
    });
    cost("its mapping", &mut rt, &mut |rt| {
        let mapping = json!({"external_id": "x", "internal_id": "one_more"});
        rt.call("devices.create_mapping", &mapping).unwrap();
    });
    cost("a page of ten", &mut rt, &mut |rt| {
        let page = rt
            .call("devices.list", &json!({"limit": 10, "after": id(count / 2)}))
            .unwrap();
        assert_eq!(page["items"].as_array().map(Vec::len), Some(10));
    });
    cost("its end", &mut rt, &mut |rt| {
        drop(rt.call("devices.delete", "one_more").unwrap())
    });

    rt.take_published();
    let begun = Instant::now();
    for number in 0..REPORTS {
        report(
            &mut rt,
            number * 7 % count,
            (number * 7 / count).is_multiple_of(2),
        );
    }
    let each = begun.elapsed().as_secs_f64() * 1e6 / REPORTS as f64;
    println!(
        "{count:>6} devices: loaded in {took:>8.1?}, {:>5} bytes each; {each:>5.1} µs a report, {:>6.0} reports/s; {costs:?}",
        loaded * 1024 / count as u64,
        1e6 / each,
    );
    rt.take_published();
    (costs, each)
}

#[test]
fn one_more_device_costs_the_same_however_many_there_are() {
    let _alone = alone();
    let (few, each_of_few) = measure(100);
    let (some, _) = measure(1_000);
    let (many, each_of_many) = measure(10_000);
    assert_eq!((&few, &few), (&some, &many), "as many requests to the storage");
    println!(
        "a report of one of 10,000 takes {:.2} times as long as of one of 100",
        each_of_many / each_of_few
    );
}

#[test]
fn ten_thousand_that_fall_silent_are_off_line_by_and_by() {
    let _alone = alone();
    let mut rt = TestRuntime::new();
    for number in 0..10_000 {
        let id = format!("lamp_{number:05}");
        let mut online = row(&id);
        online["online"] = json!(true);
        rt.store("devices", &id, &online);
    }
    rt.add::<Devices>(());
    rt.start().unwrap();
    let mut offline = 0;
    for _ in 0..70 {
        rt.advance(Duration::from_secs(10)).unwrap();
        let events = rt.take_published();
        assert!(events.len() <= 500, "a tick does not take for ever");
        assert!(events.iter().all(|event| event.topic == "device.offline"));
        offline += events.len();
    }
    assert_eq!(offline, 10_000);
    let page = rt.call("devices.list", &json!({"limit": 1000})).unwrap();
    let items: &Vec<Value> = page["items"].as_array().unwrap();
    assert!(items.len() > 100 && items.iter().all(|device| device["online"] == false));
}
