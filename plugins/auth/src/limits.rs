//! How long and how many things from outside may be.

use kernel_core::Error;

use crate::text;

/// Bytes of a page of a list, beyond which it ends.
pub(crate) const PAGE_BYTES: usize = 32 * 1024;
/// The most keys or entries on a page.
pub(crate) const PAGE: usize = 100;
/// The most bytes of a name that somebody passes.
const MAX_NAME: usize = 255;

pub(crate) fn check_name(argument: &str, name: &str) -> Result<(), Error> {
    match name.len() <= MAX_NAME {
        true => Ok(()),
        false => Err(Error::format(
            "invalid_argument",
            format_args!("{argument} {}: {MAX_NAME} bytes at most", text::brief(name)),
        )),
    }
}

pub(crate) fn check_page(limit: usize) -> Result<(), Error> {
    match (1..=PAGE).contains(&limit) {
        true => Ok(()),
        false => Err(Error::format(
            "invalid_argument",
            format_args!("limit {limit}: 1 to {PAGE} is wanted"),
        )),
    }
}

/// There were too many attempts.
pub(crate) fn busy() -> Error {
    Error::new("busy", "too many attempts: try again in a minute")
}
