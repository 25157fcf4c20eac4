//! What the kernel adds to a firmware, and what it must not.

use tests::mcu::{Board, PROFILES, Part, is_skipped, measure, panics_of};

#[test]
#[ignore = "needs the targets for chips: tests/run.sh mcu"]
fn the_kernel_does_not_grow() {
    if is_skipped("footprint") {
        return;
    }
    for board in [Board::Microbit, Board::Mps2] {
        for profile in PROFILES {
            for part in Part::ALL {
                let footprint = measure(board, profile, part).unwrap();
                assert!(
                    footprint.is_below_ceiling(),
                    "{} {} {}: {:?}, at most {:?}",
                    board.target(),
                    profile.name,
                    part.name(),
                    footprint.cost(),
                    footprint.ceiling()
                );
            }
        }
    }
}

#[test]
#[ignore = "needs the targets for chips: tests/run.sh mcu"]
fn the_kernel_brings_no_panic_and_no_formatting() {
    if is_skipped("panics") {
        return;
    }
    let mut found = Vec::new();
    for board in [Board::Microbit, Board::Mps2] {
        for profile in PROFILES {
            for part in Part::ALL {
                let footprint = measure(board, profile, part).unwrap();
                for panic in panics_of(&footprint.image).unwrap() {
                    let (target, profile) = (board.target(), profile.name);
                    let line = format!("{target} {profile} {}: {panic}", part.name());
                    if panic.is_resumption {
                        println!("not counted, the compiler's guard of a future that is done: {line}");
                    } else {
                        found.push(line);
                    }
                }
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
