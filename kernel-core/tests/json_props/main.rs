//! JSON against `serde_json`, on texts that are JSON, nearly JSON, or nothing like it.
//!
//! Where the two differ on purpose: the kernel stops at 32 levels, and does not look at the range
//! of a number.

mod checking;
mod reading;
mod refused;
mod texts;
#[cfg(feature = "messages")]
mod told;
mod typed;
mod writing;
