//! Where a runtime is, the way there, a session, and what the runtime lists: what the command line, the inspector and
//! gateways have in common.
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
mod items;
mod key;
mod known;
mod line;
mod target;
mod tls;

pub use certificate::{CertificateError, acceptor};
pub use dial::{Line, Reader, Writer, over_tls};
pub use endpoint::{ConnectError, Endpoint, Greeting, KEY_WANTED};
pub use items::{
    Call, Cause, Listed, Names, Plugin, PluginCounters, PluginDocument, Service, State, StateDocument,
    Subscription, Texts, code_and_message, names_of,
};
pub use key::{KEY_VARIABLE, key, key_in_file};
pub use known::Known;
pub use target::{SERVICE_SOCKET, Target, service_or};
pub use tls::fingerprint;
