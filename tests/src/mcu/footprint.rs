//! What the kernel adds to a firmware.

use std::path::{Path, PathBuf};

use super::{Board, Build, Image, Sizes};

/// A profile of capacities and what the kernel may cost in it.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    /// Its name.
    pub name: &'static str,
    /// The program that has it.
    program: &'static str,
    /// What the kernel is meant to cost, at most.
    pub budget: Sizes,
    /// What it costs by now, rounded up, on the costlier target: it must not grow beyond.
    ceiling: Sizes,
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
            flash: 35_650,
            ram: 4_250,
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
            flash: 35_700,
            ram: 8_080,
        },
    },
];

/// A part of the kernel that is counted by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// Events, calls, state, and plugins led and supervised, beside a firmware without any of it.
    Core,
    /// The storage and what it is served by, beside the core.
    Storage,
    /// The link, with all it lets a client do, beside the core.
    Link,
}

impl Part {
    /// All of them.
    pub const ALL: [Part; 3] = [Part::Core, Part::Storage, Part::Link];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Part::Core => "core",
            Part::Storage => "+ storage",
            Part::Link => "+ link",
        }
    }

    fn feature(self) -> &'static str {
        match self {
            Part::Core => "measured-kernel",
            Part::Storage => "measured-storage",
            Part::Link => "measured-link",
        }
    }

    /// What it costs by now, rounded up, on the costlier target, whatever the profile.
    fn ceiling(self, profile: Profile) -> Sizes {
        match self {
            Part::Core => profile.ceiling,
            Part::Storage => Sizes {
                flash: 9_500,
                ram: 700,
            },
            Part::Link => Sizes {
                flash: 44_000,
                ram: 3_200,
            },
        }
    }
}

/// The footprint of a part of the kernel on one target in one profile.
#[derive(Debug)]
pub struct Footprint {
    /// The board it was built for.
    pub board: Board,
    /// The profile.
    pub profile: Profile,
    /// What is counted.
    pub part: Part,
    /// The firmware without it.
    pub before: Image,
    /// The same with it.
    pub image: Image,
}

impl Footprint {
    /// What the part adds.
    pub fn cost(&self) -> Sizes {
        let (with, without) = (self.image.sizes, self.before.sizes);
        Sizes {
            flash: with.flash.saturating_sub(without.flash),
            ram: with.ram.saturating_sub(without.ram),
        }
    }

    /// What it is meant to add, at most, where that was said.
    pub fn budget(&self) -> Option<Sizes> {
        (self.part == Part::Core).then_some(self.profile.budget)
    }

    /// What it may add by now.
    pub fn ceiling(&self) -> Sizes {
        self.part.ceiling(self.profile)
    }

    /// True when it keeps to its budget.
    pub fn is_within_budget(&self) -> bool {
        self.budget().is_none_or(|budget| self.is_within(budget))
    }

    /// True when it keeps below its ceiling.
    pub fn is_below_ceiling(&self) -> bool {
        self.is_within(self.ceiling())
    }

    fn is_within(&self, most: Sizes) -> bool {
        let cost = self.cost();
        cost.flash <= most.flash && cost.ram <= most.ram
    }
}

/// Builds the firmware without the part and with it, and compares.
///
/// # Errors
/// When it cannot be built or read.
pub fn measure(board: Board, profile: Profile, part: Part) -> Result<Footprint, String> {
    let without = match part {
        Part::Core => image(board, "baseline", "measured")?,
        _ => image(board, profile.program, Part::Core.feature())?,
    };
    Ok(Footprint {
        board,
        profile,
        part,
        before: Image::read(&without)?,
        image: Image::read(&image(board, profile.program, part.feature())?)?,
    })
}

/// Builds a program; gives a copy of its image, which the same program with other features leaves alone.
fn image(board: Board, program: &str, feature: &str) -> Result<PathBuf, String> {
    let build = Build {
        board,
        program,
        features: &[feature],
        profile: "release",
    };
    let built = build.run()?;
    let folder = built.parent().unwrap_or(Path::new(".")).join("images");
    let copy = folder.join(format!("{program}-{feature}"));
    let failed = |cause: std::io::Error| format!("{}: {cause}", copy.display());
    std::fs::create_dir_all(&folder).map_err(failed)?;
    std::fs::copy(&built, &copy).map_err(failed)?;
    Ok(copy)
}
