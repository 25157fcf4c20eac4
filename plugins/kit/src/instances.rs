//! The names of a plugin that is there several times.

use kernel_core::subject::MAX_SUBJECT;
use kernel_core::{Error, Fault};

/// A name below the one that a plugin is installed under, in `buf`.
///
/// # Errors
/// `too_large` when it has no room there.
///
/// ```
/// use plugin_kit::below;
///
/// assert_eq!(below("heating_2", ".set", &mut [0; 128])?, "heating_2.set");
/// # Ok::<(), plugin_kit::kernel_core::Error>(())
/// ```
pub fn below<'b>(own: &str, name: &str, buf: &'b mut [u8]) -> Result<&'b str, Error> {
    let whole = own.len() + name.len();
    let max = buf.len().min(MAX_SUBJECT) as u32;
    let to = buf.get_mut(..whole).ok_or(Fault::TooLarge { max })?;
    to[..own.len()].copy_from_slice(own.as_bytes());
    to[own.len()..].copy_from_slice(name.as_bytes());
    core::str::from_utf8(to).map_err(|_| Error::invalid_argument("a name is text"))
}
