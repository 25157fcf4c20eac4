//! How a terminal handles keys, and whether it was given back as it was.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;
use rustix::termios::{ControlModes, InputModes, LocalModes, OutputModes, tcgetattr};
use vt100::MouseProtocolMode;

use super::Terminal;
use super::seen::lock;

/// How a terminal handles what is typed and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Modes {
    local: LocalModes,
    input: InputModes,
    output: OutputModes,
    control: ControlModes,
}

impl Modes {
    /// True when keys are handed over as they are.
    pub fn is_raw(&self) -> bool {
        !self
            .local
            .intersects(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
    }
}

impl Terminal {
    /// How the terminal handles keys now.
    ///
    /// # Errors
    /// When it is gone.
    pub fn modes(&self) -> Result<Modes, String> {
        modes(&self.device)
    }

    /// What of the terminal is not as it was before the program began: nothing, when it was given back.
    ///
    /// # Errors
    /// When it is gone.
    pub fn not_given_back(&self) -> Result<Vec<String>, String> {
        let mut wrong = Vec::new();
        let now = self.modes()?;
        if now != self.before {
            wrong.push(format!("its modes were {:?} and are {now:?}", self.before));
        }
        let seen = lock(&self.seen);
        let screen = seen.parser.screen();
        let checks = [
            (screen.alternate_screen(), "the alternate screen is still there"),
            (screen.hide_cursor(), "the cursor is hidden"),
            (screen.bracketed_paste(), "pastes are bracketed"),
            (
                screen.mouse_protocol_mode() != MouseProtocolMode::None,
                "the mouse is still reported",
            ),
            (
                screen.fgcolor() != vt100::Color::Default || screen.bgcolor() != vt100::Color::Default,
                "colours are left",
            ),
            (
                screen.bold() || screen.dim() || screen.inverse() || screen.underline(),
                "text attributes are left",
            ),
        ];
        wrong.extend(
            checks
                .iter()
                .filter(|(is_so, _)| *is_so)
                .map(|(_, what)| (*what).to_owned()),
        );
        if seen.is_drawing() {
            wrong.push("a synchronized update is still under way".to_owned());
        }
        Ok(wrong)
    }
}

pub(super) fn modes(device: &Path) -> Result<Modes, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", device.display());
    let line = OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::NOCTTY.bits() as i32)
        .open(device)
        .map_err(|error| failed(&error))?;
    let modes = tcgetattr(&line).map_err(|error| failed(&error))?;
    Ok(Modes {
        local: modes.local_modes,
        input: modes.input_modes,
        output: modes.output_modes,
        control: modes.control_modes,
    })
}
