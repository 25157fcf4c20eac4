//! The service registry: names that plugins answer to, and calls to them.

mod api;
mod call;
mod errors;
mod latency;

pub use api::{ServiceInfo, ServiceRegistry};
pub(crate) use call::Calling;
pub use call::PendingCall;
pub use errors::{CallError, RegisterError};
pub(crate) use latency::Histograms;

use crate::calls::{Fault, Outcome, What};
use crate::copy::equal;
use crate::fixed::Empty;
use crate::id::PluginId;
use crate::kernel::Core;
use crate::subject;
use crate::table::hash_of;
use crate::text::{Name, NameError, Text};

/// A service as its plugin describes it.
///
/// ```
/// use kernel_core::Service;
/// let service = Service::new("lamp.toggle").describe("Switches the lamp over").version("2.1.0");
/// assert_eq!(service.name.as_str(), "lamp.toggle");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Service<'a> {
    /// The name it is called by; formed like a topic.
    pub name: Name<'a>,
    /// One sentence for people.
    pub description: Name<'a>,
    /// Its version, for people.
    pub version: Name<'a>,
    /// True when callers should look for another one.
    pub deprecated: bool,
}

impl<'a> Service<'a> {
    /// A service with this name, version `1.0.0` and no description.
    pub fn new(name: impl Into<Name<'a>>) -> Self {
        Service {
            name: name.into(),
            description: Name::Static(""),
            version: Name::Static("1.0.0"),
            deprecated: false,
        }
    }

    /// The same with a description.
    pub fn describe(self, description: impl Into<Name<'a>>) -> Self {
        Service {
            description: description.into(),
            ..self
        }
    }

    /// The same with a version.
    pub fn version(self, version: impl Into<Name<'a>>) -> Self {
        Service {
            version: version.into(),
            ..self
        }
    }

    /// The same, marked as one that callers should leave.
    pub fn deprecated(self) -> Self {
        Service {
            deprecated: true,
            ..self
        }
    }
}

/// A service's slot: opaque memory of a kernel.
#[derive(Debug)]
pub struct ServiceSlot {
    name: Text,
    description: Text,
    version: Text,
    deprecated: bool,
    owner: Option<PluginId>,
    calls: usize,
    errors: usize,
    busy_micros: u64,
    worst_micros: u32,
}

impl Empty for ServiceSlot {
    const EMPTY: Self = ServiceSlot {
        name: Text::EMPTY,
        description: Text::EMPTY,
        version: Text::EMPTY,
        deprecated: false,
        owner: None,
        calls: 0,
        errors: 0,
        busy_micros: 0,
        worst_micros: 0,
    };
}

impl Core {
    pub(crate) fn register(&mut self, who: PluginId, service: Service<'_>) -> Result<(), RegisterError> {
        let name = service.name.as_str();
        subject::check_topic(name).map_err(RegisterError::Name)?;
        if self.plugins.get(who).is_none() {
            return Err(RegisterError::Unloaded);
        }
        if let Some(slot) = self.find_service(name).and_then(|index| self.services.get(index)) {
            let mut owner = heapless::String::new();
            crate::error::push_cut(&mut owner, slot.owner.map_or("", |owner| self.name_of(owner)));
            return Err(RegisterError::Duplicate { owner });
        }
        if self.services.is_full() {
            return Err(RegisterError::Full {
                capacity: self.services.usage().capacity,
            });
        }
        let mut slot = ServiceSlot {
            deprecated: service.deprecated,
            owner: Some(who),
            ..ServiceSlot::EMPTY
        };
        let kept = [
            (service.name, &mut slot.name),
            (service.description, &mut slot.description),
            (service.version, &mut slot.version),
        ]
        .into_iter()
        .try_for_each(|(name, to)| {
            *to = self.names.keep(name)?;
            Ok(())
        })
        .map_err(|error| match error {
            NameError::TooLong { max } => RegisterError::TooLong { max },
            NameError::Full { capacity } => RegisterError::NamesFull { capacity },
        });
        let refused = match kept {
            Ok(()) => match self.services.insert(hash_of(name), slot) {
                Ok(index) => {
                    self.latency.clear(index);
                    return Ok(());
                }
                Err(slot) => (
                    slot,
                    RegisterError::Full {
                        capacity: self.services.usage().capacity,
                    },
                ),
            },
            Err(error) => (slot, error),
        };
        self.release_service(refused.0);
        Err(refused.1)
    }

    /// Removes a service of `who`; the calls to it are gone.
    pub(crate) fn unregister(&mut self, who: PluginId, name: &str) -> bool {
        let Some(index) = self.find_service(name) else {
            return false;
        };
        let owned = self
            .services
            .get(index)
            .is_some_and(|slot| slot.owner == Some(who));
        if owned && self.plugins.get(who).is_some() {
            self.remove_service(index);
        }
        owned
    }

    pub(crate) fn reclaim_services(&mut self, who: PluginId) {
        for index in 0..self.services.extent() {
            if self
                .services
                .get(index)
                .is_some_and(|slot| slot.owner == Some(who))
            {
                self.remove_service(index);
            }
        }
    }

    pub(crate) fn find_service(&self, name: &str) -> Option<usize> {
        let names = &self.names;
        self.services.find(hash_of(name), |slot| {
            equal(slot.name.as_bytes(names), name.as_bytes())
        })
    }

    /// The service's name, empty when the slot is free.
    #[cfg(feature = "link")]
    pub(crate) fn service_name(&self, index: usize) -> &str {
        self.services
            .get(index)
            .map_or("", |slot| slot.name.as_str(&self.names))
    }

    /// The bytes of the service's name, empty when the slot is free.
    pub(crate) fn service_bytes(&self, index: usize) -> &[u8] {
        self.services
            .get(index)
            .map_or(&[], |slot| slot.name.as_bytes(&self.names))
    }

    /// The owner of the service, when it is there and answers calls.
    pub(crate) fn callee(&self, index: usize) -> Result<PluginId, Fault> {
        let owner = self
            .services
            .get(index)
            .and_then(|slot| slot.owner)
            .ok_or(Fault::NotFound)?;
        match self.plugins.get(owner) {
            Some(plugin) if plugin.receiving() => Ok(owner),
            _ => Err(Fault::Unavailable),
        }
    }

    /// One call of the service came to an end.
    pub(crate) fn count_call(&mut self, index: usize, failed: bool, took: u64) {
        if let Some(slot) = self.services.get_mut(index) {
            slot.calls = slot.calls.wrapping_add(1);
            slot.errors = slot.errors.wrapping_add(failed as usize);
            slot.busy_micros = slot.busy_micros.wrapping_add(took);
            slot.worst_micros = slot.worst_micros.max(took.min(u32::MAX as u64) as u32);
            self.latency.count(index, took);
        }
    }

    /// What is known of the service in slot `index`.
    pub(crate) fn service_info(&self, index: usize) -> Option<ServiceInfo<'_>> {
        let slot = self.services.get(index)?;
        let owner = slot.owner?;
        Some(ServiceInfo {
            name: slot.name.as_str(&self.names),
            owner: self.name_of(owner),
            description: slot.description.as_str(&self.names),
            version: slot.version.as_str(&self.names),
            deprecated: slot.deprecated,
            calls: slot.calls,
            errors: slot.errors,
            busy_micros: slot.busy_micros,
            worst_micros: slot.worst_micros,
        })
    }

    fn remove_service(&mut self, index: usize) {
        self.finish_calls(Outcome::Gone, &|slot| slot.what == What::Service(index as u16));
        let hash = self
            .services
            .get(index)
            .map_or(0, |slot| hash_of(slot.name.as_str(&self.names)));
        if let Some(slot) = self.services.remove(index, hash, ServiceSlot::EMPTY) {
            self.release_service(slot);
        }
    }

    fn release_service(&mut self, slot: ServiceSlot) {
        self.names.release(slot.name);
        self.names.release(slot.description);
        self.names.release(slot.version);
    }
}
