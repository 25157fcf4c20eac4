//! Without the kernel: what comes over the line goes back, and a byte is sent every second.

use embassy_executor::Spawner;
use embedded_io_async::{Read, Write};

use super::{Buffers, buffers, halt, parts, sleep_until};
use crate::uart::{self, Reader, Writer};
use crate::{executor, time};

#[embassy_executor::task]
async fn echo(mut read: Reader, mut write: Writer, buffers: &'static mut Buffers) {
    loop {
        for buf in [
            &mut buffers.plugin[..],
            &mut buffers.storage[..],
            &mut buffers.reply[..],
        ] {
            let Ok(count) = read.read(buf).await;
            let Ok(()) = write.write_all(buf.get(..count).unwrap_or(&[])).await;
        }
    }
}

#[embassy_executor::task]
async fn beat() {
    loop {
        sleep_until(time::micros().saturating_add(1_000_000)).await;
    }
}

/// Runs the program.
pub fn run() -> ! {
    let (read, write) = uart::start(&mut parts());
    executor::run(|spawner: Spawner| {
        let (Ok(echo), Ok(beat)) = (echo(read, write, buffers()), beat()) else {
            halt();
        };
        spawner.spawn(echo);
        spawner.spawn(beat);
    })
}
