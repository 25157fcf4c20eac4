//! The error a plugin's hook or service answers with, and the text buffers errors use.

use core::fmt::{self, Write};

use heapless::{LenType, String};

/// The longest error code, in bytes.
pub const MAX_CODE: usize = 24;
/// The longest error message, in bytes; a longer one is cut at a character. It is 160 with the
/// feature `messages` and 38 without, so that an error on a chip fits into a call's 64 bytes.
pub const MAX_MESSAGE: usize = if cfg!(feature = "messages") { 160 } else { 38 };

/// What went wrong in a plugin: a stable code for programs and a message for people.
///
/// A service answers its caller with it, and a lifecycle hook that returns it leaves the plugin
/// FAILED with the error kept.
///
/// ```
/// use kernel_next::Error;
/// let error = Error::new("no_such_room", "room \"attic\" is not known: see rooms.list");
/// assert_eq!(error.code(), "no_such_room");
/// ```
#[derive(Clone, PartialEq, Eq)]
// Results carry it by value, and a chip copies whole words several times as fast as bytes.
#[repr(align(4))]
pub struct Error {
    /// Bytes of the code, and of code and message together.
    code: u8,
    len: u8,
    text: [u8; MAX_CODE + MAX_MESSAGE],
}

impl Error {
    /// An error from its code (cut at [`MAX_CODE`]) and message (cut at [`MAX_MESSAGE`]).
    pub fn new(code: &str, message: &str) -> Self {
        let mut error = Error {
            code: 0,
            len: 0,
            text: [0; MAX_CODE + MAX_MESSAGE],
        };
        error.push(code, MAX_CODE);
        error.code = error.len;
        error.push_message(message);
        error
    }

    /// An error whose message is formatted; costs a chip the formatting machinery.
    pub fn format(code: &str, message: fmt::Arguments<'_>) -> Self {
        let mut error = Error::new(code, "");
        // `Cut` never refuses, and a Display that fails leaves the text written so far.
        let _ = Cut(&mut error).write_fmt(message);
        error
    }

    /// `invalid_argument`: the caller sent something the service does not take.
    pub fn invalid_argument(message: &str) -> Self {
        Error::new("invalid_argument", message)
    }

    /// The stable code, a word such as `invalid_argument`.
    pub fn code(&self) -> &str {
        self.part(0, self.code)
    }

    /// The message for people.
    pub fn message(&self) -> &str {
        self.part(self.code, self.len)
    }

    fn part(&self, from: u8, to: u8) -> &str {
        let bytes = self.text.get(from as usize..to as usize).unwrap_or(&[]);
        core::str::from_utf8(bytes).unwrap_or("")
    }

    fn push_message(&mut self, text: &str) {
        let most = MAX_MESSAGE.wrapping_add(self.code as usize);
        self.push(text, most.saturating_sub(self.len as usize));
    }

    /// Appends at most `most` bytes of `text`, for which there is room.
    fn push(&mut self, text: &str, most: usize) {
        let piece = cut(text, most);
        let start = self.len as usize;
        let end = start.wrapping_add(piece.len());
        if let Some(to) = self.text.get_mut(start..end) {
            to.copy_from_slice(piece.as_bytes());
            self.len = end as u8;
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("code", &self.code())
            .field("message", &self.message())
            .finish()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())?;
        if !self.message().is_empty() {
            f.write_str(": ")?;
            f.write_str(self.message())?;
        }
        Ok(())
    }
}

impl core::error::Error for Error {}

/// Appends as much of `text` as fits, whole characters only.
pub(crate) fn push_cut<const N: usize, L: LenType>(to: &mut String<N, L>, text: &str) {
    let room = to.capacity().saturating_sub(to.len());
    // The piece fits by construction, so the push cannot fail.
    let _ = to.push_str(cut(text, room));
}

/// The longest prefix of `text` that has at most `max` bytes and ends at a character.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    let mut end = max.min(text.len());
    loop {
        match text.get(..end) {
            Some(piece) => return piece,
            None => end = end.saturating_sub(1),
        }
    }
}

struct Cut<'a>(&'a mut Error);

impl Write for Cut<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.push_message(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_is_cut_at_a_character() {
        let long = ['я'; 200].iter().fold(String::<400>::new(), |mut s, c| {
            let _ = s.push(*c);
            s
        });
        let error = Error::new("x", &long);
        assert_eq!(error.message().len(), MAX_MESSAGE);
        assert!(error.message().chars().all(|c| c == 'я'));
        assert_eq!(cut("aя", 2), "a");
    }

    #[test]
    fn code_and_message_have_room_beside_each_other() {
        let error = Error::new(&"cccccccccccccccccccccccccc"[..26], &"m".repeat(300));
        assert_eq!(
            (error.code().len(), error.message().len()),
            (MAX_CODE, MAX_MESSAGE)
        );
        let error = Error::format("code", format_args!("{}-{}", "a".repeat(100), "b".repeat(100)));
        assert_eq!(error.code(), "code");
        assert_eq!(error.message().len(), MAX_MESSAGE);
        assert_eq!(
            Error::format("code", format_args!("a{}", 'b')),
            Error::new("code", "ab")
        );
    }
}
