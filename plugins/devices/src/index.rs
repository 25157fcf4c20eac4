//! What is known without reading a row: who is mapped to whom, who is on line, and what was asked of whom.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use kernel_core::Instant;

use crate::device::Device;

/// What is known of a device.
#[derive(Default)]
pub(crate) struct Known {
    /// When it was heard of, while it is on line.
    pub(crate) heard: Instant,
    /// The same as a time of day.
    pub(crate) last_seen: Option<f64>,
    pub(crate) online: bool,
    /// The fields that were asked for and are not reported yet.
    pub(crate) asked: Vec<String>,
}

impl Known {
    /// What a row says, read at this instant: a device that was on line has all its time before it.
    pub(crate) fn of(device: &Device, now: Instant) -> Known {
        let desired = device.state.desired.keys();
        let asked = desired.filter(|field| device.state.pending && !device.state.is_met(field));
        Known {
            heard: now,
            last_seen: device.last_seen,
            online: device.online,
            asked: asked.cloned().collect(),
        }
    }
}

/// All devices and mappings.
#[derive(Default)]
pub(crate) struct Index {
    pub(crate) devices: BTreeMap<String, Known>,
    /// By external id.
    internal: BTreeMap<String, String>,
    /// By device.
    external: BTreeMap<String, Vec<String>>,
}

impl Index {
    /// The device that this external id stands for.
    pub(crate) fn internal(&self, external_id: &str) -> Option<&str> {
        self.internal.get(external_id).map(String::as_str)
    }

    /// The external ids that stand for this device, in the order in which they were mapped.
    pub(crate) fn externals(&self, id: &str) -> &[String] {
        self.external.get(id).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn map(&mut self, external_id: &str, id: &str) {
        self.unmap(external_id);
        self.internal.insert(external_id.to_owned(), id.to_owned());
        let externals = self.external.entry(id.to_owned());
        // Nearly every device has one.
        let externals = externals.or_insert_with(|| Vec::with_capacity(1));
        externals.push(external_id.to_owned());
    }

    pub(crate) fn unmap(&mut self, external_id: &str) {
        let Some(id) = self.internal.remove(external_id) else {
            return;
        };
        if let Some(all) = self.external.get_mut(&id) {
            all.retain(|one| one != external_id);
            if all.is_empty() {
                self.external.remove(&id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_directions_agree() {
        let mut index = Index::default();
        index.map("x1", "lamp");
        index.map("x2", "lamp");
        assert_eq!(index.externals("lamp"), ["x1", "x2"]);
        index.map("x1", "door");
        assert_eq!(index.internal("x1"), Some("door"));
        assert_eq!(
            (index.externals("lamp").len(), index.externals("door").len()),
            (1, 1)
        );
        index.map("x1", "door");
        assert_eq!(index.externals("door"), ["x1"]);
        index.unmap("x1");
        index.unmap("x2");
        index.unmap("x3");
        assert!(index.internal.is_empty() && index.external.is_empty());
    }
}
