//! The services: names, and who answers.

use crate::fault::{Capacity, Fault};
use crate::id::PluginId;
use crate::mem::{Link, Names, Slot, Table, Text, Usage, name_hash};
#[cfg(feature = "large")]
use crate::subject::keep_all;
use crate::subject::{Name, check_topic};

/// A service that a plugin offers. Its name is formed like a topic.
///
/// ```
/// use kernel_core::{Service, name};
/// let service = Service::new(name!("lamp.set")).describe("Switches a lamp").version("2");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Service<'n> {
    pub(crate) name: Name<'n>,
    pub(crate) description: Name<'n>,
    pub(crate) version: Name<'n>,
    pub(crate) deprecated: bool,
    pub(crate) yields: bool,
}

impl<'n> Service<'n> {
    /// A service of this name.
    pub fn new(name: impl Into<Name<'n>>) -> Self {
        Service {
            name: name.into(),
            description: Name::Fixed(""),
            version: Name::Fixed(""),
            deprecated: false,
            yields: false,
        }
    }

    /// With one sentence for people. (A kernel without the feature `large` does not keep it.)
    pub fn describe(mut self, description: impl Into<Name<'n>>) -> Self {
        self.description = description.into();
        self
    }

    /// With a version. (A kernel without the feature `large` does not keep it.)
    pub fn version(mut self, version: impl Into<Name<'n>>) -> Self {
        self.version = version.into();
        self
    }

    /// Its name, description and version, for whoever passes it on.
    pub const fn texts(&self) -> [&'n str; 3] {
        [
            self.name.as_str(),
            self.description.as_str(),
            self.version.as_str(),
        ]
    }

    /// True when callers should look for another one.
    pub const fn is_deprecated(&self) -> bool {
        self.deprecated
    }

    /// Says that callers should look for another one. (A kernel without the feature `large` does not keep it.)
    pub fn deprecated(mut self) -> Self {
        self.deprecated = true;
        self
    }

    /// Says that it gives way: any other plugin may register this name, and has it then. (A kernel without the feature
    /// `large` does not keep it.)
    pub fn yielding(mut self) -> Self {
        self.yields = true;
        self
    }
}

/// Buckets of a latency histogram: below 16 us, then each four times wider than the one before.
pub const LATENCY_BUCKETS: usize = 8;

/// What is counted of a service.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct ServiceCounters {
    /// Calls that ended.
    pub calls: u32,
    /// Those that ended without a reply, other than by the caller's own mistake (code `invalid_argument`).
    pub errors: u32,
    /// Microseconds spent in the handler, all together. (Zero without the feature `large`.)
    pub busy_micros: u64,
    /// Microseconds of the slowest one.
    pub worst_micros: u32,
}

/// A registered service: opaque memory of a kernel.
#[derive(Debug)]
pub struct Registered {
    pub(crate) name: Text,
    pub(crate) owner: PluginId,
    pub(crate) calls: u32,
    pub(crate) errors: u32,
    #[cfg(feature = "large")]
    pub(crate) more: More,
}

#[cfg(feature = "large")]
#[derive(Debug)]
pub(crate) struct More {
    pub(crate) deprecated: bool,
    pub(crate) yields: bool,
    pub(crate) description: Text,
    pub(crate) version: Text,
    pub(crate) busy_micros: u64,
    pub(crate) worst_micros: u32,
    pub(crate) histogram: [u32; LATENCY_BUCKETS],
}

impl Registered {
    pub(crate) fn counters(&self) -> ServiceCounters {
        ServiceCounters {
            calls: self.calls,
            errors: self.errors,
            #[cfg(feature = "large")]
            busy_micros: self.more.busy_micros,
            #[cfg(feature = "large")]
            worst_micros: self.more.worst_micros,
            #[cfg(not(feature = "large"))]
            busy_micros: 0,
            #[cfg(not(feature = "large"))]
            worst_micros: 0,
        }
    }

    /// A call of it was handled in so many microseconds.
    #[cfg(feature = "large")]
    pub(crate) fn took(&mut self, micros: u64) {
        let more = &mut self.more;
        more.busy_micros = more.busy_micros.wrapping_add(micros);
        let micros = u32::try_from(micros).unwrap_or(u32::MAX);
        more.worst_micros = more.worst_micros.max(micros);
        let bucket = match micros {
            0..16 => 0,
            _ => (micros.ilog2() as usize / 2)
                .wrapping_sub(1)
                .min(LATENCY_BUCKETS - 1),
        };
        if let Some(count) = more.histogram.get_mut(bucket) {
            *count = count.wrapping_add(1);
        }
    }
}

pub(crate) struct Services {
    table: Table<Registered>,
}

impl Services {
    pub(crate) fn new(slots: &'static mut [Slot<Registered>], heads: &'static mut [Link]) -> Self {
        Services {
            table: Table::new(slots, heads),
        }
    }

    pub(crate) fn usage(&self) -> Usage {
        self.table.usage()
    }

    pub(crate) fn extent(&self) -> usize {
        self.table.extent()
    }

    pub(crate) fn at(&self, index: usize) -> Option<&Registered> {
        self.table.get(index)
    }

    pub(crate) fn at_mut(&mut self, index: usize) -> Option<&mut Registered> {
        self.table.get_mut(index)
    }

    pub(crate) fn find(&self, name: &str, names: &Names) -> Option<usize> {
        self.table.find(name_hash(name.as_bytes()), |service| {
            names.bytes_of(service.name) == name.as_bytes()
        })
    }

    pub(crate) fn register(
        &mut self,
        who: PluginId,
        new: &Service<'_>,
        names: &mut Names,
    ) -> Result<(), Fault> {
        let text = new.name.as_str();
        check_topic(text)?;
        if let Some(found) = self.find(text, names).and_then(|index| self.table.get(index)) {
            return Err(Fault::Taken { owner: found.owner });
        }
        self.table.usage().check(1, Capacity::Services)?;
        #[cfg(not(feature = "large"))]
        let name = new.name.keep(names)?;
        #[cfg(feature = "large")]
        let [name, description, version] = keep_all([new.name, new.description, new.version], names)?;
        let service = Registered {
            name,
            owner: who,
            calls: 0,
            errors: 0,
            #[cfg(feature = "large")]
            more: More {
                deprecated: new.deprecated,
                yields: new.yields,
                description,
                version,
                busy_micros: 0,
                worst_micros: 0,
                histogram: [0; LATENCY_BUCKETS],
            },
        };
        self.table.insert(name_hash(text.as_bytes()), service);
        Ok(())
    }

    /// Takes the service in this place back.
    pub(crate) fn remove(&mut self, index: usize, names: &mut Names) {
        if let Some(service) = self.table.remove(index) {
            names.release(service.name);
            #[cfg(feature = "large")]
            {
                names.release(service.more.description);
                names.release(service.more.version);
            }
        }
    }
}
