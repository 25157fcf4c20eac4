//! A plugin on the board that belongs to the kernel at the other end of the serial line.

#![no_std]
#![no_main]

use core::time::Duration;

use embassy_executor::Spawner;
use embassy_time::Timer;
use example::Example;
use kernel_core::{Plugin, drive};
use kernel_link::{Framing, Remote, RemotePlugin};
use mcu::uart::{Reader, Writer};
use mcu::{board, executor, time, uart};

/// The longest call, event or value, with its names.
const MESSAGE: usize = 256;

static REMOTE: Remote<2, MESSAGE> = Remote::new(time::now);

#[embassy_executor::task]
async fn run_example() {
    let mut buf = [0; 2 * MESSAGE];
    loop {
        drive(&mut Example::default(), REMOTE.context(), &mut buf).await;
    }
}

/// Attaches to whoever is at the other end, and again when nothing is heard of them any more.
#[embassy_executor::task]
async fn run_link(mut read: Reader, mut write: Writer) {
    let what = RemotePlugin::new(&Example::METADATA);
    let mut memory = [0; 2 * (MESSAGE + 32)];
    loop {
        REMOTE
            .run(&what, Framing::Serial, &mut read, &mut write, sleep, &mut memory)
            .await;
        sleep(Duration::from_millis(100)).await;
    }
}

fn sleep(span: Duration) -> Timer {
    Timer::after_millis(span.as_millis() as u64)
}

fn spawn(spawner: Spawner) -> Option<()> {
    let (read, write) = uart::start(&mut board::take()?);
    spawner.spawn(run_example().ok()?);
    spawner.spawn(run_link(read, write).ok()?);
    Some(())
}

#[cortex_m_rt::entry]
fn main() -> ! {
    executor::run(|spawner| assert!(spawn(spawner).is_some()))
}
