//! Copying and comparing a few bytes that lie anywhere.

/// True from Armv7-M on, which reads and writes words at any address: the compiler's own routines
/// do not count on it, and take ten instructions where one does.
const WORDS: bool = cfg!(all(target_arch = "arm", target_has_atomic = "ptr"));

/// Copies `from` to `to`, which is as long.
pub(crate) fn copy(to: &mut [u8], from: &[u8]) {
    if to.len() != from.len() {
        return;
    }
    if WORDS {
        copy_words(to, from);
    } else {
        to.copy_from_slice(from);
    }
}

/// Copies by words; the last ones may overlap those before them.
fn copy_words(to: &mut [u8], from: &[u8]) {
    if from.len() > 32 {
        copy_long(to, from);
    } else if let (Some(first), Some(last)) = (from.first_chunk(), from.last_chunk()) {
        to.first_chunk_mut().into_iter().for_each(|to| copy_16(to, first));
        to.last_chunk_mut().into_iter().for_each(|to| copy_16(to, last));
    } else if let (Some(first), Some(last)) = (from.first_chunk::<8>(), from.last_chunk::<8>()) {
        to.first_chunk_mut().into_iter().for_each(|to| copy_8(to, first));
        to.last_chunk_mut().into_iter().for_each(|to| copy_8(to, last));
    } else if let (Some(first), Some(last)) = (from.first_chunk::<4>(), from.last_chunk::<4>()) {
        to.first_chunk_mut().into_iter().for_each(|to| copy_4(to, first));
        to.last_chunk_mut().into_iter().for_each(|to| copy_4(to, last));
    } else {
        for at in [0, 1, 2] {
            if let (Some(to), Some(from)) = (to.get_mut(at), from.get(at)) {
                *to = *from;
            }
        }
    }
}

/// Apart, because it needs more registers than the short ones.
#[inline(never)]
fn copy_long(to: &mut [u8], from: &[u8]) {
    if to.len() != from.len() {
        return;
    }
    let (to_64, to_rest) = to.as_chunks_mut();
    let (from_64, from_rest) = from.as_chunks();
    for (to, from) in to_64.iter_mut().zip(from_64) {
        copy_64(to, from);
    }
    if let (Some(to), Some(from)) = (to_rest.first_chunk_mut(), from_rest.first_chunk()) {
        copy_32(to, from);
    }
    if !from.len().is_multiple_of(32)
        && let (Some(to), Some(from)) = (to.last_chunk_mut(), from.last_chunk())
    {
        copy_32(to, from);
    }
}

#[inline(always)]
fn copy_64(to: &mut [u8; 64], from: &[u8; 64]) {
    if let (([t0, t1], []), ([f0, f1], [])) = (to.as_chunks_mut(), from.as_chunks()) {
        copy_32(t0, f0);
        copy_32(t1, f1);
    }
}

#[inline(always)]
fn copy_32(to: &mut [u8; 32], from: &[u8; 32]) {
    if let (([t0, t1], []), ([f0, f1], [])) = (to.as_chunks_mut(), from.as_chunks()) {
        copy_16(t0, f0);
        copy_16(t1, f1);
    }
}

#[inline(always)]
fn copy_4(to: &mut [u8; 4], from: &[u8; 4]) {
    *to = u32::from_ne_bytes(*from).to_ne_bytes();
}

#[inline(always)]
fn copy_8([t0, t1, t2, t3, t @ ..]: &mut [u8; 8], [f0, f1, f2, f3, f @ ..]: &[u8; 8]) {
    let first = u32::from_ne_bytes([*f0, *f1, *f2, *f3]);
    let second = u32::from_ne_bytes(*f);
    [*t0, *t1, *t2, *t3] = first.to_ne_bytes();
    *t = second.to_ne_bytes();
}

#[inline(always)]
fn copy_16(
    [t0, t1, t2, t3, t4, t5, t6, t7, t @ ..]: &mut [u8; 16],
    [f0, f1, f2, f3, f4, f5, f6, f7, f @ ..]: &[u8; 16],
) {
    let first = u32::from_ne_bytes([*f0, *f1, *f2, *f3]);
    let second = u32::from_ne_bytes([*f4, *f5, *f6, *f7]);
    [*t0, *t1, *t2, *t3] = first.to_ne_bytes();
    [*t4, *t5, *t6, *t7] = second.to_ne_bytes();
    copy_8(t, f);
}

/// True when both have the same bytes.
pub(crate) fn equal(a: &[u8], b: &[u8]) -> bool {
    if WORDS { equal_words(a, b) } else { a == b }
}

fn equal_words(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    // The last words may overlap those before them.
    if let (Some(a_last), Some(b_last)) = (a.last_chunk(), b.last_chunk()) {
        let (a, b) = (a.as_chunks().0, b.as_chunks().0);
        equal_8(a_last, b_last) && a.iter().zip(b).all(|(a, b)| equal_8(a, b))
    } else if let (Some(a_first), Some(b_first), Some(a_last), Some(b_last)) =
        (a.first_chunk(), b.first_chunk(), a.last_chunk(), b.last_chunk())
    {
        equal_4(a_first, b_first) && equal_4(a_last, b_last)
    } else {
        a.iter().zip(b).all(|(a, b)| a == b)
    }
}

#[inline(always)]
fn equal_4(a: &[u8; 4], b: &[u8; 4]) -> bool {
    u32::from_ne_bytes(*a) == u32::from_ne_bytes(*b)
}

#[inline(always)]
fn equal_8([a0, a1, a2, a3, a @ ..]: &[u8; 8], [b0, b1, b2, b3, b @ ..]: &[u8; 8]) -> bool {
    let first = u32::from_ne_bytes([*a0, *a1, *a2, *a3]) ^ u32::from_ne_bytes([*b0, *b1, *b2, *b3]);
    first | (u32::from_ne_bytes(*a) ^ u32::from_ne_bytes(*b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_lengths_are_copied_whole_and_told_apart() {
        let from: [u8; 200] = core::array::from_fn(|i| i as u8 + 1);
        for start in 0..8 {
            for len in 0..137 {
                let mut to = [0; 200];
                let from = &from[start..start + len];
                copy(&mut to[..len], from);
                assert_eq!((&to[..len], to[len]), (from, 0));
                assert!(equal(&to[..len], from));
                for at in 0..len {
                    to[at] ^= 1;
                    assert!(!equal(&to[..len], from));
                    to[at] ^= 1;
                }
                let mut to = [0; 200];
                copy_words(&mut to[..len], from);
                assert_eq!((&to[..len], to[len]), (from, 0));
                assert!(equal_words(&to[..len], from));
                for at in 0..len {
                    to[at] ^= 1;
                    assert!(!equal_words(&to[..len], from));
                    to[at] ^= 1;
                }
                assert!(!equal_words(&to[..len + 1], from));
            }
        }
    }
}
