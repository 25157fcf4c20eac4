//! Thousands of devices and rules in a real host: what a report costs, and one more rule.

use std::time::Instant;

use automation::AutomationPlugin;
use devices::Devices;
use host_std::{Config, Host};
use serde_json::{Value, json};
use tests::wasm::call;

use crate::hosted::{original, publish};
use crate::{alone, memory, row, until};

const DEVICES: usize = 10_000;
/// Reports of one measurement, each of a device of its own.
const REPORTS: usize = 100;

#[test]
fn one_more_rule_costs_a_report_nothing_where_it_is_not_of_it() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let id = |number: usize| format!("lamp_{number:05}");
    let mut rows = Vec::new();
    for number in 0..DEVICES {
        rows.push(("devices", id(number), row(&id(number))));
        let mapping = json!({"internal_id": id(number)});
        rows.push(("devices_mappings", format!("x-{number}"), mapping));
    }
    original(&folder.path().join("runtime.db"), &rows);
    drop(rows);
    let file = folder.path().join("config.toml");
    std::fs::write(&file, "[runtime]\nstorage_synchronous = \"normal\"\n").unwrap();
    let config = Config::from_vars(|name| match name {
        "RUNTIME_DB_PATH" => Some(folder.path().join("runtime.db").into_os_string()),
        "RUNTIME_CONFIG" => Some(file.clone().into_os_string()),
        _ => None,
    });
    let host = Host::builder()
        .described_plugin::<Devices>()
        .described_plugin::<AutomationPlugin>()
        .start(config.unwrap())
        .unwrap();
    let runtime = host.runtime();
    let stat = |name: &str| {
        let stats = call(runtime, "automation.stats", &Value::Null).unwrap();
        stats[name].as_u64().unwrap_or_else(|| panic!("{name}: {stats}"))
    };
    let mut made = 0;
    let mut measured = Vec::new();
    for rules in [200, 2_000] {
        let begun = Instant::now();
        for number in made..rules {
            let rule = json!({
                "id": format!("rule-{number}"),
                "triggers": [{"state": format!("device.{}", id(number)), "when": {"event": "/to/on", "exists": true}}],
                "actions": [{"publish": "rule.done", "payload": number}],
            });
            call(runtime, "automation.create", &rule).unwrap();
        }
        let each_rule = begun.elapsed() / (rules - made) as u32;
        made = rules;
        let (runs, candidates, begun) = (stat("runs"), stat("candidates"), Instant::now());
        let on = measured.is_empty();
        for number in 0..REPORTS {
            let payload = json!({"external_id": format!("x-{number}"), "state": {"on": on}});
            publish(runtime, "external.device_state_reported", &payload);
        }
        until("each report fires its rule", || {
            stat("runs") == runs + REPORTS as u64
        });
        let each = begun.elapsed() / REPORTS as u32;
        let candidates = (stat("candidates") - candidates) as f64 / REPORTS as f64;
        println!(
            "{DEVICES} devices, {rules} rules: {each_rule:.0?} to create one, {each:.0?} from a report to the end of its \
             rule, {candidates} triggers looked at for it; {} KiB of memory",
            memory()
        );
        measured.push(candidates);
    }
    assert_eq!(
        measured[0], measured[1],
        "as many triggers for a report, whatever the number of rules"
    );
    host.shutdown();
}
