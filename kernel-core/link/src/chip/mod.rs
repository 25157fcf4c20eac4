//! A chip's side of a session: one state that is polled, messages read and written field by field without ever being
//! whole, one answer at a time. It knows no storage and no plugins on the other side; see `session` for the
//! runtime's side with everything.

#[cfg_attr(feature = "host", allow(dead_code, reason = "there only tested"))]
pub(crate) mod put;
#[cfg_attr(feature = "host", allow(dead_code, reason = "there only tested"))]
pub(crate) mod take;

#[cfg(not(feature = "host"))]
mod call;
#[cfg(all(feature = "lists", not(feature = "host")))]
mod lists;
#[cfg(all(feature = "manage", not(feature = "host")))]
mod manage;
#[cfg(not(feature = "host"))]
mod outbox;
#[cfg(all(feature = "peer", not(feature = "host")))]
mod peer;
#[cfg(not(feature = "host"))]
mod requests;
#[cfg(not(feature = "host"))]
mod serve;
#[cfg(not(feature = "host"))]
mod session;
#[cfg(all(feature = "watch", not(feature = "host")))]
mod watch;

#[cfg(all(feature = "peer", not(feature = "host")))]
pub use peer::PEER;
#[cfg(not(feature = "host"))]
pub use serve::serve;
