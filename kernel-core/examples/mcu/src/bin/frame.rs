//! The frame of a firmware, as the README shows it.

#![no_std]
#![no_main]

// README: from here
use embassy_executor::Spawner;
use example::Example;
use kernel_core::{Capacities, CoreRuntime, Installed, Kernel, Plugin, drive, kernel, serve};
use kernel_flash::FlashStorage;
use kernel_link::{Config, Framing};
use mcu::flash::{self, Flash};
use mcu::uart::{Reader, Writer};
use mcu::{board, executor, time, uart};

/// The longest call, reply, event and stored value, and the longest name of one, in bytes.
const BYTES: usize = 96;
const NAME: usize = 32;

kernel! {
    /// All the memory that the kernel ever uses.
    static KERNEL = Capacities { call_bytes: BYTES, log_bytes: 1024, ..Capacities::TINY };
}

#[embassy_executor::task]
async fn run_timers(kernel: Kernel) {
    kernel.run_timers(time::sleep_until).await;
}

#[embassy_executor::task]
async fn run_storage(installed: Installed, flash: Flash) {
    // Survives a power cut at any moment.
    let Ok(mut storage) = FlashStorage::open(flash, flash::RANGE) else {
        return;
    };
    let mut buf = [0; 2 * (BYTES + NAME)];
    loop {
        serve::<_, 1>(installed, &mut storage, &mut buf).await;
    }
}

#[embassy_executor::task]
async fn run_example(installed: Installed) {
    let mut buf = [0; 2 * (BYTES + NAME)];
    loop {
        drive(&mut Example::default(), installed.context(), &mut buf).await;
    }
}

#[embassy_executor::task]
async fn run_link(kernel: Kernel, mut read: Reader, mut write: Writer) {
    let config = Config::new("my board", Framing::Serial);
    let mut memory = [0; 3 * (BYTES + NAME + 128)];
    loop {
        kernel_link::serve(kernel, &config, &mut read, &mut write, &mut memory).await;
    }
}

#[embassy_executor::task]
async fn start(runtime: CoreRuntime) {
    for plugin in ["storage", "example"] {
        // One that fails is FAILED, with its error, for whoever looks in over the link.
        let _ = runtime.plugins().start(plugin).await;
    }
}

/// `None` when there is no room for something.
fn spawn(spawner: Spawner) -> Option<()> {
    let mut board = board::take()?;
    let kernel = KERNEL.init(time::now)?;
    let runtime = CoreRuntime::new(kernel);
    let storage = runtime.plugins().install_storage().ok()?;
    let example = runtime.plugins().install(&Example::METADATA).ok()?;
    let (read, write) = uart::start(&mut board);
    let flash = flash::start(&mut board);
    spawner.spawn(run_timers(kernel).ok()?);
    spawner.spawn(run_storage(storage, flash).ok()?);
    spawner.spawn(run_example(example).ok()?);
    spawner.spawn(run_link(kernel, read, write).ok()?);
    spawner.spawn(start(runtime).ok()?);
    Some(())
}

#[cortex_m_rt::entry]
fn main() -> ! {
    executor::run(|spawner| assert!(spawn(spawner).is_some()))
}
