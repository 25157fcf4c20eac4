//! What a value that is not of the wanted type is told by: where it is, and what is wanted there.

use core::cell::Cell;
use core::fmt;

use serde::de::Error;

/// Where a value is not of the type that is wanted, and what is wanted: `rooms[2].celsius: an i8 is wanted`.
///
/// Without the feature `messages`, on a chip, it only says that the value is another one.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Mismatch {
    #[cfg(feature = "messages")]
    path: text::Text<64>,
    #[cfg(feature = "messages")]
    wanted: text::Text<96>,
}

#[cfg(feature = "messages")]
impl Mismatch {
    fn new(wanted: &dyn fmt::Display) -> Self {
        Mismatch {
            path: text::Text::default(),
            wanted: text::Text::of(format_args!("{wanted}")),
        }
    }

    /// The same, seen from the object in which it is below `key`.
    pub(super) fn below(self, key: &Key) -> Self {
        let dot = match self.path.as_str() {
            "" => "",
            path if path.starts_with('[') => "",
            _ => ".",
        };
        let path = text::Text::of(format_args!("{}{dot}{}", key.0.as_str(), self.path.as_str()));
        Mismatch { path, ..self }
    }

    /// The same, seen from the list in which it is at `index`.
    pub(super) fn at(self, index: usize) -> Self {
        let dot = match self.path.as_str().starts_with(|first| first != '[') {
            true => ".",
            false => "",
        };
        let path = text::Text::of(format_args!("[{index}]{dot}{}", self.path.as_str()));
        Mismatch { path, ..self }
    }
}

#[cfg(not(feature = "messages"))]
impl Mismatch {
    fn new(_: &dyn fmt::Display) -> Self {
        Mismatch {}
    }

    pub(super) fn below(self, _: &Key) -> Self {
        self
    }

    pub(super) fn at(self, _: usize) -> Self {
        self
    }
}

impl fmt::Display for Mismatch {
    #[cfg(feature = "messages")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.path.as_str())?;
        if !self.path.as_str().is_empty() {
            f.write_str(": ")?;
        }
        f.write_str(self.wanted.as_str())
    }

    #[cfg(not(feature = "messages"))]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("another one is wanted")
    }
}

impl core::error::Error for Mismatch {}

impl Error for Mismatch {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Mismatch::new(&message)
    }
}

/// The name of an object's field.
#[derive(Clone, Default)]
pub(super) struct Key(#[cfg(feature = "messages")] text::Text<32>);

/// Carries a mismatch, and the field that was read last, past serde-json-core, whose errors have no text.
#[derive(Default)]
pub(super) struct Note {
    mismatch: Cell<Option<Mismatch>>,
    key: Cell<Key>,
}

impl Note {
    /// A result on its way out, into serde-json-core.
    pub(super) fn keep<T, E: Error>(&self, result: Result<T, Mismatch>) -> Result<T, E> {
        result.map_err(|mismatch| {
            self.mismatch.set(Some(mismatch));
            E::custom("")
        })
    }

    /// A result that comes out of serde-json-core: the mismatch that went in, or its own, of a value that is not
    /// what is `wanted`.
    pub(super) fn restore<T, E>(&self, result: Result<T, E>, wanted: &'static str) -> Result<T, Mismatch> {
        result.map_err(|_| {
            let kept = self.mismatch.take();
            kept.unwrap_or_else(|| Mismatch::new(&wanted))
        })
    }

    #[cfg(feature = "messages")]
    pub(super) fn read_key(&self, key: &str) {
        self.key.set(Key(text::Text::of(format_args!("{key}"))));
    }

    #[cfg(not(feature = "messages"))]
    pub(super) fn read_key(&self, _: &str) {}

    /// The field whose value comes next.
    pub(super) fn take_key(&self) -> Key {
        self.key.take()
    }
}

#[cfg(feature = "messages")]
mod text {
    use core::fmt::{self, Write};

    use crate::error::cut;

    /// A short text; a longer one is cut at a character.
    #[derive(Clone, Default, PartialEq, Eq, Debug)]
    pub(super) struct Text<const N: usize>(heapless::String<N>);

    impl<const N: usize> Text<N> {
        pub(super) fn of(text: fmt::Arguments<'_>) -> Self {
            let mut to = Text::default();
            // It never refuses, and a Display that fails leaves the text written so far.
            let _ = to.write_fmt(text);
            to
        }

        pub(super) fn as_str(&self) -> &str {
            &self.0
        }
    }

    impl<const N: usize> Write for Text<N> {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            let room = N.saturating_sub(self.0.len());
            // What is cut fits.
            let _ = self.0.push_str(cut(text, room));
            Ok(())
        }
    }
}
