//! The error a plugin's hook or service answers with, and the text buffers errors use.

use core::fmt::{self, Write};

use heapless::{LenType, String};

/// The longest error code, in bytes.
pub const MAX_CODE: usize = 24;
/// The longest error message, in bytes; a longer one is cut at a character.
pub const MAX_MESSAGE: usize = 160;

/// What went wrong in a plugin: a stable code for programs and a message for people.
///
/// A service answers its caller with it, and a lifecycle hook that returns it leaves the plugin
/// FAILED with the error kept.
///
/// ```
/// use kernel_core::Error;
/// let error = Error::new("no_such_room", "room \"attic\" is not known: see rooms.list");
/// assert_eq!(error.code(), "no_such_room");
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error {
    code: String<MAX_CODE, u8>,
    message: String<MAX_MESSAGE, u8>,
}

impl Error {
    /// An error from its code (cut at [`MAX_CODE`]) and message (cut at [`MAX_MESSAGE`]).
    pub fn new(code: &str, message: &str) -> Self {
        let mut error = Error {
            code: String::new(),
            message: String::new(),
        };
        push_cut(&mut error.code, code);
        push_cut(&mut error.message, message);
        error
    }

    /// An error whose message is formatted; costs a chip the formatting machinery.
    pub fn format(code: &str, message: fmt::Arguments<'_>) -> Self {
        let mut error = Error::new(code, "");
        // `Cut` never refuses, and a Display that fails leaves the text written so far.
        let _ = Cut(&mut error.message).write_fmt(message);
        error
    }

    /// `invalid_argument`: the caller sent something the service does not take.
    pub fn invalid_argument(message: &str) -> Self {
        Error::new("invalid_argument", message)
    }

    /// The stable code, a word such as `invalid_argument`.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The message for people.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code)?;
        if !self.message.is_empty() {
            f.write_str(": ")?;
            f.write_str(&self.message)?;
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

struct Cut<'a, const N: usize, L: LenType>(&'a mut String<N, L>);

impl<const N: usize, L: LenType> Write for Cut<'_, N, L> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        push_cut(self.0, text);
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
}
