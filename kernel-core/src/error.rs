//! The error a plugin's hook or service answers with.

use core::fmt;

/// The longest error code, in bytes.
pub const MAX_CODE: usize = 24;
/// The longest error message, in bytes; a longer one is cut at a character.
pub const MAX_MESSAGE: usize = 160;

/// The code of the error that says that a plugin's settings are wrong: see
/// [`Context::decode_settings`](../struct.Context.html#method.decode_settings). A supervisor does not start it again,
/// for that would be of no use.
#[cfg(feature = "large")]
pub const INVALID_SETTINGS: &str = "invalid_settings";

pub(crate) const INVALID_ARGUMENT: &str = "invalid_argument";

/// What went wrong in a plugin: a stable code for programs and a message for people.
///
/// A service answers its caller with it, and a lifecycle hook that returns it leaves the plugin
/// FAILED with the error kept. Without the feature `messages`, on a chip, both are texts of the program, and there
/// is no formatting.
///
/// ```
/// use kernel_core::Error;
/// let error = Error::new("no_such_room", "the room is not known: see rooms.list");
/// assert_eq!(error.code(), "no_such_room");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    #[cfg(feature = "messages")]
    text: owned::Text,
    #[cfg(not(feature = "messages"))]
    text: [&'static str; 2],
}

impl Error {
    /// `invalid_argument`: the caller sent something the service does not take. As the answer to a call it is the
    /// caller's error: neither the service nor its plugin counts it.
    pub fn invalid_argument(message: &'static str) -> Self {
        Error::new(INVALID_ARGUMENT, message)
    }

    /// True for `invalid_argument`: as the answer to a call, its caller's own mistake.
    pub fn is_by_caller(&self) -> bool {
        self.code() == INVALID_ARGUMENT
    }
}

#[cfg(not(feature = "messages"))]
impl Error {
    /// An error from its code and message.
    pub const fn new(code: &'static str, message: &'static str) -> Self {
        Error {
            text: [code, message],
        }
    }

    /// The error that a callee answered with: its text cannot be kept here.
    pub(crate) fn from_callee(_: &str, _: &str) -> Self {
        Error::new("failed", "")
    }

    /// The stable code, a word such as `invalid_argument`.
    pub const fn code(&self) -> &str {
        self.text[0]
    }

    /// The message for people.
    pub const fn message(&self) -> &str {
        self.text[1]
    }
}

#[cfg(feature = "messages")]
impl Error {
    /// An error from its code (cut at [`MAX_CODE`]) and message (cut at [`MAX_MESSAGE`]).
    pub fn new(code: &str, message: &str) -> Self {
        let mut text = owned::Text::new(code);
        text.push_message(message);
        Error { text }
    }

    /// An error whose message is formatted. (With the feature `messages` only.)
    pub fn format(code: &str, message: fmt::Arguments<'_>) -> Self {
        let mut text = owned::Text::new(code);
        // It never refuses, and a Display that fails leaves the text written so far.
        let _ = fmt::Write::write_fmt(&mut text, message);
        Error { text }
    }

    /// The error that a callee answered with.
    pub(crate) fn from_callee(code: &str, message: &str) -> Self {
        Error::new(code, message)
    }

    /// The stable code, a word such as `invalid_argument`.
    pub fn code(&self) -> &str {
        self.text.code()
    }

    /// The message for people.
    pub fn message(&self) -> &str {
        self.text.message()
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

/// The texts of an error, copied.
#[cfg(feature = "messages")]
mod owned {
    use super::{MAX_CODE, MAX_MESSAGE, cut};

    #[derive(Clone, PartialEq, Eq)]
    pub(super) struct Text {
        /// Bytes of the code, and of code and message together.
        code: u8,
        len: u8,
        text: [u8; MAX_CODE + MAX_MESSAGE],
    }

    impl Text {
        pub(super) fn new(code: &str) -> Self {
            let mut error = Text {
                code: 0,
                len: 0,
                text: [0; MAX_CODE + MAX_MESSAGE],
            };
            error.push(code, MAX_CODE);
            error.code = error.len;
            error
        }

        pub(super) fn code(&self) -> &str {
            self.part(0, self.code)
        }

        pub(super) fn message(&self) -> &str {
            self.part(self.code, self.len)
        }

        fn part(&self, from: u8, to: u8) -> &str {
            let bytes = self.text.get(from as usize..to as usize).unwrap_or(&[]);
            core::str::from_utf8(bytes).unwrap_or("")
        }

        pub(super) fn push_message(&mut self, text: &str) {
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

    impl core::fmt::Write for Text {
        fn write_str(&mut self, text: &str) -> core::fmt::Result {
            self.push_message(text);
            Ok(())
        }
    }
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

#[cfg(all(test, feature = "messages"))]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_is_cut_at_a_character() {
        let long = "я".repeat(200);
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
