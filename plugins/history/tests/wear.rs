//! What a home of 100 devices writes in a day: the figures in the crate's documentation.

use std::time::Duration;

use history::HistoryPlugin;
use plugin_kit::test::{StorageWrites, TestRuntime};
use serde_json::{Value, json};

/// Devices of a kind: how many, minutes between reports, and what is reported at that minute.
type Kind = (&'static str, u64, u64, fn(u64) -> Value);

/// 100 devices, about 27,000 reports a day.
const HOME: [Kind; 6] = [
    (
        "thermometer",
        40,
        5,
        |minute| json!({"celsius": 15.0 + (minute % 97) as f64 / 10.0, "humidity": 40 + minute % 13}),
    ),
    (
        "lamp",
        25,
        120,
        |minute| json!({"on": minute % 240 == 0, "brightness": minute % 100}),
    ),
    ("motion", 10, 12, |minute| json!({"motion": minute % 24 == 0})),
    ("door", 10, 60, |minute| json!({"open": minute % 120 == 0})),
    (
        "meter",
        10,
        1,
        |minute| json!({"power": 100 + minute * 7 % 900, "energy": minute}),
    ),
    (
        "thermostat",
        5,
        10,
        |minute| json!({"target": 18 + minute % 5, "valve": minute % 100, "heating": minute % 20 == 0}),
    ),
];

const DAY: u64 = 24 * 60;

struct Home {
    rt: TestRuntime,
    minute: u64,
    reports: u64,
}

impl Home {
    /// Days go by; what is written in the last of them.
    fn live(&mut self, days: u64) -> StorageWrites {
        let mut before = self.rt.storage_writes();
        for minute in 0..days * DAY {
            if minute == (days - 1) * DAY {
                (before, self.reports) = (self.rt.storage_writes(), 0);
            }
            for (kind, count, every, state) in HOME {
                for number in 0..count {
                    // Not all at once.
                    if (self.minute + number).is_multiple_of(every) {
                        let new = state(self.minute + number);
                        let event = json!({"device_id": format!("{kind}_{number}"), "old": {}, "new": new});
                        self.rt.publish("device.state_changed", &event).unwrap();
                        self.reports += 1;
                    }
                }
            }
            self.rt.advance(Duration::from_secs(60)).unwrap();
            self.minute += 1;
        }
        let now = self.rt.storage_writes();
        StorageWrites {
            requests: now.requests - before.requests,
            rows: now.rows - before.rows,
            bytes: now.bytes - before.bytes,
        }
    }
}

#[test]
fn a_home_of_100_devices_writes_a_few_hundred_times_a_day() {
    let mut rt = TestRuntime::new();
    rt.add::<HistoryPlugin>(json!({"raw_days": 1, "keep_days": 2}));
    rt.start().unwrap();
    assert_eq!(HOME.iter().map(|(_, count, ..)| count).sum::<u64>(), 100);
    let mut home = Home {
        rt,
        minute: 0,
        reports: 0,
    };
    let first = home.live(1);
    println!("the first day: {first:?}");
    assert!(first.requests < 110, "{first:?}");
    // All is as it will be: values become figures, and figures go.
    let day = home.live(4);
    let (reports, stats) = (home.reports, home.rt.call("history.stats", &()).unwrap());
    println!("a day of {reports} reports: {day:?}");
    println!("{stats}");
    assert!((25_000..30_000).contains(&reports), "{reports}");
    assert_eq!(
        (&stats["thinned"], &stats["dropped"], &stats["refused"]),
        (&json!(0), &json!(0), &json!(0))
    );
    assert!((90..200).contains(&day.requests), "{day:?}");
    assert!(day.rows < 900 && day.bytes < 2_000_000, "{day:?}");
    // And nothing is lost: every value of the last hours is there.
    let key = json!({"key": "meter_3.power", "limit": 1000, "from": 1_767_225_600_000u64 + 4 * DAY * 60_000});
    let answer = home.rt.call("history.query", &key).unwrap();
    assert_eq!(answer["points"].as_array().unwrap().len(), 1_000);
    assert!(answer["next"].is_u64());
}
