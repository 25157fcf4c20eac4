//! Without the kernel: what comes over the line goes back, and something is done every second.

use embassy_executor::Spawner;
use embassy_time::{Instant, Timer};
use embedded_io_async::{Read, Write};

use super::{buffers, halt, parts};
use crate::uart::{self, Reader, Writer};
use crate::{executor, time};

#[embassy_executor::task]
async fn keep_time() {
    loop {
        sleep_until(time::micros().saturating_add(1_000_000)).await;
    }
}

#[embassy_executor::task]
async fn work(buf: &'static mut [u8]) {
    loop {
        sleep_until(time::micros().saturating_add(1_000_000)).await;
        core::hint::black_box(&mut *buf);
    }
}

#[embassy_executor::task]
async fn operate(mut read: Reader, mut write: Writer, buf: &'static mut [u8]) {
    loop {
        let Ok(count) = read.read(buf).await;
        let Ok(()) = write.write_all(buf.get(..count).unwrap_or(&[])).await;
    }
}

async fn sleep_until(micros: u64) {
    Timer::at(Instant::from_micros(micros)).await;
}

fn spawn(spawner: Spawner, line: (Reader, Writer)) -> Option<()> {
    let buffers = buffers();
    spawner.spawn(keep_time().ok()?);
    spawner.spawn(work(&mut buffers.plugin).ok()?);
    spawner.spawn(operate(line.0, line.1, &mut buffers.reply).ok()?);
    Some(())
}

/// Runs the program.
pub fn run() -> ! {
    let line = uart::start(&mut parts());
    executor::run(|spawner| {
        if spawn(spawner, line).is_none() {
            halt();
        }
    })
}
