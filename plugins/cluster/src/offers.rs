//! The services of this runtime that others may call: those of its own plugins whose names match.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Mutex;

use kernel_core::CoreRuntime;
use kernel_core::subject::matches;

use crate::lock::lock;
use crate::wire::Offered;

/// What is not offered, whatever the settings say: what leads this runtime's own plugins, and what is no JSON.
const NEVER: [&str; 3] = ["storage", "plugins.>", "cluster.>"];

/// See the module's documentation.
#[derive(Debug, Default)]
pub(crate) struct Offers {
    now: Mutex<BTreeMap<String, (String, Offered)>>,
}

impl Offers {
    /// Looks at what there is; a number that changes with it, 0 for nothing.
    pub(crate) fn look(&self, runtime: &CoreRuntime, filters: &[String]) -> u64 {
        let mut found = BTreeMap::new();
        let (mut cursor, mut buf) = (0, [0; 2048]);
        while !filters.is_empty()
            && let Some(info) = runtime.next_service(&mut cursor, &mut buf)
        {
            let is_own = !info.owner.contains('/');
            let wanted = filters.iter().any(|filter| matches(filter, info.name));
            let never = NEVER.iter().any(|filter| matches(filter, info.name));
            if is_own && wanted && !never {
                let offered = Offered {
                    name: info.name.to_owned(),
                    description: info.description.to_owned(),
                    version: info.version.to_owned(),
                    deprecated: info.deprecated,
                };
                found.insert(offered.name.clone(), (info.owner.to_owned(), offered));
            }
        }
        let mut hasher = DefaultHasher::new();
        for (_, offered) in found.values() {
            offered.hash(&mut hasher);
        }
        let version = if found.is_empty() { 0 } else { hasher.finish() };
        *lock(&self.now) = found;
        version
    }

    /// The plugin that answers a service that is offered.
    pub(crate) fn owner(&self, service: &str) -> Option<String> {
        lock(&self.now).get(service).map(|(owner, _)| owner.clone())
    }

    /// All that is offered.
    pub(crate) fn list(&self) -> Vec<Offered> {
        lock(&self.now)
            .values()
            .map(|(_, offered)| offered.clone())
            .collect()
    }
}
