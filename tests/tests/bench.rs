//! The benchmark runs, and says what programs read from it. What it says of times is not looked at.

use std::process::{Command, Output};

use serde_json::Value;

fn bench(arguments: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_bench")).args(arguments).output();
    output.expect("the benchmark runs")
}

fn lines(output: &Output) -> Vec<Value> {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let stdout = String::from_utf8(output.stdout.clone()).expect("it prints UTF-8");
    let lines = stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("each line is JSON"));
    lines.collect()
}

fn is_positive(value: &Value) -> bool {
    value
        .as_f64()
        .is_some_and(|value| value.is_finite() && value > 0.0)
}

#[test]
fn a_line_says_what_was_measured() {
    let rows = lines(&bench(&["--quick", "--json", "publish", "lookup"]));
    let sections: Vec<_> = rows.iter().filter_map(|row| row["section"].as_str()).collect();
    assert_eq!(
        sections,
        ["publish", "publish", "lookup", "lookup", "lookup", "lookup"]
    );
    assert_eq!(rows[0]["name"], "publish to 1 plugin");
    for row in &rows {
        assert!(row["name"].is_string() && row["unit"] == "ns", "{row}");
        assert!(is_positive(&row["ours"]) && is_positive(&row["goal"]), "{row}");
        let peers = row["peers"].as_array().expect("peers");
        assert!(!peers.is_empty(), "{row}");
        for peer in peers {
            assert!(peer["name"].is_string() && peer["counted"].is_boolean(), "{row}");
            assert!(
                is_positive(&peer["value"]) && is_positive(&peer["ratio"]),
                "{row}"
            );
            assert!(
                peer["spread"].as_f64().is_some_and(|spread| spread >= 0.0),
                "{row}"
            );
        }
        // The goal is about the best peer that counts.
        let counted = peers.iter().filter(|peer| peer["counted"] == true);
        let best = counted
            .filter_map(|peer| peer["ratio"].as_f64())
            .min_by(f64::total_cmp);
        assert_eq!(row["ratio"].as_f64(), best, "{row}");
        let (ratio, goal) = (row["ratio"].as_f64(), row["goal"].as_f64());
        let met = match row["goal_kind"].as_str() {
            Some("ratio_at_least") => ratio >= goal,
            Some("ratio_at_most") => ratio <= goal,
            _ => panic!("the goal is of no kind: {row}"),
        };
        assert_eq!(row["met"], met, "{row}");
    }
}

#[test]
fn the_sections_are_listed_and_a_wrong_one_is_refused_with_them() {
    let list = String::from_utf8(bench(&["--list"]).stdout).expect("it prints UTF-8");
    let names: Vec<_> = list
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(
        names.contains(&"publish") && names.contains(&"storage-many"),
        "{names:?}"
    );
    let refused = bench(&["--quick", "no-such-section"]);
    let stderr = String::from_utf8_lossy(&refused.stderr);
    assert!(
        !refused.status.success() && names.iter().all(|name| stderr.contains(name)),
        "{stderr}"
    );
}
