//! What the runtime's operations cost on this machine, beside others that do such things.
//!
//! `docs/performance.md` tells the method; each file here is one comparison. [`SECTIONS`] lists them.

use std::fmt::Write;

mod call;
mod call_threads;
mod executor;
mod filters;
mod harness;
mod hosted;
mod idle;
mod link_broadcast;
mod link_calls;
mod link_events;
mod lookup;
mod pinned;
mod process;
mod publish;
mod report;
mod shuffle;
mod sizes;
mod start;
mod state;
mod stats;
mod storage;
mod wasm;
mod world;

pub use harness::Settings;
pub use report::{Row, table};

// The lock of embassy's channels on a host.
use critical_section as _;

/// The machine in one line.
pub fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let info = read("/proc/cpuinfo");
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "{processors} processors ({}), {} {}",
        model.map_or("unknown", |(_, model)| model.trim()),
        std::env::consts::OS,
        read("/proc/sys/kernel/osrelease").trim()
    )
}

/// A part of the benchmark that can be run alone.
#[derive(Clone, Copy)]
pub struct Section {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it measures.
    pub about: &'static str,
    run: fn(&Settings) -> Result<Vec<Row>, String>,
}

impl Section {
    /// Measures.
    ///
    /// # Errors
    /// When something of it did not do its work; the section is named.
    pub fn run(&self, settings: &Settings) -> Result<Vec<Row>, String> {
        (self.run)(settings).map_err(|why| format!("{}: {why}", self.name))
    }
}

/// All of them, in the order in which they are run.
pub const SECTIONS: &[Section] = &[
    Section {
        name: "publish",
        about: "an event to 1 and 10 plugins on one thread",
        run: publish::run,
    },
    Section {
        name: "filters",
        about: "an event beside filters of others that do not match",
        run: filters::run,
    },
    Section {
        name: "call",
        about: "a call and its reply on one thread",
        run: call::run,
    },
    Section {
        name: "call-threads",
        about: "a call to a plugin on a thread of its own",
        run: call_threads::run,
    },
    Section {
        name: "lookup",
        about: "finding a service by its name",
        run: lookup::run,
    },
    Section {
        name: "state",
        about: "setting and getting coordination state",
        run: state::run,
    },
    Section {
        name: "storage-set",
        about: "durable writes of one client",
        run: storage::set,
    },
    Section {
        name: "storage-many",
        about: "durable writes of 64 clients at once",
        run: storage::set_by_many,
    },
    Section {
        name: "storage-get",
        about: "reads of what was read before",
        run: storage::get,
    },
    Section {
        name: "link-events",
        about: "events over the Unix socket",
        run: link_events::run,
    },
    Section {
        name: "link-calls",
        about: "calls over the Unix socket",
        run: link_calls::run,
    },
    Section {
        name: "process-calls",
        about: "a call of a plugin in a process",
        run: process::calls,
    },
    Section {
        name: "process-events",
        about: "an event to a plugin in a process",
        run: process::events,
    },
    Section {
        name: "process-idle",
        about: "plugins in processes that have nothing to do",
        run: process::idle,
    },
    Section {
        name: "wasm",
        about: "a call to a plugin in a sandbox",
        run: wasm::run,
    },
    Section {
        name: "start",
        about: "the program's start and its memory",
        run: start::run,
    },
    Section {
        name: "by-plugins",
        about: "an event, by the number of plugins",
        run: sizes::plugins,
    },
    Section {
        name: "by-filters",
        about: "an event, by the number of filters that do not match",
        run: filters::table,
    },
    Section {
        name: "by-topics",
        about: "an event, by the number of topics published to in turn",
        run: filters::by_topics,
    },
    Section {
        name: "by-services",
        about: "a lookup, by the number of services",
        run: lookup::table,
    },
    Section {
        name: "by-state",
        about: "a state value, by the number of keys",
        run: state::table,
    },
    Section {
        name: "by-rows",
        about: "a stored value, by the number of rows",
        run: storage::table,
    },
    Section {
        name: "by-payload",
        about: "an event, by the size of its payload",
        run: sizes::payload,
    },
    Section {
        name: "by-calls",
        about: "a call, by the number in flight",
        run: call::in_flight,
    },
    Section {
        name: "by-threads",
        about: "an event, by the number of threads that publish",
        run: sizes::threads,
    },
];

/// The section of this name.
///
/// # Errors
/// Names those there are.
pub fn section(name: &str) -> Result<Section, String> {
    let found = SECTIONS.iter().find(|section| section.name == name);
    found.copied().ok_or_else(|| {
        let mut message = format!("no section {name:?}; there are:");
        for section in SECTIONS {
            // Writing to a string cannot fail.
            let _ = write!(message, " {}", section.name);
        }
        message
    })
}
