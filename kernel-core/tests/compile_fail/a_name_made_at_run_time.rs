//! A name made at run time has to be there while it is used: the compiler says what to write.
use kernel_core::{Context, Error};

async fn later(cx: &Context, room: &str) -> Result<(), Error> {
    let subscribed = cx.subscribe(&format!("lamp.{room}.>"));
    subscribed.await?;
    Ok(())
}

fn main() {}
