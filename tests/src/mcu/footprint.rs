//! What the kernel adds to a firmware.

use std::path::PathBuf;

use super::{Board, Build, Image, Sizes};

/// A profile of capacities and what the kernel may cost in it.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    /// Its name.
    pub name: &'static str,
    /// The program that has it.
    program: &'static str,
    /// What it is meant to cost, at most.
    pub budget: Sizes,
    /// What it costs by now, rounded up, on the costlier target: it must not grow beyond.
    pub ceiling: Sizes,
}

/// The profiles for chips.
pub const PROFILES: [Profile; 2] = [
    Profile {
        name: "tiny",
        program: "footprint-tiny",
        budget: Sizes {
            flash: 8 * 1024,
            ram: 2560,
        },
        ceiling: Sizes {
            flash: 56_000,
            ram: 7_600,
        },
    },
    Profile {
        name: "default",
        program: "footprint-default",
        budget: Sizes {
            flash: 12 * 1024,
            ram: 5 * 1024,
        },
        ceiling: Sizes {
            flash: 56_000,
            ram: 12_000,
        },
    },
];

/// The kernel's footprint on one target in one profile.
#[derive(Debug)]
pub struct Footprint {
    /// The board it was built for.
    pub board: Board,
    /// The profile.
    pub profile: Profile,
    /// The firmware without the kernel.
    pub baseline: Image,
    /// The same with it.
    pub image: Image,
    /// Where that one is.
    pub path: PathBuf,
}

impl Footprint {
    /// What the kernel adds.
    pub fn cost(&self) -> Sizes {
        let (with, without) = (self.image.sizes, self.baseline.sizes);
        Sizes {
            flash: with.flash.saturating_sub(without.flash),
            ram: with.ram.saturating_sub(without.ram),
        }
    }

    /// True when it keeps to its budget.
    pub fn is_within_budget(&self) -> bool {
        self.is_within(self.profile.budget)
    }

    /// True when it keeps below its ceiling.
    pub fn is_below_ceiling(&self) -> bool {
        self.is_within(self.profile.ceiling)
    }

    fn is_within(&self, most: Sizes) -> bool {
        let cost = self.cost();
        cost.flash <= most.flash && cost.ram <= most.ram
    }
}

/// Builds the firmware without the kernel and with it, and compares.
///
/// # Errors
/// When it cannot be built or read.
pub fn measure(board: Board, profile: Profile) -> Result<Footprint, String> {
    let build = |program, features| {
        let build = Build {
            board,
            program,
            features,
            profile: "release",
        };
        build.run()
    };
    let path = build(profile.program, &["measured-kernel"])?;
    Ok(Footprint {
        board,
        profile,
        baseline: Image::read(&build("baseline", &["measured"])?)?,
        image: Image::read(&path)?,
        path,
    })
}
