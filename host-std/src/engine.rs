//! Storage engines: whatever the storage's thread can work with, and which of them a configuration may name.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use kernel_core::storage::{Storage, StorageRequest};
use kernel_core::{CoreRuntime, Fault};

use crate::faults::Faults;

/// A storage engine that a configuration names by the scheme of a URL: `[runtime] storage = "scheme://…"`. Without one
/// the storage is SQLite, in the file of `RUNTIME_DB_PATH`.
///
/// What it answers with an error of the code `storage_failed` or `storage_full`, or of one that begins with `storage_`,
/// is told in the log and in the runtime's state as long as it is so.
#[derive(Clone)]
pub struct StorageEngine {
    scheme: &'static str,
    open: Arc<Open>,
}

type Open = dyn Fn(&str, CoreRuntime) -> Result<Box<dyn Engine>, String> + Send + Sync;

impl StorageEngine {
    /// The engine of URLs with this scheme. `open` gets the whole URL and the runtime whose storage it will be; it may
    /// block, and says in its error what is wrong and what to do. A secret has no place in a URL.
    pub fn of<S: Storage + Send + 'static>(
        scheme: &'static str,
        open: impl Fn(&str, CoreRuntime) -> Result<S, String> + Send + Sync + 'static,
    ) -> Self {
        StorageEngine {
            scheme,
            open: Arc::new(move |url, runtime| {
                let faults = Faults::of(runtime);
                Ok(Box::new(Told {
                    storage: open(url, runtime)?,
                    faults,
                }))
            }),
        }
    }

    pub(crate) const fn scheme(&self) -> &'static str {
        self.scheme
    }

    pub(crate) fn open(&self, url: &str, runtime: CoreRuntime) -> Result<Box<dyn Engine>, String> {
        (self.open)(url, runtime)
    }
}

impl fmt::Debug for StorageEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StorageEngine")
            .field("scheme", &self.scheme)
            .finish_non_exhaustive()
    }
}

/// What came of closing or undoing; the text says what went wrong.
pub(crate) type Closed = Result<(), String>;

/// The future of [`Engine::apply`].
pub(crate) type Applied<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// A [`Storage`] whose type is not known.
pub(crate) trait Engine: Send {
    /// See [`Storage::apply`].
    fn apply<'a>(&'a mut self, group: &'a mut [StorageRequest<'_>]) -> Applied<'a>;

    /// Forgets a group that was left open, after a panic: nothing of it was acknowledged.
    fn abandon_group(&mut self) -> Closed {
        Ok(())
    }

    /// Closes it; what was acknowledged is durable in each case.
    fn close(self: Box<Self>) -> Closed {
        Ok(())
    }
}

/// The engine that was opened, as the storage's plugin serves it.
pub(crate) struct Opened(pub(crate) Box<dyn Engine>);

impl Storage for Opened {
    const GROUP: usize = 128;

    async fn apply(&mut self, group: &mut [StorageRequest<'_>]) {
        self.0.apply(group).await;
    }
}

/// A storage whose faults are told.
struct Told<S> {
    storage: S,
    faults: Faults,
}

impl<S: Storage + Send> Engine for Told<S> {
    fn apply<'a>(&'a mut self, group: &'a mut [StorageRequest<'_>]) -> Applied<'a> {
        Box::pin(async move {
            // As many together as it takes.
            for part in group.chunks_mut(S::GROUP.max(1)) {
                self.storage.apply(part).await;
                for request in part.iter() {
                    if let Err(error) = &request.result
                        && (error.code() == Fault::Storage.code() || error.code().starts_with("storage_"))
                    {
                        self.faults.meet(request.op, error.message());
                    }
                }
                self.faults.tell(part);
            }
        })
    }
}
