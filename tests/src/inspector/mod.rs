//! The inspector, measured: the real program in a terminal of 160x50, attached over a real socket to a real
//! host that publishes as fast as it is told.

mod attached;
mod feeder;
mod figure;
mod inside;
mod process;
mod terminal;

pub use figure::{Figure, Goal, Unit};

use std::path::{Path, PathBuf};
use std::process::Command;

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
    let program = build()?;
    let mut figures = attached::target_down(&program, extent)?;
    figures.extend(attached::idle(&program, extent)?);
    for rate in [10_000, 100_000] {
        figures.extend(attached::stream(&program, rate, extent)?);
    }
    figures.extend(inside::filters(&program)?);
    Ok(figures)
}

/// Builds the program as it is shipped.
fn build() -> Result<PathBuf, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "build",
            "--release",
            "-p",
            "inspector-tui",
            "--bin",
            "core-inspector",
        ])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .output()
        .map_err(|error| format!("cargo does not run: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "core-inspector does not build:\n{}",
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    // Next to this program, which cargo has built as well.
    let own = std::env::current_exe().map_err(|error| format!("this program's path: {error}"))?;
    let target = own.parent().and_then(Path::parent);
    let program = target.map(|target| target.join("release/core-inspector"));
    program
        .filter(|program| program.is_file())
        .ok_or_else(|| format!("no core-inspector beside {}", own.display()))
}
