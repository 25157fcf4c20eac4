//! Where a runtime is, and how bytes get there: what the command line and the inspector have in common.
//!
//! A transport is a variant of [`Target`] and its arm in `dial.rs`; nothing else knows what the bytes go over.
//!
//! ```
//! use link_dial::Target;
//! let target: Target = "tcp:house.example:7700".parse()?;
//! assert_eq!(target.to_string(), "tcp:house.example:7700");
//! # Ok::<(), String>(())
//! ```

mod certificate;
mod dial;
mod endpoint;
mod key;
mod known;
mod line;
mod target;
mod tls;

pub use certificate::{CertificateError, acceptor};
pub use dial::{Line, Reader, Writer, over_tls};
pub use endpoint::{ConnectError, Endpoint, Greeting, KEY_WANTED};
pub use key::{KEY_VARIABLE, key, key_in_file};
pub use known::Known;
pub use target::{SERVICE_SOCKET, Target, service_or};
pub use tls::fingerprint;
