//! How long the calls of each service took: buckets of 32 bits, which widen fourfold.

/// The bytes of one bucket.
const BUCKET: usize = 4;

/// The histograms of all services, one row a slot; empty where the capacity is 0.
pub(crate) struct Histograms {
    bytes: &'static mut [u8],
    row: usize,
}

impl Histograms {
    pub(crate) fn new(bytes: &'static mut [u8], buckets: usize) -> Self {
        Histograms {
            bytes,
            row: buckets.saturating_mul(BUCKET),
        }
    }

    /// The buckets of a service, as they travel.
    #[cfg(feature = "link")]
    pub(crate) fn row(&self, service: usize) -> &[u8] {
        let start = service.wrapping_mul(self.row);
        self.bytes.get(start..start.wrapping_add(self.row)).unwrap_or(&[])
    }

    fn row_mut(&mut self, service: usize) -> &mut [u8] {
        let start = service.wrapping_mul(self.row);
        self.bytes
            .get_mut(start..start.wrapping_add(self.row))
            .unwrap_or(&mut [])
    }

    /// A new service is in the slot.
    pub(crate) fn clear(&mut self, service: usize) {
        self.row_mut(service).fill(0);
    }

    /// A call took so long: bucket `i` counts those of less than `4^(i+2)` µs, the last one all others.
    pub(crate) fn count(&mut self, service: usize, micros: u64) {
        if self.row == 0 {
            return;
        }
        let last = self.row.wrapping_sub(BUCKET);
        let bits = u64::BITS.saturating_sub(micros.leading_zeros()) as usize;
        let at = (bits.saturating_sub(3) / 2).wrapping_mul(BUCKET).min(last);
        let start = service.wrapping_mul(self.row).wrapping_add(at);
        let bucket = self
            .bytes
            .get_mut(start..)
            .and_then(|rest| rest.first_chunk_mut::<BUCKET>());
        if let Some(bucket) = bucket {
            *bucket = u32::from_le_bytes(*bucket).saturating_add(1).to_le_bytes();
        }
    }
}

#[cfg(all(test, feature = "link"))]
mod tests {
    use std::prelude::rust_2024::*;

    use super::*;

    fn counts(histograms: &Histograms, service: usize) -> Vec<u32> {
        let row = histograms.row(service).as_chunks::<BUCKET>().0;
        row.iter().map(|bucket| u32::from_le_bytes(*bucket)).collect()
    }

    #[test]
    fn each_bucket_ends_where_the_next_one_begins() {
        let mut histograms = Histograms::new(Box::leak(Box::new([0; 3 * 5 * BUCKET])), 5);
        for (bucket, from, below) in [
            (0, 0, 16),
            (1, 16, 64),
            (2, 64, 256),
            (3, 256, 1024),
            (4, 1024, u64::MAX),
        ] {
            histograms.clear(1);
            histograms.count(1, from);
            histograms.count(1, below - 1);
            let mut expected = vec![0; 5];
            expected[bucket] = 2;
            assert_eq!(counts(&histograms, 1), expected, "{from}..{below}");
        }
        assert_eq!(counts(&histograms, 0), [0; 5]);
        assert_eq!(counts(&histograms, 2), [0; 5]);
        histograms.count(9, 1);
    }

    #[test]
    fn without_memory_nothing_is_counted() {
        let mut histograms = Histograms::new(&mut [], 0);
        histograms.count(0, 7);
        assert_eq!(histograms.row(0), []);
    }
}
