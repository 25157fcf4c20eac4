//! What the kernel's operations cost, in instructions, beside embassy-sync's `PubSubChannel`.
//!
//! To be run by an emulator whose virtual time is its count of instructions: two runs then give the
//! same numbers. No executor and no interrupt takes part; every future is polled by hand, and ready
//! at once where it should be.

#![no_std]
#![no_main]

mod channel;
mod count;
mod kernel;

use cortex_m_rt::entry;
use cortex_m_semihosting::hprintln;
use mcu::check;

/// The topic of all events, and the filter they match.
const TOPIC: &str = "sensor.hall.temperature";
const FILTER: &str = "sensor.*.temperature";
/// 64 bytes of JSON.
const PAYLOAD: &str = r#""...................64 bytes with the quotes...................""#;
/// Receivers, in the measurements with more than one.
const RECEIVERS: usize = 4;

/// What was measured: instructions.
struct Report {
    name: &'static str,
    kernel: u32,
    /// The same work by a `PubSubChannel`, where it can do it.
    channel: Option<u32>,
    /// What the kernel may cost.
    budget: Option<u32>,
}

impl Report {
    /// One JSON object a line.
    fn print(&self) {
        let Report { name, kernel, .. } = self;
        hprintln!(
            r#"{{"name":"{}","kernel":{},"pubsub":{},"budget":{}}}"#,
            name,
            kernel,
            OrNull(self.channel),
            OrNull(self.budget)
        );
    }
}

struct OrNull(Option<u32>);

impl core::fmt::Display for OrNull {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.0 {
            Some(number) => number.fmt(f),
            None => f.write_str("null"),
        }
    }
}

#[entry]
fn main() -> ! {
    const { assert!(PAYLOAD.len() == 64) };
    let channel = channel::measure();
    let kernel = kernel::measure();
    let reports = [
        (
            "publish and one receive",
            kernel.one,
            Some(channel.one),
            Some(1200),
        ),
        (
            "the same by try_publish",
            kernel.one_try,
            Some(channel.one_try),
            None,
        ),
        (
            "each further receiver",
            kernel.further,
            Some(channel.further),
            None,
        ),
        (
            "publish to each further receiver",
            kernel.fan_out,
            Some(channel.fan_out),
            Some(44),
        ),
        ("call round trip", kernel.call, None, Some(1650)),
        ("state set", kernel.set, None, Some(1300)),
        ("state get", kernel.get, None, None),
    ];
    for (name, kernel, channel, budget) in reports {
        Report {
            name,
            kernel,
            channel,
            budget,
        }
        .print();
    }
    check::pass();
}
