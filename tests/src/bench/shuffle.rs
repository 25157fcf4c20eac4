//! An order that no cache foresees, the same in every run.

/// `items` in such an order.
pub(super) fn shuffled<T>(mut items: Vec<T>) -> Vec<T> {
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    for last in (1..items.len()).rev() {
        // Marsaglia's xorshift.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        items.swap(last, (random % (last as u64 + 1)) as usize);
    }
    items
}

#[cfg(test)]
mod tests {
    use super::shuffled;

    #[test]
    fn everything_is_still_there() {
        let ordered: Vec<u32> = (0..1000).collect();
        let mut other = shuffled(ordered.clone());
        assert_ne!(other, ordered);
        other.sort_unstable();
        assert_eq!(other, ordered);
    }
}
