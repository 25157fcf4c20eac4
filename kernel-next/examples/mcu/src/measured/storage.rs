//! What a firmware adds for a storage: the task, its buffer, and a plugin that uses it.

use kernel_core::storage::MemoryStorage;
use kernel_core::{Context, Error, Kernel, json_literal};

/// Reads a value, and stores it when it is not there.
pub(super) async fn use_it(cx: &Context) -> Result<(), Error> {
    let mut buf = [0; 8];
    let storage = cx.storage("app");
    if storage.get("on", &mut buf).await?.is_none() {
        storage.set("on", json_literal!("1")).await?;
    }
    Ok(())
}

#[embassy_executor::task]
pub(super) async fn run(kernel: Kernel) {
    let mut storage = MemoryStorage::<1, 8, 8>::new();
    let mut buf = [0; 128];
    kernel_core::storage::serve(kernel, &mut storage, &mut buf).await;
}
