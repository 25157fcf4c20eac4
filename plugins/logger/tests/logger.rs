//! The plugin in a runtime: what is kept, what is left out, and what stands in the file.

use std::fs;
use std::time::Duration;

use logger::LoggerPlugin;
use plugin_kit::prelude::*;
use plugin_kit::schema::Described;
use plugin_kit::test::{TestRuntime, bad_inputs};
use serde_json::{Value, json};
use tempfile::TempDir;

fn started(settings: Value) -> TestRuntime {
    let mut rt = TestRuntime::new();
    rt.add::<LoggerPlugin>(settings);
    rt.start().unwrap();
    rt
}

fn say(rt: &mut TestRuntime, message: &str) -> Value {
    rt.call("logger.log", &json!({"message": message})).unwrap()
}

fn recent(rt: &mut TestRuntime, args: Value) -> Vec<Value> {
    let answer = rt.call("logger.recent", &args).unwrap();
    answer["entries"].as_array().unwrap().clone()
}

fn messages(entries: &[Value]) -> Vec<&str> {
    entries
        .iter()
        .map(|entry| entry["message"].as_str().unwrap())
        .collect()
}

/// Says as many things as the payload says, one after another.
macro_rules! talker {
    ($plugin:ident, $name:literal) => {
        #[derive(Default)]
        struct $plugin;

        #[plugin(name = $name)]
        impl $plugin {
            #[on("say")]
            async fn say(&mut self, cx: &Context, count: u32) -> Result<(), Error> {
                for number in 0..count {
                    let args = json!({"level": "info", "message": format!("{} {number}", $name), "plugin": "zigbee"});
                    let _kept: bool = cx.call_value("logger.log", &args, None).await?;
                }
                Ok(())
            }
        }
    };
}

talker!(Flood, "flood");

#[derive(Default)]
struct Quiet;

#[plugin(name = "quiet")]
impl Quiet {
    #[on("speak")]
    async fn speak(&mut self, cx: &Context) -> Result<(), Error> {
        let args = json!({"args": ["ERROR", "no answer"], "kwargs": {"operation_id": "7", "device": "lamp"}});
        let kept: bool = cx.call_value("logger.log", &args, None).await?;
        assert!(kept);
        Ok(())
    }
}

#[test]
fn an_entry_has_all_that_was_said_and_who_said_it() {
    let mut rt = started(json!({}));
    rt.add::<Quiet>(());
    rt.start().unwrap();
    rt.publish("speak", &()).unwrap();
    rt.advance(Duration::from_secs(2)).unwrap();
    say(&mut rt, "привет");
    assert_eq!(
        recent(&mut rt, json!(null)),
        [
            json!({"id": 1, "time": 1_767_225_600_000u64, "level": "error", "source": "quiet", "plugin": "quiet",
                "message": "no answer", "context": {"device": "lamp"}, "operation_id": "7"}),
            json!({"id": 2, "time": 1_767_225_602_000u64, "level": "info", "source": "operator", "plugin": "operator",
                "message": "привет"}),
        ]
    );
}

#[test]
fn a_flood_is_limited_and_counted_and_hides_nobody() {
    let mut rt = started(json!({"per_second": 10, "burst": 50, "ring_entries": 40}));
    rt.add::<Flood>(());
    rt.add::<Quiet>(());
    rt.start().unwrap();
    for _ in 0..10 {
        rt.publish("speak", &()).unwrap();
    }
    rt.publish("say", &1_000).unwrap();
    rt.publish("speak", &()).unwrap();
    let stats = rt.call("logger.stats", &()).unwrap();
    let quiet = json!({"source": "quiet", "entries": 11, "logged": 11, "limited": 0, "evicted": 0});
    let flood = json!({"source": "flood", "entries": 29, "logged": 50, "limited": 950, "evicted": 21});
    assert_eq!(stats["sources"], json!([flood, quiet]));
    assert_eq!(
        (
            &stats["entries"],
            &stats["logged"],
            &stats["limited"],
            &stats["evicted"]
        ),
        (&json!(40), &json!(61), &json!(950), &json!(21))
    );
    // By its own word it is another one; the runtime knows better.
    assert_eq!(
        recent(&mut rt, json!({"plugin": "flood", "limit": 1000})).len(),
        29
    );
    assert_eq!(
        recent(&mut rt, json!({"plugin": "zigbee", "limit": 1000})).len(),
        29
    );
    // The next that is kept says how many were not.
    rt.advance(Duration::from_millis(100)).unwrap();
    rt.publish("say", &1).unwrap();
    let last = recent(&mut rt, json!({"limit": 1}));
    assert_eq!(
        (&last[0]["message"], &last[0]["left_out"]),
        (&json!("flood 0"), &json!(950))
    );
}

#[test]
fn recent_is_asked_by_level_plugin_limit_and_since() {
    let mut rt = started(json!({"burst": 1000}));
    for (number, level) in ["debug", "info", "warning", "error", "critical"]
        .iter()
        .cycle()
        .take(20)
        .enumerate()
    {
        let plugin = if number % 2 == 0 { "even" } else { "odd" };
        let args = json!({"level": level, "message": number.to_string(), "plugin": plugin});
        rt.call("logger.log", &args).unwrap();
    }
    let mut asked = |args: Value| recent(&mut rt, args);
    assert_eq!(messages(&asked(json!({"limit": 3}))), ["17", "18", "19"]);
    assert_eq!(
        messages(&asked(json!({"level": "critical"}))),
        ["4", "9", "14", "19"]
    );
    assert_eq!(
        messages(&asked(json!({"level": "ERROR", "plugin": "odd"}))),
        ["3", "9", "13", "19"]
    );
    assert_eq!(messages(&asked(json!({"since": 15, "limit": 2}))), ["15", "16"]);
    assert_eq!(asked(json!({"since": 20})), [] as [Value; 0]);
    let answer = rt.call("logger.recent", &json!({"since": 20})).unwrap();
    assert_eq!(answer["last"], 20);
}

#[test]
fn one_who_follows_misses_nothing_however_long_the_entries_are() {
    let mut rt = started(json!({"burst": 1000}));
    for number in 0..40 {
        // With its escapes each is six times as long.
        say(&mut rt, &format!("{number} {}", "\u{1b}".repeat(1_500)));
    }
    let (mut since, mut seen, mut answers) = (0, Vec::new(), 0);
    loop {
        let answer = rt
            .call("logger.recent", &json!({"since": since, "limit": 1000}))
            .unwrap();
        let entries = answer["entries"].as_array().unwrap();
        if entries.is_empty() {
            break;
        }
        seen.extend(entries.iter().map(|entry| entry["id"].as_u64().unwrap()));
        since = answer["last"].as_u64().unwrap();
        answers += 1;
    }
    assert_eq!(seen, (1..=40).collect::<Vec<_>>());
    assert!(answers > 5, "{answers}");
    // Without `since` it is the end that is answered with.
    let newest = recent(&mut rt, json!({"limit": 1000}));
    assert_eq!(newest.last().unwrap()["id"], 40);
    assert!(newest.len() < 10, "{}", newest.len());
}

#[test]
fn those_below_the_level_are_left_out() {
    let mut rt = started(json!({"level": "Warning"}));
    assert_eq!(say(&mut rt, "info"), false);
    assert_eq!(
        rt.call("logger.log", &json!({"level": "fatal", "message": "x"}))
            .unwrap(),
        true
    );
    assert_eq!(rt.call("logger.stats", &()).unwrap()["below"], 1);
}

fn file(dir: &TempDir, more: Value) -> Value {
    let mut settings = json!({"file": dir.path().join("logs/plugins.ndjson"), "burst": 100_000});
    settings
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    settings
}

/// The lines of these files, the oldest first.
fn lines(dir: &TempDir, names: &[&str]) -> Vec<Value> {
    let texts = names
        .iter()
        .map(|name| fs::read_to_string(dir.path().join("logs").join(name)).unwrap());
    let texts: String = texts.collect();
    texts
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn the_file_has_a_line_for_each_entry_whatever_is_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut rt = started(file(&dir, json!({})));
    let nasty = "a\nb\r\u{1b}[2J\u{9b}\u{2028}\u{202e}\"\\";
    for message in ["first", nasty, "last"] {
        say(&mut rt, message);
    }
    rt.stop().unwrap();
    let text = fs::read_to_string(dir.path().join("logs/plugins.ndjson")).unwrap();
    assert_eq!(
        text.chars().filter(|c| c.is_control()).collect::<String>(),
        "\n\n\n"
    );
    let lines = lines(&dir, &["plugins.ndjson"]);
    assert_eq!(messages(&lines), ["first", nasty, "last"]);
    // Another life goes on behind it.
    rt.start().unwrap();
    say(&mut rt, "again");
    rt.stop().unwrap();
    assert_eq!(self::lines(&dir, &["plugins.ndjson"]).len(), 4);
}

#[test]
fn files_are_so_long_and_so_many() {
    let dir = tempfile::tempdir().unwrap();
    let mut rt = started(file(&dir, json!({"file_bytes": 65_536, "file_keep": 2})));
    for number in 0..400 {
        say(&mut rt, &format!("{number} {}", "x".repeat(1_000)));
        if number % 20 == 0 {
            // Disks have time as well.
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    rt.stop().unwrap();
    let mut names: Vec<_> = fs::read_dir(dir.path().join("logs"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .inspect(|entry| assert!(entry.metadata().unwrap().len() <= 65_536))
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["plugins.ndjson", "plugins.ndjson.1", "plugins.ndjson.2"]);
    let lines = lines(&dir, &["plugins.ndjson.2", "plugins.ndjson.1", "plugins.ndjson"]);
    let ids: Vec<u64> = lines.iter().map(|line| line["id"].as_u64().unwrap()).collect();
    assert!(ids.len() > 60 && ids.is_sorted(), "{}", ids.len());
    assert_eq!((ids[ids.len() - 1], ids[0]), (400, 401 - ids.len() as u64));
}

#[test]
fn a_file_that_cannot_be_written_is_said_once_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    // A file where the folder would be.
    fs::write(dir.path().join("logs"), "").unwrap();
    let mut rt = started(file(&dir, json!({})));
    let stats = |rt: &mut TestRuntime| rt.call("logger.stats", &()).unwrap()["file"].clone();
    let mut said = 0;
    let end = std::time::Instant::now() + Duration::from_secs(60);
    while stats(&mut rt)["lost"] != said || said < 5 {
        assert!(std::time::Instant::now() < end, "never lost: {}", stats(&mut rt));
        if said < 5 {
            assert_eq!(say(&mut rt, "x"), true);
            said += 1;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    say(&mut rt, "x");
    let warned = |rt: &TestRuntime| {
        rt.logs()
            .iter()
            .filter(|(level, _)| *level == log::Level::Warn)
            .count()
    };
    assert_eq!(warned(&rt), 1, "{:?}", rt.logs());
    let now = stats(&mut rt);
    assert!(
        now["errors"].as_u64() >= Some(1) && now["error"].is_string(),
        "{now}"
    );
    assert_eq!(recent(&mut rt, json!({})).len(), said + 1, "the ring has them");
    // It works again as soon as it can.
    fs::remove_file(dir.path().join("logs")).unwrap();
    std::thread::sleep(Duration::from_millis(1_100));
    say(&mut rt, "there");
    rt.stop().unwrap();
    assert_eq!(messages(&lines(&dir, &["plugins.ndjson"])), ["there"]);
}

#[test]
fn settings_that_are_wrong_are_named_with_what_is_allowed() {
    for (settings, message) in [
        (
            json!({"level": "loud"}),
            "level is \"loud\"; allowed is debug, info, warning, error, critical",
        ),
        (
            json!({"burst": 0}),
            "burst is 0; allowed is a whole number from 1 to 100000",
        ),
        (
            json!({"ring_entries": "many"}),
            "ring_entries is \"many\"; allowed is a whole number from 10 to 100000",
        ),
        (
            json!({"ring_bytes": -1}),
            "ring_bytes is -1; allowed is a whole number from 65536 to 268435456",
        ),
        (
            json!({"per_second": 1.5}),
            "per_second is 1.5; allowed is a whole number from 1 to 100000",
        ),
        (
            json!({"file": "logs/"}),
            "file is \"logs/\"; allowed is the path of a file",
        ),
        (
            json!({"file_bytes": 1}),
            "file_bytes is 1; allowed is a whole number from 65536 to 1073741824",
        ),
        (
            json!({"file_keep": 101}),
            "file_keep is 101; allowed is a whole number from 0 to 100",
        ),
    ] {
        let mut rt = TestRuntime::new();
        rt.add::<LoggerPlugin>(settings);
        let error = rt.start().unwrap_err();
        assert_eq!((error.code(), error.message()), ("invalid_settings", message));
    }
    let mut rt = TestRuntime::new();
    rt.add::<LoggerPlugin>(json!({"files": "x"}));
    assert!(
        rt.start()
            .unwrap_err()
            .message()
            .starts_with("files is no setting; there are: level, ")
    );
}

#[test]
fn what_does_not_fit_is_refused_and_nothing_is_kept() {
    let mut rt = started(json!({}));
    let mut tried = 0;
    for service in LoggerPlugin::services() {
        for bad in bad_inputs(&service) {
            let error = rt.call(service.name, &bad.args).expect_err(&bad.what);
            assert_eq!(error.code(), "invalid_argument", "{}: {error}", bad.what);
            tried += 1;
        }
    }
    println!("{tried} bad inputs");
    assert!(tried > 60, "{tried}");
    let stats = rt.call("logger.stats", &()).unwrap();
    assert_eq!((&stats["logged"], &stats["entries"]), (&json!(0), &json!(0)));
}
