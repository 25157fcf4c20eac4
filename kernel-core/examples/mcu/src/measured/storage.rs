//! What a firmware adds for a storage in flash: its task and buffer, and a plugin that uses it.

use kernel_core::{Context, Error, Installed, json_literal, serve};
use kernel_flash::FlashStorage;
use static_cell::ConstStaticCell;

use crate::flash::{Flash, RANGE};

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
pub(super) async fn run(installed: Installed, flash: Flash) {
    static BUF: ConstStaticCell<[u8; 144]> = ConstStaticCell::new([0; 144]);
    let Ok(mut storage) = FlashStorage::open(flash, RANGE) else {
        return;
    };
    let buf = BUF.take();
    loop {
        serve::<_, 1>(installed, &mut storage, buf).await;
    }
}
