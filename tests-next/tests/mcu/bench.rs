//! The counts of instructions.

use tests_next::mcu::{bench, is_skipped};

#[test]
#[ignore = "needs QEMU: tests/run.sh mcu"]
fn counts_are_the_same_twice() {
    if is_skipped("bench") {
        return;
    }
    let first = bench::run().unwrap();
    assert!(!first.is_empty());
    assert_eq!(first, bench::run().unwrap());
}

#[test]
#[ignore = "needs QEMU: tests/run.sh mcu"]
fn counts_do_not_grow() {
    if is_skipped("bench") {
        return;
    }
    let rows = bench::rows(&bench::run().unwrap()).unwrap();
    for (name, most) in bench::CEILINGS {
        let row = rows.iter().find(|row| row.name == name).unwrap();
        assert!(row.kernel <= most, "{row:?}, at most {most}");
    }
}
