//! Building the firmware.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::binary;

/// An emulated board.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Board {
    /// Cortex-M0, 16 KiB of RAM.
    Microbit,
    /// Cortex-M4.
    Mps2,
}

impl Board {
    /// The emulator's name of it, and the firmware's feature.
    pub fn name(self) -> &'static str {
        match self {
            Board::Microbit => "microbit",
            Board::Mps2 => "mps2-an386",
        }
    }

    /// The compiler's target.
    pub fn target(self) -> &'static str {
        match self {
            Board::Microbit => "thumbv6m-none-eabi",
            Board::Mps2 => "thumbv7em-none-eabihf",
        }
    }
}

/// What of the firmware is built, and how.
#[derive(Clone, Copy, Debug)]
pub struct Build<'a> {
    /// For which board.
    pub board: Board,
    /// Which program.
    pub program: &'a str,
    /// With which features beside the board's.
    pub features: &'a [&'a str],
    /// In which of the firmware's profiles.
    pub profile: &'a str,
}

/// What a caller's environment says of its own build, which is not ours.
const NOT_OURS: [&str; 8] = [
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_INCREMENTAL",
    "CARGO_TARGET_DIR",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTFLAGS",
];

impl Build<'_> {
    /// Builds it and gives the image's path.
    ///
    /// # Errors
    /// What cargo said is on stderr; the error says what to do.
    pub fn run(&self) -> Result<PathBuf, String> {
        let folder = workspace().join("kernel-core/examples/mcu");
        let target_folder = target_folder();
        let features = [&[self.board.name()], self.features].concat().join(",");
        let mut cargo = binary::cargo();
        cargo
            .args(["build", "--quiet", "--locked", "--no-default-features"])
            .args(["--profile", self.profile, "--features", &features])
            .args(["--target", self.board.target(), "--bin", self.program])
            .arg("--target-dir")
            .arg(&target_folder)
            .current_dir(&folder)
            .stdin(Stdio::null());
        for name in NOT_OURS {
            cargo.env_remove(name);
        }
        let status = cargo
            .status()
            .map_err(|cause| format!("cargo does not run: {cause}"))?;
        if !status.success() {
            return Err(format!(
                "the firmware `{}` for {} was not built: see above; where the target lacks, `rustup target add {}`",
                self.program,
                self.board.name(),
                self.board.target()
            ));
        }
        let profile = if self.profile == "dev" {
            "debug"
        } else {
            self.profile
        };
        Ok(target_folder
            .join(self.board.target())
            .join(profile)
            .join(self.program))
    }
}

fn workspace() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_path_buf()
}

/// A folder beside the workspace's own builds, wherever those go.
fn target_folder() -> PathBuf {
    let folder = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    // A relative one counts from the workspace.
    workspace().join(folder).join("mcu")
}
