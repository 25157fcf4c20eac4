//! Copying and comparing a few bytes that lie anywhere.

/// True from Armv7-M on, which reads and writes words at any address: the compiler's own routines
/// do not count on it, and take ten instructions where one does.
const WORDS: bool = cfg!(all(target_arch = "arm", target_has_atomic = "ptr"));

/// Copies `from` to `to`, which is as long.
pub(crate) fn copy(to: &mut [u8], from: &[u8]) {
    if WORDS {
        // Two words a round: the compiler takes a loop over one for a call of its own routine.
        let (to, to_end) = to.as_chunks_mut::<8>();
        let (from, from_end) = from.as_chunks::<8>();
        for ([t0, t1, t2, t3, t4, t5, t6, t7], [f0, f1, f2, f3, f4, f5, f6, f7]) in to.iter_mut().zip(from) {
            [*t0, *t1, *t2, *t3] = u32::from_ne_bytes([*f0, *f1, *f2, *f3]).to_ne_bytes();
            [*t4, *t5, *t6, *t7] = u32::from_ne_bytes([*f4, *f5, *f6, *f7]).to_ne_bytes();
        }
        for (to, from) in to_end.iter_mut().zip(from_end) {
            *to = *from;
        }
        return;
    }
    if to.len() == from.len() {
        to.copy_from_slice(from);
    }
}

/// True when both have the same bytes.
pub(crate) fn equal(mut a: &[u8], mut b: &[u8]) -> bool {
    if !WORDS || a.len() != b.len() {
        return a == b;
    }
    while let ([a0, a1, a2, a3, a_rest @ ..], [b0, b1, b2, b3, b_rest @ ..]) = (a, b) {
        if u32::from_ne_bytes([*a0, *a1, *a2, *a3]) != u32::from_ne_bytes([*b0, *b1, *b2, *b3]) {
            return false;
        }
        (a, b) = (a_rest, b_rest);
    }
    a.iter().zip(b).all(|(a, b)| a == b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_lengths_are_copied_whole_and_told_apart() {
        let from: [u8; 40] = core::array::from_fn(|i| i as u8 + 1);
        for start in 0..8 {
            for len in 0..=32 {
                let mut to = [0; 40];
                let from = &from[start..start + len];
                copy(&mut to[..len], from);
                assert_eq!((&to[..len], to[len]), (from, 0));
                assert!(equal(&to[..len], from));
                if len > 0 {
                    to[len - 1] ^= 1;
                    assert!(!equal(&to[..len], from));
                }
            }
        }
    }
}
