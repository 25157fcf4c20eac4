//! What the kernel adds to a firmware.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::{Board, Build, Image, Sizes};

/// A profile of capacities.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Profile {
    /// Its name.
    pub name: &'static str,
    /// The program that has it.
    program: &'static str,
}

/// The profiles for chips.
pub const PROFILES: [Profile; 2] = [
    Profile {
        name: "tiny",
        program: "footprint-tiny",
    },
    Profile {
        name: "default",
        program: "footprint-default",
    },
];

/// A part of the kernel that is counted by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// Events, calls, state, lives, ticks and deadlines, beside a firmware without any of it.
    Core,
    /// One more plugin written with hooks, beside the core; its buffer is in both.
    Plugin,
    /// The supervisor, beside the core.
    Supervisor,
    /// The storage in flash, with the board's driver and the buffer, beside the core.
    Storage,
    /// The link's side on a chip, beside the core.
    Link,
    /// Services of the runtime on the other side, beside the link; the plugin's slot that it takes is in both.
    Peer,
}

const fn sizes(flash: u64, ram: u64) -> Sizes {
    Sizes { flash, ram }
}

impl Part {
    /// All of them.
    pub const ALL: [Part; 6] = [
        Part::Core,
        Part::Plugin,
        Part::Supervisor,
        Part::Storage,
        Part::Link,
        Part::Peer,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Part::Core => "core",
            Part::Plugin => "+ plugin",
            Part::Supervisor => "+ supervisor",
            Part::Storage => "+ storage in flash",
            Part::Link => "+ link",
            Part::Peer => "+ peer, beside the link",
        }
    }

    fn feature(self) -> &'static str {
        match self {
            Part::Core => "measured-kernel",
            Part::Plugin => "measured-plugin",
            Part::Supervisor => "measured-supervisor",
            Part::Storage => "measured-storage",
            Part::Link => "measured-link",
            Part::Peer => "measured-peer",
        }
    }

    /// What it may cost, whatever the target.
    fn budget(self, profile: Profile) -> Sizes {
        match self {
            Part::Core if profile == PROFILES[0] => sizes(11_264, 2_432),
            Part::Core => sizes(11_776, 4_864),
            Part::Plugin => sizes(600, 64),
            Part::Supervisor => sizes(1_536, 256),
            Part::Storage => sizes(5_120, 512),
            Part::Link => sizes(8_192, 1_024),
            Part::Peer => sizes(2_048, 128),
        }
    }

    /// What the tests let it cost: the budget, and where that is not met yet, what it took, rounded up.
    fn ceiling(self, profile: Profile) -> Sizes {
        match self {
            Part::Core if profile == PROFILES[0] => sizes(27_000, 3_600),
            Part::Core => sizes(27_000, 6_500),
            Part::Plugin => sizes(2_300, 600),
            Part::Supervisor => sizes(2_700, 300),
            Part::Storage => sizes(12_600, 1_100),
            Part::Link => sizes(15_000, self.budget(profile).ram),
            Part::Peer => self.budget(profile),
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
        sizes(
            with.flash.saturating_sub(without.flash),
            with.ram.saturating_sub(without.ram),
        )
    }

    /// What it may add.
    pub fn budget(&self) -> Sizes {
        self.part.budget(self.profile)
    }

    /// What the tests let it add by now.
    pub fn ceiling(&self) -> Sizes {
        self.part.ceiling(self.profile)
    }

    /// True when it keeps to its budget.
    pub fn is_within_budget(&self) -> bool {
        self.is_within(self.budget())
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
        Part::Peer => image(board, profile.program, Part::Link.feature())?,
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
    // Two that build at once would take each other's images.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let built = build.run()?;
    let folder = built.parent().unwrap_or(Path::new(".")).join("images");
    let copy = folder.join(format!("{program}-{feature}"));
    let failed = |cause: std::io::Error| format!("{}: {cause}", copy.display());
    std::fs::create_dir_all(&folder).map_err(failed)?;
    // In one step: somebody may be reading the one that is there.
    let new = folder.join(format!("{program}-{feature}.new"));
    std::fs::copy(&built, &new).map_err(failed)?;
    std::fs::rename(&new, &copy).map_err(failed)?;
    Ok(copy)
}
