//! The names that are in the bucket, and where the last message about each is.

use std::collections::BTreeMap;
use std::ops::Bound;

use kernel_core::storage::PageWriter;

/// Names in the order of their bytes.
#[derive(Debug, Default)]
pub(crate) struct Index {
    namespaces: BTreeMap<String, BTreeMap<String, u64>>,
}

impl Index {
    pub(crate) fn insert(&mut self, namespace: &str, key: &str, sequence: u64) {
        if let Some(keys) = self.namespaces.get_mut(namespace) {
            match keys.get_mut(key) {
                Some(known) => *known = sequence,
                None => drop(keys.insert(key.to_owned(), sequence)),
            }
            return;
        }
        let keys = BTreeMap::from([(key.to_owned(), sequence)]);
        self.namespaces.insert(namespace.to_owned(), keys);
    }

    pub(crate) fn remove(&mut self, namespace: &str, key: &str) {
        if let Some(keys) = self.namespaces.get_mut(namespace) {
            keys.remove(key);
            if keys.is_empty() {
                self.namespaces.remove(namespace);
            }
        }
    }

    /// Where the value of a key is; `None` when there is none.
    pub(crate) fn sequence(&self, namespace: &str, key: &str) -> Option<u64> {
        self.namespaces.get(namespace)?.get(key).copied()
    }

    /// The keys of a namespace.
    pub(crate) fn keys(&self, namespace: &str) -> Vec<String> {
        let keys = self.namespaces.get(namespace);
        keys.map(|keys| keys.keys().cloned().collect())
            .unwrap_or_default()
    }

    /// The keys after `after`, as a page.
    pub(crate) fn page_of_keys(&self, namespace: &str, after: &str, page: &mut PageWriter<'_>) {
        if let Some(keys) = self.namespaces.get(namespace) {
            for name in after_name(keys, after) {
                if !page.push(name) {
                    return;
                }
            }
        }
    }

    /// The namespaces after `after`.
    pub(crate) fn namespaces_after(&self, after: &str) -> impl Iterator<Item = &str> {
        after_name(&self.namespaces, after)
    }
}

/// An empty `after` is before every name: none is empty.
fn after_name<'n, V>(names: &'n BTreeMap<String, V>, after: &str) -> impl Iterator<Item = &'n str> {
    let rest = (Bound::Excluded(after), Bound::Unbounded);
    names.range::<str, _>(rest).map(|(name, _)| name.as_str())
}
