//! JSON as the kernel sees it: bytes checked once, then moved.
//!
//! [`Json`] is a borrowed text known to be valid; [`Writer`] builds one in a buffer; [`to_json`],
//! [`Json::decode`] and [`Json::str_value`] are the thin typed layer, which costs flash only where
//! it is used. Nothing here allocates, recurses over the text while checking it, or panics.
//!
//! ```
//! use kernel_core::json::{Json, Writer, to_json};
//!
//! // By hand, the smallest way.
//! let mut buf = [0; 64];
//! let mut writer = Writer::new(&mut buf);
//! writer.begin_object().key("on").bool(true).key("level").u64(80).end_object();
//! let light = writer.finish().ok_or("the buffer is too small")?;
//! assert_eq!(light.as_str(), r#"{"on":true,"level":80}"#);
//!
//! // With serde, by serde-json-core.
//! let mut scratch = [0; 64];
//! let pair: (bool, u8) = Json::parse("[true, 80]")?.decode(&mut scratch)?;
//! let mut buf = [0; 64];
//! assert_eq!(to_json(&pair, &mut buf)?.as_bytes(), b"[true,80]");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod check;
mod decode;
mod encode;
mod escape;
mod guard;
mod mismatch;
mod read;
mod writer;

pub(crate) use check::check;
pub use check::{JsonError, JsonFault};
pub use decode::DecodeError;
pub use encode::{EncodeError, to_json};
pub use mismatch::Mismatch;
pub use read::{Items, Members};
pub use writer::Writer;

use core::fmt;

/// The deepest nesting of objects and arrays that [`Json`] accepts.
///
/// So a recursive reader of a [`Json`] needs a bounded stack.
pub const MAX_DEPTH: u32 = u32::BITS;

/// Borrowed bytes known to be one valid JSON text.
///
/// The text follows RFC 8259, with white space around it allowed. Beyond that its strings are
/// valid UTF-8, their `\u` escapes hold no lone surrogate, so every reader can decode them, and it
/// nests at most [`MAX_DEPTH`] deep. Numbers are checked for grammar, not for range; names in an
/// object may repeat. Equality compares bytes, so `[1]` differs from `[ 1 ]`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Json<'a>(&'a [u8]);

// `is_empty` would be false always.
#[expect(clippy::len_without_is_empty)]
impl<'a> Json<'a> {
    /// The text `null`.
    pub const NULL: Json<'static> = Json(b"null");

    /// Checks that `bytes` are one JSON text, in a single pass.
    ///
    /// # Errors
    ///
    /// The first fault and where it is, see [`JsonError`].
    ///
    /// ```
    /// use kernel_core::json::{Json, JsonFault};
    ///
    /// assert!(Json::new(b"[1, 2.5e3, null]").is_ok());
    /// let error = Json::new(b"[1, x]").unwrap_err();
    /// assert_eq!((error.fault(), error.offset()), (JsonFault::Unexpected, 4));
    /// ```
    pub const fn new(bytes: &'a [u8]) -> Result<Json<'a>, JsonError> {
        match check(bytes) {
            Ok(()) => Ok(Json(bytes)),
            Err(error) => Err(error),
        }
    }

    /// Checks that `text` is one JSON text; [`Json::new`] for a `&str`.
    ///
    /// For a literal, [`json_literal!`](crate::json_literal) does it while compiling.
    ///
    /// # Errors
    ///
    /// As [`Json::new`].
    pub const fn parse(text: &'a str) -> Result<Json<'a>, JsonError> {
        Json::new(text.as_bytes())
    }

    /// Takes bytes that were checked before, unchecked.
    ///
    /// With others nothing panics, but readers report errors or read nonsense.
    pub(crate) const fn trusted(bytes: &'a [u8]) -> Json<'a> {
        Json(bytes)
    }

    /// The bytes of the text.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The text.
    ///
    /// Each call checks again that it is UTF-8, which takes time in proportion to its length.
    pub fn as_str(self) -> &'a str {
        core::str::from_utf8(self.0).unwrap_or_default()
    }

    /// The number of bytes, at least one.
    pub const fn len(self) -> usize {
        self.0.len()
    }
}

impl fmt::Debug for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Json({})", self.as_str())
    }
}

impl fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A [`Json`](crate::json::Json) from a literal, checked while compiling.
///
/// A literal that is not JSON does not compile; nothing is left to run.
///
/// ```
/// use kernel_core::json::Json;
/// use kernel_core::json_literal;
///
/// const OFF: Json<'static> = json_literal!(r#"{"on": false}"#);
/// assert_eq!(OFF.len(), 13);
/// ```
///
/// ```compile_fail
/// let json = kernel_core::json_literal!("{on: false}");
/// ```
#[macro_export]
macro_rules! json_literal {
    ($text:expr) => {
        const {
            match $crate::json::Json::parse($text) {
                Ok(json) => json,
                Err(_) => panic!("not JSON"),
            }
        }
    };
}
