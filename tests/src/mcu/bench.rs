//! What the kernel's operations cost, counted by the firmware `bench` on an emulator whose virtual
//! time is its count of instructions.

use std::time::Duration;

use serde_json::Value;

use super::{Board, Build, Emulator};

/// One measurement, in instructions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// What was done.
    pub name: String,
    /// By the kernel.
    pub kernel: u64,
    /// By embassy-sync's `PubSubChannel`, where it does such a thing.
    pub pubsub: Option<u64>,
    /// The most for the kernel.
    pub budget: Option<u64>,
}

/// What the tests let it take: the budget, and where that is not met yet, what it took, rounded up.
pub const CEILINGS: [(&str, u64); 4] = [
    ("publish and one receive", 2_200),
    ("publish to each further receiver", 60),
    ("call round trip", 2_900),
    ("state set", 2_200),
];

impl Row {
    /// True when the kernel takes more than it may.
    pub fn is_over_budget(&self) -> bool {
        self.budget.is_some_and(|budget| self.kernel > budget)
    }
}

/// Builds and runs the firmware; its lines, one JSON object each.
///
/// # Errors
/// When it cannot be built or run, or does not pass.
pub fn run() -> Result<Vec<String>, String> {
    let build = Build {
        board: Board::Mps2,
        program: "bench",
        features: &["demo"],
        profile: "fast",
    };
    // One instruction takes 2^6 ns of virtual time, however fast the host is.
    let arguments = ["-icount", "shift=6,sleep=off"];
    let outcome = Emulator::run(Board::Mps2, &build.run()?, &arguments, Duration::from_secs(60))?;
    if !outcome.status.success() || !outcome.output.lines().any(|line| line == "PASS") {
        return Err(format!("the firmware failed: {}", outcome.output.trim()));
    }
    let lines = outcome.output.lines().filter(|line| line.starts_with('{'));
    Ok(lines.map(str::to_owned).collect())
}

/// The measurements in these lines.
///
/// # Errors
/// When a line is not one.
pub fn rows(lines: &[String]) -> Result<Vec<Row>, String> {
    lines.iter().map(|line| row(line)).collect()
}

fn row(line: &str) -> Result<Row, String> {
    let strange = || format!("not a measurement: {line}");
    let value: Value = serde_json::from_str(line).map_err(|_| strange())?;
    let number = |name: &str| value.get(name).and_then(Value::as_u64);
    Ok(Row {
        name: value
            .get("name")
            .and_then(Value::as_str)
            .ok_or_else(strange)?
            .to_owned(),
        kernel: number("kernel").ok_or_else(strange)?,
        pubsub: number("pubsub"),
        budget: number("budget"),
    })
}
