//! Plugins as WebAssembly modules: each life in a sandbox of its own, on a thread of its own, so that one that computes
//! for ever holds up nobody else.
//!
//! ```text
//! lives.rs ── Sandbox::live ── the thread: life.rs ── module.rs  what may be run
//!                                            ├── services.rs     what it says of its services
//!                                            └── imports.rs      what it may ask for
//!                                                  └── ops.rs ── Guard ── the kernel
//! ```

mod imports;
mod life;
mod module;
mod ops;
mod services;

use std::path::PathBuf;
use std::sync::Arc;

use kernel_core::{Context, Error};
use tokio::sync::oneshot;

use crate::gate::Identity;
use crate::guard::Guard;

/// A module, and what it may use.
#[derive(Clone, Debug)]
pub(crate) struct Sandbox {
    pub(crate) module: PathBuf,
    /// What the manifest says that it is.
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) memory_mb: u32,
}

impl Sandbox {
    /// Runs one life, whose first message is that it is to load; the settings are JSON.
    ///
    /// # Errors
    /// Why it ended before it was told to.
    ///
    /// # Cancellation
    /// It goes on until the kernel has ended the life.
    pub(crate) async fn live(
        &self,
        identity: &Arc<Identity>,
        cx: Context,
        settings: String,
    ) -> Result<(), Error> {
        let (say, ended) = oneshot::channel();
        let guard = Guard::new(identity.clone(), Some(settings));
        let sandbox = self.clone();
        let thread = std::thread::Builder::new().name(format!("wasm {}", identity.name));
        let spawned = thread.spawn(move || {
            // Nobody listens any more when the runtime is ending.
            let _ = say.send(life::run(&sandbox, guard, cx.id()));
        });
        spawned.map_err(|cause| Error::new("not_started", &format!("no thread for it: {cause}")))?;
        ended
            .await
            .unwrap_or_else(|_| Err(Error::new("panic", "the interpreter panicked")))
    }
}
