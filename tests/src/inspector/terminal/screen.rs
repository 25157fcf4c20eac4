//! What is on a terminal's screen, and waiting for it.

use std::time::Instant;

use super::seen::{lock, text};
use super::{PATIENCE, Terminal};

impl Terminal {
    /// Waits until the screen's text is as it should be, and says when it was.
    ///
    /// # Errors
    /// When it never was, with the text.
    pub fn until(&self, what: &str, mut is_so: impl FnMut(&str) -> bool) -> Result<Instant, String> {
        self.until_screen(what, |screen| is_so(&text(screen)))
    }

    /// Waits until the screen is as it should be, and says when it was.
    ///
    /// # Errors
    /// When it never was, with its text.
    pub fn until_screen(
        &self,
        what: &str,
        mut is_so: impl FnMut(&vt100::Screen) -> bool,
    ) -> Result<Instant, String> {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = lock(&self.seen);
        loop {
            // What is drawn in one piece is looked at in one piece.
            if !seen.is_drawing() && is_so(seen.parser.screen()) {
                return Ok(Instant::now());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if seen.ended || left.is_zero() {
                let text = text(seen.parser.screen());
                return Err(format!("{what} did not come; the screen was:\n{text}"));
            }
            seen = self
                .seen
                .1
                .wait_timeout(seen, left)
                .map_or_else(|poisoned| poisoned.into_inner().0, |(seen, _)| seen);
        }
    }

    /// Waits until this is on the screen.
    ///
    /// # Errors
    /// When it never was, with the text.
    pub fn see(&self, sought: &str) -> Result<Instant, String> {
        self.until(&format!("{sought:?}"), |text| text.contains(sought))
    }

    /// Waits until this is no longer on the screen.
    ///
    /// # Errors
    /// When it stays, with the text.
    pub fn see_no(&self, sought: &str) -> Result<Instant, String> {
        self.until(&format!("a screen without {sought:?}"), |text| {
            !text.contains(sought)
        })
    }

    /// Waits until one row has all of this.
    ///
    /// # Errors
    /// When there never was one, with the text.
    pub fn see_row(&self, sought: &[&str]) -> Result<Instant, String> {
        self.until(&format!("a row with {sought:?}"), |text| {
            text.lines()
                .any(|row| sought.iter().all(|sought| row.contains(sought)))
        })
    }

    /// What is on the screen, without the spaces at the ends of its rows.
    pub fn text(&self) -> String {
        text(lock(&self.seen).parser.screen())
    }

    /// What can be read off the screen now.
    ///
    /// # Errors
    /// When it cannot, with the text.
    pub fn read<T>(&self, find: impl FnOnce(&str) -> Option<T>) -> Result<T, String> {
        let text = self.text();
        find(&text).ok_or_else(|| format!("what is looked for is not on the screen:\n{text}"))
    }

    /// Frames and bytes that were drawn so far.
    pub fn drawn(&self) -> (u64, u64) {
        let seen = lock(&self.seen);
        (seen.frames, seen.bytes)
    }

    /// How often the program asked where the cursor is, and waited for the answer.
    pub fn asked(&self) -> u64 {
        lock(&self.seen).asked
    }
}
