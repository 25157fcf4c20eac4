//! What users see: contexts, plugins, and the loop that drives them.

mod ask;
#[cfg(feature = "large")]
mod attach;
mod bus;
mod context;
mod drive;
mod lists;
mod mailbox;
mod manager;
mod overview;
mod plugin;
mod runtime;
mod serve;
mod services;
mod state;
mod storage;
mod tap;

pub use ask::{Ask, CallError, Calling};
#[cfg(feature = "large")]
pub use attach::{AttachedPlugin, Attachment};
pub use bus::{EventBus, PUBLISH_TIMEOUT};
pub use context::Context;
pub use drive::{Exit, drive};
pub use lists::{CallInfo, OpenCall, PluginInfo, ServiceInfo, SubscriptionInfo};
pub use mailbox::{Event, Mailbox, Message, Replied, Reply, Request};
pub use manager::{Installed, Leading, PluginManager};

pub use overview::{Changes, Overview};
pub use plugin::{LocalPlugin, Plugin};
pub use runtime::{CoreRuntime, Health, Metrics, STATUS, STORAGE_FAULT, Status};
pub use serve::{STORAGE_METADATA, corrupt, serve};
pub use services::ServiceRegistry;
pub use state::{StateEngine, StateEntry};
pub use storage::{Namespace, StorageApi};
pub use tap::{Tap, TapRecord, Tapped};
