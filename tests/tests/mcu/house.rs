//! The plugins of a home on a Cortex-M4, with an allocator and a small house.

use std::time::Duration;

use tests::mcu::{Board, Build, Emulator, is_skipped};

#[test]
#[ignore = "needs QEMU: tests/run.sh mcu"]
fn devices_presence_and_automation_run_on_a_cortex_m4() {
    if is_skipped("house") {
        return;
    }
    let build = Build {
        board: Board::Mps2,
        program: "house",
        features: &["house"],
        profile: "release",
    };
    let image = build.run().unwrap();
    let outcome = Emulator::run(Board::Mps2, &image, &[], Duration::from_secs(60)).unwrap();
    println!("{}", outcome.output);
    assert!(outcome.status.success(), "{}", outcome.output);
    assert!(
        outcome.output.lines().any(|line| line == "PASS"),
        "{}",
        outcome.output
    );
}
