//! Four plugins on both boards.

use std::time::Duration;

use tests_next::mcu::{Board, Build, Emulator, is_skipped};

fn passes_on(board: Board) {
    if is_skipped("smoke") {
        return;
    }
    let build = Build {
        board,
        program: "smoke",
        features: &["demo"],
        profile: "release",
    };
    let image = build.run().unwrap();
    let outcome = Emulator::run(board, &image, &[], Duration::from_secs(60)).unwrap();
    println!("{}", outcome.output);
    assert!(outcome.status.success(), "{}", outcome.output);
    assert!(
        outcome.output.lines().any(|line| line == "PASS"),
        "{}",
        outcome.output
    );
}

#[test]
#[ignore = "needs QEMU: tests/run.sh mcu"]
fn four_plugins_pass_on_a_cortex_m0_with_16_kib() {
    passes_on(Board::Microbit);
}

#[test]
#[ignore = "needs QEMU: tests/run.sh mcu"]
fn four_plugins_pass_on_a_cortex_m4() {
    passes_on(Board::Mps2);
}
