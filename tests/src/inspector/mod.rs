//! The inspector: the real program in a terminal, driven by keys, and measured at 160x50 while it is attached
//! over a real socket to a real host that publishes as fast as it is told.

mod attached;
mod feeder;
mod figure;
mod inside;
mod process;
pub mod session;
mod terminal;

pub use feeder::Feeder;
pub use figure::{Figure, Goal, Unit};
pub use terminal::{Modes, Start, Terminal};

use crate::binary;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// How long each stream is watched, in seconds.
    pub seconds: u64,
    /// How often a key is pressed, and how often the program is started.
    pub keys: usize,
    /// How long it is watched while nothing happens, in seconds.
    pub idle: u64,
}

impl Extent {
    /// What the README's table is made with: a minute of each stream.
    pub const FULL: Extent = Extent {
        seconds: 60,
        keys: 200,
        idle: 20,
    };

    /// To see whether something has become far slower.
    pub const QUICK: Extent = Extent {
        seconds: 10,
        keys: 30,
        idle: 5,
    };
}

/// Measures everything.
///
/// # Errors
///
/// When the program cannot be built, or does not do what it should.
pub fn run(extent: Extent) -> Result<Vec<Figure>, String> {
    // As it is shipped.
    let program = binary("inspector-tui", "release")?;
    let mut figures = attached::target_down(&program, extent)?;
    figures.extend(attached::idle(&program, extent)?);
    for shown in [attached::EVENTS, attached::CHART, attached::GRAPH] {
        figures.extend(attached::stream(&program, 10_000, &shown, extent)?);
    }
    figures.extend(attached::stream(&program, 100_000, &attached::EVENTS, extent)?);
    figures.extend(inside::filters(&program)?);
    Ok(figures)
}
